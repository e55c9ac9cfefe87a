"""``mirkit data synthesize``: labelled multitracks from sound banks and recordings."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mirkit.cli import _options as options


@click.command("synthesize")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--sources",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="TOML list of sound banks, note folders, kits, voices and pieces, with family and licence.",
)
@click.option("--songs", "n_songs", type=click.IntRange(1), default=10, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(3), default=30.0, show_default=True, help="Length of each song."
)
@click.option("--style", help="Only this style, such as rock, jazz or chamber.")
@click.option(
    "--pieces", type=click.FloatRange(0, 1), default=0.25, show_default=True, metavar="SHARE",
    help="Share of songs made from the pieces (MIDI, scores) that the list has, if it has any.",
)  # fmt: skip
@click.option(
    "--split",
    type=click.Choice(["train", "valid", "test"]),
    default="train",
    show_default=True,
    help="Play only the sources on this side.",
)
@click.option(
    "--any-licence", is_flag=True, help="Also sources whose licence forbids training: for testing only."
)
@click.option("--sample-rate", type=click.IntRange(8000), default=44100, show_default=True)
@options.seed
@click.option("--jobs", "n_jobs", type=int, default=1, show_default=True, help="Songs at the same time.")
@options.as_json
def command(
    out: Path, sources: Path, n_songs: int, seconds: float, style: str | None, pieces: float, split: str,
    any_licence: bool, sample_rate: int, seed: int, n_jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Fill the folder OUT with synthesised multitracks in MedleyDB's layout.

    Songs that are there already are kept: an interrupted run goes on where it stopped. The same seed gives
    the same
    files, whatever --jobs is. Statistics of the set are written beside the songs.
    """
    from mirkit.data.synthesis import describe, synthesize, to_markdown

    synthesize(
        out, sources=sources, n_songs=n_songs, seconds=seconds, seed=seed, n_jobs=n_jobs, split=split,
        trainable_only=not any_licence, sample_rate=sample_rate, style=style, pieces=pieces,
    )  # fmt: skip
    statistics = describe(out)
    (out / "statistics.json").write_text(json.dumps(statistics, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (out / "statistics.md").write_text(to_markdown(statistics), "utf-8")
    if as_json:
        click.echo(json.dumps(statistics, ensure_ascii=False))
    else:
        click.echo(f"{out}: {statistics['n_songs']} songs, {statistics['hours']} hours, statistics.md")

"""``mirkit data synthesize``: labelled multitracks from sound banks and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirkit.cli import _options as options

if TYPE_CHECKING:
    from mirkit.parallel import Backend, Shard


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
@options.parallel
@options.shard
@options.progress
@options.as_json
def command(
    out: Path, sources: Path, n_songs: int, seconds: float, style: str | None, pieces: float, split: str,
    any_licence: bool, sample_rate: int, seed: int, n_jobs: int, backend: Backend,
    shard: Shard | None, progress: options.ProgressStyle, as_json: bool,
) -> None:  # fmt: skip
    """Fill the folder OUT with synthesised multitracks in MedleyDB's layout.

    Songs that are there already are kept: an interrupted run goes on where it stopped. The same seed gives
    the same files, whatever --jobs is. Statistics of the set are written beside the songs; after parts made
    with --shard, run once more without it to write them.
    """
    from mirkit._files import write_json, write_text
    from mirkit.data.synthesis import describe, synthesize, to_markdown

    outcomes = synthesize(
        out, sources=sources, n_songs=n_songs, seconds=seconds, seed=seed, split=split,
        trainable_only=not any_licence, sample_rate=sample_rate, style=style, pieces=pieces, n_jobs=n_jobs,
        backend=backend, shard=shard, progress=options.reporter(progress, "synthesize"),
    )  # fmt: skip
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        click.echo(f"error: song {outcome.item}: {outcome.error}", err=True)
    if len(failed) < len(outcomes) and shard is None:
        statistics = describe(out)
        write_json(out / "statistics.json", statistics)
        write_text(out / "statistics.md", to_markdown(statistics))
        line = f"{out}: {statistics['n_songs']} songs, {statistics['hours']} hours, statistics.md"
        click.echo(json.dumps(statistics, ensure_ascii=False) if as_json else line)
    if failed:
        click.echo(f"{len(failed)} of {len(outcomes)} songs failed", err=True)
        raise click.exceptions.Exit(1)

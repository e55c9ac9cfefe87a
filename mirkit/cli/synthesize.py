"""``mirkit data synthesize``: labelled multitracks from sound banks and recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _options as options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mirkit.parallel import Backend, Outcome, Shard


class _StyleOption(click.ParamType):  # type: ignore[type-arg]  # a generic only in click's newer stubs
    """One of the composer's styles, which are not loaded before one is named."""

    name = "style"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name."""
        styles = _styles()
        if value not in styles:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, styles))}.", param, ctx)
        return str(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the names that a shell may complete."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _styles() if name.startswith(incomplete)]


def _styles() -> tuple[str, ...]:
    from mirkit.data.synthesis.styles import STYLES

    return tuple(STYLES)


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
@click.option("--style", type=_StyleOption(), help="Only this style, such as rock, jazz or chamber.")
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
    from mirkit.data.synthesis import synthesize

    outcomes = synthesize(
        out, sources=sources, n_songs=n_songs, seconds=seconds, seed=seed, split=split,
        trainable_only=not any_licence, sample_rate=sample_rate, style=style, pieces=pieces, n_jobs=n_jobs,
        backend=backend, shard=shard, progress=options.reporter(progress, "synthesize"),
    )  # fmt: skip
    n_made = sum(outcome.error is None for outcome in outcomes)
    statistics = _statistics(out) if n_made and shard is None else None
    if not as_json and statistics:
        click.echo(f"{out}: {statistics['n_songs']} songs, {statistics['hours']} hours, statistics.md")
    elif not as_json and n_made:
        click.echo(f"{out}: {n_made} songs; run once more without --shard for the statistics")
    options.finish(
        _named(outcomes),
        as_json=as_json,
        line=None,
        entry=lambda song: {"song": song[0], "folder": str(song[1])},
        more=statistics,
        noun="songs",
    )


def _statistics(out: Path) -> dict[str, Any]:
    """Write what is in the set beside the songs, and return it."""
    from mirkit._files import write_json, write_text
    from mirkit.data.synthesis import describe, to_markdown

    statistics = describe(out)
    write_json(out / "statistics.json", statistics)
    write_text(out / "statistics.md", to_markdown(statistics))
    return statistics


def _named(outcomes: Sequence[Outcome[int, Path]]) -> list[Outcome[int, tuple[int, Path]]]:
    """Return the outcomes with the number of the song in each result and error."""
    from mirkit.parallel import Outcome

    return [
        Outcome(one.item, (one.item, one.result), None)
        if one.result is not None
        else Outcome(one.item, None, f"song {one.item}: {one.error}")
        for one in outcomes
    ]

"""``mirkit assessment synthesize``: performances whose every fault is known."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from mirkit.cli import _batch, _options

TABLE = "performances.csv"


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the data set."
)
@click.option(
    "-n", "--count", type=click.IntRange(min=1), default=60, show_default=True, help="Performances."
)
@click.option(
    "--score",
    "scores",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Score or folder of scores; music21's fiddle tunes of 1883 by default.",
)
@click.option(
    "--notes", "n_notes", type=click.IntRange(min=8), default=32, show_default=True, help="Most in a melody."
)
@click.option(
    "--sources", type=click.Path(path_type=Path), help="Table of sound sources; its sound fonts play."
)
@click.option(
    "--split",
    type=click.Choice(["train", "valid", "test"]),
    default="train",
    show_default=True,
    help="Side of the table of sources, and of the fiddle tunes.",
)
@click.option("--noisy", is_flag=True, help="Noise 15 to 30 dB below the playing, and a room.")
@click.option("--sweep", is_flag=True, help="For each of COUNT players every fault alone, in five amounts.")
@_options.seed
@_options.existing
@_options.parallel
@_options.progress
def synthesize(
    output: Path, count: int, scores: tuple[Path, ...], n_notes: int, sources: Path | None, split: str,
    noisy: bool, sweep: bool, seed: int, existing: str, n_jobs: int, backend: Any, progress: Any,
) -> None:  # fmt: skip
    """Simulate players of known skills: recordings, scores, the truth about every note, a jury's ratings.

    performances.csv is the table that train and evaluate take.
    """
    from mirkit._files import replacing
    from mirkit.assessment import synthesis
    from mirkit.errors import DatasetError
    from mirkit.parallel import map_all

    if not _batch.check_existing(output, existing, mark=TABLE):
        _batch.skipped(output)
        return
    tunes = synthesis.melodies(scores, n_notes=n_notes, split=split, seed=seed)
    voices = synthesis.voices(sources, split=split)
    plan = synthesis.sweeps if sweep else synthesis.plans
    made = plan(count, tunes, voices, noisy=noisy, seed=seed)
    with replacing(output, folder=True) as temporary:
        work = partial(synthesis.write, folder=temporary)
        report = _options.reporter(progress, "performances")
        outcomes = map_all(work, made, n_jobs=n_jobs, backend=backend, progress=report)
        for outcome in outcomes:
            if outcome.error is not None:
                raise DatasetError(f"{outcome.item.name}: {outcome.error}")
        synthesis.write_table(
            temporary, [outcome.result for outcome in outcomes if outcome.result is not None]
        )
    click.echo(f"{output}: {len(made)} performances of {len({plan.group for plan in made})} melodies")

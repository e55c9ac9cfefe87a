"""``mirkit assessment evaluate`` and ``protocol``: how well ratings agree with a jury's."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.assessment import Assessment, Performance


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--split", help="Only the performances of this group.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for all measures.")
@_options.existing
@_options.parallel
@_options.progress
@_options.as_json
def evaluate(
    dataset: Path,
    model: str,
    split: str | None,
    output: Path | None,
    existing: str,
    n_jobs: int,
    backend: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Compare a model's ratings with a jury's: Pearson r and p, Spearman, R2, standard error."""
    from mirkit import assessment
    from mirkit._files import write_json
    from mirkit.parallel import map_all

    if output is not None and not _batch.check_existing(output, existing):
        _batch.skipped(output, as_json=as_json)
        return
    table = assessment.PerformanceTable.read(dataset)
    items = table.split(split).items if split else table.items
    assessment.load(model)  # fails early if there is no such model
    work = partial(_both, model=model, most=dict(table.most))
    report = _options.reporter(progress, "recordings")
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=report)
    pairs = [outcome.result for outcome in outcomes if outcome.result is not None]
    scores = assessment.evaluate([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    content = {
        "model": model,
        "dataset": table.name,
        "split": split,
        "n_performances": len(pairs),
        "unusable": sum(bool(pair[1].verdicts) for pair in pairs),
        "scores": scores.to_json(),
    }
    if output is not None:
        write_json(output, content)
    if as_json:
        click.echo(json.dumps(content, indent=1))
    else:
        click.echo(scores.to_frame().to_string(float_format="{:.3f}".format))
        click.echo(f"{content['n_performances']} performances, {content['unusable']} with a verdict only")
    failures = [(outcome.item.recording, outcome.error) for outcome in outcomes if outcome.error is not None]
    for path, error in failures:
        click.echo(f"error: {path}: {error}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _both(item: Performance, model: str, most: dict[str, float]) -> tuple[Assessment, Assessment]:
    """Return the jury's assessment and the model's."""
    import math
    from dataclasses import replace

    from mirkit import assessment, audio

    given = {
        name: assessment.Rating(None if math.isnan(value) else value * most[name], most[name])
        for name, value in item.ratings.items()
    }
    jury = replace(assessment.Assessment.empty(()), ratings=given)
    return jury, assessment.predict(
        assessment.load(model), audio.read(item.recording), score=item.read_score()
    )


COMMANDS = (evaluate,)

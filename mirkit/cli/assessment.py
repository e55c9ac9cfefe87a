"""``mirkit assessment``: how well a melody was played."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _assessment_corpus, _assessment_synthesize, _batch, _options

if TYPE_CHECKING:
    from mirkit.assessment import Assessment, Model, Score


@click.group("assessment")
def command() -> None:
    """How well a melody was played: every note, every bar, ratings with reasons."""


for _command in (*_assessment_corpus.COMMANDS, _assessment_synthesize.synthesize):
    command.add_command(_command)


@dataclass(frozen=True)
class _Predicted:
    """What one recording became."""

    path: Path
    folder: Path
    result: Assessment | None


@command.command()
@_options.inputs
@click.option("--score", type=click.Path(path_type=Path), help="MusicXML, MIDI, ABC, Humdrum or CSV file.")
@click.option("--part", help="Name or number of the part in the score; the first by default.")
@click.option(
    "--transpose",
    "transpose_st",
    type=float,
    default=0.0,
    show_default=True,
    help="Semitones from the score's pitch to the sounding one; for scores that do not say.",
)
@_options.output("mirkit-assessment")
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--cents", type=click.FloatRange(min=0), help="From where on a note is sharp or flat.")
@click.option("--onset-ms", type=click.FloatRange(min=0), help="From where on a note is early or late.")
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw performance.png.")
@_options.recursive
@_options.existing
@_options.parallel
@_options.shard
@_options.progress
@_options.as_json
def predict(
    inputs: tuple[Path, ...],
    score: Path | None,
    part: str | None,
    transpose_st: float,
    output: Path,
    model: str,
    cents: float | None,
    onset_ms: float | None,
    figure: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Assess recordings of one player each, against a score if there is one.

    For each input a folder with assessment.json (everything), notes.csv, bars.csv, ratings.csv,
    performance.png and run.json.
    """
    from mirkit import checkpoint
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    weights = checkpoint.sha256(checkpoint.find("assessment", "default" if model == "rubric" else model))
    if score is not None:
        _score(score, part)  # fails early if it cannot be read
    items = _batch.batch(_batch.sound_files(inputs, recursive=recursive), output, shard)
    options = {
        "score": None if score is None else str(score),
        "part": part,
        "transpose_st": transpose_st,
        "cents": cents,
        "onset_ms": onset_ms,
        "figure": figure,
    }
    work = partial(
        _predict_file,
        model=model,
        weights=weights,
        existing=existing,
        options=options,
    )
    report = _options.reporter(progress, "files")
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=report)
    _options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _predict_file(
    item: _batch.Input, model: str, weights: str, existing: str, options: dict[str, Any]
) -> _Predicted:
    from dataclasses import replace

    from mirkit import assessment
    from mirkit import audio as sound
    from mirkit._files import replacing, write_json
    from mirkit.assessment.result import FILE

    path, folder = item.path, item.folder
    version = _batch.check_input(path)
    if not _batch.check_existing(folder, existing, mark=FILE):
        return _Predicted(path, folder, None)
    loaded = _model(model)
    tolerance = loaded.config.tolerance
    if options["cents"] is not None:
        tolerance = replace(tolerance, cents=options["cents"])
    if options["onset_ms"] is not None:
        tolerance = replace(tolerance, onset_ms=options["onset_ms"])
    score = _score(Path(options["score"]), options["part"]) if options["score"] else None
    result = assessment.predict(
        loaded, sound.read(path), score=score, transpose_st=options["transpose_st"], tolerance=tolerance
    )
    with replacing(folder, folder=True) as temporary:
        result.write(temporary)
        if options["figure"]:
            from mirkit.assessment import plots

            plots.save(assessment.plot(result, title=path.name), temporary / "performance.png")
        record = _batch.run_record(
            path, version, {"model": model, **options}, model={"name": loaded.name, "sha256": weights}
        )
        write_json(temporary / "run.json", record)
    return _Predicted(path, folder, result)


@lru_cache(maxsize=1)
def _model(name_or_folder: str) -> Model:
    from mirkit import assessment

    return assessment.load(name_or_folder)


@lru_cache(maxsize=1)
def _score(path: Path, part: str | None) -> Score:
    from mirkit import assessment

    return assessment.read_score(path, part=part)


def _line(done: _Predicted) -> str:
    if done.result is None:
        return f"{done.folder}: already there, skipped"
    if done.result.verdicts:
        return f"{done.folder}: {'; '.join(done.result.verdicts)}"
    ratings = ", ".join(
        f"{name} {rating.points:g}/{rating.most:g}"
        for name, rating in done.result.ratings.items()
        if rating.points is not None
    )
    worst = ", ".join(map(str, done.result.worst_bars(3)))
    return f"{done.folder}: {ratings or 'nothing to rate'}{f'; worst bars {worst}' if worst else ''}"


def _entry(done: _Predicted) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "input": str(done.path),
        "folder": str(done.folder),
        "skipped": done.result is None,
    }
    if done.result is None:
        return entry
    content = done.result.to_json()
    return entry | {
        key: content[key] for key in ("verdicts", "total", "ratings", "worst_bars", "tuning_cents")
    }


@command.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option("--config", "config_name", default="default", show_default=True, help="Preset or TOML file.")
@click.option("--name", help="Name of the model; that of the folder by default.")
@_options.seed
@_options.existing
@_options.parallel
@_options.progress
def train(
    dataset: Path,
    output: Path,
    config_name: str,
    name: str | None,
    seed: int,
    existing: str,
    n_jobs: int,
    backend: Any,
    progress: Any,
) -> None:
    """Train a model of a jury on a table of recordings, scores and ratings.

    DATASET is a CSV file with the columns recording, score, group (such as the year), and one column for each
    rating, such as tone/15.
    """
    from mirkit import assessment

    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        _batch.skipped(output)
        return
    model = assessment.train(
        assessment.Config.from_toml(config_name),
        assessment.PerformanceTable.read(dataset),
        name=name or output.name,
        seed=seed,
        n_jobs=n_jobs,
        backend=backend,
        progress=_options.reporter(progress, "recordings"),
    )
    model.checkpoint().save(output)
    for path, error in model.dataset["not_used"]:
        click.echo(f"error: {path}: {error}", err=True)
    found = ", ".join(f"{label} r {_number(row['before']['r'])}" for label, row in model.scores.items())
    click.echo(f"{output}: cross-validated, {found}")
    if model.dataset["not_used"]:
        raise click.exceptions.Exit(1)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


@command.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help=".png, .pdf or .svg file."
)
@_options.existing
def plot(result: Path, output: Path, existing: str) -> None:
    """Draw RESULT, a folder that 'mirkit assessment predict' wrote."""
    from mirkit import assessment
    from mirkit._files import replacing
    from mirkit.assessment import plots

    if output.suffix not in (".png", ".pdf", ".svg"):
        raise click.UsageError(f"--output {output}: wanted .png, .pdf or .svg")
    if not _batch.check_existing(output, existing):
        _batch.skipped(output)
        return
    loaded = assessment.Assessment.read(result)
    with replacing(output) as temporary:
        plots.save(assessment.plot(loaded, title=result.name), temporary)
    click.echo(f"{output}: {len(loaded.notes)} notes")

"""``mirkit activity``: which instruments play when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.activity import Model
    from mirkit.annotation import ActivityAnnotation, Intervals


@click.group("activity")
def command() -> None:
    """Which instruments play when: 18 classes, second by second."""


@dataclass(frozen=True)
class _Predicted:
    """What one input became."""

    path: Path
    folder: Path
    shares: dict[str, float]
    skipped: bool = False


@command.command()
@_options.inputs
@_options.output("mirkit-activity")
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), help="One for all classes instead of the model's own."
)
@click.option("--hop", "hop_s", type=click.FloatRange(min=0, min_open=True), help="Seconds for each value.")
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw timeline.png.")
@_options.recursive
@_options.existing
@_options.parallel
@_options.device
@_options.progress
@_options.as_json
def predict(
    inputs: tuple[Path, ...],
    output: Path,
    model: str,
    threshold: float | None,
    hop_s: float | None,
    figure: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Find the instruments in sound files and folders of them.

    For each input a folder with activity.csv and activity.json (probability of each class in each
    second), intervals.csv, labels.txt (for Audacity), timeline.png and run.json.
    """
    from mirkit import checkpoint
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    weights = checkpoint.sha256(checkpoint.find("activity", model))  # fails early if there is no such model
    paths = _batch.sound_files(inputs, recursive=recursive)
    work = partial(
        _predict_file,
        folders=_batch.result_folders(paths, output),
        model=model,
        weights=weights,
        existing=existing,
        options={"threshold": threshold, "hop_s": hop_s, "figure": figure, "device": device},
    )
    report = _options.reporter(progress, "files")
    outcomes = map_all(work, paths, n_jobs=n_jobs, backend=backend, progress=report)
    _options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _predict_file(
    path: Path, folders: dict[Path, Path], model: str, weights: str, existing: str, options: dict[str, Any]
) -> _Predicted:
    from mirkit import activity
    from mirkit import audio as sound
    from mirkit._files import replacing, write_json
    from mirkit.activity import plots
    from mirkit.annotation import formats

    _batch.check_input(path)
    folder = folders[path]
    if not _batch.check_existing(folder, existing):
        return _Predicted(path, folder, {}, skipped=True)
    loaded = _model(model)
    blocks = sound.blocks(path, sample_rate=loaded.config.features.sample_rate)
    result = activity.stream(loaded, blocks, hop_s=options["hop_s"], device=options["device"])
    duration_s = min(result.grid.end_s, sound.info(path).duration_s or result.grid.end_s)
    intervals = _decide(loaded, result, options["threshold"], duration_s)
    with replacing(folder, folder=True) as temporary:
        result.write(temporary)
        formats.write_intervals_csv(temporary / "intervals.csv", intervals)
        formats.write_audacity(temporary / "labels.txt", intervals)
        if options["figure"]:
            axes = activity.plot(result, intervals=intervals, title=path.name)
            plots.save(axes, temporary / "timeline.png")
        record = _batch.run_record(
            path, {"model": model, **options}, model={"name": loaded.name, "sha256": weights}
        )
        write_json(temporary / "run.json", record)
    return _Predicted(path, folder, _shares(intervals, duration_s))


@lru_cache(maxsize=1)
def _model(name_or_folder: str) -> Model:
    from mirkit import activity

    return activity.load(name_or_folder)


def _decide(
    model: Model, result: ActivityAnnotation, threshold: float | None, duration_s: float
) -> Intervals:
    settings = model.config.inference
    own = dict(model.thresholds) or settings.threshold
    return result.intervals(
        own if threshold is None else threshold,
        release=settings.release,
        min_duration_s=settings.min_duration_s,
        end_s=duration_s,
    )


def _shares(intervals: Intervals, duration_s: float) -> dict[str, float]:
    """Return the part of the time for which each instrument was found, largest first."""
    seconds: dict[str, float] = {}
    for (start_s, end_s), label in zip(intervals.times_s, intervals.labels, strict=True):
        seconds[label] = seconds.get(label, 0.0) + float(end_s - start_s)
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return {label: min(1.0, value / duration_s) for label, value in ordered}


def _line(done: _Predicted) -> str:
    if done.skipped:
        return f"{done.folder}: already there, skipped"
    found = ", ".join(f"{label} {share:.0%}" for label, share in done.shares.items())
    return f"{done.folder}: {found or 'no instrument above its threshold'}"


def _entry(done: _Predicted) -> dict[str, Any]:
    return {
        "input": str(done.path),
        "folder": str(done.folder),
        "skipped": done.skipped,
        "active_share": {label: round(share, 4) for label, share in done.shares.items()},
    }


@command.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option("--config", "config_name", default="default", show_default=True, help="Preset or TOML file.")
@click.option(
    "--validation", type=click.Path(path_type=Path), help="Data set to stop by, else the part 'valid'."
)
@click.option("--name", help="Name of the model; that of the folder by default.")
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True), help="Markdown file that describes the model."
)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for the state of the training.")
@click.option("--resume", is_flag=True, help="Go on from the state in --work.")
@_options.seed
@_options.existing
@_options.parallel
@_options.device
@_options.progress
def train(
    dataset: Path,
    output: Path,
    config_name: str,
    validation: Path | None,
    name: str | None,
    card: Path | None,
    work: Path | None,
    resume: bool,
    seed: int,
    existing: str,
    n_jobs: int,
    backend: str,  # noqa: ARG001  # one shape for all commands; training decodes on this machine
    device: str,
    progress: str,
) -> None:
    """Train a model on the stems of a data set, and keep it as a folder."""
    from dataclasses import replace

    from mirkit import activity
    from mirkit.data import open_dataset

    if not _batch.check_existing(output, existing):
        click.echo(f"{output}: already there, skipped")
        return
    model = activity.train(
        activity.Config.from_toml(config_name),
        open_dataset(dataset),
        validation=open_dataset(validation) if validation else None,
        seed=seed,
        name=name or output.name,
        folder=work or output.with_name(output.name + "-work"),
        resume=resume,
        device=device,
        n_jobs=n_jobs,
        progress=progress != "none",
    )
    text = (
        card.read_text(encoding="utf-8")
        if card
        else f"# {model.name}\n\nTrained on {model.dataset['name']}.\n"
    )
    replace(model, card=text).checkpoint().save(output)
    click.echo(
        f"{output}: validation AUC {model.scores['validation_auc']:.3f}, "
        f"AP {model.scores['validation_ap']:.3f}"
    )


@command.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--split", help="Part of the data set; all songs by default.")
@click.option("--preset", type=click.Choice(["level", "medleydb"]), default="level", show_default=True)
@click.option("--window", "window_s", type=float, default=1.0, show_default=True, help="Time scale, seconds.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for all figures.")
@_options.parallel
@_options.device
@_options.progress
@_options.as_json
def evaluate(
    dataset: Path,
    model: str,
    split: str | None,
    preset: Any,
    window_s: float,
    output: Path | None,
    n_jobs: int,
    backend: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Compare a model's predictions with the truth of a data set's stems."""
    import json

    from mirkit import activity
    from mirkit._files import write_json
    from mirkit.data import open_dataset
    from mirkit.parallel import map_all

    songs = open_dataset(dataset)
    items = (songs.split(split) if split else songs).items
    work = partial(_judge, model=model, preset=preset, device=device)
    report = _options.reporter(progress, "songs")
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=report)
    pairs = [outcome.result for outcome in outcomes if outcome.result is not None]
    if pairs:
        thresholds = dict(_model(model).thresholds) or 0.5
        references, estimates = zip(*pairs, strict=True)
        scores = activity.evaluate(references, estimates, window_s=window_s, thresholds=thresholds)
        if output:
            write_json(output, scores.to_json())
        if as_json:
            click.echo(json.dumps(scores.to_json(), indent=1))
        else:
            click.echo(scores.to_frame().to_string(float_format=lambda value: f"{value:.3f}", na_rep="-"))
            click.echo(" ".join(f"{key}={value:.3f}" for key, value in scores.summary.items()))
    failures = [f"error: {outcome.item.id}: {outcome.error}" for outcome in outcomes if outcome.error]
    for failure in failures:
        click.echo(failure, err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _judge(item: Any, model: str, preset: Any, device: str) -> tuple[ActivityAnnotation, ActivityAnnotation]:
    from mirkit import activity
    from mirkit.annotation import Taxonomy

    loaded = _model(model)
    reference = item.activity(Taxonomy.load(loaded.config.taxonomy), preset)
    # The sum of the stems, so that truth and sound are of one piece even if the mix was mastered.
    estimate = activity.predict(loaded, item.mix(from_stems=True), device=device)
    return reference, estimate


@command.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG, PDF or SVG file.")
@_options.existing
def plot(result: Path, output: Path, existing: str) -> None:
    """Draw the timeline of a result folder."""
    from mirkit import activity
    from mirkit._files import replacing
    from mirkit.activity import plots
    from mirkit.annotation import ActivityAnnotation, formats

    if output.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .png, .pdf or .svg")
    if not _batch.check_existing(output, existing):
        click.echo(f"{output}: already there, skipped")
        return
    stored = result / "intervals.csv"
    intervals = formats.read_intervals_csv(stored) if stored.is_file() else None
    axes = activity.plot(ActivityAnnotation.read(result), intervals=intervals, title=result.name)
    with replacing(output) as temporary:
        plots.save(axes, temporary, dpi=150)
    click.echo(str(output))

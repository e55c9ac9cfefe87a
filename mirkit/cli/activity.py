"""``mirkit activity``: which instruments play when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options, activity_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np

    from mirkit.activity import Model
    from mirkit.annotation import Intervals
    from mirkit.audio import Audio


INTERVALS = "intervals.csv"
PEAKS_HZ = 50
"""Peaks a second in the waveform of a figure."""


@click.group("activity")
def command() -> None:
    """Which instruments play when: 18 classes, second by second."""


for _command in activity_scores.COMMANDS:
    command.add_command(_command)


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
@click.option(
    "--release",
    type=click.FloatRange(0, 1, min_open=True),
    help="A stretch lasts while values stay above this part of the threshold.",
)
@click.option(
    "--min-duration",
    "min_duration_s",
    type=click.FloatRange(min=0),
    help="Leave out shorter stretches, seconds.",
)
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw timeline.png.")
@click.option("--jams", is_flag=True, help="Also write intervals.jams (needs the extra jams).")
@_options.recursive
@_options.existing
@_options.parallel
@_options.shard
@_options.device
@_options.progress
@_options.as_json
def predict(
    inputs: tuple[Path, ...],
    output: Path,
    model: str,
    threshold: float | None,
    hop_s: float | None,
    release: float | None,
    min_duration_s: float | None,
    figure: bool,
    jams: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Find the instruments in sound files and folders of them.

    For each input a folder with activity.csv and activity.json (probability of each class in each
    second), intervals.csv, labels.txt (for Audacity), sourceid.lab (as in MedleyDB), timeline.png and
    run.json.
    """
    from mirkit import checkpoint
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    if jams:
        _check_jams()
    weights = checkpoint.sha256(checkpoint.find("activity", model))  # fails early if there is no such model
    items = _batch.batch(_batch.sound_files(inputs, recursive=recursive), output, shard)
    options = {
        "threshold": threshold,
        "hop_s": hop_s,
        "release": release,
        "min_duration_s": min_duration_s,
        "figure": figure,
        "jams": jams,
        "device": device,
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
    import numpy as np

    from mirkit import activity
    from mirkit import audio as sound
    from mirkit._files import replacing, write_json
    from mirkit.activity import plots

    path, folder = item.path, item.folder
    version = _batch.check_input(path)
    if not _batch.check_existing(folder, existing, mark=INTERVALS):
        return _Predicted(path, folder, {}, skipped=True)
    loaded = _model(model)
    peaks: list[np.ndarray] = []
    blocks = _noting_peaks(sound.blocks(path, sample_rate=loaded.config.features.sample_rate), peaks)
    result = activity.stream(loaded, blocks, hop_s=options["hop_s"], device=options["device"])
    duration_s = min(result.grid.end_s, sound.info(path).duration_s or result.grid.end_s)
    choices = {name: options[name] for name in ("threshold", "release", "min_duration_s")}
    intervals = activity.decide(loaded, result, **choices, end_s=duration_s)
    with replacing(folder, folder=True) as temporary:
        result.write(temporary)
        _write_intervals(temporary, intervals, duration_s, jams=options["jams"])
        if options["figure"]:
            waveform = sound.Audio(np.concatenate(peaks)[np.newaxis], PEAKS_HZ)
            axes = activity.plot(result, intervals=intervals, audio=waveform, title=path.name)
            plots.save(axes, temporary / "timeline.png")
        record = _batch.run_record(
            path, version, {"model": model, **options}, model={"name": loaded.name, "sha256": weights}
        )
        write_json(temporary / "run.json", record)
    return _Predicted(path, folder, _shares(intervals, duration_s))


def _check_jams() -> None:
    """Fail before any work if the extra is missing."""
    import numpy as np

    from mirkit.annotation import Intervals, formats

    formats.intervals_to_jams(Intervals(np.zeros((0, 2)), ()), 0.0)


def _noting_peaks(blocks: Iterable[Audio], peaks: list[np.ndarray]) -> Iterator[Audio]:
    """Pass blocks on and keep their peaks, so that a figure needs no second look at the sound."""
    import numpy as np

    for block in blocks:
        n_peaks = max(1, round(block.duration_s * PEAKS_HZ))
        edges = np.linspace(0, block.samples.shape[1], n_peaks, endpoint=False).astype(int)
        peaks.append(np.maximum.reduceat(np.abs(block.mono().samples[0]), edges))
        yield block


def _write_intervals(folder: Path, intervals: Intervals, duration_s: float, *, jams: bool) -> None:
    from mirkit.annotation import formats

    formats.write_intervals_csv(folder / INTERVALS, intervals)
    formats.write_audacity(folder / "labels.txt", intervals)
    formats.write_source_id(folder / "sourceid.lab", intervals)
    if jams:
        formats.write_jams(folder / "intervals.jams", intervals, duration_s)


@lru_cache(maxsize=1)
def _model(name_or_folder: str) -> Model:
    from mirkit import activity

    return activity.load(name_or_folder)


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
    progress: Any,
) -> None:
    """Train a model on the stems of a data set, and keep it as a folder."""
    from mirkit import activity
    from mirkit._files import place_for_folder
    from mirkit.data import open_dataset

    _batch.check_folder(output)
    place_for_folder(output)  # before hours of work
    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        _batch.skipped(output)
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
        progress=_options.shown(progress),
    )
    text = (
        card.read_text(encoding="utf-8")
        if card
        else f"# {model.name}\n\nTrained on {model.dataset['name']}.\n"
    )
    _save(model, text, output)


@command.command()
@click.argument("models", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    required=True,
    help="Data set on which the thresholds are tuned.",
)
@click.option("--name", help="Name of the model; that of the folder by default.")
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True), help="Markdown file that describes the model."
)
@_options.existing
@_options.parallel
def combine(
    models: tuple[str, ...],
    output: Path,
    validation: Path,
    name: str | None,
    card: Path | None,
    existing: str,
    n_jobs: int,
    backend: str,  # noqa: ARG001  # one shape for all commands; decoding is on this machine
) -> None:
    """Make one model of several whose probabilities it averages.

    MODELS are folders that 'mirkit activity train' wrote, or bundled models by name.
    """
    from mirkit import activity
    from mirkit._files import place_for_folder
    from mirkit.data import open_dataset

    _batch.check_folder(output)
    place_for_folder(output)  # before hours of work
    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        _batch.skipped(output)
        return
    trained = [activity.load(model) for model in models]
    model = activity.combine(trained, open_dataset(validation), name=name or output.name, n_jobs=n_jobs)
    names = ", ".join(dict.fromkeys(member.name for member in trained))
    text = card.read_text(encoding="utf-8") if card else f"# {model.name}\n\nThe mean of {names}.\n"
    _save(model, text, output)


def _save(model: Model, card: str, output: Path) -> None:
    from dataclasses import replace

    replace(model, card=card).checkpoint().save(output)
    click.echo(
        f"{output}: validation AUC {model.scores['validation_auc']:.3f}, "
        f"AP {model.scores['validation_ap']:.3f}"
    )

"""``mirkit separation``: a mixture into its instruments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options, _separation_corpus, _separation_scoring

if TYPE_CHECKING:
    from mirkit.annotation import ActivityAnnotation
    from mirkit.separation import Model
    from mirkit.separation.config import InferenceConfig


FIGURE_S = 30.0
"""More would not be seen, and would take memory."""


@click.group("separation")
def command() -> None:
    """A mixture into its instruments: one sound file for each."""


@dataclass(frozen=True)
class _Predicted:
    """What one input became."""

    path: Path
    folder: Path
    stems: tuple[str, ...] = ()
    gain: float = 1.0
    skipped: bool = False


@command.command()
@_options.inputs
@_options.output("mirkit-separation")
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option(
    "--targets", type=_options.NAMES, help="Compute only these stems; all of the model's by default."
)
@click.option(
    "--gate",
    type=click.Choice(["hard", "soft", "off"]),
    help="Gate by activity; the model's own if not given.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Activity above which the gate is open.",
)
@click.option(
    "--filter", "filter_frames", type=click.IntRange(min=1), help="Frames of the gate's median filter, odd."
)
@click.option(
    "--wiener",
    "wiener_iterations",
    type=click.IntRange(min=0),
    help="Iterations of the Wiener filter; 0 is none.",
)
@click.option(
    "--suffix",
    default=".wav",
    show_default=True,
    help="Format of the stems: .wav, .flac, .aiff, .ogg, .opus, .mp3.",
)
@click.option("--subtype", help="FLOAT, PCM_24 or PCM_16; floating point where the format has it.")
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw spectrograms.png.")
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
    targets: tuple[str, ...] | None,
    gate: Any,
    threshold: float | None,
    filter_frames: int | None,
    wiener_iterations: int | None,
    suffix: str,
    subtype: str | None,
    figure: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Separate sound files and folders of them.

    For each input a folder with a sound file for each stem, at the input's rate, channels and length,
    and one for what is left, so that they sum to the input; activity.csv and activity.json if the model
    has a classifier; spectrograms.png; run.json.
    """
    from mirkit.parallel import map_all
    from mirkit.separation.inference import check_gate

    _batch.check_folder(output)
    _check_format(suffix, subtype)
    loaded = _separation_scoring.loaded(model)  # fails early if there is no such model
    loaded.parts_for(targets)
    changes = {
        "gate": gate,
        "gate_threshold": threshold,
        "gate_filter_frames": filter_frames,
        "wiener_iterations": wiener_iterations,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    settings = replace(loaded.config.inference, **changes)
    check_gate(loaded, settings)
    items = _batch.batch(_batch.sound_files(inputs, recursive=recursive), output, shard)
    work = partial(
        _predict_file,
        model=model,
        existing=existing,
        settings=settings,
        options={
            "targets": targets,
            "suffix": suffix,
            "subtype": subtype,
            "figure": figure,
            "device": device,
        },
        changes=changes,
        progress=progress if len(items) == 1 else "none",
    )
    report = _options.reporter(progress, "files") if len(items) > 1 else None
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=report)
    _options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _check_format(suffix: str, subtype: str | None) -> None:
    """Raise a usage error for a format that cannot be written, before any work is done."""
    from mirkit.audio.encoding import encoding_of
    from mirkit.errors import MirkitError

    try:
        encoding_of(Path(f"stem{suffix}"), subtype)
    except MirkitError as error:
        raise click.UsageError(f"--suffix, --subtype: {str(error).partition(': ')[2]}") from error


def _predict_file(
    item: _batch.Input,
    model: str,
    existing: str,
    settings: InferenceConfig,
    options: dict[str, Any],
    changes: dict[str, Any],
    progress: Any,
) -> _Predicted:
    from mirkit._files import replacing, write_json
    from mirkit.separation.result import FILE

    path, folder = item.path, item.folder
    version = _batch.check_input(path)
    if not _batch.check_existing(folder, existing, mark=FILE):
        return _Predicted(path, folder, skipped=True)
    loaded = _separation_scoring.loaded(model)
    with replacing(folder, folder=True) as temporary:
        stems, gain = _write_stems(path, temporary, loaded, settings, options, progress)
        if options["figure"]:
            _draw(temporary, temporary / "spectrograms.png", "spectrograms", None, FIGURE_S, path.name)
        record = _batch.run_record(
            path,
            version,
            {"model": model, **options, **changes},
            model={"name": loaded.name, "sha256": _separation_scoring.weights_sha256(model)},
            gain=gain,
            look_ahead_s=round(loaded.config.replace(inference=settings).look_ahead_s, 3),
        )
        write_json(temporary / "run.json", record)
    return _Predicted(path, folder, stems, gain)


def _write_stems(
    path: Path, folder: Path, model: Model, settings: InferenceConfig, options: dict[str, Any], progress: Any
) -> tuple[tuple[str, ...], float]:
    """Write stems and activity block by block; return the stems' names and their gain."""
    from mirkit import audio, separation
    from mirkit.separation import result

    details = audio.info(path)
    names = [
        name for name in model.config.targets if options["targets"] is None or name in options["targets"]
    ]
    names.append(model.config.residual)
    report = _options.reporter(progress, "seconds")
    heard: list[ActivityAnnotation | None] = []
    with audio.stem_writer(
        folder,
        names,
        details.sample_rate,
        details.n_channels,
        suffix=options["suffix"],
        subtype=options["subtype"],
    ) as writer:
        pieces = separation.stream(
            model, audio.blocks(path), targets=options["targets"], settings=settings, device=options["device"]
        )
        for piece in pieces:
            writer.write(piece.stems)
            heard.append(piece.activity)
            if report is not None:
                done_s = round(writer.n_samples / details.sample_rate)
                report(done_s, round(details.duration_s or done_s))
    activity = result.joined_activity(heard)
    result.write_description(folder, names, details.sample_rate, details.n_channels, writer.n_samples)
    if activity is not None:
        activity.write(folder)
    return tuple(names), writer.gain


def _draw(
    folder: Path, output: Path, kind: str, start_s: float | None, duration_s: float, title: str
) -> None:
    """Draw a part of a result: from its middle if no start is given."""
    from mirkit import _figures, separation
    from mirkit.separation import plots, result

    content = result.read_description(folder)
    if start_s is None:
        start_s = max(0.0, (content["n_samples"] / content["sample_rate"] - duration_s) / 2)
    part = separation.Separation.read(folder, start_s=start_s, duration_s=duration_s)
    draw = plots.plot_spectrograms if kind == "spectrograms" else plots.plot
    _figures.save(draw(part, title=title, offset_s=start_s), output)


@command.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG, PDF or SVG file.")
@click.option(
    "--kind", type=click.Choice(["spectrograms", "stems"]), default="spectrograms", show_default=True,
    help="Spectrograms with masks, or waveforms with activity.",
)  # fmt: skip
@click.option("--start", "start_s", type=click.FloatRange(min=0), help="Seconds; the middle by default.")
@click.option(
    "--duration", "duration_s", type=click.FloatRange(min=0, min_open=True), default=FIGURE_S,
    show_default=True, help="Seconds to show.",
)  # fmt: skip
@_options.existing
def plot(
    result: Path, output: Path, kind: str, start_s: float | None, duration_s: float, existing: str
) -> None:
    """Draw a part of a result folder."""
    from mirkit._files import replacing

    if output.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .png, .pdf or .svg")
    if not _batch.check_existing(output, existing):
        _batch.skipped(output)
        return
    with replacing(output) as temporary:
        _draw(result, temporary, kind, start_s, duration_s, result.name)
    click.echo(str(output))


def _line(done: _Predicted) -> str:
    if done.skipped:
        return f"{done.folder}: already there, skipped"
    gain = "" if done.gain == 1.0 else f" (all scaled by {done.gain:.3f} to fit the format)"
    return f"{done.folder}: {', '.join(done.stems)}{gain}"


def _entry(done: _Predicted) -> dict[str, Any]:
    return {
        "input": str(done.path),
        "folder": str(done.folder),
        "skipped": done.skipped,
        "stems": list(done.stems),
        "gain": done.gain,
    }


for _command in (_separation_corpus.train, _separation_corpus.evaluate, _separation_corpus.compare):
    command.add_command(_command)

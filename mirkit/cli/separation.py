"""``mirkit separation``: a mixture into its instruments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.annotation import ActivityAnnotation
    from mirkit.separation import Model
    from mirkit.separation.config import InferenceConfig


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


class Names(click.ParamType):  # type: ignore[type-arg]  # a generic only in click's newer stubs
    """Names separated by commas."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:  # noqa: ARG002  # click's signature
        """Return the names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


@command.command()
@_options.inputs
@_options.output("mirkit-separation")
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--targets", type=Names(), help="Compute only these stems; all of the model's by default.")
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

    _batch.check_folder(output)
    loaded = _model(model)  # fails early if there is no such model
    loaded.parts_for(targets)
    changes = {
        "gate": gate,
        "gate_threshold": threshold,
        "gate_filter_frames": filter_frames,
        "wiener_iterations": wiener_iterations,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    paths = _batch.sound_files(inputs, recursive=recursive)
    work = partial(
        _predict_file,
        folders=_batch.result_folders(paths, output),
        model=model,
        existing=existing,
        settings=replace(loaded.config.inference, **changes),
        options={
            "targets": targets,
            "suffix": suffix,
            "subtype": subtype,
            "figure": figure,
            "device": device,
        },
        changes=changes,
        progress=progress if len(paths) == 1 else "none",
    )
    report = _options.reporter(progress, "files") if len(paths) > 1 else None
    outcomes = map_all(work, paths, n_jobs=n_jobs, backend=backend, progress=report)
    _options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _predict_file(
    path: Path,
    folders: dict[Path, Path],
    model: str,
    existing: str,
    settings: InferenceConfig,
    options: dict[str, Any],
    changes: dict[str, Any],
    progress: Any,
) -> _Predicted:
    from mirkit._files import replacing, write_json

    _batch.check_input(path)
    folder = folders[path]
    if not _batch.check_existing(folder, existing):
        return _Predicted(path, folder, skipped=True)
    loaded = _model(model)
    with replacing(folder, folder=True) as temporary:
        stems, gain = _write_stems(path, temporary, loaded, settings, options, progress)
        record = _batch.run_record(
            path,
            {"model": model, **options, **changes},
            model={"name": loaded.name, "sha256": weights_sha256(model)},
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


@lru_cache(maxsize=1)
def _model(name_or_folder: str) -> Model:
    from mirkit import separation

    return separation.load(name_or_folder)


@lru_cache(maxsize=8)
def weights_sha256(name_or_folder: str) -> str | dict[str, str]:
    """Return the hash of a model's weights, or those of the files of an Open-Unmix folder."""
    from mirkit import checkpoint
    from mirkit.separation import unmix

    folder = Path(name_or_folder)
    return (
        unmix.sha256(folder)
        if unmix.is_folder(folder)
        else checkpoint.sha256(checkpoint.find("separation", name_or_folder))
    )


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

"""``mirkit sampling``: where a sample occurs in songs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options, _sampling_catalogue, _sampling_corpus, _sampling_results
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    from mirkit.sampling import Detections


@click.group("sampling")
def command() -> None:
    """Where a sample occurs in songs, transposed, stretched, looped, buried."""


for _command in (*_sampling_corpus.COMMANDS, *_sampling_catalogue.COMMANDS):
    command.add_command(_command)


@dataclass(frozen=True)
class _Predicted:
    """What one song became."""

    path: Path
    folder: Path
    result: Detections | None


@command.command()
@click.argument("sample", type=click.Path(path_type=Path))
@_options.inputs
@_options.output("mirkit-sampling")
@click.option("--start", "start_s", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Where in SAMPLE the sample begins, seconds.")  # fmt: skip
@click.option("--end", "end_s", type=click.FloatRange(min=0, min_open=True),
              help="Where it ends; the end of the file by default.")  # fmt: skip
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw evidence.png.")
@_options.recursive
@_options.existing
@_options.parallel
@_options.shard
@_options.progress
@_options.as_json
def predict(
    sample: Path,
    inputs: tuple[Path, ...],
    output: Path,
    start_s: float,
    end_s: float | None,
    model: str,
    figure: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Look for SAMPLE in songs, files and folders of them.

    For each song a folder with detections.json and .csv, labels.txt for Audacity, evidence.png, run.json,
    and the sounds pair_1.flac, ... of the most probable occurrences: the sample, then the song there.
    """
    from mirkit import checkpoint
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    if end_s is not None and end_s <= start_s:
        raise click.UsageError(f"--end {end_s:g} must be later than --start {start_s:g}")
    weights = checkpoint.sha256(checkpoint.find("sampling", model))
    _sampling_results.excerpt(sample, start_s, end_s)  # fails early if it cannot be read
    items = _batch.batch(_batch.sound_files(inputs, recursive=recursive), output, shard)
    options = {"sample": str(sample), "start_s": start_s, "end_s": end_s, "figure": figure}
    work = partial(
        _predict_file,
        model=model,
        weights=weights,
        existing=existing,
        options=options,
    )
    report = _options.reporter(progress, "songs")
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=report)
    _options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _predict_file(
    item: _batch.Input, model: str, weights: str, existing: str, options: dict[str, Any]
) -> _Predicted:
    from mirkit import audio, sampling
    from mirkit._files import replacing, write_json
    from mirkit.sampling.result import FILE

    path, folder = item.path, item.folder
    version = _batch.check_input(path)
    if not _batch.check_existing(folder, existing, mark=FILE):
        return _Predicted(path, folder, None)
    source = Path(options["sample"])
    sample, song = (
        _sampling_results.excerpt(source, options["start_s"], options["end_s"]),
        audio.read(path),
    )
    loaded = _sampling_results.model(model)
    try:
        result = sampling.predict(loaded, sample, song, label=source.stem)
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    with replacing(folder, folder=True) as temporary:
        heading = f"{source.name} in {path.name}"
        _sampling_results.write(temporary, sample, song, result, title=heading, figure=options["figure"])
        record = _batch.run_record(
            path, version, {"model": model, **options}, model={"name": loaded.name, "sha256": weights}
        )
        write_json(temporary / "run.json", record)
    return _Predicted(path, folder, result)


def _line(done: _Predicted) -> str:
    if done.result is None:
        return f"{done.folder}: already there, skipped"
    found = done.result
    verdict = f"{'found' if found.present else 'not found'} ({found.song_confidence:.0%})"
    if not len(found):
        return f"{done.folder}: {verdict}"
    rows = found.rows()
    best = rows[int(found.confidence.argmax())]
    times = ", ".join(f"{row['start_s']:.1f}" for row in rows[:8]) + (", ..." if len(rows) > 8 else "")
    return (
        f"{done.folder}: {verdict}, {len(rows)} x at {times} s, {best['pitch_shift_st']:+.1f} st, "
        f"tempo x {best['tempo_ratio']:.2f}"
    )


def _entry(done: _Predicted) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "input": str(done.path), "folder": str(done.folder), "skipped": done.result is None,
    }  # fmt: skip
    return entry if done.result is None else entry | done.result.to_json()


@command.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG, PDF or SVG file.")
@_options.existing
def plot(result: Path, output: Path, existing: str) -> None:
    """Draw RESULT: a folder that predict wrote, or scores that evaluate wrote (their reliability)."""
    from mirkit import _figures, sampling
    from mirkit._files import replacing
    from mirkit.sampling import plots

    if output.suffix.lower() not in {".png", ".pdf", ".svg"}:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .png, .pdf or .svg")
    if not _batch.check_existing(output, existing):
        _batch.skipped(output)
        return
    if result.suffix == ".json":
        axes = plots.plot_reliability(_sampling_corpus.read_scores(result))
    else:
        axes = sampling.plot(sampling.Detections.read(result), title=result.name)
    with replacing(output) as temporary:
        _figures.save(axes, temporary)
    click.echo(str(output))

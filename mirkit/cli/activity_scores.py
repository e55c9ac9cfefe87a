"""``mirkit activity evaluate``, ``compare``, ``plot`` and ``protocol``: how good models are, and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options
from mirkit.errors import DatasetError, ParameterError

if TYPE_CHECKING:
    from mirkit.activity.evaluation import Evaluation
    from mirkit.annotation import Intervals
    from mirkit.audio import Audio

SUFFIXES = (".png", ".pdf", ".svg")
TABLE = "comparison.csv"


def window(value: str) -> float:
    """Return the seconds of a time scale; ``track`` has no end."""
    try:
        seconds = math.inf if value == "track" else float(value)
    except ValueError:
        seconds = math.nan
    if not (seconds >= 1 and (math.isinf(seconds) or seconds.is_integer())):
        raise click.BadParameter(f"{value!r}; wanted a whole number of seconds, 1 or more, or 'track'")
    return seconds


def _judging(function: Any) -> Any:
    """Add the options that say what is evaluated and how."""
    for option in reversed(
        (
            click.option("--split", help="Part of the data set; all songs by default."),
            click.option(
                "--preset", type=click.Choice(["level", "medleydb"]), default="level", show_default=True,
                help="How stems become truth.",
            ),
            click.option(
                "--rule", type=click.Choice(["fraction", "any", "mean", "centre"]), default="fraction",
                show_default=True, help="When an instrument counts as active in a second of the truth.",
            ),
            click.option("--from-mix", is_flag=True, help="Hear the mix instead of the sum of the stems."),
            click.option(
                "--threshold", type=click.FloatRange(0, 1),
                help="One for all classes instead of the model's own.",
            ),
            _options.parallel,
            _options.device,
            _options.progress,
        )
    ):  # fmt: skip
        function = option(function)
    return function


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@_judging
@click.option(
    "--window",
    "windows_s",
    type=window,
    multiple=True,
    help="Time scale; repeat. By default 1, 5, 10, track.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for all measures.")
@_options.existing
@_options.as_json
def evaluate(
    dataset: Path,
    model: str,
    split: str | None,
    windows_s: tuple[float, ...],
    output: Path | None,
    existing: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare a model's predictions with the truth of a data set's stems, on all time scales."""
    if output is not None and not _batch.check_existing(output, existing):
        _batch.skipped(output, as_json=as_json)
        return
    found = _judge(model, dataset, split, windows_s=windows_s, **options)
    if output is not None:
        found.write(output)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=1))
    else:
        _show(found)
    _leave_if_songs_failed([found])


def _judge(
    model: str,
    dataset: Path,
    split: str | None,
    *,
    windows_s: Sequence[float] = (),
    from_mix: bool,
    progress: Any,
    **options: Any,
) -> Evaluation:
    from dataclasses import replace

    from mirkit.activity.evaluation import judge
    from mirkit.activity.metrics import SCALES_S
    from mirkit.data import open_dataset

    songs = open_dataset(dataset)
    songs = songs.split(split) if split else songs
    _batch.note_unknown_instruments(songs.items)
    found = judge(
        model,
        songs,
        windows_s=windows_s or SCALES_S,
        from_stems=not from_mix,
        progress=_options.reporter(progress, "songs"),
        **options,
    )
    return replace(found, about={**found.about, "split": split})


def _show(found: Evaluation) -> None:
    from mirkit.activity.evaluation import tabulate

    scores = found.scales[0]
    title = f"{found.name} on {found.about['dataset']['n_songs']} songs, {scores.scale} clips"
    counts = {column: "{:.0f}".format for column in scores.table if column.startswith("n_")}
    frame = scores.to_frame().astype(float)
    click.echo(title + "\n")
    click.echo(frame.to_string(float_format="{:.3f}".format, formatters=counts, na_rep="-"))
    for reason, labels in scores.undefined().items():
        if labels:
            click.echo(f"{reason}, so without AUC, AP and F1: {', '.join(labels)}")
    table = tabulate([found]).drop(columns="model")
    counts = {column: "{:.0f}".format for column in table if column.startswith("n_")}
    click.echo(
        "\n" + table.to_string(float_format="{:.3f}".format, formatters=counts, na_rep="-", index=False)
    )


def _leave_if_songs_failed(found: Sequence[Evaluation]) -> None:
    failures = [failure for evaluation in found for failure in evaluation.about.get("not_used", [])]
    for song, error in failures:
        click.echo(f"error: {song}: {error}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--dataset", type=click.Path(path_type=Path), help="Data set on which models are evaluated.")
@_judging
@_options.output("mirkit-activity-comparison")
@_options.existing
@_options.as_json
def compare(
    sources: tuple[str, ...],
    dataset: Path | None,
    split: str | None,
    output: Path,
    existing: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Put SOURCES into one table and one figure.

    A source is a file that 'mirkit activity evaluate -o' wrote, or a model (bundled, by name, or a folder),
    which is evaluated on --dataset. Writes comparison.csv, .md and .png, and the scores of each model.
    """
    from mirkit._files import place_for_folder

    _batch.check_folder(output)
    place_for_folder(output)  # before hours of work
    if not _batch.check_existing(output, existing, mark=TABLE):
        _batch.skipped(output, as_json=as_json)
        return
    found = [_source(source, dataset, split, options) for source in sources]
    _warn_of_different_truths(found)
    _write_comparison(output, _with_names(found, sources))
    _report(output, as_json=as_json)
    _leave_if_songs_failed(found)


def _source(source: str, dataset: Path | None, split: str | None, options: dict[str, Any]) -> Evaluation:
    from mirkit.activity.evaluation import Evaluation

    if Path(source).is_file():
        return Evaluation.read(source)
    if dataset is None:
        raise click.UsageError(f"{source} is no file of scores; to evaluate a model, give --dataset")
    return _judge(source, dataset, split, **options)


def _with_names(found: Sequence[Evaluation], sources: Sequence[str]) -> list[Evaluation]:
    """Return evaluations of different names: where two models have the same, those of the sources."""
    from dataclasses import replace

    own, short = [one.name for one in found], [Path(source).stem for source in sources]
    for names in (own, short, sources):
        if len(set(names)) == len(names):
            break
    return [replace(one, name=name) for one, name in zip(found, names, strict=True)]


def _warn_of_different_truths(found: Sequence[Evaluation]) -> None:
    for key in ("dataset", "preset", "rule", "from_stems"):
        values = [one.about.get(key) for one in found]
        if any(value != values[0] for value in values):
            shown = ", ".join(str(value["name"] if isinstance(value, dict) else value) for value in values)
            click.echo(f"note: not the same {key}, so the rows do not compare: {shown}", err=True)


def _write_comparison(folder: Path, found: Sequence[Evaluation]) -> None:
    from mirkit._files import replacing
    from mirkit.activity import plots
    from mirkit.activity.evaluation import tabulate, to_markdown

    table = tabulate(found)
    with replacing(folder, folder=True) as temporary:
        table.to_csv(temporary / TABLE, index=False)
        (temporary / "comparison.md").write_text(to_markdown(table), encoding="utf-8")
        figure = plots.plot_comparison({one.name: one.scales for one in found})
        plots.save(figure, temporary / "comparison.png")
        for number, one in enumerate(found, start=1):
            one.write(temporary / f"scores-{number}.json")


def _report(folder: Path, *, as_json: bool) -> None:
    import pandas as pd

    if as_json:
        table = pd.read_csv(folder / TABLE)
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        click.echo(json.dumps({"folder": str(folder), "rows": rows}, indent=1))
    else:
        click.echo((folder / "comparison.md").read_text(encoding="utf-8"), nl=False)
        click.echo(f"{folder}: comparison.csv, comparison.md, comparison.png")


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG, PDF or SVG file.")
@click.option("--audio", "recording", type=click.Path(path_type=Path), help="Recording, drawn as a waveform.")
@click.option("--confusion", is_flag=True, help="Of scores: what is missed when another is falsely found.")
@click.option(
    "--window", "window_s", type=window, default="1", show_default=True, help="Time scale of the scores."
)
@_options.existing
def plot(
    result: Path, output: Path, recording: Path | None, confusion: bool, window_s: float, existing: str
) -> None:
    """Draw RESULT: the timeline of a result folder, or the confusion matrix of a file of scores."""
    from mirkit._files import replacing
    from mirkit.activity import plots

    if output.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .png, .pdf or .svg")
    if confusion and result.is_dir():
        raise click.UsageError(f"{result} is a folder; --confusion wants a file that 'evaluate -o' wrote")
    if not _batch.check_existing(output, existing):
        _batch.skipped(output)
        return
    axes = _confusion(result, window_s) if result.is_file() else _timeline(result, recording)
    with replacing(output) as temporary:
        plots.save(axes, temporary, dpi=150)
    click.echo(str(output))


def _timeline(result: Path, recording: Path | None) -> Any:
    from mirkit import activity
    from mirkit.annotation import ActivityAnnotation, formats

    stored = result / "intervals.csv"
    intervals: Intervals | None = formats.read_intervals_csv(stored) if stored.is_file() else None
    waveform: Audio | None = None
    if recording is not None:
        from mirkit import audio

        waveform = audio.read(recording)
    activities = ActivityAnnotation.read(result)
    return activity.plot(activities, intervals=intervals, audio=waveform, title=result.name)


def _confusion(path: Path, window_s: float) -> Any:
    from mirkit.activity import plots
    from mirkit.activity.evaluation import Evaluation

    found = Evaluation.read(path)
    scores = next((one for one in found.scales if one.window_s == window_s), None)
    if scores is None:
        known = ", ".join(dict.fromkeys(one.scale for one in found.scales))
        raise ParameterError(f"{path}: no scores at that time scale; there are {known}")
    return plots.plot_confusion(scores.confusion, title=f"{found.name}, {scores.scale} clips")


@click.command()
@_options.inputs
@_options.output("mirkit-activity-protocol")
@click.option(
    "--config", "names", multiple=True, default=("paper-fc", "paper-cnn", "paper-crnn"), show_default=True,
    help="Preset or TOML file of each network.",
)  # fmt: skip
@click.option(
    "--test", type=click.FloatRange(0, 1), help="Share of the songs to test on; 100 of 461 by default."
)
@click.option(
    "--valid", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share to stop by."
)
@click.option("--keep-bleed", is_flag=True, help="Also use songs whose stems hold sound of each other.")
@_options.seed
@_options.parallel
@_options.device
@_options.progress
@_options.as_json
def protocol(
    inputs: tuple[Path, ...],
    output: Path,
    names: tuple[str, ...],
    test: float | None,
    valid: float,
    keep_bleed: bool,
    seed: int,
    n_jobs: int,
    backend: str,  # noqa: ARG001  # one shape for all commands; training decodes on this machine
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Run the paper's protocol on the data sets INPUTS, such as MedleyDB and Mixing Secrets.

    Splits the songs by artist, trains each network, evaluates it on the test songs on all time scales, and
    compares them. What is done stays in the folder, so a second call goes on where the first one stopped.
    """
    from mirkit.activity import Config
    from mirkit.activity.protocol import TEST_SHARE, run_protocol
    from mirkit.data import open_dataset

    _batch.check_folder(output)
    configs = {Path(name).stem: Config.from_toml(name) for name in names}
    if len(configs) < len(names):
        raise DatasetError(f"settings need different names to be told apart, got {', '.join(names)}")
    found = run_protocol(
        [open_dataset(path) for path in inputs],
        output,
        configs,
        test=TEST_SHARE if test is None else test,
        valid=valid,
        keep_bleed=keep_bleed,
        seed=seed,
        device=device,
        n_jobs=n_jobs,
        progress=_options.shown(progress),
    )
    _write_comparison(output / "comparison", found)
    _report(output / "comparison", as_json=as_json)
    _leave_if_songs_failed(found)


COMMANDS = (evaluate, compare, plot, protocol)

"""``mirkit report``: results as one HTML page with a player, for any browser, offline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.annotation import ActivityAnnotation, Intervals
    from mirkit.report import Section

DURATION_S = 240.0
"""A browser holds all stems as 32-bit floats: six stereo stems of four minutes take 600 MB."""


@dataclass(frozen=True)
class Part:
    """Which part of a result to show, and where else its recording may lie."""

    start_s: float = 0.0
    duration_s: float = DURATION_S
    sounds: tuple[Path, ...] = ()


@click.command("report")
@_options.inputs
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True,
    help="HTML file.",
)  # fmt: skip
@click.option("--title", default="mirkit", show_default=True, help="Heading of the page.")
@click.option("--start", "start_s", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Seconds to leave out at the start.")  # fmt: skip
@click.option("--duration", "duration_s", type=click.FloatRange(min=0, min_open=True), default=DURATION_S,
              show_default=True, help="Seconds to show at most.")  # fmt: skip
@click.option(
    "--sound", "sounds", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="Recording, or folder of recordings, if they are no longer where the result was made from.",
)  # fmt: skip
@click.option(
    "--codec", type=click.Choice(["opus", "mp3"]), default="opus", show_default=True,
    help="Opus is smaller; browsers from before 2025 may need mp3.",
)  # fmt: skip
@_options.existing
@_options.progress
@_options.as_json
def command(
    inputs: tuple[Path, ...], output: Path, title: str, start_s: float, duration_s: float,
    sounds: tuple[Path, ...], codec: Any, existing: str, progress: Any, as_json: bool,
) -> None:  # fmt: skip
    """Make one page from result folders, of any task, and folders of them.

    The page is a single file: stems that play together with solo, mute and volume, ribbons, pictures and
    tables under the same time axis. It needs no network.
    """
    from mirkit.parallel import Outcome, map_all
    from mirkit.report import Page

    if output.suffix.lower() not in {".html", ".htm"}:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .html")
    if not _batch.check_existing(output, existing):
        _options.finish(
            [Outcome(output, output, None)],
            as_json=as_json,
            line=lambda page: f"{page}: already there, skipped",
            entry=lambda page: {"result": None, "page": str(page), "skipped": True},
        )
        return
    folders = result_folders(inputs)
    work = partial(section_of, part=Part(start_s, duration_s, sounds))
    outcomes = map_all(work, folders, progress=_options.reporter(progress, "results"))
    sections = [outcome.result for outcome in outcomes if outcome.result is not None]
    if sections:
        Page(sections, title=title, codec=codec).write(output)
    _options.finish(
        [Outcome(one.item, None if one.error else one.item, one.error) for one in outcomes],
        as_json=as_json,
        line=lambda folder: f"{output}: {folder}",
        entry=lambda folder: {"result": str(folder), "page": str(output), "skipped": False},
    )


def result_folders(inputs: tuple[Path, ...]) -> list[Path]:
    """Return result folders as they are, and those inside of folders that are none themselves."""
    found: dict[Path, None] = {}
    for path in inputs:
        inside = [] if kind_of(path) or not path.is_dir() else sorted(path.iterdir())
        found |= dict.fromkeys([one for one in inside if kind_of(one)] or [path])
    return list(found)


def kind_of(folder: Path) -> str | None:
    """Return the file that tells of which task a folder is a result; None if it is no result."""
    return next((name for name in SECTIONS if (folder / name).is_file()), None)


def section_of(folder: Path, part: Part) -> Section:
    """Return the section of the page for a result folder."""
    from mirkit.errors import MirkitError

    kind = kind_of(folder)
    if not folder.exists():
        raise MirkitError(f"{folder}: no such folder")
    if kind is None:
        wanted = ", ".join(SECTIONS)
        raise MirkitError(f"{folder}: not a result of mirkit; wanted a folder with one of {wanted}")
    return SECTIONS[kind](folder, part)


def _separation(folder: Path, part: Part) -> Section:
    from mirkit import separation
    from mirkit.separation.report import describe

    result = separation.Separation.read(folder, start_s=part.start_s, duration_s=part.duration_s)
    whole_s = _json(folder / "separation.json")["n_samples"] / result.sample_rate
    shown = _stretch(part, result.n_samples / result.sample_rate, whole_s)
    return describe(result, title=_title(folder), facts=_facts(folder) | shown)


def _activity(folder: Path, part: Part) -> Section:
    from mirkit import audio
    from mirkit.activity.report import describe
    from mirkit.annotation import ActivityAnnotation, formats

    whole = ActivityAnnotation.read(folder)
    decided = folder / "intervals.csv"
    intervals = formats.read_intervals_csv(decided) if decided.is_file() else None
    path = recording(folder, part.sounds)
    sound = None
    if path is not None:
        sound = audio.read(path, start_s=part.start_s, duration_s=part.duration_s)
    end_s = part.start_s + (part.duration_s if sound is None else sound.duration_s)
    shown = _stretch(part, min(end_s, whole.grid.end_s) - part.start_s, whole.grid.end_s)
    return describe(
        _cut(whole, part.start_s, end_s),
        audio=sound,
        intervals=None if intervals is None else _cut_intervals(intervals, part.start_s, end_s),
        title=_title(folder),
        facts=_facts(folder) | shown | ({} if path else {"sound": "not found, give --sound"}),
    )


def _assessment(folder: Path, part: Part) -> Section:
    from mirkit import audio
    from mirkit.assessment import Assessment
    from mirkit.assessment.report import describe

    path = recording(folder, part.sounds)
    return describe(
        Assessment.read(folder),  # whole: a take is short
        audio=None if path is None else audio.read(path),
        title=_title(folder),
        facts=_facts(folder) | ({} if path else {"sound": "not found, give --sound"}),
    )


def _sampling(folder: Path, part: Part) -> Section:
    from mirkit import audio
    from mirkit.sampling import Detections
    from mirkit.sampling.report import describe

    path, asked = recording(folder, part.sounds), _arguments(folder)
    sample = _found(Path(asked["sample"]), part.sounds) if "sample" in asked else None
    song, whole_s = None, None
    if path is not None:
        song = audio.read(path, start_s=part.start_s, duration_s=part.duration_s)
        whole_s = audio.info(path).duration_s
    heard = None
    if sample is not None:
        start_s, end_s = asked.get("start_s") or 0.0, asked.get("end_s")
        heard = audio.read(sample, start_s=start_s, duration_s=None if end_s is None else end_s - start_s)
    lost = [name for name, one in (("song", path), ("sample", sample)) if one is None]
    end_s = part.start_s + (part.duration_s if song is None else song.duration_s)
    return describe(
        Detections.read(folder).excerpt(part.start_s, end_s),
        sample=heard,
        song=song,
        title=_title(folder),
        facts=_facts(folder)
        | (_stretch(part, song.duration_s, whole_s or song.duration_s) if song else {})
        | ({"sound": f"{' and '.join(lost)} not found, give --sound"} if lost else {}),
    )


SECTIONS: dict[str, Callable[[Path, Part], Section]] = {
    "separation.json": _separation,  # before activity: a separation may hold an activity, too
    "activity.json": _activity,
    "assessment.json": _assessment,
    "detections.json": _sampling,
}
"""File that tells of which task a folder is a result, and what makes a section of it."""


def recording(folder: Path, sounds: tuple[Path, ...], key: str = "input") -> Path | None:
    """Return the recording that a result was made from: where it was, or of its name among ``sounds``."""
    named = _json(folder / "run.json").get(key, {}).get("path") if (folder / "run.json").is_file() else None
    if named is None:
        return next((path for path in sounds if path.is_file()), None)
    return _found(Path(named), sounds)


def _found(name: Path, sounds: tuple[Path, ...]) -> Path | None:
    beside = [path / name.name if path.is_dir() else path for path in sounds]
    return next((path for path in [*beside, name] if path.is_file() and path.stem == name.stem), None)


def _arguments(folder: Path) -> Mapping[str, Any]:
    return dict(_json(folder / "run.json").get("arguments", {})) if (folder / "run.json").is_file() else {}


def _cut(activity: ActivityAnnotation, start_s: float, end_s: float) -> ActivityAnnotation:
    import math

    from mirkit.annotation import ActivityAnnotation
    from mirkit.dsp import FrameGrid

    grid = activity.grid
    first = max(0, grid.index(start_s))
    values = activity.values[:, first : max(first, math.ceil((end_s - grid.start_s) / grid.hop_s - 1e-6))]
    start = grid.start_s + first * grid.hop_s - start_s
    return ActivityAnnotation(FrameGrid(start, grid.hop_s, values.shape[1]), activity.labels, values)


def _cut_intervals(intervals: Intervals, start_s: float, end_s: float) -> Intervals:
    import numpy as np

    from mirkit.annotation import Intervals

    inside = (intervals.times_s[:, 1] > start_s) & (intervals.times_s[:, 0] < end_s)
    times_s = np.clip(intervals.times_s[inside], start_s, end_s) - start_s
    labels = [label for label, kept in zip(intervals.labels, inside, strict=True) if kept]
    return Intervals(times_s, labels, intervals.scores[inside])


def _facts(folder: Path) -> dict[str, str]:
    """Return what ``run.json`` tells of a result, if it is there."""
    record = _json(folder / "run.json") if (folder / "run.json").is_file() else {}
    facts = {"model": record.get("model", {}).get("name"), "mirkit": record.get("mirkit_version")}
    return {name: str(value) for name, value in facts.items() if value}


def _title(folder: Path) -> str:
    return folder.resolve().name.replace("_", " ")


def _stretch(part: Part, shown_s: float, whole_s: float) -> dict[str, str]:
    if part.start_s == 0 and shown_s >= whole_s - 0.05:
        return {"length": clock(whole_s)}
    return {"shown": f"{clock(part.start_s)} to {clock(part.start_s + shown_s)} of {clock(whole_s)}"}


def clock(time_s: float) -> str:
    """Return minutes and seconds."""
    return f"{int(round(time_s, 1) // 60)}:{round(time_s, 1) % 60:04.1f}"


def _json(path: Path) -> Mapping[str, Any]:
    from mirkit.errors import AnnotationError

    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise AnnotationError(f"{path}: cannot be read ({error})") from error

"""Text formats for activity and intervals: MedleyDB, mir_eval, Audacity, CSV, JSON, JAMS.

Readers raise `AnnotationError` naming the file, the line and what was wanted; writers replace a file
as a whole or leave it alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit._files import write_text
from mirkit._reading import DAMAGE, reading
from mirkit.annotation._tables import (
    PathLike,
    quoted,
    read_frames,
    read_plain,
    read_rows,
    rows_of,
    write_frames,
    write_plain,
)
from mirkit.annotation.activity import ACTIVE, ActivityAnnotation, runs
from mirkit.annotation.intervals import Intervals
from mirkit.dsp import FrameGrid
from mirkit.errors import AnnotationError, MissingDependencyError

if TYPE_CHECKING:
    import jams

__all__ = [
    "activity_from_json",
    "activity_to_json",
    "intervals_to_jams",
    "read_activation_confidence",
    "read_activity_csv",
    "read_audacity",
    "read_intervals_csv",
    "read_jams",
    "read_lab",
    "read_source_id",
    "source_id",
    "write_activation_confidence",
    "write_activity_csv",
    "write_audacity",
    "write_intervals_csv",
    "write_jams",
    "write_lab",
    "write_source_id",
]

MEDLEYDB_HOP_S = 2048 / 44100


# --- MedleyDB ------------------------------------------------------------------------------------


def source_id(confidence: ActivityAnnotation, instruments: Mapping[str, Sequence[str]]) -> Intervals:
    """Return MedleyDB's source-id labels of an activation confidence.

    For each instrument the maximum over its stems must exceed 0.5; an interval runs from the
    time of its first active frame to the time of its last one. Nothing is merged or left out.

    Parameters
    ----------
    confidence : ActivityAnnotation
        One row for each stem.
    instruments : mapping of str to sequence of str
        Stem to its instruments; stems that are not listed are left out.

    Returns
    -------
    Intervals
        In order of start, then end, then label.

    Examples
    --------
    >>> confidence = ActivityAnnotation(FrameGrid(0.0, 1.0, 4), ("S01",), [[0.1, 0.6, 0.7, 0.2]])
    >>> source_id(confidence, {"S01": ["piano"]}).times_s.tolist()
    [[1.0, 2.0]]
    """
    rows: dict[str, np.ndarray] = {}
    for stem, values in zip(confidence.labels, confidence.values, strict=True):
        for instrument in instruments.get(stem, ()):
            rows[instrument] = np.maximum(rows.get(instrument, values), values)
    times_s = confidence.grid.times_s()
    found = [
        (times_s[first], times_s[last - 1], instrument)
        for instrument, values in rows.items()
        for first, last in runs(values > ACTIVE)  # 0.5000 is inactive in the published files
    ]
    found.sort()
    return Intervals(np.array([row[:2] for row in found]).reshape(-1, 2), [row[2] for row in found])


def read_activation_confidence(path: PathLike) -> ActivityAnnotation:
    """Return the confidences of a MedleyDB ``_ACTIVATION_CONF.lab`` file, one row for each stem id.

    Parameters
    ----------
    path : str or Path
        CSV with the header ``time,S01,S02,…`` in any order of columns.

    Returns
    -------
    ActivityAnnotation
        Labels are the stem ids.

    Raises
    ------
    AnnotationError
        If columns are missing or occur twice, a value is outside [0, 1], or the times are not evenly spaced
        and rising.
    """
    return read_frames(path, "time", usual_hop_s=MEDLEYDB_HOP_S, lone_hop_s=MEDLEYDB_HOP_S)


def write_activation_confidence(path: PathLike, confidence: ActivityAnnotation) -> None:
    """Write confidences as MedleyDB does: header ``time,S01,…``, four decimals."""
    write_frames(path, confidence, "time", decimals=4)


def read_source_id(path: PathLike) -> Intervals:
    """Return the intervals of a MedleyDB ``_SOURCEID.lab`` file (CSV with a header)."""
    return read_rows(path, "start_time", "end_time", "instrument_label")


def write_source_id(path: PathLike, intervals: Intervals) -> None:
    """Write intervals as a MedleyDB ``_SOURCEID.lab`` file: header, four decimals."""
    lines = ["start_time,end_time,instrument_label"]
    lines += [f"{a:.4f},{b:.4f},{quoted(label)}" for (a, b), label in rows_of(intervals)]
    write_text(path, "\n".join(lines) + "\n")


# --- mir_eval and Audacity -----------------------------------------------------------------------


def read_lab(path: PathLike) -> Intervals:
    """Return the labelled intervals of a mir_eval ``.lab`` file: start, end, label by white space."""
    return read_plain(path, None)


def write_lab(path: PathLike, intervals: Intervals) -> None:
    """Write labelled intervals for ``mir_eval.io.load_labeled_intervals``: tab-separated seconds."""
    write_plain(path, intervals)


def read_audacity(path: PathLike) -> Intervals:
    """Return the labels of an Audacity label track; lines of spectral selections are passed over."""
    return read_plain(path, "\t")


def write_audacity(path: PathLike, intervals: Intervals) -> None:
    """Write an Audacity label track: start, end and label by tabs, six decimals."""
    write_plain(path, intervals)


# --- CSV and JSON --------------------------------------------------------------------------------


def read_intervals_csv(path: PathLike) -> Intervals:
    """Return the intervals of a file that `write_intervals_csv` wrote."""
    return read_rows(path, "start_s", "end_s", "label", score="score")


def write_intervals_csv(path: PathLike, intervals: Intervals) -> None:
    """Write intervals with the header ``start_s,end_s,label,score``."""
    lines = ["start_s,end_s,label,score"]
    lines += [
        f"{a:.6f},{b:.6f},{quoted(label)},{score:.4f}"
        for ((a, b), label), score in zip(rows_of(intervals), intervals.scores, strict=True)
    ]
    write_text(path, "\n".join(lines) + "\n")


def read_activity_csv(path: PathLike, *, hop_s: float | None = None) -> ActivityAnnotation:
    """Return the activity of a file that `write_activity_csv` wrote; empty cells are unknown.

    Parameters
    ----------
    path : str or Path
        CSV with the header ``start_s,<label>,…`` in any order of columns.
    hop_s : float, optional
        Length of the frame in a file of a single row, which does not tell it; `activity_to_json` keeps it.

    Returns
    -------
    ActivityAnnotation

    Raises
    ------
    AnnotationError
        If columns are missing or occur twice, a value is outside [0, 1], the times are not evenly spaced and
        rising, or there is a single row and no ``hop_s``.
    """
    return read_frames(path, "start_s", usual_hop_s=MEDLEYDB_HOP_S, lone_hop_s=hop_s)


def write_activity_csv(path: PathLike, activity: ActivityAnnotation) -> None:
    """Write one row a frame with the header ``start_s,<label>,…``; unknown values are empty cells."""
    write_frames(path, activity, "start_s", decimals=4)


def activity_to_json(activity: ActivityAnnotation) -> dict[str, Any]:
    """Return activity as plain values for strict JSON.

    Parameters
    ----------
    activity : ActivityAnnotation

    Returns
    -------
    dict
        ``format``, ``grid``, ``labels`` and ``values``: unknown is None, the others have five decimals.
    """
    values = [[None if math.isnan(v) else round(float(v), 5) for v in row] for row in activity.values]
    grid = activity.grid
    return {
        "format": "mirkit.activity/1",
        "grid": {"start_s": grid.start_s, "hop_s": grid.hop_s, "n_frames": grid.n_frames},
        "labels": list(activity.labels),
        "values": values,
    }


def activity_from_json(content: Mapping[str, Any]) -> ActivityAnnotation:
    """Return the activity of what `activity_to_json` gave.

    Parameters
    ----------
    content : mapping
        Parsed JSON.

    Returns
    -------
    ActivityAnnotation

    Raises
    ------
    AnnotationError
        If the format is another one or values do not fit.
    """
    try:
        if content["format"] != "mirkit.activity/1":
            raise AnnotationError(f"unknown format {content['format']!r}; wanted 'mirkit.activity/1'")
        values = np.array(content["values"], dtype=np.float32).reshape(len(content["labels"]), -1)
        return ActivityAnnotation(FrameGrid(**content["grid"]), tuple(content["labels"]), values)
    except DAMAGE as error:
        raise AnnotationError(f"not an activity in mirkit's JSON: {error}") from error


# --- JAMS ----------------------------------------------------------------------------------------


def intervals_to_jams(intervals: Intervals, duration_s: float) -> jams.JAMS:
    """Return a JAMS object with one ``tag_open`` observation for each interval.

    Parameters
    ----------
    intervals : Intervals
    duration_s : float
        Length of the audio, which JAMS files must state.

    Returns
    -------
    jams.JAMS

    Raises
    ------
    MissingDependencyError
        If the extra ``jams`` is not installed.
    """
    jams = _import_jams()
    document = jams.JAMS()
    document.file_metadata.duration = float(duration_s)
    annotation = jams.Annotation(namespace="tag_open", time=0, duration=float(duration_s))
    for (start_s, end_s), label, score in zip(
        intervals.times_s, intervals.labels, intervals.scores, strict=True
    ):
        annotation.append(time=start_s, duration=end_s - start_s, value=label, confidence=float(score))
    annotation.annotation_metadata.annotation_tools = "mirkit"
    document.annotations.append(annotation)
    return document


def write_jams(path: PathLike, intervals: Intervals, duration_s: float) -> None:
    """Write intervals as a JAMS file (extra ``jams``)."""
    # JAMS' own save validates against every schema, which takes minutes on long files.
    write_text(path, intervals_to_jams(intervals, duration_s).dumps(indent=1) + "\n")


def read_jams(path: PathLike) -> Intervals:
    """Return the observations of the first ``tag_open`` annotation of a JAMS file."""
    jams = _import_jams()
    with reading(path, AnnotationError, "a JAMS file with a 'tag_open' annotation"):
        found = jams.load(os.fspath(path), validate=False).search(namespace="tag_open")
        observations = list(found[0].data)
        times_s = [[float(o.time), float(o.time + o.duration)] for o in observations]
        scores = [1.0 if o.confidence is None else float(o.confidence) for o in observations]
        labels = [str(o.value) for o in observations]
        return Intervals(np.array(times_s).reshape(-1, 2), labels, np.array(scores))


def _import_jams() -> Any:
    try:
        import jams
    except ImportError as error:
        raise MissingDependencyError(
            "JAMS files need the package jams: pip install 'mirkit[jams]'"
        ) from error
    return jams

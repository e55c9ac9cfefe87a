"""Tables of frames and of intervals, as several text formats share them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mirkit._files import write_text
from mirkit._reading import reading
from mirkit.annotation.activity import ActivityAnnotation
from mirkit.annotation.intervals import Intervals
from mirkit.dsp import FrameGrid
from mirkit.errors import AnnotationError

PathLike = str | os.PathLike[str]
Row = tuple[int, list[str]]
"""Number of a line, from 1, and its cells."""


def _text(path: PathLike) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}: not UTF-8 text ({error}); is it an annotation file?") from error
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror})") from error


def _table(path: PathLike) -> tuple[list[str], list[Row]]:
    text = _text(path)
    with reading(path, AnnotationError, "a table of comma-separated values"):
        reader = csv.reader(io.StringIO(text))
        rows = [(reader.line_num, row) for row in reader if row]
    if not rows:
        raise AnnotationError(f"{path}: is empty; wanted a header line and rows of comma-separated values")
    return [name.strip() for name in rows[0][1]], rows[1:]


def read_frames(
    path: PathLike, time_column: str, *, usual_hop_s: float, lone_hop_s: float | None
) -> ActivityAnnotation:
    """Return the activity in a table with a column of times and one for each label.

    Parameters
    ----------
    path : str or Path
        File.
    time_column : str
        Its name.
    usual_hop_s : float
        Hop of files whose times agree with it as far as four decimals tell.
    lone_hop_s : float, optional
        Hop of a file of a single row; `AnnotationError` if it is needed and not given.

    Returns
    -------
    ActivityAnnotation
    """
    header, rows = _table(path)
    if time_column not in header or len(header) < 2:
        raise AnnotationError(
            f"{path}: header is {header}; wanted {time_column!r} and at least one more column"
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise AnnotationError(
            f"{path}, line 1: columns of the same name: {', '.join(map(repr, twice))}; rename or merge them"
        )
    numbers = np.array([_numbers(path, row, header) for row in rows], dtype=np.float64)
    column = header.index(time_column)
    labels = tuple(name for name in header if name != time_column)
    values = np.delete(numbers.reshape(-1, len(header)), column, axis=1)  # (n_frames, n_labels)
    lines = [line for line, _ in rows]
    grid = _grid(path, numbers.reshape(-1, len(header))[:, column], lines, usual_hop_s, lone_hop_s)
    _check_range(path, values, lines, labels)
    return ActivityAnnotation(grid, labels, values.T.astype(np.float32))


def _numbers(path: PathLike, row: Row, header: Sequence[str]) -> list[float]:
    """Return the cells of a row as numbers; empty ones are unknown."""
    line, cells = row
    if len(cells) != len(header):
        raise AnnotationError(f"{path}, line {line}: {len(cells)} values under {len(header)} column names")
    try:
        return [float(cell) if cell.strip() else np.nan for cell in cells]
    except ValueError as error:
        raise AnnotationError(
            f"{path}, line {line}: {error}; wanted numbers under every column name"
        ) from error


def _check_range(path: PathLike, values: np.ndarray, lines: Sequence[int], labels: Sequence[str]) -> None:
    # Unknown values are neither; what a 32-bit float takes for 1 is 1.
    outside = (values < 0) | (values > 1 + 2**-24)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise AnnotationError(
            f"{path}, line {lines[row]}: {labels[column]!r} is {values[row, column]:g}; "
            "values must lie in [0, 1], scale or clip them first"
        )


def _grid(
    path: PathLike,
    times_s: np.ndarray,
    lines: Sequence[int],
    usual_hop_s: float,
    lone_hop_s: float | None,
) -> FrameGrid:
    if len(times_s) == 0:
        raise AnnotationError(f"{path}: has a header but no rows")
    steps = np.diff(times_s)
    if not np.isfinite(times_s).all() or (steps <= 0).any():
        row = 1 + int(np.argmax(np.append(~(steps > 0), True)))
        line = lines[min(row, len(lines) - 1)]
        raise AnnotationError(f"{path}, line {line}: times must rise from row to row; sort the rows by time")
    if len(steps) == 0:
        if lone_hop_s is None:
            raise AnnotationError(
                f"{path}: a single row does not tell how long its frame is; give hop_s, or read the JSON file"
            )
        return FrameGrid(float(times_s[0]), lone_hop_s, 1)
    # Four decimals leave the hop uncertain by 0.1 ms over the whole file; the usual one is known.
    hop_s = (times_s[-1] - times_s[0]) / len(steps)
    if abs(hop_s - usual_hop_s) * len(steps) <= 2e-4:
        hop_s = usual_hop_s
    if np.abs(steps - hop_s).max() > 2e-4 + 1e-3 * hop_s:
        line = lines[1 + int(np.argmax(np.abs(steps - hop_s)))]
        raise AnnotationError(
            f"{path}, line {line}: times must be evenly spaced, {hop_s:.4f} s apart as elsewhere"
        )
    return FrameGrid(float(times_s[0]), float(hop_s), len(times_s))


def write_frames(path: PathLike, activity: ActivityAnnotation, time_column: str, decimals: int) -> None:
    """Write a row a frame, times under ``time_column``; unknown values are empty cells."""
    lines = [",".join([time_column, *map(quoted, activity.labels)])]
    for time_s, column in zip(activity.grid.times_s(), activity.values.T, strict=True):
        cells = ["" if np.isnan(value) else f"{value:.{decimals}f}" for value in column]
        lines.append(",".join([f"{time_s:.{decimals}f}", *cells]))
    write_text(path, "\n".join(lines) + "\n")


def read_rows(path: PathLike, start: str, end: str, label: str, score: str | None = None) -> Intervals:
    """Return the intervals in a table with columns of these names; scores are 1 without a column."""
    header, rows = _table(path)
    wanted = [start, end, label] + ([score] if score else [])
    if missing := [name for name in wanted if name not in header]:
        raise AnnotationError(f"{path}: header is {header}; {missing} missing")
    columns = [header.index(name) for name in wanted]
    found = []
    for line, row in rows:
        try:
            cells = [row[column] for column in columns]
            found.append(
                (float(cells[0]), float(cells[1]), cells[2].strip(), float(cells[3]) if score else 1.0)
            )
        except (IndexError, ValueError) as error:
            raise AnnotationError(f"{path}, line {line}: {row} is not {','.join(wanted)}") from error
    return _intervals(path, found)


def read_plain(path: PathLike, separator: str | None) -> Intervals:
    """Return the intervals in lines of start, end and label; None separates at white space."""
    found = []
    for line, text in enumerate(_text(path).splitlines(), start=1):
        if not text.strip() or text.startswith(("#", "\\")):
            continue
        cells = text.split(separator, 2)
        try:
            found.append((float(cells[0]), float(cells[1]), cells[2].strip() if len(cells) > 2 else "", 1.0))
        except (IndexError, ValueError) as error:
            raise AnnotationError(
                f"{path}, line {line}: {text!r} is not 'start end label' in seconds"
            ) from error
    return _intervals(path, found)


def _intervals(path: PathLike, rows: Sequence[tuple[float, float, str, float]]) -> Intervals:
    times_s = np.array([row[:2] for row in rows]).reshape(-1, 2)
    try:
        return Intervals(times_s, [row[2] for row in rows], np.array([row[3] for row in rows]))
    except AnnotationError as error:
        raise AnnotationError(f"{path}: {error}") from error


def write_plain(path: PathLike, intervals: Intervals) -> None:
    """Write lines of start, end and label by tabs."""
    # A tab or line break inside a label would start a new column or row.
    lines = [f"{a:.6f}\t{b:.6f}\t{' '.join(label.split())}\n" for (a, b), label in rows_of(intervals)]
    write_text(path, "".join(lines))


def rows_of(intervals: Intervals) -> list[tuple[np.ndarray, str]]:
    """Return start and end, and label, of each interval."""
    return list(zip(intervals.times_s, intervals.labels, strict=True))


def quoted(cell: str) -> str:
    """Return a cell as CSV needs it."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([cell])
    return buffer.getvalue()

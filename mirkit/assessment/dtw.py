"""The published alignment: dynamic time warping between a score's notes and the frames of a contour.

After the study's description: every voiced frame belongs to a note, octaves cost nothing, steps weigh the
same. Rows are notes, so that each row is computed at once; only every root-th row is kept and the rest is
computed again on the way back: memory is linear in the number of frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Warp", "folded", "warp"]


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """A warping path.

    Parameters
    ----------
    first, last : ndarray of shape (n_notes,)
        First and last frame of each note.
    cost : float
        Sum of the distances along the path.
    length : int
        Number of its points.
    slope_deviation : float
        Mean distance of its inner points from the straight line between its ends, in cells.
    """

    first: np.ndarray
    last: np.ndarray
    cost: float
    length: int
    slope_deviation: float


def folded(distance_st: np.ndarray) -> np.ndarray:
    """Return distances in semitones with octaves taken out, in [0, 6].

    Parameters
    ----------
    distance_st : ndarray
        Semitones, of any sign.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> folded(np.array([12.0, 11.0, -13.0, 6.0])).tolist()
    [0.0, 1.0, 1.0, 6.0]
    """
    rest = np.mod(np.abs(distance_st), 12.0)
    return np.asarray(np.minimum(rest, 12.0 - rest))


def warp(notes_midi: np.ndarray, frames_midi: np.ndarray) -> Warp:
    """Return the cheapest path through the distances of notes and frames.

    Parameters
    ----------
    notes_midi : ndarray of shape (n_notes,)
        Pitches of the score.
    frames_midi : ndarray of shape (n_frames,)
        Pitches of the voiced frames, tuning taken out.

    Returns
    -------
    Warp
        The same cost as ``librosa.sequence.dtw`` with its default steps.

    Examples
    --------
    >>> path = warp(np.array([60.0, 62.0]), np.array([60.0, 60.1, 62.0]))
    >>> path.first.tolist(), path.last.tolist(), round(path.cost, 3)
    ([0, 2], [1, 2], 0.1)
    """
    notes, frames = np.asarray(notes_midi, float), np.asarray(frames_midi, float)
    stride = max(1, int(np.ceil(np.sqrt(len(notes)))))
    kept: dict[int, np.ndarray] = {}
    row: np.ndarray | None = None
    for n, pitch in enumerate(notes):
        row, _ = _row(pitch, frames, row)
        if n % stride == 0:
            kept[n] = row
    assert row is not None  # noqa: S101  # a score has a note
    cost = float(row[-1])
    first, last = np.empty(len(notes), np.int64), np.empty(len(notes), np.int64)
    at = len(frames) - 1
    for start in range((len(notes) - 1) // stride * stride, -1, -stride):
        stop = min(start + stride, len(notes))
        rows, entries = _block(notes, frames, start, stop, stride, kept)
        for n in range(stop - 1, start - 1, -1):
            last[n] = at
            entry = entries[n - start]
            first[n] = 0 if n == 0 else int(np.flatnonzero(entry[: at + 1])[-1])
            if n == 0:
                break
            at = int(first[n])
            above = rows[n - 1 - start] if n > start else _above(notes, frames, start, stride, kept)
            if at > 0 and above[at - 1] <= above[at]:
                at -= 1
    return Warp(first, last, cost, int((last - first + 1).sum()), _slope_deviation(first, last))


def _row(pitch: float, frames: np.ndarray, above: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return accumulated costs of a note over all frames, and where the path may enter from above."""
    local = folded(frames - pitch)
    total = np.cumsum(local)
    if above is None:
        entry = np.zeros(len(frames), bool)
        entry[0] = True
        return total, entry
    arrive = above.copy()
    arrive[1:] = np.minimum(above[1:], above[:-1])
    # D[m] = local[m] + min(arrive[m], D[m - 1]), unrolled
    start = arrive - (total - local)
    lowest = np.minimum.accumulate(start)
    entry = start <= lowest
    return total + lowest, entry


def _block(
    notes: np.ndarray, frames: np.ndarray, start: int, stop: int, stride: int, kept: dict[int, np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the rows from one that was kept on, and their entries."""
    above = _above(notes, frames, start, stride, kept) if start else None
    rows, entries = [], []
    for n in range(start, stop):
        above, entry = _row(notes[n], frames, above)
        rows.append(above)
        entries.append(entry)
    return rows, entries


def _above(
    notes: np.ndarray, frames: np.ndarray, start: int, stride: int, kept: dict[int, np.ndarray]
) -> np.ndarray:
    """Return the row before ``start``, computed from the nearest one that was kept."""
    row = kept[start - stride]
    for n in range(start - stride + 1, start):
        row, _ = _row(notes[n], frames, row)
    return row


def _slope_deviation(first: np.ndarray, last: np.ndarray) -> float:
    lengths = last - first + 1
    y = np.repeat(np.arange(len(first)), lengths)  # notes
    x = (
        np.arange(lengths.sum())
        - np.repeat(np.cumsum(lengths) - lengths, lengths)
        + np.repeat(first, lengths)
    )
    if len(x) < 3:
        return 0.0
    dx, dy = float(x[-1] - x[0]), float(y[-1] - y[0])
    distance = np.abs(dx * (y - y[0]) - dy * (x - x[0])) / max(np.hypot(dx, dy), 1e-9)
    return float(distance[1:-1].mean())

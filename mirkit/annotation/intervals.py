"""Labelled stretches of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirkit._typing import TimeSpans
from mirkit.errors import AnnotationError

__all__ = ["Intervals"]


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Labelled stretches of time, in the layout of mir_eval.

    Parameters
    ----------
    times_s : ndarray of shape (n, 2)
        Start and end, seconds; the end is not before the start.
    labels : sequence of str
        One for each row.
    scores : ndarray of shape (n,), optional
        Confidence of each row; 1 where not given.

    Raises
    ------
    AnnotationError
        If the lengths differ, a time is not finite or an end comes before its start.

    Examples
    --------
    >>> Intervals([[0.0, 1.5]], ["piano"]).scores.tolist()
    [1.0]
    """

    times_s: TimeSpans
    labels: Sequence[str]
    scores: np.ndarray = None  # type: ignore[assignment]  # ones, filled in below

    def __post_init__(self) -> None:
        times_s = np.asarray(self.times_s, dtype=np.float64).reshape(-1, 2)
        scores = np.ones(len(times_s)) if self.scores is None else np.asarray(self.scores, dtype=np.float64)
        if not len(times_s) == len(self.labels) == len(scores):
            raise AnnotationError(
                "times_s, labels and scores must have the same number of rows, "
                f"got {len(times_s)}, {len(self.labels)}, {len(scores)}; one row each"
            )
        bad = ~np.isfinite(times_s).all(axis=1) | (times_s[:, 1] < times_s[:, 0])
        if bad.any():
            row = int(np.argmax(bad))
            raise AnnotationError(
                f"row {row} ({self.labels[row]!r}) runs from {times_s[row, 0]} to {times_s[row, 1]} s; "
                "times must be finite and must not run backwards"
            )
        object.__setattr__(self, "times_s", times_s)
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "scores", scores)

    def __len__(self) -> int:
        return len(self.labels)

"""Confusion of instruments where several play at once: what is missed when another is falsely found.

With one label a clip, a wrong answer names both the label that was found and the one that was missed. With
several, false and missed labels do not pair up; the ISMIR 2018 paper shows, for every label, the
distribution of the missed labels over the clips in which it was falsely found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirkit._typing import LabelFrames
from mirkit.errors import ParameterError

__all__ = ["Confusion", "confuse"]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Which labels are missed in the clips in which a label is falsely found.

    Parameters
    ----------
    labels : tuple of str
        Rows and columns.
    counts : ndarray of shape (n_labels, n_labels)
        ``counts[i, j]``: clips in which i was falsely found and j was missed. The diagonal is 0.
    n_false_positives : ndarray of shape (n_labels,)
        Clips in which the label of the row was falsely found.
    n_with_missed : ndarray of shape (n_labels,)
        Those of them in which any label was missed.

    Raises
    ------
    ParameterError
        If the shapes disagree.

    Examples
    --------
    >>> confusion = Confusion(("flute", "violin"), [[0, 3], [0, 0]], [4, 2], [3, 0])
    >>> confusion.distribution().tolist(), confusion.rates().tolist()
    ([[0.0, 1.0], [nan, nan]], [[0.0, 0.75], [0.0, 0.0]])
    """

    labels: tuple[str, ...]
    counts: np.ndarray
    n_false_positives: np.ndarray
    n_with_missed: np.ndarray

    def __post_init__(self) -> None:
        n_labels = len(self.labels)
        for name, shape in (
            ("counts", (n_labels, n_labels)),
            ("n_false_positives", (n_labels,)),
            ("n_with_missed", (n_labels,)),
        ):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if values.shape != shape:
                raise ParameterError(
                    f"{name} must have shape {shape}, one for each label; got {values.shape}"
                )
            object.__setattr__(self, name, values)
        object.__setattr__(self, "labels", tuple(self.labels))

    def distribution(self) -> np.ndarray:
        """Return the rows divided by their sums: of what was missed, the share of each label.

        Returns
        -------
        ndarray of shape (n_labels, n_labels)
            Rows sum to 1; a row without false positives, or without anything missed, is NaN.
        """
        return _divided(self.counts, self.counts.sum(axis=1))

    def rates(self) -> np.ndarray:
        """Return the rows divided by the false positives: how often each label was missed then.

        Returns
        -------
        ndarray of shape (n_labels, n_labels)
            In [0, 1]; a row without false positives is NaN.
        """
        return _divided(self.counts, self.n_false_positives)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON."""
        return {
            "labels": list(self.labels),
            "counts": self.counts.tolist(),
            "n_false_positives": self.n_false_positives.tolist(),
            "n_with_missed": self.n_with_missed.tolist(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Confusion:
        """Return what `to_json` gave; `ParameterError` if a part is missing."""
        try:
            return cls(
                tuple(content["labels"]),
                np.array(content["counts"], dtype=np.float64).reshape(-1, len(content["labels"])),
                content["n_false_positives"],
                content["n_with_missed"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(f"not a confusion in mirkit's JSON: {error}") from error


def confuse(
    reference: LabelFrames,
    estimate: LabelFrames,
    thresholds: np.ndarray | float,
    labels: Sequence[str],
    *,
    shared: bool = False,
) -> Confusion:
    """Return which labels are missed in the clips in which a label is falsely found.

    Parameters
    ----------
    reference : ndarray of shape (n_labels, n_clips)
        Truth: 1, 0 or NaN; an unknown label is neither falsely found nor missed.
    estimate : ndarray of shape (n_labels, n_clips)
        Scores.
    thresholds : float or ndarray of shape (n_labels,)
        A label is found where its score reaches its threshold.
    labels : sequence of str
        Names of the rows.
    shared : bool
        Divide the count of a clip among the labels missed in it, so that clips with many missed labels
        do not outweigh the others.

    Returns
    -------
    Confusion

    Examples
    --------
    >>> reference = np.array([[0, 0, 1], [1, 1, 0], [1, 0, 0]])
    >>> estimate = np.array([[0.9, 0.8, 0.7], [0.2, 0.9, 0.1], [0.1, 0.1, 0.1]])
    >>> confuse(reference, estimate, 0.5, ("flute", "violin", "piano")).counts[0].tolist()
    [0.0, 1.0, 1.0]
    """
    found = estimate >= np.reshape(thresholds, (-1, 1))  # (n_labels, n_clips)
    false = (found & (reference == 0)).astype(np.float64)
    missed = (~found & (reference == 1)).astype(np.float64)
    n_missed = missed.sum(axis=0)  # (n_clips,)
    credit = missed / np.maximum(n_missed, 1) if shared else missed
    return Confusion(tuple(labels), false @ credit.T, false.sum(axis=1), false @ (n_missed > 0))


def _divided(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    rows = np.full(counts.shape, np.nan)
    np.divide(counts, totals[:, np.newaxis], out=rows, where=totals[:, np.newaxis] > 0)
    return rows

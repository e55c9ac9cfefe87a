"""Measures of multi-label activity: functions of arrays, and `evaluate` over annotations.

Clips are columns: ``reference`` is ``(n_labels, n_clips)`` with 1, 0 or NaN (unknown, masked), ``estimate``
holds scores of the same shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit._typing import LabelFrames
from mirkit.annotation import ActivityAnnotation, Pooling
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scores", "best_thresholds", "evaluate", "label_ranking_average_precision", "per_label"]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Measures for each label and over all.

    Parameters
    ----------
    labels : tuple of str
        Rows.
    table : mapping of str to ndarray of shape (n_labels,)
        Measure to its value for each label; NaN where it is not defined.
    summary : mapping of str to float
        Measures over all labels.
    """

    labels: tuple[str, ...]
    table: Mapping[str, np.ndarray]
    summary: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; what is not defined is None."""
        return {
            "summary": {name: _finite(value) for name, value in self.summary.items()},
            "labels": {
                label: {name: _finite(column[row]) for name, column in self.table.items()}
                for row, label in enumerate(self.labels)
            },
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, one row for each label."""
        import pandas as pd

        return pd.DataFrame(dict(self.table), index=list(self.labels))


def evaluate(
    references: Sequence[ActivityAnnotation],
    estimates: Sequence[ActivityAnnotation],
    *,
    window_s: float = 1.0,
    pooling: Pooling = "max",
    min_active: float = 0.25,
    thresholds: Mapping[str, float] | float = 0.5,
) -> Scores:
    """Return how well estimated activity agrees with the truth over a corpus.

    Parameters
    ----------
    references : sequence of ActivityAnnotation
        Truth of each song; unknown values are masked.
    estimates : sequence of ActivityAnnotation
        Probabilities of the same songs, with the same labels.
    window_s : float
        Time scale: both are pooled to windows of so many seconds.
    pooling : {"max", "mean", "centre", "fraction"}
        How estimates of several frames become one.
    min_active : float
        Part of a second for which an instrument must sound to count as active in it; longer windows
        take the maximum over their seconds.
    thresholds : float or mapping of str to float
        For the measures of decisions (F1).

    Returns
    -------
    Scores
        For each label: AUC, average precision, F1, number of positive and negative clips. Labels
        without positives or without negatives have no AUC and are counted as ``n_undefined``.

    Raises
    ------
    ParameterError
        If the sequences do not match.
    """
    if len(references) != len(estimates) or not references:
        raise ParameterError(
            f"references and estimates must match, got {len(references)} and {len(estimates)}"
        )
    labels = estimates[0].labels
    pairs = [_clips(r, e, window_s, pooling, min_active) for r, e in zip(references, estimates, strict=True)]
    reference = np.concatenate([pair[0] for pair in pairs], axis=1)
    estimate = np.concatenate([pair[1] for pair in pairs], axis=1)
    limits = np.array(
        [thresholds[label] if isinstance(thresholds, Mapping) else thresholds for label in labels]
    )
    table = per_label(reference, estimate, limits)
    defined = ~np.isnan(table["auc"])
    summary = {
        "auc_macro": float(np.mean(table["auc"][defined])) if defined.any() else math.nan,
        "ap_macro": float(np.mean(table["ap"][defined])) if defined.any() else math.nan,
        "f1_macro": float(np.mean(table["f1"][defined])) if defined.any() else math.nan,
        "lrap": label_ranking_average_precision(reference, estimate),
        "n_clips": float(reference.shape[1]),
        "n_undefined": float((~defined).sum()),
    }
    return Scores(labels, table, summary)


def _clips(
    reference: ActivityAnnotation,
    estimate: ActivityAnnotation,
    window_s: float,
    pooling: Pooling,
    min_active: float,
) -> tuple[LabelFrames, LabelFrames]:
    if reference.labels != estimate.labels:
        raise ParameterError(
            f"labels differ: {reference.labels} and {estimate.labels}; merge the reference first"
        )
    share = reference.pool(1.0, "fraction")
    truth = share.binarize(min_active)
    scores = estimate
    if window_s > 1.0:
        truth, scores = truth.pool(window_s, "max"), scores.pool(window_s, pooling)
    # Truth and estimate of one song may differ by a last partial window.
    n = min(truth.grid.n_frames, scores.grid.n_frames)
    return truth.values[:, :n], scores.values[:, :n]


def per_label(reference: LabelFrames, estimate: LabelFrames, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """Return AUC, average precision, F1 and the numbers of positives and negatives for each label.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores.
    thresholds : ndarray of shape (n_labels,)
        Decision threshold of each label.

    Returns
    -------
    dict of str to ndarray of shape (n_labels,)
        ``auc``, ``ap``, ``f1``, ``n_positive``, ``n_negative``.
    """
    from sklearn import metrics

    n_positive = (reference == 1).sum(axis=1)
    n_negative = (reference == 0).sum(axis=1)
    defined = (n_positive > 0) & (n_negative > 0)
    estimate = np.nan_to_num(estimate, nan=0.0)

    def column(measure: Callable[[np.ndarray, np.ndarray, float], float]) -> np.ndarray:
        values = np.full(len(reference), np.nan)
        for row in np.flatnonzero(defined):
            known = ~np.isnan(reference[row])
            values[row] = measure(reference[row, known], estimate[row, known], float(thresholds[row]))
        return values

    return {
        "auc": column(lambda truth, score, _: metrics.roc_auc_score(truth, score)),
        "ap": column(lambda truth, score, _: metrics.average_precision_score(truth, score)),
        "f1": column(lambda truth, score, limit: metrics.f1_score(truth, score >= limit, zero_division=0.0)),
        "n_positive": n_positive,
        "n_negative": n_negative,
    }


def label_ranking_average_precision(reference: LabelFrames, estimate: LabelFrames) -> float:
    """Return the label ranking average precision, equal to scikit-learn's.

    For each clip and each of its true labels, the share of true labels among all labels that score at
    least as high; the mean over true labels, then over clips. Clips without true labels count 1, as in
    scikit-learn. Unknown labels of a clip are left out of its ranking.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores.

    Returns
    -------
    float
        In (0, 1]; NaN without clips.

    Examples
    --------
    >>> label_ranking_average_precision(np.array([[1], [0], [0]]), np.array([[0.5], [0.9], [0.1]]))
    0.5
    """
    clips = []
    for truth, score in zip(reference.T, estimate.T, strict=True):
        known = ~np.isnan(truth)
        true, score = truth[known] == 1, score[known]
        if not true.any() or true.all():
            clips.append(1.0)
            continue
        above = score[np.newaxis, :] >= score[true][:, np.newaxis]  # (n_true, n_known)
        clips.append(float(((above & true).sum(axis=1) / above.sum(axis=1)).mean()))
    return float(np.mean(clips)) if clips else math.nan


def best_thresholds(reference: LabelFrames, estimate: LabelFrames, *, default: float = 0.5) -> np.ndarray:
    """Return for each label the threshold with the highest F1; the default where none is defined."""
    from sklearn import metrics

    thresholds = np.full(len(reference), default)
    for row, (truth, score) in enumerate(zip(reference, estimate, strict=True)):
        known = ~np.isnan(truth)
        if (truth[known] == 1).any() and (truth[known] == 0).any():
            precision, recall, limits = metrics.precision_recall_curve(truth[known], score[known])
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            thresholds[row] = limits[int(np.argmax(f1[:-1]))]
    return np.asarray(np.clip(thresholds, 0.02, 0.98))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

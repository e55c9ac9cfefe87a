"""Measures of multi-label scores: functions of arrays.

Clips are columns: ``reference`` is ``(n_labels, n_clips)`` with 1, 0 or NaN (unknown, masked), ``estimate``
holds scores of the same shape; a score that is NaN counts as 0, so that silence cannot pay.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from mirkit._typing import LabelFrames
from mirkit.errors import ParameterError

__all__ = ["best_thresholds", "decisions", "label_ranking_average_precision", "per_label"]

FIXED = 0.5
"""Threshold of the measures that are to be comparable whatever was tuned."""


def per_label(reference: LabelFrames, estimate: LabelFrames, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """Return the measures and counts of each label.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores.
    thresholds : ndarray of shape (n_labels,)
        Decision threshold of each label.

    Returns
    -------
    dict of str to ndarray of shape (n_labels,)
        ``auc``, ``ap`` (average precision), ``f1`` at the thresholds, ``f1_fixed`` at 0.5, all NaN for a
        label without positives or without negatives; ``lrap``, the label ranking average precision over
        the clips that hold the label, NaN without any; ``threshold``; the numbers of clips ``n_positive``,
        ``n_negative``, ``n_unknown``, and at the thresholds ``n_false_positive``, ``n_false_negative``.

    Examples
    --------
    >>> reference, estimate = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.7, 0.1]])
    >>> table = per_label(reference, estimate, np.full(2, 0.5))
    >>> table["auc"].tolist(), table["n_false_positive"].tolist()
    ([1.0, nan], [0, 1])
    """
    from sklearn import metrics

    estimate = np.nan_to_num(estimate, nan=0.0)
    found = estimate >= np.reshape(thresholds, (-1, 1))
    n_positive = (reference == 1).sum(axis=1)
    n_negative = (reference == 0).sum(axis=1)
    defined = np.flatnonzero((n_positive > 0) & (n_negative > 0))

    def column(measure: Callable[[np.ndarray, np.ndarray, float], float]) -> np.ndarray:
        values = np.full(len(reference), np.nan)
        for row in defined:
            known = ~np.isnan(reference[row])
            values[row] = measure(reference[row, known], estimate[row, known], float(thresholds[row]))
        return values

    precisions = _ranking_precisions(reference, estimate)
    n_ranked = np.maximum(n_positive, 1)
    return {
        "auc": column(lambda truth, score, _: metrics.roc_auc_score(truth, score)),
        "ap": column(lambda truth, score, _: metrics.average_precision_score(truth, score)),
        "f1": column(lambda truth, score, limit: metrics.f1_score(truth, score >= limit, zero_division=0.0)),
        "f1_fixed": column(
            lambda truth, score, _: metrics.f1_score(truth, score >= FIXED, zero_division=0.0)
        ),
        "lrap": np.where(n_positive > 0, np.nansum(precisions, axis=1) / n_ranked, np.nan),
        "threshold": np.asarray(thresholds, dtype=np.float64),
        "n_positive": n_positive,
        "n_negative": n_negative,
        "n_unknown": np.isnan(reference).sum(axis=1),
        "n_false_positive": (found & (reference == 0)).sum(axis=1),
        "n_false_negative": (~found & (reference == 1)).sum(axis=1),
    }


def decisions(
    reference: LabelFrames, estimate: LabelFrames, thresholds: np.ndarray | float
) -> dict[str, float]:
    """Return the measures of decisions that run over all labels at once.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores.
    thresholds : float or ndarray of shape (n_labels,)
        A label is found where its score reaches its threshold.

    Returns
    -------
    dict of str to float
        ``f1_micro``, over all pairs of clip and label; ``exact_match``, the share of clips in which every
        label that is known is right, among the clips of which anything is known.

    Examples
    --------
    >>> decisions(np.array([[1, 0], [0, np.nan]]), np.array([[0.9, 0.8], [0.1, 0.9]]), 0.5)
    {'f1_micro': 0.6666666666666666, 'exact_match': 0.5}
    """
    known = ~np.isnan(reference)
    found = np.nan_to_num(estimate, nan=0.0) >= np.reshape(thresholds, (-1, 1))
    hits = int((found & (reference == 1)).sum())
    wrong = known & (found != (reference == 1))
    judged = known.any(axis=0)
    n_decided = 2 * hits + int(wrong.sum())
    return {
        "f1_micro": 2 * hits / n_decided if n_decided else math.nan,
        "exact_match": float((~wrong.any(axis=0))[judged].mean()) if judged.any() else math.nan,
    }


def label_ranking_average_precision(
    reference: LabelFrames,
    estimate: LabelFrames,
    *,
    over: Literal["clips", "nonempty clips", "labels"] = "clips",
) -> float:
    """Return the label ranking average precision, equal to scikit-learn's.

    For each clip and each of its true labels, the share of true labels among all labels that score at
    least as high; the mean over true labels, then over clips. Unknown labels of a clip are left out of
    its ranking, clips of which nothing is known out of the mean.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores.
    over : {"clips", "nonempty clips", "labels"}
        ``clips`` counts a clip without true labels as 1, as scikit-learn does, which flatters; ``nonempty
        clips`` leaves it out; ``labels`` takes one mean over all pairs of a clip and a true label, so
        that a clip counts as often as it has labels.

    Returns
    -------
    float
        In (0, 1]; NaN where there is nothing to average.

    Raises
    ------
    ParameterError
        If ``over`` is none of these.

    Examples
    --------
    >>> reference, estimate = np.array([[1, 0], [0, 0]]), np.array([[0.5, 0.1], [0.9, 0.1]])
    >>> label_ranking_average_precision(reference, estimate)
    0.75
    >>> label_ranking_average_precision(reference, estimate, over="nonempty clips")
    0.5
    """
    if over not in ("clips", "nonempty clips", "labels"):
        raise ParameterError(f"over must be 'clips', 'nonempty clips' or 'labels', got {over!r}")
    precisions = _ranking_precisions(reference, np.nan_to_num(estimate, nan=0.0))
    n_true = (reference == 1).sum(axis=0)  # (n_clips,)
    totals = np.nansum(precisions, axis=0)
    if over == "labels":
        return float(totals.sum() / n_true.sum()) if n_true.any() else math.nan
    clips = np.where(n_true > 0, totals / np.maximum(n_true, 1), 1.0)
    # clips of which nothing is known would count as perfect
    counted = n_true > 0 if over == "nonempty clips" else ~np.isnan(reference).all(axis=0)
    clips = clips[counted]
    return float(clips.mean()) if clips.size else math.nan


def _ranking_precisions(reference: LabelFrames, estimate: LabelFrames) -> np.ndarray:
    """Return for each true label the share of true ones among those ranked no lower; NaN elsewhere."""
    known, true = ~np.isnan(reference), reference == 1
    precisions = np.full(reference.shape, np.nan)
    for row, score in enumerate(estimate):
        above = known & (estimate >= score)  # (n_labels, n_clips)
        share = (above & true).sum(axis=0) / np.maximum(above.sum(axis=0), 1)
        precisions[row] = np.where(true[row], share, np.nan)
    return precisions


def best_thresholds(reference: LabelFrames, estimate: LabelFrames, *, default: float = 0.5) -> np.ndarray:
    """Return for each label the threshold with the highest F1.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_labels, n_clips)
        Truth (1, 0, NaN) and scores, of validation data.
    default : float
        For labels without positives or without negatives.

    Returns
    -------
    ndarray of shape (n_labels,)
        In [0.02, 0.98].

    Examples
    --------
    >>> best_thresholds(np.array([[0, 0, 1]]), np.array([[0.1, 0.3, 0.7]])).tolist()
    [0.7]
    """
    from sklearn import metrics

    thresholds = np.full(len(reference), default)
    for row, (truth, score) in enumerate(zip(reference, estimate, strict=True)):
        known = ~np.isnan(truth)
        if (truth[known] == 1).any() and (truth[known] == 0).any():
            precision, recall, limits = metrics.precision_recall_curve(truth[known], score[known])
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            thresholds[row] = limits[int(np.argmax(f1[:-1]))]
    return np.asarray(np.clip(thresholds, 0.02, 0.98))

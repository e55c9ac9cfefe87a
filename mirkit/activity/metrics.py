"""How well estimated activity agrees with the truth, on the time scales from a second to a track."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mirkit._typing import LabelFrames
from mirkit.activity.confusion import Confusion, confuse
from mirkit.activity.measures import FIXED, decisions, label_ranking_average_precision, per_label
from mirkit.annotation import ACTIVE, ActivityAnnotation, Pooling
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SCALES_S", "ClipRule", "Scores", "evaluate", "evaluate_scales"]

ClipRule = Literal["fraction", "any", "mean", "centre"]
"""When an instrument counts as active in a second of the truth; see `evaluate`."""

SCALES_S = (1.0, 5.0, 10.0, math.inf)
"""The time scales of the paper: seconds, and the whole track."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Measures for each label and over all, on one time scale.

    Parameters
    ----------
    labels : tuple of str
        Rows.
    table : mapping of str to ndarray of shape (n_labels,)
        Measure to its value for each label; NaN where it is not defined.
    summary : mapping of str to float
        Measures over all labels.
    confusion : Confusion
        What was missed when another label was falsely found.
    window_s : float
        Length of a clip in seconds; infinite for whole tracks.
    pooling : str
        How the estimates of a clip's seconds became one.
    """

    labels: tuple[str, ...]
    table: Mapping[str, np.ndarray]
    summary: Mapping[str, float]
    confusion: Confusion
    window_s: float = 1.0
    pooling: Pooling = "max"

    @property
    def scale(self) -> str:
        """Time scale in words: ``1 s`` or ``track``."""
        return f"{self.window_s:g} s" if math.isfinite(self.window_s) else "track"

    def undefined(self) -> dict[str, tuple[str, ...]]:
        """Return the labels without AUC, average precision and F1, by the reason for it.

        Returns
        -------
        dict of str to tuple of str
            ``no positives`` and ``no negatives`` to labels; a label may be in both.
        """
        rows = {"no positives": self.table["n_positive"], "no negatives": self.table["n_negative"]}
        return {
            reason: tuple(label for label, count in zip(self.labels, counts, strict=True) if count == 0)
            for reason, counts in rows.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; what is not defined is None, and so is an endless window."""
        return {
            "window_s": _finite(self.window_s),
            "pooling": self.pooling,
            "summary": {name: _finite(value) for name, value in self.summary.items()},
            "labels": {
                label: {name: _finite(column[row]) for name, column in self.table.items()}
                for row, label in enumerate(self.labels)
            },
            "undefined": {reason: list(labels) for reason, labels in self.undefined().items()},
            "confusion": self.confusion.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Scores:
        """Return what `to_json` gave; `ParameterError` if a part is missing."""
        try:
            rows = content["labels"]
            names = list(next(iter(rows.values()))) if rows else []
            return cls(
                tuple(rows),
                {name: np.array([_number(row[name]) for row in rows.values()]) for name in names},
                {name: _number(value) for name, value in content["summary"].items()},
                Confusion.from_json(content["confusion"]),
                math.inf if content["window_s"] is None else float(content["window_s"]),
                content["pooling"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ParameterError(f"not scores in mirkit's JSON: {error!r}") from error

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
    rule: ClipRule = "fraction",
    min_active: float = 0.25,
    thresholds: Mapping[str, float] | float = 0.5,
) -> Scores:
    """Return how well estimated activity agrees with the truth over a corpus.

    Parameters
    ----------
    references : sequence of ActivityAnnotation
        Truth of each song; unknown values are masked.
    estimates : sequence of ActivityAnnotation
        Probabilities of the same songs, with the same labels, at least one a second.
    window_s : float
        Time scale, a whole number of seconds or infinite: truth is decided second by second, then both are
        pooled to windows of so many seconds, the truth by its maximum. The last window of a song may be
        shorter.
    pooling : {"max", "mean", "top3", "centre", "fraction"}
        How estimates of several seconds become one; the paper takes the maximum.
    rule : {"fraction", "any", "mean", "centre"}
        When an instrument is active in a second: active frames make up ``min_active`` of it; any frame
        is active; the mean, or the middle frame, reaches 0.5.
    min_active : float
        For the rule ``fraction``.
    thresholds : float or mapping of str to float
        For the measures of decisions; those with ``_fixed`` in their names are at 0.5 whatever is given.

    Returns
    -------
    Scores
        Labels without positives or without negatives have no AUC, average precision or F1 and take no
        part in the means; they stay in the table with their counts, and `Scores.undefined` names them.

    Raises
    ------
    ParameterError
        If the sequences do not match, or the annotations of a song do not.

    Examples
    --------
    >>> from mirkit import FrameGrid
    >>> truth = ActivityAnnotation(FrameGrid(0.0, 0.5, 4), ("flute",), [[1, 1, 0, 0]])
    >>> estimate = ActivityAnnotation(FrameGrid(0.0, 1.0, 2), ("flute",), [[0.8, 0.3]])
    >>> evaluate([truth], [estimate]).summary["auc_macro"]
    1.0
    """
    return evaluate_scales(
        references,
        estimates,
        windows_s=(window_s,),
        poolings=(pooling,),
        rule=rule,
        min_active=min_active,
        thresholds=thresholds,
    )[0]


def evaluate_scales(
    references: Sequence[ActivityAnnotation],
    estimates: Sequence[ActivityAnnotation],
    *,
    windows_s: Sequence[float] = SCALES_S,
    poolings: Sequence[Pooling] = ("max", "mean", "top3"),
    rule: ClipRule = "fraction",
    min_active: float = 0.25,
    thresholds: Mapping[str, float] | float = 0.5,
) -> tuple[Scores, ...]:
    """Return what `evaluate` does on several time scales and with several kinds of pooling.

    Parameters
    ----------
    references, estimates : sequence of ActivityAnnotation
        As for `evaluate`.
    windows_s : sequence of float
        Time scales, whole seconds; ``math.inf`` for whole tracks.
    poolings : sequence of str
        Each is applied to every scale above 1 s; at 1 s they are the same.
    rule, min_active, thresholds
        As for `evaluate`.

    Returns
    -------
    tuple of Scores
        In the order of the windows, then of the poolings.

    Raises
    ------
    ParameterError
        As for `evaluate`.
    """
    if len(references) != len(estimates) or not references:
        raise ParameterError(
            f"references and estimates must match, got {len(references)} and {len(estimates)}"
        )
    if wrong := [window_s for window_s in windows_s if not window_s >= 1.0]:
        raise ParameterError(f"windows must be 1 s or longer, got {wrong}; truth is decided by the second")
    if wrong := [window_s for window_s in windows_s if math.isfinite(window_s) and window_s % 1]:
        raise ParameterError(
            f"windows must be whole seconds or infinite, got {wrong}; truth is decided by the second"
        )
    seconds = [_seconds(r, e, rule, min_active) for r, e in zip(references, estimates, strict=True)]
    labels = estimates[0].labels
    limits = np.array([thresholds[k] if isinstance(thresholds, Mapping) else thresholds for k in labels])
    found = []
    for window_s in windows_s:
        truth = np.concatenate([_pooled(pair[0], window_s, "max") for pair in seconds], axis=1)
        n_partial = sum(math.isfinite(window_s) and pair[0].grid.n_frames % window_s > 0 for pair in seconds)
        for pooling in poolings if window_s > 1.0 else poolings[:1]:
            score = np.concatenate([_pooled(pair[1], window_s, pooling) for pair in seconds], axis=1)
            table = per_label(truth, score, limits)
            summary = {**_summary(truth, score, limits, table), "n_partial": float(n_partial)}
            found.append(
                Scores(labels, table, summary, confuse(truth, score, limits, labels), window_s, pooling)
            )
    return tuple(found)


def _seconds(
    reference: ActivityAnnotation, estimate: ActivityAnnotation, rule: ClipRule, min_active: float
) -> tuple[ActivityAnnotation, ActivityAnnotation]:
    """Return truth (1, 0, NaN) and estimate of each second that both know of."""
    if reference.labels != estimate.labels:
        raise ParameterError(
            f"labels differ: {reference.labels} and {estimate.labels}; merge the reference first"
        )
    if abs(reference.grid.start_s - estimate.grid.start_s) > 1e-3:
        raise ParameterError(
            f"reference starts at {reference.grid.start_s} s and estimate at {estimate.grid.start_s} s; "
            "align one to the other's grid first"
        )
    if max(reference.grid.hop_s, estimate.grid.hop_s) > 1.0 + 1e-9:
        raise ParameterError(
            f"reference and estimate must have a value for each second at least, got one every "
            f"{reference.grid.hop_s:g} and {estimate.grid.hop_s:g} s"
        )
    how: Pooling = "max" if rule == "any" else rule
    truth = reference.pool(1.0, how).binarize(min_active if rule == "fraction" else ACTIVE)
    score = estimate.pool(1.0, "mean")
    n = min(truth.grid.n_frames, score.grid.n_frames)  # they may differ by a last partial second
    return _first(truth, n), _first(score, n)


def _first(activity: ActivityAnnotation, n_frames: int) -> ActivityAnnotation:
    grid = replace(activity.grid, n_frames=n_frames)
    return ActivityAnnotation(grid, activity.labels, activity.values[:, :n_frames])


def _pooled(activity: ActivityAnnotation, window_s: float, how: Pooling) -> LabelFrames:
    return activity.pool(window_s, how).values if window_s > 1.0 else activity.values


def _summary(
    reference: LabelFrames, estimate: LabelFrames, limits: np.ndarray, table: Mapping[str, np.ndarray]
) -> dict[str, float]:
    defined = ~np.isnan(table["auc"])

    def over_labels(name: str) -> float:
        return float(np.mean(table[name][defined])) if defined.any() else math.nan

    tuned, fixed = decisions(reference, estimate, limits), decisions(reference, estimate, FIXED)
    return {
        "auc_macro": over_labels("auc"),
        "ap_macro": over_labels("ap"),
        "lrap": label_ranking_average_precision(reference, estimate),
        "lrap_nonempty": label_ranking_average_precision(reference, estimate, over="nonempty clips"),
        "lrap_label_weighted": label_ranking_average_precision(reference, estimate, over="labels"),
        "f1_macro": over_labels("f1"),
        "f1_micro": tuned["f1_micro"],
        "exact_match": tuned["exact_match"],
        "f1_macro_fixed": over_labels("f1_fixed"),
        "f1_micro_fixed": fixed["f1_micro"],
        "exact_match_fixed": fixed["exact_match"],
        "n_clips": float(reference.shape[1]),
        "n_empty": float((~(reference == 1).any(axis=0)).sum()),
        "n_undefined": float((~defined).sum()),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)

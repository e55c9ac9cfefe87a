"""How well samples are found: in which songs, and where.

Conventions: an occurrence is found if a detection begins within a second of it, each detection and each
occurrence counting once; a detection near an occurrence that another one has found already is no error, as in
the published evaluation. A song is found if it holds the sample and is said to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit.errors import ParameterError
from mirkit.sampling.result import Detections

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scores", "evaluate", "matches", "reliability"]

TOLERANCE_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Measures of a corpus of pairs.

    Parameters
    ----------
    summary : mapping of str to float
        ``song_precision``, ``song_recall``, ``song_f``, ``song_fpr``, ``song_auc``, and ``place_precision``,
        ``place_recall``, ``place_f``; NaN where not defined.
    items : sequence of mapping
        For each pair whether the sample is there, the song's confidence, and numbers of hits, misses and
        false alarms.
    """

    summary: Mapping[str, float]
    items: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; what is not defined is None."""
        return {
            "summary": {
                name: None if not np.isfinite(value) else float(value) for name, value in self.summary.items()
            },
            "items": [dict(item) for item in self.items],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each pair."""
        import pandas as pd

        return pd.DataFrame([dict(item) for item in self.items])


def evaluate(
    references: Sequence[Detections], estimates: Sequence[Detections], *, tolerance_s: float = TOLERANCE_S
) -> Scores:
    """Return how well samples were found.

    Parameters
    ----------
    references : sequence of Detections
        Truth: all occurrences in each song, none where the sample is not.
    estimates : sequence of Detections
        Of the same pairs, in the same order.
    tolerance_s : float
        Of the beginning of an occurrence, seconds.

    Returns
    -------
    Scores

    Raises
    ------
    ParameterError
        If there are not as many estimates as references.

    Examples
    --------
    >>> from mirkit.annotation import Intervals
    >>> truth = Detections(Intervals([[3.0, 5.0]], ["riff"]), [0.0], [1.0], 1.0)
    >>> evaluate([truth, Detections.none()], [truth, Detections.none()]).summary["song_f"]
    1.0
    """
    if len(references) != len(estimates):
        raise ParameterError(
            f"{len(references)} references for {len(estimates)} estimates; give one for each"
        )
    items = []
    for reference, estimate in zip(references, estimates, strict=True):
        hits, false = matches(reference, estimate, tolerance_s=tolerance_s)
        items.append(
            {
                "present": len(reference) > 0,
                "said_present": estimate.present,
                "song_confidence": float(estimate.song_confidence),
                "hits": hits,
                "misses": len(reference) - hits,
                "false_alarms": false,
            }
        )
    present = np.array([item["present"] for item in items], bool)
    said = np.array([item["said_present"] for item in items], bool)
    summary = {
        **_prf(
            "song", int((present & said).sum()), int((~present & said).sum()), int((present & ~said).sum())
        ),
        "song_fpr": float(said[~present].mean()) if (~present).any() else float("nan"),
        "song_auc": _auc(present, np.array([item["song_confidence"] for item in items])),
        **_prf(
            "place", *(sum(int(item[key]) for item in items) for key in ("hits", "false_alarms", "misses"))
        ),
    }
    return Scores(summary, items)


def matches(reference: Detections, estimate: Detections, *, tolerance_s: float) -> tuple[int, int]:
    """Return the numbers of occurrences found and of false alarms in one song.

    Parameters
    ----------
    reference, estimate : Detections
        Of one pair.
    tolerance_s : float
        Seconds.

    Returns
    -------
    hits, false_alarms : int
    """
    if not len(reference) or not len(estimate):
        return 0, len(estimate)
    from scipy.optimize import linear_sum_assignment

    apart = np.abs(reference.intervals.times_s[:, :1] - estimate.intervals.times_s[:, 0])
    near = apart <= tolerance_s
    pairs = linear_sum_assignment(-near.astype(float))
    return int(near[pairs].sum()), int((~near.any(axis=0)).sum())


def _prf(name: str, hits: int, false: int, missed: int) -> dict[str, float]:
    precision = hits / (hits + false) if hits + false else float("nan")
    recall = hits / (hits + missed) if hits + missed else float("nan")
    total = 2 * hits + false + missed
    return {
        f"{name}_precision": precision,
        f"{name}_recall": recall,
        f"{name}_f": 2 * hits / total if total else float("nan"),
    }


def _auc(present: np.ndarray, confidence: np.ndarray) -> float:
    if not present.any() or present.all():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(present, confidence))


def reliability(scores: Scores, *, n_bins: int = 5) -> list[tuple[float, float, int]]:
    """Return how often songs of about the same confidence hold the sample.

    Parameters
    ----------
    scores : Scores
        From `evaluate`.
    n_bins : int
        Stretches of confidence of the same width.

    Returns
    -------
    list of (float, float, int)
        Mean confidence, share of songs with the sample, and number of songs in each stretch that has any.
    """
    confidence = np.array([item["song_confidence"] for item in scores.items])
    present = np.array([item["present"] for item in scores.items], float)
    place = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return [
        (float(confidence[place == k].mean()), float(present[place == k].mean()), int((place == k).sum()))
        for k in range(n_bins)
        if (place == k).any()
    ]

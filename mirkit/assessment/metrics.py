"""How well ratings agree with a jury's, and how well notes are found.

Conventions: a rating is a share of the most points, in [0, 1]; performances where either side has none are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit.assessment.result import Assessment
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scores", "agreement", "evaluate", "note_scores"]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Agreement by category.

    Parameters
    ----------
    table : mapping of str to mapping of str to float
        Category to measures, see `agreement`.
    """

    table: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; what is not defined is None."""
        return {
            name: {key: None if not np.isfinite(value) else float(value) for key, value in row.items()}
            for name, row in self.table.items()
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each category."""
        import pandas as pd

        return pd.DataFrame.from_dict({k: dict(v) for k, v in self.table.items()}, orient="index")


def agreement(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """Return how well estimated ratings agree with a jury's.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n,)
        Ratings; pairs with NaN are left out.

    Returns
    -------
    dict of str to float
        ``r`` and ``p`` (Pearson), ``spearman``, ``r2`` = 1 - squared errors over squared deviations,
        ``s`` (root mean squared error), ``n``; NaN where fewer than three pairs or no variation define none.

    Examples
    --------
    >>> found = agreement(np.array([0.2, 0.4, 0.9]), np.array([0.3, 0.4, 0.8]))
    >>> round(found["r"], 3), round(found["r2"], 3)
    (0.996, 0.923)
    """
    from scipy import stats

    reference, estimate = np.asarray(reference, float), np.asarray(estimate, float)
    both = np.isfinite(reference) & np.isfinite(estimate)
    reference, estimate = reference[both], estimate[both]
    found = {
        "r": np.nan,
        "p": np.nan,
        "spearman": np.nan,
        "r2": np.nan,
        "s": np.nan,
        "n": float(len(reference)),
    }
    if len(reference) < 3:
        return found
    errors = reference - estimate
    found["s"] = float(np.sqrt(np.mean(errors**2)))
    if np.ptp(reference) > 0:
        found["r2"] = float(1.0 - (errors**2).sum() / ((reference - reference.mean()) ** 2).sum())
    if np.ptp(reference) > 0 and np.ptp(estimate) > 0:
        found["r"], found["p"] = (float(v) for v in stats.pearsonr(reference, estimate))
        found["spearman"] = float(stats.spearmanr(reference, estimate).statistic)
    return found


def evaluate(references: Sequence[Assessment], estimates: Sequence[Assessment]) -> Scores:
    """Return how well estimated assessments agree with a jury's, by category.

    Parameters
    ----------
    references : sequence of Assessment
        With the jury's ratings.
    estimates : sequence of Assessment
        Of the same performances, in the same order.

    Returns
    -------
    Scores

    Raises
    ------
    ParameterError
        If there are not as many estimates as references.

    Examples
    --------
    >>> from mirkit.assessment.result import Rating
    >>> from dataclasses import replace
    >>> jury = [replace(Assessment.empty(()), ratings={"tone": Rating(p, 15.0)}) for p in (5.0, 9.0, 12.0)]
    >>> round(evaluate(jury, jury).table["tone"]["r"], 3)
    1.0
    """
    if len(references) != len(estimates):
        raise ParameterError(
            f"{len(references)} references for {len(estimates)} estimates; give one for each"
        )
    categories = list(dict.fromkeys(name for item in references for name in item.ratings))
    table = {
        name: agreement(_shares(references, name), _shares(estimates, name))
        for name in categories
        if any(name in item.ratings for item in estimates)
    }
    return Scores(table)


def _shares(items: Sequence[Assessment], name: str) -> np.ndarray:
    shares = [item.ratings[name].share if name in item.ratings else None for item in items]
    return np.array([np.nan if share is None else share for share in shares])


def note_scores(reference: Mapping[str, set[int]], estimate: Mapping[str, set[int]]) -> dict[str, float]:
    """Return precision, recall and F of notes that went wrong, by kind.

    Parameters
    ----------
    reference, estimate : mapping of str to set of int
        Kind of fault to the notes that have it.

    Returns
    -------
    dict of str to float
        ``<kind>_precision``, ``<kind>_recall``, ``<kind>_f``; 1 where there is nothing to find and nothing
        found.

    Examples
    --------
    >>> note_scores({"wrong": {1, 2}}, {"wrong": {2, 3}})["wrong_f"]
    0.5
    """
    found: dict[str, float] = {}
    for kind, truth in reference.items():
        said = estimate.get(kind, set())
        hits = len(truth & said)
        precision = hits / len(said) if said else float(not truth)
        recall = hits / len(truth) if truth else 1.0
        total = precision + recall
        found |= {
            f"{kind}_precision": precision,
            f"{kind}_recall": recall,
            f"{kind}_f": 2 * precision * recall / total if total else 0.0,
        }
    return found

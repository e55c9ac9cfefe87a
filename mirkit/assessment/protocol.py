"""The published protocol: held-out predictions by leave-one-out, folds or years, and the removal of outliers.

Scaling, imputation and the removal of outliers see training data only. Upstream reports its figures on what
is left after the removal, which flatters: here there are three, before, after, and on all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mirkit.assessment.config import SVRConfig
from mirkit.assessment.metrics import agreement
from mirkit.assessment.regression import Regression, fit
from mirkit.errors import ParameterError

__all__ = ["HeldOut", "folds", "held_out", "remove_outliers", "train_on_two"]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Predictions of models that had not seen the performance.

    Parameters
    ----------
    estimates : ndarray of shape (n_performances,)
        Predictions.
    kept : ndarray of shape (n_performances,)
        False for those removed as outliers.
    before, after, on_all : dict of str to float
        Agreement without removal; on what is left after it, which flatters; and on all, those removed
        predicted by models of those left.
    """

    estimates: np.ndarray
    kept: np.ndarray
    before: dict[str, float]
    after: dict[str, float]
    on_all: dict[str, float]


def folds(
    n: int, n_folds: int, *, rng: np.random.Generator, groups: Sequence[str] | None = None
) -> list[np.ndarray]:
    """Return the test indices of each fold.

    Parameters
    ----------
    n : int
        Performances.
    n_folds : int
        ``n`` or more for leave-one-out.
    rng : Generator
        Shuffles.
    groups : sequence of str, optional
        Members of a group stay in one fold.

    Returns
    -------
    list of ndarray
        Together, every index once.

    Raises
    ------
    ParameterError
        If there are fewer than two folds, performances or groups.

    Examples
    --------
    >>> parts = folds(7, 3, rng=np.random.default_rng(0))
    >>> sorted(np.concatenate(parts).tolist())
    [0, 1, 2, 3, 4, 5, 6]
    """
    labels = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = np.unique(labels)
    if n_folds < 2 or len(units) < 2:
        raise ParameterError(
            f"wanted at least two folds and two performances or groups, got {n_folds}, {len(units)}"
        )
    order = units if n_folds >= len(units) else rng.permutation(units)
    parts = np.array_split(order, min(n_folds, len(units)))
    return [np.flatnonzero(np.isin(labels, part)) for part in parts]


def _estimates(
    X: np.ndarray, y: np.ndarray, parts: Sequence[np.ndarray], config: SVRConfig, usable: np.ndarray
) -> np.ndarray:
    """Return a prediction for every row from a model of the usable rows of the other parts."""
    out = np.full(len(y), np.nan)
    for test in parts:
        train = usable.copy()
        train[test] = False
        out[test] = fit(X[train], y[train], config).predict(X[test])
    return out


def remove_outliers(
    X: np.ndarray, y: np.ndarray, parts: Sequence[np.ndarray], config: SVRConfig, share: float
) -> np.ndarray:
    """Return which rows are left after taking out, one by one, that with the largest held-out error.

    Parameters
    ----------
    X, y : ndarray
        Descriptors ``(n, n_descriptors)`` and ratings ``(n,)``.
    parts : sequence of ndarray
        Test indices of each fold.
    config : SVRConfig
        Regression.
    share : float
        Of the rows to take out; rounded down.

    Returns
    -------
    ndarray of shape (n,)
        False for those taken out.
    """
    kept = np.ones(len(y), bool)
    for _ in range(int(share * len(y))):
        error = np.abs(_estimates(X, y, parts, config, kept) - y)
        error[~kept] = -1.0
        kept[int(np.argmax(error))] = False
    return kept


def held_out(
    X: np.ndarray,
    y: np.ndarray,
    *,
    config: SVRConfig | None = None,
    n_folds: int = 10,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> HeldOut:
    """Return cross-validated predictions and their agreement with the ratings.

    Parameters
    ----------
    X : ndarray of shape (n_performances, n_descriptors)
        Descriptors.
    y : ndarray of shape (n_performances,)
        Ratings in [0, 1].
    config : SVRConfig, optional
        Regression; ``outlier_share`` above 0 removes outliers.
    n_folds : int
        ``n_performances`` for leave-one-out.
    groups : sequence of str, optional
        Kept together.
    seed : int
        Of the shuffling.

    Returns
    -------
    HeldOut

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(60, 2))
    >>> found = held_out(X, 0.3 + 0.4 * X[:, 0] + 0.01 * rng.normal(size=60))
    >>> found.before["r"] > 0.95
    True
    """
    config = config or SVRConfig()
    parts = folds(len(y), n_folds, rng=np.random.default_rng(seed), groups=groups)
    everything = np.ones(len(y), bool)
    estimates = _estimates(X, y, parts, config, everything)
    before = agreement(y, estimates)
    if not config.outlier_share:
        return HeldOut(estimates, everything, before, before, before)
    kept = remove_outliers(X, y, parts, config, config.outlier_share)
    cleaned = _estimates(X, y, parts, config, kept)
    return HeldOut(cleaned, kept, before, agreement(y[kept], cleaned[kept]), agreement(y, cleaned))


def train_on_two(
    X: np.ndarray, y: np.ndarray, groups: Sequence[str], *, config: SVRConfig | None = None, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Return, for each group, the agreement of a model of all other groups.

    Calibration shifts from year to year; this is what a new year would see.

    Parameters
    ----------
    X, y : ndarray
        Descriptors and ratings.
    groups : sequence of str
        Such as years; outliers are removed from the training groups only.
    config : SVRConfig, optional
        Regression.
    seed : int
        Of the folds by which outliers are found.

    Returns
    -------
    dict of str to dict of str to float
    """
    config = config or SVRConfig()
    labels = np.asarray(groups)
    found = {}
    for group, train, test in _leave_groups_out(labels):
        rows = train
        if config.outlier_share:
            parts = folds(len(train), 10, rng=np.random.default_rng(seed))
            rows = train[remove_outliers(X[train], y[train], parts, config, config.outlier_share)]
        found[group] = agreement(y[test], fit(X[rows], y[rows], config).predict(X[test]))
    return found


def _leave_groups_out(labels: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for group in np.unique(labels):
        yield str(group), np.flatnonzero(labels != group), np.flatnonzero(labels == group)


def with_cohort(regression: Regression, y: np.ndarray, estimates: np.ndarray) -> Regression:
    """Return a regression that knows its cohort: held-out predictions for ranks, errors for intervals."""
    return replace(regression, cohort=np.sort(estimates), errors=np.sort(np.abs(estimates - y)))


def as_row(found: dict[str, float]) -> dict[str, float | None]:
    """Return rounded values for a table; what is not defined is None, as strict JSON has no NaN."""
    return {name: round(value, 4) if np.isfinite(value) else None for name, value in found.items()}

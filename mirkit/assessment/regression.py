"""Linear nu-SVR kept as arrays: trained by scikit-learn, predicted with NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mirkit.assessment.config import SVRConfig
from mirkit.errors import CheckpointError, ParameterError

__all__ = ["Regression", "fit"]

N_QUANTILES = 101


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Scaling and linear function of one rating.

    Parameters
    ----------
    knots : ndarray of shape (n_knots, n_descriptors)
        Values of each descriptor at equally spaced shares of the training data; two knots, least and most,
        for min-max scaling.
    weights : ndarray of shape (n_descriptors,)
        Of the scaled descriptors.
    bias : ndarray of shape (1,)
        Added.
    fill : ndarray of shape (n_descriptors,)
        Stands for what could not be measured: the median.
    cohort : ndarray of shape (n_performances,)
        Held-out predictions on the training data, sorted: for ranks.
    errors : ndarray of shape (n_performances,)
        Absolute errors of these, sorted: for intervals.
    """

    FIELDS: ClassVar[tuple[str, ...]] = ("knots", "weights", "bias", "fill", "cohort", "errors")

    knots: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    fill: np.ndarray
    cohort: np.ndarray
    errors: np.ndarray

    def scaled(self, X: np.ndarray) -> np.ndarray:
        """Return descriptors in units of the training data's range, missing ones filled; not truncated."""
        X = np.where(np.isfinite(X), X, self.fill)
        if len(self.knots) == 2:
            span = self.knots[1] - self.knots[0]
            return np.asarray(np.where(span > 0, (X - self.knots[0]) / np.where(span > 0, span, 1.0), 0.0))
        return np.column_stack([_rank_gauss(X[:, k], self.knots[:, k]) for k in range(X.shape[1])])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return ratings in [0, 1] for descriptors ``(n_performances, n_descriptors)``."""
        return np.asarray(np.clip(self.scaled(X) @ self.weights + self.bias, 0.0, 1.0))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as named arrays."""
        return {name: np.asarray(getattr(self, name), np.float64) for name in self.FIELDS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Regression:
        """Return the regression of named arrays; `CheckpointError` if they do not fit."""
        if set(arrays) != set(cls.FIELDS):
            raise CheckpointError(
                f"a regression needs {', '.join(cls.FIELDS)}, got {', '.join(arrays) or 'nothing'}"
            )
        n = len(arrays["weights"])
        if arrays["knots"].ndim != 2 or arrays["knots"].shape[1] != n or arrays["fill"].shape != (n,):
            raise CheckpointError(f"a regression of {n} weights has knots of shape {arrays['knots'].shape}")
        return cls(**arrays)


def _rank_gauss(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks that values have among the training data."""
    from scipy.special import ndtri

    # the mean of both sides gives ties, such as many zeros, their middle rank
    grid = np.linspace(0.0, 1.0, len(knots))
    up = np.interp(values, knots, grid)
    down = 1.0 - np.interp(-values, -knots[::-1], grid)
    return np.asarray(ndtri(np.clip(0.5 * (up + down), 0.005, 0.995)))


def fit(X: np.ndarray, y: np.ndarray, config: SVRConfig | None = None) -> Regression:
    """Return a linear nu-SVR of ratings on descriptors.

    Parameters
    ----------
    X : ndarray of shape (n_performances, n_descriptors)
        NaN for what could not be measured.
    y : ndarray of shape (n_performances,)
        Ratings in [0, 1].
    config : SVRConfig, optional
        Scaling, C and nu.

    Returns
    -------
    Regression
        With an empty cohort; whoever has held-out predictions adds it.

    Raises
    ------
    ParameterError
        If there are fewer than three performances, shapes do not fit or a rating is outside [0, 1].

    Examples
    --------
    >>> X = np.linspace(0, 1, 20)[:, np.newaxis]
    >>> bool(abs(fit(X, 0.2 + 0.5 * X[:, 0]).predict(np.array([[0.5]]))[0] - 0.45) < 0.05)
    True
    """
    from sklearn.svm import NuSVR

    config = config or SVRConfig()
    X, y = np.asarray(X, float), np.asarray(y, float)
    if X.ndim != 2 or y.shape != (len(X),) or len(y) < 3:
        raise ParameterError(
            f"wanted at least three rows of descriptors and as many ratings, got {X.shape}, {y.shape}"
        )
    if not (np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1):
        raise ParameterError(
            f"ratings must lie in [0, 1], got {np.nanmin(y)} to {np.nanmax(y)}; divide by the most"
        )
    finite = np.where(np.isfinite(X), X, np.nan)
    known = np.isfinite(finite).any(axis=0)
    fill = np.zeros(X.shape[1])
    fill[known] = np.nanmedian(finite[:, known], axis=0)
    filled = np.where(np.isfinite(X), X, fill)
    if config.scaling == "minmax":
        knots = np.stack([filled.min(axis=0), filled.max(axis=0)])
    else:
        knots = np.quantile(filled, np.linspace(0, 1, N_QUANTILES), axis=0)
    empty = np.zeros(0)
    blank = Regression(knots, np.zeros(X.shape[1]), np.zeros(1), fill, empty, empty)
    machine = NuSVR(kernel="linear", C=config.C, nu=config.nu).fit(blank.scaled(filled), y)
    return Regression(knots, machine.coef_[0].copy(), machine.intercept_.copy(), fill, empty, empty)

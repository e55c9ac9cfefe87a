"""Statistics that both published sets of descriptors share: over notes, and of a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["histogram_six", "named", "of_histogram", "over_notes", "standard_deviation", "statistics"]

STATS = ("mean", "std", "max", "min")
SIX = ("crest", "bin_width", "skewness", "kurtosis", "rolloff", "tonal_ratio")
SIX_MEANING = {
    "crest": ("share", "largest bin over the sum of the eleven bins around it"),
    "bin_width": ("s", "width of a bin"),
    "skewness": ("", "skewness of the distribution; with compat, of the heights of the bins"),
    "kurtosis": ("", "excess kurtosis of the distribution; with compat, of the heights of the bins"),
    "rolloff": ("bins", "number of bins that hold 85 % of all"),
    "tonal_ratio": ("share", "squares of the peaks over squares of all bins"),
}


def over_notes(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Return name to unit and meaning of the four statistics over notes."""
    return {f"{name}_{stat}": (unit, f"{stat} over notes of {meaning}") for stat in STATS}


def of_histogram(name: str, meaning: str) -> dict[str, tuple[str, str]]:
    """Return name to unit and meaning of the six numbers of a histogram."""
    return {f"{name}_{key}": (unit, f"{meaning}: {text}") for key, (unit, text) in SIX_MEANING.items()}


def histogram_six(
    values: Sequence[float] | np.ndarray, n_bins: int, *, compat: bool = False
) -> dict[str, float]:
    """Return six numbers that describe a histogram of equal bins between least and most.

    Parameters
    ----------
    values : sequence of float
        Such as times between onsets, seconds.
    n_bins : int
        Bins.
    compat : bool
        Skewness and kurtosis of the heights of the bins, as the released code has it.

    Returns
    -------
    dict of str to float
        See `SIX_MEANING`; zeros without values.

    Examples
    --------
    >>> six = histogram_six([0.5, 0.5, 0.5, 1.0], 50)
    >>> six["bin_width"], six["rolloff"], round(six["skewness"], 3)
    (0.01, 50.0, 1.155)
    """
    values = np.asarray(values, float)
    if not len(values):
        return dict.fromkeys(SIX, 0.0)
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=n_bins, range=(low, high if high > low else low + 1e-9))
    share = counts / counts.sum()
    top = int(np.argmax(share))
    peaks = (share[1:-1] > share[:-2]) & (share[1:-1] >= share[2:])
    squares = share**2
    heights = squares[1:-1][peaks]
    moments = share if compat else values
    return {
        "crest": float(share[top] / share[max(0, top - 5) : top + 6].sum()),
        "bin_width": (high - low) / n_bins,
        "skewness": _moment(moments, 3),
        "kurtosis": _moment(moments, 4) - 3.0,
        "rolloff": float(np.searchsorted(np.cumsum(share), 0.85 - 1e-12) + 1),
        "tonal_ratio": float(heights[heights > 5e-4].sum() / squares.sum()),
    }


def _moment(values: np.ndarray, order: int) -> float:
    spread = float(values.std())
    # like values have no skewness, and the kurtosis of a normal distribution stands in
    return (
        float(np.mean((values - values.mean()) ** order) / spread**order)
        if spread > 1e-9
        else {3: 0.0, 4: 3.0}[order]
    )


def named(prefix: str, six: dict[str, float]) -> dict[str, float]:
    """Return the six numbers under names of their own."""
    return {f"{prefix}_{key}": value for key, value in six.items()}


def statistics(name: str, values: np.ndarray) -> dict[str, float]:
    """Return the four statistics of values of notes; NaN without notes."""
    if not len(values):
        return {f"{name}_{stat}": np.nan for stat in STATS}
    found = (values.mean(), standard_deviation(values), values.max(), values.min())
    return {f"{name}_{stat}": float(value) for stat, value in zip(STATS, found, strict=True)}


def standard_deviation(values: np.ndarray) -> float:
    """Return the standard deviation with n - 1, 0 for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

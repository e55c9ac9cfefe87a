"""The transparent model: monotone maps from named measurements to points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mirkit.assessment.config import CATEGORIES, POINTS, RubricRow
from mirkit.assessment.measurements import MEASUREMENTS, SCORE_BASED
from mirkit.assessment.result import Rating
from mirkit.errors import ParameterError

__all__ = ["ROWS", "check_rows", "rate"]

STEP = 0.1
"""Points are given in tenths."""

ROWS: tuple[RubricRow, ...] = (
    RubricRow("musicality", "pause_share", 2.0, (0.0, 0.02, 0.1, 0.3, 0.6), (1.0, 1.0, 0.7, 0.3, 0.0)),
    RubricRow("musicality", "restart_rate", 2.0, (0.0, 2.0, 6.0, 15.0), (1.0, 0.75, 0.4, 0.0)),
    RubricRow("musicality", "tempo_wobble", 1.0, (0.08, 0.2, 0.45), (1.0, 0.6, 0.0)),
    RubricRow("musicality", "tempo_drift", 1.0, (0.12, 0.35, 0.8), (1.0, 0.6, 0.0)),
    RubricRow("musicality", "sounding_ratio", 0.5, (0.3, 0.6, 0.8), (0.0, 0.7, 1.0)),
    RubricRow("tone", "harmonicity_db", 3.0, (0.0, 5.0, 9.0, 12.0), (0.0, 0.4, 0.8, 1.0)),
    RubricRow("tone", "jitter_cents", 1.5, (1.5, 5.0, 15.0, 40.0), (1.0, 0.75, 0.3, 0.0)),
    RubricRow("tone", "roughness_db", 1.0, (0.25, 0.8, 2.0), (1.0, 0.6, 0.0)),
    RubricRow("tone", "intonation_cents", 2.0, (12.0, 20.0, 30.0, 45.0), (1.0, 0.8, 0.4, 0.0)),
    RubricRow("notes", "note_accuracy", 1.0, (0.2, 0.5, 0.8, 0.95, 0.99), (0.0, 0.25, 0.65, 0.92, 1.0)),
    RubricRow("rhythm", "onset_error_ms", 1.5, (20.0, 35.0, 70.0, 140.0), (1.0, 0.8, 0.4, 0.0)),
    RubricRow("rhythm", "rhythm_error", 1.0, (0.2, 0.35, 0.6, 0.9), (1.0, 0.75, 0.3, 0.0)),
    RubricRow("artistry", "articulation_spread", 2.0, (0.25, 0.5, 1.0, 1.6), (1.0, 0.7, 0.3, 0.0)),
    RubricRow("artistry", "legato", 1.0, (0.15, 0.35, 0.55), (0.0, 0.7, 1.0)),
    RubricRow("artistry", "accent_spread_db", 1.0, (4.0, 7.0, 12.0), (1.0, 0.7, 0.0)),
)
"""Category, measurement, weight, and the corners of the map."""

NEEDED = {"notes": "note_accuracy", "rhythm": "onset_error_ms"}
"""Without this measurement a category has no points, whatever else there is."""


def check_rows(rows: tuple[RubricRow, ...]) -> None:
    """Raise `ParameterError` unless every row names a category and a measurement that exist.

    Parameters
    ----------
    rows : tuple of RubricRow
        Rows of a rubric.

    Raises
    ------
    ParameterError
        Naming the row.
    """
    for row in rows:
        if row.category not in CATEGORIES or row.measurement not in MEASUREMENTS:
            raise ParameterError(
                f"rubric row {row.category}/{row.measurement}: categories are {', '.join(CATEGORIES)}, "
                f"measurements {', '.join(MEASUREMENTS)}"
            )


def rate(values: Mapping[str, float], rows: tuple[RubricRow, ...], *, with_score: bool) -> dict[str, Rating]:
    """Return the points of each category.

    A category's share is the weighted mean of its rows' maps; rows whose measurement is absent do not count.

    Parameters
    ----------
    values : mapping of str to float
        Measurements.
    rows : tuple of RubricRow
        The maps.
    with_score : bool
        Whether there was a score; for the reasons.

    Returns
    -------
    dict of str to Rating

    Examples
    --------
    >>> rate({"note_accuracy": 1.0}, ROWS, with_score=True)["notes"].points
    10.0
    """
    ratings = {}
    for category, most in zip(CATEGORIES, POINTS, strict=True):
        mine = [row for row in rows if row.category == category]
        known = [row for row in mine if row.measurement in values]
        if not known or NEEDED.get(category, known[0].measurement) not in values:
            ratings[category] = Rating(None, most, _absent(mine, with_score))
            continue
        shares = [float(np.interp(values[row.measurement], row.values, row.shares)) for row in known]
        share = float(np.average(shares, weights=[row.weight for row in known]))
        points = round(round(most * share / STEP) * STEP, 2)
        ratings[category] = Rating(points, most, _lost(known, shares, values))
    return ratings


def _absent(rows: list[RubricRow], with_score: bool) -> str:
    names = ", ".join(row.measurement for row in rows)
    if not with_score and all(row.measurement in SCORE_BASED for row in rows):
        return f"needs a score ({names})"
    return f"too few notes to measure {names}"


def _lost(rows: list[RubricRow], shares: list[float], values: Mapping[str, float]) -> str:
    """Return the measurements that took points off, most first."""
    total = sum(row.weight for row in rows)
    losses = [(row.weight * (1.0 - share) / total, row) for row, share in zip(rows, shares, strict=True)]
    told = sorted((loss for loss in losses if loss[0] > 0.03), key=lambda loss: -loss[0])
    units = {name: unit for name, (unit, _) in MEASUREMENTS.items()}
    return ", ".join(
        f"{row.measurement} {values[row.measurement]:.3g} {units[row.measurement]} (-{100 * loss:.0f} %)"
        for loss, row in told
    )

"""E5, mirkit's own descriptors: robust statistics in cents, milliseconds and decibels on aligned notes."""

from __future__ import annotations

import numpy as np

from mirkit.assessment.features import Analysis
from mirkit.assessment.measurements import MEASUREMENTS

__all__ = ["NAMES", "describe"]

_QUANTILES = {
    "cents_median": ("cents", "median |cents| of right notes"),
    "cents_p90": ("cents", "90th percentile of |cents| of right notes"),
    "cents_bias": ("cents", "median cents of right notes"),
    "onset_p50_ms": ("ms", "median |deviation| of onsets from the local tempo"),
    "onset_p90_ms": ("ms", "90th percentile of it"),
    "duration_p90": ("octaves", "90th percentile of |log2| of sounding to written length"),
    "tempo_iqr": ("octaves", "interquartile range of log2 of the local tempo"),
    "pace": ("log2 quarters/min", "log2 of the median tempo"),
    "clear_share": ("share", "notes of the score that are right and of confidence above 0.5"),
    "alignment_cost": ("", "price of the alignment for each note"),
    "fragments": ("share", "notes heard that continue another, of all heard"),
    "low_level_share": ("share", "right notes more than 10 dB below the median level"),
}

NAMES = MEASUREMENTS | _QUANTILES
"""Name to unit and meaning."""


def describe(analysis: Analysis) -> dict[str, float]:
    """Return E5.

    Parameters
    ----------
    analysis : Analysis
        From `features.analyse`; without a score, only what needs none.

    Returns
    -------
    dict of str to float
        What cannot be measured is absent.
    """
    values = dict(analysis.measurements)
    found, alignment = analysis.account, analysis.alignment
    if found is None or alignment is None:
        return values
    played = found.played[found.played["status"] != "missed"]
    right = found.played[found.played["status"] == "correct"]
    values["alignment_cost"] = alignment.cost
    matched = int((alignment.notes >= 0).sum())
    visits = len(np.unique(alignment.visits[alignment.notes >= 0]))
    values["fragments"] = 1.0 - visits / matched if matched else 0.0
    values["clear_share"] = float((right["confidence"] > 0.5).sum() / len(found.played))
    if len(right) >= 3:
        cents = np.abs(right["cents"])
        values["cents_median"], values["cents_p90"] = np.quantile(cents, [0.5, 0.9]).tolist()
        values["cents_bias"] = float(np.median(right["cents"]))
        values["low_level_share"] = float(np.mean(right["level_db"] < np.median(right["level_db"]) - 10.0))
    late = np.abs(played["deviation_ms"][np.isfinite(played["deviation_ms"])])
    if len(late) >= 3:
        values["onset_p50_ms"], values["onset_p90_ms"] = np.quantile(late, [0.5, 0.9]).tolist()
        ratio = played["duration_ratio"][played["duration_ratio"] > 0]
        values["duration_p90"] = float(np.quantile(np.abs(np.log2(ratio)), 0.9)) if len(ratio) else np.nan
    if len(found.tempo) >= 4:
        log_tempo = np.log2(found.tempo[:, 1])
        low, mid, high = np.quantile(log_tempo, [0.25, 0.5, 0.75])
        values["tempo_iqr"], values["pace"] = float(high - low), float(mid)
    return values

"""Named measurements of a performance: what the rubric's maps start from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirkit.assessment.alignment import Alignment
from mirkit.assessment.feedback import Account
from mirkit.assessment.pitch import Contour
from mirkit.assessment.segmentation import quick

__all__ = ["MEASUREMENTS", "measure"]

MEASUREMENTS = {
    "note_accuracy": ("share", "notes right, less half of the added ones, of the score's notes"),
    "correct_share": ("share", "score notes played at the right pitch"),
    "wrong_share": ("share", "score notes played at another pitch"),
    "missed_share": ("share", "score notes not played"),
    "added_share": ("share", "notes that the score has not, relative to its notes"),
    "onset_error_ms": ("ms", "mean distance of onsets from the local tempo, each at most 250"),
    "rhythm_error": (
        "octaves",
        "mean |log2| of the time between onsets to that asked at the local tempo, at most 1",
    ),
    "pause_share": ("share", "time stopped where the score does not stop, of the whole"),
    "restart_rate": ("per 100 notes", "jumps back and skips of three or more notes"),
    "tempo_wobble": ("octaves", "spread of log2 of the local tempo about its trend"),
    "tempo_drift": ("octaves", "change of log2 tempo from beginning to end along its trend"),
    "articulation_spread": (
        "octaves",
        "spread of log2 of sounding to written length, of notes of like length",
    ),
    "legato": ("ratio", "median of sounding to written length"),
    "accent_spread_db": ("dB", "level from note to note, its slow course taken out"),
    "intonation_cents": ("cents", "mean distance from the pitch asked, tuning taken out, each at most 50"),
    "jitter_cents": ("cents", "irregular movement of pitch within notes, faster than vibrato"),
    "drift_cents": ("cents", "median slow movement of pitch within long notes"),
    "harmonicity_db": ("dB", "median ratio of periodic to other sound within notes"),
    "roughness_db": ("dB", "irregular movement of level within notes"),
    "sounding_ratio": ("share", "time with notes between first and last"),
    "dynamic_range_db": ("dB", "level of loud notes over soft ones (90th and 10th percentile)"),
}
"""Name to unit and meaning."""

SCORE_BASED = frozenset(list(MEASUREMENTS)[:14])


def measure(
    contour: Contour,
    heard: npt.NDArray[np.void],
    tuning_st: float,
    alignment: Alignment | None,
    found: Account | None,
) -> dict[str, float]:
    """Return the measurements that can be made; those on fewer than three notes cannot."""
    values = _of_tone(contour, heard)
    end_s = heard["onset_s"][-1] + heard["duration_s"][-1]
    span_s = float(end_s - heard["onset_s"][0])
    values["sounding_ratio"] = float(min(1.0, heard["duration_s"].sum() / max(span_s, 1e-3)))
    away = heard["pitch_midi"] - tuning_st
    cents = 100.0 * (away - np.round(away))
    weights = heard["duration_s"]
    if found is not None and alignment is not None:
        values |= _of_notes(found)
        values |= _of_time(found, alignment, span_s)
        right = found.played[found.played["status"] == "correct"]
        cents, weights = right["cents"], right["duration_s"]
    if len(cents) >= 3:
        values["intonation_cents"] = float(
            np.average(np.minimum(np.abs(cents), 50.0), weights=np.sqrt(weights))
        )
    return {
        name: round(float(values[name]), 6) for name in MEASUREMENTS if np.isfinite(values.get(name, np.nan))
    }


def _of_notes(found: Account) -> dict[str, float]:
    status, n = found.played["status"], len(found.played)
    shares = {name: float((status == name).sum() / n) for name in ("correct", "wrong", "missed")}
    added = len(found.added) / n
    return {f"{name}_share": share for name, share in shares.items()} | {
        "added_share": added,
        "note_accuracy": max(0.0, shares["correct"] - 0.5 * added),
    }


def _of_time(found: Account, alignment: Alignment, span_s: float) -> dict[str, float]:
    played = found.played[found.played["status"] != "missed"]
    values: dict[str, float] = {
        "pause_share": float(min(1.0, sum(p.duration_s for p in found.pauses) / max(span_s, 1e-3))),
        "restart_rate": 100.0 * (len(alignment.restarts) + len(alignment.skips)) / len(found.played),
    }
    sure = played[played["confidence"] > 0.15]
    deviation_ms = sure["deviation_ms"][np.isfinite(sure["deviation_ms"])]
    if len(deviation_ms) >= 3:
        values["onset_error_ms"] = float(np.mean(np.minimum(np.abs(deviation_ms), 250.0)))
        values["rhythm_error"] = _rhythm_error(sure, alignment)
    if len(found.tempo) >= 8:
        log_tempo = np.log2(found.tempo[:, 1])
        x = (found.tempo[:, 0] - found.tempo[:, 0].mean()) / max(np.ptp(found.tempo[:, 0]), 1e-6)
        slope = float((x * log_tempo).sum() / (x**2).sum())
        values["tempo_drift"] = abs(slope)
        values["tempo_wobble"] = 1.4826 * float(np.median(np.abs(log_tempo - log_tempo.mean() - slope * x)))
    ratio = sure["duration_ratio"]
    usable = np.isfinite(ratio) & (ratio > 0)
    if usable.sum() >= 6:
        log_ratio = np.log2(np.clip(ratio[usable], 0.05, 4.0))
        values["legato"] = float(np.median(ratio[usable]))
        values["articulation_spread"] = 1.4826 * float(np.median(np.abs(log_ratio - np.median(log_ratio))))
        level = sure["level_db"][usable]
        steps = level[1:-1] - 0.5 * (level[:-2] + level[2:])
        values["accent_spread_db"] = 1.4826 * float(np.median(np.abs(steps)))
    return values


def _rhythm_error(sure: npt.NDArray[np.void], alignment: Alignment) -> float:
    consecutive = np.diff(sure["note"]) == 1
    asked = np.diff(alignment.seconds[sure["note"]])[consecutive]
    taken = np.maximum(np.diff(sure["onset_s"])[consecutive], 0.02)
    if not len(asked):
        return float("nan")
    return float(np.mean(np.minimum(np.abs(np.log2(taken / np.maximum(asked, 0.02))), 1.0)))


def _of_tone(contour: Contour, heard: npt.NDArray[np.void]) -> dict[str, float]:
    """Return measurements within notes, their middles only."""
    midi = contour.midi()
    jitter, rough, harmonic, drift, weights = [], [], [], [], []
    for note in heard:
        first = contour.grid.index(note["onset_s"])
        last = contour.grid.index(note["onset_s"] + note["duration_s"])
        margin = max(3, int(0.15 * (last - first)))
        part = slice(first + margin, last - margin)
        pitch = midi[part]
        if len(pitch) < 12 or not np.isfinite(pitch).all():
            continue
        cents = 100.0 * pitch
        jitter.append(float(np.std(quick(cents))))
        rough.append(float(np.std(quick(contour.level_db[part].astype(float)))))
        clarity = np.clip(np.median(contour.clarity[part]), 0.01, 0.9999)
        harmonic.append(float(10.0 * np.log10(clarity / (1.0 - clarity))))
        if len(pitch) >= 60:
            drift.append(float(np.ptp([np.median(part) for part in np.array_split(cents, 3)])))
        weights.append(float(note["duration_s"]))
    values = {}
    if len(weights) >= 3:
        values["jitter_cents"] = _weighted_median(jitter, weights)
        values["roughness_db"] = _weighted_median(rough, weights)
        values["harmonicity_db"] = _weighted_median(harmonic, weights)
    if len(drift) >= 3:
        values["drift_cents"] = float(np.median(drift))
    if len(heard) >= 5:
        loud, soft = np.quantile(heard["level_db"], [0.9, 0.1])
        values["dynamic_range_db"] = float(loud - soft)
    return values


def _weighted_median(values: list[float], weights: list[float]) -> float:
    order = np.argsort(values)
    total = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][int(np.searchsorted(total, 0.5 * total[-1]))])

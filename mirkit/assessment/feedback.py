"""What became of every note of the score, and of every bar: the part of the result that a student reads."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mirkit._typing import Frames
from mirkit.assessment.alignment import Alignment
from mirkit.assessment.config import ToleranceConfig
from mirkit.assessment.pitch import Contour
from mirkit.assessment.result import ADDED, BAR, PLAYED
from mirkit.assessment.revision import RIGHT_ST
from mirkit.assessment.score import Score

__all__ = ["Account", "Pause", "account", "bar_table", "remarks"]

WRONG_ST = 0.6
SNAP_BEFORE_S, SNAP_AFTER_S = 0.05, 0.035
MIN_PAUSE_S = 0.3
SURE = 0.42
"""An attack less sure than this is none; see `AlignmentConfig`'s ``again``."""
REACH = 8
"""Notes on each side that make the local tempo."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A stop that the score has not: when, for how long, after which note."""

    time_s: float
    duration_s: float
    after_note: int


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What happened in a performance.

    Parameters
    ----------
    played : ndarray of `PLAYED`
        One row for each note of the score.
    added : ndarray of `ADDED`
        Notes that the score has not, those before a restart left out.
    pauses : tuple of Pause
        Stops.
    tempo : ndarray of shape (n, 2)
        Quarter of the score, and quarters a minute there, pauses left out.
    """

    played: npt.NDArray[np.void]
    added: npt.NDArray[np.void]
    pauses: tuple[Pause, ...]
    tempo: npt.NDArray[np.float64]


def account(
    heard: npt.NDArray[np.void],
    score: Score,
    alignment: Alignment,
    contour: Contour,
    novelty: Frames,
    *,
    tuning_st: float,
) -> Account:
    """Return what became of each note of the score.

    Of a passage that was played again, the last time counts. A repeated note that is heard as one with the
    note before it, and whose length is there, counts as played, with little confidence.
    """
    notes = score.notes
    played = np.zeros(len(notes), PLAYED)
    played["note"], played["bar"] = np.arange(len(notes)), notes["bar"]
    played["beat"], played["score_midi"] = notes["onset_beat"], notes["pitch_midi"]
    played["status"] = "missed"
    for name in (
        "onset_s",
        "duration_s",
        "pitch_midi",
        "cents",
        "deviation_ms",
        "duration_ratio",
        "level_db",
    ):
        played[name] = np.nan
    last_visit = {int(n): int(v) for n, v in zip(alignment.notes, alignment.visits, strict=True) if n >= 0}
    for note, visit in last_visit.items():
        pieces = np.flatnonzero((alignment.visits == visit) & (alignment.notes == note))
        _describe(played[note : note + 1], heard[pieces], notes[note], alignment, contour, novelty, tuning_st)
    _cover(played, notes, alignment.seconds)
    pauses, tempo = _timing(played, notes, alignment)
    return Account(played, _added(heard, alignment), pauses, tempo)


def _describe(
    row: npt.NDArray[np.void],
    pieces: npt.NDArray[np.void],
    note: np.void,
    alignment: Alignment,
    contour: Contour,
    novelty: Frames,
    tuning_st: float,
) -> None:
    """Fill the row of a note that was played in one or several pieces."""
    hop_s = contour.grid.hop_s
    onset_s = float(pieces["onset_s"][0])
    held = pieces["attack"] > 0  # without the room that goes on sounding
    held[0] = True
    end_s = float((pieces["onset_s"] + pieces["duration_s"])[held].max())
    if pieces["attack"][0] > 0:
        onset_s = min(_snapped(onset_s, novelty, hop_s), end_s - hop_s)
    target = float(note["pitch_midi"]) + alignment.octave_st
    pitch, clarity = _steady_pitch(contour, onset_s, end_s, pieces)
    away = pitch - tuning_st - target
    folded = away - 12.0 * round(away / 12.0)
    row["status"] = "correct" if abs(folded) < WRONG_ST else "wrong"
    row["onset_s"], row["duration_s"], row["pitch_midi"] = onset_s, end_s - onset_s, pitch
    row["cents"] = 100.0 * (folded if abs(folded) < WRONG_ST else away)
    row["level_db"] = float(np.average(pieces["level_db"], weights=pieces["duration_s"]))
    sure = float(np.clip((clarity - 0.3) / 0.6, 0.0, 1.0)) * min(1.0, (end_s - onset_s) / 0.1)
    edge = 1.0 - float(np.exp(-(((abs(folded) - WRONG_ST) / 0.15) ** 2)))  # near the edge of right and wrong
    row["confidence"] = sure * edge * (1.0 if len(pieces) == 1 else 0.8)


def _snapped(onset_s: float, novelty: Frames, hop_s: float) -> float:
    """Return the onset moved to the strongest change of the spectrum nearby, if there is a clear one."""
    centre = round(onset_s / hop_s)
    first = max(0, centre - round(SNAP_BEFORE_S / hop_s))
    window = novelty[first : centre + round(SNAP_AFTER_S / hop_s) + 1]
    if len(window) < 3:
        return onset_s
    k = int(np.argmax(window))
    wider = novelty[max(0, centre - 60) : centre + 60]
    return (first + k) * hop_s if window[k] > 2.0 * np.median(wider) else onset_s


def _steady_pitch(
    contour: Contour, onset_s: float, end_s: float, pieces: npt.NDArray[np.void]
) -> tuple[float, float]:
    """Return median pitch and clarity of the middle of a note: attacks and releases are not intonation."""
    first, last = contour.grid.index(onset_s), contour.grid.index(end_s)
    margin = int(0.15 * (last - first))
    middle = slice(first + margin, max(last - margin, first + margin + 1))
    midi = contour.midi()[middle]
    known = np.isfinite(midi)
    if not known.any():
        return float(np.median(pieces["pitch_midi"])), 0.0
    return float(np.median(midi[known])), float(np.median(contour.clarity[middle][known]))


def _cover(played: npt.NDArray[np.void], notes: npt.NDArray[np.void], seconds: np.ndarray) -> None:
    """Divide a long note among the repeated notes that it stands for."""
    k = 0
    while k < len(played):
        run = k + 1
        while (
            run < len(played)
            and played["status"][run] == "missed"
            and notes["pitch_midi"][run] == notes["pitch_midi"][k]
        ):
            run += 1
        if run > k + 1 and played["status"][k] == "correct":
            ends = np.append(seconds[k + 1 : run], seconds[run - 1] + _length_s(notes, seconds, run - 1))
            offsets = np.append(0.0, ends - seconds[k])  # (run - k + 1,)
            whole = float(played["duration_s"][k])
            n_covered = int(np.sum(whole > offsets[1:-1] + 0.4 * np.diff(offsets)[1:]))
            if n_covered:
                scale = min(1.0, whole / offsets[n_covered + 1])
                start_s = float(played["onset_s"][k])
                for j in range(n_covered + 1):
                    for name in ("status", "pitch_midi", "cents", "level_db"):
                        played[name][k + j] = played[name][k]
                    played["onset_s"][k + j] = start_s + scale * offsets[j]
                    played["duration_s"][k + j] = scale * (offsets[j + 1] - offsets[j])
                    played["confidence"][k + j] = (
                        0.3 * played["confidence"][k] if j else played["confidence"][k]
                    )
        k = run


def _length_s(notes: npt.NDArray[np.void], seconds: np.ndarray, k: int) -> float:
    """Return the length that the score asks of a note at the local tempo."""
    beats = notes["onset_beat"]
    near = max(0, min(k, len(beats) - 2))
    if len(beats) < 2:
        return 0.5
    rate = (seconds[near + 1] - seconds[near]) / (beats[near + 1] - beats[near])
    return float(rate * notes["duration_beat"][k])


def _timing(
    played: npt.NDArray[np.void], notes: npt.NDArray[np.void], alignment: Alignment
) -> tuple[tuple[Pause, ...], npt.NDArray[np.float64]]:
    """Fill deviations and length ratios; return pauses and the tempo curve."""
    there = np.flatnonzero(played["status"] != "missed")
    if len(there) < 2:
        return (), np.zeros((0, 2))
    onset_s, seconds = played["onset_s"][there], alignment.seconds[there]
    extra_s = np.diff(onset_s) - np.diff(seconds)
    beat_s = np.diff(seconds) / np.maximum(np.diff(notes["onset_beat"][there]), 1e-6)
    silence_s = onset_s[1:] - (onset_s + played["duration_s"][there])[:-1]
    # a stop: much later than due, and silent or held for most of that
    stop = (extra_s > np.maximum(MIN_PAUSE_S, 0.6 * beat_s)) & (silence_s > 0.4 * extra_s)
    back = extra_s < -np.maximum(1.0, 2 * beat_s)  # after a restart the clock starts anew
    restarted = {jump.to_note for jump in alignment.restarts}
    anew = np.isin(there[1:], list(restarted))
    pauses = tuple(
        Pause(float(onset_s[k] + played["duration_s"][there[k]]), float(extra_s[k]), int(there[k]))
        for k in np.flatnonzero(stop & ~anew)
    )
    breaks = np.r_[0, np.flatnonzero(stop | back | anew) + 1, len(there)]
    tempo = []
    for first, last in pairwise(breaks):
        part = there[first:last]
        fitted, rate = _local_lines(alignment.seconds[part], played["onset_s"][part])
        played["deviation_ms"][part] = 1000.0 * (played["onset_s"][part] - fitted)
        for k, note in enumerate(part):
            length_s = _length_s(notes, alignment.seconds, note) * rate[k]
            played["duration_ratio"][note] = played["duration_s"][note] / max(length_s, 0.02)
            quarter_s = _length_s(notes, alignment.seconds, note) / notes["duration_beat"][note] * rate[k]
            tempo.append((notes["onset_beat"][note], 60.0 / max(quarter_s, 1e-3)))
    return pauses, np.array(tempo)


def _local_lines(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return value and slope at each place of a robust line through its neighbours."""
    n = len(x)
    if n < 4:
        return y.copy(), np.ones(n)
    fitted, slopes = np.empty(n), np.empty(n)
    for k in range(n):
        first = max(0, min(k - REACH, n - 2 * REACH - 1))
        part = slice(first, min(n, max(k + REACH + 1, 2 * REACH + 1)))
        dx, dy = x[part] - x[k], y[part]
        span = np.abs(dx).max() or 1.0
        weights = (1.0 - (np.abs(dx) / (1.05 * span)) ** 3) ** 3
        for _ in range(3):
            slope, value = _line(dx, dy, weights)
            residual = np.abs(dy - value - slope * dx)
            scale = 1.4826 * np.median(residual) + 0.004
            robust = weights / (1.0 + (residual / (2.0 * scale)) ** 2)
            slope, value = _line(dx, dy, robust)
        fitted[k], slopes[k] = value, slope
    return fitted, np.clip(slopes, 0.3, 3.0)


def _line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return slope and value at 0 of the weighted line."""
    total = weights.sum()
    mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * (x - mean_x) ** 2).sum()
    slope = (weights * (x - mean_x) * (y - mean_y)).sum() / spread if spread > 1e-9 else 1.0
    return float(slope), float(mean_y - slope * mean_x)


def _added(heard: npt.NDArray[np.void], alignment: Alignment) -> npt.NDArray[np.void]:
    """Return added notes.

    Short or faint ones are sounds of the instrument, not notes; what came just before a jump back was an
    attempt that the player gave up. A sound of the same pitch that is hardly attacked goes on with the one
    before.
    """
    typical_db = np.median(heard["level_db"])
    given_up = _given_up(heard, alignment)
    rows: list[tuple[float, float, float, int]] = []
    before = -1
    for k, note in enumerate(alignment.notes):
        if note >= 0:
            before = int(note)
        elif rows and k and alignment.notes[k - 1] < 0 and _goes_on(heard[k - 1], heard[k]):
            onset_s, _, pitch_midi, after = rows[-1]
            rows[-1] = (onset_s, heard["onset_s"][k] + heard["duration_s"][k] - onset_s, pitch_midi, after)
        elif not given_up[k] and heard["duration_s"][k] >= 0.06 and heard["level_db"][k] > typical_db - 15.0:
            rows.append((heard["onset_s"][k], heard["duration_s"][k], heard["pitch_midi"][k], before))
    return np.array(rows, dtype=ADDED)


def _goes_on(before: np.void, note: np.void) -> bool:
    return bool(note["attack"] < SURE and abs(note["pitch_midi"] - before["pitch_midi"]) < RIGHT_ST)


def _given_up(heard: npt.NDArray[np.void], alignment: Alignment) -> np.ndarray:
    """Return which notes came after the last right one before a jump back."""
    found = np.zeros(len(heard), bool)
    for jump in alignment.restarts:
        k = int(np.searchsorted(heard["onset_s"], jump.time_s - 1e-9)) - 1
        while k >= 0 and alignment.notes[k] < 0:
            found[k] = True
            k -= 1
    return found


def _mean_size(values: np.ndarray) -> float:
    known = np.abs(values[np.isfinite(values)])
    return float(known.mean()) if len(known) else np.nan


def bar_table(found: Account) -> npt.NDArray[np.void]:
    """Return one row for each bar of the score, in order; of a bar that is played twice, for both times.

    Notes added before the first of the score count in its bar.
    """
    played, rows = found.played, []
    after = np.maximum(found.added["after_note"], 0)
    bars = list(dict.fromkeys(played["bar"].tolist()))
    for bar in bars:
        part = played[played["bar"] == bar]
        inside = np.isin(after, part["note"])
        there = part[part["status"] != "missed"]
        right = part[part["status"] == "correct"]
        cents = _mean_size(right["cents"])
        late = _mean_size(there["deviation_ms"])
        # by note, not from first to last beat: between the two times of a bar there are others
        tempo = found.tempo[np.isin(found.tempo[:, 0], part["beat"]), 1]
        bpm = float(np.median(tempo)) if len(tempo) else np.nan
        wrong, missed = int((part["status"] == "wrong").sum()), int((part["status"] == "missed").sum())
        error = (wrong + missed + 0.5 * int(inside.sum())) / len(part)
        error += 0.3 * min(np.nan_to_num(late) / 150.0, 1.0) + 0.2 * min(np.nan_to_num(cents) / 50.0, 1.0)
        rows.append((bar, len(part), wrong, missed, int(inside.sum()), cents, late, bpm, error))
    return np.array(rows, dtype=BAR)


def remarks(played: np.void, tolerance: ToleranceConfig) -> list[str]:
    """Return what there is to say about a note: nothing if it is within the tolerances."""
    if played["status"] == "missed":
        return ["missed"]
    said = []
    if played["status"] == "wrong":
        said.append("wrong pitch")
    elif abs(played["cents"]) > tolerance.cents:
        said.append("sharp" if played["cents"] > 0 else "flat")
    if abs(np.nan_to_num(played["deviation_ms"])) > tolerance.onset_ms:
        said.append("late" if played["deviation_ms"] > 0 else "early")
    ratio = np.nan_to_num(played["duration_ratio"], nan=1.0)
    if ratio < 1.0 - tolerance.duration_share:
        said.append("short")
    elif ratio > 1.0 + tolerance.duration_share:
        said.append("long")
    return said

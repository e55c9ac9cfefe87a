"""A simulated player: plays a score with faults in known amounts, and tells what was done to every note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirkit.assessment.config import CATEGORIES
from mirkit.assessment.score import Score
from mirkit.errors import ParameterError

__all__ = ["FAULTS", "SOUNDED", "Rendition", "amounts", "perform", "skills"]

FAULTS: Mapping[str, str] = {
    "wrong": "notes",
    "missed": "notes",
    "added": "notes",
    "repeated": "notes",
    "timing": "rhythm",
    "pause": "musicality",
    "restart": "musicality",
    "drift": "musicality",
    "intonation": "tone",
    "breath": "tone",
    "shake": "tone",
    "length": "artistry",
    "accent": "artistry",
}
"""Fault to the category that should suffer from it."""

RATES = {"wrong": 0.2, "missed": 0.15, "added": 0.15, "repeated": 0.08, "pause": 0.08, "restart": 0.05}
"""How often a note has the fault when there is most of it."""
TIMING_S, INTONATION_CENTS, DRIFT_OCTAVES, LENGTH_OCTAVES, ACCENT_DB = 0.1, 35.0, 0.8, 1.2, 8.0
"""Standard deviations of onset, pitch, length and level, and change of log2 tempo, when there is most."""
SHORTEST_S = 0.08
"""No note is held for less, however short the player plays."""
MOST_CENTS = 40.0
"""A note farther out of tune would be another note."""
CORRELATION = 0.7
"""Of the skills of one player; the categories of the published auditions correlate by .6 to .8."""

SOUNDED = np.dtype(
    [
        ("note", "i4"),
        ("status", "U8"),
        ("onset_s", "f8"),
        ("duration_s", "f8"),
        ("pitch_midi", "i4"),
        ("cents", "f8"),
        ("deviation_ms", "f8"),
        ("level_db", "f8"),
    ]
)
"""A sounded note: ``status`` is correct, wrong, added, repeated or again (played before, up to a restart);
``note`` is the score's note that it plays or follows, -1 before the first; ``cents`` the distance from
equal temperament at the player's own tuning, ``deviation_ms`` the time after the one that the tempo asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendition:
    """What a simulated player did.

    Parameters
    ----------
    notes : ndarray of `SOUNDED`
        In order of onset.
    missed : tuple of int
        The score's notes left out.
    pauses : tuple of int
        The score's notes after which the player stopped.
    restarts : tuple of (int, int)
        The score's note last played, and that which was played next.
    faults : mapping of str to float
        Amount of each of `FAULTS`, in [0, 1].
    """

    notes: npt.NDArray[np.void]
    missed: tuple[int, ...]
    pauses: tuple[int, ...]
    restarts: tuple[tuple[int, int], ...]
    faults: Mapping[str, float]


def skills(rng: np.random.Generator) -> dict[str, float]:
    """Return a player's skill in each category: standard normal, correlated by `CORRELATION`.

    Examples
    --------
    >>> sorted(skills(np.random.default_rng(0)))
    ['artistry', 'musicality', 'notes', 'rhythm', 'tone']
    """
    common = rng.standard_normal()
    own = rng.standard_normal(len(CATEGORIES))
    values = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own
    return dict(zip(CATEGORIES, values.tolist(), strict=True))


def amounts(rng: np.random.Generator, skill: Mapping[str, float]) -> dict[str, float]:
    """Return the amount of each fault in [0, 1]: the less, the more skill in its category.

    Players of one skill differ in which of its faults they have.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> max(amounts(rng, dict.fromkeys(CATEGORIES, 9.0)).values()) < 0.01
    True
    """
    from scipy.stats import norm

    return {
        fault: float(norm.cdf(-skill[category] - 0.5 + 0.5 * rng.standard_normal()))
        for fault, category in FAULTS.items()
    }


def perform(
    rng: np.random.Generator,
    score: Score,
    faults: Mapping[str, float] | None = None,
    *,
    tempo_bpm: float | None = None,
) -> Rendition:
    """Return a performance of a score.

    Parameters
    ----------
    rng : Generator
        Decides which notes suffer.
    score : Score
    faults : mapping of str to float, optional
        Amount in [0, 1] of some of `FAULTS`; of the others there is none.
    tempo_bpm : float, optional
        Quarter notes a minute at the beginning; the score's own if None.

    Returns
    -------
    Rendition

    Raises
    ------
    ParameterError
        If there is no such fault, or an amount is outside [0, 1].

    Examples
    --------
    >>> score = Score.from_rows([(k, 1, 60 + k) for k in range(8)], tempo_bpm=120)
    >>> perform(np.random.default_rng(0), score).notes["onset_s"][:3].round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    given = dict(faults or {})
    for name, value in given.items():
        if name not in FAULTS or not 0.0 <= value <= 1.0:
            raise ParameterError(f"fault {name!r}: {value}; wanted 0 to 1 of {', '.join(FAULTS)}")
    amount = {name: given.get(name, 0.0) for name in FAULTS}
    order, pauses, restarts = _order(rng, len(score.notes), amount)
    drift = float(rng.choice([-1.0, 1.0])) * amount["drift"]
    times_s = _times(score, 60.0 / (tempo_bpm or score.tempo_bpm), drift)
    rows: list[tuple[int, str, float, float, int, float, float, float]] = []
    missed: list[int] = []
    late_s = 0.0  # by pauses and restarts so far
    for k, again in order:
        start_s, length_s = times_s[k], times_s[k + 1] - times_s[k]
        if rng.random() < RATES["missed"] * amount["missed"] and k > 0 and not again:
            missed.append(k)
        else:
            rows += _sounded(rng, score, k, start_s + late_s, length_s, amount, again)
        if again:
            continue
        if k in restarts:
            late_s += times_s[k + 1] - times_s[restarts[k]] + rng.uniform(0.3, 0.8)
        if k in pauses:
            late_s += rng.uniform(0.8, 1.8)
    notes = np.array(rows, SOUNDED)
    left = np.append(np.diff(notes["onset_s"]), np.inf)
    notes["duration_s"] = np.clip(notes["duration_s"], SHORTEST_S, np.maximum(SHORTEST_S, left - 0.005))
    return Rendition(notes, tuple(missed), tuple(sorted(pauses)), tuple(sorted(restarts.items())), amount)


def _order(
    rng: np.random.Generator, n_notes: int, amount: Mapping[str, float]
) -> tuple[list[tuple[int, str]], set[int], dict[int, int]]:
    """Return the notes as they are played, after which there is a pause, and from where to where jumps go.

    After a jump back the notes up to it are played *again*.
    """
    order: list[tuple[int, str]] = []
    pauses: set[int] = set()
    restarts: dict[int, int] = {}
    for k in range(n_notes):
        order.append((k, ""))
        inside = 4 <= k < n_notes - 2
        if inside and rng.random() < RATES["restart"] * amount["restart"]:
            restarts[k] = k - int(rng.integers(2, 5))
            order += [(j, "again") for j in range(restarts[k], k + 1)]
        elif inside and rng.random() < RATES["pause"] * amount["pause"]:
            pauses.add(k)
    return order, pauses, restarts


def _times(score: Score, beat_s: float, drift: float) -> np.ndarray:
    """Return when each note is due, and when the last one ends; the tempo drifts steadily."""
    beats = np.append(score.notes["onset_beat"], score.notes["onset_beat"][-1:] + 0.0)
    beats[-1] += score.notes["duration_beat"][-1]
    rate = DRIFT_OCTAVES * drift / max(1e-9, beats[-1] - beats[0])
    passed = beats - beats[0]
    if abs(rate) < 1e-9:
        return np.asarray(beat_s * passed)
    return np.asarray(beat_s * (1 - 2.0 ** (-rate * passed)) / (rate * np.log(2)))


def _sounded(
    rng: np.random.Generator,
    score: Score,
    k: int,
    due_s: float,
    length_s: float,
    amount: Mapping[str, float],
    again: str,
) -> list[tuple[int, str, float, float, int, float, float, float]]:
    """Return what sounds in the place of one of the score's notes: itself and what is added to it."""
    pitch, status = round(float(score.notes["pitch_midi"][k])), again or "correct"
    due = float(score.notes["duration_beat"][k])
    room = (
        float(score.notes["onset_beat"][k + 1] - score.notes["onset_beat"][k])
        if k + 1 < len(score.notes)
        else due
    )
    sounding_s = length_s * min(1.0, due / room)
    written = [round(float(p)) for p in score.notes["pitch_midi"][max(0, k - 1) : k + 2]]
    if not again and rng.random() < RATES["wrong"] * amount["wrong"]:
        pitch, status = _other(rng, pitch, (-4, -3, -2, -1, 1, 2, 3, 4), written), "wrong"
    late_s = float(np.clip(rng.normal(0, TIMING_S * amount["timing"]), -0.35 * length_s, 0.35 * length_s))
    cents = np.clip(rng.normal(0, INTONATION_CENTS * amount["intonation"]), -MOST_CENTS, MOST_CENTS)
    level_db = rng.normal(0, ACCENT_DB * amount["accent"])
    held = 0.92 * 2.0 ** -abs(rng.normal(0, LENGTH_OCTAVES * amount["length"]))
    first = (
        k,
        status,
        due_s + late_s,
        held * sounding_s,
        pitch,
        float(cents),
        1000 * late_s,
        float(level_db),
    )
    extra = ""
    if not again and length_s > 0.3:
        draw = rng.random()
        if draw < RATES["added"] * amount["added"]:
            extra = "added"
        elif draw < RATES["added"] * amount["added"] + RATES["repeated"] * amount["repeated"]:
            extra = "repeated"
    if not extra:
        return [first]
    other = pitch
    if extra == "added":
        other = _other(rng, pitch, (-5, -4, -3, -2, 2, 3, 4, 5), [*written, pitch])
    half_s = 0.5 * (sounding_s - late_s)
    first = (*first[:3], 0.85 * half_s, *first[4:])
    return [
        first,
        (k, extra, due_s + late_s + half_s, 0.85 * half_s, other, float(cents), 0.0, float(level_db)),
    ]


def _other(rng: np.random.Generator, pitch: int, steps: Sequence[int], taken: Sequence[int]) -> int:
    """Return a pitch some steps away that none of the notes around has: it could not be told from theirs."""
    return int(rng.choice([pitch + step for step in steps if pitch + step not in taken]))

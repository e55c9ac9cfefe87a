"""Which note of the score each note heard is: a path that may pause, skip, go back, and play wrong notes.

The path is found by dynamic programming over notes heard (rows) and notes of the score (columns). A wrong
pitch, a missed note, an added note, a wrong length, a jump back each have a price; the cheapest account of
the performance is taken. Memory and time are linear in the length of the recording: for each note heard, at
most ``window`` notes of the score around the most likely one are considered.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mirkit.assessment.config import AlignmentConfig
from mirkit.assessment.revision import RIGHT_ST, absorb, recognise, starts, substitute
from mirkit.assessment.score import Score
from mirkit.errors import ParameterError

__all__ = ["Alignment", "Jump", "align"]

NEAR = 5
"""Skips up to this many notes are timed; longer ones are not."""
TAIL = 0.6
"""Price of a sound without any attack as a note of its own."""
COVERED = 0.25
"""Price of a repeated note that is heard as a part of the note before it."""
FAR = 0.02
"""Price of each note that a skip or a jump back passes: of like passages the nearest is meant."""
PAUSED = 1.2
"""A jump back after a pause costs this much less."""
FULL_NOTE_S = 0.12
"""Shorter notes heard count less: they are often noise between notes."""
_MATCHED, _ADDED = 0, 1


@dataclass(frozen=True, slots=True)
class Jump:
    """A place where the player left the order of the score.

    Parameters
    ----------
    time_s : float
        When the player goes on.
    from_note, to_note : int
        Indices in the score: the last note before, and the next one after the jump.
    """

    time_s: float
    from_note: int
    to_note: int


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What each note heard is.

    Parameters
    ----------
    notes : ndarray of shape (n_heard,)
        Index of the score's note, -1 for added notes.
    visits : ndarray of shape (n_heard,)
        Number of the attack that a note heard belongs to; fragments of one note share it.
    restarts, skips : tuple of Jump
        Jumps back, and jumps over at least two notes.
    octave_st : float
        What the whole is played higher than written, in whole octaves.
    seconds : ndarray of shape (n_notes,)
        When each note of the score would start if the local tempo ran on without pauses, seconds from the
        first.
    cost : float
        Price of the path for each note of the score or heard, whichever are more.
    """

    notes: npt.NDArray[np.int64]
    visits: npt.NDArray[np.int64]
    restarts: tuple[Jump, ...]
    skips: tuple[Jump, ...]
    octave_st: float
    seconds: npt.NDArray[np.float64]
    cost: float


def align(
    heard: npt.NDArray[np.void],
    score: Score,
    *,
    tuning_st: float = 0.0,
    config: AlignmentConfig | None = None,
) -> Alignment:
    """Return which note of the score each note heard is.

    Parameters
    ----------
    heard : ndarray of `segmentation.NOTE`
        In order.
    score : Score
        Same pitch as the sound but for octaves.
    tuning_st : float
        How much higher than A4 = 440 Hz the instrument is tuned, semitones.
    config : AlignmentConfig, optional
        Prices.

    Returns
    -------
    Alignment

    Raises
    ------
    ParameterError
        If nothing was heard.

    Examples
    --------
    >>> from mirkit.assessment.segmentation import NOTE
    >>> heard = np.array([(0.5 * k, 0.5, p, 1.0, -20.0) for k, p in enumerate([60, 62, 63, 65])], NOTE)
    >>> score = Score.from_rows([(0, 1, 60), (1, 1, 62), (2, 1, 64), (3, 1, 65)])
    >>> align(heard, score).notes.tolist()
    [0, 1, 2, 3]
    """
    if not len(heard):
        raise ParameterError("no notes were heard; there is nothing to align")
    config = config or AlignmentConfig()
    pitch = heard["pitch_midi"] - tuning_st
    target = score.notes["pitch_midi"]
    octave_st = _octave(pitch, heard["duration_s"], target, score.notes["duration_beat"])
    beats = score.notes["onset_beat"]
    best = None
    for beat_s in _tempo_guesses(heard, score):
        path = _Path(heard, pitch, target + octave_st, beats * beat_s, config, timing=0.5 * config.timing)
        if best is None or path.total < best.total:
            best = path
    assert best is not None  # noqa: S101  # there is always a guess
    seconds = beats * 0.0
    for _ in range(2):
        seconds = _local_seconds(heard, best, beats)
        best = _Path(heard, pitch, target + octave_st, seconds, config, timing=config.timing)
    notes, visits = absorb(heard, best.notes, best.visits)
    notes = recognise(heard, pitch, target + octave_st, notes)
    best.notes, best.visits = substitute(heard, notes, visits, seconds)
    restarts, skips = _jumps(heard, best)
    size = max(len(target), len(heard))
    return Alignment(best.notes, best.visits, restarts, skips, octave_st, seconds, best.total / size)


def _octave(pitch: np.ndarray, lengths: np.ndarray, target: np.ndarray, beats: np.ndarray) -> float:
    """Return the whole octaves between sound and score."""
    heard = float(np.average(pitch, weights=np.maximum(lengths, 1e-3)))
    written = float(np.average(target, weights=beats))
    return 12.0 * round((heard - written) / 12.0)


def _tempo_guesses(heard: npt.NDArray[np.void], score: Score) -> list[float]:
    """Return seconds a quarter: as if all was played, as the score asks, and from typical lengths."""
    span_s = float(heard["onset_s"][-1] + heard["duration_s"][-1] - heard["onset_s"][0])
    beats = float(
        score.notes["onset_beat"][-1] + score.notes["duration_beat"][-1] - score.notes["onset_beat"][0]
    )
    guesses = [span_s / beats]
    if len(heard) > 2 and len(score.notes) > 2:
        typical = np.median(np.diff(heard["onset_s"])) / np.median(np.diff(score.notes["onset_beat"]))
        guesses.append(float(typical))
    close = [g for g in guesses[1:] if abs(np.log2(g / guesses[0])) > 0.25]
    return [float(np.clip(g, 0.1, 10.0)) for g in guesses[:1] + close]


class _Path:
    """One run of the dynamic programming, and the path read back from it."""

    def __init__(
        self,
        heard: npt.NDArray[np.void],
        pitch: np.ndarray,
        target: np.ndarray,
        seconds: np.ndarray,
        config: AlignmentConfig,
        *,
        timing: float,
    ) -> None:
        self._config, self._timing = config, timing
        self._target = target
        self._seconds = np.concatenate([[seconds[0]], seconds])  # position q = index of the last note + 1
        same = np.zeros(len(target), bool)
        same[1:] = target[1:] == target[:-1]
        self._price = np.where(same, COVERED, config.missed)
        self._missed = np.concatenate([[0.0], np.cumsum(self._price)])
        self._run(heard, pitch)

    def _run(self, heard: npt.NDArray[np.void], pitch: np.ndarray) -> None:
        n = len(self._target) + 1
        cost = np.full((2, n), np.inf)
        cost[_ADDED, 0] = 0.0
        when = np.zeros((2, n))  # onset of the last matched note
        width = min(n, self._config.window)
        back = np.empty((len(heard), 2, width), np.int32)
        lows = np.empty(len(heard), np.int64)
        low = 0
        ends = heard["onset_s"] + heard["duration_s"]
        for j in range(len(heard)):
            centre = int(np.argmin(cost.min(axis=0)))
            low = int(np.clip(centre - width // 2, 0, n - width)) if n > width else 0
            part = slice(low, low + width)
            gap_s = float(heard["onset_s"][j] - ends[j - 1]) if j else 0.0
            held = j > 0 and abs(pitch[j] - pitch[j - 1]) < RIGHT_ST
            cost, when = self._step(cost, when, part, heard[j], pitch[j], gap_s, held, back[j])
            lows[j] = low
        final = cost + np.minimum(self._missed[-1] - self._missed, self._config.skip_limit)
        kind, q = np.unravel_index(int(np.argmin(final)), final.shape)
        self.total = float(final[kind, q])
        self._read_back(back, lows, int(kind), int(q))

    def _step(
        self,
        cost: np.ndarray,
        when: np.ndarray,
        part: slice,
        note: np.void,
        pitch: float,
        gap_s: float,
        held: bool,
        back: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return costs and times after one more note heard; ``back`` takes the codes of where from."""
        config = self._config
        old, old_when = cost[:, part], when[:, part]
        width = old.shape[1]
        kind = np.argmin(old, axis=0)
        cols = np.arange(width)
        base, base_when = old[kind, cols], old_when[kind, cols]
        weight = min(1.0, float(note["duration_s"]) / FULL_NOTE_S)
        new, new_when = np.full_like(cost, np.inf), when.copy()
        # added: the position stays
        new[_ADDED, part] = base + config.added * weight
        new_when[_ADDED, part] = base_when
        back[_ADDED] = 2 * cols + kind
        # matched, further on
        first = max(part.start, 1)
        skip = first - part.start  # position 0 is before the first note
        targets = self._target[first - 1 : part.stop - 1]
        miss = weight * _pitch_price(pitch, targets, config.octave)
        best = np.full(width, np.inf)
        time = np.zeros(width)
        source = 2 * cols + _MATCHED
        for k in range(1, min(NEAR, width - 1) + 1):
            arrival = base[:-k] + self._advance(part, k, base_when[:-k], float(note["onset_s"]))
            better = arrival < best[k:]
            best[k:][better] = arrival[better]
            source[k:][better] = (2 * cols + kind)[:-k][better]
            time[k:][better] = float(note["onset_s"])
        self._leap(base, kind, best, source, time, float(note["onset_s"]), gap_s)
        best[skip:] += miss + TAIL * weight * (note["attack"] == 0.0)
        # matched, as a further piece of the note before, whose wrong pitch is paid for already
        piece = old[_MATCHED] + config.again * float(note["attack"]) * weight
        if not held:
            piece[skip:] += miss
        better = piece <= best
        best[better], time[better] = piece[better], old_when[_MATCHED][better]
        source[better] = (2 * cols + _MATCHED)[better]
        best[:skip] = np.inf
        new[_MATCHED, part] = best
        new_when[_MATCHED, part] = time
        back[_MATCHED] = source
        return new, new_when

    def _advance(self, part: slice, k: int, before: np.ndarray, onset_s: float) -> np.ndarray:
        """Return the price of going ``k`` notes on: what is missed on the way, and the time it took."""
        seconds = self._seconds[part]
        actual = np.maximum(onset_s - before, 0.02)

        def timed(due: np.ndarray) -> np.ndarray:
            price = self._timing * np.minimum(np.abs(np.log2(actual / np.maximum(due, 0.02))), 1.0)
            if part.start == 0:
                price[0] = 0.0  # the start has no time yet
            return np.asarray(price)

        in_time = timed(seconds[k:] - seconds[:-k])
        if k == 1:
            return in_time
        limit = self._config.skip_limit
        in_time += np.minimum(self._missed[part][k - 1 : -1] - self._missed[part][:-k], limit)
        # as if the notes left out took no time; then no note before them was held in their place either
        at_once = timed(seconds[1 : 1 + len(before)] - seconds[:-k])
        return np.asarray(np.minimum(in_time, at_once + min((k - 1) * self._config.missed, limit)))

    def _leap(
        self,
        base: np.ndarray,
        kind: np.ndarray,
        best: np.ndarray,
        source: np.ndarray,
        time: np.ndarray,
        onset_s: float,
        gap_s: float,
    ) -> None:
        """Take long skips forwards and jumps back where they are cheaper."""
        config, width = self._config, len(base)
        cols = np.arange(width)
        left, right = base - FAR * cols, base + FAR * cols
        lowest = np.minimum.accumulate(left)
        first = np.maximum.accumulate(np.where(left <= lowest, cols, 0))
        forward = np.concatenate([[np.inf], lowest[:-1] + FAR * cols[1:]])
        forward += config.skip_limit + self._timing
        from_left = np.concatenate([[0], first[:-1]])
        after = np.minimum.accumulate(right[::-1])[::-1]
        last = width - 1 - np.maximum.accumulate(np.where(right[::-1] <= after[::-1], cols, 0))[::-1]
        restart = config.restart - PAUSED * min(gap_s / 0.3, 1.0)
        backward = after - FAR * cols + restart + self._timing * 0.5
        for price, origin in ((forward, from_left), (backward, last)):
            better = price < best
            best[better] = price[better]
            source[better] = (2 * origin + kind[origin])[better]
            time[better] = onset_s

    def _read_back(self, back: np.ndarray, lows: np.ndarray, kind: int, q: int) -> None:
        n_heard = len(back)
        notes, fresh = np.full(n_heard, -1), np.ones(n_heard, bool)
        for j in range(n_heard - 1, -1, -1):
            code = int(back[j, kind, q - lows[j]])
            before, at = code % 2, code // 2 + int(lows[j])
            if kind == _MATCHED:
                notes[j] = q - 1
                # the same position, and matched before: another piece of one note
                fresh[j] = not (at == q and before == _MATCHED and j > 0)
            kind, q = before, at
        self.notes = notes
        self.visits = np.cumsum(fresh) - 1


def _pitch_price(pitch: float, targets: np.ndarray, octave: float) -> np.ndarray:
    """Return 0 for the right pitch, rising to 1 at a semitone; octaves cost little."""
    distance = np.abs(pitch - targets)
    folded = np.mod(distance, 12.0)
    folded = np.minimum(folded, 12.0 - folded)
    near = np.clip((folded - 0.35) / 0.5, 0.0, 1.0)
    return np.asarray(np.minimum(near + octave * (distance > 6.5), 1.0))


def _local_seconds(heard: npt.NDArray[np.void], path: _Path, beats: np.ndarray) -> np.ndarray:
    """Return when notes would start at the local tempo: a running median of seconds a quarter."""
    begun = starts(path.notes, path.visits)
    notes, onsets = path.notes[begun], heard["onset_s"][begun]
    step, taken = np.diff(notes), np.diff(onsets)
    usable = (step > 0) & (step <= 2)
    steps_beat = np.diff(beats)
    if usable.sum() < 2:
        span = float(heard["onset_s"][-1] - heard["onset_s"][0]) or 1.0
        rates = np.full(len(steps_beat), span / max(float(beats[-1] - beats[0]), 1e-6))
    else:
        at = notes[:-1][usable]
        rate = taken[usable] / (beats[notes[1:][usable]] - beats[at])
        rates = _running_median(at, rate, len(steps_beat), reach=10)
    return np.concatenate([[0.0], np.cumsum(steps_beat * rates)])


def _running_median(at: np.ndarray, values: np.ndarray, n: int, *, reach: int) -> np.ndarray:
    """Return the median of the values near each place, halfway to that of all."""
    overall = float(np.median(values))
    order = np.argsort(at, kind="stable")
    at, values = at[order], values[order]
    out = np.empty(n)
    for k in range(n):
        first, last = np.searchsorted(at, [k - reach, k + reach + 1])
        near = values[first:last]
        out[k] = np.median(near) if len(near) >= 4 else overall
    return np.clip(out, overall / 2.5, overall * 2.5)


def _jumps(heard: npt.NDArray[np.void], path: _Path) -> tuple[tuple[Jump, ...], tuple[Jump, ...]]:
    begun = starts(path.notes, path.visits)
    restarts, skips = [], []
    for a, b in pairwise(begun):
        jump = Jump(float(heard["onset_s"][b]), int(path.notes[a]), int(path.notes[b]))
        if jump.to_note <= jump.from_note:
            restarts.append(jump)
        elif jump.to_note > jump.from_note + 2:
            skips.append(jump)
    return tuple(restarts), tuple(skips)

"""Second thoughts about an alignment: what the dynamic programming prices note by note, but context tells.

A few notes added one by one cost less than a jump back; together they may be a passage of the score played
twice. A short sound beside a note a semitone away is that note's beginning or end. And an added note in the
place of one left out is a wrong note.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mirkit.errors import ParameterError

__all__ = ["absorb", "recognise", "starts", "substitute"]

RIGHT_ST = 0.5
"""Nearer than this is the pitch asked."""
SHORT_S = 0.1
"""A beginning or end that slides into or out of a note's pitch is no longer than this."""
JOINED_S = 0.02
BESIDE_ST = 1.3
STOP_S = 0.15
SURELY = 3
"""Who goes back stops for longer than this; without a stop, more than so many notes must tell."""
LEAST_RIGHT = 0.6
"""Share of a passage that must be right to be recognised as one of the score."""


def starts(notes: npt.NDArray[np.int64], visits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return which notes heard start a note of the score.

    Parameters
    ----------
    notes, visits : ndarray of shape (n_heard,)
        Of an `Alignment`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> starts(np.array([0, 0, -1, 1]), np.array([0, 0, 1, 2])).tolist()
    [0, 3]
    """
    matched = np.flatnonzero(notes >= 0)
    return matched[np.r_[True, np.diff(visits[matched]) > 0]] if len(matched) else matched


def absorb(
    heard: npt.NDArray[np.void], notes: npt.NDArray[np.int64], visits: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Make short added sounds a part of the note that they slide into or out of.

    Parameters
    ----------
    heard : ndarray of `segmentation.NOTE`
        In order.
    notes, visits : ndarray of shape (n_heard,)
        Of an `Alignment`.

    Returns
    -------
    notes, visits : ndarray of shape (n_heard,)

    Raises
    ------
    ParameterError
        If the arrays differ in length.

    Examples
    --------
    >>> from mirkit.assessment.segmentation import NOTE
    >>> heard = np.array([(0, 0.5, 60, 1, 0), (0.5, 0.06, 64, 1, 0), (0.56, 0.4, 65, 1, 0)], NOTE)
    >>> absorb(heard, np.array([0, -1, 1]), np.arange(3))[0].tolist()
    [0, 1, 1]
    """
    if not len(heard) == len(notes) == len(visits):
        raise ParameterError(f"wanted arrays of one length, got {len(heard)}, {len(notes)}, {len(visits)}")
    notes, fresh = notes.copy(), _fresh(visits)
    end_s = heard["onset_s"] + heard["duration_s"]
    for k in np.flatnonzero((notes < 0) & (heard["duration_s"] < SHORT_S)):
        for other in (k + 1, k - 1):
            if not 0 <= other < len(heard) or notes[other] < 0:
                continue
            first, second = min(k, other), max(k, other)
            joined = heard["onset_s"][second] - end_s[first] < JOINED_S
            longer = heard["duration_s"][other] > heard["duration_s"][k]
            beside = abs(heard["pitch_midi"][other] - heard["pitch_midi"][k]) < BESIDE_ST
            if joined and longer and beside:
                notes[k] = notes[other]
                fresh[first], fresh[second] = fresh[other] if other > k else fresh[first], False
                break
    return notes, np.cumsum(fresh) - 1


def recognise(
    heard: npt.NDArray[np.void],
    pitch: np.ndarray,
    target: np.ndarray,
    notes: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Recognise passages that were played twice among added notes.

    Parameters
    ----------
    heard : ndarray of `segmentation.NOTE`
        In order.
    pitch : ndarray of shape (n_heard,)
        Semitones, the tuning taken out.
    target : ndarray of shape (n_notes,)
        Pitches of the score.
    notes : ndarray of shape (n_heard,)
        Of an `Alignment`.

    Returns
    -------
    ndarray of shape (n_heard,)
        The same, passages' notes in the place of -1.

    Raises
    ------
    ParameterError
        If the arrays differ in length.

    Examples
    --------
    >>> from mirkit.assessment.segmentation import NOTE
    >>> pitch = np.array([60, 62, 64, 65, 62, 64, 65.0])
    >>> heard = np.array([(0.5 * k, 0.3, p, 1, 0) for k, p in enumerate(pitch)], NOTE)
    >>> recognise(heard, pitch, np.array([60, 62, 64, 65]), np.array([0, 1, 2, 3, -1, -1, -1])).tolist()
    [0, 1, 2, 3, 1, 2, 3]
    """
    if not len(heard) == len(notes) == len(pitch):
        raise ParameterError(f"wanted arrays of one length, got {len(heard)}, {len(notes)}, {len(pitch)}")
    notes = notes.copy()
    end_s = heard["onset_s"] + heard["duration_s"]
    gap_s = np.r_[STOP_S, heard["onset_s"][1:] - end_s[:-1], STOP_S]
    matched = np.flatnonzero(notes >= 0).tolist()
    for a, b in pairwise([-1, *matched, len(heard)]):
        last = int(notes[a]) if a >= 0 else -1
        next_ = int(notes[b]) if b < len(heard) else len(target)
        long = [k for k in range(a + 1, b) if heard["duration_s"][k] >= SHORT_S / 2]
        if len(long) < 2:
            continue
        low, high = max(0, last - len(long)), min(len(target), last + len(long) + 2)
        found = _passage(pitch[long], target[low:high])
        right = [k for k, place in enumerate(found) if place >= 0]
        if len(right) < 2:
            continue
        first, final = low + found[right[0]], low + found[right[-1]]
        # two notes at least are gone over again; one alone is a repeated note
        back, forth = first < last, final > next_
        stopped_s = max(back * gap_s[long[right[0]]], forth * gap_s[long[right[-1]] + 1])
        if (back or forth) and (stopped_s > STOP_S or len(right) > SURELY):
            for k in right:
                notes[long[k]] = low + found[k]
    return notes


def _passage(pitch: np.ndarray, target: np.ndarray) -> list[int]:
    """Return the place in the score of each note, -1 where none: the most right ones in order.

    Nothing, if too few are right. Wrong notes between right ones take the places left.
    """
    near = np.abs(np.subtract.outer(pitch, target)) < RIGHT_ST
    n, m = near.shape
    most = np.zeros((n + 1, m + 1))
    for j in range(n):
        for q in range(m):
            # a little for neighbours, so that like passages stay together
            most[j + 1, q + 1] = max(
                most[j, q] + (1.0 if near[j, q] else 0.05), most[j, q + 1], most[j + 1, q]
            )
    j, q, places = n, m, [-1] * n
    while j and q:
        if most[j, q] == most[j - 1, q]:
            j -= 1
        elif most[j, q] == most[j, q - 1]:
            q -= 1
        else:
            j, q = j - 1, q - 1
            places[j] = q
    right = [k for k, place in enumerate(places) if place >= 0 and near[k, place]]
    if len(right) < 2 or len(right) < LEAST_RIGHT * n:
        return [-1] * n
    return [place if right[0] <= k <= right[-1] else -1 for k, place in enumerate(places)]


def substitute(
    heard: npt.NDArray[np.void],
    notes: npt.NDArray[np.int64],
    visits: npt.NDArray[np.int64],
    seconds: np.ndarray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Make an added note in the place and at the time of one left out a wrong note.

    Parameters
    ----------
    heard : ndarray of `segmentation.NOTE`
        In order.
    notes, visits : ndarray of shape (n_heard,)
        Of an `Alignment`.
    seconds : ndarray of shape (n_notes,)
        When each note of the score is due.

    Returns
    -------
    notes, visits : ndarray of shape (n_heard,)

    Examples
    --------
    >>> from mirkit.assessment.segmentation import NOTE
    >>> heard = np.array([(0.5 * k, 0.5, p, 1, 0) for k, p in enumerate([60, 70, 64])], NOTE)
    >>> substitute(heard, np.array([0, -1, 2]), np.arange(3), np.array([0.0, 0.5, 1.0]))[0].tolist()
    [0, 1, 2]
    """
    notes, fresh, onset_s = notes.copy(), _fresh(visits), heard["onset_s"]
    begun = starts(notes, visits).tolist()
    for a, b in pairwise([-1, *begun, len(heard)]):
        first = int(notes[a]) if a >= 0 else -1
        last = int(notes[b]) if b < len(heard) else len(seconds)
        extra = [k for k in range(a + 1, b) if notes[k] < 0]
        if last < first + 2 or not extra or not begun:
            continue
        # before the first note and after the last: the local tempo
        known, scale = (a, 1.0) if a >= 0 else (b, 1.0)
        if a >= 0 and b < len(heard):
            scale = (onset_s[b] - onset_s[a]) / max(seconds[last] - seconds[first], 1e-6)
        from_s = seconds[int(notes[known])]
        for note in range(first + 1, last):
            due_s = onset_s[known] + scale * (seconds[note] - from_s)
            gaps = np.diff(seconds[max(note - 1, 0) : note + 2])
            room_s = 0.5 * scale * float(gaps.min(initial=np.inf))
            near = [k for k in extra if abs(onset_s[k] - due_s) < room_s]
            if near:
                chosen = min(near, key=lambda k: abs(onset_s[k] - due_s))
                notes[chosen] = note
                extra = [k for k in extra if k > chosen]
    fresh[1:] |= (notes[1:] >= 0) & (notes[1:] != notes[:-1])
    return notes, np.cumsum(fresh) - 1


def _fresh(visits: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which notes heard begin a visit."""
    return np.asarray(np.r_[True, np.diff(visits) > 0])

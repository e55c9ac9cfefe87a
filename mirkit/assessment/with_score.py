"""E3, the published descriptors that compare a performance with its score by a warping path."""

from __future__ import annotations

import numpy as np

from mirkit.assessment._statistics import (
    histogram_six,
    named,
    of_histogram,
    over_notes,
    standard_deviation,
    statistics,
)
from mirkit.assessment.dtw import Warp, folded, warp
from mirkit.assessment.pitch import hz_to_midi
from mirkit.assessment.score import Score

__all__ = ["NAMES", "describe"]

NAMES: dict[str, tuple[str, str]] = {
    "sounding_ratio": ("share", "sounding time over that and silences inside notes"),
    **over_notes("deviation", "st", "mean |pitch - score|; octaves folded, but not with compat"),
    **over_notes("deviation_std", "st", "the standard deviation of |pitch - score|"),
    **over_notes("deviation_outliers", "share", "the share of frames farther off than that"),
    "dtw_cost": ("st", "cost of the warping path for each of its points"),
    "tempo_deviation": ("cells", "mean distance of the warping path from the straight line between its ends"),
    **of_histogram(
        "duration", "histogram of 100 bins of durations played for the score's commonest duration"
    ),
    "short_notes": (
        "share",
        "number of notes under three frames times their total time, over the time of all",
    ),
}
"""Score-based, 22."""


def describe(
    f0_hz: np.ndarray,
    novelty: np.ndarray,
    score: Score,
    *,
    sample_rate: int,
    hop_length: int,
    tuning_st: float,
    compat: bool = False,
) -> dict[str, float]:
    """Return E3.

    Parameters
    ----------
    f0_hz : ndarray of shape (n_frames,)
        Contour, 0 for no pitch.
    novelty : ndarray of shape (n_frames,)
        Spectral flux, to which onsets snap.
    score : Score
        What was to be played.
    sample_rate, hop_length : int
        Of the frames.
    tuning_st : float
        Taken off the contour.
    compat : bool
        See `describe`.

    Returns
    -------
    dict of str to float
    """
    voiced = np.flatnonzero(f0_hz > 0)
    values: dict[str, float] = {}
    if len(voiced) < 2:
        return values
    midi = hz_to_midi(f0_hz) - tuning_st
    pitch, beats = score.notes["pitch_midi"], score.notes["duration_beat"]
    path = warp(pitch, midi[voiced])
    onsets = voiced[_spread(path, pitch, beats)]
    onsets = _snap(onsets, novelty, round(0.05 * sample_rate / hop_length))
    ends = np.append(onsets[1:], voiced[-1] + 1)
    pieces, silence = _pieces(onsets, ends, f0_hz > 0)
    rows, short = [], []
    for note, first, last in pieces:
        if last - first < 3:
            short.append(last - first)
            continue
        away = midi[first:last] - pitch[note]
        distance = np.abs(away) if compat else folded(away)
        std = standard_deviation(distance)
        rows.append((distance.mean(), std, float(np.mean(distance > std))))
    columns = np.array(rows).reshape(-1, 3)
    sounding = sum(last - first for _, first, last in pieces)
    hop_s = hop_length / sample_rate
    values["sounding_ratio"] = sounding / max(sounding + silence, 1)
    for k, name in enumerate(("deviation", "deviation_std", "deviation_outliers")):
        values |= statistics(name, columns[:, k])
    values["dtw_cost"], values["tempo_deviation"] = path.cost / path.length, path.slope_deviation
    first_piece = {note: (last - first) * hop_s for note, first, last in reversed(pieces)}
    played = np.array([first_piece.get(note, 0.0) for note in _commonest(beats)])
    values |= named("duration", histogram_six(played[played > hop_s], 100, compat=compat))
    values["short_notes"] = len(short) * sum(short) * hop_s / max(sounding * hop_s, hop_s)
    return values


def _spread(path: Warp, pitch: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Return the first frame of each note; runs of one pitch are divided as the score divides them."""
    first = path.first.copy()
    k = 0
    while k < len(pitch):
        run = k + 1
        while run < len(pitch) and pitch[run] == pitch[k]:
            run += 1
        if run > k + 1:
            share = np.concatenate([[0.0], np.cumsum(beats[k:run])[:-1]]) / beats[k:run].sum()
            first[k:run] = first[k] + np.round(share * (path.last[run - 1] + 1 - first[k])).astype(int)
        k = run
    return np.asarray(np.minimum(first, path.last[-1]))


def _snap(onsets: np.ndarray, novelty: np.ndarray, reach: int) -> np.ndarray:
    """Return onsets moved back to a peak of spectral flux where one lies just before."""
    from scipy.ndimage import median_filter

    threshold = 0.15 * novelty.max(initial=0.0) + median_filter(novelty, size=13)
    peaks = np.zeros(len(novelty), bool)
    peaks[1:-1] = (
        (novelty[1:-1] > novelty[:-2]) & (novelty[1:-1] >= novelty[2:]) & (novelty[1:-1] > threshold[1:-1])
    )
    at = np.flatnonzero(peaks)
    out = onsets.copy()
    for k, onset in enumerate(onsets):
        before = at[(at < onset) & (at >= onset - reach)]
        before = before[before > (out[k - 1] if k else -1)]
        if len(before):
            out[k] = before[-1]
    return out


def _pieces(
    onsets: np.ndarray, ends: np.ndarray, voiced: np.ndarray
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the voiced stretches of every note, and how many frames of silence they leave inside notes."""
    pieces, silence = [], 0
    for note, (first, last) in enumerate(zip(onsets.tolist(), ends.tolist(), strict=True)):
        inside = voiced[first:last]
        if not inside.any():
            pieces.append((note, first, first))
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        pieces += [(note, first + int(a), first + int(b)) for a, b in edges.reshape(-1, 2)]
        silence += int((~inside).sum())
    return pieces, silence


def _commonest(beats: np.ndarray) -> np.ndarray:
    """Return the notes in the fullest of ten bins of the score's durations."""
    edges = np.linspace(beats.min(), beats.max() + 1e-9, 11)
    bins = np.clip(np.digitize(beats, edges) - 1, 0, 9)
    return np.flatnonzero(bins == np.argmax(np.bincount(bins, minlength=10)))

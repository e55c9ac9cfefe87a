"""From contour to notes, without a score; two ways.

`segment` finds notes by Viterbi over semitones and splits repeated ones at dips of level; `published_notes`
follows the study's rules to the letter.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mirkit._typing import Frames, Signal
from mirkit.assessment.config import SegmentationConfig
from mirkit.assessment.pitch import Contour, hz_to_midi, tuning_cents

__all__ = ["NOTE", "flux", "published_notes", "segment"]

NOTE = np.dtype(
    [
        ("onset_s", "f8"),
        ("duration_s", "f8"),
        ("pitch_midi", "f8"),
        ("attack", "f8"),
        ("level_db", "f8"),
    ]
)
"""A note heard: seconds, median pitch, how surely it starts with an attack (0 to 1), level."""

FAR_ST = 1.5
"""Farther from a note's pitch costs no more."""
UNVOICED = 0.45
"""Cost of a frame without pitch inside a note; a voiced frame outside any costs 1."""
STEADY_DB = 0.3
"""Unsteadiness of the level that is taken where notes are too short to measure it."""
DIP_ODDS = (-8.12, 2.1, 0.65, -2.05)
"""Log odds that a dip of level starts a note: constant; for the logarithms of fall, rise, unsteadiness.
A logistic regression on simulated performances whose onsets are known, of training instruments only."""
LEAST_SURE = 0.1
TAIL_DB = 12.0
"""What goes on at the same pitch so much softer is the instrument or the room dying away, not a note."""
_SMOOTH = np.array([-36, 9, 44, 69, 84, 89, 84, 69, 44, 9, -36]) / 429.0
"""Savitzky and Golay's quadratic smoother over eleven frames, 64 ms: it follows vibrato, not jitter."""


def segment(contour: Contour, config: SegmentationConfig | None = None) -> npt.NDArray[np.void]:
    """Return the notes of a contour.

    Each frame belongs to a semitone or to silence. Being away from the pitch costs, changing costs, and the
    cheapest sequence is taken, so that vibrato and slides do not break a note. A note is then split where its
    level dips and rises again: there the same pitch may have been played anew. How surely is in ``attack``;
    it depends on the dip, and on how much the level trembles anyway. Whoever knows the score decides.

    Parameters
    ----------
    contour : Contour
        From `pitch.track`.
    config : SegmentationConfig, optional
        Costs and shortest lengths.

    Returns
    -------
    ndarray of `NOTE`
        In order, not overlapping.

    Examples
    --------
    >>> from mirkit.dsp import FrameGrid
    >>> f0_hz = np.repeat([440.0, 493.88, 0.0], 40)
    >>> [round(p) for p in segment(Contour.from_f0(FrameGrid(0, 0.0058, 120), f0_hz))["pitch_midi"]]
    [69, 71]
    """
    config = config or SegmentationConfig()
    midi = contour.midi()
    if not np.isfinite(midi).any():
        return np.zeros(0, NOTE)
    midi = midi - tuning_cents(midi, contour.clarity) / 100.0
    hop_s = contour.grid.hop_s
    labels = _labels(midi, config)
    # (start, end) of stretches of one pitch; each starts with a change of pitch or after silence
    runs = _runs(labels, round(config.max_gap_s / hop_s))
    rise_db = _rises(contour, round(0.05 / hop_s))
    unsteady_db = _unsteadiness(contour, runs)
    rows: list[tuple[float, ...]] = []
    for number, (start, end) in enumerate(runs):
        cuts = _attacks(rise_db, contour, (start, end), unsteady_db, config)
        first_sure = 1.0
        if number and start - runs[number - 1][1] <= 1 and abs(labels[start] - labels[start - 1]) % 12 == 0:
            # the tracker may have changed its mind about the octave in the middle of a note
            span = (runs[number - 1][0], end)
            first_sure = _certainty(contour, start, round(0.24 / hop_s), span, unsteady_db)
        edges = [(start, first_sure), *cuts]
        for k, (first, attack) in enumerate(edges):
            last = edges[k + 1][0] if k + 1 < len(edges) else end
            voiced = np.flatnonzero(np.isfinite(midi[first:last])) + first
            if len(voiced) * hop_s < config.min_note_s and last - first < config.min_note_s / hop_s:
                continue
            if not len(voiced):
                continue
            inner = voiced[len(voiced) // 5 : max(len(voiced) // 5 + 1, len(voiced) - len(voiced) // 10)]
            pitch = float(np.median(contour.midi()[inner]))
            stop = int(voiced[-1]) + 1
            level_db = float(np.median(contour.level_db[inner]))
            if k and rows and level_db < rows[-1][4] - TAIL_DB:
                attack = 0.0
            rows.append((first * hop_s, (stop - first) * hop_s, pitch, attack, level_db))
    return np.array(rows, dtype=NOTE)


def _labels(midi: np.ndarray, config: SegmentationConfig) -> np.ndarray:
    """Return the semitone of each frame, -1 for silence, by Viterbi."""
    low, high = int(np.floor(np.nanmin(midi))), int(np.ceil(np.nanmax(midi)))
    grid = np.arange(low, high + 1)
    n_states = len(grid) + 1  # the last is silence
    back = np.empty((len(midi), n_states), np.int16)
    total = np.zeros(n_states)
    own = np.arange(n_states)
    known = np.isfinite(midi)
    for first in range(0, len(midi), 512):
        part = midi[first : first + 512]
        cost = np.minimum(np.abs(part[:, np.newaxis] - grid), FAR_ST)
        cost = np.column_stack([cost, np.ones(len(part))])
        cost[~known[first : first + 512]] = [*np.full(len(grid), UNVOICED), 0.0]
        for k, row in enumerate(cost, first):
            best = int(total.argmin())
            moved = total[best] + config.change_cost < total
            back[k] = np.where(moved, best, own)
            total = np.minimum(total, total[best] + config.change_cost) + row
    path = np.empty(len(midi), np.int64)
    path[-1] = int(total.argmin())
    for k in range(len(midi) - 1, 0, -1):
        path[k - 1] = back[k, path[k]]
    return np.where(path == n_states - 1, -1, path + low)


def _runs(labels: np.ndarray, max_gap: int) -> list[tuple[int, int]]:
    """Return start and end of stretches of one pitch; short silences are bridged to the next run of it."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, ends = np.r_[0, edges], np.r_[edges, len(labels)]
    runs: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if labels[start] < 0:
            continue
        if runs and labels[runs[-1][0]] == labels[start] and start - runs[-1][1] <= max_gap:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def quick(values: np.ndarray) -> np.ndarray:
    """Return what a smooth curve through the values leaves over: not vibrato, which it follows.

    Parameters
    ----------
    values : ndarray of shape (n_frames,)
        More than ten.

    Returns
    -------
    ndarray of shape (n_frames - 10,)

    Examples
    --------
    >>> float(np.abs(quick(np.arange(20.0) ** 2)).max()) < 1e-9
    True
    """
    return np.asarray(values[5:-5] - np.convolve(values, _SMOOTH, mode="valid"))


def _unsteadiness(contour: Contour, runs: list[tuple[int, int]]) -> float:
    """Return by how much the level trembles inside notes, dB: the smaller, the more a dip says."""
    inner = [contour.level_db[start + 10 : end - 10].astype(float) for start, end in runs if end - start > 40]
    return float(np.median([np.std(quick(level)) for level in inner])) if inner else STEADY_DB


def _certainty(
    contour: Contour, lowest: int, reach: int, edges: tuple[int, int], unsteady_db: float
) -> float:
    """Return the probability that a note starts where the level is lowest: from the fall and the rise."""
    level, (start, end) = contour.level_db, edges
    fall_db = float(level[max(start, lowest - reach) : lowest + 1].max() - level[lowest])
    rise_db = float(level[lowest : min(end, lowest + reach)].max() - level[lowest])
    terms = np.log([max(fall_db, 0.5), max(rise_db, 0.5), unsteady_db + 0.2])
    return float(1.0 / (1.0 + np.exp(-(DIP_ODDS[0] + np.dot(DIP_ODDS[1:], terms)))))


def _rises(contour: Contour, span: int) -> np.ndarray:
    """Return by how much the level after each frame exceeds the lowest level just before it, dB."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    level = np.maximum(contour.level_db, contour.level_db.max() - 70.0)
    after = maximum_filter1d(level, span + 1, origin=-(span // 2))
    before = minimum_filter1d(level, span + 1, origin=span // 2)
    return np.asarray(after - before)


def _attacks(
    rise_db: np.ndarray,
    contour: Contour,
    edges: tuple[int, int],
    unsteady_db: float,
    config: SegmentationConfig,
) -> list[tuple[int, float]]:
    """Return where a note of one pitch is played anew, and how surely."""
    start, end = edges
    hop_s = contour.grid.hop_s
    margin = round(config.min_note_s / hop_s) + 2
    if end - start < 2 * margin:
        return []
    inside = rise_db[start + margin : end - margin]
    cuts: list[tuple[int, float]] = []
    reach = round(0.06 / hop_s)
    taken = np.zeros(end - start, bool)
    for at in np.argsort(-inside):
        if inside[at] < config.dip_db:
            break
        k = at + margin
        if taken[k]:
            continue
        taken[max(0, k - 2 * reach) : k + 2 * reach] = True
        near = slice(max(start, start + k - reach), min(end, start + k + reach))
        lowest = int(np.argmin(contour.level_db[near])) + near.start
        sure = _certainty(contour, lowest, 4 * reach, edges, unsteady_db)
        if sure > LEAST_SURE and start + margin <= lowest <= end - margin:
            cuts.append((lowest, sure))
    return sorted(cuts)


def flux(y: Signal, *, hop_length: int, n_fft: int = 1024) -> Frames:
    """Return half-wave rectified spectral flux of log-compressed magnitudes, one value a frame.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Sound.
    hop_length, n_fft : int
        Samples.

    Returns
    -------
    ndarray of shape (n_frames,)
        Independent of gain; frame ``k`` is centred on sample ``k * hop_length``.

    Examples
    --------
    >>> click = np.zeros(8192, np.float32); click[4096] = 1.0
    >>> int(np.argmax(flux(click, hop_length=256)))
    15
    """
    from mirkit.dsp import stft

    peak = float(np.abs(y).max(initial=0.0)) or 1.0
    values = []
    before = None
    span = 512 * hop_length
    padded = np.pad(y / peak, (n_fft // 2, n_fft))
    for first in range(0, max(len(y), 1), span):
        block = padded[first : first + span + n_fft - hop_length]
        if len(block) < n_fft:
            break
        magnitude = np.log1p(20.0 * np.abs(stft(block, n_fft=n_fft, hop_length=hop_length, center=False)))
        left = magnitude[:, :1] if before is None else before
        steps = np.diff(np.concatenate([left, magnitude], axis=1), axis=1)
        values.append(np.maximum(steps, 0.0).mean(axis=0))
        before = magnitude[:, -1:]
    return np.concatenate(values).astype(np.float32) if values else np.zeros(1, np.float32)


def published_notes(
    f0_hz: np.ndarray, y: Signal, *, sample_rate: int, hop_length: int, min_note_s: float
) -> list[tuple[int, int, float]]:
    """Return notes by the study's rules: first frame, last frame (exclusive) and mean pitch of each.

    Median filter over five frames, one tuning offset for the nearest semitones, boundaries where the semitone
    changes, greedy merging of neighbours less than 50 cents apart, then what is short or below -50 dB is
    left out. Repeated notes without a gap stay one.

    Parameters
    ----------
    f0_hz : ndarray of shape (n_frames,)
        0 for no pitch.
    y : ndarray of shape (n_samples,)
        The sound, for the level.
    sample_rate, hop_length : int
        Of the frames.
    min_note_s : float
        Shortest note: 0.1 for E2, 0.2 for E1.

    Returns
    -------
    list of (int, int, float)

    Examples
    --------
    >>> f0_hz = np.repeat([440.0, 0.0, 880.0], 40)
    >>> tone = 0.1 * np.ones(120 * 256, np.float32)
    >>> found = published_notes(f0_hz, tone, sample_rate=44100, hop_length=256, min_note_s=0.1)
    >>> [(first, last, round(pitch)) for first, last, pitch in found]
    [(0, 40, 69), (80, 120, 81)]
    """
    from scipy.ndimage import median_filter

    smooth = median_filter(np.asarray(f0_hz, float), size=5, mode="constant")
    midi = hz_to_midi(smooth)
    known = np.isfinite(midi)
    if not known.any():
        return []
    offsets = np.arange(-50, 51, 2) / 100.0
    errors = [np.mean((midi[known] + o - np.round(midi[known] + o)) ** 2) for o in offsets]
    offset = offsets[int(np.argmin(errors))]
    semitones = np.where(known, np.round(np.where(known, midi, 0.0) + offset), -1000.0)
    edges = np.r_[0, np.flatnonzero(np.diff(semitones)) + 1, len(semitones)]
    silent = hz_to_midi(np.array([0.01]))[0]
    pitch = np.where(known, midi, silent)
    notes = [[int(a), int(b), float(pitch[a:b].mean())] for a, b in pairwise(edges)]
    notes = _merged(notes, 0.5)
    shortest = np.floor(min_note_s * sample_rate / hop_length)
    kept = []
    for first, last, mean in notes:
        sound = y[first * hop_length : last * hop_length]
        level = float(np.mean(np.abs(sound))) if len(sound) else 0.0
        if mean > 0 and last - first > shortest and 20.0 * np.log10(max(level, 1e-12)) > -50.0:
            kept.append((int(first), int(last), float(mean)))
    return kept


def _merged(notes: list[list[float]], interval_st: float) -> list[list[float]]:
    """Merge the closest neighbours until all are farther apart than an interval."""
    notes = [list(note) for note in notes]
    while len(notes) > 1:
        means = np.array([note[2] for note in notes])
        steps = np.abs(np.diff(means))
        k = int(np.argmin(steps))
        if steps[k] > interval_st:
            break
        a, b = notes[k], notes[k + 1]
        n_a, n_b = a[1] - a[0], b[1] - b[0]
        notes[k : k + 2] = [[a[0], b[1], (a[2] * n_a + b[2] * n_b) / (n_a + n_b)]]
    return notes

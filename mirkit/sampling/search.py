"""Straight paths: a sample played at one transposition and one tempo, wherever it begins in a song.

A sampler plays what it holds at constant speed, so the path through the similarity of sample and song is
straight but for rounding. All transpositions, tempos and beginnings can then be tried: each transposition is
a shift of the sample's rows and one matrix product, each tempo a sum along lines of its slope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirkit.sampling.config import SearchConfig
from mirkit.sampling.features import Patch
from mirkit.sampling.lines import sums_along_lines

__all__ = ["Field", "Hypothesis", "Similarity", "search"]

Similarity = np.ndarray
"""float32 ``(2, n_sample_frames, n_song_frames)``: by what sounds, and by what is new in it."""

GROUPS = ((0, 2), (1,))
"""Channels of `features.CHANNELS` that are summed into one similarity."""

N_COMPARED = 3
"""Channels, the first ones, that similarity is made of."""

FRAME_FLOOR = 0.3
"""Of the mean norm of a frame: softer frames count less instead of being blown up."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """How well the sample fits, for every transposition, tempo and beginning.

    Parameters
    ----------
    z : ndarray of shape (n_shifts, n_tempos, n_song_frames)
        In deviations from the mean of all; -inf where the sample would go beyond the end.
    z_parts : ndarray of shape (2, n_shifts, n_tempos, n_song_frames)
        The same of each similarity alone.
    scale : ndarray of shape (2, 2)
        Mean and deviation of each similarity's sums.
    shifts_bins : ndarray of shape (n_shifts,)
        Rows up.
    tempos : ndarray of shape (n_tempos,)
        Rising.
    offsets : ndarray of shape (n_tempos, n_rows)
        Song frames after the beginning at which each row of the sample is due.
    rows : ndarray of shape (n_rows,)
        Frames of the sample that were used.
    """

    z: np.ndarray
    z_parts: np.ndarray
    scale: np.ndarray
    shifts_bins: np.ndarray
    tempos: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One transposition and tempo.

    Parameters
    ----------
    shift, tempo : int
        Indices into the field.
    score : float
        Best fit, and something for each further good one.
    """

    shift: int
    tempo: int
    score: float


def search(sample: Patch, song: Patch, config: SearchConfig, *, step_st: float) -> Field:
    """Return how well a sample fits into a song everywhere.

    Parameters
    ----------
    sample, song : ndarray of shape (n_channels, n_bins, n_frames)
        See `mirkit.sampling.features.patch`.
    config : SearchConfig
        What is tried.
    step_st : float
        Semitones between rows.

    Returns
    -------
    Field
    """
    rows = spread(sample.shape[2], config.max_rows)
    limit = int(config.max_shift_st / step_st + 1e-6)
    shifts = np.arange(-limit, limit + 1)
    tempos = tempo_grid(sample.shape[2], config)
    offsets = np.round(rows / tempos[:, np.newaxis]).astype(np.int64)
    framed = normalised_frames(song)
    n_frames = song.shape[2]
    sums = np.zeros((len(GROUPS), len(shifts), len(tempos), n_frames), np.float32)
    for s, shift in enumerate(shifts):
        matrices = similarity(sample[:, :, rows], framed, int(shift))
        for group, matrix in enumerate(matrices):
            sums_along_lines(matrix, offsets, sums[group, s])
    valid = np.arange(n_frames) < (n_frames - offsets[:, -1:])  # (n_tempos, n_frames)
    scale = np.zeros((len(GROUPS), 2))
    for group in range(len(GROUPS)):
        values = sums[group][:, valid]
        if values.size:
            scale[group] = values.mean(dtype=np.float64), max(float(values.std(dtype=np.float64)), 1e-9)
        else:
            scale[group] = 0.0, 1.0
        sums[group] = (sums[group] - scale[group, 0]) / scale[group, 1]
        sums[group][:, ~valid] = -np.inf
    return Field(sums.mean(axis=0), sums, scale, shifts, tempos, offsets, rows)


def similarity(sample: Patch, framed: Patch, shift: int) -> Similarity:
    """Return how alike each frame of a transposed sample is to each frame of a song.

    Parameters
    ----------
    sample : ndarray of shape (n_channels, n_bins, n_sample_frames)
        Its rows are moved; what leaves the axis is lost.
    framed : ndarray of shape (n_channels, n_bins, n_song_frames)
        From `normalised_frames`.
    shift : int
        Rows up.

    Returns
    -------
    ndarray of shape (2, n_sample_frames, n_song_frames)
        The mean over the sample's frames is about 0.7 for a song that holds nothing else.
    """
    sample = sample[:N_COMPARED]
    moved = np.zeros_like(sample)
    if shift > 0:
        moved[:, shift:] = sample[:, :-shift]
    elif shift < 0:
        moved[:, :shift] = sample[:, -shift:]
    else:
        moved[:] = sample
    norms = np.sqrt(np.square(moved).sum(axis=(1, 2)) / moved.shape[2]) + 1e-9
    products = [(moved[c] / norms[c]).T @ framed[c] for c in range(len(moved))]
    return np.stack([sum(products[c] for c in group) / len(group) for group in GROUPS])


def normalised_frames(song: Patch) -> Patch:
    """Return a song whose frames have about the same norm in each channel; soft ones less."""
    song = song[:N_COMPARED]
    norms = np.sqrt(np.square(song).sum(axis=1, keepdims=True))
    typical = np.sqrt(np.square(norms).mean(axis=2, keepdims=True)) + 1e-9
    return np.asarray(song / (norms + FRAME_FLOOR * typical), dtype=np.float32)


def tempo_grid(n_frames: int, config: SearchConfig) -> np.ndarray:
    """Return tempo ratios, so close that no path ends farther than the slack from the nearest one.

    Parameters
    ----------
    n_frames : int
        Of the sample.
    config : SearchConfig
        Range and slack.

    Returns
    -------
    ndarray
        Rising, with 1 among them.

    Examples
    --------
    >>> grid = tempo_grid(100, SearchConfig())
    >>> len(grid), float(grid.min()) > 0.72, 1.0 in grid
    (22, True, True)
    """
    step = min(0.08, 2 * config.slack_frames / max(n_frames, 8))
    n_up = int(np.ceil(np.log(config.tempo_max) / step))
    n_down = int(np.ceil(-np.log(config.tempo_min) / step))
    return np.asarray(np.exp(np.arange(-n_down, n_up + 1) * step))


def spread(n_frames: int, most: int) -> np.ndarray:
    """Return which frames of a sample are compared: spread evenly, all of them if there are few enough."""
    return np.unique(np.round(np.linspace(0, n_frames - 1, min(n_frames, most))).astype(int))


def hypotheses(field: Field, config: SearchConfig, *, step_st: float) -> list[Hypothesis]:
    """Return the transpositions and tempos at which the sample fits best, the best first.

    Parameters
    ----------
    field : Field
        From `search`.
    config : SearchConfig
        How many, and how far apart occurrences are.
    step_st : float
        Semitones between rows.

    Returns
    -------
    list of Hypothesis
        None nearer to another than a semitone together with 4 % of tempo or one and a half steps of it.
    """
    best = field.z.max(axis=2)  # (n_shifts, n_tempos)
    order = np.argsort(-best, axis=None)[:60]
    found: list[Hypothesis] = []
    for flat in order:
        s, k = (int(v) for v in np.unravel_index(flat, best.shape))
        if not np.isfinite(best[s, k]) or any(_near(field, s, k, other, step_st) for other in found):
            continue
        found.append(Hypothesis(s, k, _score(field, s, k, config)))
    return sorted(found, key=lambda one: -one.score)[: config.n_hypotheses]


def _near(field: Field, s: int, k: int, other: Hypothesis, step_st: float) -> bool:
    shift_st = abs(field.shifts_bins[s] - field.shifts_bins[other.shift]) * step_st
    tempo = abs(np.log(field.tempos[k] / field.tempos[other.tempo]))
    step = float(np.log(field.tempos[1] / field.tempos[0])) if len(field.tempos) > 1 else 0.0
    return bool(shift_st < 1.0 and tempo < max(0.04, 1.5 * step))


def _score(field: Field, s: int, k: int, config: SearchConfig) -> float:
    """Return the best fit, and a fifth of how much up to four more exceed three deviations."""
    curve = field.z[s, k]
    at = peaks(curve, spacing_of(field, k, config), 5, 3.0)
    heights = curve[at] if len(at) else np.array([curve.max()])
    return float(heights[0] + 0.2 * np.maximum(heights[1:] - 3.0, 0.0).sum())


def spacing_of(field: Field, k: int, config: SearchConfig) -> int:
    """Return how many frames apart two occurrences at a tempo begin at least."""
    return max(4, round(config.spacing * float(field.offsets[k, -1])))


def peaks(curve: np.ndarray, spacing: int, n: int, least: float) -> np.ndarray:
    """Return where a curve is highest, the highest first, no two closer than ``spacing``.

    Parameters
    ----------
    curve : ndarray of shape (n_frames,)
        May hold -inf.
    spacing : int
        Frames.
    n : int
        At most so many.
    least : float
        Lower peaks are left out.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> peaks(np.array([0, 5.0, 4, 0, 0, 3, 0]), 3, 5, 1.0).tolist()
    [1, 5]
    """
    left = curve.copy()
    found: list[int] = []
    while len(found) < n:
        top = int(left.argmax())
        if not left[top] >= least:
            break
        found.append(top)
        left[max(0, top - spacing + 1) : top + spacing] = -np.inf
    return np.array(found, dtype=int)

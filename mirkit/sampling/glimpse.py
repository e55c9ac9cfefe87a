"""A first, fast look at many songs: the search along straight paths on few, coarse numbers.

Sound is kept as one byte for each third of a whole tone and each fourteenth of a second: what has just begun
and what stands out for a moment. All transpositions are one matrix product, all tempos sums along lines; only
the best are kept. It ranks songs; whether and where the sample is there, `mirkit.sampling.predict` says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirkit.sampling.config import SearchConfig
from mirkit.sampling.features import Patch
from mirkit.sampling.lines import sums_along_lines
from mirkit.sampling.search import spread, tempo_grid

__all__ = ["Glimpse", "coarse", "glimpse", "n_coarse_bins"]

FRAMES, BINS = 2, 2
"""Frames and bins of `mirkit.sampling.features` that are averaged."""
FRAME_FLOOR = 0.3
"""Of the mean norm of a frame: softer frames count less instead of being blown up."""
FULL = 0.6
"""Value that a byte of 127 stands for; few are larger."""
MOST_ROWS = 128
"""Frames of the sample that are compared, all of one of nine seconds."""
OTHER, AGAIN = 0.5, 0.2
"""Weights beside the best fit: of another transformation's best, which speaks against it, and of a second
place, which speaks for it."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The best place of a sample in a song at a first look.

    Parameters
    ----------
    score : float
        How much the best fit is above the median over all transpositions and tempos of their best ones, in
        deviations of all that was tried; less if another transformation is close, more for a second place.
    pitch_shift_st, tempo_ratio : float
        Its transformation.
    start_s : float
        Where it begins in the song.
    """

    score: float
    pitch_shift_st: float
    tempo_ratio: float
    start_s: float


def n_coarse_bins(n_bins: int) -> int:
    """Return the number of columns that `coarse` makes of ``n_bins`` bins."""
    return n_bins // BINS


def coarse(sound: Patch) -> np.ndarray:
    """Return what is kept of a sound.

    Parameters
    ----------
    sound : ndarray of shape (n_channels, n_bins, n_frames)
        See `mirkit.sampling.features.patch`.

    Returns
    -------
    ndarray of shape (n_frames // 2, n_bins // 2)
        int8.

    Examples
    --------
    >>> coarse(np.random.default_rng(0).random((4, 254, 101), np.float32)).shape
    (50, 127)
    """
    _, contrast, onsets, _ = sound
    mixed = contrast / _rms(contrast) + onsets / _rms(onsets)
    n_bins, n_frames = mixed.shape[0] // BINS, mixed.shape[1] // FRAMES
    mixed = mixed[: n_bins * BINS, : n_frames * FRAMES].reshape(n_bins, BINS, n_frames, FRAMES).mean((1, 3)).T
    norms = np.linalg.norm(mixed, axis=1, keepdims=True)
    mixed = mixed / (norms + FRAME_FLOOR * _rms(norms))
    scaled = np.clip(np.round(mixed * (127 / FULL)), -127, 127)
    return np.ascontiguousarray(scaled, dtype=np.int8)  # one sound after another in a file


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean())) + 1e-9


def glimpse(
    sample: np.ndarray,
    song: np.ndarray,
    config: SearchConfig,
    *,
    step_st: float,
    hop_s: float,
) -> Glimpse:
    """Return where a sample fits best into a song at a first look.

    Parameters
    ----------
    sample, song : ndarray of shape (n_frames, n_bins)
        From `coarse`.
    config : SearchConfig
        Transpositions and tempos.
    step_st, hop_s : float
        Semitones between bins and seconds between frames of `mirkit.sampling.features`.

    Returns
    -------
    Glimpse
        With a score of -inf if the song is shorter than the sample.
    """
    rows = spread(len(sample), MOST_ROWS)
    shifts = _shifts(config, step_st * BINS)
    tempos = tempo_grid(len(sample), config)
    offsets = np.round(rows / tempos[:, np.newaxis]).astype(np.int64)
    queries = _transposed(sample[rows].astype(np.float32), shifts)
    products = (queries @ song.T.astype(np.float32)).reshape(len(shifts), len(rows), len(song))
    sums = np.empty((len(shifts), len(tempos), len(song)), np.float32)
    for product, out in zip(products, sums, strict=True):
        sums_along_lines(product, offsets, out)
    valid = np.arange(len(song)) < len(song) - offsets[:, -1:]  # (n_tempos, n_frames)
    if not valid.any():
        return Glimpse(float("-inf"), 0.0, 1.0, 0.0)
    deviation = _deviation(sums, len(shifts) * int(np.count_nonzero(valid)))
    sums[:, ~valid] = -np.inf
    best = sums.max(axis=2)
    s, k = np.unravel_index(best.argmax(), best.shape)
    at = int(sums[s, k].argmax())
    others, again = best.copy(), sums[s, k].copy()
    others[max(0, s - 1) : s + 2, max(0, k - 1) : k + 2] = -np.inf
    apart = max(1, int(offsets[k, -1]) // 2)
    again[max(0, at - apart) : at + apart + 1] = -np.inf
    lead = _lead(best, float(best[s, k]), float(others.max()), float(again.max()))
    return Glimpse(lead / deviation, float(shifts[s] * step_st * BINS), float(tempos[k]), at * hop_s * FRAMES)


def _deviation(sums: np.ndarray, n: int) -> float:
    """Return the standard deviation of ``n`` sums, the others being 0."""
    mean = sums.sum(dtype=np.float64) / n
    squares = np.einsum("skt,skt->sk", sums, sums).sum(dtype=np.float64) / n
    return float(np.sqrt(max(squares - mean * mean, 1e-18)))


def _lead(fits: np.ndarray, best: float, other: float, again: float) -> float:
    """Return how far a fit is ahead: in songs of few notes much fits a little. Missing ones are -inf."""
    typical = float(np.median(fits[np.isfinite(fits)]))
    lead = best - typical - OTHER * max(0.0, other - typical)
    # Samples are looped more often than not.
    return lead + (AGAIN * (again - typical) if np.isfinite(again) else 0.0)


def _shifts(config: SearchConfig, step_st: float) -> np.ndarray:
    limit = int(config.max_shift_st / step_st + 1e-6)
    return np.arange(-limit, limit + 1)


def _transposed(sample: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the sample's rows at all transpositions with the same norm, ``(n_shifts * n_rows, n_bins)``."""
    moved = np.zeros((len(shifts), *sample.shape), np.float32)
    for one, shift in zip(moved, shifts, strict=True):
        if shift >= 0:
            one[:, shift:] = sample[:, : sample.shape[1] - shift]
        else:
            one[:, :shift] = sample[:, -shift:]
        one /= np.linalg.norm(one) + 1e-9
    return moved.reshape(-1, sample.shape[1])

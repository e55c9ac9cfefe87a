"""The published method: NMF templates, partially fixed NMF for each transposition, subsequence DTW.

S. Gururani, A. Lerch, "Automatic sample detection in polyphonic music", ISMIR 2017. Slips of the released
code are not repeated: sounds are filtered before their rate is lowered, groups of end points do not reach
into the next one, lengths are relative to the sample's, transpositions are compared by cost per cell.
"""

from __future__ import annotations

import numpy as np

from mirkit.audio import Audio
from mirkit.dsp import stft
from mirkit.errors import ParameterError
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.config import NMFConfig
from mirkit.sampling.dtw import Ends, subsequence_dtw, trace
from mirkit.sampling.nmf import partially_fixed_nmf, sample_templates, transposed

__all__ = ["DESCRIPTORS", "correlation_distance", "find"]

SAMPLE_RATE = 22050
DESCRIPTORS: dict[str, str] = {
    "cost_min": "least cost per cell of the paths from this start",
    "cost_mean": "mean of it",
    "cost_std": "deviation of it",
    "length": "cells of the cheapest path, relative to the sample's frames",
    "slope": "song frames for each sample frame of it",
    "deviation": "mean distance of it from the straight line between its ends",
    "slope_mean": "mean slope",
    "slope_std": "deviation of the slope",
    "length_mean": "mean length",
    "length_std": "deviation of the length",
    "deviation_mean": "mean of the deviations from straight",
    "deviation_std": "deviation of these",
    "n_ends": "paths from this start, relative to the sample's frames",
}
"""Name to meaning, in the order of the columns."""


def find(sample: Audio, song: Audio, config: NMFConfig) -> Candidates:
    """Return a candidate for each place from which cheapest paths start, at the cheapest transposition.

    Parameters
    ----------
    sample, song : Audio
        Any rates and channels.
    config : NMFConfig
        Spectra, templates, transpositions.

    Returns
    -------
    Candidates

    Raises
    ------
    ParameterError
        If one of them is silent or too short for two frames.
    """
    V_sample, V = (_magnitudes(one, config, what) for one, what in ((sample, "sample"), (song, "song")))
    W, H_sample = sample_templates(V_sample, config.n_sample)
    best: tuple[float, float, Ends] | None = None
    for shift_st in config.shifts_st:
        H, _, _ = partially_fixed_nmf(
            V, transposed(W, shift_st), n_free=config.n_song, n_iterations=config.n_iterations,
            tolerance=config.tolerance, rng=np.random.default_rng(0),
        )  # fmt: skip
        ends = subsequence_dtw(correlation_distance(H_sample, H), with_steps=True)
        cost = float((ends.cost / ends.length).min())
        if best is None or cost < best[0]:
            best = cost, shift_st, ends
    if best is None:
        raise ParameterError("no transposition to try; give at least one in shifts_st")
    return _candidates(best[2], best[1], len(H_sample.T), config)


def _magnitudes(audio: Audio, config: NMFConfig, what: str) -> np.ndarray:
    y = audio.mono().resample(SAMPLE_RATE).samples[0]
    level = float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) if len(y) else 0.0
    if level < 1e-4:
        raise ParameterError(f"the {what} is silent; there is nothing to compare")
    if len(y) < 2 * config.hop_length:
        raise ParameterError(f"the {what} lasts {len(y) / SAMPLE_RATE:.2f} s, less than two frames")
    y = np.pad(y / level, (0, max(0, config.n_fft - len(y))))
    return np.abs(stft(y.astype(np.float32), n_fft=config.n_fft, hop_length=config.hop_length))


def correlation_distance(H_sample: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Return 1 - Pearson's r of activations, for each frame of the sample and each of the song.

    Parameters
    ----------
    H_sample, H : ndarray of shape (n_templates, n_frames)
        Activations.

    Returns
    -------
    ndarray of shape (n_sample_frames, n_song_frames)
        In [0, 2]; nearer to 1 for frames in which hardly anything is active.

    Examples
    --------
    >>> H = np.random.default_rng(0).random((5, 3))
    >>> bool(np.diag(correlation_distance(H, 2 * H)).max() < 0.1)
    True
    """
    left, right = (_centred(one / max(float(one.max()), 1e-12)) for one in (H_sample, H))
    return np.asarray(1.0 - left.T @ right)


def _centred(H: np.ndarray) -> np.ndarray:
    centred = H - H.mean(axis=0)
    # A hundredth of the largest activation is noise: without it silent frames correlate at random.
    return np.asarray(centred / (np.sqrt(np.square(centred).sum(axis=0)) + 0.01))


def _candidates(ends: Ends, shift_st: float, n_sample: int, config: NMFConfig) -> Candidates:
    per_cell = ends.cost / ends.length
    starts = np.unique(ends.start)
    groups = {int(start): np.flatnonzero(ends.start == start) for start in starts}
    order = sorted(groups, key=lambda start: float(per_cell[groups[start]].min()))[: config.max_candidates]
    hop_s = config.hop_length / SAMPLE_RATE
    rows, times, ratios, paths = [], [], [], []
    for start in order:
        group = groups[start]
        measures = np.array([_measures(trace(ends, int(end)), n_sample) for end in group])
        cheapest = int(per_cell[group].argmin())
        costs = per_cell[group]
        length, slope, deviation = measures.T
        rows.append([
            costs.min(), costs.mean(), costs.std(), *measures[cheapest], slope.mean(), slope.std(),
            length.mean(), length.std(), deviation.mean(), deviation.std(), len(group) / n_sample,
        ])  # fmt: skip
        end = int(group[cheapest])
        times.append([start * hop_s, (end + 1) * hop_s])
        ratios.append(n_sample / max(1, end - start + 1))
        paths.append(np.array([[0.0, start * hop_s], [(n_sample - 1) * hop_s, end * hop_s]]))
    X = np.array(rows, dtype=np.float32).reshape(-1, len(DESCRIPTORS))
    return Candidates(
        np.array(times).reshape(-1, 2), np.full(len(rows), float(shift_st)), np.array(ratios), X, paths
    )


def _measures(path: np.ndarray, n_sample: int) -> tuple[float, float, float]:
    """Return length, slope and deviation from straight of a path."""
    (i0, t0), (i1, t1) = path[0], path[-1]
    rise, run = float(i1 - i0), float(t1 - t0)
    norm = max(np.hypot(rise, run), 1e-9)
    distance = np.abs(rise * (path[:, 1] - t0) - run * (path[:, 0] - i0)) / norm
    return len(path) / n_sample, run / max(rise, 1.0), float(distance.mean())

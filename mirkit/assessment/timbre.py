"""E1, the baseline: common spectral features of every note, and their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mirkit._typing import Signal
from mirkit.dsp import stft

__all__ = ["NAMES", "baseline", "mfcc_filters"]

N_FFT = 1024
FRAME = (
    ("centroid", "Hz", "centre of gravity of the power spectrum"),
    ("rolloff", "bins", "bins below which 85 % of the magnitude lies"),
    ("flux", "", "root of the squared change of the magnitude spectrum, for each bin"),
    ("zcr", "share", "zero crossings, of the samples"),
)
_MFCC = tuple((f"mfcc{k}", "", f"mel-frequency cepstral coefficient {k}") for k in range(13))


def _names() -> list[tuple[str, str, str]]:
    within = [(f"{n}_{s}", u, f"{s} over frames of the {m}") for s in ("mean", "std") for n, u, m in FRAME]
    within += [(f"{n}_{s}", u, f"{s} over frames of {m}") for s in ("mean", "std") for n, u, m in _MFCC]
    return [(f"{n}_{s}", u, f"{s} over notes of the {m}") for s in ("mean", "std") for n, u, m in within]


NAMES = tuple(_names())
"""Name, unit and meaning, in the published order."""


def baseline(
    y: Signal, notes: Sequence[tuple[int, int, float]], *, sample_rate: int, hop_length: int
) -> dict[str, float]:
    """Return E1.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Sound at peak 1.
    notes : sequence of (int, int, float)
        First frame, last frame (exclusive) and pitch of each note.
    sample_rate, hop_length : int
        Of the frames.

    Returns
    -------
    dict of str to float
        NaN without notes.
    """
    rows = [
        _of_note(y[first * hop_length : last * hop_length], sample_rate, hop_length)
        for first, last, _ in notes
    ]
    names = [name for name, _, _ in NAMES]
    if not rows:
        return dict.fromkeys(names, float("nan"))
    columns = np.array(rows)  # (n_notes, 34)
    spread = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.zeros(columns.shape[1])
    return dict(zip(names, np.concatenate([columns.mean(axis=0), spread]).tolist(), strict=True))


def _of_note(y: Signal, sample_rate: int, hop_length: int) -> np.ndarray:
    """Return 34 numbers: means and deviations of four features, then of thirteen coefficients."""
    y = np.pad(y, (0, max(0, N_FFT - len(y))))
    magnitude = np.abs(stft(y, n_fft=N_FFT, hop_length=hop_length, center=False)) * 2.0 / N_FFT
    power = magnitude**2
    bins = np.arange(len(magnitude))
    centroid = (bins[:, np.newaxis] * power).sum(axis=0) / np.maximum(power.sum(axis=0), 1e-20)
    centroid *= sample_rate / 2 / len(magnitude)
    rising = np.cumsum(magnitude, axis=0)
    rolloff = (rising < 0.85 * rising[-1]).sum(axis=0) + 1.0
    steps = np.diff(magnitude, axis=1, prepend=magnitude[:, :1])
    flux = np.sqrt((steps**2).sum(axis=0)) / len(magnitude)
    frames = np.lib.stride_tricks.sliding_window_view(y, N_FFT)[::hop_length]
    zcr = 0.5 * np.abs(np.diff(np.sign(frames), axis=1)).mean(axis=1)
    four = np.stack([centroid, rolloff, flux, zcr])
    mel = np.log10(mfcc_filters(sample_rate) @ magnitude + 1e-20)
    cepstrum = _dct(len(mel))[:13] @ mel
    return np.concatenate([four.mean(axis=1), _std(four), cepstrum.mean(axis=1), _std(cepstrum)])


def _std(values: np.ndarray) -> np.ndarray:
    return values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))


@lru_cache(maxsize=4)
def mfcc_filters(sample_rate: int) -> np.ndarray:
    """Return 40 triangular bands: 13 spaced evenly from 133.3 Hz on, 27 by a constant ratio.

    Parameters
    ----------
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray of shape (40, 513)
        Each band has unit area, as in the Auditory Toolbox.
    """
    linear = 133.3333 + 66.66667 * np.arange(13)
    centres = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    low, mid, high = centres[:40, np.newaxis], centres[1:41, np.newaxis], centres[2:42, np.newaxis]
    hz = np.arange(N_FFT // 2 + 1) * sample_rate / N_FFT
    rise, fall = (hz - low) / (mid - low), (high - hz) / (high - mid)
    return np.asarray(np.maximum(np.minimum(rise, fall), 0.0) * 2.0 / (high - low))


@lru_cache(maxsize=4)
def _dct(n: int) -> np.ndarray:
    k, m = np.arange(n)[:, np.newaxis], np.arange(n)
    matrix = np.sqrt(2.0 / n) * np.cos(np.pi * k * (2 * m + 1) / (2 * n))
    matrix[0] /= np.sqrt(2.0)
    return np.asarray(matrix)

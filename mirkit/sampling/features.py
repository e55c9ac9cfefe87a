"""What sample and song are compared by: spectra in which transposition is a shift of rows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mirkit._typing import Signal
from mirkit.audio import Audio
from mirkit.dsp import stft
from mirkit.errors import ParameterError
from mirkit.sampling.config import FeatureConfig

__all__ = ["CHANNELS", "Patch", "log_spectrum", "patch"]

CHANNELS = ("peaks", "contrast", "onsets", "level")
"""What stands out among neighbouring frequencies; of that, what stands out in time; what rises; all of it."""

Patch = np.ndarray
"""float32 ``(4, n_bins, n_frames)``, see `CHANNELS`."""

WINDOWS = ((4096, 700.0), (2048, 2800.0), (1024, np.inf))
"""Window lengths, and the frequency below which each is used."""

SPAN = 512
FEWEST_FRAMES = 4
SILENT_RMS = 1e-4


def patch(audio: Audio, config: FeatureConfig) -> Patch:
    """Return the channels by which a sample or a song is compared.

    Parameters
    ----------
    audio : Audio
        Channels are averaged; any rate.
    config : FeatureConfig
        Axis and smoothing.

    Returns
    -------
    ndarray of shape (4, n_bins, n_frames)
        In nepers, the same for the same sound at any gain.

    Raises
    ------
    ParameterError
        If the sound is shorter than four frames or silent.

    Examples
    --------
    >>> noise = Audio(np.random.default_rng(0).standard_normal((1, 22050)).astype(np.float32), 22050)
    >>> patch(noise, FeatureConfig()).shape
    (4, 254, 29)
    """
    from scipy.ndimage import gaussian_filter1d

    y = audio.mono().resample(config.sample_rate).samples[0]
    if len(y) < FEWEST_FRAMES * config.hop_length:
        raise ParameterError(
            f"the sound lasts {len(y) / config.sample_rate:.2f} s; wanted at least "
            f"{FEWEST_FRAMES * config.hop_s:.2f} s"
        )
    if float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) < SILENT_RMS:
        raise ParameterError("the sound is silent; there is nothing to compare")
    spectrum = log_spectrum(y, config)
    spectrum /= np.sqrt(np.mean(np.square(spectrum, dtype=np.float64))) + 1e-12
    floor = 10 ** (config.floor_db / 20)
    level = np.log(spectrum + floor) - np.log(floor)
    peaks = np.maximum(level - gaussian_filter1d(level, config.smooth_bins, axis=0), 0.0)
    contrast = peaks - gaussian_filter1d(peaks, config.smooth_s / config.hop_s, axis=1)
    earlier = np.maximum(_delayed(level, 2), _delayed(level, 3))
    onsets = np.maximum(level - earlier, 0.0)
    return np.asarray([peaks, contrast, onsets, level], dtype=np.float32)


def _delayed(values: np.ndarray, n: int) -> np.ndarray:
    # Before the beginning as at it: a cut is no onset.
    return np.pad(values, ((0, 0), (n, 0)), mode="edge")[:, : values.shape[1]]


def log_spectrum(y: Signal, config: FeatureConfig) -> np.ndarray:
    """Return magnitudes on a logarithmic frequency axis.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        At ``config.sample_rate``.
    config : FeatureConfig
        Axis and hop.

    Returns
    -------
    ndarray of shape (n_bins, n_frames)
        Frame ``k`` is centred on sample ``k * hop_length``.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 240 * np.arange(22050) / 22050).astype(np.float32)
    >>> int(log_spectrum(tone, FeatureConfig())[:, 10].argmax())  # two octaves of 36 bins above 60 Hz
    72
    """
    n_frames, hop = 1 + len(y) // config.hop_length, config.hop_length
    parts = []
    for n_fft, rows in _filters(config):
        padded = np.pad(y, (n_fft // 2, n_fft))
        part = np.empty((len(rows), n_frames), np.float32)
        for first in range(0, n_frames, SPAN):  # linear spectra of a whole song take hundreds of megabytes
            last = min(first + SPAN, n_frames)
            piece = padded[first * hop : (last - 1) * hop + n_fft]
            part[:, first:last] = rows @ np.abs(stft(piece, n_fft=n_fft, hop_length=hop, center=False))
        parts.append(part)
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def _filters(config: FeatureConfig) -> tuple[tuple[int, np.ndarray], ...]:
    """Return triangular filters for each window length, ``(n_bins, n_fft // 2 + 1)``."""
    centres = config.fmin_hz * 2 ** (np.arange(config.n_bins) / config.bins_per_octave)
    found, lowest = [], 0.0
    for n_fft, highest in WINDOWS:
        spacing = config.sample_rate / n_fft
        bins_hz = np.arange(n_fft // 2 + 1) * spacing
        mine = centres[(centres >= lowest) & (centres < highest), np.newaxis]
        width = np.maximum(mine * (2 ** (1 / config.bins_per_octave) - 1), spacing)
        rows = np.maximum(1 - np.abs(bins_hz - mine) / width, 0.0)
        rows /= rows.sum(axis=1, keepdims=True) * n_fft / 4
        found.append((n_fft, rows.astype(np.float32)))
        lowest = highest
    return tuple(found)

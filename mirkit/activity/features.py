"""Sound to log-mel patches; functions of arrays."""

from __future__ import annotations

import numpy as np

from mirkit._typing import Signal
from mirkit.activity.config import FeatureConfig
from mirkit.dsp import log_mel
from mirkit.errors import ParameterError

__all__ = ["decibels", "patches", "standardize", "window_starts"]

FLOOR_DB = -100.0


def patches(windows: Signal, config: FeatureConfig) -> np.ndarray:
    """Return the log-mel patch of each window.

    Each patch is standardised by its own mean and deviation, so neither the level of the recording
    nor its overall balance matters.

    Parameters
    ----------
    windows : ndarray of shape (..., window_length)
        Mono sound at ``config.sample_rate``.
    config : FeatureConfig
        Transform settings.

    Returns
    -------
    ndarray of shape (..., n_mels, n_frames)
        float32; a silent window gives zeros.

    Raises
    ------
    ParameterError
        If the windows have another length.

    Examples
    --------
    >>> config = FeatureConfig()
    >>> patches(np.zeros((2, config.window_length), np.float32), config).shape
    (2, 96, 44)
    """
    if windows.shape[-1] != config.window_length:
        raise ParameterError(
            f"windows must have {config.window_length} samples ({config.window_s} s), got {windows.shape[-1]}"
        )
    return standardize(decibels(windows, config))


def decibels(windows: Signal, config: FeatureConfig) -> np.ndarray:
    """Return the log-mel patch of each window before standardisation, as `patches` otherwise."""
    return log_mel(
        windows,
        config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin_hz=config.fmin_hz,
        fmax_hz=config.fmax_hz,
        floor_db=FLOOR_DB,
    )


def standardize(mel_db: np.ndarray) -> np.ndarray:
    """Return patches with mean 0 and deviation 1 over their last two axes; constant ones become 0."""
    centred = mel_db - mel_db.mean(axis=(-2, -1), keepdims=True)
    deviation = centred.std(axis=(-2, -1), keepdims=True)
    return np.asarray(centred / np.maximum(deviation, 1e-2), dtype=np.float32)


def window_starts(n_samples: int, window_length: int, stride: int) -> np.ndarray:
    """Return the first samples of windows that cover a signal and never run past its end.

    The last window is moved back to end with the signal; a signal shorter than one window gets one
    window from 0, which the caller pads.

    Examples
    --------
    >>> window_starts(25, 10, 5).tolist(), window_starts(23, 10, 5).tolist(), window_starts(4, 10, 5).tolist()
    ([0, 5, 10, 15], [0, 5, 10, 13], [0])
    """
    last = max(0, n_samples - window_length)
    return np.unique(np.append(np.arange(0, last + 1, stride), last))

"""Sound to log-mel patches; functions of arrays."""

from __future__ import annotations

import numpy as np

from mirkit._typing import Signal
from mirkit.activity.config import FeatureConfig
from mirkit.dsp import log_mel
from mirkit.errors import ParameterError

__all__ = ["decibels", "patches", "standardize"]

FLOOR_DB = -100.0


def patches(windows: Signal, config: FeatureConfig) -> np.ndarray:
    """Return the log-mel patch of each window.

    Each patch is standardised by its own mean and deviation, so neither the level of the recording
    nor its overall balance matters.

    Parameters
    ----------
    windows : ndarray of shape (..., n_samples)
        Mono sound at ``config.sample_rate``, a whole number of ``config.label_length`` long.
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
    n_samples = windows.shape[-1]
    if not n_samples or n_samples % config.label_length:
        raise ParameterError(
            f"windows must have a multiple of {config.label_length} samples ({config.label_s} s), "
            f"got {n_samples}"
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

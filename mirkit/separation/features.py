"""Statistics of magnitudes, truth of activity and the gate; functions of arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mirkit._typing import Frames, LabelFrames, Samples
from mirkit.dsp import hann
from mirkit.errors import ParameterError
from mirkit.separation.config import FeatureConfig, InferenceConfig

__all__ = ["bin_statistics", "confidence", "gate"]


def bin_statistics(excerpts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each frequency over many magnitude spectra.

    Parameters
    ----------
    excerpts : iterable of ndarray of shape (n_bins, n_frames)
        Magnitudes; taken one after the other.

    Returns
    -------
    mean, deviation : ndarray of shape (n_bins,)
        The deviation is at least a ten-thousandth of the largest one, as in Open-Unmix, so that bins
        without energy are not blown up.

    Raises
    ------
    ParameterError
        If there are no excerpts.

    Examples
    --------
    >>> mean, deviation = bin_statistics([np.array([[1.0, 3.0], [5.0, 5.0]])])
    >>> mean.tolist(), deviation.round(6).tolist()[0]
    ([2.0, 5.0], 1.0)
    """
    n_frames = 0
    total = squares = np.zeros(1)
    for excerpt in excerpts:
        values = excerpt.astype(np.float64)
        n_frames += values.shape[1]
        total = total + values.sum(axis=1)
        squares = squares + np.square(values).sum(axis=1)
    if n_frames == 0:
        raise ParameterError("no excerpts, so no statistics; give at least one")
    mean = total / n_frames
    deviation = np.sqrt(np.maximum(squares / n_frames - np.square(mean), 0.0))
    floor = max(1e-4 * float(deviation.max()), float(np.finfo(np.float32).tiny))
    return mean.astype(np.float32), np.maximum(deviation, floor).astype(np.float32)


def confidence(
    samples: Samples,
    config: FeatureConfig,
    *,
    cutoff: float = 0.075,
    theta: float = 0.15,
    slope: float = 20.0,
    amplitude_threshold: float = 0.01,
) -> Frames:
    """Return the activation confidence of one stem within an excerpt, as the IASS code computes it.

    MedleyDB's activation confidence (see `mirkit.activation`) with two differences: a frame for each
    magnitude spectrum, and the channels of one excerpt of one stem in place of the stems of a
    song, so levels count relative to the loudest moment of the excerpt.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n_samples)
        Stem.
    config : FeatureConfig
        Window and hop.
    cutoff, theta, slope, amplitude_threshold : float
        As in `mirkit.activation.activation_confidence`.

    Returns
    -------
    ndarray of shape (n_frames,)
        In [0, 1], the larger of the channels; 0.5 and more is active.

    Examples
    --------
    >>> tone = np.sin(np.arange(88200, dtype=np.float32) / 9)[np.newaxis]
    >>> (confidence(tone, FeatureConfig()) > 0.5).all(), (confidence(0 * tone, FeatureConfig()) > 0.5).any()
    (np.True_, np.False_)
    """
    from scipy import signal

    root = np.sqrt(np.maximum(samples, 0.0))
    frames = np.lib.stride_tricks.sliding_window_view(root, config.n_fft, axis=-1)[:, :: config.hop_length]
    H = np.asarray(frames @ hann(config.n_fft) / config.n_fft, dtype=np.float64)  # (n_channels, n_frames)
    total = H.sum(axis=0)
    if total.max() > 0:
        H *= len(H) / total.max()
    H[:, total < amplitude_threshold] = 0.0
    b, a = signal.butter(2, cutoff)
    smooth = signal.filtfilt(b, a, H, axis=-1, padlen=min(9, H.shape[-1] - 1))
    return np.asarray(1.0 - 1.0 / (1.0 + np.exp(slope * (smooth.max(axis=0) - theta))), dtype=np.float32)


def gate(probabilities: LabelFrames, settings: InferenceConfig) -> LabelFrames:
    """Return the weights over time by which masks are multiplied.

    ``hard``, as published: probabilities above the threshold become 1, others 0, and a median filter
    (mirrored at the ends) settles each frame by the majority around it. ``soft``: the median of the
    probabilities, divided by the threshold and at most 1, so that what is active passes untouched and
    what is hardly so is faded rather than cut. ``off``: 1.

    Parameters
    ----------
    probabilities : ndarray of shape (n_targets, n_frames)
        From the classifier.
    settings : InferenceConfig
        Kind of gate, threshold and filter.

    Returns
    -------
    ndarray of shape (n_targets, n_frames)
        In [0, 1].

    Examples
    --------
    >>> flicker = np.array([[0.9, 0.9, 0.1, 0.9, 0.2, 0.1, 0.1]], np.float32)
    >>> gate(flicker, InferenceConfig(gate_filter_frames=3)).tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    if settings.gate == "off":
        return np.ones_like(probabilities)
    values = probabilities
    if settings.gate == "hard":
        values = (probabilities > settings.gate_threshold).astype(np.float32)
    half = settings.gate_filter_frames // 2
    padded = np.pad(values, ((0, 0), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.gate_filter_frames, axis=-1)
    smooth = np.median(windows, axis=-1)
    if settings.gate == "soft":
        smooth = np.minimum(1.0, smooth / settings.gate_threshold)
    return np.asarray(smooth, dtype=np.float32)

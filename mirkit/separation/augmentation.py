"""Random changes of stems that leave them what they are; functions of arrays and a random generator."""

from __future__ import annotations

import numpy as np

from mirkit._typing import Samples

__all__ = ["KNOTS", "cutoff", "equaliser_axis", "recoloured", "respeeded"]

KNOTS = 6
"""Frequencies at which a random colour is drawn; it is smooth between them."""

LOWEST_HZ = 40.0


def respeeded(samples: Samples, speed: float, length: int) -> Samples:
    """Return a stretch played faster or slower, as a tape would: pitch and formants change, too.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n)
        At least ``speed * length`` samples.
    speed : float
        1 changes nothing.
    length : int
        Samples wanted.

    Returns
    -------
    ndarray of shape (n_channels, length)

    Examples
    --------
    >>> respeeded(np.arange(8, dtype=np.float32)[np.newaxis], 1.5, 4).tolist()
    [[0.0, 1.5, 3.0, 4.5]]
    """
    if speed == 1.0:
        return samples[:, :length]
    positions = np.arange(length) * speed
    first = np.minimum(positions.astype(np.int64), samples.shape[1] - 2)
    weight = (positions - first).astype(np.float32)
    return np.asarray(samples[:, first] * (1 - weight) + samples[:, first + 1] * weight, dtype=np.float32)


def cutoff(rng: np.random.Generator, sample_rate: int) -> float:
    """Return a random upper end of the frequencies, as old or lossy media have it, Hz.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Between a ninth of the sample rate (5 kHz at 44.1 kHz) and half of it, evenly on a logarithmic axis.

    Examples
    --------
    >>> 4900 <= cutoff(np.random.default_rng(0), 44100) <= 22050
    True
    """
    return float(np.exp(rng.uniform(np.log(sample_rate / 9), np.log(sample_rate / 2))))


def recoloured(samples: Samples, knots_db: np.ndarray, *, sample_rate: int, cutoff_hz: float) -> Samples:
    """Return samples through a smooth equaliser, and without what lies above a frequency.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n)
        Stem.
    knots_db : ndarray of shape (KNOTS,)
        Gains at frequencies that are evenly spaced on a logarithmic axis, from 40 Hz to half the sample rate.
    sample_rate : int
        Hz.
    cutoff_hz : float
        Nothing is left above; may be infinite.

    Returns
    -------
    ndarray of shape (n_channels, n)

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((2, 4096)).astype(np.float32)
    >>> changed = recoloured(noise, np.zeros(KNOTS), sample_rate=8000, cutoff_hz=2000.0)
    >>> changed.shape, float(np.abs(np.fft.rfft(changed)[:, 1100:]).max()) < 1e-3
    ((2, 4096), True)
    """
    from scipy import fft

    n = samples.shape[1]
    size = fft.next_fast_len(n, real=True)
    hz, knots = equaliser_axis(size, sample_rate)
    gain = 10 ** (np.interp(np.log(hz), knots, knots_db) / 20)
    gain[hz > cutoff_hz] = 0.0
    return np.asarray(fft.irfft(fft.rfft(samples, size) * gain.astype(np.float32), size)[:, :n], np.float32)


def equaliser_axis(size: int, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequency of each bin of a real spectrum, Hz, at least the lowest knot's, and the knots.

    Parameters
    ----------
    size : int
        Samples of the transform.
    sample_rate : int
        Hz.

    Returns
    -------
    hz : ndarray of shape (size // 2 + 1,)
    knots : ndarray of shape (KNOTS,)
        Logarithms of Hz.

    Examples
    --------
    >>> hz, knots = equaliser_axis(8, 8000)
    >>> hz.tolist(), len(knots)
    ([40.0, 1000.0, 2000.0, 3000.0, 4000.0], 6)
    """
    hz = np.maximum(np.fft.rfftfreq(size, 1 / sample_rate), LOWEST_HZ)
    return hz, np.linspace(np.log(LOWEST_HZ), np.log(sample_rate / 2), KNOTS)

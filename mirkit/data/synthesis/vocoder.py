"""A source-filter vocoder: what a voice's tract does, apart from its pitch, and back to sound.

The envelope follows CheapTrick (Morise 2015, "CheapTrick, a spectral envelope estimator for high-quality
speech
synthesis", eqs. 1-6): a window of three periods, smoothing over two thirds of the fundamental, liftering.
Resynthesis sums one minimum-phase pulse a period and adds filtered noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirkit._typing import Signal

HOP_S = 0.005
"""Distance of the frames, but for what `hop_length` rounds away."""
N_FFT = 2048
F0_RANGE_HZ = (65.0, 1000.0)
DEFAULT_F0_HZ = 160.0
"""Stands in where there is no pitch: the envelope of noise needs a smoothing width too."""


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """The analysis of a recording, one row every `hop_length` samples.

    Parameters
    ----------
    log_envelope : ndarray of shape (n_frames, n_bins)
        Natural logarithm of the power spectrum without its harmonics.
    f0_hz : ndarray of shape (n_frames,)
        0 where there is no pitch.
    level : ndarray of shape (n_frames,)
        RMS relative to the recording's loudest frame.
    sample_rate : int
    """

    log_envelope: npt.NDArray[np.float32]
    f0_hz: npt.NDArray[np.float32]
    level: npt.NDArray[np.float32]
    sample_rate: int


def hop_length(sample_rate: int) -> int:
    """Return the samples between frames."""
    return round(HOP_S * sample_rate)


def fundamental(y: Signal, sample_rate: int) -> npt.NDArray[np.float32]:
    """Return the fundamental frequency of each frame in Hz, 0 where none is clear.

    The highest peak of the normalised autocorrelation, smoothed by a median.

    Examples
    --------
    >>> times_s = np.arange(22050) / 22050
    >>> y = np.sum([np.sin(2 * np.pi * 200 * k * times_s) / k for k in range(1, 6)], axis=0)
    >>> f0_hz = fundamental(y.astype(np.float32), 22050)
    >>> bool(np.abs(f0_hz[20:-20] - 200).max() < 1)
    True
    """
    import soxr
    from scipy.fft import irfft, rfft
    from scipy.ndimage import median_filter

    hop = float(hop_length(sample_rate))
    n_frames = max(len(y) // hop_length(sample_rate), 1)
    if sample_rate > 12000:
        # a frame stays where it was, though that need not be a whole number of the new samples
        hop *= 12000 / sample_rate
        y, sample_rate = soxr.resample(y, sample_rate, 12000, quality="HQ").astype(np.float32), 12000
    window = round(0.04 * sample_rate)
    frames = _frames(y, hop, window, n_frames)
    frames = frames - frames.mean(axis=1, keepdims=True)
    size = 1 << (2 * window - 1).bit_length()
    taper_window = np.hanning(window).astype(np.float32)
    spectrum = rfft(frames * taper_window, size)
    correlation = irfft(np.abs(spectrum) ** 2, size)[:, :window]
    taper = irfft(np.abs(rfft(taper_window, size)) ** 2, size)[:window]
    correlation /= np.maximum(correlation[:, :1], 1e-9) * np.maximum(taper / taper[0], 0.05)
    low, high = int(sample_rate / F0_RANGE_HZ[1]), min(int(sample_rate / F0_RANGE_HZ[0]), window - 2)
    lags = np.arange(low, high)
    before, at, after = (correlation[:, low + k : high + k] for k in (-1, 0, 1))
    # parabolas through the peaks: between two samples a high voice's period would lose to twice the period
    curvature = np.minimum(before - 2 * at + after, -1e-9)
    shift = np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)
    height = np.where((at >= before) & (at >= after), at - 0.25 * (before - after) * shift, -1.0)
    # a slight preference for short lags keeps the estimate from falling an octave
    best = np.argmax(height - 0.02 * np.log2(lags / low), axis=1)
    rows = np.arange(len(best))
    loud = np.sqrt((frames**2).mean(axis=1))
    voiced = (height[rows, best] > 0.55) & (loud > 0.02 * loud.max())
    f0_hz = np.where(voiced, sample_rate / (lags[best] + shift[rows, best]), 0)
    return np.asarray(median_filter(f0_hz, 7), np.float32)


def analyse(y: Signal, sample_rate: int, *, bandwidth_hz: float) -> Voice:
    """Return envelope, pitch and level of a mono recording.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    sample_rate : int
    bandwidth_hz : float
        Above it the recording holds nothing; the envelope is carried on with a slope of 12 dB an octave.
    """
    f0_hz = fundamental(y, sample_rate)
    pitch_hz = np.clip(np.where(f0_hz > 0, f0_hz, DEFAULT_F0_HZ), F0_RANGE_HZ[0], 700)[:, None]
    hop, longest, n_frames = hop_length(sample_rate), int(3 * sample_rate / F0_RANGE_HZ[0]), len(f0_hz)
    level = np.sqrt((_frames(y, hop, round(0.03 * sample_rate), n_frames) ** 2).mean(axis=1))
    envelope = np.empty((n_frames, N_FFT // 2 + 1), np.float32)
    for start in range(0, n_frames, 256):  # bounded memory
        pitches = pitch_hz[start : start + 256]
        frames = _frames(y, hop, longest, len(pitches), start)
        envelope[start : start + 256] = _envelope(frames, pitches, sample_rate)
    _extend(envelope, bandwidth_hz, sample_rate)
    return Voice(envelope, f0_hz, np.asarray(level / max(float(level.max()), 1e-9), np.float32), sample_rate)


def _envelope(frames: np.ndarray, pitch_hz: np.ndarray, sample_rate: int) -> np.ndarray:
    from scipy.fft import irfft, rfft

    length = frames.shape[1]
    pitch_hz = pitch_hz.astype(np.float32)
    offset_s = (np.arange(length, dtype=np.float32) - length / 2) / sample_rate
    half_s = 1.5 / pitch_hz
    window = np.where(
        np.abs(offset_s) < half_s, 0.5 + 0.5 * np.cos(np.float32(np.pi) * offset_s / half_s), np.float32(0)
    )
    window /= np.sqrt((window**2).sum(axis=1, keepdims=True))
    power = np.abs(rfft(frames * window, max(N_FFT, 1 << (length - 1).bit_length()))) ** 2
    power = power[:, :: (power.shape[1] - 1) // (N_FFT // 2)] + 1e-12
    # running mean over 2/3 of the fundamental, by differences of the cumulated power
    n_bins, step_hz = power.shape[1], sample_rate / N_FFT
    mirrored = np.concatenate([power[:, 1:64][:, ::-1], power, power[:, -64:-1][:, ::-1]], axis=1)
    total = np.cumsum(mirrored, axis=1, dtype=np.float64)  # differences of sums need the precision
    half = pitch_hz / 3 / step_hz
    at = np.arange(n_bins) + 63
    smooth = (_interpolate(total, at + half) - _interpolate(total, at - half)) / (2 * half)
    quefrency_s = np.arange(n_bins, dtype=np.float32) / sample_rate
    x = np.float32(np.pi) * pitch_hz * quefrency_s
    lifter = np.sinc(x / np.pi) * (1.18 - 0.18 * np.cos(2 * x))
    cepstrum = irfft(np.log(np.maximum(smooth, 1e-12)).astype(np.float32), N_FFT)
    full = np.concatenate([lifter, lifter[:, -2:0:-1]], axis=1)
    return np.asarray(rfft(cepstrum * full, N_FFT).real, np.float32)


def _interpolate(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    at = np.clip(at, 0, rows.shape[1] - 2)
    whole = at.astype(int)
    below = np.take_along_axis(rows, whole, axis=1)
    above = np.take_along_axis(rows, whole + 1, axis=1)
    return np.asarray(below + (at - whole) * (above - below))


def _extend(envelope: np.ndarray, bandwidth_hz: float, sample_rate: int) -> None:
    edge = int(0.86 * bandwidth_hz / sample_rate * N_FFT)
    n_bins = envelope.shape[1]
    if edge < n_bins - 1:
        octaves = np.log2(np.arange(edge, n_bins) / edge)
        base = envelope[:, edge - 8 : edge].mean(axis=1, keepdims=True)
        envelope[:, edge:] = base - np.float32(12 / 20 * np.log(10) * 2) * octaves.astype(np.float32)


def scale_formants(log_envelope: np.ndarray, scale: float) -> np.ndarray:
    """Return envelopes with formant frequencies times ``scale``: above 1 for a shorter tract."""
    n_bins = log_envelope.shape[1]
    at = np.minimum(np.arange(n_bins) / scale, n_bins - 1.001)
    whole = at.astype(int)
    part = (at - whole).astype(np.float32)
    return np.asarray(log_envelope[:, whole] * (1 - part) + log_envelope[:, whole + 1] * part, np.float32)


def resynthesise(
    rng: np.random.Generator,
    log_envelope: np.ndarray,
    f0_hz: np.ndarray,
    noise_share: np.ndarray,
    sample_rate: int,
) -> Signal:
    """Return sound with the given envelopes, pitch and breath.

    Parameters
    ----------
    rng : Generator
    log_envelope : ndarray of shape (n_frames, n_bins)
        Every `hop_length` samples; very low values are silence.
    f0_hz : ndarray of shape (n_frames,)
        0 where only noise sounds.
    noise_share : ndarray of shape (n_frames, n_bins)
        Amplitude of the noise in [0, 1]; the pulses have what remains of the power.
    sample_rate : int

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    hop = hop_length(sample_rate)
    out = np.zeros(len(f0_hz) * hop + 2 * N_FFT, np.float32)
    _add_pulses(rng, out, log_envelope, f0_hz, noise_share, sample_rate)
    _add_noise(rng, out, log_envelope, noise_share, hop)
    return out[: len(f0_hz) * hop]


def _add_pulses(
    rng: np.random.Generator, out: Signal, log_envelope: np.ndarray, f0_hz: np.ndarray,
        noise_share: np.ndarray,
    sample_rate: int,
) -> None:  # fmt: skip
    from scipy.fft import irfft, rfft

    hop = hop_length(sample_rate)
    per_sample = np.repeat(f0_hz, hop)
    phase = np.cumsum(per_sample / sample_rate)
    crossings = np.flatnonzero(np.diff(np.floor(phase)) > 0)
    crossings = crossings[per_sample[crossings] > 0]
    if not len(crossings):
        return
    rate = per_sample[crossings] / sample_rate
    fraction = 1 - (phase[crossings + 1] - np.floor(phase[crossings + 1])) / np.maximum(rate, 1e-6)
    frames = np.minimum(crossings // hop, len(f0_hz) - 1)
    shimmer = 1 + 0.04 * rng.standard_normal(len(crossings))
    omega = (2 * np.pi * np.arange(N_FFT // 2 + 1) / N_FFT).astype(np.float32)
    fold = np.zeros(N_FFT, np.float32)
    fold[0], fold[N_FFT // 2], fold[1 : N_FFT // 2] = 1, 1, 2
    for start in range(0, len(crossings), 256):  # bounded memory
        part = slice(start, start + 256)
        k = frames[part]
        tonal = np.sqrt(np.maximum(1 - noise_share[k] ** 2, 1e-6))
        cepstrum = irfft(np.float32(0.5) * log_envelope[k] + np.log(tonal), N_FFT) * fold
        late = np.clip(fraction[part], 0, 1).astype(np.float32)[:, None]
        log_spectrum = rfft(cepstrum, N_FFT)
        # exp, cos and sin of real arrays are several times as fast as exp of a complex one
        angle = log_spectrum.imag - omega * late
        spectrum = np.empty_like(log_spectrum)
        magnitude = np.exp(log_spectrum.real)
        np.multiply(magnitude, np.cos(angle), out=spectrum.real)
        np.multiply(magnitude, np.sin(angle), out=spectrum.imag)
        spectrum[:, :2] *= 0.1  # no direct current
        pulses = irfft(spectrum, N_FFT)
        pulses *= (shimmer[part] / np.sqrt(rate[part])).astype(np.float32)[:, None]
        for at, pulse in zip(crossings[part], pulses, strict=True):
            out[at : at + N_FFT] += pulse


def _add_noise(
    rng: np.random.Generator, out: Signal, log_envelope: np.ndarray, noise_share: np.ndarray, hop: int
) -> None:
    from scipy.fft import irfft, rfft

    size = 4 * hop
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window /= np.sqrt((window**2).sum() / hop)
    n_fft = 1024 if size <= 1024 else 2048
    bins = np.linspace(0, log_envelope.shape[1] - 1, n_fft // 2 + 1).astype(int)
    for start in range(0, len(log_envelope), 512):
        part = slice(start, start + 512)
        gain = np.exp(0.5 * log_envelope[part][:, bins]) * noise_share[part][:, bins]
        noise = rng.standard_normal((len(gain), size), dtype=np.float32) * window
        shaped = irfft(rfft(noise, n_fft) * gain, n_fft)
        for k, frame in enumerate(shaped, start):
            if gain[k - start].any():
                out[k * hop : k * hop + n_fft] += frame


def _frames(y: Signal, hop: float, length: int, n_frames: int, first: int = 0) -> npt.NDArray[np.float32]:
    """Return frames centred on every ``hop`` samples, ``(n_frames, length)``."""
    starts = np.rint(np.arange(first, first + n_frames) * hop).astype(int)
    padded = np.pad(y, (length // 2, length))
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, length)[starts])

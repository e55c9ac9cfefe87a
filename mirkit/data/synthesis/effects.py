"""Vectorised effects on arrays of shape (n_channels, n_samples): filters, dynamics, distortion, room."""

from __future__ import annotations

import numpy as np

from mirkit._typing import Samples, Signal

BLOCK_LENGTH = 64
"""Samples per step of the compressor's gain."""
CODEC_LENGTH = 65536
"""Samples handed to the encoder at once."""
INAUDIBLE = 1e-20
"""Amplitude of the noise that filters hear in silence; 1e5 times below the least that they give."""
Band = tuple[str, float, float, float]
"""A filter: kind, cutoff in Hz, gain in dB, Q."""


def equalise(samples: Samples, sample_rate: int, bands: list[Band]) -> Samples:
    """Return the sound through second-order filters.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n_samples)
    sample_rate : int
    bands : list of (kind, cutoff_hz, gain_db, q)
        Kinds: ``highpass``, ``lowpass``, ``peak``, ``lowshelf``, ``highshelf`` (Bristow-Johnson's cookbook).
    """
    sections = [_section(*band, sample_rate) for band in bands if band[1] < 0.47 * sample_rate]
    return _filtered(samples, sections) if sections else samples


def _filtered(samples: Samples, sections: list[list[float]]) -> Samples:
    """Return the sound through second-order sections; silence stays silent, and costs what sound costs."""
    from scipy.signal import sosfilt

    # a filter rings on in digital silence until its state is denormal, for which some processors take
    # seventy times as long; noise far below the smallest step of any sound keeps it above that
    noise = np.random.default_rng(0).standard_normal(1 << 16, np.float32) * np.float32(INAUDIBLE)
    noisy = samples + np.resize(noise, samples.shape[-1])
    y = np.asarray(sosfilt(np.array(sections, np.float32), noisy, axis=-1), np.float32)
    y *= np.abs(y) >= 1e5 * INAUDIBLE
    return y


def _section(kind: str, cutoff_hz: float, gain_db: float, q: float, sample_rate: int) -> list[float]:
    w = 2 * np.pi * cutoff_hz / sample_rate
    cos, alpha, a = np.cos(w), np.sin(w) / (2 * q), 10 ** (gain_db / 40)
    if kind == "highpass":
        b0, b1, b2, a0, a1, a2 = (1 + cos) / 2, -(1 + cos), (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha
    elif kind == "lowpass":
        b0, b1, b2, a0, a1, a2 = (1 - cos) / 2, 1 - cos, (1 - cos) / 2, 1 + alpha, -2 * cos, 1 - alpha
    elif kind == "peak":
        b0, b1, b2 = 1 + alpha * a, -2 * cos, 1 - alpha * a
        a0, a1, a2 = 1 + alpha / a, -2 * cos, 1 - alpha / a
    else:
        sign, s = (1, 2 * np.sqrt(a) * alpha) if kind == "lowshelf" else (-1, 2 * np.sqrt(a) * alpha)
        b0 = a * (a + 1 - sign * (a - 1) * cos + s)
        b1 = sign * 2 * a * (a - 1 - sign * (a + 1) * cos)
        b2 = a * (a + 1 - sign * (a - 1) * cos - s)
        a0 = a + 1 + sign * (a - 1) * cos + s
        a1 = -sign * 2 * (a - 1 + sign * (a + 1) * cos)
        a2 = a + 1 + sign * (a - 1) * cos - s
    return [b0 / a0, b1 / a0, b2 / a0, 1.0, a1 / a0, a2 / a0]


def compress(
    samples: Samples, sample_rate: int, *, threshold_db: float, ratio: float, attack_s: float = 0.005,
    release_s: float = 0.12,
) -> Samples:  # fmt: skip
    """Return the sound with its level above the threshold (dB below its own peak) divided by ``ratio``."""
    return samples * compressor_gain(
        samples, sample_rate, threshold_db=threshold_db, ratio=ratio, attack_s=attack_s, release_s=release_s
    )


def compressor_gain(
    samples: Samples, sample_rate: int, *, threshold_db: float, ratio: float, attack_s: float = 0.005,
    release_s: float = 0.12,
) -> Signal:  # fmt: skip
    """Return the gain curve of a compressor that all channels share, of shape (n_samples,)."""
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    n_channels, n_samples = samples.shape
    n_blocks = -(-n_samples // BLOCK_LENGTH)
    padded = np.zeros((n_channels, n_blocks * BLOCK_LENGTH), np.float32)
    padded[:, :n_samples] = samples
    # (n_channels, n_blocks, BLOCK_LENGTH)
    peaks = np.abs(padded).reshape(n_channels, n_blocks, BLOCK_LENGTH).max(axis=(0, 2))
    top = float(peaks.max())
    if top == 0:
        return np.ones(n_samples, np.float32)
    level_db = 20 * np.log10(peaks / top + 1e-6)
    over_db = np.maximum(level_db - threshold_db, 0) * (1 - 1 / ratio)
    rate = sample_rate / BLOCK_LENGTH
    held_db = maximum_filter1d(over_db, max(round(release_s * rate / 3), 1))
    pole = np.exp(-1 / (max(attack_s, release_s / 6) * rate))
    reduction_db = lfilter([1 - pole], [1, -pole], held_db)
    gain = (10 ** (-reduction_db / 20)).astype(np.float32)
    # straight lines from each block's centre to the next one's: (n_blocks + 1, BLOCK_LENGTH)
    before, after = np.concatenate([gain[:1], gain]), np.concatenate([gain, gain[-1:]])
    ramp = np.arange(BLOCK_LENGTH, dtype=np.float32) / BLOCK_LENGTH
    lines = (before[:, None] + (after - before)[:, None] * ramp).ravel()
    return np.asarray(lines[BLOCK_LENGTH // 2 : BLOCK_LENGTH // 2 + n_samples], np.float32)


def saturate(samples: Samples, drive_db: float) -> Samples:
    """Return the sound through a soft clipper; the louder, the warmer."""
    peak = float(np.abs(samples).max()) or 1.0
    drive = 10 ** (drive_db / 20)
    return np.asarray(np.tanh(samples * (drive / peak)) * (peak / np.tanh(drive)), np.float32)


def amplifier(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Return a guitar through an overdriven amplifier: tightened bass, two clipping stages, a cabinet."""
    import soxr

    drive_db = float(rng.uniform(22, 48))
    peak = float(np.abs(samples).max()) or 1.0
    y = samples.mean(axis=0, keepdims=True) / np.float32(peak)  # amplifiers have one input
    y = equalise(
        y,
        sample_rate,
        [
            ("highpass", float(rng.uniform(70, 180)), 0, 0.7),
            ("peak", float(rng.uniform(600, 1100)), float(rng.uniform(0, 9)), 0.7),
        ],
    )
    y = np.ascontiguousarray(
        soxr.resample(y.T, sample_rate, 2 * sample_rate, quality="MQ").T
    )  # room for harmonics
    bias = float(rng.uniform(0, 0.25))
    y = np.tanh(y * 10 ** (drive_db / 40) + bias) - np.tanh(bias)
    y = equalise(y.astype(np.float32), 2 * sample_rate, [("highpass", 40, 0, 0.7), ("lowpass", 7500, 0, 0.7)])
    y = np.tanh(y * 10 ** (drive_db / 40))
    y = np.ascontiguousarray(soxr.resample(y.T, 2 * sample_rate, sample_rate, quality="MQ").T).astype(
        np.float32
    )
    cabinet = [
        ("highpass", float(rng.uniform(70, 120)), 0, 0.9),
        ("peak", float(rng.uniform(100, 180)), float(rng.uniform(0, 5)), 1.0),
        ("peak", float(rng.uniform(350, 700)), float(rng.uniform(-7, 0)), 0.8),
        ("peak", float(rng.uniform(1800, 3200)), float(rng.uniform(2, 7)), 1.0),
        ("lowpass", float(rng.uniform(3800, 6000)), 0, 0.9),
        ("lowpass", float(rng.uniform(4500, 7500)), 0, 0.7),
    ]
    return equalise(y, sample_rate, cabinet)


def room_response(rng: np.random.Generator, sample_rate: int, *, decay_s: float) -> Samples:
    """Return a synthetic stereo room: early echoes, then noise that decays faster the higher the pitch.

    Returns
    -------
    ndarray of shape (2, n_samples)
        Without the direct sound; unit energy.
    """
    n_samples = round(min(1.1 * decay_s, 3.0) * sample_rate)
    times_s = np.arange(n_samples, dtype=np.float32) / sample_rate
    edges_hz = (0, 250, 1000, 4000, 12000)
    tail = np.zeros((2, n_samples), np.float32)
    noise = rng.standard_normal((2, n_samples)).astype(np.float32)
    for k, low_hz in enumerate(edges_hz[:-1]):
        decay = decay_s * (1.1, 1.0, 0.8, 0.5)[k] * float(rng.uniform(0.85, 1.15))
        kind: list[tuple[str, float, float, float]] = [("lowpass", float(edges_hz[k + 1]), 0.0, 0.7)]
        if low_hz:
            kind.append(("highpass", float(low_hz), 0.0, 0.7))
        tail += (equalise(noise, sample_rate, kind) * np.exp(-6.9 * times_s / decay)).astype(np.float32)
    predelay = round(float(rng.uniform(0.003, 0.03)) * sample_rate)
    tail = np.pad(tail, ((0, 0), (predelay, 0)))[:, :n_samples]
    for _ in range(6):
        at = int(rng.uniform(0.004, 0.06) * sample_rate)
        if at < n_samples:
            tail[:, at] += rng.uniform(-1, 1, 2).astype(np.float32) * 6 * np.abs(tail).mean()
    return np.asarray(tail / np.sqrt((tail**2).sum() / 2), np.float32)


def reverberate(samples: Samples, response: Samples, amount: float) -> Samples:
    """Return the sound plus its mono sum in the room, ``amount`` being the room's level."""
    if amount <= 0:
        return samples
    from scipy.fft import irfft, rfft

    n_samples, tail = samples.shape[1], response.shape[1] - 1
    # blocks that stay in the cache are twice as fast as one transform
    size = 1 << max(17, (2 * tail).bit_length())
    step = size - tail
    spectrum = rfft(response, size, axis=-1)
    dry = samples.mean(axis=0)
    wet = np.zeros((2, -(-n_samples // step) * step + size), np.float32)
    for start in range(0, n_samples, step):
        wet[:, start : start + size] += irfft(rfft(dry[start : start + step], size) * spectrum, size, axis=-1)
    return np.asarray(samples + np.float32(amount) * wet[:, :n_samples], np.float32)


def vary_pitch(sound: Signal, ratio: np.ndarray) -> Signal:
    """Return the sound read at a varying speed; a ratio of 1 leaves it as it is."""
    at = np.cumsum(ratio) - ratio[0]
    return np.asarray(np.interp(at, np.arange(len(sound)), sound, right=0.0), np.float32)


def through_codec(samples: Samples, sample_rate: int, quality: float) -> Samples:
    """Return the sound encoded as Ogg Vorbis and decoded again, same length, without delay.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n_samples)
    sample_rate : int
    quality : float
        From 0, about 45 kbit/s in stereo, to 1.
    """
    import io

    import soundfile

    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", sample_rate, len(samples), format="OGG", subtype="VORBIS", compression_level=1 - quality
    ) as encoder:
        # libvorbis keeps the blocks of one call on its stack: long calls would overrun it
        for start in range(0, samples.shape[1], CODEC_LENGTH):
            encoder.write(samples[:, start : start + CODEC_LENGTH].T)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32", always_2d=True)
    out = np.zeros_like(samples)
    n_samples = min(len(decoded), samples.shape[1])
    out[:, :n_samples] = decoded[:n_samples].T
    return out


def limiter_gain(levels: Signal, sample_rate: int, ceiling: float) -> Signal:
    """Return the gain that keeps levels, both (n_samples,), within the ceiling; it looks ahead 3 ms."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    need = np.minimum(1.0, ceiling / np.maximum(levels, 1e-9)).astype(np.float32)
    if need.min() >= 1.0:
        return need
    width = 2 * round(0.003 * sample_rate) + 1
    # the mean over a window of minima over the same window never exceeds the need at its centre
    return np.asarray(uniform_filter1d(minimum_filter1d(need, width), width), np.float32)

"""From dry stems to a mix: each stem's own chain, one room for the song, one bus for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirkit._typing import Samples
from mirkit.data.synthesis import effects
from mirkit.data.synthesis.performance import Performance

LEVEL_DB = {
    "drums": -18, "bass": -20, "bassline": -21, "lead": -18, "voice": -18, "solo": -18, "alone": -18,
        "power": -21,
    "horns": -21, "counter": -23, "pad": -26, "drone": -27, "tabla": -19,
}  # fmt: skip
"""Level of a stem while it sounds, RMS in dB full scale, before the bus."""
HIGHPASS_HZ = {"bass": 28.0, "drums": 25.0, "tabla": 40.0, "bassline": 28.0}
CEILING = 10 ** (-1 / 20)
CODED_SHARE = 0.04
"""Songs whose stems have been through a lossy codec, like the stems of data sets that come compressed."""


def mix_down(
    rng: np.random.Generator, performances: Sequence[Performance], *, sample_rate: int
) -> list[Samples]:
    """Return the stems as they sound in the mix; their sum is the mix and stays below full scale.

    Parameters
    ----------
    rng : Generator
    performances : sequence of Performance
    sample_rate : int

    Returns
    -------
    list of ndarray of shape (2, n_samples)
    """
    room = effects.room_response(rng, sample_rate, decay_s=float(rng.choice([0.25, 0.5, 0.9, 1.5, 2.2])))
    wetness = float(rng.beta(1.3, 3))
    spread = float(rng.uniform(0.3, 1.0))
    tone = _master_tone(rng)
    stems = [_channel(rng, p, sample_rate, tone, room, wetness, spread) for p in performances]
    stems = _bus(rng, stems, sample_rate)
    return _coded(rng, stems, sample_rate) if rng.random() < CODED_SHARE else stems


def _channel(
    rng: np.random.Generator,
    performance: Performance,
    sample_rate: int,
    tone: list[effects.Band],
    room: Samples,
    wetness: float,
    spread: float,
) -> Samples:
    role, name = performance.part.role, performance.part.instrument
    y = performance.samples
    bands = [("highpass", HIGHPASS_HZ.get(role, 45.0) * float(rng.uniform(0.8, 1.6)), 0.0, 0.7)]
    for low_hz, high_hz in ((150, 500), (600, 2500), (2500, 8000)):
        if rng.random() < 0.5:
            bands.append(
                (
                    "peak",
                    float(np.exp(rng.uniform(np.log(low_hz), np.log(high_hz)))),
                    float(rng.normal(0, 3.5)),
                    0.9,
                )
            )
    if rng.random() < 0.5:
        bands.append(("highshelf", float(rng.uniform(4000, 9000)), float(rng.normal(0, 4)), 0.7))
    y = effects.equalise(y, sample_rate, bands)
    if rng.random() < 0.6:
        y = effects.compress(
            y, sample_rate, threshold_db=float(rng.uniform(-26, -10)), ratio=float(rng.uniform(1.8, 6))
        )
    if rng.random() < 0.25:
        y = effects.saturate(y, float(rng.uniform(0, 9)))
    # the song's tone, here where many stems have one channel still: panning and reverb commute with it
    y = effects.equalise(y, sample_rate, tone)
    y = _panned(rng, y, role, name, spread)
    send = wetness * float(rng.uniform(0.2, 1.3)) * (0.3 if role in {"bass", "bassline"} else 1.0)
    y = effects.reverberate(y, room, 0.7 * send)
    level = active_rms(y, sample_rate)
    target_db = LEVEL_DB.get(role, -23) + float(rng.normal(0, 3.0))
    return y * np.float32(10 ** (target_db / 20) / max(level, 1e-6))


def _panned(rng: np.random.Generator, y: Samples, role: str, name: str, spread: float) -> Samples:
    centred = role in {"bass", "drums", "lead", "voice"} or "singer" in name
    place = float(np.clip(rng.normal(0, 0.08 if centred else 0.5 * spread), -0.9, 0.9))
    if y.shape[0] == 2:
        width = float(rng.uniform(0.4, 1.0)) if role == "drums" else float(rng.uniform(0, 0.7))
        middle, side = y.mean(axis=0), (y[0] - y[1]) * np.float32(width / 2)
        y = np.stack([middle + side, middle - side])
    else:
        y = np.repeat(y, 2, axis=0)
    angle = (place + 1) * np.pi / 4
    return y * np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.float32(np.sqrt(2))


def active_rms(samples: Samples, sample_rate: int) -> float:
    """Return the RMS over 50 ms blocks within 35 dB of the loudest."""
    length = round(0.05 * sample_rate)
    n_blocks = samples.shape[1] // length
    blocks = samples[:, : n_blocks * length].reshape(samples.shape[0], n_blocks, length)
    power = (blocks**2).mean(axis=(0, 2))
    if not len(power) or power.max() == 0:
        return 0.0
    return float(np.sqrt(power[power > power.max() * 10**-3.5].mean()))


def _master_tone(rng: np.random.Generator) -> list[effects.Band]:
    """Bands that colour all stems alike: tilt, and now and then the band of a small or old medium."""
    bands: list[effects.Band] = [
        ("lowshelf", float(rng.uniform(100, 300)), float(rng.normal(0, 2)), 0.7),
        ("highshelf", float(rng.uniform(2500, 7000)), float(rng.normal(0, 2.5)), 0.7),
    ]
    draw = rng.random()
    if draw < 0.15:
        bands.append(("lowpass", float(rng.uniform(5000, 11000)), 0.0, 0.7))
    if draw > 0.93:
        bands.append(("highpass", float(rng.uniform(80, 200)), 0.0, 0.7))
    return bands


def _bus(rng: np.random.Generator, stems: list[Samples], sample_rate: int) -> list[Samples]:
    """One gain curve for all stems: glue compression, loudness, a limiter. Their sum stays the mix."""
    mix = stems[0].copy()
    for y in stems[1:]:
        mix += y
    curve = effects.compressor_gain(
        mix, sample_rate, threshold_db=float(rng.uniform(-14, -4)), ratio=2.0, attack_s=0.02, release_s=0.25
    )
    loudness_db = float(rng.uniform(-24, -12))
    level = active_rms(mix, sample_rate)
    curve = (curve * 10 ** (loudness_db / 20) / max(level, 1e-6)).astype(np.float32)
    loudest = np.abs(mix).max(axis=0)
    for y in stems:  # a stem may exceed a mix in which others cancel it
        np.maximum(loudest, np.abs(y).max(axis=0), out=loudest)
    curve *= effects.limiter_gain(loudest * curve, sample_rate, CEILING)
    return [y * curve for y in stems]


def _coded(rng: np.random.Generator, stems: list[Samples], sample_rate: int) -> list[Samples]:
    """Every stem through the codec at the song's quality, so that the mix is still their sum."""
    quality = float(rng.uniform(0, 0.5))
    coded = [effects.through_codec(y, sample_rate, quality) for y in stems]
    loudest = np.abs(sum(coded[1:], coded[0])).max()  # coding may overshoot the limiter's ceiling
    gain = np.float32(min(1.0, CEILING / max(float(loudest), *(float(np.abs(y).max()) for y in coded), 1e-9)))
    return [y * gain for y in coded]

"""Instruments computed from scratch: an analogue synthesiser, a tonewheel organ, a tabla.

They widen what three sound banks offer for classes whose real sounds vary most or of which few recordings
exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirkit._typing import Samples, Signal
from mirkit.data.synthesis import rhythm
from mirkit.data.synthesis.effects import saturate
from mirkit.data.synthesis.notes import Notes
from mirkit.errors import ParameterError

TABLE_LENGTH = 2048
N_LEVELS = 16
"""Brightness steps of the wavetables: the filter's cutoff moves between them."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Settings of the synthesiser; times in seconds, cutoffs in harmonics of the note."""

    amplitudes: tuple[float, ...]
    detune_st: tuple[float, ...]
    attack_s: float
    decay_s: float
    sustain: float
    release_s: float
    cutoff: float
    sweep_octaves: float
    sweep_s: float
    vibrato_st: float
    noise: float
    glide_s: float


def render_model(
    rng: np.random.Generator, model: str, notes: Notes, *, duration_s: float, sample_rate: int
) -> Samples:
    """Return notes played by a computed instrument, mono.

    Parameters
    ----------
    rng : Generator
        Draws the patch, the registration or the tuning, once for the part.
    model : {"synthesizer", "bass", "organ", "tabla"}
    notes : ndarray of `NOTE`
    duration_s : float
    sample_rate : int

    Raises
    ------
    ParameterError
        If there is no such model.
    """
    if model == "tabla":
        return _tabla(rng, notes, duration_s, sample_rate)
    if model == "organ":
        return _organ(rng, notes, duration_s, sample_rate)
    if model not in {"synthesizer", "bass"}:
        raise ParameterError(f"model must be synthesizer, bass, organ or tabla, got {model!r}")
    held_s = float(np.median(notes["duration_s"])) if len(notes) else 0.5
    return _play(rng, _patch(rng, bass=model == "bass", held_s=held_s), notes, duration_s, sample_rate)


def _patch(rng: np.random.Generator, *, bass: bool, held_s: float) -> Patch:
    k = np.arange(1, 65)
    width = rng.uniform(0.1, 0.5)
    shapes = {
        "saw": 1 / k,
        "pulse": np.abs(np.sin(np.pi * k * width)) / k,
        "square": (k % 2) / k,
        "triangle": (k % 2) / k**2,
        "sine": (k == 1) * 1.0,
        "bell": np.isin(k, (1, 3, 4, 7, 11)) / np.sqrt(k),
        "vowel": np.exp(-(((k - rng.uniform(3, 9)) / 2.5) ** 2)) + 0.5 / k,
    }
    amplitudes = shapes[str(rng.choice(list(shapes), p=[0.3, 0.15, 0.15, 0.1, 0.08, 0.1, 0.12]))]
    n_voices = int(rng.choice([1, 2, 3, 5], p=[0.5, 0.2, 0.2, 0.1] if bass else [0.3, 0.25, 0.25, 0.2]))
    spread_st = rng.uniform(0.03, 0.22)
    slow = not bass and held_s > 1.0
    return Patch(
        tuple(amplitudes / np.sqrt((amplitudes**2).sum())),
        tuple(np.linspace(-spread_st, spread_st, n_voices) if n_voices > 1 else [0.0]),
        float(rng.uniform(0.05, 0.8) if slow else rng.uniform(0.002, 0.03)),
        float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.05,
            1.0 if slow else 0.3)),
        float(np.exp(rng.uniform(np.log(1.5), np.log(40)))), float(rng.uniform(-1, 4)),
            float(rng.uniform(0.05, 1.2)),
        float(rng.uniform(0, 0.25) * (rng.random() < 0.5)), float(rng.uniform(0,
            0.08) * (rng.random() < 0.3)),
        float(rng.uniform(0, 0.08) * (rng.random() < 0.3)),
    )  # fmt: skip


def _play(
    rng: np.random.Generator, patch: Patch, notes: Notes, duration_s: float, sample_rate: int
) -> Samples:
    out = np.zeros(round((duration_s + 2) * sample_rate), np.float32)
    previous_hz = 0.0
    for note in notes:
        f0_hz = 440 * 2 ** ((float(note["pitch_midi"]) - 69) / 12)
        held_s = float(note["duration_s"])
        times_s = np.arange(round((held_s + patch.release_s) * sample_rate), dtype=np.float32) / sample_rate
        rise = np.minimum(times_s / patch.attack_s, 1)
        fall = patch.sustain + (1 - patch.sustain) * np.exp(
            -np.maximum(times_s - patch.attack_s, 0) / patch.decay_s
        )
        end = np.clip(1 - (times_s - held_s) / patch.release_s, 0, 1) ** 2
        sweep = patch.cutoff * 2 ** (patch.sweep_octaves * np.exp(-times_s / patch.sweep_s))
        bend_st = patch.vibrato_st * np.sin(2 * np.pi * 5.2 * times_s)
        if patch.glide_s and previous_hz:
            bend_st = bend_st + 12 * np.log2(previous_hz / f0_hz) * np.exp(-times_s / patch.glide_s)
        previous_hz = f0_hz
        tables, cutoffs = _tables(np.array(patch.amplitudes), f0_hz, sample_rate)
        level = np.interp(np.log(np.maximum(sweep, 1)), np.log(cutoffs), np.arange(N_LEVELS))
        tone = np.zeros(len(times_s), np.float32)
        for voice_st in patch.detune_st:
            cycles = np.cumsum(f0_hz / sample_rate * 2 ** ((bend_st + voice_st) / 12)) + rng.random()
            tone += _read(tables, cycles, level)
        if patch.noise:
            tone += patch.noise * rng.standard_normal(len(tone), dtype=np.float32)
        tone *= (rise * fall * end * (note["velocity"] / 127) ** 1.3 / np.sqrt(len(patch.detune_st))).astype(
            np.float32
        )
        _put(out, tone, note, sample_rate)
    return out[np.newaxis, : round(duration_s * sample_rate)]


def _tables(
    amplitudes: np.ndarray, f0_hz: float, sample_rate: int
) -> tuple[npt.NDArray[np.float32], np.ndarray]:
    """Single cycles at rising brightness, (N_LEVELS, TABLE_LENGTH + 1), free of aliasing."""
    k = np.arange(1, len(amplitudes) + 1)
    cutoffs = np.geomspace(1, 64, N_LEVELS)
    response = 1 / np.sqrt(1 + (k / cutoffs[:, None]) ** 4) * (k * f0_hz < 0.45 * sample_rate)
    spectrum = np.zeros((N_LEVELS, TABLE_LENGTH // 2 + 1), complex)
    spectrum[:, 1 : len(k) + 1] = -0.5j * TABLE_LENGTH * response * amplitudes
    tables = np.fft.irfft(spectrum, TABLE_LENGTH).astype(np.float32)
    return np.concatenate([tables, tables[:, :1]], axis=1), cutoffs


def _read(tables: npt.NDArray[np.float32], cycles: np.ndarray, level: np.ndarray) -> Signal:
    at = (cycles % 1) * TABLE_LENGTH
    column = at.astype(np.int32)
    part = (at - column).astype(np.float32)
    row = np.minimum(level.astype(np.int32), N_LEVELS - 2)
    mix = (level - row).astype(np.float32)
    low = tables[row, column] * (1 - part) + tables[row, column + 1] * part
    high = tables[row + 1, column] * (1 - part) + tables[row + 1, column + 1] * part
    return np.asarray(low * (1 - mix) + high * mix, np.float32)


def _put(out: Signal, tone: Signal, note: np.void, sample_rate: int) -> None:
    start = round(float(note["onset_s"]) * sample_rate)
    out[start : start + len(tone)] += tone[: len(out) - start]


DRAWBARS = np.array([1, 3, 2, 4, 6, 8, 10, 12, 16])
"""The nine drawbars as harmonics of the octave below the key."""
REGISTRATIONS = (
    "888000000",
    "888800000",
    "868868000",
    "008530000",
    "800000008",
    "888888888",
    "606504000",
    "446454320",
)


def _organ(rng: np.random.Generator, notes: Notes, duration_s: float, sample_rate: int) -> Samples:
    """Drawbars, key click, percussion, a rotating loudspeaker and its overdriven amplifier."""
    out = np.zeros(round((duration_s + 1) * sample_rate), np.float32)
    bars = np.array([int(c) for c in str(rng.choice(REGISTRATIONS))]) + rng.uniform(-0.5, 0.5, 9)
    amplitudes = np.zeros(64)
    amplitudes[DRAWBARS - 1] = 10 ** ((np.maximum(bars, 0) - 8) * 3 / 20) * (bars > 0.5)
    amplitudes /= np.sqrt((amplitudes**2).sum())
    percussive = rng.random() < 0.4
    for note in notes:
        f0_hz = 440 * 2 ** ((float(note["pitch_midi"]) - 69) / 12)
        held_s = float(note["duration_s"])
        times_s = np.arange(round((held_s + 0.02) * sample_rate), dtype=np.float32) / sample_rate
        gate = np.minimum(times_s / 0.004, 1) * np.clip((held_s + 0.02 - times_s) / 0.02, 0, 1)
        tables, _ = _tables(amplitudes, f0_hz / 2, sample_rate)
        cycles = np.cumsum(np.full(len(times_s), f0_hz / 2 / sample_rate)) + rng.random()
        tone = _read(tables, cycles, np.full(len(times_s), N_LEVELS - 1.0))
        if percussive:
            tone += 0.6 * (np.sin(2 * np.pi * 4 * cycles) * np.exp(-times_s / 0.25)).astype(np.float32)
        click = rng.standard_normal(len(tone), dtype=np.float32) * np.exp(-times_s / 0.003) * np.float32(0.15)
        _put(out, ((tone + click) * gate).astype(np.float32), note, sample_rate)
    times_s = np.arange(len(out)) / sample_rate
    fast = rng.random() < 0.5
    turns = np.cumsum(
        np.full(len(out), float(rng.uniform(5.8, 7.0) if fast else rng.uniform(0.6, 0.9))) / sample_rate
    )
    depth = float(rng.uniform(0.1, 0.5))
    delay = (1 + np.sin(2 * np.pi * turns)) * 0.0004 * sample_rate
    out = np.interp(np.arange(len(out)) - delay, np.arange(len(out)), out).astype(np.float32)
    out *= (1 - depth / 2 + depth / 2 * np.cos(2 * np.pi * turns)).astype(np.float32)
    if rng.random() < 0.6:
        out = saturate(out[np.newaxis], float(rng.uniform(2, 16)))[0]
    return out[np.newaxis, : round(duration_s * sample_rate)]


def _tabla(rng: np.random.Generator, notes: Notes, duration_s: float, sample_rate: int) -> Samples:
    """Strokes as sums of decaying modes, nearly harmonic in the treble drum, bent in the bass drum."""
    out = np.zeros(round((duration_s + 2) * sample_rate), np.float32)
    treble_hz, bass_hz = float(rng.uniform(240, 420)), float(rng.uniform(62, 115))
    modes = np.array([1, 2.0, 3.01, 4.02, 5.05, 6.1, 7.2]) * (1 + rng.normal(0, 0.008, 7))
    damping = float(rng.uniform(0.7, 1.4))
    strokes = {  # mode levels, decay of the lowest, level of the slap and its brightness
        rhythm.NA: ([0.15, 0.9, 1.0, 0.5, 0.4, 0.2, 0.1], 0.35, 0.5, 4500),
        rhythm.TIN: ([0.35, 1.0, 0.5, 0.2, 0.1, 0.0, 0.0], 0.5, 0.15, 3000),
        rhythm.TUN: ([1.0, 0.3, 0.12, 0.05, 0.0, 0.0, 0.0], 0.6, 0.1, 2500),
        rhythm.TE: ([0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], 0.03, 1.0, 2500),
        rhythm.RE: ([0.3, 0.3, 0.3, 0.2, 0.2, 0.2, 0.2], 0.03, 0.8, 1800),
        rhythm.TAS: ([0.2, 0.6, 0.6, 0.6, 0.5, 0.4, 0.3], 0.1, 1.0, 6000),
        rhythm.GHE: ([1.0, 0.25, 0.12, 0.05, 0.0, 0.0, 0.0], 0.55, 0.15, 900),
        rhythm.KE: ([0.15, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1], 0.025, 1.0, 1200),
    }
    for note in notes:
        key = round(float(note["pitch_midi"]))
        levels, decay_s, slap, bright_hz = strokes.get(key, strokes[rhythm.NA])
        bass = key in (rhythm.GHE, rhythm.KE)
        times_s = np.arange(round(min(6 * decay_s + 0.05, 2.0) * sample_rate), dtype=np.float32) / sample_rate
        base_hz = (bass_hz if bass else treble_hz) * np.ones(len(times_s))
        if key == rhythm.GHE:  # the heel of the hand bends the pitch
            base_hz = base_hz * (1 + rng.uniform(-0.1, 0.6) * (1 - np.exp(-times_s / 0.12)))
        cycles = np.cumsum(base_hz) / sample_rate
        ratios = np.array([1, 1.6, 2.2, 2.8, 3.4, 4.1, 4.8]) if bass else modes
        tone = np.zeros(len(times_s))
        for level, ratio in zip(levels, ratios, strict=True):
            if level:
                wave = np.sin(2 * np.pi * ratio * cycles + rng.uniform(0, 0.5))
                tone += (
                    level * rng.uniform(0.7, 1.3) * wave * np.exp(-times_s * damping * ratio**0.5 / decay_s)
                )
        noise = np.convolve(
            rng.standard_normal(len(times_s)), np.ones(max(round(sample_rate / bright_hz / 4), 1)), "same"
        )
        noise *= np.exp(-times_s / 0.008) / max(float(noise.std()), 1e-9)
        gain = (note["velocity"] / 127) ** 1.5
        _put(out, (gain * (tone + 0.7 * slap * noise)).astype(np.float32), note, sample_rate)
    return out[np.newaxis, : round(duration_s * sample_rate)]

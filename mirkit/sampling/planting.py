"""Planting a sample in a song: how it is transposed, stretched, filtered and cut, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mirkit._typing import Signal
from mirkit.errors import MissingDependencyError
from mirkit.sampling.material import Cut, Host, Type

__all__ = ["Treatment", "draw_transposition", "plant", "rms", "transform"]

GAIN_DB = (-12.0, 6.0)
MAX_SHIFT_ST = 6.0
TEMPO_RATIOS = (0.75, 1.35)


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a sample was changed before it was planted.

    Parameters
    ----------
    pitch_shift_st : float
        Semitones up.
    tempo_ratio : float
        Above 1 is faster.
    start, end : float
        Part of the sample that is used, as shares of its length: chopping.
    band : tuple of (str, float)
        Filter: ``lowpass`` or ``highpass`` and its cutoff in Hz; empty for none.
    room : float
        Level of the room, 0 for none.
    room_s : float
        Decay of the room, seconds.
    """

    pitch_shift_st: float = 0.0
    tempo_ratio: float = 1.0
    start: float = 0.0
    end: float = 1.0
    band: tuple[tuple[str, float], ...] = ()
    room: float = 0.0
    room_s: float = 0.5

    def __str__(self) -> str:
        words = [f"{kind} {cutoff:.0f} Hz" for kind, cutoff in self.band]
        if self.room:
            words.append(f"room {self.room_s:.1f} s")
        if self.start > 0 or self.end < 1:
            words.append(f"chop {self.start:.2f}-{self.end:.2f}")
        return ", ".join(words)


def transform(samples: Signal, sample_rate: int, treatment: Treatment, rng: np.random.Generator) -> Signal:
    """Return a sample as a producer would change it: cut, transposed, stretched, filtered, in a room.

    Where transposition and stretch belong together as on a turntable, the sound is resampled; otherwise it
    goes through a spectral stretcher (the package python-stretch).

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
    sample_rate : int
        Hz.
    treatment : Treatment
    rng : Generator
        For the room.

    Returns
    -------
    ndarray of shape (n_samples',)
        The room's tail goes beyond the end of the sample.
    """
    length = len(samples)
    y = samples[round(treatment.start * length) : round(treatment.end * length)].copy()
    y = _stretched(y, sample_rate, treatment.pitch_shift_st, treatment.tempo_ratio)
    fade = min(len(y) // 2, sample_rate // 200)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    y[:fade] *= ramp
    y[len(y) - fade :] *= ramp[::-1]
    from mirkit.data.synthesis import effects

    if treatment.band:
        bands = [(kind, cutoff_hz, 0.0, 0.7) for kind, cutoff_hz in treatment.band]
        y = effects.equalise(y[np.newaxis], sample_rate, bands)[0]
    if treatment.room:
        response = effects.room_response(rng, sample_rate, decay_s=treatment.room_s)
        y = np.pad(y, (0, round(treatment.room_s * sample_rate)))
        y = effects.reverberate(np.stack([y, y]), response, treatment.room).mean(axis=0)
    return np.asarray(y, dtype=np.float32)


def _stretched(y: Signal, sample_rate: int, shift_st: float, ratio: float) -> Signal:
    if shift_st == 0 and ratio == 1:
        return y
    if abs(12 * np.log2(ratio) - shift_st) < 1e-6:
        import soxr

        # Played faster: as if it had been recorded at a higher rate.
        return np.asarray(soxr.resample(y, sample_rate * ratio, sample_rate), np.float32)
    try:
        from python_stretch.Signalsmith import Stretch
    except ImportError as error:
        raise MissingDependencyError(
            "stretching samples needs the package python-stretch: pip install 'mirkit[synthesis]'"
        ) from error
    stretch = Stretch(0)  # its seed
    stretch.preset(1, sample_rate)
    stretch.setTransposeSemitones(float(shift_st))
    stretch.timeFactor = float(ratio)
    wanted = round(len(y) / ratio)
    processed: Any = stretch.process(y[np.newaxis])
    stretched = np.asarray(processed[0], np.float32)[:wanted]
    return np.pad(stretched, (0, wanted - len(stretched)))


def draw_transposition(rng: np.random.Generator) -> tuple[float, float]:
    """Return semitones and tempo ratio: as they are, as on a turntable, or independent of each other."""
    spread = rng.choice([0.0, 0.03, 0.08, 0.17, 0.3], p=[0.3, 0.25, 0.22, 0.13, 0.10])
    ratio = float(np.clip(np.exp(rng.normal(0, spread)), *TEMPO_RATIOS)) if spread else 1.0
    draw = rng.random()
    if draw < 0.33:
        return 0.0, ratio
    if draw < 0.63:
        return 12 * float(np.log2(ratio)), ratio
    return round(float(rng.uniform(-MAX_SHIFT_ST, MAX_SHIFT_ST)), 2), ratio


def plant(
    host: Host, cut: Cut, shift_st: float, ratio: float, duration_s: float, sample_rate: int,
    rng: np.random.Generator,
) -> tuple[Signal, list[dict[str, Any]]]:  # fmt: skip
    """Return the song with the sample planted, and a row for each occurrence."""
    mix = host.song.mix(sample_rate).mono().samples[0][: round(duration_s * sample_rate)].copy()
    treatment = _treatment(cut, shift_st, ratio, rng)
    planted = transform(cut.samples, sample_rate, treatment, rng)
    length_s = (treatment.end - treatment.start) * len(cut.samples) / sample_rate / ratio
    starts_s = _starts(len(mix) / sample_rate, length_s, host.tempo_bpm, cut.type, rng)
    gain_db = float(rng.uniform(*GAIN_DB))
    level = rms(mix) * 10 ** (gain_db / 20) / rms(planted[: round(length_s * sample_rate)])
    covers = {part: _activity(host, part, sample_rate) for part in ("vocals", "drums")}
    rows = []
    for start_s in starts_s:
        first = round(start_s * sample_rate)
        part = planted[: len(mix) - first]
        mix[first : first + len(part)] += np.float32(level) * part
        under = {
            f"under_{name}": int(active[int(start_s * 10) : int((start_s + length_s) * 10) + 1].mean() > 0.3)
            for name, active in covers.items()
        }
        rows.append({
            "start_s": round(first / sample_rate, 4), "end_s": round(first / sample_rate + length_s, 4),
            "pitch_shift_st": round(shift_st, 4), "tempo_ratio": round(ratio, 5),
            "gain_db": round(gain_db, 2), "effects": str(treatment), **under,
        })  # fmt: skip
    peak = float(np.abs(mix).max())
    return (mix / max(1.0, peak / 0.98)).astype(np.float32), rows


def _treatment(cut: Cut, shift_st: float, ratio: float, rng: np.random.Generator) -> Treatment:
    start, end = 0.0, 1.0
    if cut.type != "one-shot" and len(cut.samples) > 40000 and rng.random() < 0.2:
        share = float(rng.uniform(0.5, 0.9))
        start = float(rng.uniform(0, 1 - share)) if rng.random() < 0.5 else 0.0
        end = start + share
    band: tuple[tuple[str, float], ...] = ()
    draw = rng.random()
    if draw < 0.2:
        band = (("lowpass", float(np.exp(rng.uniform(np.log(1200), np.log(6000))))),)
    elif draw < 0.35:
        band = (("highpass", float(np.exp(rng.uniform(np.log(100), np.log(500))))),)
    room = float(rng.uniform(0.15, 0.5)) if rng.random() < 0.25 else 0.0
    return Treatment(shift_st, ratio, start, end, band, room, float(rng.uniform(0.3, 1.2)))


def _starts(
    song_s: float, length_s: float, tempo_bpm: float, kind: Type, rng: np.random.Generator
) -> list[float]:
    """Return where the sample is planted: 1 to 40 times, on beats, looped without gaps or with them."""
    if length_s >= song_s:
        return [0.0]
    beat_s = 60.0 / tempo_bpm
    wanted = max(1, round(float(np.exp(rng.uniform(0, np.log(40.999))))))
    period_s = length_s if rng.random() < 0.5 else np.ceil(length_s / beat_s - 0.05) * beat_s
    if kind == "one-shot":
        period_s = max(period_s, float(rng.choice([1, 2, 4])) * beat_s)
    room = song_s - length_s
    first_s = round(float(rng.uniform(0, room * 0.6)) / beat_s) * beat_s
    starts: list[float] = []
    at_s = first_s
    while len(starts) < wanted and at_s <= room:
        starts.append(at_s)
        at_s += period_s
        if rng.random() < 0.12:
            at_s += float(rng.choice([4, 8, 16])) * beat_s
    return starts or [float(min(first_s, room))]


def _activity(host: Host, part: str, sample_rate: int) -> np.ndarray:
    """Return for each tenth of a second whether any stem of a part sounds."""
    from mirkit.dsp import frame_rms

    hop = sample_rate // 10
    active = np.zeros(1, dtype=bool)
    for stem in host.stems(part):
        levels = frame_rms(stem.audio(sample_rate).mono().samples[0], frame_length=hop, hop_length=hop)
        active = np.pad(active, (0, max(0, len(levels) - len(active))))
        active[: len(levels)] |= levels > 0.003
    return np.pad(active, (0, 10_000))


def rms(samples: Signal) -> float:
    """Return the root mean square of a signal, never 0."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9

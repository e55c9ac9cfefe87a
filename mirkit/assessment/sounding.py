"""Renditions made to sound: a voice's tones, bent, shaken and blown as the player's faults ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mirkit.assessment.player import Rendition
from mirkit.audio import Audio
from mirkit.data.synthesis.notes import NOTE

__all__ = ["Additive", "Bank", "Voice", "render"]

RELEASE_S = 0.06
LEAD_S, TAIL_S = 0.4, 0.6


class Voice(Protocol):
    """What plays tones."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def low_midi(self) -> int:
        """Lowest comfortable pitch."""

    @property
    def high_midi(self) -> int:
        """Highest comfortable pitch."""

    def tones(self, notes: npt.NDArray[np.void], sample_rate: int) -> list[np.ndarray]:
        """Return the sound of each note of `NOTE`, with its release; onsets are not looked at."""


@dataclass(frozen=True, slots=True)
class Additive:
    """Harmonics that fall by a constant slope; needs nothing but numpy.

    Examples
    --------
    >>> note = np.array([(0.0, 0.5, 69, 90)], NOTE)
    >>> len(Additive().tones(note, 22050)[0])
    12348
    """

    name: str = "additive"
    slope_db: float = 8.0
    low_midi: int = 48
    high_midi: int = 91

    def tones(self, notes: npt.NDArray[np.void], sample_rate: int) -> list[np.ndarray]:
        """Return the sound of each note."""
        return [self._tone(note, sample_rate) for note in notes]

    def _tone(self, note: np.void, sample_rate: int) -> np.ndarray:
        n_samples = round((float(note["duration_s"]) + RELEASE_S) * sample_rate)
        times_s = np.arange(n_samples) / sample_rate
        f0_hz = 440.0 * 2.0 ** ((float(note["pitch_midi"]) - 69) / 12)
        sound = np.zeros(n_samples)
        for k in range(1, int(min(16, 0.45 * sample_rate / f0_hz)) + 1):
            sound += 10 ** (-self.slope_db * np.log2(k) / 20) * np.sin(
                2 * np.pi * k * f0_hz * times_s + k * k
            )
        attack = np.minimum(1.0, times_s / 0.02)
        release = np.clip((times_s[-1] - times_s) / RELEASE_S, 0.0, 1.0)
        return np.asarray(0.1 * sound * attack * release, np.float32)


@dataclass(frozen=True, slots=True)
class Bank:
    """A melody instrument of a General MIDI sound font.

    Parameters
    ----------
    path : str
        Sound font.
    program : int
        From 0.
    name : str
    low_midi, high_midi : int
        Where the instrument is at home.
    """

    path: str
    program: int
    name: str
    low_midi: int
    high_midi: int

    def tones(self, notes: npt.NDArray[np.void], sample_rate: int) -> list[np.ndarray]:
        """Return the sound of each note, all played in one go with room between them."""
        from mirkit.data.synthesis import soundfont

        gap_s = 0.5
        spread = notes.copy()
        spread["onset_s"] = np.cumsum(np.append(0.0, notes["duration_s"][:-1] + gap_s))
        total_s = float(spread["onset_s"][-1] + spread["duration_s"][-1] + gap_s)
        with soundfont.Synths(sample_rate) as synths:
            sound = soundfont.render(
                np.random.default_rng(0), synths, self.path, spread, program=self.program, duration_s=total_s
            ).mean(axis=0)
        parts = []
        for note in spread:
            first = round(float(note["onset_s"]) * sample_rate)
            n_samples = round((float(note["duration_s"]) + RELEASE_S) * sample_rate)
            part = sound[first : first + n_samples].copy()
            n_fade = min(len(part), round(RELEASE_S * sample_rate))
            part[-n_fade:] *= np.linspace(1, 0, n_fade, dtype=np.float32)
            parts.append(part)
        return parts


def render(
    rng: np.random.Generator,
    rendition: Rendition,
    voice: Voice,
    *,
    sample_rate: int = 44100,
    tuning_cents: float = 0.0,
    vibrato_cents: float = 0.0,
    snr_db: float | None = None,
    room_s: float = 0.0,
) -> Audio:
    """Return the sound of a rendition.

    Parameters
    ----------
    rng : Generator
    rendition : Rendition
        Its faults ``breath`` and ``shake`` spoil the tone here.
    voice : Voice
    sample_rate : int
    tuning_cents : float
        The player's tuning, no fault.
    vibrato_cents : float
        Depth of a vibrato of 5.5 Hz on notes of a third of a second or more.
    snr_db : float, optional
        Level of the playing over pink noise of the room; none if None.
    room_s : float
        Reverberation time; dry if 0.

    Returns
    -------
    Audio
        Mono, peak 0.7, with `LEAD_S` before the first onset.
    """
    from mirkit.data.synthesis import effects

    notes = rendition.notes
    sounds = voice.tones(_asked(notes), sample_rate)
    first_s = float(notes["onset_s"].min())
    length_s = float((notes["onset_s"] + notes["duration_s"]).max()) - first_s
    y = np.zeros(round((LEAD_S + length_s + TAIL_S + room_s) * sample_rate), np.float32)
    for note, sound in zip(notes, sounds, strict=True):
        bent = _bent(rng, note, sound, rendition.faults, sample_rate, tuning_cents, vibrato_cents)
        at = round((LEAD_S + float(note["onset_s"]) - first_s) * sample_rate)
        y[at : at + len(bent)] += bent[: len(y) - at]
    loud = float(np.sqrt(np.mean(y[np.abs(y) > 0] ** 2))) if np.any(y) else 1.0
    if room_s > 0:
        response = effects.room_response(rng, sample_rate, decay_s=room_s)
        y = effects.reverberate(np.stack([y, y]), response, 0.35).mean(axis=0)
    if snr_db is not None:
        y += np.asarray(loud * 10 ** (-snr_db / 20) * _pink(rng, len(y)), np.float32)
    return Audio(np.asarray(0.7 * y / np.abs(y).max(), np.float32)[np.newaxis], sample_rate)


def _asked(notes: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    asked = np.zeros(len(notes), NOTE)
    asked["duration_s"] = notes["duration_s"]
    asked["pitch_midi"] = notes["pitch_midi"]
    asked["velocity"] = 90
    return asked


def _bent(
    rng: np.random.Generator,
    note: np.void,
    sound: np.ndarray,
    faults: Mapping[str, float],
    sample_rate: int,
    tuning_cents: float,
    vibrato_cents: float,
) -> np.ndarray:
    from mirkit.data.synthesis.effects import vary_pitch

    times_s = np.arange(len(sound)) / sample_rate
    cents = np.full(len(sound), tuning_cents + float(note["cents"]))
    if note["duration_s"] > 0.33:
        cents += vibrato_cents * np.minimum(1, times_s / 0.3) * np.sin(2 * np.pi * 5.5 * times_s)
    level_db = np.full(len(sound), float(note["level_db"]))
    if faults["shake"] > 0:
        cents += 25 * faults["shake"] * _wander(rng, times_s)
        level_db += 3.0 * faults["shake"] * _wander(rng, times_s)
    bent = vary_pitch(sound, 2.0 ** (cents / 1200))
    if faults["breath"] > 0:
        window = max(1, round(0.02 * sample_rate))
        envelope = np.sqrt(np.convolve(bent**2, np.full(window, 1 / window), "same").clip(0))
        blown = np.diff(rng.standard_normal(len(bent) + 1)) / np.sqrt(2)
        bent = bent + envelope * blown * 10 ** ((-45 + 45 * faults["breath"]) / 20)
    return np.asarray(bent * 10 ** (level_db / 20), np.float32)


def _wander(rng: np.random.Generator, times_s: np.ndarray) -> np.ndarray:
    """Return an irregular movement of unit deviation with nothing slower than 8 and faster than 25 Hz."""
    rates_hz = rng.uniform(8, 25, 12)
    waves = np.sin(2 * np.pi * (rates_hz[:, np.newaxis] * times_s + rng.uniform(0, 1, (12, 1))))
    return np.asarray(waves.sum(axis=0) / np.sqrt(6))


def _pink(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum /= np.sqrt(np.maximum(1.0, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, n_samples)
    return np.asarray(noise / noise.std())

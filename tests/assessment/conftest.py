"""Melodies, and a player made of sines whose every fault is known."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit.assessment import Score
from mirkit.audio import Audio

RATE = 22050
PITCHES = (67, 69, 71, 72, 74, 72, 71, 69, 67, 71, 74, 79, 78, 76, 74, 72, 71, 67, 69, 69, 71, 66, 67, 67)
BEATS = (1, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 1, 1, 1, 2, 0.5, 0.5, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 1, 2)


@pytest.fixture
def score() -> Score:
    """A made-up tune of 24 notes with repeated ones."""
    onsets = np.concatenate([[0.0], np.cumsum(BEATS)[:-1]])
    return Score.from_rows(np.column_stack([onsets, BEATS, PITCHES]))


def tone(
    pitch_midi: float, duration_s: float, *, level: float = 0.3, cents: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return a tone of eight partials with a soft attack and release."""
    n = round(duration_s * RATE)
    hz = 440.0 * 2.0 ** ((pitch_midi - 69) / 12 + np.broadcast_to(cents, n) / 1200)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    sound = sum(np.sin(k * phase) / k for k in range(1, 9) if k * hz[0] < RATE / 2)
    ramp = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.012 * RATE))
    return level * ramp * sound


def perform(
    notes: list[tuple[float, float, float]], *, cents: float = 0.0, lead_s: float = 0.2, level: float = 0.3
) -> Audio:
    """Return (onset, duration, pitch) in seconds as sound."""
    end_s = lead_s + max(onset + length for onset, length, _ in notes) + 0.3
    y = np.zeros(round(end_s * RATE), np.float32)
    for onset, length, pitch in notes:
        first = round((lead_s + onset) * RATE)
        sound = tone(pitch, length, cents=cents, level=level)
        y[first : first + len(sound)] += sound[: len(y) - first].astype(np.float32)
    return Audio(y[np.newaxis], RATE)


def clean(score: Score, *, beat_s: float = 0.5, legato: float = 0.93) -> list[tuple[float, float, float]]:
    """Return the score's notes as they should be played."""
    return [
        (float(n["onset_beat"]) * beat_s, float(n["duration_beat"]) * beat_s * legato, float(n["pitch_midi"]))
        for n in score.notes
    ]

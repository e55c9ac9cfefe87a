"""Scales, chords, progressions and voicings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "bhairav": (0, 1, 4, 5, 7, 8, 11),
}
KEY_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
GUITAR_STRINGS = (40, 45, 50, 55, 59, 64)


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord on a stretch of the song: pitch classes from the root up, start and length in beats."""

    pitch_classes: tuple[int, ...]
    start_beat: float
    n_beats: float

    @property
    def root(self) -> int:
        """Pitch class of the root."""
        return self.pitch_classes[0]


def diatonic_chord(tonic: int, mode: str, degree: int, n_tones: int) -> tuple[int, ...]:
    """Return the pitch classes of thirds stacked on a scale degree (0 is the tonic).

    Examples
    --------
    >>> diatonic_chord(0, "major", 4, 4)
    (7, 11, 2, 5)
    """
    scale = SCALES[mode]
    tones = [(tonic + scale[(degree + 2 * k) % 7]) % 12 for k in range(n_tones)]
    if mode == "minor" and degree == 4:  # the leading tone makes the dominant
        tones[1] = (tones[0] + 4) % 12
    return tuple(tones)


def nearest_voicing(chord: Chord, previous: Sequence[int], low: int, high: int) -> tuple[int, ...]:
    """Return the close voicing within ``low`` to ``high`` that moves least from the previous one.

    Examples
    --------
    >>> nearest_voicing(Chord((0, 4, 7), 0, 4), (), 55, 72)
    (60, 64, 67)
    >>> nearest_voicing(Chord((5, 9, 0), 4, 4), (60, 64, 67), 55, 72)
    (60, 65, 69)
    """
    pcs = chord.pitch_classes
    candidates = []
    for turn in range(len(pcs)):
        order = pcs[turn:] + pcs[:turn]
        for bottom in range(low + (order[0] - low) % 12, high + 1, 12):
            voicing = [bottom]
            for pc in order[1:]:
                voicing.append(voicing[-1] + ((pc - voicing[-1]) % 12 or 12))
            if voicing[-1] <= high:
                candidates.append(tuple(voicing))
    if not candidates:  # a range too narrow for the chord
        return tuple(low + (pc - low) % 12 for pc in pcs)
    target = np.mean(previous) if len(previous) else (low + high) / 2

    def cost(voicing: tuple[int, ...]) -> float:
        if len(previous) == len(voicing):
            return float(sum(abs(a - b) for a, b in zip(voicing, previous, strict=True)))
        return float(abs(np.mean(voicing) - target)) * len(voicing)

    return min(candidates, key=cost)


def guitar_voicing(chord: Chord, position: int = 0) -> tuple[int, ...]:
    """Return the fingering of a chord on six strings near a fret, lowest string first, root in the bass.

    Examples
    --------
    >>> guitar_voicing(Chord((4, 8, 11), 0, 4))
    (40, 47, 52, 56, 59, 64)
    """
    pitches: list[int] = []
    for string in GUITAR_STRINGS:
        fret = next(
            (f for f in range(position, position + 5) if (string + f) % 12 in chord.pitch_classes), None
        )
        if fret is None or (not pitches and (string + fret) % 12 != chord.root):
            continue
        pitches.append(string + fret)
    return tuple(pitches) or tuple(45 + (pc - 45) % 12 for pc in chord.pitch_classes)


def scale_pitches(tonic: int, mode: str, low: int, high: int) -> np.ndarray:
    """Return the scale's pitches within a range, ascending."""
    scale = {(tonic + step) % 12 for step in SCALES[mode]}
    return np.array([p for p in range(low, high + 1) if p % 12 in scale])

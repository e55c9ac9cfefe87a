"""Pitched parts, in beats: bass lines, accompaniments and melodies over chords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirkit.data.synthesis.harmony import Chord, guitar_voicing, nearest_voicing, scale_pitches
from mirkit.data.synthesis.instruments import Instrument
from mirkit.data.synthesis.rhythm import Event


@dataclass(frozen=True, slots=True)
class Passage:
    """What a part needs to know of the section that it plays in."""

    tonic: int
    mode: str
    chords: tuple[Chord, ...]
    beats_per_bar: int
    energy: float
    motif_seed: int
    """Same seed, same motif: a verse that returns brings its melody back."""


BASS_RHYTHMS: dict[str, tuple[str, ...]] = {
    "rock": ("x.x.x.x.x.x.x.x.", "x...x.x.x...x.x.", "x..x..x.x..x..x."),
    "pop": ("x.....x.x.......", "x..x..x.x..x..x.", "x.......x.....x."),
    "funk": ("x..x..x...x..x.x", "x.x....x..x.x..x", "x..xx..x..x..xx."),
    "disco": ("x.x.x.x.x.x.x.x.",),
    "electronic": ("x.x.x.x.x.x.x.x.", "..x...x...x...x.", "xxxxxxxxxxxxxxxx", "x..x..x.x..x..x."),
    "ballad": ("x...............", "x.......x.......", "x.....x.x......."),
    "latin": ("x.....x.x.....x.",),
}


def bass_line(rng: np.random.Generator, passage: Passage, instrument: Instrument, feel: str) -> list[Event]:
    """Return a bass line: roots, fifths and octaves on a repeated rhythm, or a walking bass."""
    if feel == "walking":
        return _walking(rng, passage, instrument)
    pattern = str(rng.choice(BASS_RHYTHMS.get(feel, BASS_RHYTHMS["pop"])))
    octave_rate = 0.5 if feel in {"disco", "funk"} else 0.12
    hold = float(rng.uniform(0.55, 1.0))
    events: list[Event] = []
    for chord in passage.chords:
        root = _place(chord.root, instrument.low, instrument.low + 14)
        fifth = _place(chord.pitch_classes[2 % len(chord.pitch_classes)], root, root + 12)
        steps = [k for k in range(round(chord.n_beats * 4)) if pattern[k % 16] == "x"] or [0]
        for k, nxt in zip(steps, [*steps[1:], round(chord.n_beats * 4)], strict=True):
            draw = rng.random()
            pitch = root
            if k and draw < octave_rate and root + 12 <= instrument.high:
                pitch = root + 12
            elif k and draw < octave_rate + 0.15:
                pitch = fifth
            velocity = 96 if k % 8 == 0 else 84
            events.append(
                (chord.start_beat + k / 4, (nxt - k) / 4 * hold, pitch, velocity + rng.normal(0, 5))
            )
    return events


def _walking(rng: np.random.Generator, passage: Passage, instrument: Instrument) -> list[Event]:
    events: list[Event] = []
    low, high = instrument.low, min(instrument.low + 24, instrument.high)
    roots = [chord.root for chord in passage.chords]
    pitch = _place(roots[0], low, low + 12)
    for chord, following in zip(passage.chords, [*roots[1:], roots[0]], strict=True):
        pitch = min((p for p in range(low, high + 1) if p % 12 == chord.root), key=lambda p: abs(p - pitch))
        target = min((p for p in range(low, high + 1) if p % 12 == following), key=lambda p: abs(p - pitch))
        for beat in range(round(chord.n_beats)):
            events.append((chord.start_beat + beat, 0.92, pitch, 92 + rng.normal(0, 6)))
            if beat == round(chord.n_beats) - 2:
                pitch = target + int(rng.choice([-1, 1, 2]))
            else:
                tones = [p for p in range(low, high + 1) if p % 12 in chord.pitch_classes and p != pitch]
                pitch = min(tones, key=lambda p: abs(p - pitch) + 3 * rng.random())
            pitch = min(max(pitch, low), high)
    return events


STRUMS = ("x...x.x...x.x.x.", "x...x...x...x...", "x..xx.x.x..xx.x.", "x.......x...x...", "x.xxx.xxx.xxx.xx")


def strum(rng: np.random.Generator, passage: Passage, *, spread_beats: float = 0.03) -> list[Event]:
    """Return guitar strums: six-string fingerings, down and up strokes one string after another."""
    pattern, position = str(rng.choice(STRUMS)), int(rng.integers(0, 4))
    events: list[Event] = []
    for chord in passage.chords:
        fingering = guitar_voicing(chord, position)
        steps = [k for k in range(round(chord.n_beats * 4)) if pattern[k % 16] == "x"] or [0]
        for k, nxt in zip(steps, [*steps[1:], round(chord.n_beats * 4)], strict=True):
            up = k % 4 == 2
            strings = fingering[::-1][:4] if up else fingering
            for order, pitch in enumerate(strings):
                delay = order * spread_beats * rng.uniform(0.7, 1.3)
                velocity = (74 if up else 90) * (0.8 + 0.3 * passage.energy) + rng.normal(0, 6)
                events.append((chord.start_beat + k / 4 + delay, (nxt - k) / 4 * 0.97, pitch, velocity))
    return events


def arpeggio(
    rng: np.random.Generator, passage: Passage, instrument: Instrument, *, guitar: bool
) -> list[Event]:
    """Return broken chords in eighths or sixteenths, letting the tones ring."""
    step = float(rng.choice([0.5, 0.5, 0.25]))
    shape = rng.permutation(8) if rng.random() < 0.5 else np.array([0, 1, 2, 3, 4, 3, 2, 1])
    low, high = _comping_range(instrument)
    events: list[Event] = []
    previous: Sequence[int] = ()
    for chord in passage.chords:
        previous = guitar_voicing(chord, 0) if guitar else nearest_voicing(chord, previous, low, high)
        tones = [*previous, previous[0] + 12] if not guitar else list(previous)
        for k in range(round(chord.n_beats / step)):
            pitch = tones[int(shape[k % len(shape)]) % len(tones)]
            ring = min(2.0, chord.n_beats - k * step)
            events.append(
                (chord.start_beat + k * step, ring, pitch, 80 + 12 * (k % 4 == 0) + rng.normal(0, 5))
            )
    return events


COMPS: dict[str, tuple[str, ...]] = {
    "pad": ("x...............",),
    "block": ("x...x...x...x...", "x.......x.......", "x.....x.x.......", "x..x..x.x..x..x."),
    "comp": ("x.....x.........", "...x......x.....", "x..x......x..x..", "......x.......x."),
    "stab": ("..x...x...x...x.", "x..x..x..x..x.x.", "x.xx.x.xx.xx.x.x", "....x..x....x..x"),
}


def chords_part(rng: np.random.Generator, passage: Passage, instrument: Instrument, kind: str) -> list[Event]:
    """Return voice-led chords: held pads, blocks, off-beat comping or short stabs."""
    low, high = _comping_range(instrument)
    pattern = str(rng.choice(COMPS[kind]))
    events: list[Event] = []
    previous: Sequence[int] = ()
    for chord in passage.chords:
        previous = nearest_voicing(chord, previous, low, high)
        steps = [k for k in range(round(chord.n_beats * 4)) if pattern[k % 16] == "x"] or [0]
        for k, nxt in zip(steps, [*steps[1:], round(chord.n_beats * 4)], strict=True):
            length = (nxt - k) / 4 * (1.0 if kind == "pad" else 0.9)
            length = min(length, 0.22) if kind == "stab" else length
            for pitch in previous:
                velocity = 78 + 20 * passage.energy * (k % 8 == 0) + rng.normal(0, 5)
                events.append((chord.start_beat + k / 4, length, pitch, velocity))
    return events


RIFFS = (
    "xxxxxxxxxxxxxxxx",
    "x.xxx.xxx.xxx.xx",
    "x.x.x.x.x.x.x.x.",
    "x..x..x.x..x..x.",
    "X.......X.......",
    "X.....x.X.x.....",
)


def power_chords(rng: np.random.Generator, passage: Passage) -> list[Event]:
    """Return rock guitar: roots with fifths and octaves, muted sixteenths to long chords."""
    pattern = str(rng.choice(RIFFS))
    muted = pattern.count(".") < 9 and rng.random() < 0.6
    events: list[Event] = []
    for chord in passage.chords:
        root = _place(chord.root, 40, 51)
        steps = [k for k in range(round(chord.n_beats * 4)) if pattern[k % 16] != "."] or [0]
        for k, nxt in zip(steps, [*steps[1:], round(chord.n_beats * 4)], strict=True):
            length = (nxt - k) / 4 * (0.5 if muted and k % 8 else 0.96)
            tones = (root, root + 7, root + 12)[: 2 if muted else 3]
            velocity = 92 + 10 * (k % 8 == 0) + rng.normal(0, 4)
            events += [(chord.start_beat + k / 4, length, pitch, velocity) for pitch in tones]
    return events


MELODY_CELLS: tuple[tuple[float, ...], ...] = (
    (1, 1, 2), (1, 0.5, 0.5, 2), (1.5, 0.5, 1, 1), (0.5, 0.5, 0.5, 0.5, 1, 1), (2, 2), (0.75, 0.75, 0.5, 1,
        1),
    (0.5, 1, 0.5, 2), (3, 1), (0.5,) * 8, (1, 1, 1, 1), (0.25, 0.25, 0.5, 1, 0.5, 0.5, 1), (4,), (1.5, 1.5,
        1),
)  # fmt: skip


def melody(
    rng: np.random.Generator, passage: Passage, low: int, high: int, *, busy: float, legato: float = 0.95
) -> list[Event]:
    """Return a melody of phrases: motifs that return, chord tones on strong beats, rests.

    Parameters
    ----------
    rng : Generator
        For the performance; the motif itself comes from ``passage.motif_seed``.
    passage : Passage
    low, high : int
        MIDI range.
    busy : float
        In [0, 1]: 0 prefers long tones, 1 short ones.
    legato : float
        Part of each duration that sounds.
    """
    motif_rng = np.random.default_rng(passage.motif_seed)
    pitches = scale_pitches(passage.tonic, passage.mode, low, high)
    cells = sorted(MELODY_CELLS, key=len)
    weights = np.exp(-3.0 * np.abs(np.linspace(0, 1, len(cells)) - busy))
    motifs = [_motif(motif_rng, cells, weights / weights.sum()) for _ in range(2)]
    n_beats = passage.chords[-1].start_beat + passage.chords[-1].n_beats - passage.chords[0].start_beat
    beat, end = passage.chords[0].start_beat, passage.chords[0].start_beat + n_beats
    index = float(len(pitches) * motif_rng.uniform(0.35, 0.65))
    events: list[Event] = []
    phrase = 0
    while beat < end - 0.25:
        lengths, steps = motifs[(0, 1, 0, 1)[phrase % 4] if rng.random() < 0.75 else int(rng.integers(2))]
        if rng.random() < 0.25 and beat + 1 < end:  # rests between phrases
            beat += float(rng.choice([0.5, 1.0, 2.0]))
        for length, step in zip(lengths, steps, strict=True):
            if beat >= end - 0.2:
                break
            index = float(np.clip(index + step, 0, len(pitches) - 1))
            if index in (0, len(pitches) - 1):
                index = len(pitches) / 2 + step
            pitch = int(pitches[int(np.clip(round(index), 0, len(pitches) - 1))])
            if beat % 2 == 0 or length >= 1.5:
                pitch = _snap(pitch, _chord_at(passage.chords, beat), low, high)
            sounding = min(length * legato, end - beat)
            events.append((beat, sounding, pitch, 82 + 16 * passage.energy + rng.normal(0, 7)))
            beat += length
        phrase += 1
    return events


def _motif(
    rng: np.random.Generator, cells: list[tuple[float, ...]], weights: np.ndarray
) -> tuple[list[float], list[int]]:
    lengths = [x for _ in range(2) for x in cells[rng.choice(len(cells), p=weights)]]
    lengths[-1] += float(rng.choice([0, 0, 1]))
    steps = rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 3], size=len(lengths))
    return lengths, [int(step) for step in steps]


def counter_line(rng: np.random.Generator, passage: Passage, low: int, high: int) -> list[Event]:
    """Return a second voice: chord tones in long notes, led by step where it can be."""
    events: list[Event] = []
    pitch = (low + high) // 2 + int(rng.integers(-4, 5))
    for chord in passage.chords:
        tones = [p for p in range(low, high + 1) if p % 12 in chord.pitch_classes]
        pitch = min(tones, key=lambda p: abs(p - pitch) + 2 * rng.random())
        halves = 2 if chord.n_beats >= 4 and rng.random() < 0.4 else 1
        for half in range(halves):
            length = chord.n_beats / halves
            events.append((chord.start_beat + half * length, length * 0.97, pitch, 76 + rng.normal(0, 5)))
            pitch = min((p for p in tones if p != pitch), key=lambda p: abs(p - pitch), default=pitch)
    return events


def drone(passage: Passage, pitches: Sequence[int]) -> list[Event]:
    """Return held tones over the whole passage."""
    first, last = passage.chords[0], passage.chords[-1]
    length = last.start_beat + last.n_beats - first.start_beat
    return [(first.start_beat, length, pitch, 70) for pitch in pitches]


def _place(pitch_class: int, low: int, high: int) -> int:
    pitch = low + (pitch_class - low) % 12
    return pitch if pitch <= high else pitch - 12


def _comping_range(instrument: Instrument) -> tuple[int, int]:
    low = max(instrument.low, min(52, instrument.high - 16))
    return low, min(instrument.high, max(low + 16, 76))


def _chord_at(chords: Sequence[Chord], beat: float) -> Chord:
    return next((c for c in chords if c.start_beat <= beat < c.start_beat + c.n_beats), chords[-1])


def _snap(pitch: int, chord: Chord, low: int, high: int) -> int:
    tones = [p for p in range(low, high + 1) if p % 12 in chord.pitch_classes]
    return min(tones, key=lambda p: abs(p - pitch), default=pitch)

"""MIDI files made for the tests, and lists that point to them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from mirkit.data.synthesis import Score, Source
from mirkit.data.synthesis.midi import read_midi
from mirkit.data.synthesis.pieces import arrange

DRUMS = {"drum set", "drum machine", "tabla"}

TICKS = 480
SCALE = (0, 2, 4, 5, 7, 9, 11)
Message = tuple[float, str, dict[str, int]]
"""Quarter, type, fields."""


def midi_file(*tracks: list[Message], bpm: float = 120.0, metre: tuple[int, int] | None = (4, 4)) -> bytes:
    """A MIDI file of type 1; the first track has tempo and metre."""
    import mido

    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))])
    if metre:
        head.append(mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]))
    file = mido.MidiFile(ticks_per_beat=TICKS, tracks=[head])
    for messages in tracks:
        track, now = mido.MidiTrack(), 0
        for quarter, kind, values in sorted(messages, key=lambda m: m[0]):
            tick = round(quarter * TICKS)
            track.append(mido.Message(kind, time=tick - now, **values))
            now = tick
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def played(
    notes: list[tuple[float, float, int]], *, channel: int = 0, program: int | None = None, velocity: int = 90
) -> list[Message]:
    """Messages of a track: onset and length in quarters, pitch."""
    out: list[Message] = []
    if program is not None:
        out.append((0.0, "program_change", {"channel": channel, "program": program}))
    for onset, length, pitch in notes:
        out.append((onset, "note_on", {"channel": channel, "note": pitch, "velocity": velocity}))
        out.append((onset + length, "note_off", {"channel": channel, "note": pitch, "velocity": 0}))
    return out


def song(seed: int, n_bars: int = 24) -> bytes:
    """A made-up band piece on white keys: drums, bass, a tune, a counter line and held chords."""
    rng = np.random.default_rng(seed)
    degrees = [int(d) for d in rng.choice([0, 1, 3, 4, 5], n_bars)]
    beats = [(b * 4.0, SCALE[degree]) for b, degree in enumerate(degrees)]
    drums = [(k / 2, 0.1, (36, 42, 38, 42)[k % 4]) for k in range(8 * n_bars)]
    bass = [(at + k, 0.9, 36 + root) for at, root in beats for k in range(4)]
    tune = [(at + k, 0.9, 60 + int(rng.choice(SCALE)) + 12 * (k % 2)) for at, _ in beats for k in range(4)]
    counter = [(at + k, 2.2, 48 + int(rng.choice(SCALE))) for at, _ in beats for k in (0, 2)]
    chords = [(4.0 * b, 3.9, 48 + SCALE[(d + step) % 7]) for b, d in enumerate(degrees) for step in (0, 2, 4)]
    return midi_file(
        played(drums, channel=9),
        played(bass, channel=1, program=33),
        played(tune, channel=2, program=80),
        played(counter, channel=3, program=48),
        played(chords, channel=4, program=29 if seed % 2 else 0),
        bpm=float(rng.uniform(80, 140)),
    )


def shelf(path: Path | str, **values: object) -> Source:
    defaults: dict[str, object] = {"name": "made up", "family": "made up", "licence": "own"}
    return Source(kind="pieces", path=str(path), **{**defaults, **values})  # type: ignore[arg-type]


def band(seed: int, duration_s: float = 20.0) -> Score:
    """A song out of a made-up piece."""
    return arrange(np.random.default_rng(seed), read_midi(song(seed % 12)), duration_s=duration_s)

"""What the tracks of an excerpt are to an arranger: drums, a bass, single lines, chords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mirkit.data.synthesis.notes import NOTE, Notes, Track
from mirkit.data.synthesis.rhythm import (
    CLAP,
    CLOSED,
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    OPEN,
    PEDAL,
    RIDE,
    SHAKER,
    SNARE,
    STICK,
    TAMBOURINE,
)

Kind = Literal["drums", "bass", "line", "chords"]

MAX_PARTS = 8
EFFECTS = (47, *range(112, 128))
"""Programs without a melody: timpani, percussion, sound effects."""
BASS_PROGRAMS = range(32, 40)
BASS_BELOW = 52.0
"""A lowest line whose median is below E3 is a bass."""
TOGETHER_S = 0.03
DRUM_KEYS = {
    31: STICK, 35: KICK, 36: KICK, 37: STICK, 38: SNARE, 39: CLAP, 40: SNARE, 41: LOW_TOM,
    42: CLOSED, 43: LOW_TOM, 44: PEDAL, 45: MID_TOM, 46: OPEN, 47: MID_TOM, 48: HIGH_TOM,
    49: CRASH, 50: HIGH_TOM, 51: RIDE, 52: CRASH, 53: RIDE, 54: TAMBOURINE, 55: CRASH,
    56: STICK, 57: CRASH, 59: RIDE, 60: HIGH_TOM, 61: MID_TOM, 62: HIGH_TOM, 63: HIGH_TOM,
    64: LOW_TOM, 65: HIGH_TOM, 66: MID_TOM, 67: STICK, 68: STICK, 69: SHAKER, 70: SHAKER,
    75: STICK, 76: STICK, 77: STICK, 82: SHAKER,
}  # fmt: skip
"""General MIDI drum keys to those that the kits and the composer know; hand drums become toms."""


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A track seen as an arranger does: what kind of material it is, and who the file had play it."""

    kind: Kind
    notes: Notes
    program: int | None = None
    name: str = ""


def textures(tracks: Sequence[Track], *, duration_s: float) -> list[Texture]:
    """Return what there is to play: drums together, then a bass, then the rest by how much it sounds.

    Tracks that hardly sound, sound effects and doublings in unison are dropped.

    Parameters
    ----------
    tracks : sequence of Track
    duration_s : float

    Returns
    -------
    list of Texture
        At most `MAX_PARTS`.
    """
    pitched = [
        track for track in tracks
        if not track.drums and track.program not in EFFECTS and _worth(track.notes, duration_s)
    ]  # fmt: skip
    found = []
    for track in sorted(_distinct(pitched), key=lambda track: -sounding_s(track.notes)):
        kind: Kind = "chords" if polyphony(track.notes) > 0.25 else "line"
        if kind == "line" and track.program is not None and track.program in BASS_PROGRAMS:
            kind = "bass"
        found.append(Texture(kind, track.notes, track.program, track.name))
    if not any(texture.kind == "bass" for texture in found) and len(found) > 1:
        lines = [k for k, texture in enumerate(found) if texture.kind == "line"]
        lowest = min(lines, key=lambda k: float(np.median(found[k].notes["pitch_midi"])), default=-1)
        if lowest >= 0 and np.median(found[lowest].notes["pitch_midi"]) < BASS_BELOW:
            found[lowest] = replace(found[lowest], kind="bass")
    found = [
        t if t.kind == "chords" else replace(t, notes=as_line(t.notes, low=t.kind == "bass")) for t in found
    ]
    drums = drum_part([track for track in tracks if track.drums])
    machine = any(t.drums and t.program in (24, 25, 26) for t in tracks)
    percussion = [Texture("drums", drums, 25 if machine else 0)] if len(drums) > 3 else []
    basses = [texture for texture in found if texture.kind == "bass"]
    others = [texture for texture in found if texture.kind != "bass"]
    low_lines = [replace(texture, kind="line") for texture in basses[1:]]
    return (percussion + basses[:1] + others + low_lines)[:MAX_PARTS]


def drum_part(tracks: Sequence[Track]) -> Notes:
    """Return all percussion on the keys that `rhythm` knows; keys without a likeness are left out."""
    every = np.concatenate([track.notes for track in tracks]) if tracks else np.zeros(0, NOTE)
    keys = np.array([DRUM_KEYS.get(round(float(p)), 0) for p in every["pitch_midi"]])
    every["pitch_midi"] = keys
    every = np.sort(every[keys > 0], order=("onset_s", "pitch_midi"))
    _, first = np.unique(
        np.stack([np.round(every["onset_s"], 3), every["pitch_midi"]]), axis=1, return_index=True
    )
    return every[np.sort(first)]


def polyphony(notes: Notes) -> float:
    """Return the share of notes that sound together with another one, legato overlaps aside.

    Examples
    --------
    >>> from mirkit.data.synthesis.notes import note_array
    >>> polyphony(note_array([(0, 1.1, 60, 80), (1, 1, 62, 80)])), polyphony(note_array([(0, 1, 60, 80)] * 2))
    (0.0, 1.0)
    """
    start, end = notes["onset_s"], notes["onset_s"] + notes["duration_s"]
    shared = np.minimum(end[:, None], end) - np.maximum(start[:, None], start)
    shortest = np.minimum(notes["duration_s"][:, None], notes["duration_s"])
    together = shared > np.maximum(0.35 * shortest, TOGETHER_S)
    np.fill_diagonal(together, False)
    return float(together.any(axis=1).mean()) if len(notes) else 0.0


def as_line(notes: Notes, *, low: bool = False) -> Notes:
    """Return one note at a time: the highest (or lowest) of those that start together, cut by the next.

    Examples
    --------
    >>> from mirkit.data.synthesis.notes import note_array
    >>> as_line(note_array([(0, 2, 60, 80), (0, 1, 64, 80), (1, 1, 62, 80)]), low=True)["duration_s"].tolist()
    [1.0, 1.0]
    """
    kept = np.array([group[0 if low else -1] for group in groups(notes)], dtype=notes.dtype)
    gaps = np.diff(kept["onset_s"])
    kept["duration_s"][:-1] = np.minimum(kept["duration_s"][:-1], gaps)
    return kept


def voices_of(notes: Notes, n_voices: int) -> list[Notes]:
    """Return chords as lines: the first has the highest notes, the last the lowest."""
    chords = [group[::-1] for group in groups(notes)]
    rows = [[chord[k] for chord in chords if len(chord) > k] for k in range(n_voices - 1)]
    rows.append([chord[-1] for chord in chords if len(chord) >= n_voices])
    return [as_line(np.array(row, dtype=notes.dtype)) for row in rows if len(row) > 3]


def groups(notes: Notes) -> list[Notes]:
    """Notes that start together, from the lowest up."""
    ordered = np.sort(notes, order="onset_s")
    starts = np.flatnonzero(np.diff(ordered["onset_s"], prepend=-np.inf) > TOGETHER_S)
    return (
        [np.sort(group, order="pitch_midi") for group in np.split(ordered, starts[1:])] if len(notes) else []
    )


def sounding_s(notes: Notes) -> float:
    """Time in which at least one note sounds."""
    covered = np.maximum.accumulate(np.concatenate([[0.0], (notes["onset_s"] + notes["duration_s"])]))
    return float(np.maximum(covered[1:] - np.maximum(covered[:-1], notes["onset_s"]), 0).sum())


def _worth(notes: Notes, duration_s: float) -> bool:
    return len(notes) > 2 and sounding_s(notes) > 0.06 * duration_s


def _distinct(tracks: Sequence[Track]) -> list[Track]:
    """Tracks without those that play nearly the same notes as a longer one."""
    kept: list[tuple[Track, set[tuple[int, int]]]] = []
    for track in sorted(tracks, key=lambda track: -len(track.notes)):
        notes = track.notes
        events = {(round(float(s) / 0.05), round(float(p)))
                  for s, p in zip(notes["onset_s"], notes["pitch_midi"], strict=True)}  # fmt: skip
        if all(len(events & other) < 0.8 * max(len(events), len(other)) for _, other in kept):
            kept.append((track, events))
    return [track for track, _ in kept]

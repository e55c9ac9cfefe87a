"""Give the tracks of an excerpt to instruments: what each track is, who may play it, who does.

Game music and chorales lack most of the instrument classes. As an arranger would, this module keeps
the notes and chooses the players anew: by texture (drums, bass, single line, chords), by range, and
with the composer's preferences, the players of its styles and the balance of the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from mirkit.data.slakh import instrument_of_program
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.notes import Notes, Part, Track
from mirkit.data.synthesis.rhythm import (
    CLAP,
    CLOSED,
    CRASH,
    GHE,
    HIGH_TOM,
    KE,
    KICK,
    LOW_TOM,
    MID_TOM,
    NA,
    OPEN,
    PEDAL,
    RE,
    RIDE,
    SHAKER,
    SNARE,
    STICK,
    TAMBOURINE,
    TAS,
    TE,
    TIN,
    TUN,
)
from mirkit.data.synthesis.styles import STYLES, balance
from mirkit.data.synthesis.textures import (
    MAX_PARTS,
    Kind,
    Texture,
    as_line,
    groups,
    sounding_s,
    textures,
    voices_of,
)

N_LINEUPS = 8
EVENNESS = 0.35
"""Power of the composer's balance, which is fitted to its own lineups; here it tips the scale only."""
SIZES = {"solo": 0.12, "duo": 0.15, "band": 0.73}
KEEP = 0.25
"""How often a track keeps the instrument that its file names."""
DIVIDE = 0.45
"""How often held chords are given to one player a voice, as a string section's are to a quartet."""
OTHERS = 0.15
"""Share of the choice, in every texture, that goes to instruments which no style lists there."""
AGAIN = 0.2
"""Factor on the weight of an instrument that plays already."""
FAVOURED = {
    "flute": 2.2, "cello": 1.7, "violin": 1.8, "trumpet": 1.3, "alto saxophone": 1.8, "tenor saxophone": 1.8,
    "male singer": 3.6, "female singer": 1.3,
}  # fmt: skip
"""Factor on the weight of players that come too seldom else, fitted to sets of which a quarter are pieces."""
OCTAVE = 0.6
"""Factor on the weight of an instrument for every octave that the track has to move."""
IN_RANGE = 0.9
"""Share of a track's notes that an instrument must reach; it plays the others an octave off."""
FAST_SUNG = 5.5
"""Notes a second that nobody sings."""
SUNG_PROGRAMS = (52, 53, 54, 85)
POWER_PROGRAMS = (29, 30)
CHORDAL = frozenset({
    "acoustic guitar", "clean electric guitar", "distorted electric guitar", "piano", "electronic organ",
    "synthesizer", "electric piano", "vibraphone", "marimba", "harpsichord", "accordion", "harp", "banjo",
    "string section", "brass section",
})  # fmt: skip
ROLE_KIND: dict[str, Kind] = {
    "drums": "drums", "tabla": "drums", "bass": "bass", "bassline": "bass", "lead": "line", "solo": "line",
    "voice": "line", "counter": "line", "horns": "line",
}  # fmt: skip
"""Roles of the styles; all others play chords."""

TABLA_STROKES = {
    KICK: GHE, LOW_TOM: GHE, SNARE: NA, CLAP: NA, CRASH: NA, STICK: KE,
    CLOSED: TE, PEDAL: RE, TAMBOURINE: RE, SHAKER: RE, OPEN: TIN, RIDE: TIN,
    MID_TOM: TUN, HIGH_TOM: TAS,
}  # fmt: skip
"""A groove on two hand drums: bass drum to the left hand, snare to the ringing stroke of the right."""


def orchestrate(rng: np.random.Generator, tracks: Sequence[Track], *, duration_s: float) -> tuple[Part, ...]:
    """Return the parts of an excerpt, each track given to an instrument of suitable range.

    Parameters
    ----------
    rng : Generator
    tracks : sequence of Track
        The excerpt's notes, from 0 s on.
    duration_s : float
        The excerpt's length.

    Returns
    -------
    tuple of Part
        At most `MAX_PARTS`; none if nothing in the excerpt can be played.

    Examples
    --------
    >>> from mirkit.data.synthesis.notes import note_array
    >>> tune = Track(note_array([(k / 2, 0.5, 64 + k % 5, 80) for k in range(16)]))
    >>> parts = orchestrate(np.random.default_rng(2), [tune], duration_s=8.0)
    >>> len(parts), parts[0].role, len(parts[0].notes)
    (1, 'alone', 16)
    """
    found = _divided(rng, textures(tracks, duration_s=duration_s))
    size = str(rng.choice(list(SIZES), p=list(SIZES.values())))
    if size != "band" and found:
        n = min({"solo": 1, "duo": 2}[size], len(found))
        busy = np.array([sounding_s(texture.notes) for texture in found]) ** 2  # a soloist does not rest long
        found = [found[k] for k in sorted(rng.choice(len(found), n, replace=False, p=busy / busy.sum()))]
    able = [candidates(texture) for texture in found]
    lineups = [_lineup(rng, found, able) for _ in range(N_LINEUPS)]
    odds = np.array([balance(_pitched(lineup)) for lineup in lineups])
    odds = np.exp(EVENNESS * (odds - odds.max()))
    chosen = lineups[int(rng.choice(N_LINEUPS, p=odds / odds.sum()))]
    pairs = [(texture, name) for texture, name in zip(found, chosen, strict=True) if name]
    roles = _roles([texture for texture, _ in pairs], [name for _, name in pairs])
    return tuple(
        Part(name, role, _fitted(texture, name)) for (texture, name), role in zip(pairs, roles, strict=True)
    )


def octaves_to(notes: Notes, name: str) -> int | None:
    """Return the smallest shift in octaves that brings notes into an instrument's range, or None.

    Examples
    --------
    >>> from mirkit.data.synthesis.notes import note_array
    >>> low_notes = note_array([(0, 1, 40, 80), (1, 1, 45, 80)])
    >>> octaves_to(low_notes, "cello"), octaves_to(low_notes, "flute"), octaves_to(low_notes, "piccolo")
    (0, 2, 3)
    """
    instrument, pitches = INSTRUMENTS[name], notes["pitch_midi"]
    for shift in (0, 1, -1, 2, -2, 3, -3):
        moved = pitches + 12 * shift
        if ((moved >= instrument.low) & (moved <= instrument.high)).mean() >= IN_RANGE:
            return shift
    return None


def _divided(rng: np.random.Generator, found: list[Texture]) -> list[Texture]:
    out: list[Texture] = []
    for k, texture in enumerate(found):
        room = MAX_PARTS - len(out) - (len(found) - k)
        sizes = [len(group) for group in groups(texture.notes)]
        size = round(float(np.median(sizes)))
        held = float(np.median(texture.notes["duration_s"])) > 0.25
        if (
            texture.kind == "chords"
            and held
            and 2 <= size <= 4
            and room >= size - 1
            and rng.random() < DIVIDE
        ):
            lines = voices_of(texture.notes, size)
            out += [replace(texture, kind="line", notes=line) for line in lines] or [texture]
        else:
            out.append(texture)
    return out


@lru_cache(maxsize=8)
def players(kind: Kind) -> dict[str, float]:
    """Return who plays a texture in the composer's styles, with weights that sum to 1."""
    weights = {name: 0.0 for name in INSTRUMENTS if _suits(name, kind)}
    for style in STYLES.values():
        for role in style.roles:
            if ROLE_KIND.get(role.name, "chords") == kind:
                total = sum(role.players.values())
                for name in weights.keys() & role.players.keys():
                    weights[name] += style.weight * role.probability * role.players[name] / total
    listed = sum(weights.values())
    n_others = list(weights.values()).count(0.0)
    spread = OTHERS if n_others else 0.0
    return {name: (1 - spread) * w / listed if w else spread / n_others for name, w in weights.items()}


def _suits(name: str, kind: Kind) -> bool:
    if name in {"drum set", "drum machine", "tabla"} or kind == "drums":
        return kind == "drums" and name in {"drum set", "drum machine", "tabla"}
    if kind == "chords":
        return name in CHORDAL
    if kind == "bass":
        return INSTRUMENTS[name].low <= 40 and "section" not in name
    return name not in {"electric bass", "bass synth", "tuba"}


def candidates(texture: Texture) -> dict[str, float]:
    """Return who can play a texture, with weights: less for every octave that it has to move."""
    weights = {}
    for name, weight in players(texture.kind).items():
        shift = 0 if texture.kind == "drums" else octaves_to(texture.notes, name)
        if shift is not None and ("singer" not in name or _singable(texture.notes)):
            weights[name] = weight * FAVOURED.get(name, 1.0) * OCTAVE ** abs(shift)
    return weights


def _lineup(
    rng: np.random.Generator, found: Sequence[Texture], able: Sequence[Mapping[str, float]]
) -> list[str]:
    """Draw a player for every texture; the empty string where nobody can."""
    names: list[str] = []
    for texture, weighted in zip(found, able, strict=True):
        weights = {name: weight * (AGAIN if name in names else 1.0) for name, weight in weighted.items()}
        kept = _own(rng, texture)
        if kept in weights and rng.random() < KEEP:
            names.append(kept)
        elif weights:
            odds = np.array(list(weights.values()))
            names.append(str(rng.choice(list(weights), p=odds / odds.sum())))
        else:
            names.append("")
    return names


def _pitched(lineup: Sequence[str]) -> list[str]:
    """Who counts for the balance: a tabla stands for the drums of the file, whatever else plays."""
    return [name for name in lineup if name and not _suits(name, "drums")]


def _own(rng: np.random.Generator, texture: Texture) -> str:
    """The instrument that the file had in mind, by the track's name or else by its program."""
    if texture.kind == "drums":
        return "drum machine" if texture.program == 25 else "drum set"
    if texture.program in SUNG_PROGRAMS:
        return str(rng.choice(["male singer", "female singer"]))
    named = [name for name in INSTRUMENTS if name in texture.name.lower()]
    if named:
        return max(named, key=len)
    return "" if texture.program is None else instrument_of_program(texture.program)


def _singable(notes: Notes) -> bool:
    return len(notes) / max(sounding_s(notes), 0.1) < FAST_SUNG


def _roles(found: Sequence[Texture], names: Sequence[str]) -> list[str]:
    """Roles that the mixer knows; the highest and busiest line leads."""
    if len(found) == 1:
        return ["alone"]
    banded = any(texture.kind == "drums" for texture in found)
    lines = [k for k, texture in enumerate(found) if texture.kind == "line"]
    lines.sort(key=lambda k: ("singer" not in names[k], -_prominence(found[k].notes)))
    roles = []
    for k, (texture, name) in enumerate(zip(found, names, strict=True)):
        if texture.kind == "drums":
            roles.append("tabla" if name == "tabla" else "drums")
        elif texture.kind == "bass":
            roles.append("bass" if banded else "bassline")
        elif texture.kind == "line":
            roles.append(("lead", "solo")[lines.index(k)] if lines.index(k) < 2 else "counter")
        elif name == "distorted electric guitar":
            roles.append("power")
        else:
            roles.append("pad" if float(np.median(texture.notes["duration_s"])) > 0.9 else "comp")
    return roles


def _prominence(notes: Notes) -> float:
    return float(np.median(notes["pitch_midi"])) + 0.5 * min(sounding_s(notes), 30.0)


def _fitted(texture: Texture, name: str) -> Notes:
    """The notes as the instrument can play them."""
    notes = texture.notes.copy()
    if texture.kind == "drums":
        if name == "tabla":
            notes["pitch_midi"] = [TABLA_STROKES[round(float(p))] for p in notes["pitch_midi"]]
        return notes
    instrument = INSTRUMENTS[name]
    pitches = notes["pitch_midi"] + 12 * (octaves_to(notes, name) or 0)
    pitches += 12 * np.ceil(np.maximum(instrument.low - pitches, 0) / 12)
    notes["pitch_midi"] = pitches - 12 * np.ceil(np.maximum(pitches - instrument.high, 0) / 12)
    if (
        name == "distorted electric guitar"
        and texture.kind == "chords"
        and texture.program not in POWER_PROGRAMS
    ):
        notes = _power(notes)
    return _unique(notes)


def _power(notes: Notes) -> Notes:
    """Chords as distortion bears them: the lowest note and the fifth above it."""
    low = as_line(notes, low=True)
    fifth = low.copy()
    fifth["pitch_midi"] = low["pitch_midi"] + 7
    return np.concatenate([low, fifth[fifth["pitch_midi"] <= INSTRUMENTS["distorted electric guitar"].high]])


def _unique(notes: Notes) -> Notes:
    """In order, without notes that folding has put onto another one."""
    ordered = np.sort(notes, order=("onset_s", "pitch_midi", "duration_s"))[::-1]
    _, first = np.unique(np.stack([ordered["onset_s"], ordered["pitch_midi"]]), axis=1, return_index=True)
    return np.sort(ordered[first], order=("onset_s", "pitch_midi"))

"""Compose a song: form, harmony, who plays when, and every part's notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirkit.data.synthesis import rhythm, voices
from mirkit.data.synthesis.harmony import KEY_NAMES, Chord, diatonic_chord
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.notes import Notes, Part, Score, Section, note_array
from mirkit.data.synthesis.rhythm import Event
from mirkit.data.synthesis.styles import SAX, STYLES, Style, balance
from mirkit.data.synthesis.voices import Passage

MELODIC_ROLES = frozenset({"lead", "solo", "voice"})
ENERGY = {"intro": 0.3, "verse": 0.5, "chorus": 0.95, "solo": 0.75, "bridge": 0.4, "outro": 0.4}
PRESENCE = {"intro": 0.4, "verse": 0.75, "chorus": 0.97, "solo": 0.85, "bridge": 0.5, "outro": 0.55}
FORMS = (
    ("intro", "verse", "chorus", "solo", "verse", "chorus", "bridge", "chorus", "outro"),
    ("verse", "chorus", "solo", "chorus", "bridge", "verse", "chorus"),
    ("intro", "chorus", "verse", "solo", "chorus", "verse", "chorus", "outro"),
    ("chorus", "verse", "solo", "bridge", "solo", "chorus"),
    ("solo", "verse", "chorus", "verse", "solo", "chorus", "outro"),
)
CLASS_PLAYERS = (
    "acoustic guitar", "clean electric guitar", "distorted electric guitar", "electric bass", "double bass",
    "drum set", "tabla", "piano", "electronic organ", "synthesizer", "violin", "cello", "flute", "clarinet",
    "saxophone", "trumpet", "male singer", "female singer",
)  # fmt: skip
DUO_SHARE, SOLO_SHARE = 0.17, 0.17
N_LINEUPS = 12
Player = tuple[str, str]
"""Role and instrument."""


def compose(
    rng: np.random.Generator, *, duration_s: float, style: str | None = None, size: str | None = None
) -> Score:
    """Return a composed song.

    Parameters
    ----------
    rng : Generator
        Decides everything that is not given.
    duration_s : float
        Length in seconds.
    style : str, optional
        A name in `STYLES`; drawn by weight otherwise.
    size : {"solo", "duo", "band"}, optional
        How many play; drawn otherwise (a third are solos and duos).

    Returns
    -------
    Score

    Examples
    --------
    >>> score = compose(np.random.default_rng(1), duration_s=20.0, style="jazz", size="band")
    >>> score.style, len(score.sections) >= 3, all(len(part.notes) for part in score.parts)
    ('jazz', True, True)
    """
    size = size or str(
        rng.choice(["solo", "duo", "band"], p=[SOLO_SHARE, DUO_SHARE, 1 - SOLO_SHARE - DUO_SHARE])
    )
    chosen, players = _lineup(rng, style, size)
    tempo_bpm = round(float(rng.uniform(*chosen.tempo_bpm)), 1)
    beats_per_bar, mode = int(rng.choice(chosen.metres)), str(rng.choice(chosen.modes))
    tonic = int(rng.integers(12))
    form, passages = _form(rng, chosen, duration_s * tempo_bpm / 60, tonic, mode, beats_per_bar)
    active = _arrangement(rng, players, form)
    clock = _Clock(rng, tempo_bpm, chosen)
    theka = str(rng.choice(list(rhythm.THEKAS)))
    feel = (str(rng.choice(chosen.grooves)), str(rng.choice(chosen.bass)), theka)
    parts = []
    for (role, instrument), plays in zip(players, active, strict=True):
        events = [e for p, name, on in zip(passages, form, plays, strict=True) if on
                  for e in _play(rng, role, instrument, p, name, feel)]  # fmt: skip
        notes = clock.notes(events, duration_s)
        if len(notes):
            parts.append(Part(instrument, role, notes))
    sections = _sections(form, passages, tempo_bpm, duration_s)
    return Score(
        chosen.name,
        f"{KEY_NAMES[tonic]} {mode}",
        f"{beats_per_bar}/4",
        tempo_bpm,
        duration_s,
        tuple(parts),
        sections,
    )


def _form(
    rng: np.random.Generator, style: Style, n_beats: float, tonic: int, mode: str, beats_per_bar: int
) -> tuple[list[str], list[Passage]]:
    n_bars = int(np.ceil(n_beats / beats_per_bar))
    section_bars = max(b for b in (1, 2, 4, 8) if b == 1 or n_bars / b >= 3)
    names = FORMS[rng.integers(len(FORMS))]
    progression = {name: style.progressions[rng.integers(len(style.progressions))] for name in ENERGY}
    motif = {name: int(rng.integers(2**31)) for name in ENERGY}
    form: list[str] = []
    passages: list[Passage] = []
    bar = 0
    while bar < n_bars:
        name = names[len(form) % len(names)]
        length = min(section_bars, n_bars - bar)
        chords = []
        for k in range(length):
            degree = progression[name][k % len(progression[name])]
            tones = diatonic_chord(tonic, mode, degree, style.n_tones)
            chords.append(Chord(tones, (bar + k) * beats_per_bar, beats_per_bar))
        form.append(name)
        passages.append(Passage(tonic, mode, tuple(chords), beats_per_bar, ENERGY[name], motif[name]))
        bar += length
    return form, passages


def _lineup(rng: np.random.Generator, style: str | None, size: str) -> tuple[Style, list[Player]]:
    """Draw a few lineups and take one by how much it has of what would otherwise be rare."""
    weights = np.array([s.weight for s in STYLES.values()])
    lineups, scores = [], []
    n_lineups = N_LINEUPS if size == "band" else 1  # solos and duos draw all classes evenly
    for _ in range(n_lineups):
        drawn = STYLES[style or str(rng.choice(list(STYLES), p=weights / weights.sum()))]
        players = _players(rng, drawn, size)
        lineups.append((drawn, players))
        scores.append(balance(name for _, name in players))
    odds = np.exp(np.array(scores) - max(scores))
    return lineups[int(rng.choice(n_lineups, p=odds / odds.sum()))]


def _players(rng: np.random.Generator, style: Style, size: str) -> list[Player]:
    if size == "solo":
        return [("alone", _member(rng, str(rng.choice(CLASS_PLAYERS))))]
    if size == "duo":
        first, second = rng.choice(CLASS_PLAYERS, 2, replace=False)
        return [("alone", _member(rng, str(first))), ("alone", _member(rng, str(second)))]
    players: list[Player] = []
    for role in style.roles:
        if rng.random() >= role.probability:
            continue
        taken = {instrument for _, instrument in players}
        free = {
            name: w for name, w in role.players.items() if w and name in INSTRUMENTS and name not in taken
        }
        if free:
            total = sum(free.values())
            players.append((role.name, str(rng.choice(list(free), p=[w / total for w in free.values()]))))
    return players


def _member(rng: np.random.Generator, label: str) -> str:
    if label == "saxophone":
        return str(rng.choice(list(SAX), p=list(SAX.values())))
    if label == "drum set" and rng.random() < 0.3:
        return "drum machine"
    return label


def _arrangement(
    rng: np.random.Generator, players: Sequence[Player], form: Sequence[str]
) -> list[list[bool]]:
    """Who plays in which section: leads take turns, others rest, nobody is left out."""
    leads = [k for k, (role, _) in enumerate(players) if role in MELODIC_ROLES]
    active = np.zeros((len(players), len(form)), bool)
    for s, name in enumerate(form):
        active[:, s] = rng.random(len(players)) < (0.9 if len(players) <= 2 else PRESENCE[name])
        if leads:
            turn = leads[-1] if name == "solo" else leads[0]
            for k in leads:
                active[k, s] = (k == turn and name != "intro") or (name == "chorus" and rng.random() < 0.4)
        if rng.random() < 0.12:  # a breakdown: one player alone
            active[:, s] = False
            active[rng.integers(len(players)), s] = True
        if not active[:, s].any():
            active[rng.integers(len(players)), s] = True
    for left_out in np.flatnonzero(~active.any(axis=1)):
        active[left_out, rng.integers(len(form))] = True
    return [list(row) for row in active]


def _play(
    rng: np.random.Generator, role: str, name: str, passage: Passage, section: str, feel: tuple[str, str, str]
) -> list[Event]:
    """One player's events in one section."""
    groove, bass, theka = feel
    instrument = INSTRUMENTS[name]
    first, last = passage.chords[0], passage.chords[-1]
    n_bars = len(passage.chords)
    if name in {"drum set", "drum machine"}:
        if role == "alone" and section == "solo":
            return rhythm.drum_solo(rng, first.start_beat, n_bars, passage.beats_per_bar)
        groove = str(rng.choice(list(rhythm.GROOVES))) if role == "alone" and groove == "three" else groove
        groove = groove if passage.beats_per_bar != 3 else "three"
        return rhythm.drum_bars(rng, groove, first.start_beat, n_bars, passage.beats_per_bar, passage.energy)
    if name == "tabla":
        n_beats = round(last.start_beat + last.n_beats - first.start_beat)
        return rhythm.tabla_cycles(rng, theka, first.start_beat, n_beats, passage.energy)
    if role in {"bass", "bassline"}:
        feel_name = (
            "walking"
            if role == "bassline" and rng.random() < 0.4
            else ("ballad" if role == "bassline" else bass)
        )
        return voices.bass_line(rng, passage, instrument, feel_name)
    if role == "alone":
        return _alone(rng, name, passage, bass)
    if role in MELODIC_ROLES:
        low, high = melody_range(rng, name)
        busy = float(np.clip(rng.normal(0.35 if "singer" in name else 0.5, 0.2), 0, 1))
        return voices.melody(rng, passage, low, high, busy=busy, legato=float(rng.uniform(0.7, 1.0)))
    return _accompany(rng, role, name, passage)


def _accompany(rng: np.random.Generator, role: str, name: str, passage: Passage) -> list[Event]:
    instrument = INSTRUMENTS[name]
    if role == "power":
        return voices.power_chords(rng, passage)
    if role == "counter":
        return voices.counter_line(rng, passage, *melody_range(rng, name))
    if role == "drone":
        low = instrument.low + (passage.tonic - instrument.low) % 12
        return voices.drone(passage, (low, low + 7, low + 12) if name != "sitar" else (low, low + 12))
    if role == "horns":
        low, high = melody_range(rng, name)
        if rng.random() < 0.5:
            return voices.melody(rng, passage, low, high, busy=0.6, legato=0.5)
        return voices.counter_line(rng, passage, low, high)
    if role == "pad":
        return voices.chords_part(rng, passage, instrument, "pad")
    if "guitar" in name:
        if role == "stab":
            return voices.chords_part(rng, passage, instrument, "stab")
        if role == "strum" or rng.random() < 0.5:
            return voices.strum(rng, passage)
        return voices.arpeggio(rng, passage, instrument, guitar=True)
    kind = {"comp": "comp", "stab": "stab"}.get(role) or str(rng.choice(["pad", "block", "arpeggio", "comp"]))
    if kind == "arpeggio" or role == "arpeggio":
        return voices.arpeggio(rng, passage, instrument, guitar=False)
    return voices.chords_part(rng, passage, instrument, kind)


def _alone(rng: np.random.Generator, name: str, passage: Passage, bass: str) -> list[Event]:
    """What a player without a band plays: both hands, a whole guitar, a bass solo, a melody."""
    instrument = INSTRUMENTS[name]
    low, high = melody_range(rng, name)
    busy = float(rng.uniform(0.1, 0.9))
    if name in {"piano", "electronic organ", "synthesizer"}:
        left = voices.arpeggio(rng, passage, instrument, guitar=False)
        if rng.random() < 0.5:
            left = voices.chords_part(rng, passage, instrument, str(rng.choice(["pad", "block", "comp"])))
        return left + (voices.melody(rng, passage, 67, 91, busy=busy) if rng.random() < 0.8 else [])
    if name == "distorted electric guitar" and rng.random() < 0.5:
        return voices.power_chords(rng, passage)
    if "guitar" in name and rng.random() < 0.7:
        return (
            voices.strum(rng, passage)
            if rng.random() < 0.5
            else voices.arpeggio(rng, passage, instrument, guitar=True)
        )
    if "bass" in name and rng.random() < 0.7:
        return voices.bass_line(rng, passage, instrument, bass)
    return voices.melody(rng, passage, low, high, busy=busy, legato=float(rng.uniform(0.6, 1.0)))


def melody_range(rng: np.random.Generator, name: str) -> tuple[int, int]:
    """Return a stretch of an octave and a half within the instrument's range."""
    instrument = INSTRUMENTS[name]
    width = min(19, instrument.high - instrument.low)
    low = int(rng.integers(instrument.low, instrument.high - width + 1))
    return low, low + width


class _Clock:
    """Beats to seconds: tempo, swing, and the small errors of players."""

    def __init__(self, rng: np.random.Generator, tempo_bpm: float, style: Style) -> None:
        self._rng, self._beat_s, self._jitter_s = rng, 60 / tempo_bpm, style.jitter_s
        self._swing = float(rng.uniform(*style.swing))

    def _time_s(self, beat: float) -> float:
        whole = np.floor(beat + 1e-9)
        part = max(beat - whole, 0.0)
        swung = part * 2 * self._swing if part <= 0.5 else self._swing + (part - 0.5) * 2 * (1 - self._swing)
        return float(whole + swung) * self._beat_s

    def notes(self, events: Sequence[Event], duration_s: float) -> Notes:
        feel_s = float(self._rng.normal(0, self._jitter_s / 2))
        onsets = np.array([e[0] for e in events])
        unique, where = (
            np.unique(onsets, return_inverse=True) if len(events) else (onsets, onsets.astype(int))
        )
        late_s = self._rng.normal(feel_s, self._jitter_s, len(unique))
        rows = []
        for (beat, length, pitch, velocity), k in zip(events, where, strict=True):
            start_s = max(self._time_s(beat) + float(late_s[k]), 0.0)
            end_s = self._time_s(beat + length) + float(late_s[k])
            rows.append((start_s, max(end_s - start_s, 0.04), pitch, velocity))
        return note_array(rows, end_s=duration_s)


def _sections(
    form: Sequence[str], passages: Sequence[Passage], tempo_bpm: float, duration_s: float
) -> tuple[Section, ...]:
    starts = [p.chords[0].start_beat * 60 / tempo_bpm for p in passages]
    ends = [*starts[1:], duration_s]
    return tuple(
        Section(name, round(s, 3), round(min(e, duration_s), 3))
        for name, s, e in zip(form, starts, ends, strict=True) if s < duration_s
    )  # fmt: skip

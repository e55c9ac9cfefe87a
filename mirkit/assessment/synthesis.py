"""Data sets of simulated performances: recordings, scores, the truth of every note, a jury's points."""

from __future__ import annotations

import csv
import io
import itertools
import os
import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import write_json, write_text
from mirkit.assessment.config import CATEGORIES, POINTS
from mirkit.assessment.player import FAULTS, Rendition, amounts, perform, skills
from mirkit.assessment.score import SUFFIXES, Score, read_score
from mirkit.assessment.sounding import Additive, Bank, Voice, render
from mirkit.data.synthesis.notation import corpus_folder
from mirkit.data.synthesis.sources import read_sources
from mirkit.errors import DatasetError, MirkitError

__all__ = ["Plan", "jury", "melodies", "plans", "sweeps", "voices", "write"]

JURY_NOISE = 0.35
"""Standard deviation of the jury's error, a skill having 1."""
MIDDLE, SPREAD = 0.65, 0.17
"""Share of the points that the jury gives to the middle player, and for one standard deviation of skill."""
PROGRAMS = {
    "flute": (73, 60, 96),
    "oboe": (68, 58, 88),
    "clarinet": (71, 50, 88),
    "alto saxophone": (65, 50, 80),
    "trumpet": (56, 54, 82),
    "violin": (40, 55, 96),
    "trombone": (57, 43, 70),
    "cello": (42, 40, 72),
}
"""General MIDI program and comfortable range of melody instruments."""
FOLK = "ryansMammoth"
"""Of music21's corpus: fiddle tunes printed in 1883, one in each file, in the public domain."""
TUNES = {"train": range(7), "valid": range(7, 8), "test": range(8, 10)}
"""Tenths of the fiddle tunes that each side has, by a checksum of their names."""
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Amounts of one fault in a sweep."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One performance to be made.

    Parameters
    ----------
    name : str
        Of its files.
    group : str
        Of its melody, so that folds can keep melodies apart.
    score : Score
        Within the voice's range.
    voice : Voice
    faults : mapping of str to float
    skill : mapping of str to float
        Empty in sweeps, which no jury hears.
    sound : mapping of str to float
        ``tempo_bpm``, and what `render` takes.
    seed : tuple of int
    """

    name: str
    group: str
    score: Score
    voice: Voice
    faults: Mapping[str, float]
    skill: Mapping[str, float]
    sound: Mapping[str, float]
    seed: tuple[int, ...]


def melodies(
    paths: Sequence[str | os.PathLike[str]] = (), *, n_notes: int = 32, split: str = "train", seed: int = 0
) -> Iterator[Score]:
    """Yield the beginnings of melodies in random order; scores that cannot be read are passed over.

    Parameters
    ----------
    paths : sequence of str or Path
        Score files and folders of them; music21's fiddle tunes if empty.
    n_notes : int
        Most notes of each.
    split : {"train", "valid", "test"}
        Which of the fiddle tunes; scores that are named are all used.
    seed : int
    """
    folders = [Path(p) for p in paths] or [corpus_folder() / FOLK]
    files = [p for f in folders for p in (sorted(f.rglob("*")) if f.is_dir() else [f])]
    files = [p for p in files if p.suffix.lower() in SUFFIXES]
    if not paths:
        files = [p for p in files if zlib.crc32(p.stem.encode()) % 10 in TUNES[split]]
    for k in np.random.default_rng(seed).permutation(len(files)):
        try:
            score = read_score(files[k])
        except MirkitError:
            continue
        notes = score.notes[~score.notes["grace"]][:n_notes].copy()
        if len(notes) >= min(8, n_notes):
            notes["onset_beat"] -= notes["onset_beat"][0]
            yield Score(notes, score.tempo_bpm, files[k].stem)


def voices(sources: str | os.PathLike[str] | None = None, *, split: str = "train") -> tuple[Voice, ...]:
    """Return what can play: additive tones, or the melody instruments of the sound fonts in a table.

    Parameters
    ----------
    sources : str or Path, optional
        Table of sound sources, as `mirkit data synthesize` takes it; sound fonts are used.
    split : {"train", "valid", "test"}
        The table's side.

    Raises
    ------
    DatasetError
        If the table has no General MIDI sound font on that side.

    Examples
    --------
    >>> [voice.name for voice in voices()]
    ['additive', 'additive, dark', 'additive, bright']
    """
    if sources is None:
        return (Additive(), Additive("additive, dark", 12.0), Additive("additive, bright", 5.0))
    try:
        banks = [
            s
            for s in read_sources(Path(sources))
            if s.kind == "soundfont" and s.split == split and not s.instruments
        ]
    except tomllib.TOMLDecodeError as error:
        raise DatasetError(f"{sources}: damaged table ({error})") from error
    if not banks:
        raise DatasetError(
            f"{sources}: no General MIDI sound font for {split!r}; add one or leave the table out"
        )
    return tuple(
        Bank(bank.path, program, f"{name}, {bank.name}", low, high)
        for bank in banks
        for name, (program, low, high) in PROGRAMS.items()
    )


def fitted(score: Score, voice: Voice) -> Score:
    """Return the score in the octave nearest the middle of the voice's range."""
    middle = float(np.median(score.notes["pitch_midi"]))
    return score.shifted(12 * round((0.5 * (voice.low_midi + voice.high_midi) - middle) / 12))


def plans(
    n: int, tunes: Iterator[Score], voice: Sequence[Voice], *, noisy: bool = False, seed: int = 0
) -> list[Plan]:
    """Return performances of players whose skills are drawn, three of each melody.

    Parameters
    ----------
    n : int
    tunes : iterator of Score
    voice : sequence of Voice
    noisy : bool
        With noise, 15 to 30 dB below, and a room of 0.2 to 0.6 s.
    seed : int
    """
    found = []
    for k in range(n):
        rng = np.random.default_rng((seed, 1, k))
        if k % 3 == 0:
            score = _next(tunes)
        chosen = voice[int(rng.integers(len(voice)))]
        skill = skills(rng)
        sound = _sound(rng, score, noisy)
        found.append(
            Plan(
                f"take{k:04d}", score.title, fitted(score, chosen), chosen, amounts(rng, skill), skill, sound,
                (seed, 2, k),
            )
        )  # fmt: skip
    return found


def sweeps(
    n_players: int, tunes: Iterator[Score], voice: Sequence[Voice], *, noisy: bool = False, seed: int = 0
) -> list[Plan]:
    """Return performances in which one fault alone grows: `STEPS` of every fault, for each player."""
    found = []
    for player in range(n_players):
        rng = np.random.default_rng((seed, 3, player))
        tune, chosen = _next(tunes), voice[int(rng.integers(len(voice)))]
        score, sound = fitted(tune, chosen), _sound(rng, tune, noisy)
        for fault, step in itertools.product(FAULTS, STEPS):
            name = f"player{player:02d}-{fault}-{round(100 * step):03d}"
            seeds = (seed, 4, player)
            found.append(Plan(name, tune.title, score, chosen, {fault: step}, {}, sound, seeds))
    return found


def _next(tunes: Iterator[Score]) -> Score:
    try:
        return next(tunes)
    except StopIteration:
        raise DatasetError("not enough melodies; name more scores, or ask for fewer performances") from None


def _sound(rng: np.random.Generator, score: Score, noisy: bool) -> dict[str, float]:
    """Return a tempo at which short notes last 0.2 s or more, and what is no fault of the player's."""
    shortest = float(np.quantile(score.notes["duration_beat"], 0.1))
    tempo_bpm = min(float(rng.uniform(70, 120)), 60 * shortest / 0.2)
    found = {
        "tempo_bpm": tempo_bpm,
        "tuning_cents": float(rng.normal(0, 12)),
        "vibrato_cents": float(rng.choice([0.0, 0.0, rng.uniform(5, 25)])),
    }
    if noisy:
        found |= {"snr_db": float(rng.uniform(15, 30)), "room_s": float(rng.uniform(0.2, 0.6))}
    return found


def jury(rng: np.random.Generator, skill: Mapping[str, float]) -> dict[str, float]:
    """Return a jury's points: skill with an error, in whole points as on the form; it measures nothing.

    Examples
    --------
    >>> points = jury(np.random.default_rng(0), dict.fromkeys(CATEGORIES, 0.0))
    >>> list(points), all(value == round(value) for value in points.values())
    (['musicality', 'tone', 'notes', 'rhythm', 'artistry'], True)
    """
    return {
        name: float(
            round(most * np.clip(MIDDLE + SPREAD * (skill[name] + JURY_NOISE * rng.standard_normal()), 0, 1))
        )
        for name, most in zip(CATEGORIES, POINTS, strict=True)
    }


def write(plan: Plan, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write one performance, and return its row of ``performances.csv``.

    Writes ``<name>.flac``, ``<name>.score.csv``, ``<name>.truth.csv`` (what sounded, a row for each note) and
    ``<name>.truth.json`` (faults, skills, notes missed, pauses, restarts, voice and sound).
    """
    folder = Path(folder)
    rng = np.random.default_rng(plan.seed)
    sound = dict(plan.sound)
    done = perform(rng, plan.score, plan.faults, tempo_bpm=sound.pop("tempo_bpm"))
    audio.write(folder / f"{plan.name}.flac", render(rng, done, plan.voice, **sound))  # type: ignore[arg-type]
    plan.score.write(folder / f"{plan.name}.score.csv")
    write_text(folder / f"{plan.name}.truth.csv", _truth_rows(done))
    truth = {
        "melody": plan.group,
        "voice": plan.voice.name,
        "faults": dict(done.faults),
        "skills": dict(plan.skill),
        "missed": list(done.missed),
        "pauses": list(done.pauses),
        "restarts": [list(jump) for jump in done.restarts],
        "sound": dict(plan.sound),
    }
    write_json(folder / f"{plan.name}.truth.json", truth)
    row: dict[str, Any] = {
        "recording": f"{plan.name}.flac",
        "score": f"{plan.name}.score.csv",
        "group": plan.group,
    }
    if plan.skill:
        points = jury(np.random.default_rng((*plan.seed, 5)), plan.skill)
        row |= {f"{name}/{most:g}": points[name] for name, most in zip(CATEGORIES, POINTS, strict=True)}
    return row


def _truth_rows(done: Rendition) -> str:
    from mirkit.assessment.sounding import LEAD_S

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(done.notes.dtype.names or ())
    notes = done.notes.copy()
    notes["onset_s"] += LEAD_S - notes["onset_s"].min()
    for row in notes.tolist():
        writer.writerow([round(value, 4) if isinstance(value, float) else value for value in row])
    return text.getvalue()


def write_table(folder: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``performances.csv``, which `PerformanceTable` reads."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(Path(folder) / "performances.csv", text.getvalue())

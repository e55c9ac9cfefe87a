"""Scores: the melody that was to be played, at sounding pitch, with repeats played out."""

from __future__ import annotations

import csv
import importlib
import os
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirkit import _reading
from mirkit._files import write_text
from mirkit._reading import reading
from mirkit.errors import AnnotationError, MissingDependencyError, ParameterError

__all__ = ["SCORE_NOTE", "Score", "read_score"]

SCORE_NOTE = np.dtype(
    [
        ("onset_beat", "f8"),
        ("duration_beat", "f8"),
        ("pitch_midi", "f8"),
        ("bar", "i4"),
        ("grace", "?"),
    ]
)
"""A note: start and length in quarter notes, sounding MIDI pitch, number of its bar, whether a grace note."""

XML = frozenset({".musicxml", ".mxl", ".xml"})
SUFFIXES = XML | {".mid", ".midi", ".abc", ".krn", ".csv"}
MAX_BYTES = 50_000_000
GRACE_BEATS = 0.125
"""Grace notes come before the beat, at most this long each, off the note before."""
GRACE_SHARE = 0.5
"""Grace notes take no more than this of the note before: a written note is never lost to an ornament."""
NEARBY = 100
"""Notes among which the one before is looked for; files hold them in order, so that it is among the last."""
SAME_BEAT = 1e-6
"""Notes no farther apart start together."""
USUAL_BPM = 100.0
DAMAGE = (OSError, SyntaxError, *_reading.DAMAGE)
"""What music21 raises on damaged files, besides errors of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A melody.

    Parameters
    ----------
    notes : ndarray of `SCORE_NOTE`
        In order of onset, one at a time.
    tempo_bpm : float
        Quarter notes a minute; only a first guess at how fast it is played.
    title : str
        What the file says, or empty.
    bars_beat : ndarray of shape (n_bars, 2), optional
        Number of each bar as it is played, and its first quarter.
    moved_st : float
        How much higher `shifted` has made it than it was read.

    Raises
    ------
    ParameterError
        If there are no notes, or they are out of order or of no length.

    Examples
    --------
    >>> score = Score.from_rows([(0, 1, 60), (1, 1, 62), (2, 2, 64)])
    >>> score.shifted(2).notes["pitch_midi"].tolist()
    [62.0, 64.0, 66.0]
    """

    notes: npt.NDArray[np.void]
    tempo_bpm: float = USUAL_BPM
    title: str = ""
    bars_beat: npt.NDArray[np.float64] | None = None
    moved_st: float = 0.0

    def __post_init__(self) -> None:
        if self.notes.dtype != SCORE_NOTE or self.notes.ndim != 1 or not len(self.notes):
            raise ParameterError(
                f"a score needs at least one SCORE_NOTE, got {self.notes.dtype} {self.notes.shape}"
            )
        if np.any(np.diff(self.notes["onset_beat"]) <= 0) or np.any(self.notes["duration_beat"] <= 0):
            raise ParameterError("notes of a score must follow one another and have lengths above 0")

    @classmethod
    def from_rows(cls, rows: Any, *, tempo_bpm: float = USUAL_BPM, beats_per_bar: float = 4.0) -> Score:
        """Return a score of (onset, duration, pitch) in quarter notes and MIDI numbers.

        Of notes that start together the highest is kept.
        """
        table = np.asarray(rows, float).reshape(-1, 3)
        notes = np.zeros(len(table), SCORE_NOTE)
        for name, column in zip(("onset_beat", "duration_beat", "pitch_midi"), table.T, strict=True):
            notes[name] = column
        notes["bar"] = 1 + np.floor(notes["onset_beat"] / beats_per_bar + 1e-6)
        return cls(_one_voice(notes), tempo_bpm)

    def shifted(self, shift_st: float) -> Score:
        """Return the score transposed by semitones."""
        notes = self.notes.copy()
        notes["pitch_midi"] += shift_st
        return Score(notes, self.tempo_bpm, self.title, self.bars_beat, self.moved_st + shift_st)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a CSV file that `read_score` reads."""
        lines = ["onset_beat,duration_beat,pitch_midi,bar,grace"]
        lines += [f"{n[0]:.6g},{n[1]:.6g},{n[2]:.6g},{n[3]},{int(n[4])}" for n in self.notes.tolist()]
        write_text(path, "\n".join(lines) + "\n")


def read_score(path: str | os.PathLike[str], *, part: str | int | None = None) -> Score:
    """Return the melody in a score file.

    Transposing instruments are brought to sounding pitch, repeats are played out, ties joined, grace notes
    put before the beat (an eighth of a quarter each, together at most half of the note before); of chords the
    highest note is kept. The file is read from its source: music21's cache is neither read nor written.

    Parameters
    ----------
    path : str or Path
        .musicxml, .mxl, .xml, .mid, .abc, .krn, or a .csv with the columns onset_beat, duration_beat and
        pitch_midi.
    part : str or int, optional
        Name or number, from 1, of the part; the first that has notes if None.

    Returns
    -------
    Score

    Raises
    ------
    AnnotationError
        If the file cannot be read, declares XML entities, is larger than 50 MB, or has no notes.
    ParameterError
        If there is no such part.
    MissingDependencyError
        If music21 is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scale.csv"
    >>> Score.from_rows([(0, 1, 60), (1, 1, 62)]).write(path)
    >>> read_score(path).notes["pitch_midi"].tolist()
    [60.0, 62.0]
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder; give the file of a score" if path.is_dir() else "no such score"
        raise AnnotationError(f"{path}: {found}")
    if path.suffix.lower() not in SUFFIXES:
        raise AnnotationError(
            f"{path}: not a score that can be read; wanted one of {', '.join(sorted(SUFFIXES))}"
        )
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    _check_content(path)
    music21 = _music21()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overfull bars and the like; what is read is still music
            parsed = music21.converter.parse(path, forceSource=True, storePickle=False)
            if isinstance(parsed, music21.stream.Opus):
                parsed = parsed.scores[0]
            return _melody(parsed, path, part)
    except (AnnotationError, ParameterError):
        raise
    except (music21.exceptions21.Music21Exception, *DAMAGE) as error:
        raise AnnotationError(f"{path}: damaged score ({type(error).__name__}: {error})") from error


def _read_csv(path: Path) -> Score:
    with reading(path, AnnotationError, "a score with columns onset_beat, duration_beat, pitch_midi"):
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            rows = list(csv.DictReader(file))
        notes = np.zeros(len(rows), SCORE_NOTE)
        for k, row in enumerate(rows):
            notes[k] = (
                float(row["onset_beat"]),
                float(row["duration_beat"]),
                float(row["pitch_midi"]),
                int(row.get("bar") or 1 + int(float(row["onset_beat"]) // 4)),
                bool(int(row.get("grace") or 0)),
            )
        return Score(_one_voice(notes))


def _check_content(path: Path) -> None:
    """Refuse what could blow up while it is parsed: huge files, endless notes, entities declared in XML."""
    if path.stat().st_size > MAX_BYTES:
        raise AnnotationError(f"{path}: {path.stat().st_size} bytes; scores of at most {MAX_BYTES} are read")
    if path.suffix.lower() == ".abc" and any(map(_too_long, path.read_bytes().splitlines())):
        raise AnnotationError(f"{path}: a note or rest lasts a thousand units or more; mend its length")
    if path.suffix.lower() not in XML:
        return
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                if sum(member.file_size for member in members) > MAX_BYTES:
                    raise AnnotationError(f"{path}: unpacks to more than {MAX_BYTES} bytes")
                texts = [
                    archive.read(m) for m in members if m.filename.lower().endswith((".xml", ".musicxml"))
                ]
        else:
            texts = [path.read_bytes()]
    except DAMAGE as error:
        raise AnnotationError(f"{path}: damaged score ({error})") from error
    for text in texts:
        # in any encoding: without the zero bytes, UTF-16 and UTF-32 read like ASCII
        if b"<!ENTITY" in text.replace(b"\0", b"").upper():
            raise AnnotationError(f"{path}: declares XML entities, which no score needs; refused")


def _too_long(line: bytes) -> bool:
    """Return whether a line of ABC has a number beyond any length; fields other than L: may have years."""
    is_field = re.match(rb"[A-KM-Za-z]:", line) is not None
    return not is_field and re.search(rb"\d{4}", line.split(b"%")[0]) is not None


def _music21() -> Any:
    try:
        return importlib.import_module("music21")
    except ImportError as error:
        raise MissingDependencyError("scores need music21: pip install 'mirkit[scores]'") from error


def _melody(parsed: Any, path: Path, part: str | int | None) -> Score:
    parts = [p for p in (list(getattr(parsed, "parts", [])) or [parsed]) if p.recurse().notes]
    if not parts:
        raise AnnotationError(f"{path}: has no notes")
    chosen = _chosen(parts, path, part)
    sounding = chosen.toSoundingPitch()
    try:
        sounding = sounding.expandRepeats()
    except (*DAMAGE, _music21().exceptions21.Music21Exception):
        pass  # repeat signs that do not pair up: played as written
    notes, bars = _notes(sounding)
    if not len(notes):
        raise AnnotationError(f"{path}: part {part or 1} has no notes of definite pitch")
    marks = [m.getQuarterBPM() for m in parsed.recurse().getElementsByClass("MetronomeMark")]
    tempo_bpm = next((float(bpm) for bpm in marks if bpm), USUAL_BPM)
    said = getattr(parsed, "metadata", None)
    title = str((said and (said.title or said.movementName)) or "")
    return Score(_one_voice(notes), tempo_bpm, title, bars)


def _chosen(parts: list[Any], path: Path, part: str | int | None) -> Any:
    names = [str(p.partName or p.id) for p in parts]
    if part is None:
        return parts[0]
    if str(part).isdigit() and 1 <= int(part) <= len(parts):
        return parts[int(part) - 1]
    for name, found in zip(names, parts, strict=True):
        if name.lower() == str(part).lower():
            return found
    listed = ", ".join(f"{k} {name}" for k, name in enumerate(names, 1))
    raise ParameterError(f"{path}: no part {part!r}; there are {listed}")


def _is_pickup(measure: Any) -> bool:
    return bool(measure.duration.quarterLength < measure.barDuration.quarterLength - 0.01)


def _notes(part: Any) -> tuple[npt.NDArray[np.void], npt.NDArray[np.float64] | None]:
    """Return notes in order, ties joined, and the bars as played."""
    rows: list[list[Any]] = []
    open_ties: dict[float, list[Any]] = {}
    grace: list[float] = []
    bars: list[tuple[int, float]] = []
    measures = list(part.getElementsByClass("Measure"))
    # Number 0 is for pick-ups; ABC gives it to any first bar.
    missing = bool(measures) and measures[0].number == 0 and not _is_pickup(measures[0])
    streams = [(m.number + missing, float(m.offset), m) for m in measures] or [(0, 0.0, part)]
    for number, start, stream in streams:
        bars.append((number, start))
        for event in sorted(stream.flatten().notes, key=lambda e: (float(e.offset), e.sortTuple())):
            pitches = [n for n in getattr(event, "notes", (event,)) if hasattr(n, "pitch")]
            if not pitches or not hasattr(event, "pitches"):  # unpitched percussion, chord symbols
                continue
            top = max(pitches, key=lambda n: n.pitch.ps)
            pitch, length = float(top.pitch.ps), float(event.duration.quarterLength)
            at = start + float(event.offset)
            if length <= 0:
                grace.append(pitch)
                continue
            rows += _graces(grace, at, number, rows)
            grace = []
            tie = top.tie.type if top.tie else ""
            open_note = open_ties.pop(pitch, None)
            if tie in {"continue", "stop"} and open_note and abs(open_note[0] + open_note[1] - at) < 0.01:
                open_note[1] = at + length - open_note[0]
            else:
                bar = number if measures else 1 + int(at // 4)
                open_note = [at, length, pitch, bar, False]
                rows.append(open_note)
            if tie in {"start", "continue"}:
                open_ties[pitch] = open_note
    notes = np.array([tuple(row) for row in rows], dtype=SCORE_NOTE)
    return notes, np.array(bars, float) if measures else None


def _graces(pitches: list[float], at: float, bar: int, rows: list[list[Any]]) -> list[list[Any]]:
    """Return the rows of the grace notes before a beat, made shorter where the note before is short."""
    if not pitches:
        return []
    length = GRACE_BEATS
    # the last to start, and of a chord the highest: the note that will be left before the beat
    before = max(
        (row for row in rows[-NEARBY:] if not row[4] and row[0] < at - SAME_BEAT),
        default=None,
        key=lambda row: (row[0], row[2]),
    )
    if before is not None:
        sounding = min(before[1], at - before[0])
        length = min(length, (at - before[0] - (1.0 - GRACE_SHARE) * sounding) / len(pitches))
    return [[at - length * (len(pitches) - k), length, pitch, bar, True] for k, pitch in enumerate(pitches)]


def _one_voice(notes: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return notes one at a time: the highest of those that start together, each ended by the next."""
    notes = notes[np.lexsort((-notes["pitch_midi"], notes["onset_beat"]))]
    if len(notes) and notes["onset_beat"][0] < 0:  # a grace note before the first beat
        notes["onset_beat"] -= notes["onset_beat"][0]
    first = np.ones(len(notes), bool)
    first[1:] = np.diff(notes["onset_beat"]) > SAME_BEAT
    notes = notes[first].copy()
    room = np.diff(notes["onset_beat"])
    notes["duration_beat"][:-1] = np.minimum(notes["duration_beat"][:-1], room)
    return notes

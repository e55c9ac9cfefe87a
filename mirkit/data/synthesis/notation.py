"""Read pieces from scores in notation: MusicXML and Humdrum, by music21."""

from __future__ import annotations

import importlib
import importlib.util
import re
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from mirkit._reading import DAMAGE, reading
from mirkit.data.synthesis.harmony import KEY_NAMES
from mirkit.data.synthesis.midi import MAX_PIECE_S, TempoMap, bar_lines
from mirkit.data.synthesis.notes import Piece, Track, note_array
from mirkit.errors import DatasetError, MissingDependencyError

SUFFIXES = {".mxl", ".musicxml", ".xml", ".krn"}
MAX_BYTES = 50_000_000
VELOCITY = 80.0
"""Of all notes: a score's dynamics are words; the performance is shaped later."""
USUAL_BPM = 90.0
STACCATO = 0.5
CHOIR = 52
"""General MIDI program of a voice."""
VOICE = re.compile(
    r"\b(soprano|alto|tenore?|bass|basso|cantus|canto|superius|altus|tenor|bassus|quintus|voice|vocal|choir)\b"
)


def corpus_folder() -> Path:
    """Return the folder of music21's own corpus.

    Raises
    ------
    MissingDependencyError
        If music21 is not installed.
    """
    found = importlib.util.find_spec("music21")
    if found is None or not found.submodule_search_locations:
        raise _missing()
    return Path(found.submodule_search_locations[0]) / "corpus"


def read_notation(path: str | Path) -> Piece:
    """Return the piece in a score, at sounding pitch.

    A track is a staff or part. Ties are joined, staccato notes halved, grace notes left out; repeats
    are played once; all velocities are equal. A part named as a voice asks for a choir's program.
    The file is always read from its source: music21's cache, a pickle, is neither read nor written.

    Parameters
    ----------
    path : str or Path
        ``.mxl``, ``.musicxml``, ``.xml`` or ``.krn``.

    Raises
    ------
    DatasetError
        If it cannot be read, has no notes, lasts longer than three hours or is larger than 50 MB.
    MissingDependencyError
        If music21 is not installed.
    """
    path = Path(path)
    _check_size(path)
    music21 = _music21()
    damage = (music21.exceptions21.Music21Exception, OSError, SyntaxError, *DAMAGE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overfull bars and the like; what is read is still music
            score = music21.converter.parse(path, forceSource=True, storePickle=False)
            if isinstance(score, music21.stream.Opus):
                score = score.scores[0]
            score.toSoundingPitch(inPlace=True)
            return _piece(score, path)
    except DatasetError:
        raise
    except damage as error:
        raise DatasetError(
            f"{path}: damaged score ({type(error).__name__}: {error}); replace or remove it"
        ) from error


def _check_size(path: Path) -> None:
    with reading(path, DatasetError, "a score"):
        size = path.stat().st_size
        if path.suffix == ".mxl" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
    if size > MAX_BYTES:
        raise DatasetError(f"{path}: {size} bytes; scores of at most {MAX_BYTES} are read")


@lru_cache(maxsize=1)
def _music21() -> Any:
    try:
        return importlib.import_module("music21")
    except ImportError as error:
        raise _missing() from error


def _missing() -> MissingDependencyError:
    return MissingDependencyError("scores need music21: pip install 'mirkit[scores]'")


def _piece(score: Any, path: Path) -> Piece:
    parts = list(score.parts) or [score]
    flat = [part.flatten() for part in parts]
    end = float(score.duration.quarterLength)
    has_tempo = any(m.getQuarterBPM() for m in score.recurse().getElementsByClass("MetronomeMark"))
    changes = [(0.0, USUAL_BPM)]
    if has_tempo:
        marks = ((float(at), mark.getQuarterBPM()) for at, _, mark in score.metronomeMarkBoundaries())
        changes = [(at, bpm) for at, bpm in marks if bpm]
    clock = TempoMap(changes)
    if clock.seconds(end) > MAX_PIECE_S:
        raise DatasetError(f"{path}: lasts {clock.seconds(end) / 3600:.0f} hours; wanted at most 3")
    tracks = []
    for part, events in zip(parts, flat, strict=True):
        if rows := _rows(events, clock):
            name, program = _player(part)
            tracks.append(Track(note_array(rows), program, False, name))
    if not tracks:
        raise DatasetError(f"{path}: has no notes")
    metres = [
        (float(m.offset), m.numerator, m.denominator) for m in flat[0].getElementsByClass("TimeSignature")
    ]
    measures = [float(m.offset) for m in parts[0].getElementsByClass("Measure")]
    lines = [*measures, end] if measures and end > measures[-1] else bar_lines(metres, end)
    keys = [k for k in flat[0].getElementsByClass("Key") if k.mode in {"major", "minor"}]
    said = score.metadata
    return Piece(
        tuple(tracks), clock.seconds(lines), clock.changes,
        tuple((float(clock.seconds(at)), f"{beats}/{unit}") for at, beats, unit in metres),
        f"{KEY_NAMES[keys[0].tonic.pitchClass]} {keys[0].mode}" if keys else "",
        str((said and (said.title or said.movementName)) or ""), str((said and said.composer) or ""),
        has_tempo,
    )  # fmt: skip


def _rows(events: Any, clock: TempoMap) -> list[tuple[float, float, float, float]]:
    """Notes of a flat part; a tied note lengthens the one before it."""
    notes: list[list[float]] = []
    open_ties: dict[float, list[float]] = {}
    for event in events.notes:
        start, length = float(event.offset), float(event.duration.quarterLength)
        if length <= 0 or not hasattr(event, "pitches"):  # grace notes
            continue
        short = any(a.name == "staccato" for a in event.articulations)
        for note in getattr(event, "notes", (event,)):  # of a chord, or the note itself
            if not hasattr(note, "pitch"):  # unpitched percussion
                continue
            pitch, tie = float(note.pitch.ps), note.tie.type if note.tie else ""
            before = open_ties.pop(pitch, None)
            if tie in {"continue", "stop"} and before is not None and abs(before[1] - start) < 0.01:
                before[1] = start + length
            else:
                before = [start, start + length * (STACCATO if short and not tie else 1.0), pitch]
                notes.append(before)
            if tie in {"start", "continue"}:
                open_ties[pitch] = before
    return [
        (float(clock.seconds(s)), float(clock.seconds(e) - clock.seconds(s)), p, VELOCITY)
        for s, e, p in notes
    ]


def _player(part: Any) -> tuple[str, int | None]:
    """A part's name and program; scores often leave the program at the piano's."""
    instrument = part.getInstrument(returnDefault=True)
    name = str(part.partName or instrument.instrumentName or "")
    if VOICE.search(name.lower()):
        return name, CHOIR
    return name, None if instrument.midiProgram is None else int(instrument.midiProgram)

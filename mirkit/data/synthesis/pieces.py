"""Songs from pieces: excerpts of MIDI files and scores, with new players, in another key and tempo.

A source of kind ``pieces`` is a folder or a file: MIDI (``.mid``, ``.midi``), scores (``.mxl``,
``.musicxml``, ``.xml``, ``.krn``; music21 reads them) and WAD archives that hold MIDI. A path
``music21:bach`` or ``music21:mozart/k*`` means files of music21's own corpus.

A composition must not be on two sides of a split. A list gives a whole source to one side, or, with
``by_piece``, each piece to the side that a hash of its bytes says, so that neither the order of the
files nor their names matter and two copies of one file are on one side. `check_pieces` finds a piece
that a list puts on two sides. Nothing here knows that two different files are arrangements or parts
of one work: give such a collection whole to one side.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._typing import Times
from mirkit.data.synthesis.harmony import KEY_NAMES
from mirkit.data.synthesis.midi import read_midi, wad_lumps
from mirkit.data.synthesis.notation import SUFFIXES as SCORE_SUFFIXES
from mirkit.data.synthesis.notation import corpus_folder, read_notation
from mirkit.data.synthesis.notes import Notes, Origin, Piece, Score, Section, Track, note_array
from mirkit.data.synthesis.orchestration import orchestrate
from mirkit.data.synthesis.sources import CORPUS, Source
from mirkit.errors import DatasetError, MirkitWarning

MIDI_SUFFIXES = {".mid", ".midi"}
WAD_SUFFIX = ".wad"
SIDES = (("train", 0.8), ("valid", 0.9), ("test", 1.0))
"""Up to which share of the hashes a side reaches."""
N_TRIES = 8
TRANSPOSITIONS_ST = (-5, 6)
TEMPO_RATIOS = (0.88, 1.14)
TEMPOS_BPM = (63.0, 126.0)
"""Drawn from where the file gives no tempo."""
BARS_A_PHRASE = 4
STYLE = "piece"
FLAT = 3.0
"""Deviation of velocities below which nobody has shaped them."""
MAX_JITTER_S = 0.02
# Krumhansl and Kessler (1982): how well each pitch class fits a major and a minor key, from the tonic up
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece within a source: its name there, its file, the part of the file, its hash."""

    name: str
    path: str
    offset: int
    length: int
    digest: str


def compose_from_pieces(
    rng: np.random.Generator, sources: Sequence[Source], *, duration_s: float, share: float = 1.0
) -> Score | None:
    """Return a song made from a piece, or None if the draw or the lack of pieces says otherwise.

    Parameters
    ----------
    rng : Generator
        Not touched unless there are pieces and ``share`` is above 0.
    sources : sequence of Source
        Those of kind ``pieces`` are used; one is drawn by weight, then one of its pieces evenly.
    duration_s : float
        Length of the song.
    share : float
        Probability of a piece, 0 to 1.

    Returns
    -------
    Score or None
        Its ``origin`` tells the piece. A damaged file is passed over with a `MirkitWarning`.
    """
    shelves = [source for source in sources if source.kind == "pieces"]
    if not shelves or share <= 0 or rng.random() >= share:
        return None
    shelves = [source for source in shelves if entries(source)]
    for _ in range(N_TRIES if shelves else 0):
        weights = np.array([source.weight for source in shelves])
        source = shelves[int(rng.choice(len(shelves), p=weights / weights.sum()))]
        found = entries(source)
        entry = found[int(rng.integers(len(found)))]
        try:
            piece = read_piece(entry)
        except DatasetError as error:
            warnings.warn(f"passed over: {error}", MirkitWarning, stacklevel=2)
            continue
        score = arrange(rng, piece, duration_s=duration_s)
        if score.parts:
            title, composer = piece.title or entry.name, piece.composer
            told = (entry.name, entry.digest, title, composer, source.name, source.family, source.licence)
            return replace(score, origin=Origin(*told))
    return None


def entries(source: Source) -> tuple[Entry, ...]:
    """Return the pieces of a source that belong to its side.

    Raises
    ------
    DatasetError
        If the source has no piece at all.
    """
    listed = _listing(source.path, source.pattern)
    if not listed:
        raise DatasetError(
            f"source {source.name!r}: no piece in {source.path} matches {source.pattern!r}; wanted "
            f"{', '.join(sorted({*MIDI_SUFFIXES, WAD_SUFFIX, *SCORE_SUFFIXES}))}"
        )
    return tuple(e for e in listed if not source.by_piece or side_of(e.digest) == source.split)


def side_of(digest: str) -> str:
    """Return the side of a piece by its hash: 80 of a hundred train, 10 validate, 10 test.

    Examples
    --------
    >>> side_of("0" * 16), side_of("d" * 16), side_of("f" * 16)
    ('train', 'valid', 'test')
    """
    place = int(digest[:8], 16) / 16**8
    return next(side for side, up_to in SIDES if place < up_to)


def check_pieces(sources: Sequence[Source]) -> None:
    """Raise if a list of sources puts a piece on two sides of the split.

    Raises
    ------
    DatasetError
        Naming the pieces and their sides.
    """
    sides: dict[str, dict[str, str]] = {}
    for source in sources:
        for entry in _listing(source.path, source.pattern) if source.kind == "pieces" else ():
            side = side_of(entry.digest) if source.by_piece else source.split
            sides.setdefault(entry.digest, {})[side] = f"{source.name}: {entry.name} ({side})"
    leaks = [" and ".join(places.values()) for places in sides.values() if len(places) > 1]
    if leaks:
        raise DatasetError(
            f"pieces on two sides of the split: {'; '.join(leaks[:5])}"
            f"{f' and {len(leaks) - 5} more' if len(leaks) > 5 else ''}; give each one side, or set by_piece"
        )


@lru_cache(maxsize=64)
def _listing(where: str, pattern: str) -> tuple[Entry, ...]:
    """The pieces at a place by name, each once: of copies, and of formats of one name, the first."""
    found: dict[str, Entry] = {}
    stems: set[str] = set()
    for path, name in _files(where):
        if path.suffix.lower() == WAD_SUFFIX:
            parts = [(f"{name}/{lump}", *place) for lump, place in sorted(wad_lumps(path).items())]
        else:
            parts = [(name, 0, path.stat().st_size)]
        stem = name.removesuffix(path.suffix)
        if stem in stems or not (wanted := [part for part in parts if re.search(pattern, part[0])]):
            continue
        stems.add(stem)
        for part, offset, length in wanted:
            digest = hashlib.sha256(_bytes(path, offset, length)).hexdigest()[:16]
            found.setdefault(digest, Entry(part, str(path), offset, length, digest))
    return tuple(found.values())


def _files(where: str) -> Iterator[tuple[Path, str]]:
    suffixes = {*MIDI_SUFFIXES, WAD_SUFFIX, *SCORE_SUFFIXES}
    if where.startswith(CORPUS):
        root = corpus_folder()
        below = sorted(root.glob(where.removeprefix(CORPUS)))
        paths = [p for found in below for p in (sorted(found.rglob("*")) if found.is_dir() else [found])]
        suffixes = SCORE_SUFFIXES
    else:
        root = Path(where)
        paths = sorted(root.rglob("*")) if root.is_dir() else [root]
        root = root if root.is_dir() else root.parent
    for path in paths:
        if path.is_file() and path.suffix.lower() in suffixes:
            yield path, path.relative_to(root).as_posix()


def _bytes(path: str | Path, offset: int, length: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(offset)
        return file.read(length)


@lru_cache(maxsize=256)
def read_piece(entry: Entry) -> Piece:
    """Return a piece, read once a process.

    Raises
    ------
    DatasetError
        If the file is damaged.
    """
    try:
        if Path(entry.path).suffix.lower() in SCORE_SUFFIXES:
            return read_notation(entry.path)
        return read_midi(_bytes(entry.path, entry.offset, entry.length), entry.name)
    except OSError as error:
        raise DatasetError(f"{entry.path}: cannot be read: {error}") from error


def arrange(rng: np.random.Generator, piece: Piece, *, duration_s: float) -> Score:
    """Return an excerpt of a piece as a song: transposed, at another tempo, with new players.

    Parameters
    ----------
    rng : Generator
    piece : Piece
    duration_s : float
        A shorter piece is repeated.

    Returns
    -------
    Score
        Starts at a bar; ``sections`` are phrases of four bars, whatever the piece's form; the key is
        the file's, or else estimated from the excerpt's notes.
    """
    bpm = piece.tempos[0][1]
    ratio = float(rng.uniform(*TEMPO_RATIOS)) if piece.has_tempo else float(rng.uniform(*TEMPOS_BPM)) / bpm
    start_s = choose_start(rng, piece, length_s=duration_s * ratio)
    tracks, bars_s = excerpt(piece, start_s=start_s, duration_s=duration_s, tempo_ratio=ratio)
    shift_st = int(rng.integers(TRANSPOSITIONS_ST[0], TRANSPOSITIONS_ST[1] + 1))
    key = _transposed(piece.key, shift_st) if piece.key else ""
    jitter_s = float(rng.uniform(0, 0.01))
    played = [
        _played(rng, _shifted(track, shift_st), bars_s, jitter_s=jitter_s, duration_s=duration_s)
        for track in tracks
    ]
    bpm = max(change for change in piece.tempos if change[0] <= start_s + 1e-6)[1]
    metre = max(((t, m) for t, m in piece.metres if t <= start_s + 1e-6), default=(0.0, "unknown"))[1]
    return Score(
        STYLE, key or estimate_key([track.notes for track in played if not track.drums]), metre,
        round(bpm * ratio, 1), duration_s, orchestrate(rng, played, duration_s=duration_s),
        _phrases(bars_s, duration_s),
    )  # fmt: skip


def choose_start(rng: np.random.Generator, piece: Piece, *, length_s: float) -> float:
    """Return the start of a bar from which on nearly as many tracks sound as ever do, in seconds."""
    bars_s = piece.bars_s[:-1]
    starts = bars_s[bars_s <= max(piece.bars_s[-1] - length_s, 0.0)]
    n_playing = np.zeros(len(starts))
    for track in piece.tracks:
        onsets_s = np.sort(track.notes["onset_s"])
        first, last = np.searchsorted(onsets_s, starts), np.searchsorted(onsets_s, starts + length_s)
        n_playing += last - first > 2
    return float(rng.choice(starts[n_playing >= 0.75 * n_playing.max()]))


def excerpt(
    piece: Piece, *, start_s: float, duration_s: float, tempo_ratio: float = 1.0
) -> tuple[list[Track], Times]:
    """Return the tracks of an excerpt from 0 s on, and its bar lines.

    Parameters
    ----------
    piece : Piece
        Repeated from its last bar line on, as often as needed.
    start_s : float
        In the piece's own time.
    duration_s : float
        Of the result.
    tempo_ratio : float
        Above 1 is faster.

    Returns
    -------
    tracks : list of Track
        Notes that have begun before sound from 0 s on if most of them is left.
    bars_s : ndarray
        Those within the excerpt.
    """
    length_s = float(piece.bars_s[-1])
    turns_s = length_s * np.arange(int((start_s + duration_s * tempo_ratio) // length_s) + 1)
    tracks = []
    for track in piece.tracks:
        notes = np.concatenate([track.notes] * len(turns_s))
        notes["onset_s"] += np.repeat(turns_s, len(track.notes))
        begun_s = np.maximum(start_s - notes["onset_s"], 0.0)
        notes = notes[begun_s < 0.5 * notes["duration_s"]]
        begun_s = np.maximum(start_s - notes["onset_s"], 0.0)
        notes["onset_s"] = (notes["onset_s"] + begun_s - start_s) / tempo_ratio
        notes["duration_s"] = (notes["duration_s"] - begun_s) / tempo_ratio
        notes = note_array(notes.tolist(), end_s=duration_s)
        if len(notes):
            tracks.append(replace(track, notes=notes))
    bars_s = (np.add.outer(turns_s, piece.bars_s[:-1]).ravel() - start_s) / tempo_ratio
    return tracks, bars_s[(bars_s > -1e-6) & (bars_s < duration_s)]


def credits_of(score: Score) -> dict[str, Any]:
    """Return what a song's metadata say of the piece it is taken from; nothing if it was composed.

    Returns
    -------
    dict
        ``title``, ``composer``, ``excerpt``, ``piece`` (all of `Origin`) and its ``licences``.
    """
    origin = score.origin
    if origin is None:
        return {}
    return {
        "title": origin.title, "composer": [origin.composer or "unknown"], "excerpt": "yes",
        "piece": asdict(origin), "licences": [f"{origin.source}: {origin.licence}"],
    }  # fmt: skip


def _shifted(track: Track, shift_st: int) -> Track:
    notes = track.notes.copy()
    notes["pitch_midi"] += 0 if track.drums else shift_st
    return replace(track, notes=notes)


def _played(
    rng: np.random.Generator, track: Track, bars_s: Times, *, jitter_s: float, duration_s: float
) -> Track:
    """A track with the small errors of a player, and shaped where the file has all notes alike loud."""
    notes = track.notes.copy()
    _, place = np.unique(np.round(notes["onset_s"], 3), return_inverse=True)  # a chord stays together
    late_s = np.clip(rng.normal(0, jitter_s, place.max() + 1), -MAX_JITTER_S, MAX_JITTER_S)[place]
    notes["onset_s"] = np.maximum(notes["onset_s"] + late_s, 0.0)
    if np.std(notes["velocity"]) < FLAT:
        pitches = notes["pitch_midi"] * (not track.drums)
        rise = (pitches - pitches.mean()) / max(float(pitches.std()), 1.0)
        nearest = np.abs(notes["onset_s"][:, None] - bars_s).min(axis=1, initial=9.0)
        swell = np.sin(2 * np.pi * (notes["onset_s"] / rng.uniform(4, 12) + rng.random()))
        level = rng.uniform(62, 92) + 5 * np.clip(rise, -2, 2) + 8 * (nearest < 0.05) + 9 * swell
        notes["velocity"] = np.clip(level + rng.normal(0, 4, len(notes)), 20, 125)
    return replace(track, notes=note_array(notes.tolist(), end_s=duration_s))


def _transposed(key: str, shift_st: int) -> str:
    tonic, mode = key.split()
    return f"{KEY_NAMES[(KEY_NAMES.index(tonic) + shift_st) % 12]} {mode}"


def estimate_key(voices: Sequence[Notes]) -> str:
    """Return the key whose profile the durations of the pitch classes resemble most, or ``"unknown"``.

    Key profiles of Krumhansl and Kessler (1982), correlation as in Krumhansl (1990).

    Examples
    --------
    >>> pitches = (62, 64, 65, 67, 69, 70, 73)
    >>> scale = note_array([(k, 1 + (p in (62, 69)), p, 80) for k, p in enumerate(pitches)])
    >>> estimate_key([scale])
    'D minor'
    """
    amounts = np.zeros(12)
    for notes in voices:
        np.add.at(amounts, np.round(notes["pitch_midi"]).astype(int) % 12, notes["duration_s"])
    if np.ptp(amounts) == 0:
        return "unknown"
    fits = {
        f"{KEY_NAMES[tonic]} {mode}": float(np.corrcoef(np.roll(profile, tonic), amounts)[0, 1])
        for mode, profile in PROFILES.items() for tonic in range(12)
    }  # fmt: skip
    return max(fits, key=lambda key: fits[key])


def _phrases(bars_s: Times, duration_s: float) -> tuple[Section, ...]:
    starts = [0.0, *(float(s) for s in bars_s[::BARS_A_PHRASE] if 0.5 < s < duration_s - 0.5)]
    ends = [*starts[1:], duration_s]
    return tuple(Section("phrase", round(s, 3), round(e, 3)) for s, e in zip(starts, ends, strict=True))

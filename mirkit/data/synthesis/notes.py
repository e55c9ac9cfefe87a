"""Scores in memory: notes as structured arrays, parts, sections; pieces before anybody plays them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mirkit._typing import Times

TOGETHER_S = 0.03
"""A key that is struck again within this time is struck once."""
LIFT_S = 0.002
"""How long a key is up before it is struck again."""

NOTE = np.dtype([("onset_s", "f8"), ("duration_s", "f8"), ("pitch_midi", "f4"), ("velocity", "i2")])
"""One note: start and length in seconds, MIDI pitch (fractions allowed), velocity 1 to 127."""

Notes = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The notes of one player.

    Parameters
    ----------
    instrument : str
        Source label, such as ``"tenor saxophone"``.
    role : str
        What the part does: ``melody``, ``bass``, ``drums``, …
    notes : ndarray of `NOTE`
        In order of onset; drums use General MIDI keys as pitch.
    """

    instrument: str
    role: str
    notes: Notes


@dataclass(frozen=True, slots=True)
class Section:
    """A named stretch of the form, in seconds."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Origin:
    """The piece that a song is an excerpt of.

    Parameters
    ----------
    name : str
        File, and the place in it, within the listed source.
    digest : str
        First 16 hexadecimal digits of the SHA-256 of the piece's bytes: the same piece is known under
        any name.
    title, composer : str
        What the file says, or empty.
    source, family, licence : str
        From the list of sources.
    """

    name: str
    digest: str
    title: str
    composer: str
    source: str
    family: str
    licence: str


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A composed song.

    Parameters
    ----------
    style, key, metre : str
        For the metadata: style's name, such as ``"C minor"`` and ``"4/4"``.
    tempo_bpm : float
        Beats a minute.
    duration_s : float
        Length of the song; no note starts later.
    parts : tuple of Part
    sections : tuple of Section
    origin : Origin, optional
        The piece that it is taken from, if it was not composed here.
    """

    style: str
    key: str
    metre: str
    tempo_bpm: float
    duration_s: float
    parts: tuple[Part, ...]
    sections: tuple[Section, ...] = field(default=())
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What one track or staff of a piece holds, before an instrument is chosen for it.

    Parameters
    ----------
    notes : ndarray of `NOTE`
        In seconds from the beginning of the piece, at sounding pitch.
    program : int or None
        General MIDI program from 0 that the file asks for; None if it asks for none.
    drums : bool
        Whether pitches are General MIDI drum keys.
    name : str
        The track's or staff's name.
    """

    notes: Notes
    program: int | None = None
    drums: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A whole piece as its file has it.

    Parameters
    ----------
    tracks : tuple of Track
    bars_s : ndarray of shape (n_bars + 1,)
        Where the bars start, and where the last one ends, in seconds.
    tempos : tuple of (float, float)
        From when on in seconds, quarter notes a minute.
    metres : tuple of (float, str)
        From when on in seconds, such as ``"3/4"``; empty if the file does not say.
    key : str
        Such as ``"C minor"``; empty if the file does not say.
    title, composer : str
    has_tempo : bool
        False if the file gives no tempo, so that ``tempos`` is a guess.
    """

    tracks: tuple[Track, ...]
    bars_s: Times
    tempos: tuple[tuple[float, float], ...]
    metres: tuple[tuple[float, str], ...] = ()
    key: str = ""
    title: str = ""
    composer: str = ""
    has_tempo: bool = True


def note_array(rows: Iterable[tuple[float, float, float, float]], *, end_s: float = np.inf) -> Notes:
    """Return rows of onset, duration, pitch and velocity as `NOTE`, sorted, cut at ``end_s``.

    Examples
    --------
    >>> note_array([(1.0, 0.5, 60, 80), (0.0, 4.0, 62, 200)], end_s=3.0)["duration_s"].tolist()
    [3.0, 0.5]
    """
    notes = np.array([(s, d, p, min(max(round(v), 1), 127)) for s, d, p, v in rows], dtype=NOTE)
    notes = notes[(notes["onset_s"] >= 0) & (notes["onset_s"] < end_s - 0.03)]
    notes["duration_s"] = np.clip(notes["duration_s"], 0.03, np.maximum(end_s - notes["onset_s"], 0.03))
    return np.sort(notes, order=("onset_s", "pitch_midi"))


def restruck(notes: Notes) -> Notes:
    """Return notes as keys can play them: each ends before its key is struck again.

    Where a note still sounds when its pitch starts anew, a synthesiser would end both at the first one's end.

    Examples
    --------
    >>> long = note_array([(0.0, 1.2, 60, 80), (1.0, 1.0, 60, 80), (1.0, 1.0, 60.2, 80), (1.0, 1.0, 64, 80)])
    >>> [(round(float(n["onset_s"]), 3), round(float(n["duration_s"]), 3)) for n in restruck(long)]
    [(0.0, 0.998), (1.0, 1.0), (1.0, 1.0)]
    """
    notes = notes[np.lexsort((notes["onset_s"], np.rint(notes["pitch_midi"])))]
    keys = np.rint(notes["pitch_midi"])
    same = keys[1:] == keys[:-1]
    again = np.concatenate([[False], same & (np.diff(notes["onset_s"]) < TOGETHER_S)])[: len(notes)]
    notes, keys = notes[~again], keys[~again]
    same = keys[1:] == keys[:-1]
    room_s = np.where(same, np.diff(notes["onset_s"]) - LIFT_S, np.inf)
    notes["duration_s"][:-1] = np.minimum(notes["duration_s"][:-1], room_s)
    return np.sort(notes, order=("onset_s", "pitch_midi"))

"""Sections as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from string import Template
from typing import Any

import numpy as np

from mirkit._files import write_text
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError
from mirkit.report.description import Deck, Matrix, Panel, Pitch, Ribbons, Section, Table, Track
from mirkit.report.sounds import FORMATS, Codec, encode, outlines

__all__ = ["Page", "player"]

SCRIPTS = ("sound.js", "drawing.js", "deck.js", "page.js")
MAX_COLUMNS = 2400
MAX_ROWS = 160
"""A picture's columns and rows: more than a screen has dots for would only make the file larger."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Sections that are shown together; in a notebook, the last expression of a cell shows itself.

    Parameters
    ----------
    sections : sequence of Section
        In order.
    title : str
        Of the page.
    codec : {"opus", "mp3"}
        Opus is half as large; browsers that are older than 2025 may need MP3.

    Raises
    ------
    ParameterError
        If there is no section or the codec is unknown.

    Examples
    --------
    >>> from mirkit.report import Deck
    >>> section = Section("activity", "Silence", [Deck([Track("song", Audio(np.zeros((1, 800)), 8000))])])
    >>> page = Page([section], title="A page").html()
    >>> page.startswith("<!doctype html>"), "A page" in page, "https:" in page
    (True, True, False)
    """

    sections: Sequence[Section]
    title: str = "mirkit"
    codec: Codec = "opus"

    def __post_init__(self) -> None:
        if not self.sections:
            raise ParameterError("a page needs at least one section")
        if self.codec not in FORMATS:
            raise ParameterError(f"codec must be one of {', '.join(FORMATS)}, got {self.codec!r}")

    def html(self) -> str:
        """Return the whole page."""
        shelf = _Shelf(self.codec)
        content = {"title": self.title, "sections": [_section(section, shelf) for section in self.sections]}
        folder = resources.files("mirkit.report") / "page"
        return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
            title=html.escape(self.title),
            style=(folder / "page.css").read_text(encoding="utf-8"),
            data=_script_safe(json.dumps(content, ensure_ascii=False, allow_nan=False)),
            audio="\n".join(
                f'<script type="application/base64" id="{key}">{text}</script>'
                for key, text in shelf.files.items()
            ),
            script="\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS),
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page, whole or not at all."""
        write_text(path, self.html())

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's style and keys apart from those of the notebook.
        content = html.escape(self.html(), quote=True)
        return (
            f'<iframe title="{html.escape(self.title, quote=True)}" srcdoc="{content}" allow="autoplay" '
            'style="width:100%;height:480px;border:0" data-mirkit-page></iframe>'
        )


def player(sounds: Audio | Mapping[str, Audio], *, title: str = "") -> Page:
    """Return a player for a sound, or for several that start together, to be shown in a notebook.

    Parameters
    ----------
    sounds : Audio or mapping of str to Audio
        With names, if there are several; all of one sample rate.
    title : str
        Heading.

    Returns
    -------
    Page

    Raises
    ------
    ParameterError
        If there are no sounds or their rates differ.

    Examples
    --------
    >>> page = player({"left": Audio(np.zeros((1, 80)), 8000), "right": Audio(np.zeros((1, 80)), 8000)})
    >>> [track.name for track in page.sections[0].decks[0].tracks]
    ['left', 'right']
    """
    named = {"sound": sounds} if isinstance(sounds, Audio) else sounds
    deck = Deck([Track(name, sound) for name, sound in named.items()])
    return Page([Section("", title, [deck])], title=title or "mirkit")


@dataclass
class _Shelf:
    """The sounds of a page as text, each kept once however often it is used."""

    codec: Codec
    files: dict[str, str] = field(default_factory=dict)

    def put(self, content: bytes) -> str:
        """Return the key under which a file lies."""
        key = f"audio-{hashlib.sha256(content).hexdigest()[:16]}"
        self.files[key] = base64.b64encode(content).decode("ascii")
        return key


def _script_safe(text: str) -> str:
    """Return JSON that cannot end the script element that holds it."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _section(section: Section, shelf: _Shelf) -> dict[str, Any]:
    return {
        "task": section.task,
        "title": section.title,
        "text": section.text,
        "facts": dict(section.facts),
        "decks": [_deck(deck, shelf) for deck in section.decks],
        "tables": [_table(table) for table in section.tables],
    }


def _deck(deck: Deck, shelf: _Shelf) -> dict[str, Any]:
    sounds = [track.audio for track in deck.tracks]
    files = encode(sounds, shelf.codec) if sounds else []
    peaks = outlines(sounds, deck.duration_s) if sounds else []
    tracks = [
        {
            "name": track.name,
            "original": track.original,
            "muted": track.muted,
            "audio": shelf.put(file),
            "peaks": _packed(outline),
            "activity": None if track.activity is None else _strip(*track.activity),
        }
        for track, file, outline in zip(deck.tracks, files, peaks, strict=True)
    ]
    return {
        "name": deck.name,
        "duration_s": deck.duration_s,
        "tracks": tracks,
        "panels": [_panel(panel) for panel in deck.panels],
        "regions": [
            {"start_s": one.start_s, "end_s": one.end_s, "label": one.label, "good": one.good}
            for one in deck.regions
        ],
    }


def _strip(grid: FrameGrid, values: np.ndarray) -> dict[str, Any]:
    return {"start_s": grid.start_s, "hop_s": grid.hop_s, "values": _packed(_shades(values))}


def _panel(panel: Panel) -> dict[str, Any]:
    if isinstance(panel, Ribbons):
        return {
            "kind": "ribbons",
            "name": panel.name,
            "labels": list(panel.labels),
            "start_s": panel.grid.start_s,
            "hop_s": panel.grid.hop_s,
            "n_frames": panel.grid.n_frames,
            "values": _packed(_shades(panel.values)),
            "spans": [[float(start_s), float(end_s), label] for start_s, end_s, label in panel.spans],
        }
    if isinstance(panel, Pitch):
        return {
            "kind": "pitch",
            "name": panel.name,
            "times_s": [round(float(time_s), 4) for time_s in panel.times_s],
            "pitch_midi": [None if np.isnan(pitch) else round(float(pitch), 3) for pitch in panel.pitch_midi],
            "notes": [[one.onset_s, one.duration_s, one.pitch_midi, one.fault] for one in panel.notes],
        }
    return _matrix(panel)


def _matrix(panel: Matrix) -> dict[str, Any]:
    values = _smaller(_smaller(panel.values, MAX_ROWS, axis=0), MAX_COLUMNS, axis=1)
    low, high = (float(np.min(values)), float(np.max(values))) if values.size else (0.0, 1.0)
    scaled = (values - low) / max(high - low, 1e-12)
    return {
        "kind": "matrix",
        "name": panel.name,
        "row_name": panel.row_name,
        "n_rows": values.shape[0],
        "n_columns": values.shape[1],
        "start_s": panel.columns.start_s,
        "end_s": panel.columns.end_s,
        "row_start_s": panel.rows.start_s,
        "row_end_s": panel.rows.end_s,
        "low": low,
        "high": high,
        "values": _packed(np.rint(255 * scaled).astype(np.uint8)),
        "paths": [
            {
                "points": [[round(float(x), 3), round(float(y), 3)] for x, y in path.times_s],
                "label": path.label,
                "good": path.good,
            }
            for path in panel.paths
        ],
    }


def _smaller(values: np.ndarray, limit: int, *, axis: int) -> np.ndarray:
    """Return at most so many rows or columns: the least value of those that are joined, since it matters."""
    n = values.shape[axis]
    if n <= limit:
        return values
    return np.asarray(np.minimum.reduceat(values, np.arange(limit) * n // limit, axis=axis))


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "columns": list(table.columns),
        "folded": table.folded,
        "rows": [
            {
                "cells": list(row.cells),
                "actions": [
                    {
                        "label": action.label,
                        "clips": [[clip.deck, clip.start_s, clip.end_s] for clip in action.clips],
                    }
                    for action in row.actions
                ],
            }
            for row in table.rows
        ],
    }


def _shades(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as bytes up to 254; 255 is unknown."""
    return np.where(np.isnan(values), 255, np.rint(254 * np.clip(np.nan_to_num(values), 0, 1))).astype(
        np.uint8
    )


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")

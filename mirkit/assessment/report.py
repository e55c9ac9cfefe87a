"""An assessed performance as a section of a page: its contour over the score, faults to play."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from mirkit.assessment.result import Assessment
from mirkit.audio import Audio
from mirkit.report import Page
from mirkit.report.description import Action, Clip, Deck, Note, Pitch, Row, Section, Table, Track

__all__ = ["describe", "show"]

ALONE = "The line is the pitch that was heard."
PERFECT = "The line is the pitch that was heard, over the notes of the score; there is nothing to remark."
TEXT = (
    "The line is the pitch that was heard, over the notes of the score: red ones have a remark, dashed ones "
    "are missing. Each remark below can be played."
)

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")

AROUND_S = 0.3
"""Heard before and after a note, so that a listener finds the way in."""


def describe(
    result: Assessment,
    *,
    audio: Audio | None = None,
    title: str = "",
    facts: Mapping[str, str] | None = None,
) -> Section:
    """Return the section of a page for the assessment of a performance.

    Parameters
    ----------
    result : Assessment
        Notes, ratings and contour.
    audio : Audio, optional
        The performance; without it there is nothing to hear.
    title : str
        Name of the performance.
    facts : mapping of str to str, optional
        Shown above the player.

    Returns
    -------
    Section

    Examples
    --------
    >>> section = describe(Assessment.empty(("unusable recording: silent",)))
    >>> section.text
    'unusable recording: silent'
    """
    tracks = [] if audio is None else [Track("performance", audio)]
    ratings = [
        Row(
            (name, "none" if one.points is None else f"{one.points:.1f} of {one.most:g}", _worded(one.reason))
        )
        for name, one in result.ratings.items()
    ]
    tables = [Table("Ratings", ("category", "points", "reason"), ratings)] if ratings else []
    found = _remarks(result, playable=audio is not None)
    tables += [found] if found.rows else []
    text = "; ".join(result.verdicts) or (TEXT if found.rows else PERFECT if len(result.notes) else ALONE)
    decks = [Deck(tracks, [_pitch(result)])] if tracks or len(result.f0_hz) else []
    return Section("assessment", title, decks, tables, facts or {}, text)


def show(result: Assessment, *, audio: Audio | None = None, title: str = "") -> Page:
    """Return a page of an assessed performance, for a notebook or a file.

    Parameters
    ----------
    result : Assessment
        Notes, ratings and contour.
    audio : Audio, optional
        The performance, to listen to.
    title : str
        Heading.

    Returns
    -------
    Page

    Examples
    --------
    >>> show(Assessment.empty(("unusable recording: silent",))).sections[0].text
    'unusable recording: silent'
    """
    return Page([describe(result, audio=audio, title=title)], title=title or "Assessment")


def _pitch(result: Assessment) -> Pitch:
    f0_hz = result.f0_hz.astype(np.float64)
    pitch_midi = np.full(len(f0_hz), np.nan)
    voiced = f0_hz > 0
    pitch_midi[voiced] = 69 + 12 * np.log2(f0_hz[voiced] / 440) - result.tuning_cents / 100
    times_s = result.grid.start_s + result.grid.hop_s * np.arange(len(f0_hz), dtype=np.float64)
    notes = [
        Note(float(onset_s), float(duration_s), float(note["score_midi"]) + result.octave_st, remark)
        for note, remark, (onset_s, duration_s) in zip(
            result.notes, result.remarks, _places(result), strict=True
        )
    ]
    return Pitch(times_s, pitch_midi, notes, name="pitch over the score")


def _places(result: Assessment) -> np.ndarray:
    """Return onset and length of each note, shape ``(n, 2)``; of missed ones a guess."""
    notes = result.notes
    there = np.isfinite(notes["onset_s"])
    if not there.any():
        return np.zeros((0, 2)) if not len(notes) else np.tile([0.0, 0.1], (len(notes), 1))
    onset_s = np.interp(notes["beat"], notes["beat"][there], notes["onset_s"][there])
    onset_s[there] = notes["onset_s"][there]
    until_s = np.clip(np.diff(onset_s, append=onset_s[-1] + 0.3), 0.1, 0.5)
    return np.stack([onset_s, np.where(there, notes["duration_s"], until_s)], axis=1)


def _remarks(result: Assessment, *, playable: bool) -> Table:
    """Return the notes of which there is something to say, and those that the score has not."""
    found: list[tuple[float, float, tuple[str, ...]]] = []
    for note, remark, (onset_s, duration_s) in zip(
        result.notes, result.remarks, _places(result), strict=True
    ):
        if remark:
            figures = _figure(note["cents"]), _figure(note["deviation_ms"])
            place = str(note["bar"]), f"{note['beat']:g}", _name(note["score_midi"])
            found.append((onset_s, duration_s, (*place, remark, *figures)))
    for note in result.added:
        place = *_beside(result, int(note["after_note"])), _name(note["pitch_midi"])
        found.append((float(note["onset_s"]), float(note["duration_s"]), (*place, "added", "-", "-")))
    rows = []
    for onset_s, duration_s, cells in sorted(found, key=lambda one: one[0]):
        clip = Clip(0, max(0.0, onset_s - AROUND_S), onset_s + duration_s + AROUND_S)
        rows.append(Row(cells, (Action("play", (clip,)),) if playable else ()))
    name = f"{len(rows)} remark{'s' * (len(rows) != 1)} on {len(result.notes)} notes"
    return Table(name, ("bar", "quarter", "note", "remark", "cents", "ms late"), rows)


def _beside(result: Assessment, after_note: int) -> tuple[str, str]:
    """Return the bar and the words for the quarter of an added note; before the first note it is -1."""
    if not len(result.notes):
        return "-", "-"
    near = result.notes[max(0, after_note)]
    return str(near["bar"]), f"{'before' if after_note < 0 else 'after'} {near['beat']:g}"


def _name(pitch_midi: float) -> str:
    """Return the name of a pitch, as on the contour's axis."""
    octave, pitch_class = divmod(round(float(pitch_midi)), 12)
    return f"{NAMES[pitch_class]}{octave - 1}"


def _worded(reason: str) -> str:
    """Return a reason with its measurements' names as words; their units follow them anyway."""
    named = re.sub(r"\b([a-z]+(?:_[a-z]+)*)_(?:ms|cents|db)\b", r"\1", reason)
    return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda found: found[0].replace("_", " "), named)


def _figure(value: float) -> str:
    return f"{value:+.0f}" if np.isfinite(value) else "-"

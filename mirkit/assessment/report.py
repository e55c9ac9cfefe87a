"""An assessed performance as a section of a page: its contour over the score, faults to play."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mirkit.assessment.result import Assessment
from mirkit.audio import Audio
from mirkit.report.description import Action, Clip, Deck, Note, Pitch, Row, Section, Table, Track

__all__ = ["describe"]

TEXT = "The line is the pitch that was heard, over the notes of the score; each remark below can be played."

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
        Row((name, "none" if one.points is None else f"{one.points:.1f} of {one.most:g}", one.reason))
        for name, one in result.ratings.items()
    ]
    tables = [Table("Ratings", ("category", "points", "reason"), ratings)] if ratings else []
    if len(result.notes):
        tables.append(_remarks(result, playable=audio is not None))
    text = "; ".join(result.verdicts) or TEXT
    decks = [Deck(tracks, [_pitch(result)])] if tracks or len(result.f0_hz) else []
    return Section("assessment", title, decks, tables, facts or {}, text)


def _pitch(result: Assessment) -> Pitch:
    f0_hz = result.f0_hz.astype(np.float64)
    pitch_midi = np.full(len(f0_hz), np.nan)
    voiced = f0_hz > 0
    pitch_midi[voiced] = 69 + 12 * np.log2(f0_hz[voiced] / 440) - result.tuning_cents / 100
    times_s = result.grid.start_s + result.grid.hop_s * np.arange(len(f0_hz), dtype=np.float64)
    notes = [
        Note(
            float(note["onset_s"]), float(note["duration_s"]), float(note["score_midi"]) + result.octave_st,
            remark,
        )
        for note, remark in zip(result.notes, result.remarks, strict=True)
        if note["status"] != "missed"
    ]  # fmt: skip
    return Pitch(times_s, pitch_midi, notes, name="pitch over the score")


def _remarks(result: Assessment, *, playable: bool) -> Table:
    """Return the notes of which there is something to say."""
    rows = []
    for note, remark in zip(result.notes, result.remarks, strict=True):
        if not remark:
            continue
        onset_s, end_s = float(note["onset_s"]), float(note["onset_s"] + note["duration_s"])
        cells = (
            str(note["bar"]),
            f"{note['beat']:g}",
            remark,
            _figure(note["cents"]),
            _figure(note["deviation_ms"]),
        )
        clip = Clip(0, max(0.0, onset_s - AROUND_S), end_s + AROUND_S)
        rows.append(Row(cells, (Action("play", (clip,)),) if playable and np.isfinite(onset_s) else ()))
    name = f"{len(rows)} remark{'s' * (len(rows) != 1)} on {len(result.notes)} notes"
    return Table(name, ("bar", "quarter", "remark", "cents", "ms late"), rows)


def _figure(value: float) -> str:
    return f"{value:+.0f}" if np.isfinite(value) else "-"

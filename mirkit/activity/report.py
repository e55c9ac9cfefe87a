"""Instrument activity as a section of a page: a ribbon for each instrument under the waveform."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mirkit.annotation import ActivityAnnotation, Intervals
from mirkit.audio import Audio
from mirkit.report import Page
from mirkit.report.description import Action, Clip, Deck, Ribbons, Row, Section, Table, Track

__all__ = ["describe", "show"]

HEARD = 0.2
"""Instruments that never reach this are named in the text only, unless none does."""

TEXT = (
    "Click anywhere to hear what is there; a fuller colour is more probable, the line below is the decision."
)


def describe(
    result: ActivityAnnotation,
    *,
    audio: Audio | None = None,
    intervals: Intervals | None = None,
    truth: ActivityAnnotation | None = None,
    title: str = "",
    facts: Mapping[str, str] | None = None,
) -> Section:
    """Return the section of a page for the activity of instruments.

    Parameters
    ----------
    result : ActivityAnnotation
        Probabilities or truth.
    audio : Audio, optional
        The recording; without it there is nothing to hear.
    intervals : Intervals, optional
        What was decided; each can be played.
    truth : ActivityAnnotation, optional
        What is known to sound, shown below the result.
    title : str
        Name of the recording.
    facts : mapping of str to str, optional
        Shown above the player.

    Returns
    -------
    Section

    Examples
    --------
    >>> from mirkit.dsp import FrameGrid
    >>> values = np.array([[0.9, 0.8], [0.0, 0.02]])
    >>> section = describe(ActivityAnnotation(FrameGrid(0.0, 1.0, 2), ("piano", "tabla"), values))
    >>> section.decks[0].panels[0].labels, "tabla" in section.text
    (('piano',), True)
    """
    decided = Intervals(np.zeros((0, 2)), ()) if intervals is None else intervals
    strongest = np.nan_to_num(result.values, nan=0.0).max(axis=1, initial=0.0)
    order = np.argsort(-np.nan_to_num(result.values, nan=0.0).sum(axis=1), kind="stable")
    rows = [int(row) for row in order if strongest[row] >= HEARD] or [int(row) for row in order[:1]]
    absent = [result.labels[row] for row in range(len(result.labels)) if row not in rows]
    labels = tuple(result.labels[row] for row in rows)
    spans = [
        (float(start_s), float(end_s), label)
        for (start_s, end_s), label in zip(decided.times_s, decided.labels, strict=True)
    ]
    ribbons = Ribbons(labels, result.grid, result.values[rows], [span for span in spans if span[2] in labels])
    panels = [ribbons] if truth is None else [ribbons, _sounding(truth)]
    tracks = [] if audio is None else [Track("recording", audio)]
    text = TEXT + (f" Not heard: {', '.join(absent)}." if absent else "")
    tables = [_stretches(decided, audio is not None)] if spans else []
    return Section("activity", title, [Deck(tracks, panels)], tables, facts or {}, text)


def show(
    result: ActivityAnnotation,
    *,
    audio: Audio | None = None,
    intervals: Intervals | None = None,
    title: str = "",
) -> Page:
    """Return a page of the activity of instruments, for a notebook or a file.

    Parameters
    ----------
    result : ActivityAnnotation
        Probabilities or truth.
    audio : Audio, optional
        The recording, to listen to.
    intervals : Intervals, optional
        What was decided; each can be played.
    title : str
        Heading.

    Returns
    -------
    Page

    Examples
    --------
    >>> from mirkit.dsp import FrameGrid
    >>> values = np.array([[0.9, 0.8]])
    >>> show(ActivityAnnotation(FrameGrid(0.0, 1.0, 2), ("piano",), values), title="My song").title
    'My song'
    """
    return Page([describe(result, audio=audio, intervals=intervals, title=title)], title=title or "Activity")


def _sounding(truth: ActivityAnnotation) -> Ribbons:
    rows = np.flatnonzero(np.nan_to_num(truth.values, nan=0.0).max(axis=1, initial=0.0) > 0)
    return Ribbons(tuple(truth.labels[row] for row in rows), truth.grid, truth.values[rows], name="truth")


def _stretches(decided: Intervals, playable: bool) -> Table:
    rows = []
    for (start_s, end_s), label, score in zip(decided.times_s, decided.labels, decided.scores, strict=True):
        cells = (label, f"{start_s:.1f} s", f"{end_s:.1f} s", f"{score:.2f}")
        actions = (Action("play", (Clip(0, float(start_s), float(end_s)),)),) if playable else ()
        rows.append(Row(cells, actions))
    name = f"{len(rows)} stretch{'es' * (len(rows) != 1)}"
    return Table(name, ("instrument", "from", "to", "probability"), rows, folded=True)

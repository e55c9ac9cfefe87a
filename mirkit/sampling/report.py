"""What was found of a sample as a section of a page: hits on the distances, sample and hit to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.report import Page
from mirkit.report.description import (
    Action,
    Clip,
    Deck,
    Matrix,
    Panel,
    Path,
    Region,
    Ribbons,
    Row,
    Section,
    Table,
    Track,
)
from mirkit.sampling.result import Detections, Evidence

__all__ = ["describe", "show"]

FOUND = (
    "Time in the song runs to the right, time in the sample upwards; a line that rises is the sample being "
    "played. Play the sample and a hit in turn, and judge for yourself."
)
NOT_FOUND = "The song is not said to hold the sample: the confidence stays below the threshold. "
WEAK = "What follows are its most probable places all the same. "

SONG, SAMPLE = 0, 1
"""The decks."""


def describe(
    result: Detections,
    *,
    sample: Audio | None = None,
    song: Audio | None = None,
    truth: Detections | None = None,
    title: str = "",
    facts: Mapping[str, str] | None = None,
) -> Section:
    """Return the section of a page for the occurrences of a sample in a song.

    Parameters
    ----------
    result : Detections
        With its evidence, the distances are drawn.
    sample, song : Audio, optional
        Without both there is nothing to compare by ear.
    truth : Detections, optional
        Where the sample is known to be, shown below the result.
    title : str
        Name of the song.
    facts : mapping of str to str, optional
        Shown above the player.

    Returns
    -------
    Section

    Examples
    --------
    >>> section = describe(Detections.none(0.1), song=Audio(np.zeros((1, 8000), np.float32), 8000))
    >>> section.facts["verdict"]
    'not found (10 %)'
    """
    hits = result.rows()
    regions = [
        Region(hit["start_s"], hit["end_s"], f"{hit['confidence']:.0%}", good=result.present) for hit in hits
    ]
    tracks = [] if song is None else [Track("song", song)]
    panels: list[Panel] = [] if result.evidence is None else [_distances(result, result.evidence)]
    if truth is not None and song is not None:
        panels.append(_planted(truth, song.duration_s))
    decks = [Deck(tracks, panels, regions)] if tracks or panels else []
    if decks and sample is not None:
        decks.append(Deck([Track("sample", sample)], name="The sample"))
    verdict = f"{'found' if result.present else 'not found'} ({100 * result.song_confidence:.0f} %)"
    tables = [_table(hits, song is not None, None if sample is None else sample.duration_s)] if hits else []
    text = FOUND if result.present else NOT_FOUND + (WEAK + FOUND if hits else "")
    return Section("sampling", title, decks, tables, {"verdict": verdict, **(facts or {})}, text.strip())


def show(
    result: Detections, *, sample: Audio | None = None, song: Audio | None = None, title: str = ""
) -> Page:
    """Return a page of the occurrences of a sample, for a notebook or a file.

    Parameters
    ----------
    result : Detections
        With its evidence, the distances are drawn.
    sample, song : Audio, optional
        To listen to; without both there is nothing to compare by ear.
    title : str
        Heading.

    Returns
    -------
    Page

    Examples
    --------
    >>> show(Detections.none(0.1), title="My song").sections[0].facts["verdict"]
    'not found (10 %)'
    """
    return Page([describe(result, sample=sample, song=song, title=title)], title=title or "Sampling")


def _distances(result: Detections, evidence: Evidence) -> Matrix:
    """Return distances: what is as alike as the best thousandth is at no distance."""
    n_rows, n_columns = evidence.similarity.shape
    high = float(np.quantile(evidence.similarity, 0.999)) or 1.0
    distance = 1.0 - np.clip(evidence.similarity / high, 0.0, 1.0)
    paths = [Path(path[:, ::-1], "", good=result.present) for path in evidence.paths if len(path)]
    return Matrix(
        distance,
        FrameGrid(0.0, evidence.sample_hop_s, n_rows),
        FrameGrid(0.0, evidence.song_hop_s, n_columns),
        paths,
        name=f"distance at {evidence.pitch_shift_st:+.1f} st",
        row_name="time in the sample",
    )


def _planted(truth: Detections, duration_s: float) -> Ribbons:
    grid = FrameGrid(0.0, 0.05, round(duration_s / 0.05))
    times_s = grid.times_s()
    inside = [(times_s >= start_s) & (times_s < end_s) for start_s, end_s in truth.intervals.times_s]
    values = np.any(inside, axis=0)[np.newaxis] if inside else np.zeros((1, grid.n_frames))
    return Ribbons(("sample",), grid, values.astype(np.float64), name="truth")


def _table(hits: Sequence[Mapping[str, float]], playable: bool, sample_s: float | None) -> Table:
    rows = []
    for hit in hits:
        cells = (
            f"{hit['start_s']:.1f} s",
            f"{hit['end_s']:.1f} s",
            f"{hit['pitch_shift_st']:+.1f} st",
            f"x {hit['tempo_ratio']:.2f}",
            f"{hit['confidence']:.0%}",
        )
        here = Clip(SONG, max(0.0, hit["start_s"]), hit["end_s"])
        actions: tuple[Action, ...] = (Action("play hit", (here,)),) if playable else ()
        if playable and sample_s is not None:
            actions = (Action("play sample, play hit", (Clip(SAMPLE, 0.0, sample_s), here)), *actions)
        rows.append(Row(cells, actions))
    name = f"{len(rows)} occurrence{'s' * (len(rows) != 1)}"
    return Table(name, ("from", "to", "transposed", "tempo", "confidence"), rows)

"""A separated song as a section of a page: stems that play together, the mixture to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.report import Page
from mirkit.report.description import Deck, Row, Section, Table, Track
from mirkit.separation.result import Separation

__all__ = ["describe", "show"]

TEXT = (
    "Solo and mute the stems, drag to loop a bar, and switch to the original: the stems sum to it. "
    "The strip below a waveform is the model's activity, which gates the stem."
)

NONE = "-"

MOST_S = 60.0
"""Shown of a result in a notebook: a page of seven whole songs would make it heavy."""


def describe(
    result: Separation,
    *,
    title: str = "",
    facts: Mapping[str, str] | None = None,
    scores_db: Mapping[str, Mapping[str, float]] | None = None,
    more: Sequence[Deck] = (),
) -> Section:
    """Return the section of a page for a separation.

    Parameters
    ----------
    result : Separation
        Stems; their sum is the original.
    title : str
        Name of the song.
    facts : mapping of str to str, optional
        Shown above the player, beside those that the result itself tells.
    scores_db : mapping of str to mapping, optional
        Measure to stem to value in dB, where the true stems are known.
    more : sequence of Deck
        Shown below, such as the true stems.

    Returns
    -------
    Section

    Examples
    --------
    >>> from mirkit.audio import Audio
    >>> half = Audio(np.full((1, 8000), 0.5, np.float32), 8000)
    >>> section = describe(Separation({"vocals": half, "other": half}))
    >>> [track.name for track in section.decks[0].tracks]
    ['original', 'vocals', 'other']
    """
    n_channels = int(next(iter(result.stems.values())).samples.shape[0])
    own = {
        "stems": str(len(result.stems)),
        "sound": f"{result.sample_rate / 1000:g} kHz, {n_channels} channel{'s' * (n_channels > 1)}",
    }
    tracks = [Track("original", result.mixture(), original=True)]
    tracks += [Track(name, stem, activity=_activity(result, name)) for name, stem in result.stems.items()]
    tables = [_levels(result, scores_db or {})]
    text = TEXT if result.activity is not None else TEXT.partition(" The strip")[0]
    return Section("separation", title, [Deck(tracks), *more], tables, {**(facts or {}), **own}, text)


def show(result: Separation, *, title: str = "") -> Page:
    """Return a page of a separation: stems to solo and mute, for a notebook or a file.

    Parameters
    ----------
    result : Separation
        Stems; their sum is the original.
    title : str
        Heading.

    Returns
    -------
    Page

    Examples
    --------
    >>> from mirkit.audio import Audio
    >>> half = Audio(np.full((1, 8000), 0.5, np.float32), 8000)
    >>> show(Separation({"vocals": half, "other": half}), title="My song").title
    'My song'
    """
    return Page([describe(result, title=title)], title=title or "Separation")


def glance(result: Separation) -> Page:
    """Return a page of the first minute."""
    if result.n_samples <= MOST_S * result.sample_rate:
        return show(result)
    stems = {
        name: Audio(stem.samples[:, : round(MOST_S * stem.sample_rate)], stem.sample_rate)
        for name, stem in result.stems.items()
    }
    section = describe(Separation(stems, result.activity), facts={"shown": f"the first {MOST_S:g} s"})
    return Page([section], title="Separation")


def _activity(result: Separation, name: str) -> tuple[FrameGrid, np.ndarray] | None:
    if result.activity is None or name not in result.activity.labels:
        return None
    return result.activity.grid, result.activity.values[result.activity.labels.index(name)]


def _levels(result: Separation, scores_db: Mapping[str, Mapping[str, float]]) -> Table:
    """Return how loud each stem is and for how much of the time it is active, and its scores."""
    rows = []
    for name, stem in result.stems.items():
        power = float(np.mean(np.square(stem.samples, dtype=np.float64)))
        level = f"{10 * np.log10(power):.1f} dB" if power > 1e-12 else "silent"
        activity = _activity(result, name)
        share = NONE if activity is None else f"{np.mean(activity[1] > 0.5):.0%}"
        scores = [f"{values[name]:.1f} dB" if name in values else NONE for values in scores_db.values()]
        rows.append(Row((name, level, share, *scores)))
    return Table("Stems", ("stem", "level", "active", *scores_db), rows)

"""Figures of performance assessment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mirkit import _figures
from mirkit.assessment.result import Assessment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "plot_ratings", "plot_sweeps", "save"]

COLOURS = {"correct": "#8fb8de", "wrong": "#d1495b", "missed": "#bbbbbb"}
ADDED = "#c98a1b"
CONTOUR = "#0b3c6f"
MARKS = ("o", "s", "^", "D", "v")
MANY = 60
"""Notes; with more, remarks on single notes are left to the table."""

save = _figures.save


def plot(result: Assessment, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Return the contour over the score's notes, with what went wrong.

    Blue bars are right notes at the score's pitch, red ones wrong, grey ones missed (drawn where they were
    due); ochre dots are added notes; dotted lines mark pauses and restarts.

    Parameters
    ----------
    result : Assessment
        From `predict`.
    ax : Axes, optional
        Where to draw; a new figure if None.
    title : str
        Heading; the verdict if there is one.

    Returns
    -------
    Axes

    Examples
    --------
    >>> plot(Assessment.empty(("unusable recording: silent",))).get_title()
    'unusable recording: silent'
    """
    ax = _figures.new_axes(13, 4.5)[0, 0] if ax is None else ax
    notes = result.notes
    tuning_st = result.tuning_cents / 100.0
    times_s = result.grid.times_s()
    voiced = result.f0_hz > 0
    midi = np.where(voiced, 69 + 12 * np.log2(np.where(voiced, result.f0_hz, 440.0) / 440.0), np.nan)
    _bars(ax, result)
    ax.plot(times_s, midi - tuning_st - result.octave_st, color=CONTOUR, linewidth=0.8, label="contour")
    if len(result.added):
        pitch = result.added["pitch_midi"] - tuning_st - result.octave_st
        ax.plot(result.added["onset_s"], pitch, "o", color=ADDED, markersize=4, label="added")
    for event in result.events:
        ax.axvline(event["time_s"], color="#555555", linestyle=":", linewidth=1)
        ax.annotate(
            event["kind"],
            (event["time_s"], 1),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            va="bottom",
            ha="center",
        )
    if 0 < len(notes) <= MANY:
        for note, remark in zip(notes, result.remarks, strict=True):
            if remark and np.isfinite(note["onset_s"]):
                ax.annotate(
                    remark,
                    (note["onset_s"], note["score_midi"] - 0.9),
                    fontsize=6,
                    rotation=30,
                    ha="left",
                    va="top",
                )
    if len(notes):
        ax.set_ylim(notes["score_midi"].min() - 4, notes["score_midi"].max() + 4)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("pitch (MIDI, as written in the score)" if len(notes) else "pitch (MIDI)")
    points = ", ".join(
        f"{n} {r.points:g}/{r.most:g}" for n, r in result.ratings.items() if r.points is not None
    )
    heading = "; ".join(result.verdicts) or points
    ax.set_title(f"{title}: {heading}" if title and heading else title or heading, fontsize=9)
    if len(notes):
        ax.legend(loc="upper right", fontsize=7, ncols=5)
    return ax


def _bars(ax: Axes, result: Assessment) -> None:
    """Draw the score's notes where they were played; missed ones between their neighbours."""
    notes = result.notes
    there = np.isfinite(notes["onset_s"])
    if not there.any():
        return
    due_s = np.interp(notes["beat"], notes["beat"][there], notes["onset_s"][there])
    for status, colour in COLOURS.items():
        rows = notes["status"] == status
        if rows.any():
            width = np.where(np.isfinite(notes["duration_s"]), notes["duration_s"], 0.1)[rows]
            ax.barh(
                notes["score_midi"][rows],
                width,
                left=due_s[rows],
                height=0.9,
                color=colour,
                label=status,
                alpha=0.8,
            )


def plot_ratings(
    rated: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray], *, ax: Axes | None = None
) -> Axes:
    """Return predicted against given ratings.

    Parameters
    ----------
    rated, predicted : mapping of str to ndarray
        Category to shares of the most points.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
    """
    ax = _figures.new_axes(5, 5)[0, 0] if ax is None else ax
    for k, (name, values) in enumerate(rated.items()):
        ax.plot(values, predicted[name], MARKS[k % len(MARKS)], markersize=4, alpha=0.6, label=name)
    ax.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    ax.set(xlabel="rated (share of the points)", ylabel="predicted", xlim=(0, 1), ylim=(0, 1))
    ax.legend(fontsize=8)
    return ax


def plot_sweeps(
    amounts: Sequence[float],
    ratings: Mapping[str, Mapping[str, Sequence[float]]],
    path: str | os.PathLike[str],
) -> None:
    """Write a figure of ratings against the amount of one fault at a time.

    Parameters
    ----------
    amounts : sequence of float
        Shared by all panels.
    ratings : mapping of str to mapping of str to sequence of float
        Fault to category to shares of the points.
    path : str or Path
        .png, .pdf or .svg.
    """
    columns = 4
    axes = _figures.new_axes(14, 3.0 * -(-len(ratings) // columns), -(-len(ratings) // columns), columns)
    for ax, (fault, by_category) in zip(axes.flat, ratings.items(), strict=False):
        for k, (category, shares) in enumerate(by_category.items()):
            ax.plot(amounts, shares, marker=MARKS[k % len(MARKS)], markersize=3, label=category)
        ax.set_title(fault, fontsize=9)
        ax.set_ylim(0, 1.05)
        ax.set_xlabel("amount", fontsize=8)
        ax.set_ylabel("share of the points", fontsize=8)
    for ax in list(axes.flat)[len(ratings) :]:
        ax.set_visible(False)
    axes.flat[0].legend(fontsize=7)
    _figures.save(axes.flat[0], path)

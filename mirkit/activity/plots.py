"""Figures of instrument activity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from mirkit.annotation import ActivityAnnotation, Intervals
from mirkit.audio import Audio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "save"]

HEARD = 0.05
"""Classes that never exceed this are left out of the figure, unless all would be."""


def plot(
    result: ActivityAnnotation,
    *,
    ax: Axes | None = None,
    intervals: Intervals | None = None,
    audio: Audio | None = None,
    title: str = "",
) -> Axes:
    """Return the timeline of activity: one row for each instrument, darker where more probable.

    Parameters
    ----------
    result : ActivityAnnotation
        Probabilities or truth.
    ax : Axes, optional
        Where to draw; a new figure if None.
    intervals : Intervals, optional
        Drawn as outlines: the decisions.
    audio : Audio, optional
        Its waveform becomes the lowest row.
    title : str
        Heading.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from mirkit import FrameGrid
    >>> values = [[0.9, 0.8, 0.1], [0.2, 0.6, 0.7]]
    >>> result = ActivityAnnotation(FrameGrid(0.0, 1.0, 3), ("piano", "violin"), values)
    >>> [label.get_text() for label in plot(result).get_yticklabels()]
    ['piano', 'violin']
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    strongest = np.nan_to_num(result.values, nan=0.0).max(axis=1, initial=0.0)
    rows = [row for row in range(len(result.labels)) if strongest[row] > HEARD] or list(
        range(len(result.labels))
    )
    ax = _new_axes(len(rows) + (audio is not None)) if ax is None else ax
    shades = LinearSegmentedColormap.from_list("activity", ["#ffffff", "#8fb8de", "#0b3c6f"], bad="#dddddd")
    start_s, end_s = result.grid.start_s, result.grid.end_s
    ax.imshow(
        np.ma.masked_invalid(result.values[rows]),
        aspect="auto",
        interpolation="nearest",
        cmap=shades,
        vmin=0.0,
        vmax=1.0,
        extent=(start_s, end_s, len(rows) - 0.5, -0.5),
    )
    labels = [result.labels[row] for row in rows]
    if intervals is not None:
        _outline(ax, intervals, labels)
    if audio is not None:
        _waveform(ax, audio, len(rows))
        labels.append("")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_xlim(start_s, end_s)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 3, 6, 10]))  # whole parts of a minute
    ax.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: f"{int(time_s // 60)}:{time_s % 60:02.0f}"))
    ax.set_xlabel("time (min:s)")
    ax.set_title(title)
    return ax


def save(axes: Axes, path: str | os.PathLike[str], *, dpi: int = 120) -> None:
    """Write the figure of some axes; letters that the font lacks become boxes, without a warning."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        axes.get_figure(root=True).savefig(path, dpi=dpi)  # type: ignore[union-attr]


def _new_axes(n_rows: int) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A figure of its own, not pyplot's: nothing to close, and no window system is asked for.
    figure = Figure(figsize=(11, 1.3 + 0.36 * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _outline(ax: Axes, intervals: Intervals, labels: list[str]) -> None:
    for (start_s, end_s), label in zip(intervals.times_s, intervals.labels, strict=True):
        if label in labels:
            row = labels.index(label)
            ax.plot([start_s, end_s], [row + 0.42] * 2, color="#d1495b", linewidth=2.5, solid_capstyle="butt")


def _waveform(ax: Axes, audio: Audio, row: int) -> None:
    y = audio.mono().samples[0]
    n_points = min(2000, max(1, len(y)))
    edges = np.linspace(0, len(y), n_points, endpoint=False).astype(int)
    peak = np.maximum.reduceat(np.abs(y), edges) if len(y) else np.zeros(n_points)
    height = 0.42 * peak / max(float(peak.max()), 1e-9)
    ax.fill_between(edges / audio.sample_rate, row - height, row + height, color="#888888", linewidth=0)

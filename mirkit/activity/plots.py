"""Figures of instrument activity."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit._figures import time_axis
from mirkit.activity.confusion import Confusion
from mirkit.activity.metrics import Scores
from mirkit.annotation import ActivityAnnotation, Intervals
from mirkit.audio import Audio
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot", "plot_comparison", "plot_confusion", "plot_labels", "plot_scales", "save"]

FEW = 10
"""Rows of a confusion matrix with fewer false positives are greyed: their shares are chance."""

COLOURS = ("#0b3c6f", "#d1495b", "#2e8b57", "#c98a1b", "#6a4c93", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P")

SUMMARIES = {
    "auc_macro": "macro AUC",
    "ap_macro": "macro average precision",
    "lrap_nonempty": "LRAP, clips with instruments",
    "f1_macro": "macro F1 at tuned thresholds",
}
"""Key of `Scores.summary` to its name in figures, where they differ."""

MEASURES = {
    "auc": "AUC",
    "ap": "average precision",
    "f1": "F1 at tuned thresholds",
    "f1_fixed": "F1 at 0.5",
    "lrap": "label ranking average precision",
}
"""Column of `Scores.table` to its name in figures."""

SHADES = ("#ffffff", "#8fb8de", "#0b3c6f")

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

    strongest = np.nan_to_num(result.values, nan=0.0).max(axis=1, initial=0.0)
    rows = [row for row in range(len(result.labels)) if strongest[row] > HEARD] or list(
        range(len(result.labels))
    )
    ax = _new_axes(11, 1.3 + 0.36 * (len(rows) + (audio is not None))) if ax is None else ax
    shades = LinearSegmentedColormap.from_list("activity", SHADES, bad="#dddddd")
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
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5 + (audio is not None), -0.5)
    ax.set_xlim(start_s, end_s)
    time_axis(ax)
    ax.set_title(title)
    return ax


def plot_confusion(confusion: Confusion, *, ax: Axes | None = None, few: int = FEW, title: str = "") -> Axes:
    """Return the matrix of what was missed when another instrument was falsely found.

    Colours are the shares of each row (`Confusion.distribution`), numbers the clips behind them; the
    false positives of a row stand at its right end. Rows with few of them are grey. Instruments that were
    neither falsely found nor missed are named below.

    Parameters
    ----------
    confusion : Confusion
        From `confuse` or `Scores.confusion`.
    ax : Axes, optional
        Where to draw; a new figure if None.
    few : int
        Rows with fewer false positives are greyed.
    title : str
        Heading.

    Returns
    -------
    Axes

    Examples
    --------
    >>> confusion = Confusion(("flute", "violin"), [[0, 30], [2, 0]], [40, 2], [30, 2])
    >>> [text.get_text() for text in plot_confusion(confusion).texts]
    ['30', '2', '40', '2']
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts, totals = confusion.counts, confusion.n_false_positives
    used = np.flatnonzero((totals > 0) | (counts.sum(axis=0) > 0))
    rows = used if used.size else np.arange(len(confusion.labels))
    labels = [confusion.labels[row] for row in rows]
    n = len(labels)
    ax = _new_axes(2.8 + 0.46 * n, 2.4 + 0.4 * n) if ax is None else ax
    shares = np.nan_to_num(confusion.distribution()[np.ix_(rows, rows)])
    grey = (totals[rows] < few)[:, np.newaxis]
    for scale, hidden in ((SHADES, grey), (("#f2f2f2", "#9a9a9a"), ~grey)):
        shades = LinearSegmentedColormap.from_list("confusion", scale)
        ax.imshow(
            np.ma.masked_where(np.broadcast_to(hidden, shares.shape), shares), cmap=shades, vmin=0.0, vmax=1.0
        )
    for i, j in np.argwhere(counts[np.ix_(rows, rows)] > 0):
        colour = "white" if shares[i, j] > 0.6 else "black"
        ax.text(j, i, f"{counts[rows[i], rows[j]]:g}", ha="center", va="center", fontsize=7, color=colour)
    for i, row in enumerate(rows):
        ax.text(n - 0.35, i, f"{totals[row]:g}", ha="left", va="center", fontsize=8)
    ax.set_xticks(range(n), labels, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n), labels)
    unused = [label for row, label in enumerate(confusion.labels) if row not in rows]
    absent = f"\nneither falsely found nor missed: {', '.join(unused)}" if unused else ""
    ax.set_xlabel(
        "missed in the same clip; darker: a larger share of what was missed\n"
        f"right: clips with the false positive; grey: fewer than {few}{absent}",
        wrap=True,
    )
    ax.set_ylabel("falsely found")
    ax.set_title(title)
    return ax


def plot_scales(
    models: Mapping[str, Sequence[Scores]], *, measure: str = "auc_macro", ax: Axes | None = None
) -> Axes:
    """Return one line a model: a measure over all labels on each time scale.

    Parameters
    ----------
    models : mapping of str to sequence of Scores
        Name to scores on several scales; those of the first pooling of each scale are drawn.
    measure : str
        Key of `Scores.summary`.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        If there is no such measure.
    """
    ax = _new_axes(5, 3.6) if ax is None else ax
    lengths_s = {one.scale: one.window_s for scores in models.values() for one in scores}
    scales = sorted(lengths_s, key=lambda scale: lengths_s[scale])
    for number, (name, scores) in enumerate(models.items()):
        first = {one.scale: one for one in reversed(scores)}  # the first of each scale stays
        chosen = sorted(first.values(), key=lambda one: one.window_s)
        if measure not in chosen[0].summary:
            raise ParameterError(f"no measure {measure!r}; there are {', '.join(chosen[0].summary)}")
        ax.plot(
            [scales.index(one.scale) for one in chosen],
            [one.summary[measure] for one in chosen],
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markerfacecolor="none",  # what lies behind shows
            label=name,
        )
    ax.set_xticks(range(len(scales)), scales)
    ax.set_ylim(top=1.0)
    ax.grid(axis="y", linewidth=0.4)
    ax.set_xlabel("length of a clip")
    ax.set_ylabel(SUMMARIES.get(measure, measure.replace("_", " ")))
    return ax


def plot_labels(models: Mapping[str, Scores], *, measure: str = "ap", ax: Axes | None = None) -> Axes:
    """Return one row for each label with a dot a model; a label without the measure says so.

    Parameters
    ----------
    models : mapping of str to Scores
        Name to scores, all on one scale and with the same labels.
    measure : {"auc", "ap", "f1", "f1_fixed", "lrap"}
        Column of `Scores.table`.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        If there is no such measure or the models have different labels.
    """
    if measure not in MEASURES:
        raise ParameterError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    labels = next(iter(models.values())).labels
    if any(scores.labels != labels for scores in models.values()):
        raise ParameterError("the models have different labels; compare those of one taxonomy")
    ax = _new_axes(6, 1.2 + 0.3 * len(labels)) if ax is None else ax
    columns = np.array([scores.table[measure] for scores in models.values()])  # (n_models, n_labels)
    for number, (name, column) in enumerate(zip(models, columns, strict=True)):
        ax.plot(
            column,
            np.arange(len(labels)),
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markerfacecolor="none",
            linestyle="",
            label=name,
        )
    for row in np.flatnonzero(np.isnan(columns).all(axis=0)):
        ax.text(0.01, float(row), "not defined", fontsize=7, color="#777777", va="center")
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_xlim(0.0, 1.02)
    ax.grid(linewidth=0.4)
    ax.set_xlabel(MEASURES[measure])
    return ax


def plot_comparison(models: Mapping[str, Sequence[Scores]]) -> Figure:
    """Return a figure of several models: measures on all time scales, and each label on the shortest.

    Parameters
    ----------
    models : mapping of str to sequence of Scores
        Name to scores on several scales, from `evaluate_scales`.

    Returns
    -------
    Figure
    """
    shortest = {name: min(scores, key=lambda one: one.window_s) for name, scores in models.items()}
    n_labels = len(next(iter(shortest.values())).labels)
    figure = _new_figure(12, max(5.0, 1.4 + 0.3 * n_labels))
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    left, right = parts
    for ax, measure in zip(
        np.ravel(left.subplots(2, 2)), ("auc_macro", "ap_macro", "lrap_nonempty", "f1_macro"), strict=True
    ):
        plot_scales(models, measure=measure, ax=ax)
    ax = plot_labels(shortest, ax=right.subplots())
    ax.set_title(f"each instrument, {next(iter(shortest.values())).scale} clips", fontsize=10)
    handles, names = ax.get_legend_handles_labels()
    n_columns = max(1, min(len(names), 100 // (max(map(len, names)) + 8)))
    figure.legend(handles, names, loc="outside lower center", ncols=n_columns, frameon=False)
    return figure


def save(drawn: Axes | Figure, path: str | os.PathLike[str], *, dpi: int = 120) -> None:
    """Write a figure, or that of some axes; letters that the font lacks become boxes, without a warning."""
    import warnings

    figure = drawn if hasattr(drawn, "savefig") else drawn.get_figure(root=True)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(path, dpi=dpi)  # type: ignore[union-attr]


def _new_axes(width_in: float, height_in: float) -> Axes:
    return _new_figure(width_in, height_in).add_subplot()


def _new_figure(width_in: float, height_in: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A figure of its own, not pyplot's: nothing to close, and no window system is asked for.
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


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

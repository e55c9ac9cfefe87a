"""Figures of sample detection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mirkit import _figures
from mirkit.errors import ParameterError
from mirkit.sampling.metrics import Scores, reliability
from mirkit.sampling.result import Detections

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "plot_reliability"]

FOUND = "#d1495b"
LINE = "#0b3c6f"


def plot(result: Detections, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Return the evidence: how alike sample and song are, moment by moment, with the paths that were found.

    Dark is alike, at the transposition of the best occurrence; a dark line that rises to the right is the
    sample being played. Without evidence only the occurrences are drawn.

    Parameters
    ----------
    result : Detections
        From `predict`.
    ax : Axes, optional
        Where to draw; a new figure if None.
    title : str
        Heading before the verdict.

    Returns
    -------
    Axes

    Examples
    --------
    >>> plot(Detections.none(0.1), title="song").get_title()
    'song: not found (10 %)'
    """
    ax = _figures.new_axes(13, 4)[0, 0] if ax is None else ax
    evidence, top_s = result.evidence, 1.0
    if evidence is not None:
        n_rows, n_columns = evidence.similarity.shape
        top_s, end_s = n_rows * evidence.sample_hop_s, n_columns * evidence.song_hop_s
        high = float(np.quantile(evidence.similarity, 0.999)) or 1.0
        ax.imshow(
            evidence.similarity, origin="lower", aspect="auto", cmap="Greys", vmin=0.0, vmax=high,
            extent=(0.0, end_s, 0.0, top_s), interpolation="nearest",
        )  # fmt: skip
        for path in evidence.paths:
            ax.plot(path[:, 1], path[:, 0], color=FOUND, linewidth=1.5)
        ax.set_xlim(0.0, end_s)
    for row in result.rows():
        ax.axvspan(row["start_s"], row["end_s"], color=FOUND, alpha=0.12, linewidth=0)
        ax.text(row["start_s"], top_s, f"{row['confidence']:.0%}", fontsize=7, rotation=90, va="top",
                color=FOUND)  # fmt: skip
    ax.set_ylim(0.0, top_s)
    ax.set(xlabel="song (s)", ylabel="sample (s)", title=_heading(result, title))
    return ax


def _heading(result: Detections, title: str) -> str:
    verdict = "found" if result.present else "not found"
    text = f"{title + ': ' if title else ''}{verdict} ({result.song_confidence:.0%})".replace("%", " %")
    if not len(result):
        return text
    best = result.rows()[int(result.confidence.argmax())]
    return f"{text}, {len(result)} times, {best['pitch_shift_st']:+.1f} st, tempo x {best['tempo_ratio']:.2f}"


def plot_reliability(scores: Scores, *, ax: Axes | None = None) -> Axes:
    """Return how often songs of a confidence hold the sample; on the diagonal, confidence is what it says.

    Parameters
    ----------
    scores : Scores
        From `evaluate`.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        If there are no pairs.
    """
    if not scores.items:
        raise ParameterError("no pairs, so no reliability; evaluate at least one")
    ax = _figures.new_axes(4.5, 4)[0, 0] if ax is None else ax
    confidence, share, n = (np.array(values) for values in zip(*reliability(scores), strict=True))
    ax.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":")
    ax.plot(confidence, share, "o-", color=LINE)
    for x, y, number in zip(confidence, share, n, strict=True):
        ax.annotate(str(number), (x, y), textcoords="offset points", xytext=(5, -9), fontsize=7)
    ax.set(xlim=(0, 1), ylim=(-0.03, 1.03), xlabel="confidence", ylabel="share of songs with the sample")
    return ax

"""Figures of separation: stems over time, spectrograms with masks, scores of several systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mirkit._figures import new_axes, time_axis
from mirkit._typing import Signal
from mirkit.annotation.activity import runs
from mirkit.audio import Audio
from mirkit.dsp import stft
from mirkit.errors import ParameterError
from mirkit.separation.metrics import Scores
from mirkit.separation.result import Separation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "plot_scores", "plot_spectrograms"]

COLOURS = ("#0b3c6f", "#d1495b", "#3b8b5a", "#8a5fbf", "#c98b2b", "#4a9aa8", "#777777")
ACTIVE_COLOUR = "#f4d58d"

LABELS = {
    "sdr": "SDR, dB", "isr": "ISR, dB", "sir": "SIR, dB", "sar": "SAR, dB",
    "sdr_global": "SDR of the song, dB", "si_sdr": "SI-SDR, dB", "leakage_db": "leakage, dB",
    "activity_auc": "AUC of activity", "activity_f1": "F1 of activity", "n_windows": "windows",
}  # fmt: skip

RANGE_DB = 70.0
N_FFT = 2048
MAX_COLUMNS = 1200
"""Frames of a spectrogram: more than a figure has dots for would only cost time."""


def plot(result: Separation, *, ax: Axes | None = None, title: str = "", offset_s: float = 0.0) -> Axes:
    """Return the stems over time: a waveform for each, shaded where its activity is above one half.

    Parameters
    ----------
    result : Separation
        Stems.
    ax : Axes, optional
        Where to draw; a new figure if None.
    title : str
        Heading.
    offset_s : float
        Time at which the result begins, for the axis.

    Returns
    -------
    Axes

    Examples
    --------
    >>> stem = Audio(np.zeros((1, 8000), np.float32), 8000)
    >>> [label.get_text() for label in plot(Separation({"vocals": stem, "other": stem})).get_yticklabels()]
    ['vocals', 'other']
    """
    names = list(result.stems)
    ax = new_axes(11, 1.3 + 0.6 * len(names))[0, 0] if ax is None else ax
    loudest = max(1e-9, *(float(np.abs(stem.samples).max(initial=0.0)) for stem in result.stems.values()))
    for row, (name, stem) in enumerate(result.stems.items()):
        _shade(ax, result, name, row, offset_s)
        times_s, heights = _envelope(stem)
        heights = 0.46 * heights / loudest
        colour = COLOURS[row % len(COLOURS)]
        ax.fill_between(offset_s + times_s, row - heights, row + heights, color=colour, linewidth=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(offset_s, offset_s + max(result.n_samples / result.sample_rate, 1e-3))
    time_axis(ax)
    ax.set_title(title)
    return ax


def plot_spectrograms(result: Separation, *, title: str = "", offset_s: float = 0.0) -> Axes:
    """Return a figure's first axes: the mixture's spectrogram, and each stem's beside its mask.

    Parameters
    ----------
    result : Separation
        Stems that sum to the mixture; half a minute shows well.
    title : str
        Heading.
    offset_s : float
        Time at which the result begins, for the axis.

    Returns
    -------
    Axes
        The mixture's; the others belong to the same figure. A line in a stem's spectrogram is its
        activity, from 0 at the bottom to 1 at the top.

    Examples
    --------
    >>> stem = Audio(np.ones((1, 8000), np.float32), 8000)
    >>> plot_spectrograms(Separation({"vocals": stem, "other": stem})).get_title(loc="left")
    'mixture'
    """
    rate = result.sample_rate
    parts = {name: stem.mono().samples[0] for name, stem in result.stems.items()}
    mixture = _magnitudes(np.sum(list(parts.values()), axis=0))
    top_db = 20 * np.log10(max(float(mixture.max()), 1e-9))
    axes = new_axes(13, 1.9 * (1 + len(parts)), 1 + len(parts), 2)
    extent = (offset_s, offset_s + result.n_samples / rate, 0.0, rate / 2000)
    _image(axes[0, 0], mixture, top_db, extent, "mixture")
    axes[0, 1].axis("off")
    axes[0, 1].text(0, 0.5, title, va="center")
    for row, (name, signal) in enumerate(parts.items(), start=1):
        magnitudes = _magnitudes(signal)
        _image(axes[row, 0], magnitudes, top_db, extent, name)
        _activity_line(axes[row, 0], result, name, extent)
        mask = np.clip(magnitudes / np.maximum(mixture, 1e-6), 0, 1)
        axes[row, 1].imshow(mask, origin="lower", aspect="auto", extent=extent, cmap="gray", vmin=0, vmax=1)
        axes[row, 1].set_title(f"mask of {name}", loc="left", fontsize="small")
    for ax in axes[-1]:
        time_axis(ax)
    for ax in axes[:-1].ravel():
        ax.tick_params(labelbottom=False)
    for ax in axes[:, 0]:
        ax.set_ylabel("kHz")
    first: Axes = axes[0, 0]
    return first


def plot_scores(systems: Mapping[str, Scores], *, measure: str = "sdr", ax: Axes | None = None) -> Axes:
    """Return boxes of the songs' scores: targets along the axis, systems side by side.

    Parameters
    ----------
    systems : mapping of str to Scores
        Name of each system to its scores.
    measure : str
        One of the scores' measures.
    ax : Axes, optional
        Where to draw; a new figure if None.

    Returns
    -------
    Axes
        Boxes from the first to the third quartile with the median; every song is a dot, or a triangle at the
        edge if it lies far from all boxes.

    Raises
    ------
    ParameterError
        If there are no systems or the measure is not among their scores.

    Examples
    --------
    >>> scores = Scores(("a", "b"), ("vocals",), {"sdr": np.array([[1.0], [3.0]])})
    >>> plot_scores({"ours": scores, "theirs": scores}).get_ylabel()
    'SDR, dB'
    """
    if not systems:
        raise ParameterError("no systems to draw; give at least one")
    if any(measure not in scores.table for scores in systems.values()):
        known = ", ".join(next(iter(systems.values())).table)
        raise ParameterError(f"measure must be one of {known}, got {measure!r}")
    targets = list(dict.fromkeys(target for scores in systems.values() for target in scores.targets))
    ax = new_axes(2 + 0.4 * len(systems) * max(2, len(targets)), 4.5)[0, 0] if ax is None else ax
    width = 0.8 / len(systems)
    dots: list[tuple[float, np.ndarray, str]] = []
    whiskers: list[float] = []
    for k, (name, scores) in enumerate(systems.items()):
        colour = COLOURS[k % len(COLOURS)]
        places, columns = [], []
        for target, values in zip(scores.targets, scores.table[measure].T, strict=True):
            known = values[np.isfinite(values)]
            if known.size:
                places.append(targets.index(target) + (k - (len(systems) - 1) / 2) * width)
                columns.append(known)
                dots.append((places[-1], known, colour))
        if columns:
            boxes = ax.boxplot(
                columns, positions=places, widths=0.8 * width, showfliers=False, manage_ticks=False
            )
            for line in (line for lines in boxes.values() for line in lines):
                line.set_color(colour)
            whiskers += [float(y) for line in boxes["whiskers"] for y in line.get_ydata()]
        ax.plot([], [], color=colour, label=name)
    _dots(ax, dots, whiskers)
    ax.set_xticks(range(len(targets)), targets)
    ax.set_xlim(-0.6, len(targets) - 0.4)
    ax.set_ylabel(LABELS.get(measure, measure))
    ax.grid(axis="y", alpha=0.3)
    ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _dots(ax: Axes, dots: Sequence[tuple[float, np.ndarray, str]], whiskers: Sequence[float]) -> None:
    """Draw a dot for each song; one song that is far from all boxes must not flatten them."""
    low, high = min(whiskers, default=0.0), max(whiskers, default=1.0)
    margin = 0.1 * (high - low) + 1e-3
    low, high = low - margin, high + margin
    for place, values, colour in dots:
        for marker, kept, y in (
            (".", (values >= low) & (values <= high), values),
            ("^", values > high, np.full_like(values, high)),
            ("v", values < low, np.full_like(values, low)),
        ):
            x = np.full(int(kept.sum()), place)
            ax.plot(x, y[kept], marker, color=colour, alpha=0.5, markersize=4, clip_on=False)
    ax.set_ylim(low, high)


def _shade(ax: Axes, result: Separation, name: str, row: int, offset_s: float) -> None:
    if result.activity is None or name not in result.activity.labels:
        return
    values = result.activity.values[result.activity.labels.index(name)]
    times_s = offset_s + np.append(result.activity.grid.times_s(), result.activity.grid.end_s)
    spans = [(times_s[first], times_s[last] - times_s[first]) for first, last in runs(values > 0.5)]
    ax.broken_barh(spans, (row - 0.48, 0.96), color=ACTIVE_COLOUR, linewidth=0)


def _envelope(stem: Audio) -> tuple[np.ndarray, np.ndarray]:
    """Return times and the largest magnitude around each."""
    peaks = np.abs(stem.samples).max(axis=0)
    n = min(2000, len(peaks))
    edges = np.linspace(0, len(peaks), n, endpoint=False).astype(int)
    heights = np.maximum.reduceat(peaks, edges) if n else peaks
    return edges / stem.sample_rate, heights


def _magnitudes(signal: Signal) -> np.ndarray:
    padded = np.pad(signal, (0, max(0, N_FFT - len(signal))))
    hop_length = max(N_FFT // 4, len(padded) // MAX_COLUMNS)
    return np.abs(stft(padded, n_fft=N_FFT, hop_length=hop_length))


def _image(
    ax: Axes, magnitudes: np.ndarray, top_db: float, extent: tuple[float, float, float, float], name: str
) -> None:
    level_db = 20 * np.log10(np.maximum(magnitudes, 1e-9))
    ax.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=top_db - RANGE_DB,
        vmax=top_db,
    )
    ax.set_title(name, loc="left", fontsize="small")


def _activity_line(
    ax: Axes, result: Separation, name: str, extent: tuple[float, float, float, float]
) -> None:
    if result.activity is None or name not in result.activity.labels:
        return
    values = result.activity.values[result.activity.labels.index(name)]
    ax.plot(extent[0] + result.activity.grid.times_s(), extent[3] * values, color=ACTIVE_COLOUR, linewidth=1)
    ax.set_xlim(extent[:2])
    ax.set_ylim(extent[2:])

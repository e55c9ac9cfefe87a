"""Figures without a window system: making their axes, and writing them."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["new_axes", "save", "time_axis"]


def new_axes(width_in: float, height_in: float, n_rows: int = 1, n_columns: int = 1) -> np.ndarray:
    """Return the axes of a new figure, ``(n_rows, n_columns)``.

    The figure is not pyplot's: nothing to close, and no window system is asked for.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return np.asarray(figure.subplots(n_rows, n_columns, squeeze=False))


def save(axes: Axes, path: str | os.PathLike[str], *, dpi: int = 120) -> None:
    """Write the figure of some axes; letters that the font lacks become boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        axes.get_figure(root=True).savefig(path, dpi=dpi)  # type: ignore[union-attr]


def time_axis(ax: Axes) -> None:
    """Give an axis of seconds ticks at whole parts of a minute, as minutes and seconds."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 3, 6, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: clock(time_s)))
    ax.set_xlabel("time (min:s)")


def clock(time_s: float) -> str:
    """Return minutes and seconds, with as many decimals as it takes.

    Examples
    --------
    >>> clock(59.7), clock(59.99999), clock(60.0), clock(0.9), clock(130.0)
    ('0:59.7', '1:00', '1:00', '0:00.9', '2:10')
    """
    minutes, seconds = divmod(round(time_s, 3), 60)
    return f"{minutes:.0f}:" + f"{seconds:06.3f}".rstrip("0").rstrip(".")

"""Figures without a window system: making their axes, and writing them."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["new_axes", "save"]


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

"""Subsequence dynamic time warping that carries along where each path began and how long it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mirkit.errors import ParameterError

__all__ = ["Ends", "subsequence_dtw", "trace"]

_COMPILED: dict[str, Any] = {}

DIAGONAL, DOWN, RIGHT = 0, 1, 2
"""How a cell was reached: both advanced, the sample (rows) alone, the song (columns) alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """The best path that ends in each column.

    Parameters
    ----------
    cost : ndarray of shape (n_columns,)
        Sum of the distances along it.
    start : ndarray of shape (n_columns,)
        Column in which it began.
    length : ndarray of shape (n_columns,)
        Cells on it.
    steps : ndarray of shape (n_rows, n_columns) or None
        How each cell was reached, if asked for.
    """

    cost: np.ndarray
    start: np.ndarray
    length: np.ndarray
    steps: np.ndarray | None = None


def subsequence_dtw(distances: np.ndarray, *, with_steps: bool = False) -> Ends:
    """Return for every column the cheapest path from the first row to the last that ends there.

    The steps (1, 1), (1, 0) and (0, 1) cost what the cell costs that they lead to; a path may begin in any
    column. M. Müller, "Fundamentals of Music Processing", 2015, section 7.2.3. Two columns of memory are
    needed unless the steps are kept, one byte each.

    Parameters
    ----------
    distances : ndarray of shape (n_rows, n_columns)
        Not negative; rows are the sample's frames, columns the song's.
    with_steps : bool
        Keep what `trace` needs.

    Returns
    -------
    Ends
        Costs in double precision; where several paths cost the same, that of diagonal steps is taken, then
        that of the row before.

    Raises
    ------
    ParameterError
        If the matrix is empty or holds values that are not finite.

    Examples
    --------
    >>> D = np.array([[1, 0, 1, 1], [1, 1, 0, 1]], np.float32)
    >>> ends = subsequence_dtw(D)
    >>> int(ends.cost.argmin()), float(ends.cost.min()), int(ends.start[2]), int(ends.length[2])
    (2, 0.0, 1, 2)
    """
    distances = np.asarray(distances)
    if distances.ndim != 2 or 0 in distances.shape:
        raise ParameterError(f"distances must have shape (n_rows, n_columns), got {distances.shape}")
    if not np.isfinite(distances).all():
        raise ParameterError("distances must be finite; replace NaN and infinity before the path is sought")
    if not _COMPILED:  # importing numba takes a second
        from numba import njit

        _COMPILED["forward"] = njit(_forward, cache=True)
    n_rows, n_columns = distances.shape
    steps = np.zeros((n_rows, n_columns) if with_steps else (1, 1), np.int8)
    cost, start, length = _COMPILED["forward"](np.ascontiguousarray(distances), steps, with_steps)
    return Ends(cost, start, length, steps if with_steps else None)


def _forward(
    distances: np.ndarray, steps: np.ndarray, with_steps: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_rows, n_columns = distances.shape
    cost = np.empty(n_columns)
    start = np.empty(n_columns, np.int64)
    length = np.ones(n_columns, np.int64)
    for t in range(n_columns):
        cost[t] = distances[0, t]
        start[t] = t
    for i in range(1, n_rows):
        # `before` is the row above, one column to the left: the row is overwritten from there.
        before_cost, before_start, before_length = cost[0], start[0], length[0]
        cost[0] += distances[i, 0]
        length[0] += 1
        if with_steps:
            steps[i, 0] = 1
        for t in range(1, n_columns):
            above_cost, above_start, above_length = cost[t], start[t], length[t]
            best, begin, cells, step = before_cost, before_start, before_length, 0
            if above_cost < best:
                best, begin, cells, step = above_cost, above_start, above_length, 1
            if cost[t - 1] < best:
                best, begin, cells, step = cost[t - 1], start[t - 1], length[t - 1], 2
            cost[t] = best + distances[i, t]
            start[t] = begin
            length[t] = cells + 1
            if with_steps:
                steps[i, t] = step
            before_cost, before_start, before_length = above_cost, above_start, above_length
    return cost, start, length


def trace(ends: Ends, column: int) -> np.ndarray:
    """Return the path that ends in a column.

    Parameters
    ----------
    ends : Ends
        With steps.
    column : int
        Its last column.

    Returns
    -------
    ndarray of shape (n_cells, 2)
        Row and column, from the first row to the last.

    Raises
    ------
    ParameterError
        If the steps were not kept.

    Examples
    --------
    >>> D = np.array([[1, 0, 1, 1], [1, 1, 0, 1]], np.float32)
    >>> trace(subsequence_dtw(D, with_steps=True), 2).tolist()
    [[0, 1], [1, 2]]
    """
    if ends.steps is None:
        raise ParameterError("the path needs its steps; call subsequence_dtw(..., with_steps=True)")
    i, t = len(ends.steps) - 1, column
    path = [(i, t)]
    while i > 0:
        step = ends.steps[i, t]
        i -= step != RIGHT
        t -= step != DOWN
        path.append((i, t))
    return np.array(path[::-1])

"""Sums along straight lines through a matrix, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["sums_along_lines"]

_COMPILED: dict[str, Any] = {}


def sums_along_lines(matrix: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:
    """Add up a matrix along lines: ``out[k, t] = sum_i matrix[i, t + offsets[k, i]] / n_rows``.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_columns)
        float32.
    offsets : ndarray of shape (n_lines, n_rows)
        Not negative, rising along a row.
    out : ndarray of shape (n_lines, n_columns)
        Overwritten; 0 where a line would leave the matrix.

    Examples
    --------
    >>> out = np.zeros((1, 4), np.float32)
    >>> sums_along_lines(np.eye(2, 4, dtype=np.float32), np.array([[0, 1]]), out)
    >>> out.tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    if not _COMPILED:  # importing numba takes a second
        from numba import njit

        _COMPILED["sums"] = njit(_sums, cache=True, fastmath=True)
    _COMPILED["sums"](matrix, offsets, out)


def _sums(matrix: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:
    n_rows, n_columns = matrix.shape
    for k in range(offsets.shape[0]):
        out[k] = 0.0
        line = out[k, : max(0, n_columns - offsets[k, n_rows - 1])]
        for i in range(n_rows):
            row = matrix[i, offsets[k, i] :]  # a slice has no negative indices, so the loop becomes vectors
            for t in range(line.shape[0]):
                line[t] += row[t]
        for t in range(line.shape[0]):
            line[t] /= n_rows

"""Threads of BLAS, which only wait for one another where products are small or other processes compute."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["one_blas_thread"]


class _Blas:
    """What overlapping calls of `one_blas_thread` share."""

    lock = threading.Lock()
    n_inside = 0
    n_threads = 1
    limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[int]:
    """Keep NumPy's and SciPy's BLAS to one thread, and give the number of threads that it would take.

    Calls may overlap in several threads: the limit holds for the whole process, so the first of them sets
    it and the last one lifts it. If each restored what it had found, the limit of the first would stay.

    Yields
    ------
    int

    Examples
    --------
    >>> with one_blas_thread() as n_threads:
    ...     n_threads >= 1
    True
    """
    from threadpoolctl import ThreadpoolController

    with _Blas.lock:
        if _Blas.n_inside == 0:
            controller = ThreadpoolController().select(user_api="blas")
            _Blas.n_threads = max((library["num_threads"] for library in controller.info()), default=1)
            _Blas.limit = controller.limit(limits=1)
        _Blas.n_inside += 1
        n_threads = _Blas.n_threads
    try:
        yield n_threads
    finally:
        with _Blas.lock:
            _Blas.n_inside -= 1
            if _Blas.n_inside == 0:
                _Blas.limit.restore_original_limits()

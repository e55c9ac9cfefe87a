"""One function over many inputs: every input is tried, failures are collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from mirkit.errors import MirkitError, MissingDependencyError

__all__ = ["Backend", "Outcome", "Progress", "map_all"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Backend = Literal["loky", "dask", "ray"]


class Progress(Protocol):
    """Called with how many steps are done and how many there are."""

    def __call__(self, done: int, total: int) -> None:
        """Take note of the progress."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Item, Result]):
    """What became of one input: a result, or the error that it raised.

    Parameters
    ----------
    item
        The input.
    result
        What the function returned; None if it failed.
    error : str or None
        Text of the error; None if there was none.
    """

    item: Item
    result: Result | None
    error: str | None


def map_all(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> list[Outcome[Item, Result]]:
    """Return the outcome of a function for every item, in the order of the items.

    Parameters
    ----------
    function : callable
        Takes one item; with several jobs it must be importable (picklable).
    items : sequence
        Inputs.
    n_jobs : int
        Worker processes, each with one thread for BLAS and torch; 1 runs here, with all threads.
    backend : {"loky", "dask", "ray"}
        joblib backend: this machine, or the Dask or Ray cluster that joblib is connected to.
    progress : callable, optional
        Called after each item.

    Returns
    -------
    list of Outcome
        Errors of mirkit and of the operating system become text; any other exception is a defect
        and passes through.

    Examples
    --------
    >>> [outcome.result for outcome in map_all(len, ["a", "bcd"])]
    [1, 3]
    """
    outcomes: list[Outcome[Item, Result]] = []
    for outcome in _run(function, items, n_jobs, backend):
        outcomes.append(outcome)
        if progress is not None:
            progress(len(outcomes), len(items))
    return outcomes


def _run(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int, backend: Backend
) -> Iterator[Outcome[Item, Result]]:
    if n_jobs == 1 or len(items) < 2:
        return (_try(function, item) for item in items)
    import joblib

    _register(backend)
    # A cluster sets the threads of its workers itself.
    threads = {"inner_max_num_threads": 1} if backend == "loky" else {}
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs, **threads):
        calls = (joblib.delayed(_try)(function, item) for item in items)
        outcomes: Iterable[Outcome[Item, Result]] = joblib.Parallel(return_as="generator")(calls)
        return iter(outcomes)


def _try(function: Callable[[Item], Result], item: Item) -> Outcome[Item, Result]:
    try:
        return Outcome(item, function(item), None)
    except MirkitError as error:
        return Outcome(item, None, str(error))
    except OSError as error:
        if error.filename is None or error.strerror is None:
            return Outcome(item, None, str(error))
        return Outcome(item, None, f"{error.filename}: {error.strerror.lower()}")


def _register(backend: Backend) -> None:
    """Make the Ray backend known to joblib; Dask registers itself on import."""
    if backend == "loky":
        return
    try:
        if backend == "dask":
            import distributed  # noqa: F401  # registers the backend
        else:
            from ray.util.joblib import register_ray

            register_ray()
    except ImportError as error:
        raise MissingDependencyError(
            f"backend {backend!r} needs its package: pip install {backend}"
        ) from error

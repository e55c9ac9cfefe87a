"""One function over many inputs: every input is tried, failures are collected."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from mirkit.errors import MirkitError, ParameterError

__all__ = ["Backend", "Outcome", "Progress", "Shard", "map_all"]

Item = TypeVar("Item")
Result = TypeVar("Result")
Backend = Literal["loky", "dask", "ray"]

MAX_GROWTH = 3_000_000_000
"""Bytes that a worker may grow by before it is renewed; see `_attempt_at`."""


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


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a corpus, for arrays of jobs that each take theirs: every n-th input from the i-th on.

    Parameters
    ----------
    i : int
        Which part, from 1.
    n : int
        How many parts there are.

    Raises
    ------
    ParameterError
        If ``i`` is not in 1…n.

    Examples
    --------
    >>> Shard(2, 3).of(["a", "b", "c", "d", "e"])
    ['b', 'e']
    """

    i: int
    n: int

    def __post_init__(self) -> None:
        if not 1 <= self.i <= self.n:
            raise ParameterError(f"shard {self.i}/{self.n}: the first number must be from 1 to the second")

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return this part of the items; all parts together hold each item once."""
        return list(items[self.i - 1 :: self.n])


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
        Worker processes, each with one thread for BLAS and torch; 1 runs here, with all threads. A cluster
        that is there already has its own number of workers.
    backend : {"loky", "dask", "ray"}
        Processes of this machine; or a Dask or Ray cluster, the one that ``DASK_SCHEDULER_ADDRESS`` or
        ``RAY_ADDRESS`` names, or else one of ``n_jobs`` workers on this machine.
    progress : callable, optional
        Called after each item.

    Returns
    -------
    list of Outcome
        Errors of mirkit and of the operating system become text; any other exception is a defect
        and passes through.

    Raises
    ------
    MirkitError
        If a worker process of this machine is killed. A cluster tries its item again on another worker.
    MissingDependencyError
        If the package of the cluster is not installed.

    Examples
    --------
    >>> [outcome.result for outcome in map_all(len, ["a", "bcd"])]
    [1, 3]
    """
    outcomes: dict[int, Outcome[Item, Result]] = {}
    for position, outcome in _run(function, items, n_jobs, backend):
        outcomes[position] = outcome
        if progress is not None:
            progress(len(outcomes), len(items))
    return [outcomes[position] for position in range(len(items))]


def _run(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int, backend: Backend
) -> Iterable[tuple[int, Outcome[Item, Result]]]:
    if not items:
        return ()
    if backend != "loky":
        from mirkit import cluster

        return cluster.run(attempt, function, items, n_workers=n_jobs, backend=backend)
    if n_jobs == 1 or len(items) == 1:
        return ((position, attempt(function, item)) for position, item in enumerate(items))
    return _on_processes(function, items, n_jobs)


def _on_processes(
    function: Callable[[Item], Result], items: Sequence[Item], n_jobs: int
) -> Iterator[tuple[int, Outcome[Item, Result]]]:
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # Workers whose memory grew too far are renewed; nothing is lost by it and there is nothing to do.
    warnings.filterwarnings("ignore", "A worker stopped", UserWarning, r"joblib\.externals\.loky")
    calls = (joblib.delayed(_attempt_at)(position, function, item) for position, item in enumerate(items))
    with joblib.parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        outcomes = joblib.Parallel(return_as="generator_unordered")
    try:
        yield from outcomes(calls)
    except TerminatedWorkerError as error:
        raise MirkitError(
            "a worker process was killed, perhaps for lack of memory; what is finished is kept: "
            "run again with --existing skip, or fewer --jobs"
        ) from error


def _attempt_at(
    position: int, function: Callable[[Item], Result], item: Item
) -> tuple[int, Outcome[Item, Result]]:
    from joblib.externals.loky import process_executor

    # loky takes a growth of 300 MB for a leak, and has no option for it. Banks, voices and networks that are
    # read once are more than that, and a new worker reads them anew: songs took twice as long.
    process_executor._MAX_MEMORY_LEAK_SIZE = MAX_GROWTH
    return position, attempt(function, item)


def attempt(function: Callable[[Item], Result], item: Item) -> Outcome[Item, Result]:
    """Return the outcome of a function for one item; a defect passes through."""
    try:
        return Outcome(item, function(item), None)
    except MirkitError as error:
        return Outcome(item, None, str(error))
    except OSError as error:
        if error.filename is None or error.strerror is None:
            return Outcome(item, None, str(error))
        return Outcome(item, None, f"{error.filename}: {error.strerror.lower()}")

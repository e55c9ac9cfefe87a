"""A Dask or a Ray cluster as the place where jobs run: the one that is there, or one of this machine."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from mirkit.errors import MirkitError, MissingDependencyError

__all__ = ["run"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
N_RETRIES = 3
"""So often is an item tried again whose worker died; then the item is taken to be the reason."""
PATIENCE_S = 10
"""So long is a Dask scheduler waited for."""
MOST_WAITING = 1000
"""So many items at most are handed to Ray at a time: it looks through all of them for each that is done."""


def run(
    attempt: Callable[[Callable[[Item], Any], Item], Outcome],
    function: Callable[[Item], Any],
    items: Sequence[Item],
    *,
    n_workers: int,
    backend: Literal["dask", "ray"],
) -> Iterator[tuple[int, Outcome]]:
    """Return the outcomes of a function on a cluster as they come, each with the position of its item.

    Parameters
    ----------
    attempt : callable
        Turns a function and an item into an outcome; runs on a worker.
    function : callable
        Takes one item.
    items : sequence
        Inputs.
    n_workers : int
        Workers of a cluster that is started here, each with one thread. The cluster that the environment
        variable ``DASK_SCHEDULER_ADDRESS`` or ``RAY_ADDRESS`` names has its own number.
    backend : {"dask", "ray"}
        Which cluster.

    Returns
    -------
    iterator of (int, outcome)
        Each item once. An item that kills every worker that takes it has a `MirkitError` as its outcome's
        error, like one that fails.

    Raises
    ------
    MissingDependencyError
        If the package of the cluster is not installed.
    MirkitError
        If the cluster that is named cannot be reached.
    """
    work = functools.partial(_attempt_here, attempt, function, Path.cwd())
    on_cluster = _on_dask if backend == "dask" else _on_ray
    killed = functools.partial(attempt, _report_killed)
    return on_cluster(work, items, n_workers, killed)


def _attempt_here(
    attempt: Callable[[Callable[[Item], Any], Item], Outcome],
    function: Callable[[Item], Any],
    folder: Path,
    item: Item,
) -> Outcome:
    """Work in the folder of the one who asked, since paths may be relative to it."""
    try:
        os.chdir(folder)
    except OSError:
        return attempt(functools.partial(_report_no_folder, folder), item)
    return attempt(function, item)


def _report_no_folder(folder: Path, item: Any) -> None:
    raise MirkitError(
        f"{item}: the worker on {socket.gethostname()} has no folder {folder}; all machines of a cluster "
        "must see the same files"
    )


def _report_killed(item: Any) -> None:
    raise MirkitError(f"{item}: {N_RETRIES + 1} workers died on it, perhaps for lack of memory")


def _on_dask(
    work: Callable[[Item], Outcome],
    items: Sequence[Item],
    n_workers: int,
    killed: Callable[[Item], Outcome],
) -> Iterator[tuple[int, Outcome]]:
    client = _dask_client(n_workers)
    from distributed import KilledWorker, as_completed

    # Results are fetched as they come: one that waits on a worker would be made again if the worker died.
    futures = {client.submit(work, item, pure=False): position for position, item in enumerate(items)}
    for future in as_completed(futures):
        position = futures[future]
        try:
            yield position, future.result()
        except KilledWorker:
            yield position, killed(items[position])
        future.release()


def _dask_client(n_workers: int) -> Any:
    try:
        import dask
        import distributed  # noqa: F401  # it may be missing where dask is there
    except ImportError as error:
        raise MissingDependencyError("backend 'dask' needs Dask: pip install 'mirkit[dask]'") from error
    address = dask.config.get("scheduler-address", None)
    return _local_dask(n_workers) if address is None else _dask_at(address)


@functools.lru_cache(maxsize=1)
def _local_dask(n_workers: int) -> Any:
    import dask
    from distributed import Client, LocalCluster

    # Dask's own value makes malloc give every large array back to the system, which takes as long again as
    # all that the networks do.
    with dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}):
        cluster = LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
        )
    return Client(cluster)


@functools.lru_cache(maxsize=1)
def _dask_at(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE_S)
    except OSError as error:
        raise MirkitError(f"DASK_SCHEDULER_ADDRESS: no scheduler answers at {address}") from error


def _on_ray(
    work: Callable[[Item], Outcome],
    items: Sequence[Item],
    n_workers: int,
    killed: Callable[[Item], Outcome],
) -> Iterator[tuple[int, Outcome]]:
    ray = _ray(n_workers)
    from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

    task = ray.remote(max_retries=N_RETRIES)(_call).remote
    shared = ray.put(work)
    coming = iter(enumerate(items))
    waiting: dict[Any, int] = {}
    while True:
        for position, item in itertools.islice(coming, MOST_WAITING - len(waiting)):
            waiting[task(shared, item)] = position
        if not waiting:
            return
        done, _ = ray.wait(list(waiting), num_returns=1)
        position = waiting.pop(done[0])
        try:
            yield position, ray.get(done[0])
        except (NodeDiedError, OutOfMemoryError, WorkerCrashedError):
            yield position, killed(items[position])


def _call(work: Callable[[Item], Outcome], item: Item) -> Outcome:
    return work(item)


def _ray(n_workers: int) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what is computed here
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("backend 'ray' needs Ray: pip install 'mirkit[ray]'") from error
    if ray.is_initialized():
        return ray
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS")
    if address is None:
        ray.init(address="local", num_cpus=n_workers, include_dashboard=False, **quiet)
        return ray
    try:
        ray.init(**quiet)
    except ConnectionError as error:
        raise MirkitError(
            f"RAY_ADDRESS: no Ray cluster lets us in at {address} ({error}); where it asks for a token, "
            "set RAY_AUTH_MODE=token"
        ) from error
    return ray

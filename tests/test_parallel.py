"""Every input is tried, order is kept, failures are collected."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from mirkit.errors import AudioError
from mirkit.parallel import map_all


def root(value: float) -> float:
    if value < 0:
        raise AudioError(f"{value}: negative")
    return value**0.5


def defect(_: float) -> float:
    raise ZeroDivisionError("a defect of ours")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failures_do_not_stop_the_others(n_jobs):
    seen = []
    outcomes = map_all(
        root, [4.0, -1.0, 9.0], n_jobs=n_jobs, progress=lambda done, total: seen.append((done, total))
    )
    assert [outcome.result for outcome in outcomes] == [2.0, None, 3.0]
    assert [outcome.error for outcome in outcomes] == [None, "-1.0: negative", None]
    assert [outcome.item for outcome in outcomes] == [4.0, -1.0, 9.0]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_defects_pass_through():
    with pytest.raises(ZeroDivisionError, match="a defect of ours"):
        map_all(defect, [1.0])


KEPT: list[np.ndarray] = []


def grown(_: int) -> int:
    """Keep 250 MB and return which process did."""
    KEPT.append(np.ones(250_000_000, np.uint8))
    time.sleep(1.1)  # loky looks once a second
    return os.getpid()


def test_workers_that_keep_what_they_read_are_not_renewed():
    pytest.importorskip("psutil")  # without it loky does not look
    outcomes = map_all(grown, range(8), n_jobs=2)
    assert len({outcome.result for outcome in outcomes}) == 2

"""One reader on many inputs, in a process of its own: prints a line of JSON now and then.

A failure is an exception that is not mirkit's own, a message that is empty or longer than a screen, more than
`SECONDS` of time or `MEMORY` more of memory than before. The input that is being read lies in the work
folder, and is copied to the folder of failures, so that a death of the process can be looked into, too.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from mirkit.errors import MirkitError
from tests.fuzz.mutation import Case, mutated
from tests.fuzz.readers import READERS, Reader

SECONDS = 20.0
"""Far more than any reader needs for inputs of this size, also on a busy machine."""
MEMORY = 1 << 30
"""Bytes by which one input may make the process grow."""
LONGEST_MESSAGE = 2000
MOST_KEPT = 300


class TooSlow(BaseException):
    """The time for one input is over; no reader catches this."""


def write(case: Case, folder: Path) -> None:
    """Write the files of a case into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in case.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def attempt(reader: Reader, folder: Path) -> tuple[str, str]:
    """Return "read", "refused" or "failed", and where: what tells this outcome from others."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    faulthandler.dump_traceback_later(3 * SECONDS, exit=True)  # if no signal gets through
    try:
        return "read", type(reader.read(folder)).__name__
    except MirkitError as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        message = str(error)
        if not message.strip() or len(message) > LONGEST_MESSAGE:
            return "failed", f"message of {len(message) // 1000} thousand characters at {_place(error)}"
        return "refused", f"{type(error).__name__} at {_place(error)} from {type(error.__cause__).__name__}"
    except BaseException as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return "failed", f"{type(error).__name__} at {_place(error)}: {str(error)[:120]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _place(error: BaseException) -> str:
    """Return the innermost line of mirkit in a traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}mirkit{os.sep}" in f.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"


def fuzz(reader: Reader, first: int, count: int, seed: int, folder: Path, keep: Path) -> None:
    """Read the seeds, then changed ones; cases with a new outcome join the seeds."""
    corpus: list[Case] = [*reader.seeds()]
    n_seeds = len(corpus)
    found: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    kinds: set[str] = set()
    slowest_s, grown_mb = 0.0, 0.0
    room = folder / "input"
    write(corpus[0], room)
    reader.read(room)  # imports, compiled code and caches are no growth
    before = _peak()
    resource.setrlimit(resource.RLIMIT_AS, (_size() + 3 * MEMORY, resource.RLIM_INFINITY))
    for k in range(first, count):
        rng = np.random.default_rng((seed, k))
        case = (
            corpus[k]
            if k < n_seeds
            else mutated(corpus[rng.integers(len(corpus))], corpus, reader.words, rng)
        )
        write(case, room)
        started = time.monotonic()
        outcome, where = attempt(reader, room)
        slowest_s = max(slowest_s, time.monotonic() - started)
        grown, before = _peak() - before, _peak()
        grown_mb = max(grown_mb, grown / 1e6)
        if grown > MEMORY:
            outcome, where = "failed", f"memory grew by {grown / 1e9:.1f} GB; {where}"
        found[outcome] += 1
        if outcome == "failed":
            place = where.split(": ")[0] if " at " in where.split(": ")[0] else where
            failures[place] += 1
            if failures[place] == 1:
                shutil.copytree(room, keep / reader.name / f"seed{seed}-{k}", dirs_exist_ok=True)
        elif f"{outcome} {where}" not in kinds:
            kinds.add(f"{outcome} {where}")
            if len(corpus) < n_seeds + MOST_KEPT:
                corpus.append(case)
        numbers = {"inputs": k + 1 - first, **found, "kinds": len(kinds)}
        numbers |= {"grown_mb": grown_mb, "slowest_s": slowest_s, "failures": failures}
        print(json.dumps(numbers), flush=True)  # each time: the next input may be the last


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _too_slow(*_: object) -> None:
    raise TooSlow(f"more than {SECONDS:g} s")


if __name__ == "__main__":
    faulthandler.enable()
    signal.signal(signal.SIGALRM, _too_slow)
    name, first, count, seed, folder, keep = sys.argv[1:]
    fuzz(READERS[name], int(first), int(count), int(seed), Path(folder), Path(keep))

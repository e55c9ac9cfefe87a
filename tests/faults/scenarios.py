"""Commands that are killed, and what has to be there afterwards."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Scenario:
    """A command.

    Parameters
    ----------
    arguments : callable
        (material, output folder) to the command's arguments.
    again : tuple of str
        What is added to run it again over what is there.
    results : tuple of str
        Patterns of the files that count, below the output folder.
    rewritten : tuple of str
        Names of files that every run writes anew, of all that it finds; other finished files are left alone.
    index : str
        Folder of an index below the output folder, whose sounds count instead of files.
    """

    arguments: Callable[[Path, Path], list[str | Path]]
    again: tuple[str, ...] = ()
    results: tuple[str, ...] = ("**/*",)
    rewritten: tuple[str, ...] = ()
    index: str = ""


SCENARIOS = {
    "predict": Scenario(
        lambda given, out: ["activity", "predict", given / "sounds", "-o", out / "results", "--jobs", "2"],
        again=("--existing", "skip"),
    ),
    "separate": Scenario(
        lambda given, out: ["separation", "predict", given / "sounds", "-o", out / "results"],
        again=("--existing", "skip"),
    ),
    "train": Scenario(
        lambda given, out: [
            "activity", "train", given / "songs/train", "--validation", given / "songs/valid", "--config",
            given / "activity.toml", "--work", out / "work", "-o", out / "model",
        ],
        again=("--resume", "--existing", "skip"),
        results=("model/*",),
    ),
    "index": Scenario(
        lambda given, out: ["sampling", "index", given / "sounds", "-o", out / "index"],
        index="index",
    ),
    "synthesize": Scenario(
        lambda given, out: [
            "data", "synthesize", out / "songs", "--sources", given / "sources.toml", "--songs", "4",
            "--seconds", "5", "--pieces", "0", "--jobs", "2",
        ],
        rewritten=("statistics.json", "statistics.md"),
    ),
    "evaluate": Scenario(
        lambda given, out: [
            "separation", "evaluate", given / "songs/train", "--work", out / "work", "-o", out / "scores.json",
        ],
        again=("--existing", "overwrite"),
        rewritten=("scores.json",),
    ),
}  # fmt: skip


@dataclass
class Count:
    """What happened to one command."""

    runs: int = 0
    killed: int = 0
    partly_done: int = 0
    half_files: int = 0
    failed_reruns: int = 0
    lost: int = 0
    different: int = 0

    @property
    def faults(self) -> int:
        """Everything that must not be."""
        return self.half_files + self.failed_reruns + self.lost + self.different


def start(arguments: list[str | Path], **more: object) -> subprocess.Popen:
    """Start mirkit in a session of its own, so that all of its processes can be killed together."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mirkit", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def finished(process: subprocess.Popen) -> tuple[int, str]:
    """Wait for mirkit and return its exit code and what it said on stderr."""
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def kill_often(scenario: Scenario, given: Path, room: Path, times: int, seed: int) -> Count:
    """Kill a command at random times; compare what is there, and what a second run makes of it."""
    arguments = scenario.arguments(given, room / "whole")
    began = time.monotonic()
    code, said = finished(start(arguments))
    took_s = time.monotonic() - began
    if code:
        raise RuntimeError(f"the run that is not killed fails already: {said}")
    whole = contents(room / "whole", scenario)
    count = Count()
    rng = random.Random(seed)  # noqa: S311  # times, not secrets
    for k in range(times):
        out = room / f"{k}"
        count.runs += 1
        process = start(scenario.arguments(given, out))
        time.sleep(rng.uniform(0, took_s))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        count.killed += process.returncode == -signal.SIGKILL
        before = contents(out, scenario)
        count.partly_done += 0 < len(before) < len(whole)
        count.half_files += sum(whole.get(name) != digest for name, digest in before.items())
        done = [name for name in before if Path(name).name not in scenario.rewritten]
        written = modified(out, done)
        code, _ = finished(start([*scenario.arguments(given, out), *scenario.again]))
        count.failed_reruns += code != 0
        after = contents(out, scenario)
        count.different += after != whole
        kept = modified(out, done)
        count.lost += sum(kept.get(name) != at for name, at in written.items())
    return count


def modified(folder: Path, names: list[str]) -> dict[str, int]:
    """Return when each file was written, of those that are there."""
    return {name: (folder / name).stat().st_mtime_ns for name in names if (folder / name).exists()}


def _sounds(folder: Path) -> dict[str, str]:
    """Return the sounds of an index and digests of their rows; the names of its parts are random."""
    from mirkit.sampling import catalogue

    if not catalogue.is_index(folder):
        return {}
    parts = catalogue.open_index(folder).parts
    found = {
        entry.path: hashlib.sha256(rows.data).hexdigest() for part in parts for entry, rows in part.frames()
    }
    if len(found) != sum(len(part.entries) for part in parts):
        raise AssertionError(f"{folder}: a sound is there twice")
    return found


def contents(folder: Path, scenario: Scenario) -> dict[str, str]:
    """Return the files that count and digests of what is in them; temporary ones have no final name yet."""
    found = {path for pattern in scenario.results for path in folder.glob(pattern) if path.is_file()}
    if scenario.index:
        return _sounds(folder / scenario.index)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
        if not any(part.startswith(".mirkit-") for part in path.relative_to(folder).parts)
    }

"""Songs per minute with 1, 2 and 4 workers of each backend, and what that makes of a thousand hours.

``python benchmarks/cluster.py [--songs 24] [--seconds 60] [--workers 1,2,4]``
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mirkit import Audio, write

RATE = 44100
HOURS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--backends", default="loky,dask,ray")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        songs = make_songs(Path(folder) / "songs", arguments.songs, arguments.seconds)
        hours = arguments.songs * arguments.seconds / 3600
        print(
            f"mirkit activity predict, {arguments.songs} songs of {arguments.seconds:g} s, {os.cpu_count()} cores"
        )
        print(f"{'backend':8} {'workers':>7} {'start, s':>9} {'songs, s':>9} {'x real time':>12} {'efficiency':>11} "
              f"{f'{HOURS} h take':>12}")  # fmt: skip
        for backend in arguments.backends.split(","):
            alone = 0.0
            for n_workers in map(int, arguments.workers.split(",")):
                started = took(songs[:n_workers], backend, n_workers, Path(folder) / "out")
                whole = took(songs, backend, n_workers, Path(folder) / "out")
                work_s = whole - started
                rate = (hours - n_workers * arguments.seconds / 3600) * 3600 / work_s
                alone = alone or rate / n_workers
                print(f"{backend:8} {n_workers:7} {started:9.1f} {work_s:9.1f} {rate:12.0f} "
                      f"{rate / alone / n_workers:11.0%} {HOURS / rate * 60:8.0f} min", flush=True)  # fmt: skip


def make_songs(folder: Path, n_songs: int, seconds: float) -> list[Path]:
    """Write songs of noise with a slow swell: their content costs nothing, their length does."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    swell = 0.5 - 0.5 * np.cos(np.arange(round(seconds * RATE)) / RATE)
    paths = []
    for k in range(n_songs):
        noise = 0.1 * rng.standard_normal((2, len(swell))) * swell
        paths.append(folder / f"{k:03}.flac")
        write(paths[-1], Audio(noise.astype(np.float32), RATE))
    return paths


def took(songs: list[Path], backend: str, n_workers: int, out: Path) -> float:
    """Return the seconds of the whole command; one song for each worker is what a start costs."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "mirkit", "activity", "predict", *map(str, songs), "-o", str(out)]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--jobs", str(n_workers), "--backend", backend, "--progress", "none"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"},
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

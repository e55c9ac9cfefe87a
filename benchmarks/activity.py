"""Speed and memory of instrument activity, from a 44.1 kHz stereo FLAC file to the written results.

    python benchmarks/activity.py [--minutes 5 20 60]

Every row is a process of its own, imports and all, so that its memory is its own, too. The floor is what no
system of this kind can do without: decoding, resampling to 22.05 kHz, and one log-mel spectrogram.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

RATE = 44100
LIMITS = "wanted: 80 x real time on two cores, 700 MB for an hour, time in proportion to length"


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Print a row for each length and kind of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0, 20.0, 60.0])
    parser.add_argument("--floor", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        decode_and_log_mel(options.floor)
        return
    print(f"{LIMITS}; {os.cpu_count()} cores here")
    print(f"{'minutes':>8}  {'work':26}{'seconds':>9}{'CPU s':>8}{'x real time':>13}{'MB':>6}{'/ floor':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in options.minutes:
            path = Path(folder) / f"{minutes:g}.flac"
            write_recording(path, minutes)
            floor = measured([__file__, "--floor", str(path)])
            predict = ["-m", "mirkit", "activity", "predict", str(path), "-o", str(Path(folder) / "out")]
            show(minutes, "decoding and log-mel", floor, floor)
            show(minutes, "mirkit activity predict", measured(predict), floor)
            path.unlink()


def write_recording(path: Path, minutes: float) -> None:
    """Write the bundled recordings one after the other, in stereo, again and again."""
    import numpy as np

    from mirkit import audio, examples

    names = examples.names()
    sounds = [audio.read(examples.path(name), sample_rate=RATE).mono().samples[0] for name in names]
    mono = np.concatenate(sounds)
    with audio.writer(path, RATE, 2) as file:
        left = round(minutes * 60 * RATE)
        while left > 0:
            part = mono[:left]
            file.write(audio.Audio(np.stack([part, np.roll(part, 200)]), RATE))
            left -= len(part)


def decode_and_log_mel(path: Path) -> None:
    """Do the work of the floor."""
    from threadpoolctl import threadpool_limits

    from mirkit import audio
    from mirkit.activity import Config
    from mirkit.activity.features import decibels

    settings = Config().features
    with threadpool_limits(limits=1, user_api="blas"):  # faster than more threads for products this small
        for block in audio.blocks(path, sample_rate=settings.sample_rate):
            decibels(block.mono().samples[0], settings)


def measured(arguments: list[str]) -> Cost:
    """Return the cost of a Python process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    if status:
        raise SystemExit(f"{arguments} failed")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def show(minutes: float, name: str, cost: Cost, floor: Cost) -> None:
    print(
        f"{minutes:8g}  {name:26}{cost.wall_s:9.1f}{cost.cpu_s:8.1f}{60 * minutes / cost.wall_s:13.0f}"
        f"{cost.peak_mb:6.0f}{cost.wall_s / floor.wall_s:9.2f}"
    )


if __name__ == "__main__":
    main()

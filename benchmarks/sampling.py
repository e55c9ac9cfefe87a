"""Sample detection: time and memory of one pair against the published method, and DTW against librosa.

A 4.5 s sample, played slower by a semitone as on a turntable, is planted in a song of plucked notes.
Each row is a process of its own, imports included. The published method runs on one of its twelve
transpositions, all 300 iterations; with --full, on all of them.

    python benchmarks/sampling.py [--minutes 4] [--full]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATE = 22050
SAMPLE_S = 4.5


def plucks(seed: int, duration_s: float) -> object:
    """Return random plucked notes."""
    import numpy as np

    rng = np.random.default_rng(seed)
    y = np.zeros(round(duration_s * RATE), np.float32)
    at = 0
    while at < len(y) - RATE // 20:
        time_s = np.arange(min(RATE // 2, len(y) - at)) / RATE
        hz = 440 * 2 ** ((int(rng.integers(40, 80)) - 69) / 12)
        y[at : at + len(time_s)] += (np.sin(2 * np.pi * hz * time_s) * np.exp(-5 * time_s)).astype(np.float32)
        at += int(RATE * rng.choice([0.15, 0.3, 0.45]))
    return y / np.abs(y).max()


def make_files(folder: Path, minutes: float) -> tuple[Path, Path]:
    """Write sample and song."""
    import numpy as np
    import soxr

    from mirkit import Audio, write

    sample, song = plucks(1, SAMPLE_S), 0.6 * plucks(2, minutes * 60)
    changed = soxr.resample(sample, RATE * 2 ** (-1 / 12), RATE)  # as on a slower turntable
    for start_s in (20.0, 30.0):
        song[round(start_s * RATE) :][: len(changed)] += 0.4 * changed
    paths = folder / "sample.flac", folder / "song.flac"
    for path, y in zip(paths, (sample, song), strict=True):
        write(path, Audio(np.asarray(0.6 * y, np.float32)[np.newaxis], RATE))
    return paths


def find_by_default(sample: Path, song: Path) -> str:
    from mirkit import read, sampling

    found = sampling.predict(sampling.load(), read(sample), read(song))
    best = int(found.confidence.argmax()) if len(found) else -1
    return (
        f"{found.intervals.times_s[best, 0]:.1f} s, {found.pitch_shift_st[best]:+.1f} st"
        if best >= 0
        else "nothing"
    )


def find_as_published(sample: Path, song: Path, shifts_st: tuple[float, ...] | None = None) -> str:
    import dataclasses

    from mirkit import read
    from mirkit.sampling import Config
    from mirkit.sampling.examples import find_candidates

    config = Config.from_toml("paper")
    nmf = dataclasses.replace(config.nmf, tolerance=0.0)  # all iterations
    if shifts_st is not None:
        nmf = dataclasses.replace(nmf, shifts_st=shifts_st)
    found = find_candidates(config.replace(nmf=nmf), read(sample), read(song))
    return f"{len(found)} candidates"


def find_one_transposition(sample: Path, song: Path) -> str:
    return find_as_published(sample, song, (-1.0,))


ROWS = {
    "default": find_by_default,
    "paper, one transposition": find_one_transposition,
    "paper": find_as_published,
}


def measured(row: str, paths: tuple[Path, Path]) -> tuple[float, float, str]:
    """Return seconds of the whole process, peak memory in MB and what was found."""
    command = [sys.executable, __file__, "--row", row, "--paths", *map(str, paths)]
    start = time.perf_counter()
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    megabytes, _, found = answer.partition(" ")
    return time.perf_counter() - start, float(megabytes), found


def compare_dtw(minutes: float) -> None:
    """Print the time of both subsequence DTWs on one matrix, and the greatest difference of their costs."""
    import librosa
    import numpy as np

    from mirkit.sampling.dtw import subsequence_dtw

    distances = np.random.default_rng(0).random((97, round(minutes * 60 * RATE / 1024)))
    steps = np.array([[1, 1], [1, 0], [0, 1]])

    def peer() -> np.ndarray:
        costs = librosa.sequence.dtw(C=distances, subseq=True, step_sizes_sigma=steps, backtrack=False)
        return np.asarray(costs[-1])

    subsequence_dtw(distances[:, :200])
    librosa.sequence.dtw(C=distances[:, :200], subseq=True, backtrack=False)
    seconds = {}
    for name, work in (("mirkit", lambda: subsequence_dtw(distances).cost), ("librosa", peer)):
        trials = []
        for _ in range(5):
            start = time.perf_counter()
            costs = work()
            trials.append(time.perf_counter() - start)
        seconds[name] = min(trials), costs
    ratio = seconds["librosa"][0] / seconds["mirkit"][0]
    difference = float(np.abs(seconds["librosa"][1] - seconds["mirkit"][1]).max())
    print(
        f"subsequence DTW, {distances.shape}: {ratio:.1f} x librosa's speed, costs differ by {difference:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--full", action="store_true", help="run the published method on all transpositions")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--paths", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        found = ROWS[options.row](*options.paths)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, found)
        return
    compare_dtw(options.minutes)
    print(f"{'whole process':26}{'song':>8}{'time':>9}{'peak memory':>14}   found")
    with tempfile.TemporaryDirectory() as folder:
        times = {}
        for minutes in (options.minutes, 4 * options.minutes):
            paths = make_files(Path(folder), minutes)
            rows = ["default"]
            if minutes == options.minutes:
                rows.append("paper" if options.full else "paper, one transposition")
            for row in rows:
                seconds, megabytes, found = measured(row, paths)
                times[row, minutes] = seconds
                print(f"{row:26}{minutes:6.1f} m{seconds:7.1f} s{megabytes:11.0f} MB   {found}", flush=True)
    base_s = times["default", options.minutes]
    print(f"four times the song: {times['default', 4 * options.minutes] / base_s:.1f} x the time")
    for row in ("paper", "paper, one transposition"):
        if (row, options.minutes) in times:
            print(f"{row}: {times[row, options.minutes] / base_s:.0f} x the time of default")


if __name__ == "__main__":
    main()

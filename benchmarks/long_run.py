"""Memory over a day of sound: streams that are made while they are read, through activity and separation.

    python benchmarks/long_run.py [--task activity] [--hours 24]

The stream is bundled recordings one after the other, each time at another level, from which a part of the
model's own sample rate is made block by block; nothing of it is stored. After every hundredth of the way the
resident memory is read. What must stay flat is memory beyond the result itself, which the table names: a
stream's activity grows by 18 numbers a second, and separated stems are handed on and dropped.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mirkit import audio, examples
from mirkit.audio import Audio

BLOCK_S = 10.0
HOURS = {"activity": 24.0, "separation": 3.0}


def main() -> None:
    """Print a row for each tenth of the way, and last how much memory grew after the first tenth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(HOURS), default="activity")
    parser.add_argument("--hours", type=float, help="24 of activity, 3 of separation where not given")
    options = parser.parse_args()
    hours = options.hours or HOURS[options.task]
    print(f"{options.task}, {hours:g} h; {os.cpu_count()} cores here", flush=True)
    watch = Watch(hours * 3600)
    {"activity": run_activity, "separation": run_separation}[options.task](hours * 3600, watch)
    watch.summary()


def run_activity(seconds: float, watch: Watch) -> None:
    """Stream through the bundled activity model."""
    from mirkit import activity

    model = activity.load()
    rate = model.config.features.sample_rate
    result = activity.stream(model, watched(sound(seconds, rate, 1), watch))
    assert result.values.shape[1] >= seconds - 1, "the result must cover the whole stream"
    assert np.isfinite(result.values).all()
    print(f"result: {result.values.nbytes / 1e6:.1f} MB, {result.values.shape[1]} frames")


def run_separation(seconds: float, watch: Watch) -> None:
    """Stream through the bundled separation model; stems must sum to what went in."""
    from mirkit import separation

    model = separation.load()
    rate = model.config.features.sample_rate
    n_in, n_out, power = 0, 0, 0.0

    def counted() -> Iterator[Audio]:
        nonlocal n_in
        for block in watched(sound(seconds, rate, 2), watch):
            n_in += block.samples.shape[1]
            yield block

    for piece in separation.stream(model, counted()):
        n_out += piece.n_samples
        power += float(np.square(piece.mixture().samples[0]).sum())
    assert n_in == n_out, f"{n_in} samples went in, {n_out} came out"
    print(f"{n_out} samples in and out, level {10 * np.log10(power / n_out):.1f} dB")


def sound(seconds: float, sample_rate: int, n_channels: int) -> Iterator[Audio]:
    """Yield blocks of bundled recordings, one after the other, each time at another level."""
    recordings = [
        audio.read(examples.path(name), sample_rate=sample_rate).mono() for name in examples.names()
    ]
    rng = np.random.default_rng(0)
    n_left = round(seconds * sample_rate)
    while n_left:
        recording = recordings[rng.integers(len(recordings))].samples * np.float32(rng.uniform(0.2, 1.0))
        for start in range(0, recording.shape[1], round(BLOCK_S * sample_rate)):
            part = recording[:, start : start + min(n_left, round(BLOCK_S * sample_rate))]
            if n_left and part.shape[1]:
                n_left -= part.shape[1]
                yield Audio(np.repeat(part, n_channels, axis=0), sample_rate)


class Watch:
    """Resident memory along the way."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.started = seconds, time.monotonic()
        self.done_s: list[float] = []
        self.resident_mb: list[float] = []

    def at(self, done_s: float) -> None:
        """Take note after every hundredth of the way, print after every tenth."""
        if self.done_s and done_s - self.done_s[-1] < self.seconds / 100:
            return
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.done_s.append(done_s)
        self.resident_mb.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        if len(self.done_s) % 10 == 1:
            wall_s = time.monotonic() - self.started
            print(f"{done_s / 3600:7.2f} h  {self.resident_mb[-1]:7.1f} MB  {wall_s:7.0f} s", flush=True)

    def summary(self) -> None:
        """Print the slope of memory after the first tenth, and the speed."""
        first = len(self.done_s) // 10
        hours, mb = np.array(self.done_s[first:]) / 3600, np.array(self.resident_mb[first:])
        slope = np.polyfit(hours, mb, 1)[0]
        wall_s = time.monotonic() - self.started
        print(
            f"after the first tenth: {mb[0]:.1f} MB, at the end {mb[-1]:.1f} MB, most {mb.max():.1f} MB, "
            f"slope {slope:+.2f} MB an hour; {self.seconds / wall_s:.0f} x real time"
        )


def watched(blocks: Iterator[Audio], watch: Watch) -> Iterator[Audio]:
    """Yield blocks and tell the watch how far they have come."""
    done_s = 0.0
    for block in blocks:
        watch.at(done_s)
        done_s += block.duration_s
        yield block


if __name__ == "__main__":
    main()

"""Memory and speed of streaming an hour of stereo sound through the resampler, against peers.

Every row is a process of its own, so that peak memory is its own too. The peers do the same work:
librosa.stream with soxr on each block (which clicks at the joins, since each block is resampled
alone), and soundfile with soxr on the whole file at once.

    python benchmarks/audio_blocks.py [--minutes 60]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATE, NEW_RATE = 44100, 22050
BLOCK_S = 10.0


def stream_with_mirkit(path: Path) -> int:
    from mirkit import audio

    return sum(b.samples.shape[1] for b in audio.blocks(path, block_s=BLOCK_S, sample_rate=NEW_RATE))


def read_with_mirkit(path: Path) -> int:
    from mirkit import audio

    return audio.read(path, sample_rate=NEW_RATE).samples.shape[1]


def stream_with_librosa(path: Path) -> int:
    import librosa
    import soxr

    length = round(BLOCK_S * RATE)
    found = librosa.stream(path, block_length=1, frame_length=length, hop_length=length, mono=False)
    return sum(soxr.resample(block.T, RATE, NEW_RATE).shape[0] for block in found)


def read_with_soundfile(path: Path) -> int:
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples, rate, NEW_RATE).shape[0]


def read_one_second(path: Path) -> int:
    from mirkit import audio

    return audio.read(path, duration_s=1.0).samples.shape[1]


def read_one_second_with_librosa(path: Path) -> int:
    import librosa

    return librosa.load(path, sr=None, mono=False, duration=1.0)[0].shape[1]


ROWS = {
    "mirkit.blocks": stream_with_mirkit,
    "mirkit.read": read_with_mirkit,
    "librosa.stream + soxr": stream_with_librosa,
    "soundfile + soxr at once": read_with_soundfile,
    "first second, mirkit": read_one_second,
    "first second, librosa": read_one_second_with_librosa,
}


def measured(row: str, path: Path) -> tuple[float, float, int]:
    """Return seconds, peak memory in MB and samples of one row, run in a process of its own."""
    command = [sys.executable, __file__, "--row", row, "--path", str(path)]
    seconds, megabytes, n_samples = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    return float(seconds), float(megabytes), int(n_samples)


def run_row(row: str, path: Path) -> None:
    start = time.perf_counter()  # the row's imports count: a user waits for them too
    n_samples = ROWS[row](path)
    seconds = time.perf_counter() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, kilobytes * 1024 / 1e6, n_samples)


def make_file(path: Path, minutes: float) -> None:
    import numpy as np

    from mirkit import audio

    noise = audio.Audio(np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE * 60)), RATE)
    with audio.writer(path, RATE, 2) as file:
        for _ in range(round(minutes)):
            file.write(noise)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        return run_row(options.row, options.path)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        make_file(path, options.minutes)
        print(
            f"{options.minutes:g} min of stereo, {RATE} to {NEW_RATE} Hz, {path.stat().st_size / 1e6:.0f} MB"
        )
        print(f"{'':26}{'peak memory':>12}{'time / mirkit.blocks':>22}{'samples':>11}")
        results = {row: measured(row, path) for row in ROWS}
    base_s = results["mirkit.blocks"][0]
    for row, (seconds, megabytes, n_samples) in results.items():
        print(f"{row:26}{megabytes:9.0f} MB{seconds / base_s:22.2f}{n_samples:11d}")
    return None


if __name__ == "__main__":
    main()

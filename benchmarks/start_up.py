"""Start-up: how long and how large mirkit is before it does anything, against bare Python and librosa."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROWS = {
    "python -c pass": ["-c", "pass"],
    "import mirkit": ["-c", "import mirkit"],
    "mirkit --help": ["-m", "mirkit", "--help"],
    "mirkit activity --help": ["-m", "mirkit", "activity", "--help"],
    "import librosa, first feature": ["-c", "import librosa; librosa.feature.melspectrogram"],
}


def measure(arguments: list[str], n_runs: int = 7) -> tuple[float, float]:
    """Return the median seconds and the peak megabytes of a fresh process, files already cached."""
    seconds = []
    for _ in range(n_runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run([sys.executable, *sys.argv[1:]], capture_output=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, *arguments]
    child = subprocess.run(command, check=True, capture_output=True, text=True)
    return statistics.median(seconds), int(child.stdout) / 1024


def main() -> None:
    """Print one row for each command."""
    base = None
    print(f"{'':32}{'seconds':>9}{'ratio':>8}{'MB':>7}")
    for name, arguments in ROWS.items():
        seconds, megabytes = measure(arguments)
        base = base or seconds
        print(f"{name:32}{seconds:9.3f}{seconds / base:8.1f}{megabytes:7.0f}")


if __name__ == "__main__":
    main()

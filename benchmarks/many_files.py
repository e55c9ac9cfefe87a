"""A batch of small files of which one in a hundred is damaged: exactly those must fail, and exit code 1 say so.

    python benchmarks/many_files.py [--files 10000] [--jobs 2]

The damage is of five kinds: empty, cut short, noise instead of a sound, a folder with a sound's name, and text.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE = 22050


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        damaged = make_files(folder / "in", options.files)
        command = [
            sys.executable, "-m", "mirkit", "activity", "predict", str(folder / "in"), "-o", str(folder / "out"),
            "--jobs", str(options.jobs), "--no-figure", "--json", "--progress", "none",
        ]  # fmt: skip
        began = time.monotonic()
        with (folder / "answer.json").open("wb") as answer:
            process = subprocess.Popen(command, stdout=answer, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        minutes = (time.monotonic() - began) / 60
        content = json.loads((folder / "answer.json").read_text())
        failed = {Path(one["input"]) for one in content["failures"]}
        done = {path for path in (folder / "out").iterdir() if (path / "activity.csv").is_file()}
        print(
            f"{options.files} files, {len(damaged)} damaged: {len(failed)} listed as failed, "
            f"{'the same' if failed == damaged else 'NOT the same'}; {len(done)} results; exit code "
            f"{os.waitstatus_to_exitcode(status)}; {minutes:.1f} min, {usage.ru_maxrss * 1024 / 1e6:.0f} MB at most"
        )


def make_files(folder: Path, n_files: int) -> set[Path]:
    """Write the files and return the damaged ones."""
    from mirkit import Audio, write

    folder.mkdir()
    rng = np.random.default_rng(0)
    good = folder / "good.flac"
    write(good, Audio(0.1 * rng.standard_normal((1, RATE // 2)).astype(np.float32), RATE))
    content = good.read_bytes()
    good.unlink()
    paths = [folder / f"{k:06}.flac" for k in range(n_files)]
    chosen = sorted(rng.choice(n_files, n_files // 100, replace=False).tolist())
    for k, path in enumerate(paths):
        if k not in chosen:
            path.write_bytes(content)
    for kind, k in enumerate(chosen):
        damage(paths[k], content, kind % 5, rng)
    return {paths[k] for k in chosen}


def damage(path: Path, content: bytes, kind: int, rng: np.random.Generator) -> None:
    if kind == 0:
        path.touch()
    elif kind == 1:
        path.write_bytes(content[: len(content) // 2])
    elif kind == 2:
        path.write_bytes(rng.bytes(len(content)))
    elif kind == 3:
        path.mkdir()
    else:
        path.write_text("this is no sound\n" * 100)


if __name__ == "__main__":
    main()

"""``python -m tests.fuzz``: counts inputs and failures of every reader, in processes that may die.

A failure is anything but a result or an error of mirkit's own with a message: another exception, a process
that dies, too much time or memory (see `child`). Failing inputs are kept in ``--keep``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Run the readers one after the other; 1 if any input failed."""
    from tests.fuzz.readers import READERS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_100, help="in all, shared out by weight")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="only these")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="folder for failing inputs")
    options = parser.parse_args()
    chosen = {name: READERS[name] for name in options.reader or READERS}
    weights = sum(reader.weight for reader in chosen.values())
    total: Counter[str] = Counter()
    started = time.monotonic()
    print(
        f"{'reader':24s} {'inputs':>8s} {'read':>8s} {'refused':>8s} {'kinds':>6s} {'MB':>6s} {'slowest s':>9s} failures"
    )
    for name, reader in chosen.items():
        count = max(1, round(options.inputs * reader.weight / weights))
        found = run(name, count, options.seed, options.keep)
        total.update({key: found[key] for key in ("inputs", "read", "refused", "failed")})
        print(
            f"{name:24s} {found['inputs']:8d} {found['read']:8d} {found['refused']:8d} {found['kinds']:6d} "
            f"{found['grown_mb']:6.0f} {found['slowest_s']:9.2f} {found['failed']}",
            flush=True,
        )
        for message, number in found["failures"].items():
            print(f"    {number} x {message}")
    minutes = (time.monotonic() - started) / 60
    print(
        f"seed {options.seed}: {total['inputs']} inputs, {total['read']} read, {total['refused']} refused, "
        f"{total['failed']} failures, {minutes:.1f} min"
    )
    return 1 if total["failed"] else 0


def run(name: str, count: int, seed: int, keep: Path) -> dict[str, object]:
    """Return what became of a reader's inputs; a child that dies is counted and followed by another."""
    result = {
        "inputs": 0,
        "read": 0,
        "refused": 0,
        "kinds": 0,
        "grown_mb": 0.0,
        "slowest_s": 0.0,
        "failed": 0,
    }
    failures: Counter[str] = Counter()
    while result["inputs"] < count:
        with tempfile.TemporaryDirectory(prefix="mirkit-fuzz-") as folder:
            command = [sys.executable, "-m", "tests.fuzz.child", name, str(result["inputs"]), str(count)]
            done = subprocess.run(
                [*command, str(seed), folder, str(keep)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if '{"inputs"' not in done.stdout and not result["inputs"]:
                raise SystemExit(f"{name}: the seeds cannot be made or read\n{done.stderr}")
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            found = json.loads(lines[-1]) if lines else {"inputs": 0, "failures": {}}
        for key in ("inputs", "read", "refused", "failed"):
            result[key] += found.get(key, 0)
        for key in ("kinds", "grown_mb", "slowest_s"):
            result[key] = max(result[key], found.get(key, 0))
        failures.update(found["failures"])
        if done.returncode:  # the child died of the input after the last that it told of
            result["inputs"] += 1
            result["failed"] += 1
            failures[f"process ended with {done.returncode}: {done.stderr.strip()[-300:]}"] += 1
    return {**result, "failures": failures}


if __name__ == "__main__":
    sys.exit(main())

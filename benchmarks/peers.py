"""Every heavy part of mirkit against a peer on the same input, in one run: ``make bench``.

Each figure comes from a process of its own, whole (start to end, imports and all) and for the work alone, with
its peak memory, at 1, 4 and 16 times the input. Peers are not needed to use mirkit; without one a row is left
out. The table goes to docs/benchmarks.md, all figures to benchmarks/peers.json.

    python benchmarks/peers.py [--row NAME ...] [--times 1,4,16] [--keep]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SHORT_S = 5.0
"""Work shorter than this is repeated, and its best time counts."""


def main() -> None:
    from peer_rows import ROWS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", action="append", choices=sorted(ROWS), help="only these")
    parser.add_argument("--times", default="1,4,16", help="multiples of the input")
    parser.add_argument("--keep", action="store_true", help="keep the figures of the rows that are not run")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(*options.child)
    stored = HERE / "peers.json"
    figures = json.loads(stored.read_text("utf-8")) if options.keep and stored.is_file() else {"rows": {}}
    figures["machine"] = machine()
    for name in options.row or ROWS:
        row = ROWS[name]
        sizes = [int(times) for times in options.times.split(",")] if row.grows else [1]
        found = [compared(name, times) for times in sizes]
        if all(found):
            figures["rows"][name] = found
            print("\n".join(map(line, found)), flush=True)
    from peer_limits import limits

    figures["limits"] = limits()
    stored.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (HERE.parent / "docs" / "benchmarks.md").write_text(page(figures), encoding="utf-8")
    return None


def compared(name: str, times: int) -> dict[str, object] | None:
    """Return the figures of one row at one size; None if the peer is not here."""
    from peer_rows import ROWS

    row = ROWS[name]
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own, too: children begin with the memory that their parent has reached.
        made = [sys.executable, __file__, "--child", name, "prepare", folder, str(times)]
        subprocess.run(made, check=True)
        sides = {}
        for side in ("ours", "peer"):
            command = [sys.executable, __file__, "--child", name, side, folder, ""]
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name}: not run: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                return None
            found = json.loads(done.stdout.splitlines()[-1])
            sides[side] = {**found, "process_s": time.perf_counter() - began - found.pop("again_s")}
    return {"name": name, "input": row.described(times), "peer_name": row.peer_name, **sides}


def child(name: str, side: str, folder: str, times: str) -> None:
    """Make the input, or do one side's work and print what it took."""
    from peer_rows import ROWS

    if side == "prepare":
        return ROWS[name].prepare(Path(folder), int(times))
    work = getattr(ROWS[name], side)(Path(folder))
    taken = []
    while not taken or (sum(taken) < SHORT_S and len(taken) < 5):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
        if len(taken) == 1:
            peak_mb = max(map(peak_of, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
            first_end = time.perf_counter()
    again_s = time.perf_counter() - first_end
    print(json.dumps({"work_s": min(taken), "peak_mb": peak_mb, "again_s": again_s}))
    return None


def peak_of(who: int) -> float:
    return resource.getrusage(who).ru_maxrss * 1024 / 1e6


def machine() -> dict[str, object]:
    names = (
        Path("/proc/cpuinfo").read_text().split("model name\t: ")[1:]
        if Path("/proc/cpuinfo").exists()
        else []
    )
    return {"processor": names[0].splitlines()[0] if names else platform.machine(), "cores": os.cpu_count()}


def ratios(found: dict[str, object]) -> tuple[float, float, float]:
    """Return by how much the peer needs more time for the process, for the work, and more memory."""
    ours, peer = found["ours"], found["peer"]
    return tuple(peer[key] / ours[key] for key in ("process_s", "work_s", "peak_mb"))


def line(found: dict[str, object]) -> str:
    process, work, memory = ratios(found)
    ours = found["ours"]
    return (
        f"| {found['name']} | {found['input']} | {found['peer_name']} | {ours['process_s']:.2f} | {ours['work_s']:.3g} "
        f"| {ours['peak_mb']:.0f} | {process:.1f} | {work:.1f} | {memory:.1f} |"
    )


def page(figures: dict[str, object]) -> str:
    """Return the documentation's page."""
    from peer_rows import ROWS

    host = figures["machine"]
    text = [
        "# Speed against peers\n",
        "`make bench` runs everything below and writes this page and `benchmarks/peers.json`. Each figure is of a\n"
        "process of its own on the same input: *process* from start to end, imports and all; *work* without start and\n"
        "imports, the best of up to five where it is short. A ratio above 1 says that mirkit is faster, or smaller, by\n"
        f"that factor. Machine: {host['processor']}, {host['cores']} cores.\n",
        "| what | input | peer | process, s | work, s | MB | process ratio | work ratio | memory ratio |",
        "|---|---|---|---|---|---|---|---|---|",
        *(line(found) for name in ROWS if name in figures["rows"] for found in figures["rows"][name]),
        "\n## How cost grows\n",
        "| what | work at 4 times the input | at 16 times | the peer's |",
        "|---|---|---|---|",
    ]
    for name, found in figures["rows"].items():
        if len(found) == 3:
            ours, peer = (
                [one[side]["work_s"] / found[0][side]["work_s"] for one in found[1:]]
                for side in ("ours", "peer")
            )
            text.append(f"| {name} | {ours[0]:.1f} | {ours[1]:.1f} | {peer[0]:.1f}, {peer[1]:.1f} |")
    text.append("\n## Where a peer is faster, and what was tried\n")
    text += [
        f"- **{name}**: {row.remark}" for name, row in ROWS.items() if row.remark and name in figures["rows"]
    ]
    text.append("\n## What the machine allows\n")
    text.append(figures["limits"]["text"])
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()

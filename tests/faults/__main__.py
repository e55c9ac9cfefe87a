"""``python -m tests.faults --times 20``: kill each command at random points; 1 if anything is lost."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.faults import material
from tests.faults.scenarios import SCENARIOS, Count, kill_often


def main() -> int:
    """Print a line of counts for each command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=sorted(SCENARIOS), help="only these")
    options = parser.parse_args()
    names = list(Count.__dataclass_fields__)
    print(f"{'command':12}", *(f"{name.replace('_', ' '):>13}" for name in names))
    faults = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        given = material.make(Path(folder) / "given")
        for name in options.command or SCENARIOS:
            room = Path(folder) / name
            count = kill_often(SCENARIOS[name], given, room, options.times, options.seed)
            print(f"{name:12}", *(f"{getattr(count, field):13d}" for field in names), flush=True)
            faults += count.faults
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())

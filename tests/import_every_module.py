"""Import every module of the installed package; run by ``make wheel`` outside the checkout."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import mirkit

N_STUBS = 5
"""Of the package and of the four tasks."""


def main() -> int:
    """Return 0 if every module imports, none comes from a checkout, and editors find types."""
    names = [
        module.name
        for module in pkgutil.walk_packages(mirkit.__path__, "mirkit.")
        if "__main__" not in module.name
    ]
    for name in names:
        importlib.import_module(name)
    folder = Path(mirkit.__file__).parent
    stubs = [path.relative_to(folder) for path in sorted(folder.rglob("*.pyi"))]
    sys.stdout.write(f"{len(names)} modules of {folder}, stubs {', '.join(map(str, stubs))}\n")
    typed = (folder / "py.typed").is_file() and len(stubs) == N_STUBS
    return 0 if typed and "site-packages" in str(folder) else 1


if __name__ == "__main__":
    sys.exit(main())

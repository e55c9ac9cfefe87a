"""Import every module of the installed package; run by ``make wheel`` outside the checkout."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import mirkit


def main() -> int:
    """Return 0 if every module imports and none comes from a checkout."""
    names = [
        module.name
        for module in pkgutil.walk_packages(mirkit.__path__, "mirkit.")
        if "__main__" not in module.name
    ]
    for name in names:
        importlib.import_module(name)
    installed = "site-packages" in str(mirkit.__file__)
    sys.stdout.write(f"{len(names)} modules of {mirkit.__file__}\n")
    return 0 if installed else 1


if __name__ == "__main__":
    sys.exit(main())

"""``python -m mirkit``."""

from mirkit.cli import main

main()

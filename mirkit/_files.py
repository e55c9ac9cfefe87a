"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | os.PathLike[str], *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name only if the block succeeds.

    Parameters
    ----------
    path : str or Path
        Final name; parents are made, an existing file or folder is replaced.
    folder : bool
        Yield an empty folder instead of the name of a file.

    Yields
    ------
    Path
        Same suffix as ``path``, so that writers which go by suffix work.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own keeps the suffix and the name free of clashes between processes.
    with tempfile.TemporaryDirectory(prefix=".mirkit-", dir=path.parent) as room:
        temporary = Path(room) / path.name
        if folder:
            temporary.mkdir()
        yield temporary
        if path.is_dir() and not path.is_symlink():
            shutil.move(path, Path(room) / "replaced")  # a folder cannot be renamed over a full one
        temporary.replace(path)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text with newlines as they are, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write strict JSON (no NaN), whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

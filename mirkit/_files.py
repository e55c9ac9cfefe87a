"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mirkit.errors import MirkitError

MOST_TRIES = 20
"""So often may another process put its result under a name between the two steps of replacing it."""


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

    Raises
    ------
    MirkitError
        If the block ends with an error of the operating system that names no file, such as NumPy's for a full
        disk.
    OSError
        If there is no place for the file, which it names.
    """
    path = Path(path)
    with _room(path) as room:
        temporary = Path(room) / path.name
        if folder:
            temporary.mkdir()
        try:
            yield temporary
        except OSError as error:
            if error.filename is not None or type(error) is not OSError:  # the caller's own, perhaps
                raise
            raise MirkitError(f"{path}: cannot be written ({error}); check the disk's free space") from error
        _take_name(temporary, path, Path(room))


def _room(path: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder beside a path: it keeps the suffix, and the name free of clashes between processes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".mirkit-", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # what the caller knows of
        raise


def _take_name(temporary: Path, path: Path, room: Path) -> None:
    """Rename, also over a full folder, which has to go first; another process may do the same meanwhile."""
    for k in range(MOST_TRIES):
        if path.is_dir() and not path.is_symlink():
            with suppress(FileNotFoundError):
                path.replace(room / f"replaced{k}")
        try:
            temporary.replace(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR) or k == MOST_TRIES - 1:
                raise
        else:
            return


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text with newlines as they are, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write strict JSON (no NaN), whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

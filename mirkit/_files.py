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
        Yield an empty folder instead of the name of a file. Links are followed, and only a folder is
        replaced.

    Yields
    ------
    Path
        Same suffix as ``path``, so that writers which go by suffix work.

    Raises
    ------
    MirkitError
        If the block ends with an error of the operating system that names no file, such as NumPy's for a full
        disk; before the block, if a folder cannot take this name.
    OSError
        If there is no place for the file, which it names.
    """
    path = place_for_folder(path) if folder else Path(path)
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


def place_for_folder(path: str | os.PathLike[str]) -> Path:
    """Return where a new folder of some name goes: the name, or where it links to.

    Parameters
    ----------
    path : str or Path
        Its name; a folder that is there would be replaced.

    Returns
    -------
    Path

    Raises
    ------
    MirkitError
        If a file has that name, or the folder is, or holds, the one that this process works in: relative
        names would mean nothing afterwards.
    """
    path = Path(path)
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_dir():
        raise MirkitError(
            f"{path}: is a file where a folder is wanted; give another name, or remove the file"
        )
    if Path(os.path.realpath(os.curdir)).is_relative_to(place):
        raise MirkitError(
            f"{path}: would replace the folder that the command runs in; give a folder of another name, such "
            "as one below it"
        )
    return place if path.is_symlink() or not path.name or path.name == os.pardir else path


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

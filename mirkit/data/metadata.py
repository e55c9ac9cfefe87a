"""Metadata files of data sets, read on the assumption that they may be hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirkit._reading import read_plain_yaml
from mirkit.errors import DatasetError

__all__ = ["OutsideError", "inside", "read_yaml", "text"]

YES_NO = ("excerpt", "has_bleed", "instrumental")


class OutsideError(DatasetError):
    """Metadata names a file outside the data set's folder."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file that holds nothing but plain values.

    Parameters
    ----------
    path : Path
        UTF-8, at most 4 MB.

    Returns
    -------
    dict

    Raises
    ------
    DatasetError
        If the file cannot be read, is not YAML, is not a mapping, or has tags, aliases or very deep
        nesting: tags can make objects, aliases can make cycles or expand without end.
    """
    mapping = read_plain_yaml(path, DatasetError)
    if not isinstance(mapping, dict):
        raise DatasetError(f"{path}: holds a {type(mapping).__name__}; wanted a mapping 'key: value'")
    for key in YES_NO:
        if key in mapping:
            mapping[key] = _is_yes(mapping[key])
    return mapping


def _is_yes(value: Any) -> bool:
    # MedleyDB writes 'yes' and 'no' as strings; unquoted, YAML makes them booleans.
    return value is True or str(value).strip().casefold() in ("yes", "true")


def text(value: Any) -> str:
    """Return a scalar of a YAML file as text; a list is joined, nothing is empty.

    Examples
    --------
    >>> text(None), text(1999), text(["A", "B"])
    ('', '1999', 'A & B')
    """
    if isinstance(value, list | tuple):
        return " & ".join(map(text, value))
    return "" if value is None else str(value).strip()


def inside(root: Path, path: Path) -> Path:
    """Return a path if it stays in a folder, also after following links; it need not exist.

    Parameters
    ----------
    root : Path
        The data set's folder.
    path : Path
        What its metadata names.

    Returns
    -------
    Path
        ``path`` unchanged.

    Raises
    ------
    DatasetError
        If it leads elsewhere.
    """
    try:
        path.exists()  # refuses names that are too long, which resolving lets pass
        leaves = not path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # link loops, NUL in the name, 256 bytes of it
        raise DatasetError(f"{path}: is not a usable path ({error})") from error
    if leaves:
        raise OutsideError(f"{path}: leaves the data set's folder {root}; name a file within it")
    return path

"""Metadata files of data sets, read on the assumption that they may be hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirkit.errors import DatasetError

__all__ = ["OutsideError", "inside", "read_yaml", "text"]

MAX_BYTES = 4_000_000
MAX_DEPTH = 32
PLAIN_TAGS = tuple(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")
)
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
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(
                f"{path}: {path.stat().st_size} bytes; metadata of at most {MAX_BYTES} is read"
            )
        content = path.read_text(encoding="utf-8-sig")
        _refuse_tricks(path, yaml.parse(content, Loader=loader))
        mapping = yaml.load(content, Loader=loader)  # noqa: S506  (a safe loader, the faster one if built)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: not readable as YAML ({_one_line(error)}); mend or remove it") from error
    if not isinstance(mapping, dict):
        raise DatasetError(f"{path}: holds a {type(mapping).__name__}; wanted a mapping 'key: value'")
    for key in YES_NO:
        if key in mapping:
            mapping[key] = _is_yes(mapping[key])
    return mapping


def _refuse_tricks(path: Path, events: Any) -> None:
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise DatasetError(f"{path}, line {line}: alias *{event.anchor}; write the value out instead")
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in PLAIN_TAGS:
            raise DatasetError(f"{path}, line {line}: tag {tag}; only plain values are read, remove the tag")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise DatasetError(
                f"{path}, line {line}: nested more than {MAX_DEPTH} deep; this is no song's metadata"
            )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


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
        leaves = not path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # link loops, NUL in the name
        raise DatasetError(f"{path}: is not a usable path ({error})") from error
    if leaves:
        raise OutsideError(f"{path}: leaves the data set's folder {root}; name a file within it")
    return path

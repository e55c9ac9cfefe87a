"""What damaged and hostile files raise, as errors of mirkit that name the file."""

from __future__ import annotations

import csv
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mirkit.errors import MirkitError

DAMAGE = (
    ValueError,  # no UTF-8, no JSON, no TOML, no number
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # nested thousands deep, or torch's for sizes that cannot be
    MemoryError,  # a shape that no machine can hold
    AssertionError,
    csv.Error,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What parsing a file may raise if its content is not what was wanted."""
MAX_BYTES = 4_000_000
MAX_DEPTH = 32
PLAIN_TAGS = tuple(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")
)


@contextmanager
def reading(path: str | os.PathLike[str], kind: type[MirkitError], wanted: str) -> Iterator[None]:
    """Raise an error of one kind, with the path, for whatever an unusable file raises in the block.

    Parameters
    ----------
    path : str or Path
        Named first in the message.
    kind : type
        Class of the error.
    wanted : str
        What the file should have been, with its article: "a table of pairs".

    Examples
    --------
    >>> from mirkit.errors import DatasetError
    >>> with reading("split.json", DatasetError, "a split"):
    ...     int("x")
    Traceback (most recent call last):
    ...
    mirkit.errors.DatasetError: split.json: not a split (invalid literal for int() with base 10: 'x')
    """
    try:
        yield
    except (OSError, MirkitError, *DAMAGE) as error:
        if isinstance(error, kind) and str(error).startswith(str(path)):
            raise
        if isinstance(error, OSError) and error.strerror is not None:
            raise kind(f"{path}: cannot be read ({error.strerror.lower()}); wanted {wanted}") from error
        reason = f"no {error}" if type(error) is KeyError else str(error) or type(error).__name__
        raise kind(f"{path}: not {wanted} ({reason})") from error


def read_plain_yaml(path: Path, kind: type[MirkitError]) -> Any:
    """Return what is in a YAML file of at most 4 MB, UTF-8, that holds nothing but plain values.

    Raises
    ------
    MirkitError
        Of the given kind: if the file cannot be read, is not YAML, or has tags, aliases or very deep nesting.
        Tags can make objects, aliases can make cycles or expand without end.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with reading(path, kind, "readable as YAML, mend or remove it"):
        try:
            n_bytes = path.stat().st_size
            if n_bytes > MAX_BYTES:
                raise kind(f"{path}: {n_bytes} bytes; metadata of at most {MAX_BYTES} is read")
            content = path.read_text(encoding="utf-8-sig")
            _refuse_tricks(path, yaml.parse(content, Loader=loader), kind)
            return yaml.load(content, Loader=loader)  # noqa: S506  (a safe loader, the faster one if built)
        except yaml.YAMLError as error:
            raise ValueError(" ".join(str(error).split())) from error


def _refuse_tricks(path: Path, events: Any, kind: type[MirkitError]) -> None:
    import yaml

    depth = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise kind(f"{path}, line {line}: alias *{event.anchor}; write the value out instead")
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in PLAIN_TAGS:
            raise kind(f"{path}, line {line}: tag {tag}; only plain values are read, remove the tag")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise kind(f"{path}, line {line}: nested more than {MAX_DEPTH} deep; only plain tables are read")

"""Frozen dataclasses from and to plain values: the settings of every task."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from mirkit._reading import reading
from mirkit.errors import ParameterError

Settings = TypeVar("Settings")


def to_dict(settings: Any) -> dict[str, Any]:
    """Return nested settings as plain values for JSON."""
    return dataclasses.asdict(settings)


def from_dict(cls: type[Settings], values: Mapping[str, Any], where: str = "config") -> Settings:
    """Return settings from plain values; what is not given keeps its default.

    Parameters
    ----------
    cls : type
        A dataclass whose fields are plain values or dataclasses of the same kind.
    values : mapping
        Field to value, nested.
    where : str
        Named in error messages.

    Raises
    ------
    ParameterError
        If a key is not known (with the nearest one that is) or a value has the wrong type.
    """
    hints = typing.get_type_hints(cls)
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(hints)}"
            raise ParameterError(f"{where}: unknown key {key!r}{hint}")
        given[key] = _checked(hints[key], value, f"{where}.{key}")
    needed = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is field.default_factory is dataclasses.MISSING
    ]
    if missing := [name for name in needed if name not in given]:
        raise ParameterError(f"{where}: {', '.join(missing)} must be given")
    return cls(**given)


def read_toml(cls: type[Settings], path: str | os.PathLike[str]) -> Settings:
    """Return settings from a TOML file."""
    with reading(path, ParameterError, "settings in TOML"):
        return from_dict(cls, tomllib.loads(Path(path).read_text(encoding="utf-8")), str(path))


def _checked(hint: Any, value: Any, where: str) -> Any:
    """Return the value as its annotation wants it: nested settings, tuples, numbers, choices."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ParameterError(f"{where} must be a table of settings, got {value!r}")
        return from_dict(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in arguments:
            raise ParameterError(f"{where} must be one of {', '.join(map(repr, arguments))}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ParameterError(f"{where} must be a list, got {value!r}")
        return tuple(_checked(arguments[0], item, where) for item in value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ParameterError(f"{where} must be {hint.__name__}, got {value!r}")
    return value

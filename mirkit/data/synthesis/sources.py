"""Where sound and music come from: a TOML list of banks, notes, kits, pieces, with family and licence."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from mirkit import _config
from mirkit._reading import reading
from mirkit.errors import DatasetError, ParameterError

Kind = Literal["soundfont", "notes", "kit", "tabla", "phrases", "voice", "model", "pieces"]
Split = Literal["train", "valid", "test"]

TRAINABLE_LICENCES = ("CC0", "CC BY", "MIT", "BSD", "PUBLIC DOMAIN", "GENERALUSER", "FREE USE", "OWN")
"""Licences, by how their names begin, whose sounds may train a model that is given away."""
CORPUS = "music21:"
"""How a path begins that means files of music21's corpus."""
RESTRICTED = ("CC BY-SA", "CC BY-NC", "CC BY-ND")


@dataclass(frozen=True, slots=True)
class Source:
    """One source of sound, or of pieces to be played.

    Parameters
    ----------
    name : str
    family : str
        Sources derived from one another, or played by one player, share a family; a split never divides one.
    kind : {"soundfont", "notes", "kit", "tabla", "phrases", "voice", "model", "pieces"}
    path : str
        A sound font, or a folder (``phrases``, ``voice`` and ``pieces``: a folder or one file); a
        model's name for ``model``; ``music21:bach`` for pieces of music21's corpus.
    licence : str
    split : {"train", "valid", "test"}
        The side on which the family is used.
    instruments : tuple of str
        Source labels that it plays; empty for a General MIDI bank that plays all it has.
    pattern : str
        Regular expression that file names must match.
    shift_st : float
        Added to the pitch in file names.
    formant : float
        For ``voice``: factor on the formants; the recorded speaker's own sex at 1, about 0.84 turns a
        woman's tract
        into a man's and 1.18 the reverse.
    weight : float
        How often it is chosen among sources that can play the same.
    by_piece : bool
        For ``pieces``: a hash of each piece's bytes gives it one of the three sides, 80 of a hundred to
        training, and ``split`` is not looked at.

    Raises
    ------
    ParameterError
        If the kind or split is unknown, or ``by_piece`` is set on anything but pieces.
    """

    name: str
    family: str
    kind: Kind
    path: str
    licence: str
    split: Split = "train"
    instruments: tuple[str, ...] = ()
    pattern: str = ""
    shift_st: float = 0.0
    formant: float = 1.0
    weight: float = 1.0
    by_piece: bool = False

    def __post_init__(self) -> None:
        for value, options, what in ((self.kind, Kind, "kind"), (self.split, Split, "split")):
            if value not in get_args(options):
                raise ParameterError(
                    f"source {self.name!r}: {what} must be one of {get_args(options)}, got {value!r}"
                )

        if self.by_piece and self.kind != "pieces":
            raise ParameterError(
                f"source {self.name!r}: by_piece divides a source of kind 'pieces', got {self.kind!r}"
            )

    @property
    def trainable(self) -> bool:
        """Whether the licence lets a model that is given away learn from it."""
        licence = self.licence.upper()
        return licence.startswith(TRAINABLE_LICENCES) and not licence.startswith(RESTRICTED)


def read_sources(path: str | Path) -> tuple[Source, ...]:
    """Return the sources listed in a TOML file.

    Parameters
    ----------
    path : str or Path
        Has one ``[[source]]`` table for each; relative paths start at the file's folder.

    Raises
    ------
    DatasetError
        If the file is no TOML, a key is unknown or missing, a path does not exist, or a family stands on
        two sides.
    """
    path = Path(path)
    with reading(path, DatasetError, "a list of sources"):
        tables = [dict(table) for table in tomllib.loads(path.read_text("utf-8")).get("source", [])]
    sources = [_source(path, table) for table in tables]
    if not sources:
        raise DatasetError(
            f"{path}: lists no source; add [[source]] tables with name, family, kind, path and licence"
        )
    check_families(sources)
    return tuple(sources)


def _source(path: Path, table: Mapping[str, Any]) -> Source:
    """Return one entry of a list, its path made absolute."""
    known = [f.name for f in fields(Source)]
    if unknown := sorted(set(table) - set(known)):
        raise DatasetError(
            f"{path}: source {table.get('name')!r} has unknown keys {unknown}; known: {sorted(known)}"
        )
    if missing := sorted({"name", "family", "kind", "path", "licence"} - set(table)):
        raise DatasetError(f"{path}: source {table.get('name')!r} lacks {missing}")
    source: Source = _config.from_dict(Source, table, f"{path}: source {table['name']!r}")
    if source.kind == "model" or source.path.startswith(CORPUS):
        return source
    with reading(path, DatasetError, "a list of sources whose paths exist"):
        where = (path.parent / Path(source.path).expanduser()).resolve()
        if not where.exists():
            raise DatasetError(f"{path}: source {source.name!r}: {where} does not exist")
    return replace(source, path=str(where))


def check_families(sources: Iterable[Source]) -> None:
    """Raise `DatasetError` if a family is used on two sides of the split.

    Examples
    --------
    >>> a = Source("Fluid", "fluid", "soundfont", "a.sf2", "MIT")
    >>> b = Source("Fluid mono", "fluid", "soundfont", "b.sf3", "MIT", split="test")
    >>> check_families([a, b])
    Traceback (most recent call last):
    ...
    mirkit.errors.DatasetError: families on two sides of the split: fluid (test, train); give each one side
    """
    sides: dict[str, set[str]] = {}
    for source in sources:
        if source.by_piece:  # its pieces have sides, not the family
            continue
        sides.setdefault(source.family, set()).add(source.split)
    leaks = [f"{family} ({', '.join(sorted(s))})" for family, s in sorted(sides.items()) if len(s) > 1]
    if leaks:
        raise DatasetError(f"families on two sides of the split: {'; '.join(leaks)}; give each one side")


def usable(sources: Sequence[Source], *, split: str, trainable_only: bool) -> tuple[Source, ...]:
    """Return the sources of one side, without those whose licence forbids training if so asked.

    Raises
    ------
    DatasetError
        If nothing is left.
    """
    on_side = (replace(s, split=cast(Split, split)) if s.by_piece else s for s in sources)
    chosen = tuple(s for s in on_side if s.split == split and (s.trainable or not trainable_only))
    if not chosen:
        kind = " with a licence that allows training" if trainable_only else ""
        raise DatasetError(
            f"no source is on side {split!r}{kind}; edit the list of sources or choose another side"
        )
    return chosen

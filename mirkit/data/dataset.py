"""What a data set is: songs, named parts, and the problems found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack

__all__ = ["Dataset", "Problem", "TrackSet"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of one file.

    Parameters
    ----------
    path : str
        File or folder, as found.
    kind : str
        One of `mirkit.data.validation.KINDS`.
    message : str
        What is wrong and what to do.

    Examples
    --------
    >>> str(Problem("a/mix.wav", "missing", "no such file"))
    'a/mix.wav: missing: no such file'
    """

    path: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.message}"


class Dataset(Protocol):
    """Songs that can be trained on, evaluated on and checked."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    @property
    def items(self) -> Sequence[MultiTrack]:
        """Songs, in a fixed order."""

    def split(self, name: str) -> Dataset:
        """Return the part of that name."""

    def validate(self) -> list[Problem]:
        """Return every fault found in the files."""


@dataclass(frozen=True, slots=True)
class TrackSet:
    """Songs read from a folder: what every reader returns.

    Parameters
    ----------
    name : str
        Name of the data set, by default that of its folder.
    layout : str
        How the folder is laid out: ``medleydb``, ``mixing_secrets``, ``musdb``, ``slakh``, ``folder``.
    root : Path
        The folder.
    items : tuple of MultiTrack
        Songs in alphabetical order of their ids.
    splits : mapping of str to tuple of str
        Part to ids, where the folder or a split file defines parts.
    problems : tuple of Problem
        Faults met while reading the metadata; the songs concerned are not among ``items``.

    Raises
    ------
    DatasetError
        If two songs have the same id.

    Examples
    --------
    >>> song = MultiTrack("A_Song", "A", ())
    >>> songs = TrackSet("mine", "folder", Path("mine"), (song,), {"train": ("A_Song",)})
    >>> [item.id for item in songs.split("train").items]
    ['A_Song']
    """

    name: str
    layout: str
    root: Path
    items: tuple[MultiTrack, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for item in self.items:
            if item.id in seen:
                raise DatasetError(f"{self.root}: two songs are called {item.id!r}; rename one")
            seen.add(item.id)

    def split(self, name: str) -> TrackSet:
        """Return the songs of one part.

        Parameters
        ----------
        name : str
            Such as ``train``, ``valid`` or ``test``.

        Returns
        -------
        TrackSet

        Raises
        ------
        DatasetError
            If there is no such part, or it names a song that is not there.
        """
        if name not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise DatasetError(
                f"{self.root}: no part {name!r} (parts: {known}); write one with 'mirkit data split' "
                f"and save it as {self.root / 'split.json'}"
            )
        return self.select(self.splits[name])

    def select(self, ids: Sequence[str]) -> TrackSet:
        """Return the songs of these ids, in the order of the data set.

        Parameters
        ----------
        ids : sequence of str
            Ids, plain or preceded by the data set's name and a slash.

        Returns
        -------
        TrackSet

        Raises
        ------
        DatasetError
            If an id belongs to no song.
        """
        wanted = {name.removeprefix(f"{self.name}/") for name in ids}
        if missing := sorted(wanted - {item.id for item in self.items}):
            raise DatasetError(
                f"{self.root}: no songs called {', '.join(missing[:5])} ({len(missing)} in all)"
            )
        return replace(self, items=tuple(item for item in self.items if item.id in wanted), splits={})

    def validate(self) -> list[Problem]:
        """Return every fault found in the files; see `mirkit.data.validation.validate`."""
        from mirkit.data.validation import validate

        return validate(self)

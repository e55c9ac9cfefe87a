"""An index of many sounds: what a first look needs of each, in one folder that is mapped into memory.

The folder holds ``index.json``, which says how sounds were analysed, and a folder ``part-...`` for each
batch of them. A part appears whole or not at all and is never changed, so an index can be added to while it
is read, by several processes at once, and work that was cut short goes on where it stopped. What was added
last counts: a file that has changed is analysed again and its former entry is passed over. A file whose
content another one has is an entry without rows, so that it need not be read again, and stands in if the
other one changes.
"""

from __future__ import annotations

import json
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from mirkit import _config
from mirkit._files import replacing, write_json
from mirkit._reading import DAMAGE
from mirkit.errors import DatasetError
from mirkit.sampling.config import FeatureConfig
from mirkit.sampling.glimpse import n_coarse_bins

__all__ = ["Entry", "Index", "Part", "is_index", "open_index", "open_or_make", "write_part"]

FORMAT = "mirkit.sampling.index/1"
FILE = "index.json"
Place = tuple[Path, "Entry"]
"""A part's folder, and an entry whose rows are there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sound of an index.

    Parameters
    ----------
    path : str
        Absolute path of the sound file.
    size, modified_ns : int
        Of the file when it was read, by which a changed one is known.
    sha256 : str
        Of its content, by which a copy is known.
    duration_s : float
        Length of the sound.
    first, n_frames : int
        Rows of the part's array; none if another file has the same content and holds them.
    crc32 : int
        Of these rows.
    """

    path: str
    size: int
    modified_ns: int
    sha256: str
    duration_s: float
    first: int
    n_frames: int
    crc32: int

    def is_current(self) -> bool:
        """Return whether the file is there and has not changed since it was read."""
        try:
            stat = Path(self.path).stat()
        except (OSError, ValueError):
            return False
        return (self.size, self.modified_ns) == (stat.st_size, stat.st_mtime_ns)

    def same_file(self, other: Entry) -> bool:
        """Return whether another entry is of the same file in the same state, wherever its rows are."""
        return self.without_rows() == other.without_rows()

    def without_rows(self) -> Entry:
        """Return the entry as that of a copy."""
        return replace(self, first=0, n_frames=0, crc32=0)


@dataclass(frozen=True, slots=True)
class Part:
    """A batch of sounds.

    Parameters
    ----------
    folder : Path
        With ``sounds.json`` and ``frames.npy``.
    entries : tuple of Entry
        Those that count: no former entries, no copies.
    """

    folder: Path
    entries: tuple[Entry, ...]

    def frames(self) -> Iterator[tuple[Entry, np.ndarray]]:
        """Yield each sound with its rows, int8 ``(n_frames, n_bins)``; `DatasetError` if they are damaged."""
        stored = _mapped(self.folder)
        for entry in self.entries:
            rows = stored[entry.first : entry.first + entry.n_frames]
            if zlib.crc32(rows.data) != entry.crc32:
                raise _damaged(self.folder, f"the numbers of {entry.path} are not those that were written")
            yield entry, rows


@dataclass(frozen=True, slots=True)
class Index:
    """An index that was opened.

    Parameters
    ----------
    folder : Path
        Where it is.
    features : FeatureConfig
        How its sounds were analysed.
    parts : tuple of Part
        In the order in which they were added.
    copies : tuple of Entry
        Files whose content one of the sounds has or had: known, so that they need not be read again.
    """

    folder: Path
    features: FeatureConfig
    parts: tuple[Part, ...]
    copies: tuple[Entry, ...] = ()

    def __len__(self) -> int:
        return sum(len(part.entries) for part in self.parts)

    @property
    def entries(self) -> list[Entry]:
        """All sounds."""
        return [entry for part in self.parts for entry in part.entries]


def open_index(folder: str | os.PathLike[str]) -> Index:
    """Return an index.

    Parameters
    ----------
    folder : str or Path
        Made by `add_to_index`.

    Returns
    -------
    Index
        Its numbers are read when they are needed.

    Raises
    ------
    DatasetError
        If it is none, of another version, or damaged; the message names the part.

    Examples
    --------
    >>> open_index("nowhere")
    Traceback (most recent call last):
    mirkit.errors.DatasetError: nowhere: no index; 'mirkit sampling index' makes one
    """
    folder = Path(folder)
    settings = _settings(folder)
    n_bins = n_coarse_bins(settings.n_bins)
    parts = [_part(path, n_bins) for path in sorted(folder.glob("part-*"))]
    last = _last_of_each_file(parts)
    held = _holders(parts, last)
    entries: dict[Path, list[Entry]] = {part.folder: [] for part in parts}
    for place, entry in held.values():
        entries[place].append(entry)
    live = tuple(Part(place, tuple(found)) for place, found in entries.items() if found)
    holding = {entry.path for _, entry in held.values()}
    return Index(folder, settings, live, tuple(entry for _, entry in last if entry.path not in holding))


def is_index(folder: Path) -> bool:
    """Return whether a folder looks like an index."""
    return (folder / FILE).is_file()


def open_or_make(folder: Path, config: FeatureConfig | None) -> Index:
    """Return the index in a folder, a new one if there is none.

    Raises
    ------
    DatasetError
        If the folder is something else, damaged, or its sounds were analysed otherwise.
    """
    if not is_index(folder):
        # Another process may be making the same index; the second look sees one that it has finished.
        if _holds_something(folder) and not is_index(folder):
            raise DatasetError(f"{folder}: is there and no index; give another folder")
        write_json(folder / FILE, {"format": FORMAT, "features": asdict(config or FeatureConfig())})
    index = open_index(folder)
    if config is not None and config != index.features:
        raise DatasetError(f"{folder}: its sounds were analysed with other settings; give another folder")
    return index


def _holds_something(folder: Path) -> bool:
    """Return whether there is more than the temporary files of a process that makes an index."""
    if folder.is_file():
        return True
    return folder.is_dir() and any(not path.name.startswith(".mirkit-") for path in folder.iterdir())


def _settings(folder: Path) -> FeatureConfig:
    path = folder / FILE
    if not path.is_file():
        raise DatasetError(f"{folder}: no index; 'mirkit sampling index' makes one")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DatasetError(
                f"{folder}: is an index of format {content['format']!r}, wanted {FORMAT!r}; make it anew"
            )
        return _config.from_dict(FeatureConfig, content["features"])
    except (OSError, *DAMAGE) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: is damaged ({error}); make the index anew") from error


def _part(folder: Path, n_bins: int) -> Part:
    try:
        rows = json.loads((folder / "sounds.json").read_text(encoding="utf-8"))
        entries = tuple(Entry(**row) for row in rows)
        ends = np.cumsum([0, *(entry.n_frames for entry in entries)])
        if any(entry.first != end for entry, end in zip(entries, ends, strict=False)):
            raise ValueError("sounds.json does not say where each sound begins")
    except (OSError, *DAMAGE) as error:
        raise _damaged(folder, str(error)) from error
    shape, wanted = _mapped(folder).shape, (int(ends[-1]), n_bins)
    if shape != wanted:
        raise _damaged(folder, f"frames.npy has shape {shape}, wanted {wanted}")
    return Part(folder, entries)


def _last_of_each_file(parts: Sequence[Part]) -> list[Place]:
    """Return what was added last of each file, in the order in which it was."""
    last: dict[str, Place] = {}
    for part in parts:
        for entry in part.entries:
            last.pop(entry.path, None)  # or the file would keep the place of its former entry
            last[entry.path] = part.folder, entry
    return list(last.values())


def _holders(parts: Sequence[Part], last: Sequence[Place]) -> dict[str, Place]:
    """Return for each content the file that counts: the last one with rows, else the first of its copies."""
    rows = {entry.sha256: (part.folder, entry) for part in parts for entry in part.entries if entry.n_frames}
    held = {entry.sha256: (folder, entry) for folder, entry in last if entry.n_frames}
    for _, copy in last:
        if copy.sha256 in held or copy.sha256 not in rows:
            continue
        folder, former = rows[copy.sha256]  # of a file that has changed since
        held[copy.sha256] = (
            folder,
            replace(former, path=copy.path, size=copy.size, modified_ns=copy.modified_ns),
        )
    return held


def _mapped(folder: Path) -> np.ndarray:
    try:
        stored: np.ndarray = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, *DAMAGE) as error:
        raise _damaged(folder, f"frames.npy: {error}") from error
    if stored.dtype != np.int8 or stored.ndim != 2:
        raise _damaged(folder, f"frames.npy holds {stored.dtype} of {stored.ndim} dimensions")
    return stored


def _damaged(folder: Path, why: str) -> DatasetError:
    return DatasetError(
        f"{folder}: this part of the index is damaged ({why}); delete it and index its sounds again"
    )


def write_part(folder: Path, fresh: Sequence[tuple[Entry, np.ndarray]]) -> None:
    """Add a part of sounds and copies with their rows, if there are any, to an index."""
    if not fresh:
        return
    firsts = np.cumsum([0, *(len(rows) for _, rows in fresh)])
    entries = [
        asdict(entry) | {"first": int(first)} for (entry, _), first in zip(fresh, firsts, strict=False)
    ]
    number = 1 + max((int(path.name.split("-")[1]) for path in folder.glob("part-*-*")), default=0)
    # The second half of the name keeps two processes apart that add at the same time.
    with replacing(folder / f"part-{number:06d}-{uuid.uuid4().hex[:8]}", folder=True) as temporary:
        np.save(temporary / "frames.npy", np.concatenate([rows for _, rows in fresh]))
        (temporary / "sounds.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")

"""An index of many sounds: what a first look needs of each, in one folder that is mapped into memory.

The folder holds ``index.json``, which says how sounds were analysed, and a folder ``part-...`` for each
batch of them. A part appears whole or not at all and is never changed, so an index can be added to while it
is read, by several processes at once, and work that was cut short goes on where it stopped. What was added
last counts: a file that has changed is analysed again and its former entry is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mirkit import _config, audio
from mirkit._files import replacing, write_json
from mirkit._reading import DAMAGE
from mirkit.errors import DatasetError, ParameterError
from mirkit.parallel import Backend, Outcome, Progress, map_all
from mirkit.sampling import features
from mirkit.sampling.config import FeatureConfig
from mirkit.sampling.glimpse import coarse, n_coarse_bins

__all__ = ["Added", "Entry", "Index", "Part", "add_to_index", "is_index", "merge_indexes", "open_index"]

FORMAT = "mirkit.sampling.index/1"
FILE = "index.json"
BATCH = 128
"""Sounds in a part: about 50 MB of songs of four minutes."""


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
        Rows of the part's array.
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
    """

    folder: Path
    features: FeatureConfig
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(len(part.entries) for part in self.parts)

    @property
    def entries(self) -> list[Entry]:
        """All sounds."""
        return [entry for part in self.parts for entry in part.entries]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a file that was to be added.

    Parameters
    ----------
    path : Path
        The file.
    status : str
        ``added``, ``already there`` or ``same as ...``, naming the file whose content it has.
    """

    path: Path
    status: str


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
    last = {entry.path: (part.folder, entry) for part in parts for entry in part.entries}
    kept: dict[str, tuple[Path, Entry]] = {}
    for place, entry in last.values():
        kept.setdefault(entry.sha256, (place, entry))
    counted = set(kept.values())
    live = (
        Part(part.folder, tuple(entry for entry in part.entries if (part.folder, entry) in counted))
        for part in parts
    )
    return Index(folder, settings, tuple(part for part in live if part.entries))


def add_to_index(
    folder: str | os.PathLike[str],
    paths: Sequence[Path],
    *,
    config: FeatureConfig | None = None,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> list[Outcome[Path, Added]]:
    """Add sound files to an index, which is made if it is not there, and return what became of each.

    Parameters
    ----------
    folder : str or Path
        Of the index.
    paths : sequence of Path
        Sound files. Those that are there unchanged are passed over.
    config : FeatureConfig, optional
        How to analyse; the default one, or that of the index.
    n_jobs, backend, progress
        See `mirkit.parallel.map_all`. Sounds are kept every hundred or so.

    Returns
    -------
    list of Outcome
        In the order of the files; one that cannot be read stops nothing.

    Raises
    ------
    DatasetError
        If the folder is something else, damaged, or its sounds were analysed otherwise.
    """
    index = _opened_or_made(Path(folder), config)
    known = {entry.path: entry for entry in index.entries}
    contents = {entry.sha256: entry.path for entry in index.entries}
    work = partial(_analysed, config=index.features)
    outcomes: list[Outcome[Path, Added]] = []
    for first in range(0, len(paths), BATCH):
        batch = paths[first : first + BATCH]
        unknown = [path for path in batch if not _is_known(path, known)]
        report = (
            None
            if progress is None
            else _shifted(progress, len(outcomes) + len(batch) - len(unknown), len(paths))
        )
        done = iter(map_all(work, unknown, n_jobs=n_jobs, backend=backend, progress=report))
        asked, fresh = set(unknown), list[tuple[Entry, np.ndarray]]()
        for path in batch:
            if path not in asked:
                outcomes.append(Outcome(path, Added(path, "already there"), None))
                continue
            outcome = next(done)
            if outcome.result is None:
                outcomes.append(Outcome(path, None, outcome.error))
                continue
            entry, rows = outcome.result
            other = contents.setdefault(entry.sha256, entry.path)
            if other != entry.path:
                status = f"same as {other}"
            elif known.get(entry.path) == entry:  # the same path twice
                status = "already there"
            else:
                status, known[entry.path] = "added", entry
                fresh.append((entry, rows))
            outcomes.append(Outcome(path, Added(path, status), None))
        _write_part(index.folder, fresh)
    return outcomes


def merge_indexes(folder: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str]]) -> int:
    """Add the sounds of other indexes to an index, and return how many were new.

    Parameters
    ----------
    folder : str or Path
        Of the index; it is made if it is not there.
    sources : sequence of str or Path
        Folders of indexes; they stay as they are. One merged into a new folder is tidied: former entries and
        small parts are gone.

    Raises
    ------
    DatasetError
        If one of them is no index, damaged, or was analysed otherwise.
    """
    opened = [open_index(source) for source in sources]
    for one in opened[1:]:
        if one.features != opened[0].features:
            raise DatasetError(
                f"{one.folder}: was analysed otherwise than {opened[0].folder}; index its sounds anew"
            )
    target = _opened_or_made(Path(folder), opened[0].features if opened else None)
    contents = {entry.sha256 for entry in target.entries}
    fresh: list[tuple[Entry, np.ndarray]] = []
    n_new = 0
    for entry, rows in (found for one in opened for part in one.parts for found in part.frames()):
        if entry.sha256 in contents:
            continue
        contents.add(entry.sha256)
        fresh.append((entry, rows))
        n_new += 1
        if len(fresh) == BATCH:
            _write_part(target.folder, fresh)
            fresh = []
    _write_part(target.folder, fresh)
    return n_new


def is_index(folder: Path) -> bool:
    """Return whether a folder looks like an index."""
    return (folder / FILE).is_file()


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


def _opened_or_made(folder: Path, config: FeatureConfig | None) -> Index:
    if not is_index(folder):
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise DatasetError(f"{folder}: is there and no index; give another folder")
        write_json(folder / FILE, {"format": FORMAT, "features": asdict(config or FeatureConfig())})
    index = open_index(folder)
    if config is not None and config != index.features:
        raise DatasetError(f"{folder}: its sounds were analysed with other settings; give another folder")
    return index


def _is_known(path: Path, known: dict[str, Entry]) -> bool:
    """Return whether a file is in the index and has not changed since."""
    entry = known.get(str(path.resolve()))
    if entry is None or not path.is_file():
        return False
    stat = path.stat()
    return (entry.size, entry.modified_ns) == (stat.st_size, stat.st_mtime_ns)


def _analysed(path: Path, config: FeatureConfig) -> tuple[Entry, np.ndarray]:
    if not path.is_file():
        raise DatasetError(f"{path}: no such file" if not path.exists() else f"{path}: holds no sound files")
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    sound = audio.read(path)
    try:
        rows = coarse(features.patch(sound, config))
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    return Entry(
        str(path.resolve()),
        stat.st_size,
        stat.st_mtime_ns,
        digest,
        sound.duration_s,
        0,
        len(rows),
        zlib.crc32(rows.data),
    ), rows


def _write_part(folder: Path, fresh: Sequence[tuple[Entry, np.ndarray]]) -> None:
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


def _shifted(progress: Progress, first: int, total: int) -> Progress:
    return lambda done, _: progress(first + done, total)

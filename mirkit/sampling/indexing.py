"""Adding sounds to an index, and one index to another.

A file may have been renamed, replaced or deleted since it was indexed, so what an index says of it counts
only while the file is as it was read: nothing is a copy of a file that is gone or has changed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit.errors import DatasetError, ParameterError
from mirkit.parallel import Backend, Outcome, Progress, map_all
from mirkit.sampling import features
from mirkit.sampling.catalogue import Entry, Index, open_index, open_or_make, write_part
from mirkit.sampling.config import FeatureConfig
from mirkit.sampling.glimpse import coarse, n_coarse_bins

__all__ = ["Added", "add_to_index", "merge_indexes"]

BATCH = 128
"""Sounds in a part: about 50 MB of songs of four minutes."""
Analysed = tuple[Entry, np.ndarray]
"""A sound and its rows, int8 ``(n_frames, n_bins)``."""


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


class _Known:
    """What an index knows of files: the last state of each, and which one holds a content."""

    def __init__(self, index: Index) -> None:
        self.files = {entry.path: entry for entry in (*index.copies, *index.entries)}
        self._holders = {entry.sha256: entry.path for entry in index.entries}

    def holder(self, sha256: str) -> str | None:
        """Return the file that has a content now, None if the one that had it is gone or has changed."""
        path = self._holders.get(sha256)
        if path is None:
            return None
        entry = self.files[path]
        return path if entry.sha256 == sha256 and entry.is_current() else None

    def status(self, path: Path) -> str | None:
        """Return what to say of a file that need not be analysed, None for one that must be."""
        entry = self.files.get(str(path.resolve()))
        if entry is None or not entry.is_current():
            return None
        holder = self.holder(entry.sha256)
        return None if holder is None else _status(entry, holder)

    def add(self, entry: Entry, rows: np.ndarray) -> tuple[str, Analysed | None]:
        """Take note of a file that was analysed; return what to say of it, and what to store if anything."""
        holder = self.holder(entry.sha256)
        if holder == entry.path:  # the same path twice
            return _status(entry, holder), None
        if holder is None:
            self._holders[entry.sha256] = entry.path
            self.files[entry.path] = entry
            return "added", (entry, rows)
        self.files[entry.path] = entry.without_rows()
        return _status(entry, holder), (self.files[entry.path], rows[:0])


def _status(entry: Entry, holder: str) -> str:
    return "already there" if holder == entry.path else f"same as {holder}"


def add_to_index(
    folder: str | PathLike[str],
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
        Sound files. Those that are there unchanged are passed over, copies of them are kept once, and one
        that was renamed takes the place of the name that is gone.
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
    index = open_or_make(Path(folder), config)
    known = _Known(index)
    work = partial(_analysed, config=index.features)
    outcomes: list[Outcome[Path, Added]] = []
    for first in range(0, len(paths), BATCH):
        batch = paths[first : first + BATCH]
        statuses = [known.status(path) for path in batch]
        unknown = [path for path, status in zip(batch, statuses, strict=True) if status is None]
        n_done = len(outcomes) + len(batch) - len(unknown)
        report = None if progress is None else _shifted(progress, n_done, len(paths))
        done = iter(map_all(work, unknown, n_jobs=n_jobs, backend=backend, progress=report))
        fresh: list[Analysed] = []
        for path, status in zip(batch, statuses, strict=True):
            if status is not None:
                outcomes.append(Outcome(path, Added(path, status), None))
                continue
            outcome = next(done)
            if outcome.result is None:
                outcomes.append(Outcome(path, None, outcome.error))
                continue
            said, stored = known.add(*outcome.result)
            outcomes.append(Outcome(path, Added(path, said), None))
            fresh += [] if stored is None else [stored]
        write_part(index.folder, fresh)
    return outcomes


def merge_indexes(folder: str | PathLike[str], sources: Sequence[str | PathLike[str]]) -> int:
    """Add the sounds of other indexes to an index, and return how many were added.

    Where indexes differ about a file, the entry counts that fits the file as it is now, else the newer one.

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
    target = open_or_make(Path(folder), opened[0].features if opened else None)
    fresh: list[Analysed] = []
    n_added = 0
    for entry, rows in _missing(target, opened):
        fresh.append((entry, rows))
        n_added += entry.n_frames > 0
        if len(fresh) == BATCH:
            write_part(target.folder, fresh)
            fresh = []
    write_part(target.folder, fresh)
    return n_added


def _missing(target: Index, sources: Sequence[Index]) -> Iterator[Analysed]:
    """Yield what an index lacks of others: sounds with their rows, then copies without."""
    files = _best_of_each_file(entry for one in (target, *sources) for entry in (*one.entries, *one.copies))
    holders = _best_of_each_content(files.values())
    there = {entry.path: entry for entry in (*target.copies, *target.entries)}
    settled = {
        entry.sha256
        for entry in target.entries
        if entry.sha256 in holders and holders[entry.sha256].same_file(entry)
    }
    for entry, rows in (found for one in sources for part in one.parts for found in part.frames()):
        holder = holders.get(entry.sha256)
        if holder is None or entry.sha256 in settled:
            continue
        settled.add(entry.sha256)
        there[holder.path] = holder
        yield replace(entry, path=holder.path, size=holder.size, modified_ns=holder.modified_ns), rows
    nothing = np.empty((0, n_coarse_bins(target.features.n_bins)), np.int8)
    for entry in files.values():
        if entry.path not in there or not there[entry.path].same_file(entry):
            yield entry.without_rows(), nothing


def _best_of_each_file(entries: Iterable[Entry]) -> dict[str, Entry]:
    best: dict[str, Entry] = {}
    for entry in entries:
        other = best.setdefault(entry.path, entry)
        if not entry.same_file(other) and _is_better(entry, other):
            best[entry.path] = entry
    return best


def _is_better(entry: Entry, other: Entry) -> bool:
    """Return whether an entry fits its file as it is now and another one does not, or is the newer one."""
    if entry.is_current() != other.is_current():
        return entry.is_current()
    return entry.modified_ns > other.modified_ns


def _best_of_each_content(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the first sound with each content, or another file if that one is not as it was any more."""
    best: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda one: one.n_frames == 0):  # copies come last
        other = best.setdefault(entry.sha256, entry)
        if other is not entry and entry.is_current() and not other.is_current():
            best[entry.sha256] = entry
    return best


def _analysed(path: Path, config: FeatureConfig) -> Analysed:
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


def _shifted(progress: Progress, first: int, total: int) -> Progress:
    return lambda done, _: progress(first + done, total)

"""Pairs of a sample and a song with the truth between them: the data sets of sample detection.

A data set is a folder with ``pairs.csv`` (which sample against which song) and ``occurrences.csv`` (where
each sample occurs in each song, and how it was transformed); paths are relative to the folder.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit.annotation import Intervals
from mirkit.audio import Audio
from mirkit.data import Problem
from mirkit.errors import DatasetError
from mirkit.sampling.result import Detections

__all__ = ["OCCURRENCE_COLUMNS", "PAIR_COLUMNS", "PairSet", "SamplePair", "open_pairs"]

PAIR_COLUMNS = (
    "split", "query", "query_path", "query_start_s", "query_end_s", "song", "song_path", "kind", "type",
)  # fmt: skip
OCCURRENCE_COLUMNS = ("query", "song", "start_s", "end_s", "pitch_shift_st", "tempo_ratio")
"""Columns that must be there; further ones (``gain_db``, ...) are kept as details."""


@dataclass(frozen=True, slots=True, eq=False)
class SamplePair:
    """A sample, a song, and where the one occurs in the other.

    Parameters
    ----------
    query, song : str
        Names of the sample and of the song.
    query_path, song_path : Path
        Sound files.
    truth : Detections
        Every occurrence; none in a decoy.
    query_start_s, query_end_s : float
        Part of the file that is the sample, seconds; an end of 0 means the end of the file.
    kind : str
        ``positive``, ``decoy`` or ``same pack`` (a decoy with another loop of the sample's source).
    type : str
        ``one-shot``, ``drum loop`` or ``melodic loop``; empty if unknown.
    details : tuple of mapping
        What else is known of each occurrence, such as ``gain_db``.
    """

    query: str
    song: str
    query_path: Path
    song_path: Path
    truth: Detections
    query_start_s: float = 0.0
    query_end_s: float = 0.0
    kind: str = "positive"
    type: str = ""
    details: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """Name of the pair."""
        return f"{self.query}/{self.song}"

    def sample_audio(self) -> Audio:
        """Return the sample; the file is read anew at each call."""
        duration_s = self.query_end_s - self.query_start_s if self.query_end_s else None
        return audio.read(self.query_path, start_s=self.query_start_s, duration_s=duration_s)

    def song_audio(self) -> Audio:
        """Return the song; the file is read anew at each call."""
        return audio.read(self.song_path)


@dataclass(frozen=True, slots=True)
class PairSet:
    """A data set of sample detection.

    Parameters
    ----------
    name : str
        Name of the data set, by default that of its folder.
    items : tuple of SamplePair
        Pairs in the order of the table.
    splits : mapping of str to tuple of str
        Part to ids of pairs.

    Examples
    --------
    >>> PairSet("mine", ()).split("test")
    Traceback (most recent call last):
    mirkit.errors.DatasetError: mine: no part 'test' (parts: none)
    """

    name: str
    items: tuple[SamplePair, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def split(self, name: str) -> PairSet:
        """Return the pairs of one part; `DatasetError` if there is no such part."""
        if name not in self.splits:
            raise DatasetError(f"{self.name}: no part {name!r} (parts: {', '.join(self.splits) or 'none'})")
        wanted = set(self.splits[name])
        return replace(self, items=tuple(item for item in self.items if item.id in wanted), splits={})

    def validate(self) -> list[Problem]:
        """Return every fault found: missing files and occurrences that end behind their song."""
        named = dict.fromkeys(path for item in self.items for path in (item.query_path, item.song_path))
        problems = [Problem(str(path), "missing", "no such file") for path in named if not path.is_file()]
        for item in self.items:
            if len(item.truth) and item.song_path.is_file():
                end_s = float(item.truth.intervals.times_s[:, 1].max())
                length_s = audio.info(item.song_path).duration_s
                if length_s and end_s > length_s + 1.0:
                    text = f"{item.id}: an occurrence ends at {end_s:.1f} s, the song at {length_s:.1f} s"
                    problems.append(Problem(str(item.song_path), "length", text))
        return problems

    def fingerprint(self) -> str:
        """Return a hash of the pairs and their truth, by which models name their training data."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(repr((item.id, item.kind, item.truth.intervals.times_s.tolist())).encode())
        return digest.hexdigest()


def open_pairs(root: str | os.PathLike[str]) -> PairSet:
    """Return the pairs of a folder.

    Parameters
    ----------
    root : str or Path
        Folder with ``pairs.csv`` and ``occurrences.csv``; paths in them are relative to it.

    Returns
    -------
    PairSet
        No audio is opened.

    Raises
    ------
    DatasetError
        If they are not there, or a table is faulty; the message names the line.
    """
    root = Path(root)
    if (root / "pairs.csv").is_file():
        return _read_own(root)
    raise DatasetError(f"{root}: has no pairs.csv; 'mirkit sampling synthesize' writes such a folder")


def _read_own(root: Path) -> PairSet:
    occurrences: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in read_table(root / "occurrences.csv", OCCURRENCE_COLUMNS):
        occurrences.setdefault((row["query"], row["song"]), []).append(row)
    items: list[SamplePair] = []
    splits: dict[str, list[str]] = {}
    for row in read_table(root / "pairs.csv", PAIR_COLUMNS):
        rows = occurrences.get((row["query"], row["song"]), [])
        item = SamplePair(
            query=row["query"],
            song=row["song"],
            query_path=root / row["query_path"],
            song_path=root / row["song_path"],
            truth=truth_of(rows, row["query"]),
            query_start_s=number(root / "pairs.csv", row, "query_start_s", 0.0),
            query_end_s=number(root / "pairs.csv", row, "query_end_s", 0.0),
            kind=row["kind"],
            type=row["type"],
            details=tuple({k: v for k, v in one.items() if k not in OCCURRENCE_COLUMNS} for one in rows),
        )
        items.append(item)
        splits.setdefault(row["split"], []).append(item.id)
    parts = {name: tuple(ids) for name, ids in splits.items() if name}
    return PairSet(root.name, tuple(items), parts)


def truth_of(rows: Sequence[Mapping[str, Any]], label: str) -> Detections:
    """Return the truth of a pair from rows with the columns of ``occurrences.csv``."""
    times_s = np.array([[float(row["start_s"]), float(row["end_s"])] for row in rows]).reshape(-1, 2)
    shifts, ratios = (
        np.array([float(row[name]) if row[name] != "" else np.nan for row in rows])
        for name in ("pitch_shift_st", "tempo_ratio")
    )
    return Detections(Intervals(times_s, [label] * len(rows)), shifts, ratios, float(len(rows) > 0))


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file that must have some columns; `DatasetError` if it has not."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            if missing := [name for name in columns if name not in (table.fieldnames or ())]:
                raise DatasetError(
                    f"{path}: columns {', '.join(missing)} are missing; wanted {', '.join(columns)}"
                )
            rows = list(table)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    for line, row in enumerate(rows, start=2):
        if None in row.values():
            raise DatasetError(f"{path}, line {line}: fewer values than the header has columns")
    return rows


def number(path: Path, row: Mapping[str, str], column: str, empty: float) -> float:
    """Return a number of a row; `DatasetError` naming the column if it is none."""
    try:
        return float(row[column]) if row[column].strip() else empty
    except ValueError as error:
        raise DatasetError(f"{path}: {column} must be a number, got {row[column]!r}") from error

"""Tables of pairs: mirkit's own, and Sample100.

A data set of mirkit is a folder with ``pairs.csv`` (which sample against which song) and ``occurrences.csv``
(where each sample occurs in each song, and how it was transformed); paths are relative to the folder.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._reading import reading
from mirkit.annotation import Intervals
from mirkit.errors import DatasetError
from mirkit.sampling.pairs import PairSet, SamplePair
from mirkit.sampling.result import Detections

__all__ = ["OCCURRENCE_COLUMNS", "PAIR_COLUMNS", "open_pairs", "read_sample100"]

PAIR_COLUMNS = (
    "split", "query", "query_path", "query_start_s", "query_end_s", "song", "song_path", "kind", "type",
)  # fmt: skip
OCCURRENCE_COLUMNS = ("query", "song", "start_s", "end_s", "pitch_shift_st", "tempo_ratio")
"""Columns that must be there; further ones (``gain_db``, ...) are kept as details."""

SAMPLE100_COLUMNS = (
    ("original_track_id", "sample_track_id", "t_original", "t_sample"),
    ("target_track_id", "query_track_id", "t_target", "t_query"),
)
"""Record, song, and where the sample is in them: in the table of 2011, and in its extension."""
SAMPLE100_TYPES = {"beat": "drum loop", "riff": "melodic loop", "one note": "one-shot", "1-note": "one-shot"}
SAMPLE_LENGTH_S = 5.0
N_DECOYS = 9


def open_pairs(root: str | os.PathLike[str]) -> PairSet:
    """Return the pairs of a folder.

    Parameters
    ----------
    root : str or Path
        Folder with ``pairs.csv`` and ``occurrences.csv``, paths in them relative to it; or one with the
        ``samples.csv`` of Sample100 (see `read_sample100`).

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
    if (root / "samples.csv").is_file():
        return read_sample100(root)
    raise DatasetError(
        f"{root}: has neither pairs.csv, as 'mirkit sampling synthesize' writes, nor Sample100's samples.csv"
    )


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
            truth=_own_truth(root, rows, row["query"]),
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


def read_sample100(root: str | os.PathLike[str]) -> PairSet:
    """Return Sample100 or a table like it, with its extension if that is there.

    J. Van Balen, J. Serra, M. Haro, "Automatic identification of samples in hip hop music", CMMR 2012; the
    extension adds tempo ratios and, as Sonic Visualiser exports them, all places.

    Parameters
    ----------
    root : str or Path
        Folder with ``samples.csv`` and the sound files, named by their track (``T001.flac``, ...), in it or
        in ``audio``; places in ``sonic_visualiser_annotations``, ``S001_r.csv`` for the record that was
        sampled and ``S001_s.csv`` for the song.

    Returns
    -------
    PairSet
        Each sample with the song that uses it and nine songs that use nothing of its record. All of them are
        the part ``test``. Where the record has no annotated places, the sample is taken to last
        `SAMPLE_LENGTH_S`, and only the first place in the song is known. Transpositions are NaN: not given.

    Raises
    ------
    DatasetError
        If the table is faulty.
    """
    root = Path(root)
    relations = [
        _relation(root, row) for row in read_table(root / "samples.csv", ("sample_id", "sample_type"))
    ]
    used: dict[str, set[str]] = {}  # song to the records it was made of
    for one in relations:
        used.setdefault(one.song, set()).add(one.record)
    items = []
    for k, one in enumerate(relations):
        others = [song for song in sorted(used) if one.record not in used[song]]
        # Another tenth of the songs for each sample, the same ones in each run.
        decoys = [others[(k * N_DECOYS + i) % len(others)] for i in range(min(N_DECOYS, len(others)))]
        query_path = _track(root, one.record)
        for song, kind in ((one.song, "positive"), *((song, "decoy") for song in decoys)):
            items.append(SamplePair(
                query=one.id,
                song=song,
                query_path=query_path,
                song_path=_track(root, song),
                truth=truth_of(one.places if kind == "positive" else [], one.id),
                query_start_s=one.start_s,
                query_end_s=one.end_s,
                kind=kind,
                type=SAMPLE100_TYPES.get(one.type, one.type),
            ))  # fmt: skip
    return PairSet(root.name, tuple(items), {"test": tuple(item.id for item in items)})


@dataclass(frozen=True, slots=True)
class _Relation:
    """A row of ``samples.csv`` with its annotated places."""

    id: str
    record: str
    song: str
    start_s: float
    end_s: float
    type: str
    places: list[dict[str, Any]]


def _relation(root: Path, row: Mapping[str, str]) -> _Relation:
    path = root / "samples.csv"
    names = next((names for names in SAMPLE100_COLUMNS if all(name in row for name in names)), None)
    if names is None:
        wanted = " or ".join(", ".join(names) for names in SAMPLE100_COLUMNS)
        raise DatasetError(f"{path}: columns are missing; wanted {wanted}")
    record, song = row[names[0]].strip(), row[names[1]].strip()
    start_s, first_s = (number(path, row, name, 0.0) for name in names[2:])
    ratio = (
        number(path, row, "estimated_tempo_ratio", float("nan")) if "estimated_tempo_ratio" in row else np.nan
    )
    annotations = root / "sonic_visualiser_annotations"
    in_record = _places(annotations / f"{row['sample_id']}_r.csv")
    in_song = _places(annotations / f"{row['sample_id']}_s.csv")
    length_s = SAMPLE_LENGTH_S
    if in_record:
        start_s, level, length_s = in_record[0]
        same = [place for place in in_song if place[1] == level]
        in_song = same or in_song
    if not in_song:
        in_song = [(first_s, "1", length_s / (1.0 if np.isnan(ratio) else ratio))]
    places = [
        {"start_s": at_s, "end_s": at_s + lasts_s, "pitch_shift_st": np.nan, "tempo_ratio": ratio}
        for at_s, _, lasts_s in sorted(in_song)
    ]
    kind = row["sample_type"].strip().lower()
    return _Relation(row["sample_id"].strip(), record, song, start_s, start_s + length_s, kind, places)


def _places(path: Path) -> list[tuple[float, str, float]]:
    """Return start, level and length of the places in a layer of Sonic Visualiser; none without a file."""
    if not path.is_file():
        return []
    found = []
    for line, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            start, level, length = text.replace(",", "\t").split("\t")[:3]
            found.append((float(start), level.strip(), float(length)))
        except ValueError as error:
            raise DatasetError(
                f"{path}, line {line}: wanted start, level and length, got {text!r}"
            ) from error
    return found


def _track(root: Path, name: str) -> Path:
    """Return the sound file of a track; where it would be if there is none."""
    for folder in (root / "audio", root):
        found = sorted(path for path in folder.glob(f"{name}.*") if path.suffix.lower() != ".csv")
        if found:
            return found[0]
    return root / "audio" / f"{name}.wav"


def _own_truth(root: Path, rows: Sequence[Mapping[str, str]], label: str) -> Detections:
    with reading(root / "occurrences.csv", DatasetError, "a table of occurrences in numbers"):
        return truth_of(rows, label)


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
    with (
        reading(path, DatasetError, "a table in CSV"),
        path.open(newline="", encoding="utf-8", errors="replace") as file,
    ):
        table = csv.DictReader(file, skipinitialspace=True)
        if missing := [name for name in columns if name not in (table.fieldnames or ())]:
            raise DatasetError(
                f"{path}: columns {', '.join(missing)} are missing; wanted {', '.join(columns)}"
            )
        rows = list(table)
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

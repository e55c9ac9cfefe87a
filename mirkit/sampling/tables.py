"""Tables of pairs: mirkit's own, and Sample100.

A data set of mirkit is a folder with ``pairs.csv`` (which sample against which song) and ``occurrences.csv``
(where each sample occurs in each song, and how it was transformed); paths are relative to the folder.
"""

from __future__ import annotations

import csv
import glob
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._reading import reading
from mirkit.annotation import Intervals
from mirkit.data.metadata import inside
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
        If they are not there, or a table is faulty or names a file outside the folder; the message names the
        line.
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
    occurrences: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for where, row in read_table(root / "occurrences.csv", OCCURRENCE_COLUMNS):
        occurrences.setdefault((row["query"], row["song"]), []).append({**row, **_place(where, row)})
    items: list[SamplePair] = []
    splits: dict[str, list[str]] = {}
    for where, row in read_table(root / "pairs.csv", PAIR_COLUMNS):
        rows = occurrences.get((row["query"], row["song"]), [])
        start_s = number(where, row, "query_start_s", 0.0, least=0.0)
        end_s = number(where, row, "query_end_s", 0.0, least=0.0)
        if 0.0 < end_s <= start_s:
            raise DatasetError(
                f"{where}: query_end_s must be above query_start_s, or 0 for the end of the file, got {end_s}"
            )
        item = SamplePair(
            query=row["query"],
            song=row["song"],
            query_path=_file(where, root, root / row["query_path"]),
            song_path=_file(where, root, root / row["song_path"]),
            truth=truth_of(rows, row["query"]),
            query_start_s=start_s,
            query_end_s=end_s,
            kind=row["kind"],
            type=row["type"],
            details=tuple({k: v for k, v in one.items() if k not in OCCURRENCE_COLUMNS} for one in rows),
        )
        items.append(item)
        splits.setdefault(row["split"], []).append(item.id)
    parts = {name: tuple(ids) for name, ids in splits.items() if name}
    return PairSet(root.name, tuple(items), parts)


def _place(where: str, row: Mapping[str, str]) -> dict[str, float]:
    """Return the numbers of a row of ``occurrences.csv``; NaN where the transformation is not given."""
    start_s, end_s = number(where, row, "start_s"), number(where, row, "end_s")
    if end_s < start_s:
        raise DatasetError(f"{where}: end_s must not come before start_s, got {start_s} to {end_s} s")
    shift_st = number(where, row, "pitch_shift_st", math.nan)
    ratio = _ratio(where, row, "tempo_ratio")
    return {"start_s": start_s, "end_s": end_s, "pitch_shift_st": shift_st, "tempo_ratio": ratio}


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
        If the table is faulty or names a file outside the folder; the message names the line.
    """
    root = Path(root)
    relations = [
        _relation(where, root, row)
        for where, row in read_table(root / "samples.csv", ("sample_id", "sample_type"))
    ]
    song_paths = {one.song: one.song_path for one in relations}
    used: dict[str, set[str]] = {}  # song to the records it was made of
    for one in relations:
        used.setdefault(one.song, set()).add(one.record)
    items = []
    for k, one in enumerate(relations):
        others = [song for song in sorted(used) if one.record not in used[song]]
        # Another tenth of the songs for each sample, the same ones in each run.
        decoys = [others[(k * N_DECOYS + i) % len(others)] for i in range(min(N_DECOYS, len(others)))]
        for song, kind in ((one.song, "positive"), *((song, "decoy") for song in decoys)):
            items.append(SamplePair(
                query=one.id,
                song=song,
                query_path=one.record_path,
                song_path=song_paths[song],
                truth=one.truth if kind == "positive" else Detections.none(),
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
    record_path: Path
    song: str
    song_path: Path
    start_s: float
    end_s: float
    type: str
    truth: Detections


def _relation(where: str, root: Path, row: Mapping[str, str]) -> _Relation:
    names = next((names for names in SAMPLE100_COLUMNS if all(name in row for name in names)), None)
    if names is None:
        wanted = " or ".join(", ".join(names) for names in SAMPLE100_COLUMNS)
        raise DatasetError(f"{root / 'samples.csv'}: columns are missing; wanted {wanted}")
    record, song = row[names[0]].strip(), row[names[1]].strip()
    start_s, first_s = (number(where, row, name, 0.0, least=0.0) for name in names[2:])
    ratio = _ratio(where, row, "estimated_tempo_ratio") if "estimated_tempo_ratio" in row else math.nan
    layers = root / "sonic_visualiser_annotations"
    in_record, in_song = (
        _places(_file(where, root, layers / f"{row['sample_id']}_{end}.csv")) for end in "rs"
    )
    length_s = SAMPLE_LENGTH_S
    if in_record:
        start_s, level, length_s = in_record[0]
        same = [place for place in in_song if place[1] == level]
        in_song = same or in_song
    if not in_song:
        in_song = [(first_s, "1", length_s / (1.0 if math.isnan(ratio) else ratio))]
    places = [
        {"start_s": at_s, "end_s": at_s + lasts_s, "pitch_shift_st": math.nan, "tempo_ratio": ratio}
        for at_s, _, lasts_s in sorted(in_song)
    ]
    label = row["sample_id"].strip()
    with reading(where, DatasetError, "a sample at finite times"):  # sums and quotients may overflow
        truth = truth_of(places, label)
    paths = _track(where, root, record), _track(where, root, song)
    kind = row["sample_type"].strip().lower()
    return _Relation(label, record, paths[0], song, paths[1], start_s, start_s + length_s, kind, truth)


def _places(path: Path) -> list[tuple[float, str, float]]:
    """Return start, level and length of the places in a layer of Sonic Visualiser; none without a file."""
    if not path.is_file():
        return []
    with reading(path, DatasetError, "a layer of Sonic Visualiser"):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    found = []
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        where = f"{path}, line {line}"
        columns = ("start", "level", "length")
        row = dict(zip(columns, text.replace(",", "\t").split("\t"), strict=False))
        if len(row) < len(columns):
            raise DatasetError(f"{where}: wanted start, level and length, got {text!r}")
        start_s, length_s = number(where, row, "start"), number(where, row, "length", least=0.0)
        found.append((start_s, row["level"].strip(), length_s))
    return found


def _track(where: str, root: Path, name: str) -> Path:
    """Return the sound file of a track; where it would be if there is none."""
    if not name:
        raise DatasetError(f"{where}: a track has no name; wanted that of its sound file, without the suffix")
    for folder in (root / "audio", root):
        stem = _file(where, root, folder / name)
        # The name is not a pattern, whatever characters it has.
        found = sorted(stem.parent.glob(f"{glob.escape(stem.name)}.*"))
        if sounds := [path for path in found if path.suffix.lower() != ".csv"]:
            return _file(where, root, sounds[0])
    return _file(where, root, root / "audio" / f"{name}.wav")


def _file(where: str, root: Path, path: Path) -> Path:
    """Return a path that a table names; `DatasetError` with the line if it leaves the folder."""
    try:
        return inside(root, path)
    except DatasetError as error:
        raise DatasetError(f"{where}: {error}") from error


def truth_of(places: Sequence[Mapping[str, Any]], label: str) -> Detections:
    """Return the truth of a pair from the numbers of its occurrences."""
    times_s = np.array([[place["start_s"], place["end_s"]] for place in places]).reshape(-1, 2)
    shifts, ratios = (
        np.array([place[name] for place in places], dtype=float) for name in ("pitch_shift_st", "tempo_ratio")
    )
    return Detections(Intervals(times_s, [label] * len(places)), shifts, ratios, float(len(places) > 0))


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Return the rows of a CSV file that must have some columns, each with its place for messages."""
    with (
        reading(path, DatasetError, "a table in CSV"),
        # spreadsheets put a byte order mark in front
        path.open(newline="", encoding="utf-8-sig", errors="replace") as file,
    ):
        table = csv.DictReader(file, skipinitialspace=True)
        if missing := [name for name in columns if name not in (table.fieldnames or ())]:
            raise DatasetError(
                f"{path}: columns {', '.join(missing)} are missing; wanted {', '.join(columns)}"
            )
        rows = [(f"{path}, line {table.line_num}", row) for row in table]
    for where, row in rows:
        if None in row.values():
            raise DatasetError(f"{where}: fewer values than the header has columns")
    return rows


def number(
    where: str,
    row: Mapping[str, str],
    column: str,
    empty: float | None = None,
    *,
    least: float = -math.inf,
) -> float:
    """Return a number of a row; `DatasetError` naming line and column if it is none.

    An empty field means ``empty``, unless that is None. NaN is refused like all that is not finite, unless an
    empty field means NaN as well.
    """
    text = row[column].strip()
    if not text and empty is not None:
        return empty
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if math.isnan(value) and empty is not None and math.isnan(empty):
        return value
    if not math.isfinite(value) or value < least:
        wanted = "a finite number" if least == -math.inf else f"a finite number of at least {least:g}"
        raise DatasetError(f"{where}: {column} must be {wanted}, got {row[column]!r}; correct the table")
    return value


def _ratio(where: str, row: Mapping[str, str], column: str) -> float:
    """Return a ratio above 0, NaN if the field is empty."""
    value = number(where, row, column, math.nan)
    if value <= 0.0:
        raise DatasetError(
            f"{where}: {column} must be above 0, got {row[column]!r}; leave it empty if unknown"
        )
    return value

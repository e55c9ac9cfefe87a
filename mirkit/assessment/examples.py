"""Performances with ratings: a table of recordings, scores and points; from it, rows of descriptors."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit.assessment.config import Config
from mirkit.assessment.descriptors import describe, names_of
from mirkit.assessment.features import Analysis, analyse
from mirkit.assessment.score import Score, read_score
from mirkit.data import Problem
from mirkit.errors import DatasetError
from mirkit.parallel import Backend, Progress, map_all

__all__ = ["Examples", "Performance", "PerformanceTable", "extract"]

FIXED = ("recording", "score", "group", "part", "transpose")


@dataclass(frozen=True, slots=True)
class Performance:
    """One recording and what is known of it.

    Parameters
    ----------
    recording : str
        Sound file.
    ratings : mapping of str to float
        By category, in [0, 1]; NaN where the jury gave none.
    score : str
        Score file, or empty.
    group : str
        Cohort, such as the year or the player: kept together where that is asked for.
    part : str
        Part of the score, or empty.
    transpose_st : float
        Added to the score's pitch.
    """

    recording: str
    ratings: Mapping[str, float] = field(default_factory=dict)
    score: str = ""
    group: str = ""
    part: str = ""
    transpose_st: float = 0.0

    def read_score(self) -> Score | None:
        """Return the score at sounding pitch; None if there is none."""
        if not self.score:
            return None
        found = _score(self.score, self.part)
        return found.shifted(self.transpose_st) if self.transpose_st else found


@lru_cache(maxsize=32)
def _score(path: str, part: str) -> Score:
    return read_score(path, part=part or None)


@dataclass(frozen=True, slots=True)
class PerformanceTable:
    r"""A data set: performances and the most points of each category.

    Parameters
    ----------
    name : str
        Of the table.
    items : tuple of Performance
        In the table's order.
    most : mapping of str to float
        Category to most points.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "jury.csv"
    >>> _ = path.write_text("recording,score,group,tone/15\na.wav,a.musicxml,2024,12\n")
    >>> table = PerformanceTable.read(path)
    >>> table.items[0].ratings, table.items[0].group
    ({'tone': 0.8}, '2024')
    """

    name: str
    items: tuple[Performance, ...]
    most: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> PerformanceTable:
        """Return the table in a CSV file, or in ``performances.csv`` of a folder.

        Its columns are ``recording``, if wanted ``score``, ``group``, ``part``, ``transpose``, and ratings,
        named ``category`` (values in [0, 1]) or ``category/points``; empty cells are ratings not given.
        Paths start at the table's folder.
        """
        path = Path(path)
        path = path / "performances.csv" if path.is_dir() else path
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                rows, names = list(reader), list(reader.fieldnames or [])
        except OSError as error:
            raise DatasetError(
                f"{path}: cannot be read ({error.strerror}); give a table or its folder"
            ) from error
        except (ValueError, csv.Error) as error:
            raise DatasetError(f"{path}: cannot be read as a table ({error})") from error
        if "recording" not in names:
            raise DatasetError(f"{path}: has no column 'recording', but {', '.join(names) or 'none at all'}")
        most = {name: _most(path, name) for name in names if name not in FIXED}
        items = tuple(_performance(path, k, row, most) for k, row in enumerate(rows, 2))
        return cls(
            path.stem if path.stem != "performances" else path.parent.name,
            items,
            {name.partition("/")[0]: value for name, value in most.items()},
        )

    def split(self, name: str) -> PerformanceTable:
        """Return the performances of one group."""
        items = tuple(item for item in self.items if item.group == name)
        if not items:
            groups = ", ".join(sorted({item.group for item in self.items}))
            raise DatasetError(f"no group {name!r} in {self.name}; there are {groups}")
        return PerformanceTable(self.name, items, self.most)

    def validate(self) -> list[Problem]:
        """Return files that are missing and ratings outside their range."""
        problems = []
        for item in self.items:
            files = [file for file in (item.recording, item.score) if file and not _is_file(file)]
            problems += [Problem(file, "missing", f"named for {item.recording}") for file in files]
            for name, value in item.ratings.items():
                if np.isfinite(value) and not 0 <= value <= 1:
                    message = f"{name} is {value * self.most[name]:g}, wanted 0 to {self.most[name]:g}"
                    problems.append(Problem(item.recording, "label", message))
        return problems


def _most(path: Path, column: str) -> float:
    _, slash, points = column.partition("/")
    try:
        value = float(points) if slash else 1.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise DatasetError(
            f"{path}: column {column!r}: wanted a category and its most points, such as tone/15"
        )
    return value


def _performance(path: Path, line: int, row: Mapping[str, str], most: Mapping[str, float]) -> Performance:
    try:
        ratings = {
            name.partition("/")[0]: float(row[name]) / points if (row[name] or "").strip() else float("nan")
            for name, points in most.items()
        }
        score = row.get("score") or ""
        return Performance(
            str(path.parent / row["recording"]),
            ratings,
            str(path.parent / score) if score else "",
            row.get("group") or "",
            row.get("part") or "",
            float(row.get("transpose") or 0.0),
        )
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{path}, line {line}: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Descriptors and ratings of performances.

    Parameters
    ----------
    X : ndarray of shape (n_performances, n_descriptors)
        NaN for what could not be measured.
    names : tuple of str
        Of the descriptors.
    y : mapping of str to ndarray of shape (n_performances,)
        Ratings in [0, 1] by category.
    groups : tuple of str
        One for each performance.
    failures : tuple of (str, str)
        Recordings that could not be used, and why.
    """

    X: np.ndarray
    names: tuple[str, ...]
    y: Mapping[str, np.ndarray]
    groups: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()

    def digest(self) -> str:
        """Return a hash of descriptors and ratings."""
        content = hashlib.sha256(np.nan_to_num(self.X).tobytes())
        for name in sorted(self.y):
            content.update(np.nan_to_num(self.y[name]).tobytes())
        return content.hexdigest()


def load_analysis(item: Performance, config: Config) -> Analysis:
    """Return the analysis of one performance from its files."""
    return analyse(audio.read(item.recording), item.read_score(), config)


def _descriptors(item: Performance, which: str, config: Config) -> np.ndarray:
    analysis = load_analysis(item, config)
    if analysis.verdicts:
        raise DatasetError(f"{item.recording}: {analysis.verdicts[0]}")
    return np.array(list(describe(analysis, which).values()))


def extract(
    items: Sequence[Performance],
    which: str,
    *,
    config: Config | None = None,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> Examples:
    """Return descriptors and ratings of performances; those that cannot be used are listed.

    Parameters
    ----------
    items : sequence of Performance
        Recordings, with scores if the descriptors need them.
    which : str
        Descriptor sets, such as ``"E4+E5"``.
    config : Config, optional
        Settings of the analysis.
    n_jobs : int
        Recordings at a time.
    backend : {"loky", "dask", "ray"}
        Where they are worked on.
    progress : callable, optional
        Called after each recording.

    Returns
    -------
    found : Examples

    Raises
    ------
    DatasetError
        If none could be used.
    """
    names = names_of(which)
    work = partial(_descriptors, which=which, config=config or Config())
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=progress)
    rows = [outcome.result for outcome in outcomes if outcome.result is not None]
    used = [outcome.item for outcome in outcomes if outcome.result is not None]
    failures = tuple(
        (outcome.item.recording, outcome.error) for outcome in outcomes if outcome.error is not None
    )
    if not rows:
        raise DatasetError(
            f"no performance could be used; the first: {failures[0][1] if failures else 'none given'}"
        )
    categories = list(dict.fromkeys(name for item in used for name in item.ratings))
    y = {name: np.array([item.ratings.get(name, np.nan) for item in used]) for name in categories}
    return Examples(np.stack(rows), names, y, tuple(item.group for item in used), failures)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that no file system takes
        return False

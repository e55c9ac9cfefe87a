"""The result of an assessment: ratings with their reasons, every note, every bar, and files of them."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirkit._files import write_json, write_text
from mirkit._reading import reading
from mirkit._typing import Frames
from mirkit.dsp import FrameGrid
from mirkit.errors import AnnotationError

__all__ = ["Assessment", "Rating"]

FILE = "assessment.json"
FORMAT = "mirkit.assessment/2"

PLAYED = np.dtype(
    [
        ("note", "i4"),
        ("bar", "i4"),
        ("beat", "f8"),
        ("score_midi", "f8"),
        ("status", "U8"),
        ("onset_s", "f8"),
        ("duration_s", "f8"),
        ("pitch_midi", "f8"),
        ("cents", "f8"),
        ("deviation_ms", "f8"),
        ("duration_ratio", "f8"),
        ("level_db", "f8"),
        ("confidence", "f8"),
    ]
)
"""A note of the score: ``status`` is correct, wrong or missed; what a missed note has not is NaN.

``cents`` is the distance from the score's pitch, octaves and the instrument's tuning taken out;
``deviation_ms`` how much later than the local tempo asks; ``duration_ratio`` sounding length to the length
that the score asks.
"""

ADDED = np.dtype([("onset_s", "f8"), ("duration_s", "f8"), ("pitch_midi", "f8"), ("after_note", "i4")])
"""A note that the score has not; ``after_note`` is the score's note before it, -1 before the first."""

HEARD = np.dtype(
    [("onset_s", "f8"), ("duration_s", "f8"), ("pitch_midi", "f8"), ("cents", "f8"), ("level_db", "f8")]
)
"""A note as it was heard; ``cents`` from the nearest semitone of the instrument's tuning."""

BAR = np.dtype(
    [
        ("bar", "i4"),
        ("n_notes", "i4"),
        ("wrong", "i4"),
        ("missed", "i4"),
        ("added", "i4"),
        ("cents", "f8"),
        ("deviation_ms", "f8"),
        ("tempo_bpm", "f8"),
        ("error", "f8"),
    ]
)
"""A bar: counts, mean absolute cents and deviation, tempo, and the error by which bars are ranked."""


@dataclass(frozen=True, slots=True)
class Rating:
    """Points in one category.

    Parameters
    ----------
    points : float or None
        None if there is nothing to go by.
    most : float
        Points for perfect playing.
    reason : str
        Why there are no points, or what took points off; empty for full marks.
    interval : tuple of float, optional
        Range in which the jury's rating is expected; for trained models only.
    rank : float, optional
        Share of the training cohort that the model puts below; for trained models only.
    """

    points: float | None
    most: float
    reason: str = ""
    interval: tuple[float, float] | None = None
    rank: float | None = None

    @property
    def share(self) -> float | None:
        """Points as a share of the most, in [0, 1]."""
        return None if self.points is None else self.points / self.most


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What is said about one performance.

    Parameters
    ----------
    ratings : mapping of str to Rating
        By category; without points where a verdict forbids them.
    descriptors : mapping of str to float
        Named measurements.
    notes : ndarray of `PLAYED`
        Every note of the score; empty without a score.
    added : ndarray of `ADDED`
        Notes that the score has not.
    bars : ndarray of `BAR`
        Every bar.
    remarks : tuple of str
        For each of the score's notes, what there is to say about it, or an empty text.
    verdicts : tuple of str
        Reasons not to trust the rest; empty if there are none.
    events : tuple of dict
        Pauses, restarts and skips: kind, time_s, duration_s, from_note, to_note.
    tempo : ndarray of shape (n, 2)
        Quarter of the score, quarters a minute.
    grid : FrameGrid
        Frames of the contour.
    f0_hz : ndarray of shape (n_frames,)
        The contour, 0 where there is no pitch.
    tuning_cents : float
        How much higher than A4 = 440 Hz the instrument is tuned.
    octave_st : float
        By how many semitones, in whole octaves, all is played higher than written.
    about : mapping
        Model, and whether there was a score.
    heard : ndarray of `HEARD`
        Every note heard, with a score or without.

    Examples
    --------
    >>> Assessment.empty(("unusable recording: silent",)).to_json()["verdicts"]
    ['unusable recording: silent']
    """

    ratings: Mapping[str, Rating]
    descriptors: Mapping[str, float]
    notes: npt.NDArray[np.void]
    added: npt.NDArray[np.void]
    bars: npt.NDArray[np.void]
    remarks: tuple[str, ...]
    verdicts: tuple[str, ...]
    events: tuple[Mapping[str, Any], ...]
    tempo: npt.NDArray[np.float64]
    grid: FrameGrid
    f0_hz: Frames
    tuning_cents: float = 0.0
    octave_st: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)
    heard: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, HEARD))

    @classmethod
    def empty(cls, verdicts: tuple[str, ...]) -> Assessment:
        """Return a result that holds verdicts only."""
        grid = FrameGrid(0.0, 256 / 44100, 0)
        return cls(
            {},
            {},
            np.zeros(0, PLAYED),
            np.zeros(0, ADDED),
            np.zeros(0, BAR),
            (),
            verdicts,
            (),
            np.zeros((0, 2)),
            grid,
            np.zeros(0, np.float32),
        )

    @property
    def total(self) -> float | None:
        """Points in all; None unless every category has some."""
        points = [rating.points for rating in self.ratings.values()]
        known = [value for value in points if value is not None]
        return round(sum(known), 2) if known and len(known) == len(points) else None

    def _repr_html_(self) -> str:
        from mirkit.assessment import report  # which needs this class

        return report.show(self)._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON."""
        return {
            "format": FORMAT,
            "verdicts": list(self.verdicts),
            "total": self.total,
            "ratings": {
                name: {
                    "points": r.points,
                    "most": r.most,
                    "reason": r.reason,
                    "interval": None if r.interval is None else list(r.interval),
                    "rank": r.rank,
                }
                for name, r in self.ratings.items()
            },
            "descriptors": dict(self.descriptors),
            "tuning_cents": self.tuning_cents,
            "octave_st": self.octave_st,
            "events": [dict(event) for event in self.events],
            "worst_bars": [int(b) for b in self.worst_bars(3)],
            "notes": [
                {**row, "remark": remark} for row, remark in zip(_rows(self.notes), self.remarks, strict=True)
            ],
            "added": _rows(self.added),
            "bars": _rows(self.bars),
            "heard": _rows(self.heard),
            "tempo": np.round(self.tempo, 4).tolist(),
            "contour": {
                "start_s": self.grid.start_s,
                "hop_s": self.grid.hop_s,
                "f0_hz": np.round(self.f0_hz.astype(float), 2).tolist(),
            },
            "about": dict(self.about),
        }

    def worst_bars(self, n: int) -> list[int]:
        """Return up to ``n`` bars with the largest error, worst first; faultless ones are left out."""
        order = np.argsort(-self.bars["error"], kind="stable")
        return [int(self.bars["bar"][k]) for k in order[:n] if self.bars["error"][k] > 0.15]

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``assessment.json`` with everything, and tables: notes, bars, ratings, and heard notes."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, self.to_json())
        _write_csv(folder / "notes.csv", PLAYED.names or (), _rows(self.notes), remark=self.remarks)
        _write_csv(folder / "bars.csv", BAR.names or (), _rows(self.bars))
        _write_csv(folder / "heard.csv", HEARD.names or (), _rows(self.heard))
        ratings = [
            {"category": name, "points": r.points, "most": r.most, "reason": r.reason}
            for name, r in self.ratings.items()
        ]
        _write_csv(folder / "ratings.csv", ("category", "points", "most", "reason"), ratings)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Assessment:
        """Return what `write`, or ``mirkit assessment predict``, wrote into a folder."""
        path = Path(folder) / FILE
        with reading(path, AnnotationError, "a result of mirkit assessment"):
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("format") != FORMAT:
                raise ValueError(f"format is {content.get('format')!r}, wanted {FORMAT!r}")
            ratings = {
                name: Rating(
                    r["points"],
                    r["most"],
                    r["reason"],
                    None if r["interval"] is None else (r["interval"][0], r["interval"][1]),
                    r["rank"],
                )
                for name, r in content["ratings"].items()
            }
            f0_hz = np.array(content["contour"]["f0_hz"], np.float32)
            grid = FrameGrid(content["contour"]["start_s"], content["contour"]["hop_s"], len(f0_hz))
            return cls(
                ratings,
                content["descriptors"],
                _table(content["notes"], PLAYED),
                _table(content["added"], ADDED),
                _table(content["bars"], BAR),
                tuple(row["remark"] for row in content["notes"]),
                tuple(content["verdicts"]),
                tuple(content["events"]),
                np.array(content["tempo"], float).reshape(-1, 2),
                grid,
                f0_hz,
                content["tuning_cents"],
                content["octave_st"],
                content["about"],
                _table(content["heard"], HEARD),
            )


def _rows(table: npt.NDArray[np.void]) -> list[dict[str, Any]]:
    """Return rows as plain values; NaN becomes None."""
    names = table.dtype.names or ()
    return [
        {
            name: (None if math.isnan(value) else round(value, 4)) if isinstance(value, float) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in table.tolist()
    ]


def _table(rows: list[dict[str, Any]], dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    table = np.zeros(len(rows), dtype)
    for k, row in enumerate(rows):
        for name in dtype.names or ():
            table[name][k] = np.nan if row[name] is None else row[name]
    return table


def _write_csv(
    path: Path, names: tuple[str, ...], rows: list[dict[str, Any]], **more: tuple[str, ...]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *more])
    columns = zip(*more.values(), strict=True) if more else ((),) * len(rows)
    for row, extra in zip(rows, columns, strict=True):
        writer.writerow(["" if row[name] is None else row[name] for name in names] + list(extra))
    write_text(path, text.getvalue())

"""What separation gives: stems that sum to the mixture, and when each of them sounds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import write_json
from mirkit._reading import reading
from mirkit.annotation import ActivityAnnotation
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import AnnotationError, ParameterError

__all__ = ["Separation", "read_activity"]

FILE = "separation.json"
FORMAT = "mirkit.separation/1"


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """Stems of one mixture, of one rate, number of channels and length.

    Parameters
    ----------
    stems : mapping of str to Audio
        Target to sound; with the residual they sum to the mixture.
    activity : ActivityAnnotation, optional
        How probably each target sounds in each frame; None if the model has no classifier.

    Raises
    ------
    ParameterError
        If there is no stem or the stems differ in rate, channels or length.

    Examples
    --------
    >>> halves = Audio(np.full((1, 8), 0.5, np.float32), 8000)
    >>> Separation({"vocals": halves, "other": halves}).mixture().samples[0, 0].item()
    1.0
    """

    stems: Mapping[str, Audio]
    activity: ActivityAnnotation | None = None

    def __post_init__(self) -> None:
        shapes = {(stem.sample_rate, stem.samples.shape) for stem in self.stems.values()}
        if len(shapes) != 1:
            raise ParameterError(
                "stems must be at least one, all of one rate and shape, got "
                + (", ".join(f"{shape} at {rate} Hz" for rate, shape in sorted(shapes)) or "none")
            )

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return next(iter(self.stems.values())).sample_rate

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return int(next(iter(self.stems.values())).samples.shape[1])

    def mixture(self) -> Audio:
        """Return the sum of the stems."""
        return audio.mix(self.stems.values())

    def _repr_html_(self) -> str:
        from mirkit.separation import report  # which needs this class

        return report.glance(self)._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON: the stems' names and shape, and the activity."""
        return {
            "format": FORMAT,
            "stems": list(self.stems),
            "sample_rate": self.sample_rate,
            "n_channels": int(next(iter(self.stems.values())).samples.shape[0]),
            "n_samples": self.n_samples,
            "activity": None if self.activity is None else self.activity.to_json(),
        }

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write a float WAV file for each stem, ``separation.json``, and the activity as CSV and JSON."""
        audio.write_stems(folder, self.stems)
        n_channels = int(next(iter(self.stems.values())).samples.shape[0])
        write_description(Path(folder), list(self.stems), self.sample_rate, n_channels, self.n_samples)
        if self.activity is not None:
            self.activity.write(folder)

    @classmethod
    def read(
        cls, folder: str | os.PathLike[str], *, start_s: float = 0.0, duration_s: float | None = None
    ) -> Separation:
        """Return what `write`, or ``mirkit separation predict``, wrote into a folder, or a part of it."""
        folder = Path(folder)
        content = read_description(folder)
        stems = {
            name: audio.read(stem_file(folder, name), start_s=start_s, duration_s=duration_s)
            for name in content["stems"]
        }
        result = cls(stems, read_activity(folder))
        if result.activity is None or (start_s == 0 and duration_s is None):
            return result
        grid = result.activity.grid
        first, last = (
            grid.index(start_s + time_s) for time_s in (0.0, result.n_samples / result.sample_rate)
        )
        values = result.activity.values[:, max(0, first) : last + 1]
        part = ActivityAnnotation(FrameGrid(0.0, grid.hop_s, values.shape[1]), result.activity.labels, values)
        return cls(stems, part)

    @classmethod
    def joined(cls, pieces: Sequence[Separation]) -> Separation:
        """Return consecutive pieces as one.

        Parameters
        ----------
        pieces : sequence of Separation
            Of the same stems, in order; at least one.

        Returns
        -------
        Separation

        Raises
        ------
        ParameterError
            If there are no pieces.
        """
        if not pieces:
            raise ParameterError("no pieces to join; give at least one")
        stems = {
            name: Audio(
                np.concatenate([piece.stems[name].samples for piece in pieces], axis=1), stem.sample_rate
            )
            for name, stem in pieces[0].stems.items()
        }
        return cls(stems, joined_activity([piece.activity for piece in pieces]))


def joined_activity(pieces: Sequence[ActivityAnnotation | None]) -> ActivityAnnotation | None:
    """Return consecutive stretches of activity as one; None if there are none."""
    known = [piece for piece in pieces if piece is not None]
    if not known:
        return None
    values = np.concatenate([piece.values for piece in known], axis=1)
    grid = known[0].grid
    return ActivityAnnotation(FrameGrid(grid.start_s, grid.hop_s, values.shape[1]), known[0].labels, values)


def write_description(
    folder: Path, names: Sequence[str], sample_rate: int, n_channels: int, n_samples: int
) -> None:
    """Write ``separation.json``: which stems a result folder holds, and their shape."""
    shape = {"sample_rate": sample_rate, "n_channels": n_channels, "n_samples": n_samples}
    write_json(folder / FILE, {"format": FORMAT, "stems": list(names), **shape})


def read_description(folder: Path) -> dict[str, Any]:
    """Return ``separation.json`` of a result folder; `AnnotationError` if it is none."""
    path = folder / FILE
    with reading(path, AnnotationError, "a result of mirkit separation"):
        content = json.loads(path.read_text(encoding="utf-8"))
        names = [str(name) for name in content["stems"]]
        return {**content, "stems": names}


def stem_file(folder: Path, name: str) -> Path:
    """Return the file of a stem, whatever its format; `AnnotationError` if there is none."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.stem == name and path.suffix not in (".json", ".csv")
    ]
    if len(found) != 1:
        raise AnnotationError(f"{folder}: wanted one sound file called {name}, found {len(found)}")
    return found[0]


def read_activity(folder: Path) -> ActivityAnnotation | None:
    """Return the activity in a result folder, None if it holds none."""
    return ActivityAnnotation.read(folder) if (folder / "activity.json").is_file() else None

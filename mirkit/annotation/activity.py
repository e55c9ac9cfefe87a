"""Activity of labels on a grid of frames."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mirkit._files import write_json
from mirkit._reading import reading
from mirkit._typing import LabelFrames
from mirkit.annotation.intervals import Intervals
from mirkit.annotation.taxonomy import Taxonomy
from mirkit.dsp import FrameGrid
from mirkit.errors import AnnotationError, ParameterError

__all__ = ["ACTIVE", "ActivityAnnotation", "Pooling"]

Pooling = Literal["max", "mean", "top3", "centre", "fraction"]

ACTIVE = 0.5
"""Values at or above this are active wherever a yes or no is needed; MedleyDB's own rule."""
ROUNDING = 1e-6
"""Part of a frame that times may be off by rounding, as in `FrameGrid.index`."""


@dataclass(frozen=True, slots=True, eq=False)
class ActivityAnnotation:
    """How active each label is in each frame: truth, confidence or a model's probability.

    Parameters
    ----------
    grid : FrameGrid
        Times of the frames.
    labels : tuple of str
        Row names, each once.
    values : ndarray of shape (n_labels, n_frames)
        In [0, 1]; NaN means unknown and is masked in every loss and metric.

    Raises
    ------
    AnnotationError
        If shapes disagree, a label occurs twice or a value is outside [0, 1].

    Examples
    --------
    >>> grid = FrameGrid(0.0, 0.5, 4)
    >>> activity = ActivityAnnotation(grid, ("piano",), [[0.25, 0.75, 0.5, 0.0]])
    >>> activity.intervals().times_s.tolist(), activity.pool(1.0, "max").values.tolist()
    ([[0.5, 1.5]], [[0.75, 0.5]])
    """

    grid: FrameGrid
    labels: tuple[str, ...]
    values: LabelFrames

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float32)
        labels = tuple(self.labels)
        if values.shape != (len(labels), self.grid.n_frames):
            raise AnnotationError(
                f"values must have shape (n_labels, n_frames) = ({len(labels)}, {self.grid.n_frames}), "
                f"got {values.shape}"
            )
        if len(set(labels)) != len(labels):
            raise AnnotationError(f"labels must differ, got {list(labels)}; merge rows of one label first")
        if values.size and not (np.nanmin(values, initial=0.0) >= 0 and np.nanmax(values, initial=0.0) <= 1):
            raise AnnotationError(
                f"values must lie in [0, 1], got {np.nanmin(values):g} to {np.nanmax(values):g}; "
                "scale or clip them first"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "labels", labels)

    def _repr_html_(self) -> str:
        from mirkit.report import Deck, Page, Ribbons, Section

        ribbons = Ribbons(self.labels, self.grid, self.values)
        return Page([Section("activity", "", [Deck([], [ribbons])])], title="Activity")._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; unknown values are None."""
        from mirkit.annotation import formats  # formats needs this class

        return formats.activity_to_json(self)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``activity.json`` and the same values as ``activity.csv`` into a folder."""
        from mirkit.annotation import formats

        write_json(Path(folder) / "activity.json", self.to_json())
        formats.write_activity_csv(Path(folder) / "activity.csv", self)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> ActivityAnnotation:
        """Return what `write` wrote into a folder."""
        from mirkit.annotation import formats

        path = Path(folder) / "activity.json"
        with reading(path, AnnotationError, "a result of mirkit"):
            return formats.activity_from_json(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def from_intervals(
        cls, intervals: Intervals, grid: FrameGrid, labels: Sequence[str]
    ) -> ActivityAnnotation:
        """Return 1 in every frame whose middle an interval of the label covers, else 0.

        Parameters
        ----------
        intervals : Intervals
            Stretches of activity; those of other labels are ignored.
        grid : FrameGrid
            Frames to fill.
        labels : sequence of str
            Rows of the result.

        Returns
        -------
        ActivityAnnotation
        """
        middles_s = grid.times_s() + grid.hop_s / 2
        values = np.zeros((len(labels), grid.n_frames), dtype=np.float32)
        rows = {label: row for row, label in enumerate(labels)}
        for (start_s, end_s), label in zip(intervals.times_s, intervals.labels, strict=True):
            if label in rows:
                values[rows[label], (middles_s >= start_s) & (middles_s < end_s)] = 1.0
        return cls(grid, tuple(labels), values)

    def binarize(self, threshold: float | Mapping[str, float] = ACTIVE) -> ActivityAnnotation:
        """Return 1 where a value reaches the threshold, else 0; unknown stays unknown.

        Parameters
        ----------
        threshold : float or mapping of str to float
            One for all, or one for each label.

        Returns
        -------
        ActivityAnnotation
        """
        limits = _per_label(threshold, self.labels)[:, np.newaxis]  # (n_labels, 1)
        values = np.where(np.isnan(self.values), np.nan, self.values >= limits)
        return ActivityAnnotation(self.grid, self.labels, values)

    def align(self, grid: FrameGrid) -> ActivityAnnotation:
        """Return the values at the middle of another grid's frames; unknown outside this grid."""
        frames = np.array(
            [self.grid.index(time_s) for time_s in grid.times_s() + grid.hop_s / 2], dtype=np.intp
        )
        inside = (frames >= 0) & (frames < self.grid.n_frames)
        values = np.full((len(self.labels), grid.n_frames), np.nan, dtype=np.float32)
        values[:, inside] = self.values[:, frames[inside]]
        return ActivityAnnotation(grid, self.labels, values)

    def merge(self, taxonomy: Taxonomy) -> ActivityAnnotation:
        """Return one row for each class of a taxonomy: the maximum over the rows that mean it.

        Where an ambiguous label is active, the classes that it may be are unknown unless another row
        shows them active. Labels outside the taxonomy fall away; ask `Taxonomy.unmapped` for those
        about which it says nothing.

        Parameters
        ----------
        taxonomy : Taxonomy
            Target classes.

        Returns
        -------
        ActivityAnnotation
            Rows in the order of ``taxonomy.labels``.
        """
        values = np.zeros((len(taxonomy.labels), self.grid.n_frames), dtype=np.float32)
        unknown = np.zeros(values.shape, dtype=bool)
        for row, raw in zip(self.values, self.labels, strict=True):
            possible = [taxonomy.index(label) for label in taxonomy.possible(raw)]
            if taxonomy.canonical(raw) is None:
                unknown[possible] |= ~(row < ACTIVE)  # NaN counts as perhaps active
            else:
                values[possible] = np.fmax(values[possible], row)
                unknown[possible] |= np.isnan(row)
        values[unknown & (values < ACTIVE)] = np.nan
        return ActivityAnnotation(self.grid, taxonomy.labels, values)

    def intervals(
        self,
        threshold: float | Mapping[str, float] = ACTIVE,
        *,
        release: float = 1.0,
        min_duration_s: float = 0.0,
        end_s: float | None = None,
    ) -> Intervals:
        """Return the stretches of each label at or above a threshold, in order of time.

        Parameters
        ----------
        threshold : float or mapping of str to float
            A stretch needs one frame at or above it.
        release : float
            In (0, 1]: the stretch goes on while values stay at or above ``release * threshold``
            (hysteresis); 1 means none.
        min_duration_s : float
            Shorter stretches are left out, those of exactly this length are not.
        end_s : float, optional
            Where the audio ends: the last frame may reach beyond it.

        Returns
        -------
        Intervals
            Scores are the mean value in the stretch. Unknown frames count as inactive.
        """
        limits = _per_label(threshold, self.labels)
        known = np.nan_to_num(self.values, nan=-1.0)
        times_s = np.append(self.grid.times_s(), self.grid.end_s)
        if end_s is not None:
            times_s = np.minimum(times_s, max(end_s, self.grid.start_s))
        # Differences of times are rounded: a stretch of exactly the shortest length must stay.
        shortest_s = max(min_duration_s - ROUNDING * self.grid.hop_s, 1e-9)
        found: list[tuple[float, float, str, float]] = []
        for row, label, limit in zip(known, self.labels, limits, strict=True):
            for first, last in runs(row >= release * limit):
                long_enough = times_s[last] - times_s[first] >= shortest_s
                if long_enough and row[first:last].max() >= limit:
                    found.append((times_s[first], times_s[last], label, float(row[first:last].mean())))
        found.sort(key=lambda item: (item[0], item[1], item[2]))
        return Intervals(
            np.array([item[:2] for item in found]).reshape(-1, 2),
            [item[2] for item in found],
            np.array([item[3] for item in found]),
        )

    def pool(self, seconds: float, how: Pooling = "max") -> ActivityAnnotation:
        """Return one value for each window of so many seconds; the last window may be partial.

        Parameters
        ----------
        seconds : float
            Window length, a frame or longer; ``math.inf`` pools the whole track.
        how : {"max", "mean", "top3", "centre", "fraction"}
            Largest value, mean value, mean of the three largest values, value of the middle frame,
            or the part of the frames at or above 0.5. A window with unknown frames is unknown, except
            that a maximum of 0.5 or more stands whatever the unknown frames hold.

        Returns
        -------
        ActivityAnnotation

        Raises
        ------
        ParameterError
            If a window is shorter than a frame, so that some would hold none, or ``how`` is not known.
        """
        if not seconds >= self.grid.hop_s * (1 - ROUNDING):
            raise ParameterError(
                f"seconds must be at least a frame, {self.grid.hop_s:g} s, got {seconds:g}; "
                "align to a finer grid for shorter windows"
            )
        hop_s = min(max(seconds, self.grid.hop_s), max(self.grid.n_frames, 1) * self.grid.hop_s)
        # A frame belongs to the window that holds its start.
        window = np.floor(np.arange(self.grid.n_frames) * self.grid.hop_s / hop_s + ROUNDING).astype(int)
        n_windows = int(window[-1]) + 1 if window.size else 0
        pooled = np.full((len(self.labels), n_windows), np.nan, dtype=np.float32)
        edges = np.searchsorted(window, np.arange(n_windows + 1))
        for k in range(n_windows):
            pooled[:, k] = _pool_window(self.values[:, edges[k] : edges[k + 1]], how)
        return ActivityAnnotation(FrameGrid(self.grid.start_s, hop_s, n_windows), self.labels, pooled)


def _pool_window(values: LabelFrames, how: Pooling) -> np.ndarray:
    if how == "max":
        largest = np.fmax.reduce(values, axis=1)
        return np.where(np.isnan(values).any(axis=1) & ~(largest >= ACTIVE), np.nan, largest)
    if how == "mean":
        return np.asarray(values.mean(axis=1))
    if how == "top3":
        return np.asarray(np.sort(values, axis=1)[:, -3:].mean(axis=1))  # NaN sorts last and stays
    if how == "centre":
        return values[:, values.shape[1] // 2]
    if how == "fraction":
        return np.asarray(np.where(np.isnan(values), np.nan, values >= ACTIVE).mean(axis=1))
    raise ParameterError(f"how must be 'max', 'mean', 'top3', 'centre' or 'fraction', got {how!r}")


def runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Return first and one-past-last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _per_label(threshold: float | Mapping[str, float], labels: Sequence[str]) -> np.ndarray:
    if not isinstance(threshold, Mapping):
        return np.full(len(labels), float(threshold))
    if missing := [label for label in labels if label not in threshold]:
        raise ParameterError(
            f"threshold has no value for {missing}; give one for each label or a single number"
        )
    return np.array([float(threshold[label]) for label in labels])

"""What sample detection gives: occurrences with their transformation, a verdict on the song, and evidence."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._files import write_json, write_text
from mirkit._reading import reading
from mirkit.annotation import Intervals, formats
from mirkit.errors import AnnotationError, ParameterError

__all__ = ["Detections", "Evidence"]

FILE = "detections.json"
EVIDENCE_FILE = "evidence.npz"
FORMAT = "mirkit.detections/1"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a person can look at: how alike sample and song are, moment by moment, and the paths found.

    Parameters
    ----------
    similarity : ndarray of shape (n_sample_frames, n_song_frames)
        Larger where frames are more alike, at the transposition of the best occurrence.
    sample_hop_s, song_hop_s : float
        Seconds between rows and between columns.
    paths : tuple of ndarray of shape (n_steps, 2)
        For each occurrence the seconds in the sample and in the song that correspond.
    pitch_shift_st : float
        Transposition at which the similarity was taken, semitones.
    """

    similarity: np.ndarray
    sample_hop_s: float
    song_hop_s: float
    paths: tuple[np.ndarray, ...]
    pitch_shift_st: float = 0.0

    def excerpt(self, start_s: float, end_s: float) -> Evidence:
        """Return the evidence in a stretch of the song; paths that leave it are cut."""
        first, last = (max(0, round(time_s / self.song_hop_s)) for time_s in (start_s, end_s))
        inside = [path[(path[:, 1] >= start_s) & (path[:, 1] < end_s)] for path in self.paths]
        shifted = tuple(path - np.array([0.0, start_s]) for path in inside if len(path))
        return Evidence(
            self.similarity[:, first:last], self.sample_hop_s, self.song_hop_s, shifted, self.pitch_shift_st
        )


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Occurrences of one sample in one song.

    Parameters
    ----------
    intervals : Intervals
        Start and end in the song, seconds; the scores are the confidences.
    pitch_shift_st : ndarray of shape (n,)
        Semitones by which each occurrence is higher than the sample.
    tempo_ratio : ndarray of shape (n,)
        Tempo of each occurrence over that of the sample: above 1 is faster, hence shorter.
    song_confidence : float
        Probability in [0, 1] that the song holds the sample at all.
    threshold : float
        Confidence from which the song is said to hold the sample.
    evidence : Evidence, optional
        For the figure.

    Raises
    ------
    ParameterError
        If the lengths differ or the song's confidence is not in [0, 1].

    Examples
    --------
    >>> found = Detections(Intervals([[3.2, 7.0]], ["riff"], [0.9]), [2.0], [1.1], 0.95)
    >>> found.present, found.confidence.tolist(), len(found)
    (True, [0.9], 1)
    """

    intervals: Intervals
    pitch_shift_st: np.ndarray
    tempo_ratio: np.ndarray
    song_confidence: float
    threshold: float = 0.5
    evidence: Evidence | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("pitch_shift_st", "tempo_ratio"):
            values = np.asarray(getattr(self, name), dtype=np.float64).reshape(-1)
            if len(values) != len(self.intervals):
                raise ParameterError(
                    f"{name} must have one value for each of the {len(self.intervals)} intervals, "
                    f"got {len(values)}"
                )
            object.__setattr__(self, name, values)
        if not 0.0 <= self.song_confidence <= 1.0:
            raise ParameterError(f"song_confidence must lie in [0, 1], got {self.song_confidence}")

    def __len__(self) -> int:
        return len(self.intervals)

    @property
    def confidence(self) -> np.ndarray:
        """Probability of each occurrence, in [0, 1], shape ``(n,)``."""
        return np.asarray(self.intervals.scores)

    @property
    def present(self) -> bool:
        """Whether the song is said to hold the sample."""
        return self.song_confidence >= self.threshold

    def _repr_html_(self) -> str:
        from mirkit.sampling import report  # which needs this class

        return report.show(self)._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON, without the evidence."""
        return {
            "format": FORMAT,
            "present": self.present,
            "song_confidence": float(self.song_confidence),
            "threshold": float(self.threshold),
            "occurrences": self.rows(),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one mapping for each occurrence: start, end, label, semitones, tempo, confidence."""
        return [
            {
                "start_s": round(float(start_s), 4),
                "end_s": round(float(end_s), 4),
                "label": label,
                "pitch_shift_st": round(float(shift), 3),
                "tempo_ratio": round(float(ratio), 4),
                "confidence": float(score),
            }
            for (start_s, end_s), label, shift, ratio, score in zip(
                self.intervals.times_s, self.intervals.labels, self.pitch_shift_st, self.tempo_ratio,
                self.confidence, strict=True,
            )
        ]  # fmt: skip

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``detections.json``, ``detections.csv``, ``labels.txt`` (Audacity) and ``evidence.npz``."""
        folder = Path(folder)
        write_json(folder / FILE, self.to_json())
        write_text(folder / "detections.csv", self.to_csv())
        formats.write_audacity(folder / "labels.txt", self._labelled())
        if self.evidence is not None:
            _write_evidence(folder / EVIDENCE_FILE, self.evidence)

    def to_csv(self) -> str:
        """Return a table with a header and one line for each occurrence."""
        text = io.StringIO()
        names = ("start_s", "end_s", "label", "pitch_shift_st", "tempo_ratio", "confidence")
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows())
        return text.getvalue()

    def _labelled(self) -> Intervals:
        """Return the intervals with the transformation in their labels, as a label track shows it."""
        labels = [
            f"{label} {shift:+.1f} st x{ratio:.2f} {score:.0%}"
            for label, shift, ratio, score in zip(
                self.intervals.labels, self.pitch_shift_st, self.tempo_ratio, self.confidence, strict=True
            )
        ]
        return Intervals(self.intervals.times_s, labels, self.confidence)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Detections:
        """Return what `write` wrote; `AnnotationError` if it is missing or damaged."""
        path = Path(folder) / FILE
        with reading(path, AnnotationError, "a result of mirkit sampling"):
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise ValueError(f"format is {content['format']!r}, wanted {FORMAT!r}")
            rows = content["occurrences"]
            return cls(
                Intervals(
                    [[row["start_s"], row["end_s"]] for row in rows],  # type: ignore[arg-type]
                    [row["label"] for row in rows],
                    np.array([row["confidence"] for row in rows]),
                ),
                np.array([row["pitch_shift_st"] for row in rows]),
                np.array([row["tempo_ratio"] for row in rows]),
                content["song_confidence"],
                content["threshold"],
                _read_evidence(Path(folder) / EVIDENCE_FILE),
            )

    def excerpt(self, start_s: float, end_s: float) -> Detections:
        """Return what begins within a stretch of the song, with times from its start; the verdict stays."""
        starts_s = self.intervals.times_s[:, 0]
        inside = (starts_s >= start_s) & (starts_s < end_s)
        labels = [label for label, kept in zip(self.intervals.labels, inside, strict=True) if kept]
        times_s = np.minimum(self.intervals.times_s[inside], end_s) - start_s
        evidence = None if self.evidence is None else self.evidence.excerpt(start_s, end_s)
        return Detections(
            Intervals(times_s, labels, self.confidence[inside]),
            self.pitch_shift_st[inside],
            self.tempo_ratio[inside],
            self.song_confidence,
            self.threshold,
            evidence,
        )

    @classmethod
    def none(cls, song_confidence: float = 0.0, threshold: float = 0.5) -> Detections:
        """Return the result for a song without an occurrence."""
        return cls(Intervals(np.zeros((0, 2)), ()), np.zeros(0), np.zeros(0), song_confidence, threshold)


def _write_evidence(path: Path, evidence: Evidence) -> None:
    from mirkit._files import replacing

    scale = float(np.abs(evidence.similarity).max()) or 1.0
    lengths = np.array([len(one) for one in evidence.paths], dtype=np.int64)
    joined = np.concatenate([*evidence.paths, np.zeros((0, 2))])
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            # Eight bits are enough for a figure, and an eighth of the room.
            similarity=np.round(evidence.similarity / scale * 127).astype(np.int8),
            numbers=np.array(
                [scale / 127, evidence.sample_hop_s, evidence.song_hop_s, evidence.pitch_shift_st]
            ),
            path_lengths=lengths,
            path_points=joined.astype(np.float32),
        )


def _read_evidence(path: Path) -> Evidence | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        scale, sample_hop_s, song_hop_s, shift_st = (float(value) for value in stored["numbers"])
        if not all(map(math.isfinite, (scale, sample_hop_s, song_hop_s, shift_st))):
            raise ValueError("evidence.npz holds numbers that are not finite")
        ends = np.cumsum(stored["path_lengths"])
        paths = tuple(np.split(stored["path_points"], ends[:-1])) if len(ends) else ()
        similarity = stored["similarity"].astype(np.float32) * np.float32(scale)
    return Evidence(similarity, sample_hop_s, song_hop_s, paths, shift_st)

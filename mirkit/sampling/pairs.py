"""Pairs of a sample and a song with the truth between them: the data sets of sample detection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mirkit import audio
from mirkit.audio import Audio
from mirkit.data import Problem
from mirkit.errors import DatasetError
from mirkit.sampling.result import Detections

__all__ = ["PairSet", "SamplePair"]


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

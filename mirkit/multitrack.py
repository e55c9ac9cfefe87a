"""A song as its stems: `Stem` and `MultiTrack`, which decode nothing before they are asked to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mirkit import audio
from mirkit.activation import (
    CONFIDENCE_HOP_S,
    CONFIDENCE_RATE,
    LEVEL_HOP_S,
    activation_confidence,
    level_activity,
)
from mirkit.annotation import ActivityAnnotation, Taxonomy
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import DatasetError, ParameterError

__all__ = ["MultiTrack", "Preset", "Stem"]

Preset = Literal["level", "medleydb"]


@dataclass(frozen=True, slots=True)
class Stem:
    """One part of a song and the file that holds it.

    Parameters
    ----------
    id : str
        Name of the stem within its song, ``S01`` in MedleyDB.
    instrument : tuple of str
        Source labels, as the data set writes them; a stem may hold several instruments. A single
        string is taken as a tuple of one.
    path : Path
        Sound file; it need not exist before `audio` is called.
    stream : int
        Audio stream within the file, 0 being the first (``.stem.mp4`` files hold five).

    Examples
    --------
    >>> Stem("S01", "piano", "song/S01.wav").instrument
    ('piano',)
    """

    id: str
    instrument: tuple[str, ...]
    path: Path
    stream: int = 0

    def __post_init__(self) -> None:
        given: Any = self.instrument
        object.__setattr__(self, "instrument", (given,) if isinstance(given, str) else tuple(given))
        object.__setattr__(self, "path", Path(self.path))

    def audio(
        self, sample_rate: int | None = None, *, start_s: float = 0.0, duration_s: float | None = None
    ) -> Audio:
        """Return the stem's sound, or a part of it; the file is read anew at each call.

        Parameters
        ----------
        sample_rate : int, optional
            Hz to resample to; None keeps the file's own.
        start_s, duration_s : float
            Part to read, seconds; the whole file by default.

        Returns
        -------
        Audio

        Raises
        ------
        AudioError
            If the file is missing or cannot be decoded.
        """
        return audio.read(
            self.path, start_s=start_s, duration_s=duration_s, sample_rate=sample_rate, stream=self.stream
        )


@dataclass(frozen=True, slots=True)
class MultiTrack:
    """A song with its stems, its mix and what is known about it.

    Parameters
    ----------
    id : str
        Unique within a data set, such as ``LizNelson_Rainfall``.
    artist : str
        Empty if unknown.
    stems : tuple of Stem
        Parts whose sum is the song; empty where only the names of the instruments are known.
    mix_path : Path, optional
        The mix as a file; None means the sum of the stems is the mix.
    activity_path : Path, optional
        MedleyDB activation confidence of the stems.
    metadata : mapping
        Everything else that the data set says, under the data set's own keys; not to be changed.

    Raises
    ------
    DatasetError
        If two stems have the same id.

    Examples
    --------
    >>> song = MultiTrack("A_Song", "A", (Stem("S01", "piano", "p.wav"), Stem("S02", "tabla", "t.wav")))
    >>> song.instruments
    ('piano', 'tabla')
    """

    id: str
    artist: str
    stems: tuple[Stem, ...]
    mix_path: Path | None = None
    activity_path: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        ids = [stem.id for stem in self.stems]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise DatasetError(f"{self.id}: stems {twice} occur twice; give each stem its own id")
        object.__setattr__(self, "stems", tuple(self.stems))
        for name in ("mix_path", "activity_path"):
            path = getattr(self, name)
            object.__setattr__(self, name, None if path is None else Path(path))

    @property
    def instruments(self) -> tuple[str, ...]:
        """Source labels of all stems, each once, in the order of the stems."""
        return tuple(dict.fromkeys(label for stem in self.stems for label in stem.instrument))

    def mix(self, sample_rate: int | None = None, *, from_stems: bool = False) -> Audio:
        """Return the mix: the file where there is one, else the sum of the stems.

        Parameters
        ----------
        sample_rate : int, optional
            Hz to resample to; None keeps the file's own.
        from_stems : bool
            Take the exact sum of the stems even if there is a mix file. A lossy or mastered mix
            differs from it, so measure separation against the sum.

        Returns
        -------
        Audio
            Shorter stems count as silent at their end.

        Raises
        ------
        AudioError
            If a file is missing or cannot be decoded.
        DatasetError
            If there is neither a mix nor a stem.
        """
        if self.mix_path is not None and not from_stems:
            return audio.read(self.mix_path, sample_rate=sample_rate)
        if not self.stems:
            raise DatasetError(f"{self.id}: there is neither a mix nor a stem to read")
        rate = self._rate() if sample_rate is None else sample_rate
        return audio.mix(stem.audio(rate) for stem in self.stems)

    def grouped(self, taxonomy: Taxonomy, sample_rate: int | None = None) -> dict[str, Audio]:
        """Return the sum of the stems of each class that occurs, in the taxonomy's order.

        Stems whose instruments do not all mean one class are in no group; what they hold is the mix
        less the groups.

        Parameters
        ----------
        taxonomy : Taxonomy
            Classes to group by.
        sample_rate : int, optional
            Hz to resample to; None keeps the files' own.

        Returns
        -------
        dict of str to Audio
            Class to sound.

        Raises
        ------
        AudioError
            If a file is missing or cannot be decoded.
        """
        members: dict[str, list[Stem]] = {label: [] for label in taxonomy.labels}
        for stem in self.stems:
            label = _one_class(stem, taxonomy)
            if label is not None:
                members[label].append(stem)
        rate = self._rate() if sample_rate is None and self.stems else sample_rate
        return {
            label: audio.mix(stem.audio(rate) for stem in stems) for label, stems in members.items() if stems
        }

    def activity(self, taxonomy: Taxonomy, preset: Preset = "level") -> ActivityAnnotation:
        """Return when each class of a taxonomy sounds.

        Parameters
        ----------
        taxonomy : Taxonomy
            Classes, one row each. Where a stem sounds whose instrument may be any of several
            classes, or that holds several instruments, those classes are unknown (NaN) unless
            another stem shows them active.
        preset : {"level", "medleydb"}
            ``level``: 0 or 1 every 10 ms by the level of the stems (`level_activity`), independent
            of their number. ``medleydb``: MedleyDB's activation confidence, from the annotation
            file if there is one, else computed from the stems; a stem without a column is unknown.

        Returns
        -------
        ActivityAnnotation
            Rows in the order of ``taxonomy.labels``.

        Raises
        ------
        AudioError, AnnotationError
            If a file that is needed is missing or malformed.
        DatasetError
            If there are no stems.
        """
        activity = self.stem_activity(preset)
        rows = [f"stem {k}" for k in range(len(self.stems))]  # names that no class has
        of_stems = Taxonomy(
            taxonomy.name,
            taxonomy.labels,
            {
                row: label
                for row, stem in zip(rows, self.stems, strict=True)
                if (label := _one_class(stem, taxonomy))
            },
            {
                row: _possible(stem, taxonomy)
                for row, stem in zip(rows, self.stems, strict=True)
                if _one_class(stem, taxonomy) is None
            },
        )
        return ActivityAnnotation(activity.grid, tuple(rows), activity.values).merge(of_stems)

    def stem_activity(self, preset: Preset = "level") -> ActivityAnnotation:
        """Return when each stem sounds, one row for each stem id.

        Parameters
        ----------
        preset : {"level", "medleydb"}
            As for `activity`.

        Returns
        -------
        ActivityAnnotation
            Rows in the order of ``stems``.

        Raises
        ------
        AudioError, AnnotationError
            If a file that is needed is missing or malformed.
        DatasetError
            If there are no stems.
        """
        if preset not in ("level", "medleydb"):
            raise ParameterError(f"preset must be 'level' or 'medleydb', got {preset!r}")
        if not self.stems:
            raise DatasetError(f"{self.id}: activity is defined by stems, and there are none")
        ids = tuple(stem.id for stem in self.stems)
        if preset == "level":
            rate = self._rate()
            values = level_activity(self._mono_stems(rate), rate)
            hop_s = max(1, round(LEVEL_HOP_S * rate)) / rate  # whole samples
        elif self.activity_path is not None:
            return self._published_activity(self.activity_path)
        else:
            values = activation_confidence(self._mono_stems(CONFIDENCE_RATE))
            hop_s = CONFIDENCE_HOP_S
        return ActivityAnnotation(FrameGrid(0.0, hop_s, values.shape[1]), ids, values)

    def _published_activity(self, path: Path) -> ActivityAnnotation:
        from mirkit.annotation.formats import read_activation_confidence

        published = read_activation_confidence(path)
        values = np.full((len(self.stems), published.grid.n_frames), np.nan, dtype=np.float32)
        for row, stem in zip(values, self.stems, strict=True):
            if stem.id in published.labels:  # "Main System" stems may have no column
                row[:] = published.values[published.labels.index(stem.id)]
        return ActivityAnnotation(published.grid, tuple(stem.id for stem in self.stems), values)

    def _mono_stems(self, sample_rate: int) -> Iterator[np.ndarray]:
        for stem in self.stems:
            yield stem.audio(sample_rate).mono().samples[0]

    def _rate(self) -> int:
        return audio.info(self.stems[0].path).sample_rate


def _possible(stem: Stem, taxonomy: Taxonomy) -> tuple[str, ...]:
    if not stem.instrument:
        return taxonomy.labels  # nobody knows
    return tuple(dict.fromkeys(label for raw in stem.instrument for label in taxonomy.possible(raw)))


def _one_class(stem: Stem, taxonomy: Taxonomy) -> str | None:
    """Return the class that all of a stem's instruments mean, if there is one."""
    classes = {taxonomy.canonical(raw) for raw in stem.instrument}
    return classes.pop() if len(classes) == 1 else None

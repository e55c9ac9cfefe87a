"""Settings of sample detection."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from mirkit import _config
from mirkit.errors import ParameterError

__all__ = ["Config", "FeatureConfig", "ForestConfig", "NMFConfig", "SearchConfig"]


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Spectra on a logarithmic axis, where a transposition is a shift of rows.

    Low frequencies are taken from long windows and high ones from short ones. Levels are decibels above
    ``floor_db`` relative to the mean; a bin stands out by what it is above its ``smooth_bins`` neighbours,
    and above its neighbours in time over ``smooth_s``.
    """

    sample_rate: int = 22050
    hop_length: int = 768
    bins_per_octave: int = 36
    fmin_hz: float = 60.0
    fmax_hz: float = 8000.0
    floor_db: float = -40.0
    smooth_bins: float = 8.0
    smooth_s: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.fmin_hz < self.fmax_hz <= self.sample_rate / 2 or self.hop_length < 1:
            raise ParameterError(
                f"wanted 0 < fmin_hz < fmax_hz <= {self.sample_rate / 2:g} and hop_length >= 1, got "
                f"{self.fmin_hz}, {self.fmax_hz} and {self.hop_length}"
            )

    @property
    def hop_s(self) -> float:
        """Seconds between two frames."""
        return self.hop_length / self.sample_rate

    @property
    def n_bins(self) -> int:
        """Frequencies of a spectrum."""
        return int(self.bins_per_octave * math.log2(self.fmax_hz / self.fmin_hz))

    @property
    def step_st(self) -> float:
        """Semitones between two bins."""
        return 12.0 / self.bins_per_octave


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """Straight paths through the similarity of sample and song: all transpositions, all tempos.

    ``slack_frames`` is how far from the true path the nearest one that is tried may end;
    ``max_rows`` limits the cost of long samples, whose frames are thinned out.
    """

    max_shift_st: float = 6.0
    tempo_min: float = 0.75
    tempo_max: float = 1.35
    slack_frames: float = 1.5
    max_rows: int = 200
    n_hypotheses: int = 3
    n_candidates: int = 40
    spacing: float = 0.5
    min_z: float = 2.5

    def __post_init__(self) -> None:
        if not 0 < self.tempo_min <= 1 <= self.tempo_max or self.max_shift_st < 0:
            raise ParameterError(
                "wanted 0 < tempo_min <= 1 <= tempo_max and max_shift_st >= 0, got "
                f"{self.tempo_min}, {self.tempo_max} and {self.max_shift_st}"
            )


@dataclass(frozen=True, slots=True)
class NMFConfig:
    """The published front end: templates of the sample in partially fixed NMF of the song."""

    n_fft: int = 4096
    hop_length: int = 1024
    n_sample: int = 10
    n_song: int = 20
    n_iterations: int = 300
    tolerance: float = 1e-3
    shifts_st: tuple[float, ...] = (-5, -4, -3, -2, -1, 0, 0.5, 1, 2, 3, 4, 5)
    max_candidates: int = 400


@dataclass(frozen=True, slots=True)
class ForestConfig:
    """Random forest on the descriptors of candidates."""

    n_trees: int = 200
    max_features: int = 4
    min_samples_leaf: int = 2
    tolerance_s: float = 1.0
    n_folds: int = 5


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the task.

    Parameters
    ----------
    network : {"lines", "nmf"}
        How candidates are found: straight paths over all transpositions and tempos, or the published NMF and
        subsequence DTW.
    features, search, nmf, forest
        Settings of each part.
    threshold : float
        Confidence from which a song is said to hold the sample, and an occurrence is listed.

    Examples
    --------
    >>> config = Config.from_dict({"search": {"max_shift_st": 3}})
    >>> config.search.max_shift_st, Config.from_dict(config.to_dict()) == config
    (3.0, True)
    """

    network: Literal["lines", "nmf"] = "lines"
    features: FeatureConfig = field(default_factory=FeatureConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    nmf: NMFConfig = field(default_factory=NMFConfig)
    forest: ForestConfig = field(default_factory=ForestConfig)
    threshold: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return _config.to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Return settings from plain values; `ParameterError` for an unknown key or a wrong type."""
        return _config.from_dict(cls, values)

    @classmethod
    def from_toml(cls, name_or_file: str | os.PathLike[str]) -> Config:
        """Return a named preset of ``mirkit/sampling/configs`` or the settings of a TOML file."""
        presets = Path(str(resources.files("mirkit.sampling") / "configs"))
        preset = presets / f"{name_or_file}.toml"
        path = preset if preset.is_file() else Path(name_or_file)
        if not path.is_file():
            names = ", ".join(sorted(found.stem for found in presets.glob("*.toml")))
            raise ParameterError(f"no settings {str(name_or_file)!r}: neither a file nor a preset ({names})")
        return _config.read_toml(cls, path)

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

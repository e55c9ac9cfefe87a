"""Settings of performance assessment."""

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

__all__ = [
    "AlignmentConfig",
    "Config",
    "PitchConfig",
    "RubricRow",
    "SVRConfig",
    "SegmentationConfig",
    "ToleranceConfig",
]

CATEGORIES = ("musicality", "tone", "notes", "rhythm", "artistry")
POINTS = (20.0, 15.0, 10.0, 10.0, 5.0)
"""Most points of each category, as on the judges' sheet of the Florida Bandmasters Association."""


@dataclass(frozen=True, slots=True)
class PitchConfig:
    """The contour: 256 samples of 44.1 kHz apart, as in the published descriptors.

    ``gate_db`` is how far below the loud frames a frame may lie, ``voicing`` the clarity at which pitch and
    no pitch cost the same; the costs are those of the path through the candidates.
    """

    sample_rate: int = 44100
    hop_length: int = 256
    fmin_hz: float = 60.0
    fmax_hz: float = 4300.0
    gate_db: float = 42.0
    voicing: float = 0.55
    voicing_cost: float = 0.25
    jump_cost: float = 0.5
    octave_bias: float = 0.1


@dataclass(frozen=True, slots=True)
class SegmentationConfig:
    """From contour to notes: costs are sums over frames of semitones away from a note's pitch."""

    change_cost: float = 3.0
    min_note_s: float = 0.04
    max_gap_s: float = 0.05
    dip_db: float = 2.0


@dataclass(frozen=True, slots=True)
class AlignmentConfig:
    """Costs of what can happen between a score and a performance; a wrong pitch costs 1."""

    octave: float = 0.3
    missed: float = 0.65
    added: float = 1.0
    skip_limit: float = 5.0
    restart: float = 2.0
    again: float = 2.4
    timing: float = 0.6
    window: int = 512


@dataclass(frozen=True, slots=True)
class ToleranceConfig:
    """From where on feedback calls a note out of tune, early, late, short or long."""

    cents: float = 30.0
    onset_ms: float = 80.0
    duration_share: float = 0.4


@dataclass(frozen=True, slots=True)
class RubricRow:
    """A monotone piecewise-linear map from one measurement to a share of a category's points.

    ``values`` rise; ``shares`` rise or fall, never both, in [0, 1]; beyond the ends the map is flat. Weights
    are above 0.
    """

    category: str
    measurement: str
    weight: float
    values: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.values, self.values[1:], strict=False))
        steps = [b - a for a, b in zip(self.shares, self.shares[1:], strict=False)]
        monotone = all(s >= 0 for s in steps) or all(s <= 0 for s in steps)
        if len(self.values) != len(self.shares) or len(self.values) < 2 or not rising or not monotone:
            raise ParameterError(
                f"rubric row {self.category}/{self.measurement}: wanted rising values and monotone shares"
            )
        if not all(0.0 <= share <= 1.0 for share in self.shares) or not 0.0 < self.weight < math.inf:
            raise ParameterError(
                f"rubric row {self.category}/{self.measurement}: wanted shares in [0, 1] and a weight above "
                f"0, got {self.shares} and {self.weight}"
            )


@dataclass(frozen=True, slots=True)
class SVRConfig:
    """Linear nu-SVR on scaled descriptors, as in the published study."""

    descriptors: Literal["E1", "E2", "E3", "E4", "E5", "E2+E5", "E4+E5"] = "E4+E5"
    scaling: Literal["minmax", "rank"] = "minmax"
    C: float = 1.0
    nu: float = 0.5
    outlier_share: float = 0.0
    n_folds: int = 10
    interval: float = 0.8


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the task; the defaults are those of the bundled model.

    Parameters
    ----------
    network : {"rubric", "svr"}
        Transparent maps from measurements to points, or a regression trained on ratings.
    pitch, segmentation, alignment, tolerance, svr
        Settings of each part.
    rubric : tuple of RubricRow
        Maps from measurements to shares of the points; none means those that come with mirkit.

    Examples
    --------
    >>> config = Config.from_dict({"tolerance": {"cents": 20}})
    >>> config.tolerance.cents, Config.from_dict(config.to_dict()) == config
    (20.0, True)
    """

    network: Literal["rubric", "svr"] = "rubric"
    pitch: PitchConfig = field(default_factory=PitchConfig)
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    tolerance: ToleranceConfig = field(default_factory=ToleranceConfig)
    svr: SVRConfig = field(default_factory=SVRConfig)
    rubric: tuple[RubricRow, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return _config.to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Return settings from plain values; `ParameterError` for an unknown key or a wrong type."""
        return _config.from_dict(cls, values)

    @classmethod
    def from_toml(cls, name_or_file: str | os.PathLike[str]) -> Config:
        """Return a named preset of ``mirkit/assessment/configs`` or the settings of a TOML file."""
        presets = Path(str(resources.files("mirkit.assessment") / "configs"))
        preset = presets / f"{name_or_file}.toml"
        path = preset if preset.is_file() else Path(name_or_file)
        if not path.is_file():
            names = ", ".join(sorted(found.stem for found in presets.glob("*.toml")))
            raise ParameterError(f"no settings {str(name_or_file)!r}: neither a file nor a preset ({names})")
        return _config.read_toml(cls, path)

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

"""Settings of source separation."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from mirkit import _config
from mirkit.errors import ParameterError

__all__ = [
    "BandedConfig",
    "Config",
    "FeatureConfig",
    "IASSConfig",
    "InferenceConfig",
    "TrainingConfig",
    "UMXConfig",
]

OTHER = "other"
"""The target that is defined by the others: what is left of the mixture."""


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Short-time spectra: both published systems use these."""

    sample_rate: int = 44100
    n_fft: int = 4096
    hop_length: int = 1024
    bandwidth_hz: float = 16000.0

    def __post_init__(self) -> None:
        if self.hop_length < 1 or self.n_fft % (2 * self.hop_length):
            raise ParameterError(
                "n_fft must be a multiple of twice hop_length, so that overlapping windows sum to one; "
                f"got {self.n_fft} and {self.hop_length}"
            )

    @property
    def n_bins(self) -> int:
        """Frequencies of a spectrum."""
        return self.n_fft // 2 + 1

    @property
    def n_input_bins(self) -> int:
        """Frequencies up to the bandwidth: what the networks look at."""
        return min(self.n_bins, 1 + int(self.bandwidth_hz * self.n_fft / self.sample_rate))

    @property
    def hop_s(self) -> float:
        """Seconds between two frames."""
        return self.hop_length / self.sample_rate


@dataclass(frozen=True, slots=True)
class IASSConfig:
    """Residual U-Net on magnitudes, with a classifier of activity on its latent."""

    channels: tuple[int, ...] = (16, 32, 48)
    classifier: bool = True
    classifier_channels: tuple[int, ...] = (32, 16, 16)


@dataclass(frozen=True, slots=True)
class UMXConfig:
    """Open-Unmix: a bidirectional LSTM between dense layers."""

    hidden_size: int = 512
    n_layers: int = 3
    n_channels: int = 2
    unidirectional: bool = False
    dropout: float = 0.4


@dataclass(frozen=True, slots=True)
class BandedConfig:
    """Residual U-Net on bands of frequency, all targets at once.

    ``regions`` are numbers of bands and bins in each, from the lowest on; ``channels`` are the features of
    each level, which has half the bands of the one before.
    """

    regions: tuple[tuple[int, int], ...] = ((80, 1), (40, 3), (40, 8), (32, 31))
    channels: tuple[int, ...] = (24, 40, 56, 80)
    dense_factor: int = 4
    latent_size: int = 384
    n_layers: int = 2
    classifier: bool = True


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Excerpts, loss, optimiser and stopping.

    ``level_db`` is the largest random change of a whole excerpt's level, ``speed`` of a song's speed (0.2:
    up to a fifth faster or slower), ``tilt_db`` of a stem's colour at any frequency; ``band_limit`` is the
    share of excerpts that end at a random frequency, ``mono`` of those without stereo. ``loss`` is
    ``magnitude``, the published squared error of magnitudes, or ``phase``, one of what a real mask can
    reach; see `mirkit.separation.losses.losses`. ``schedule`` ``cosine`` lets the learning rate rise for
    ``warm_up_steps`` and fall to nothing at the end of ``max_epochs``. ``gradient_clip`` 0 does not clip.
    """

    excerpt_s: float = 6.0
    excerpts_per_song: int = 64
    validation_excerpts: int = 16
    statistics_excerpts: int = 16
    absent_share: float = 0.25
    seek_active: float = 0.5
    random_mix: float = 0.5
    gain_min: float = 0.25
    gain_max: float = 1.25
    channel_swap: float = 0.5
    level_db: float = 0.0
    speed: float = 0.0
    tilt_db: float = 0.0
    band_limit: float = 0.0
    mono: float = 0.0
    truth: Literal["level", "confidence"] = "level"
    loss: Literal["magnitude", "phase"] = "magnitude"
    bce_weight: float = 2.0
    batch_size: int = 8
    max_epochs: int = 100
    patience: int = 20
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    gradient_clip: float = 0.0
    schedule: Literal["plateau", "cosine"] = "plateau"
    warm_up_steps: int = 0
    plateau_factor: float = 0.3
    plateau_patience: int = 8
    plateau_cooldown: int = 2


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Segments, the gate by activity, and the Wiener filter.

    Masks of ``segment_frames`` frames are computed at a time, from these frames and ``context_frames``
    more on either side. The gate's filter looks ``gate_filter_frames // 2`` frames to either side, which the
    context has to hold together with the 6 frames that the classifier of IASS looks.
    """

    segment_frames: int = 300
    context_frames: int = 24
    gate: Literal["hard", "soft", "off"] = "hard"
    gate_threshold: float = 0.5
    gate_filter_frames: int = 21
    wiener_iterations: int = 0
    wiener_frames: int = 300
    wiener_residual: bool = True

    def __post_init__(self) -> None:
        if self.segment_frames < 1 or self.context_frames < 0:
            raise ParameterError(
                "segment_frames must be 1 or more and context_frames 0 or more, "
                f"got {self.segment_frames} and {self.context_frames}"
            )
        if self.gate_filter_frames % 2 == 0 or self.gate_filter_frames < 1:
            raise ParameterError(
                f"gate_filter_frames must be odd, so that it has a middle, got {self.gate_filter_frames}"
            )
        if not 0 < self.gate_threshold < 1:
            raise ParameterError(f"gate_threshold must lie between 0 and 1, got {self.gate_threshold}")
        if self.wiener_iterations < 0 or self.wiener_frames < 1:
            raise ParameterError(
                "wiener_iterations must be 0 or more and wiener_frames 1 or more, "
                f"got {self.wiener_iterations} and {self.wiener_frames}"
            )
        if self.wiener_iterations and self.segment_frames % self.wiener_frames:
            raise ParameterError(
                f"segment_frames must be a multiple of wiener_frames, got {self.segment_frames} and "
                f"{self.wiener_frames}; a filter must not depend on where segments end"
            )


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the task.

    Parameters
    ----------
    network : {"iass", "umx", "banded"}
        Architecture.
    targets : tuple of str
        Stems to estimate: classes of the taxonomy, and ``other`` for what is left of the mixture.
    shared : bool
        One network for all targets instead of one for each.
    taxonomy : str
        Classes, see `Taxonomy.load`.
    features, iass, umx, banded, training, inference
        Settings of each part.

    Raises
    ------
    ParameterError
        If there is no target, or one occurs twice.

    Examples
    --------
    >>> config = Config.from_dict({"targets": ["vocals"], "inference": {"gate": "soft"}})
    >>> config.features.n_input_bins, Config.from_dict(config.to_dict()) == config
    (1487, True)
    """

    network: Literal["iass", "umx", "banded"] = "iass"
    targets: tuple[str, ...] = ("vocals", "drums", "bass", "electric guitar", "acoustic guitar", "piano")
    shared: bool = False
    taxonomy: str = "stems6"
    features: FeatureConfig = field(default_factory=FeatureConfig)
    iass: IASSConfig = field(default_factory=IASSConfig)
    umx: UMXConfig = field(default_factory=UMXConfig)
    banded: BandedConfig = field(default_factory=BandedConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)

    def __post_init__(self) -> None:
        if not self.targets or len(set(self.targets)) != len(self.targets):
            raise ParameterError(f"targets must name at least one stem, each once, got {list(self.targets)}")

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Targets of each network."""
        return (self.targets,) if self.shared else tuple((target,) for target in self.targets)

    @property
    def n_channels(self) -> int:
        """Channels that a network sees at a time: 1 for their mean."""
        return {"iass": 1, "umx": self.umx.n_channels, "banded": 2}[self.network]

    @property
    def residual(self) -> str:
        """Name of the stem that holds what no target took."""
        return OTHER if OTHER not in self.targets else "residual"

    @property
    def look_ahead_s(self) -> float:
        """How much later sound the estimate of any moment may need, seconds."""
        settings, features = self.inference, self.features
        length = (
            settings.segment_frames + settings.context_frames
        ) * features.hop_length + 2 * features.n_fft
        return length / features.sample_rate

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return _config.to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Return settings from plain values; `ParameterError` for an unknown key or a wrong type."""
        return _config.from_dict(cls, values)

    @classmethod
    def from_toml(cls, name_or_file: str | os.PathLike[str]) -> Config:
        """Return a named preset of ``mirkit/separation/configs`` or the settings of a TOML file."""
        presets = Path(str(resources.files("mirkit.separation") / "configs"))
        preset = presets / f"{name_or_file}.toml"
        path = preset if preset.is_file() else Path(name_or_file)
        if not path.is_file():
            names = ", ".join(sorted(found.stem for found in presets.glob("*.toml")))
            raise ParameterError(f"no settings {str(name_or_file)!r}: neither a file nor a preset ({names})")
        return _config.read_toml(cls, path)

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

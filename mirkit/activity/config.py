"""Settings of instrument activity detection."""

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
    "CNNConfig",
    "CRNNConfig",
    "Config",
    "EnsembleConfig",
    "FCConfig",
    "FeatureConfig",
    "InferenceConfig",
    "TrainingConfig",
]


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Log-mel patches, as in the ISMIR 2018 system's family, and how many labels each has.

    ``window_s`` is what the network hears at once; it tells what sounds in every ``label_s`` of it.
    """

    sample_rate: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 96
    fmin_hz: float = 30.0
    fmax_hz: float = 11000.0
    window_s: float = 1.0
    label_s: float = 1.0

    def __post_init__(self) -> None:
        if self.n_steps < 1 or abs(self.n_steps * self.label_s - self.window_s) > 1e-6:
            raise ParameterError(
                f"window_s must be a multiple of label_s, got {self.window_s} and {self.label_s} s"
            )

    @property
    def n_steps(self) -> int:
        """Labels of one patch for each class."""
        return round(self.window_s / self.label_s)

    @property
    def window_length(self) -> int:
        """Samples of one patch."""
        return round(self.window_s * self.sample_rate)

    @property
    def n_frames(self) -> int:
        """Frames of one patch: those centred on the samples of the window."""
        return 1 + self.window_length // self.hop_length

    @property
    def label_length(self) -> int:
        """Samples of one label."""
        return round(self.label_s * self.sample_rate)


@dataclass(frozen=True, slots=True)
class FCConfig:
    """Fully connected layers on the whole patch."""

    hidden: tuple[int, ...] = (256, 256, 128)
    dropout: float = 0.4


@dataclass(frozen=True, slots=True)
class CNNConfig:
    """Convolutions with pooling, then mean and maximum over the time of each label."""

    channels: tuple[int, ...] = (24, 48, 96, 192)
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class CRNNConfig:
    """Convolutions that keep time after ``n_time_pools`` blocks, then a recurrent layer both ways."""

    channels: tuple[int, ...] = (24, 48, 96, 128)
    n_time_pools: int = 2
    hidden: int = 64
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class EnsembleConfig:
    """Networks that were trained one by one and whose probabilities are averaged.

    ``members`` names the architecture of each; those of one architecture share its settings. ``windows_s`` is
    what each hears at once, of the ``features.window_s`` that come in.
    """

    members: tuple[str, ...] = ("cnn", "crnn")
    windows_s: tuple[float, ...] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if len(self.windows_s) != len(self.members) or not all(length > 0 for length in self.windows_s):
            raise ParameterError(
                f"ensemble.windows_s must have a length above 0 for each of {list(self.members)}, "
                f"got {list(self.windows_s)}"
            )
        if len(self.members) < 2 or not set(self.members) <= {"fc", "cnn", "crnn"}:
            raise ParameterError(
                f"ensemble.members must be two or more of 'fc', 'cnn', 'crnn', got {list(self.members)}"
            )


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Excerpts, optimiser and stopping.

    ``augment = false`` hears the songs as they are. ``short_share`` of the batches are cut to fewer labels
    than a window has, where it has several. ``precision = "bf16-mixed"`` computes convolutions in 16 bits:
    three times as fast on processors that have such instructions, slower on others.
    """

    preset: Literal["level", "medleydb"] = "level"
    augment: bool = True
    min_active_s: float = 0.25
    audible_db: float = -30.0
    inaudible_db: float = -50.0
    solo_epochs: int = 3
    solo_share: float = 0.25
    short_share: float = 0.3
    guest_share: float = 0.3
    max_guests: int = 3
    gain_range_db: float = 12.0
    tilt_db: float = 8.0
    batch_size: int = 64
    epoch_size: int = 6400
    validation_size: int = 1920
    max_epochs: int = 14
    patience: int = 10
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """Windows and decisions: one value every ``hop_s``, from windows every ``stride_s``.

    For values finer than ``features.label_s`` windows come more often in the same ratio.
    """

    hop_s: float = 1.0
    stride_s: float = 0.5
    threshold: float = 0.5
    release: float = 0.7
    min_duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the task; the defaults are those of a convolutional network that trains in minutes.

    Parameters
    ----------
    network : {"fc", "cnn", "crnn", "ensemble"}
        Architecture; the settings of the others are not used. An ensemble is not trained but made of trained
        models, see `mirkit.activity.combine`.
    taxonomy : str
        Classes, see `Taxonomy.load`.
    features, fc, cnn, crnn, ensemble, training, inference
        Settings of each part.

    Examples
    --------
    >>> config = Config.from_dict({"features": {"n_mels": 64}})
    >>> config.features.n_mels, Config.from_dict(config.to_dict()) == config
    (64, True)
    """

    network: Literal["fc", "cnn", "crnn", "ensemble"] = "cnn"
    taxonomy: str = "instruments18"
    features: FeatureConfig = field(default_factory=FeatureConfig)
    fc: FCConfig = field(default_factory=FCConfig)
    cnn: CNNConfig = field(default_factory=CNNConfig)
    crnn: CRNNConfig = field(default_factory=CRNNConfig)
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return _config.to_dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Return settings from plain values; `ParameterError` for an unknown key or a wrong type."""
        return _config.from_dict(cls, values)

    @classmethod
    def from_toml(cls, name_or_file: str | os.PathLike[str]) -> Config:
        """Return a named preset of ``mirkit/activity/configs`` or the settings of a TOML file."""
        presets = Path(str(resources.files("mirkit.activity") / "configs"))
        preset = presets / f"{name_or_file}.toml"
        path = preset if preset.is_file() else Path(name_or_file)
        if not path.is_file():
            names = ", ".join(sorted(found.stem for found in presets.glob("*.toml")))
            raise ParameterError(f"no settings {str(name_or_file)!r}: neither a file nor a preset ({names})")
        return _config.read_toml(cls, path)

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

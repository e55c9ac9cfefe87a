"""Open-Unmix: the network in its published layout, and the folders that its checkpoints come in."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251  # only to name the refusal; nothing is unpickled
from typing import Any

import numpy as np
import torch
from torch import nn

from mirkit._reading import DAMAGE, reading
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError
from mirkit.separation.config import Config, FeatureConfig, InferenceConfig, UMXConfig

__all__ = ["OpenUnmix", "is_folder", "read_folder", "sha256"]

SURPLUS = frozenset({"stft.window", "transform.0.window", "sample_rate"})
"""What files of the first releases hold besides weights; it follows from ``separator.json``."""

SEGMENT_FRAMES, CONTEXT_FRAMES = 600, 129
"""Fourteen seconds at a time, and three on either side for the recurrent layers to settle."""


class OpenUnmix(nn.Module):
    """Dense layer, bidirectional LSTM with a skip connection, two dense layers: magnitudes to a mask.

    F.-R. Stöter, S. Uhlich, A. Liutkus, Y. Mitsufuji, "Open-Unmix: a reference implementation for music
    source separation", JOSS 2019. Names and shapes of the weights are the published ones.

    Parameters
    ----------
    config : UMXConfig
        Sizes.
    features : FeatureConfig
        Spectra that come in.
    targets : tuple of str
        The one stem that the mask is for, as published; or several, whose masks come from one trunk.

    Examples
    --------
    >>> network = OpenUnmix(UMXConfig(hidden_size=16), FeatureConfig(n_fft=512, hop_length=128), ("bass",))
    >>> network(torch.ones(1, 2, 257, 5))[0].shape
    torch.Size([1, 1, 2, 257, 5])
    """

    def __init__(self, config: UMXConfig, features: FeatureConfig, targets: tuple[str, ...]) -> None:
        super().__init__()
        self.targets = targets
        self._n_input_bins, self._n_channels = features.n_input_bins, config.n_channels
        n_in, n_out = config.n_channels * features.n_input_bins, config.n_channels * features.n_bins
        n_out *= len(targets)
        size = config.hidden_size
        self.fc1 = nn.Linear(n_in, size, bias=False)
        self.bn1 = nn.BatchNorm1d(size)
        self.lstm = nn.LSTM(
            size,
            size if config.unidirectional else size // 2,
            num_layers=config.n_layers,
            bidirectional=not config.unidirectional,
            dropout=config.dropout if config.n_layers > 1 else 0.0,
        )
        self.fc2 = nn.Linear(2 * size, size, bias=False)
        self.bn2 = nn.BatchNorm1d(size)
        self.fc3 = nn.Linear(size, n_out, bias=False)
        self.bn3 = nn.BatchNorm1d(n_out)
        self.input_mean = nn.Parameter(torch.zeros(features.n_input_bins))
        self.input_scale = nn.Parameter(torch.ones(features.n_input_bins))
        self.output_scale = nn.Parameter(torch.ones(features.n_bins))
        self.output_mean = nn.Parameter(torch.ones(features.n_bins))

    def forward(self, magnitudes: torch.Tensor, frames: slice = slice(None)) -> tuple[torch.Tensor, None]:
        """Return the mask; Open-Unmix has no classifier, hence the None.

        Parameters
        ----------
        magnitudes : Tensor of shape (batch, n_channels, n_bins, n_frames)
            Of the mixture.
        frames : slice
            For which masks are wanted; the others are context.

        Returns
        -------
        masks : Tensor of shape (batch, n_targets, n_channels, n_bins, n_wanted)
            0 or more, not bounded above.
        logits : None
        """
        x = magnitudes[:, :, : self._n_input_bins].permute(3, 0, 1, 2)  # (frames, batch, channels, bins)
        n_frames, batch = x.shape[:2]
        x = (x + self.input_mean) * self.input_scale
        # Batch normalisation counts each frame as an example of its own, hence the joint axis.
        x = self.bn1(self.fc1(x.reshape(n_frames * batch, -1)))
        x = torch.tanh(x).reshape(n_frames, batch, -1)
        x = torch.cat([x, self.lstm(x)[0]], dim=-1)[frames]  # (frames, batch, 2 * hidden)
        n_wanted = len(x)
        x = torch.relu(self.bn2(self.fc2(x.reshape(n_wanted * batch, -1))))
        x = self.bn3(self.fc3(x)).reshape(n_wanted, batch, len(self.targets), self._n_channels, -1)
        x = torch.relu(x * self.output_scale + self.output_mean)
        return x.permute(1, 2, 3, 4, 0), None


def is_folder(path: Path) -> bool:
    """Return whether a folder has the layout of a published Open-Unmix model.

    Parameters
    ----------
    path : Path
        Folder; it need not exist.

    Returns
    -------
    bool
    """
    return (path / "separator.json").is_file()


def sha256(folder: Path) -> dict[str, str]:
    """Return the hash of each file of weights in a folder.

    Parameters
    ----------
    folder : Path
        Of a published Open-Unmix model.

    Returns
    -------
    dict of str to str
        File name to 64 hexadecimal digits.
    """
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.pth"))}


def read_folder(folder: Path) -> Checkpoint:
    """Return a published Open-Unmix model as a checkpoint of mirkit.

    Parameters
    ----------
    folder : Path
        With ``separator.json`` and, for each target, ``<target>.json`` and ``<target>.pth`` or
        ``<target>-<first 8 digits of its sha256>.pth``.

    Returns
    -------
    Checkpoint
        Nothing is unpickled but tensors.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, or not what the layout says; weights are checked when the
        network is built.
    """
    general = _read_json(folder / "separator.json")
    targets = sorted(path.stem for path in folder.glob("*.json") if path.name != "separator.json")
    strangers = {path.name for path in folder.glob("*.pth")} - {_weights(folder, t).name for t in targets}
    if not targets or strangers:
        raise CheckpointError(
            f"{folder}: wanted <target>.json beside each <target>*.pth; "
            + (f"nothing describes {', '.join(sorted(strangers))}" if strangers else "there is no target")
        )
    states = {target: _read_state(_weights(folder, target)) for target in targets}
    configs = {_config(folder, general, target, tuple(targets), states[target]) for target in targets}
    if len(configs) > 1:
        raise CheckpointError(f"{folder}: the targets {targets} differ in their sizes; keep them apart")
    config = configs.pop()
    return Checkpoint(
        task="separation",
        name=folder.name,
        config=config.to_dict(),
        labels=config.targets,
        arrays={f"{t}/{name}": array for t, state in states.items() for name, array in state.items()},
        card=f"# {folder.name}\n\nOpen-Unmix weights from {folder}; their licence is that of their source.\n",
        scores={},
        dataset={},
        seed=0,
        extra={},
    )


def _weights(folder: Path, target: str) -> Path:
    """Return the file of a target's weights; its name may hold the start of its hash."""
    pattern = re.compile(re.escape(target) + r"([-_][0-9a-f]{8})?\.pth")
    found = [path for path in sorted(folder.glob("*.pth")) if pattern.fullmatch(path.name)]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CheckpointError(f"{folder}: wanted one file {target}*.pth beside {target}.json, found {names}")
    return found[0]


def _read_state(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.pth`` file, less those that are known to be surplus."""
    named = re.search(r"[-_]([0-9a-f]{8})\.pth$", path.name)
    if named and not hashlib.sha256(path.read_bytes()).hexdigest().startswith(named[1]):
        raise CheckpointError(f"{path}: is not the file that its name says (sha256 differs); fetch it again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251  # the one place
    except (OSError, *DAMAGE, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: cannot be read as weights ({reason}); nothing else is loaded"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path}: holds something else than named tensors; wanted a state_dict")
    return {name: value.numpy() for name, value in state.items() if name not in SURPLUS}


def _config(
    folder: Path, general: dict[str, Any], target: str, targets: tuple[str, ...], state: dict[str, np.ndarray]
) -> Config:
    path = folder / f"{target}.json"
    arguments = _read_json(path).get("args", {})
    try:
        features = _features(general, len(state["input_mean"]), float(arguments.get("bandwidth", 16000.0)))
        sizes = UMXConfig(
            hidden_size=int(arguments["hidden_size"]),
            n_channels=int(arguments["nb_channels"]),
            unidirectional=bool(arguments.get("unidirectional", False)),
        )
        agree = int(arguments["nfft"]) == features.n_fft and int(general["nb_channels"]) == sizes.n_channels
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CheckpointError(
            f"{path}: wanted args with nfft, nb_channels and hidden_size, and separator.json with nfft, "
            f"nhop, sample_rate and nb_channels ({type(error).__name__}: {error})"
        ) from error
    if not agree:
        raise CheckpointError(f"{path}: nfft or nb_channels differ from those in separator.json")
    return Config(
        network="umx",
        targets=targets,
        features=features,
        umx=sizes,
        # The filter needs all sources; with a single one there is nothing that it could tell apart.
        inference=InferenceConfig(
            segment_frames=SEGMENT_FRAMES,
            context_frames=CONTEXT_FRAMES,
            gate="off",
            wiener_iterations=int(len(targets) > 1),
            wiener_residual=False,
        ),
    )


def _features(general: dict[str, Any], n_input_bins: int, bandwidth_hz: float) -> FeatureConfig:
    n_fft, sample_rate = int(general["nfft"]), round(float(general["sample_rate"]))
    features = FeatureConfig(sample_rate, n_fft, int(general["nhop"]), bandwidth_hz)
    if features.n_input_bins != n_input_bins:
        # The published loader goes by the weights, whatever the settings say.
        features = FeatureConfig(
            sample_rate, n_fft, features.hop_length, (n_input_bins - 0.5) * sample_rate / n_fft
        )
    return features


def _read_json(path: Path) -> dict[str, Any]:
    with reading(path, CheckpointError, "a JSON file of Open-Unmix"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {type(content).__name__}, wanted an object")
    return content

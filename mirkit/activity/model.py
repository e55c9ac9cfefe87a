"""The networks: log-mel patches in, a logit for each class and step of time out; no data, no disk."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from mirkit._reading import reading
from mirkit.activity.config import CNNConfig, Config, CRNNConfig, FCConfig, FeatureConfig
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError, ParameterError

__all__ = ["CNN", "CRNN", "FC", "Ensemble", "Model", "build", "fused"]


class FC(nn.Module):
    """Fully connected network: layers of linear map, batch normalisation, ReLU and dropout.

    Parameters
    ----------
    config : FCConfig
        Units of the hidden layers.
    features : FeatureConfig
        Size of a label's patch, all of whose values are inputs; longer patches are heard label by label.
    n_labels : int
        Classes.

    Examples
    --------
    >>> FC(FCConfig(), FeatureConfig(), 18)(torch.zeros(2, 96, 44)).shape
    torch.Size([2, 18, 1])
    """

    def __init__(self, config: FCConfig, features: FeatureConfig, n_labels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self._frames_per_step = _frames_per_step(features)
        self._n_frames = 1 + int(self._frames_per_step)
        n_in = features.n_mels * self._n_frames
        for n_out in config.hidden:
            layers += [
                nn.Linear(n_in, n_out, bias=False),
                nn.BatchNorm1d(n_out),
                nn.ReLU(inplace=True),
                nn.Dropout(config.dropout),
            ]
            n_in = n_out
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(n_in, n_labels)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, n_labels, n_steps)`` of patches ``(batch, n_mels, n_frames)``."""
        firsts = [int(k * self._frames_per_step) for k in range(_n_steps(patches, self._frames_per_step))]
        steps = torch.stack([patches[..., first : first + self._n_frames] for first in firsts], dim=1)
        logits = self.head(self.layers(steps.flatten(end_dim=1).flatten(start_dim=1)))
        return torch.as_tensor(logits.unflatten(0, steps.shape[:2]).transpose(1, 2))


class CNN(nn.Module):
    """Convolutional network: blocks of convolution, batch normalisation, ReLU and pooling.

    Parameters
    ----------
    config : CNNConfig
        Channels of the blocks; each halves frequency and time.
    features : FeatureConfig
        How many frames a label has.
    n_labels : int
        Classes.

    Examples
    --------
    >>> CNN(CNNConfig(), FeatureConfig(), 18)(torch.zeros(2, 96, 44)).shape
    torch.Size([2, 18, 1])
    """

    def __init__(self, config: CNNConfig, features: FeatureConfig, n_labels: int) -> None:
        super().__init__()
        self._frames_per_step = _frames_per_step(features)
        self.blocks = _blocks(config.channels, n_time_pools=len(config.channels))
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(4 * config.channels[-1], n_labels)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, n_labels, n_steps)`` of patches ``(batch, n_mels, n_frames)``."""
        x = self.blocks(patches.unsqueeze(1))  # (batch, channels, mels / 2^n, frames / 2^n)
        # Timbre sits in where energy lies along frequency as well as in the local patterns: two
        # summaries of frequency (mean, max), each summarised over time in two ways.
        x = _mean_and_max(x)  # (batch, 2 channels, frames / 2^n)
        x = _by_step(x, _n_steps(patches, self._frames_per_step))  # (batch, 4 channels, n_steps)
        return torch.as_tensor(self.head(self.dropout(x).transpose(1, 2)).transpose(1, 2))


class CRNN(nn.Module):
    """Convolutional-recurrent network: the blocks of a `CNN` that keep time, then a GRU both ways.

    Parameters
    ----------
    config : CRNNConfig
        Channels of the blocks, how many of them halve time, and units of the GRU in each direction.
    features : FeatureConfig
        How many frames a label has; the GRU hears the whole patch for each.
    n_labels : int
        Classes.

    Examples
    --------
    >>> CRNN(CRNNConfig(), FeatureConfig(), 18)(torch.zeros(2, 96, 130)).shape
    torch.Size([2, 18, 3])
    """

    def __init__(self, config: CRNNConfig, features: FeatureConfig, n_labels: int) -> None:
        super().__init__()
        self._frames_per_step = _frames_per_step(features)
        self.blocks = _blocks(config.channels, n_time_pools=config.n_time_pools)
        self.recurrent = nn.GRU(2 * config.channels[-1], config.hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(4 * config.hidden, n_labels)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, n_labels, n_steps)`` of patches ``(batch, n_mels, n_frames)``."""
        x = self.blocks(patches.unsqueeze(1))  # (batch, channels, mels / 2^n, time)
        x = _mean_and_max(x).transpose(1, 2)  # (batch, time, 2 channels)
        x = self.recurrent(x)[0].transpose(1, 2)  # (batch, 2 hidden, time)
        x = _by_step(x, _n_steps(patches, self._frames_per_step))  # (batch, 4 hidden, n_steps)
        return torch.as_tensor(self.head(self.dropout(x).transpose(1, 2)).transpose(1, 2))


class Ensemble(nn.Module):
    """Networks side by side; its probability is the mean of theirs.

    Parameters
    ----------
    members : sequence of Module
        Networks for the same classes.
    windows_s : sequence of float
        What each hears at once; longer patches are cut, and the pieces standardised.
    features : FeatureConfig
        How many frames a label has.

    Examples
    --------
    >>> config = Config(network="ensemble")
    >>> build(config, 18).eval()(torch.zeros(2, 96, 44)).shape
    torch.Size([2, 18, 1])
    """

    def __init__(
        self, members: Sequence[nn.Module], windows_s: Sequence[float], features: FeatureConfig
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self._frames_per_step = _frames_per_step(features)
        self._n_steps = [round(window_s / features.label_s) for window_s in windows_s]

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch, n_labels, n_steps)`` of patches ``(batch, n_mels, n_frames)``."""
        heard = [
            torch.cat([member(piece).sigmoid() for piece in self._pieces(patches, n)], dim=2)
            for member, n in zip(self.members, self._n_steps, strict=True)
        ]
        return torch.stack(heard).mean(dim=0).logit(eps=1e-6)

    def _pieces(self, patches: torch.Tensor, n_most: int) -> list[torch.Tensor]:
        """Return patches of at most so many steps, standardised as `mirkit.activity.features.patches` are."""
        n_all = _n_steps(patches, self._frames_per_step)
        if n_all <= n_most:
            return [patches]
        pieces = []
        for first in range(0, n_all, n_most):
            start = int(first * self._frames_per_step)
            n_frames = 1 + int(min(n_most, n_all - first) * self._frames_per_step)
            piece = patches[..., start : start + n_frames]
            centred = piece - piece.mean(dim=(-2, -1), keepdim=True)
            deviation = centred.std(dim=(-2, -1), keepdim=True, correction=0)
            pieces.append(centred / deviation.clamp(min=1e-3))
        return pieces


def _blocks(channels: Sequence[int], *, n_time_pools: int) -> nn.Sequential:
    """Return convolutional blocks; each halves frequency, the first ``n_time_pools`` halve time, too."""
    layers: list[nn.Module] = []
    n_in = 1
    for number, n_out in enumerate(channels):
        layers += [
            nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2 if number < n_time_pools else (2, 1)),
        ]
        n_in = n_out
    return nn.Sequential(*layers)


def _mean_and_max(x: torch.Tensor) -> torch.Tensor:
    """Return mean and maximum over frequency, side by side as channels: ``(batch, 2 channels, time)``."""
    return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


def _by_step(x: torch.Tensor, n_steps: int) -> torch.Tensor:
    """Return mean and maximum over the time of each step: ``(batch, 2 channels, n_steps)``."""
    pools = (functional.adaptive_avg_pool1d, functional.adaptive_max_pool1d)
    return torch.cat([pool(x, n_steps) for pool in pools], dim=1)


def _frames_per_step(features: FeatureConfig) -> float:
    return features.label_length / features.hop_length


def _n_steps(patches: torch.Tensor, frames_per_step: float) -> int:
    """Return how many labels a patch has: networks take patches of any number of steps."""
    return max(1, round((patches.shape[-1] - 1) / frames_per_step))


def build(config: Config, n_labels: int) -> nn.Module:
    """Return the untrained network that the settings name.

    Parameters
    ----------
    config : Config
        ``network`` and the settings of that name.
    n_labels : int
        Classes.

    Returns
    -------
    Module
        Patches ``(batch, n_mels, n_frames)`` to logits ``(batch, n_labels, n_steps)``, a step for each
        ``features.label_s`` of the patch, be it shorter or longer than ``features.window_s``.

    Raises
    ------
    ParameterError
        If the blocks halve a patch more often than its size allows.

    Examples
    --------
    >>> [type(build(Config(network=name), 18)).__name__ for name in ("fc", "cnn", "crnn")]
    ['FC', 'CNN', 'CRNN']
    """
    if config.network == "ensemble":
        members = [build(config.replace(network=name), n_labels) for name in config.ensemble.members]
        return Ensemble(members, config.ensemble.windows_s, config.features)
    if config.network == "fc":
        return FC(config.fc, config.features, n_labels)
    network: nn.Module
    if config.network == "cnn":
        _check_size(config, len(config.cnn.channels), len(config.cnn.channels))
        network = CNN(config.cnn, config.features, n_labels)
    else:
        _check_size(config, len(config.crnn.channels), config.crnn.n_time_pools)
        network = CRNN(config.crnn, config.features, n_labels)
    # Channels last in memory, not in the axes: convolutions of a few channels take half the time on a CPU.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def fused(network: nn.Module) -> nn.Module:
    """Return a copy for inference in which batch normalisation is part of the map before it.

    The outputs are the same up to rounding, in two thirds of the time.

    Parameters
    ----------
    network : Module
        Any; pairs of map and normalisation in its `Sequential` parts are joined.

    Returns
    -------
    Module
        In evaluation mode.

    Examples
    --------
    >>> network = build(Config(), 18).eval()
    >>> torch.allclose(fused(network)(torch.ones(1, 96, 44)), network(torch.ones(1, 96, 44)), atol=1e-5)
    True
    """
    copied = copy.deepcopy(network).eval()
    for sequence in [part for part in copied.modules() if isinstance(part, nn.Sequential)]:
        for k, (first, second) in enumerate(pairwise(list(sequence))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                sequence[k], sequence[k + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
            elif isinstance(first, nn.Linear) and isinstance(second, nn.BatchNorm1d):
                sequence[k], sequence[k + 1] = fuse_linear_bn_eval(first, second), nn.Identity()
    return copied


def _check_size(config: Config, n_pools: int, n_time_pools: int) -> None:
    size = (config.features.n_mels, config.features.n_frames)
    if not 0 < n_pools <= math.log2(size[0]) or not 0 <= n_time_pools <= math.log2(size[1]):
        raise ParameterError(
            f"{config.network}: {n_pools} blocks that halve frequency and {n_time_pools} that halve time do "
            f"not fit patches of {size[0]} mels by {size[1]} frames; use fewer blocks or larger patches"
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A network with what is needed to use it and to keep it.

    Parameters
    ----------
    network : Module
        Patches to logits.
    config : Config
        Settings that it was built and trained with.
    labels : tuple of str
        Classes in the order of the outputs.
    name : str
        Name in results.
    thresholds : mapping of str to float
        Decision threshold of each class, tuned on validation data.
    card : str
        Markdown: what the model is for, its data and licence, its limits.
    scores : mapping
        Held-out measures.
    dataset : mapping
        Name and hash of the training data.
    seed : int
        Seed of the training.
    """

    network: nn.Module
    config: Config
    labels: tuple[str, ...]
    name: str = "unnamed"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    card: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def checkpoint(self) -> Checkpoint:
        """Return the model as plain values, ready to save."""
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in self.network.state_dict().items()}
        return Checkpoint(
            task="activity",
            name=self.name,
            config=self.config.to_dict(),
            labels=self.labels,
            arrays=arrays,
            card=self.card,
            scores=self.scores,
            dataset=self.dataset,
            seed=self.seed,
            extra={"thresholds": dict(self.thresholds)},
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Model:
        """Return the model of a checkpoint, in evaluation mode.

        Raises
        ------
        CheckpointError
            If weights are missing, left over or of another shape.
        """
        with reading(f"model {checkpoint.name}", CheckpointError, "a usable model"):
            config = Config.from_dict(checkpoint.config)
            network = build(config, len(checkpoint.labels))
            _load_weights(network, checkpoint.arrays)
            return cls(
                network=network.eval(),
                config=config,
                labels=checkpoint.labels,
                name=checkpoint.name,
                thresholds=checkpoint.extra["thresholds"],
                card=checkpoint.card,
                scores=checkpoint.scores,
                dataset=checkpoint.dataset,
                seed=checkpoint.seed,
            )


def _load_weights(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    wanted = network.state_dict()
    if missing := sorted(set(wanted) - set(arrays)):
        raise CheckpointError(
            f"weights are missing: {', '.join(missing)}; the file does not belong to this config"
        )
    if surplus := sorted(set(arrays) - set(wanted)):
        raise CheckpointError(
            f"weights are left over: {', '.join(surplus)}; the file does not belong to this config"
        )
    for name, tensor in wanted.items():
        if tuple(tensor.shape) != arrays[name].shape:
            raise CheckpointError(
                f"weight {name} has shape {arrays[name].shape}, wanted {tuple(tensor.shape)}"
            )
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})

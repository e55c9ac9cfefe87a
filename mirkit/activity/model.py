"""The networks: log-mel patches in, one logit for each class out. They know neither data nor disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from mirkit.activity.config import CNNConfig, Config
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError

__all__ = ["CNN", "Model", "build"]


class CNN(nn.Module):
    """Convolutional network: blocks of convolution, batch normalisation, ReLU and pooling.

    Parameters
    ----------
    config : CNNConfig
        Channels of the blocks; each halves frequency and time.
    n_labels : int
        Outputs.

    Examples
    --------
    >>> CNN(CNNConfig(), 18)(torch.zeros(2, 96, 44)).shape
    torch.Size([2, 18])
    """

    def __init__(self, config: CNNConfig, n_labels: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        n_in = 1
        for n_out in config.channels:
            blocks += [
                nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
            n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(4 * n_in, n_labels)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        patches : Tensor of shape (batch, n_mels, n_frames)
            Standardised log-mel patches.

        Returns
        -------
        Tensor of shape (batch, n_labels)
        """
        x = self.blocks(patches.unsqueeze(1))  # (batch, channels, mels / 2^n, frames / 2^n)
        # Timbre sits in where energy lies along frequency as well as in the local patterns: two
        # summaries of frequency (mean, max), each summarised over time in two ways.
        x = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)  # (batch, 2 channels, time)
        x = torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)  # (batch, 4 channels)
        return torch.as_tensor(self.head(self.dropout(x)))


_NETWORKS = {"cnn": lambda config, n_labels: CNN(config.cnn, n_labels)}


def build(config: Config, n_labels: int) -> nn.Module:
    """Return the untrained network that the settings name."""
    return _NETWORKS[config.network](config, n_labels)


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

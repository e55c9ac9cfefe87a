"""The networks: magnitudes of a mixture in, masks and activity logits out. No data, no disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mirkit._reading import reading
from mirkit.checkpoint import Checkpoint, check_arrays
from mirkit.errors import CheckpointError, ParameterError
from mirkit.separation.banded import BandedUNet
from mirkit.separation.config import Config, FeatureConfig, IASSConfig
from mirkit.separation.unmix import OpenUnmix

__all__ = ["IASS", "Model", "Part", "build", "part_name", "replace_weights"]


class Encoder(nn.Module):
    """Two convolutions with a residual connection, then a third of the frequencies."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.residual = nn.Conv2d(n_in, n_out, 1)
        self.down = nn.Conv2d(n_out, n_out, (3, 1), stride=(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, n_out, n_bins // 3, n_frames)``."""
        y = functional.leaky_relu(self.first_norm(self.first(x)), inplace=True)
        y = functional.leaky_relu(self.second_norm(self.second(y)), inplace=True)
        return torch.as_tensor(self.down(y + self.residual(x)))


class Decoder(nn.Module):
    """Three times the frequencies, the encoder's output of the same size beside them, two convolutions."""

    def __init__(self, n_in: int, n_skip: int, n_out: int, *, last: bool) -> None:
        super().__init__()
        n_half = (n_in + n_skip) // 2
        self.up = nn.ConvTranspose2d(n_in, n_in, (3, 1), stride=(3, 1))
        self.first = nn.ConvTranspose2d(n_in + n_skip, n_half, 3, padding=1)
        self.first_norm = nn.BatchNorm2d(n_half)
        self.second = nn.ConvTranspose2d(n_half, n_out, 3, padding=1)
        self.second_norm = None if last else nn.BatchNorm2d(n_out)

    def forward(self, x: torch.Tensor, skip: torch.Tensor | None, n_bins: int) -> torch.Tensor:
        """Return ``(batch, n_out, n_bins, n_frames)``."""
        x = self.up(x, output_size=(n_bins, x.shape[-1]))
        x = x if skip is None else torch.cat([x, skip], dim=1)
        x = self.first_norm(functional.leaky_relu(self.first(x), inplace=True))
        x = self.second(x)
        if self.second_norm is not None:
            x = self.second_norm(functional.leaky_relu(x, inplace=True))
        return x


class IASS(nn.Module):
    """Residual U-Net over frequency, with a classifier of activity on its latent.

    Y.-N. Hung, A. Lerch, "Multitask learning for instrument activation aware music source separation",
    ISMIR 2020, layer by layer as in the authors' released network. Time is never reduced, so there is
    one mask and one logit for every frame.

    Parameters
    ----------
    config : IASSConfig
        Channels, and whether there is a classifier.
    features : FeatureConfig
        Spectra that come in.
    targets : tuple of str
        Stems of the masks; the published network has one.

    Raises
    ------
    ParameterError
        If the bandwidth holds too few bins for the encoder.

    Examples
    --------
    >>> network = IASS(IASSConfig(), FeatureConfig(), ("piano",))
    >>> sum(weight.numel() for weight in network.parameters())
    3205682
    """

    def __init__(self, config: IASSConfig, features: FeatureConfig, targets: tuple[str, ...]) -> None:
        super().__init__()
        self.targets = targets
        self._n_input_bins, self._n_bins = features.n_input_bins, features.n_bins
        channels = config.channels
        n_latent_bins = features.n_input_bins // 3 ** len(channels)
        if n_latent_bins < 1:
            raise ParameterError(
                f"{features.n_input_bins} bins are too few for {len(channels)} encoders, each of which keeps "
                "a third; raise bandwidth_hz or n_fft, or give fewer channels"
            )
        self.encoders = nn.ModuleList(Encoder(a, b) for a, b in zip((1, *channels), channels, strict=False))
        # The latent itself is not skipped to; the skipped outputs pass one more convolution.
        self.skips = nn.ModuleList(nn.Conv2d(n, n, 3, padding=1) for n in channels[:-1])
        outputs = (len(targets), *channels[:-1])  # of the decoders, from the last to the first
        self.decoders = nn.ModuleList(
            Decoder(n, n_skip, n_out, last=k == 0)
            for k, (n, n_skip, n_out) in enumerate(zip(channels, (0, *channels[:-1]), outputs, strict=True))
        )
        self.last = nn.Linear(features.n_input_bins, features.n_bins)
        self.classifier = (
            _classifier(channels[-1], n_latent_bins, config.classifier_channels, len(targets))
            if config.classifier
            else None
        )
        self.input_mean = nn.Parameter(torch.zeros(features.n_input_bins))
        self.input_scale = nn.Parameter(torch.ones(features.n_input_bins))
        self.output_scale = nn.Parameter(torch.ones(features.n_bins))
        self.output_mean = nn.Parameter(torch.ones(features.n_bins))

    def forward(
        self, magnitudes: torch.Tensor, frames: slice = slice(None)
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return masks and activity logits.

        Parameters
        ----------
        magnitudes : Tensor of shape (batch, 1, n_bins, n_frames)
            Mean over the mixture's channels.
        frames : slice
            For which masks are wanted; the others are context.

        Returns
        -------
        masks : Tensor of shape (batch, n_targets, 1, n_bins, n_wanted)
            0 or more, not bounded above.
        logits : Tensor of shape (batch, n_targets, n_frames) or None
            None without a classifier.
        """
        x = magnitudes[:, :, : self._n_input_bins]
        x = (x + self.input_mean[:, None]) * self.input_scale[:, None]
        sizes, outputs = [], []
        for encoder in self.encoders:
            sizes.append(x.shape[2])
            x = encoder(x)
            outputs.append(x)
        logits = None if self.classifier is None else self.classifier(x).squeeze(2)
        for k in reversed(range(len(sizes))):
            skip = self.skips[k - 1](outputs[k - 1]) if k else None
            x = self.decoders[k](x, skip, sizes[k])
        x = self.last(x[..., frames].transpose(2, 3))  # (batch, targets, frames, bins)
        masks = _rectified(x * self.output_scale + self.output_mean).transpose(2, 3)
        return masks.unsqueeze(2), logits


class _Rectified(torch.autograd.Function):
    """ReLU, which below zero lets gradients that ask for more pass, so that closed masks can open again."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x <= 0)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.masked_fill(ctx.saved_tensors[0] & (gradient > 0), 0.0)


def _rectified(x: torch.Tensor) -> torch.Tensor:
    # Masks start at one, and the last layer sums over all frequencies: at the published learning rate a few
    # steps close most of them, and ReLU itself would never open one again.
    return _Rectified.apply(x)  # type: ignore[no-any-return, no-untyped-call]


def _classifier(n_in: int, n_bins: int, channels: Sequence[int], n_targets: int) -> nn.Sequential:
    """Return convolutions that take frequency down to one bin; as published, nothing but affine maps."""
    layers: list[nn.Module] = []
    for n_out in channels:
        if n_bins < 3:
            break
        layers += [nn.Conv2d(n_in, n_out, (3, 1), stride=(3, 1)), nn.BatchNorm2d(n_out)]
        n_in, n_bins = n_out, n_bins // 3
    return nn.Sequential(*layers, nn.Conv2d(n_in, n_targets, (n_bins, 1)))


def build(config: Config, targets: tuple[str, ...]) -> nn.Module:
    """Return the untrained network for some targets.

    Parameters
    ----------
    config : Config
        Which network, and its settings.
    targets : tuple of str
        One of ``config.groups``.

    Returns
    -------
    Module
        Takes ``(batch, config.n_channels, n_bins, n_frames)``; returns masks and logits or None.

    Examples
    --------
    >>> build(Config(), ("vocals",)).targets
    ('vocals',)
    """
    if config.network == "banded":
        return BandedUNet(config.banded, config.features, targets)
    if config.network == "umx":
        return OpenUnmix(config.umx, config.features, targets)
    return IASS(config.iass, config.features, targets)


def part_name(targets: tuple[str, ...]) -> str:
    """Return how the weights of the network for some targets are named in a checkpoint."""
    return targets[0] if len(targets) == 1 else "shared"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A network and the stems that its masks are for.

    Parameters
    ----------
    targets : tuple of str
        In the order of the network's outputs.
    network : Module
        Magnitudes to masks and logits.
    """

    targets: tuple[str, ...]
    network: nn.Module

    @property
    def name(self) -> str:
        """How its weights are named in a checkpoint."""
        return part_name(self.targets)

    @property
    def has_classifier(self) -> bool:
        """Whether the network tells when its targets sound."""
        return getattr(self.network, "classifier", None) is not None

    def for_use(self) -> nn.Module:
        """Return the network in evaluation mode, in the form that computes fastest."""
        return self.network.fused() if isinstance(self.network, BandedUNet) else self.network.eval()


@dataclass(frozen=True, eq=False)
class Model:
    """Networks with what is needed to use them and to keep them.

    Parameters
    ----------
    parts : tuple of Part
        Together one output for each of ``config.targets``.
    config : Config
        Settings that they were built and trained with.
    name : str
        Name in results.
    card : str
        Markdown: what the model is for, its data and licence, its limits.
    scores : mapping
        Held-out measures.
    dataset : mapping
        Name and hash of the training data.
    seed : int
        Seed of the training.

    Raises
    ------
    ParameterError
        If the parts are not for these targets.

    Examples
    --------
    >>> model = Model.untrained(Config(targets=("vocals", "piano")))
    >>> [part.name for part in model.parts_for(["piano"])]
    ['piano']
    """

    parts: tuple[Part, ...]
    config: Config
    name: str = "unnamed"
    card: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        targets = tuple(target for part in self.parts for target in part.targets)
        if targets != self.config.targets:
            raise ParameterError(f"parts are for {targets}, the settings name {self.config.targets}")

    @classmethod
    def untrained(cls, config: Config) -> Model:
        """Return a model with random weights."""
        return cls(tuple(Part(group, build(config, group).eval()) for group in config.groups), config)

    @property
    def has_classifier(self) -> bool:
        """Whether every network tells when its targets sound."""
        return all(part.has_classifier for part in self.parts)

    def parts_for(self, targets: Sequence[str] | None) -> tuple[Part, ...]:
        """Return the networks that some targets need, all for None.

        Parameters
        ----------
        targets : sequence of str or None
            Stems.

        Returns
        -------
        tuple of Part

        Raises
        ------
        ParameterError
            If there is no target or the model does not know one; the message lists those it knows.
        """
        if targets is None:
            return self.parts
        known = ", ".join(self.config.targets)
        if not targets:
            raise ParameterError(f"no target; give at least one of {known}")
        if unknown := [target for target in targets if target not in self.config.targets]:
            raise ParameterError(f"unknown target {', '.join(map(repr, unknown))}; {self.name} knows {known}")
        return tuple(part for part in self.parts if set(part.targets) & set(targets))

    def checkpoint(self) -> Checkpoint:
        """Return the model as plain values, ready to save."""
        arrays = {
            f"{part.name}/{name}": tensor.detach().cpu().numpy()
            for part in self.parts
            for name, tensor in part.network.state_dict().items()
        }
        return Checkpoint(
            task="separation",
            name=self.name,
            config=self.config.to_dict(),
            labels=self.config.targets,
            arrays=arrays,
            card=self.card,
            scores=self.scores,
            dataset=self.dataset,
            seed=self.seed,
            extra={},
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Model:
        """Return the model of a checkpoint, in evaluation mode.

        Raises
        ------
        CheckpointError
            If weights are missing, left over or of another shape, or the targets are not its labels.
        """
        with reading(f"model {checkpoint.name}", CheckpointError, "a usable model"):
            config = Config.from_dict(checkpoint.config)
            if config.targets != checkpoint.labels:
                raise CheckpointError(
                    f"labels {list(checkpoint.labels)} are not the config's targets {list(config.targets)}"
                )
            model = replace_weights(cls.untrained(config), checkpoint.arrays)
            return cls(
                parts=model.parts,
                config=config,
                name=checkpoint.name,
                card=checkpoint.card,
                scores=checkpoint.scores,
                dataset=checkpoint.dataset,
                seed=checkpoint.seed,
            )


def replace_weights(model: Model, arrays: Mapping[str, np.ndarray]) -> Model:
    """Return the model with these weights in its networks.

    Parameters
    ----------
    model : Model
        Its networks are changed.
    arrays : mapping of str to ndarray
        Named as in a checkpoint.

    Returns
    -------
    Model
        The same.

    Raises
    ------
    CheckpointError
        If weights are missing, left over or of another shape.
    """
    wanted = {
        f"{part.name}/{name}": tuple(tensor.shape)
        for part in model.parts
        for name, tensor in part.network.state_dict().items()
    }
    check_arrays(arrays, wanted)
    for part in model.parts:
        state = part.network.state_dict()
        part.network.load_state_dict(
            {name: torch.from_numpy(arrays[f"{part.name}/{name}"].copy()) for name in state}
        )
    return model

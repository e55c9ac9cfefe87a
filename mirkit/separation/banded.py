"""A residual U-Net on bands of frequency: all targets at once, with stereo masks that sum to one."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mirkit.errors import ParameterError
from mirkit.separation.config import BandedConfig, FeatureConfig

__all__ = ["BandedUNet"]

FLOOR = 1e-3
"""Added to magnitudes before their logarithm: about -60 dB of a full-scale tone in a Hann window."""


class Dense(nn.Module):
    """A bottleneck over all bands of a frame, the same for every feature, with a residual connection.

    The dense layers over frequency of Choi, Kim, Chung and Jung, "Investigating U-Nets with various
    intermediate blocks for spectrogram-based singing voice separation", ISMIR 2020: harmonics are far
    apart, convolutions see their neighbours only.
    """

    def __init__(self, n_bands: int, n_features: int, n_hidden: int) -> None:
        super().__init__()
        self.down = nn.Linear(n_bands, n_hidden, bias=False)
        self.down_norm = nn.BatchNorm2d(n_features)
        self.up = nn.Linear(n_hidden, n_bands, bias=False)
        self.up_norm = nn.BatchNorm2d(n_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, n_features, n_bands, n_frames)``."""
        y = torch.relu(self.down_norm(_over_bands(self.down, x)))
        return x + torch.relu(self.up_norm(_over_bands(self.up, y)))


def _over_bands(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """Return a linear map along axis 2; where features are innermost in memory, nothing is moved."""
    batch, n_features, n_bands, n_frames = x.shape
    y = x.permute(0, 2, 3, 1).reshape(batch, n_bands, n_frames * n_features)
    y = torch.matmul(layer.weight, y).reshape(batch, -1, n_frames, n_features)
    return y.permute(0, 3, 1, 2)


class Residual(nn.Module):
    """Two convolutions around which the input is added, then the dense bottleneck."""

    def __init__(self, n_in: int, n_out: int, n_bands: int, n_hidden: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.residual = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        self.dense = Dense(n_bands, n_out, n_hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, n_out, n_bands, n_frames)``."""
        y = torch.relu(self.first_norm(self.first(x)))
        y = torch.relu(self.second_norm(self.second(y)))
        return torch.as_tensor(self.dense(y + self.residual(x)))


class BandedUNet(nn.Module):
    """Residual U-Net over bands, a recurrent latent that also tells which targets sound.

    The idea of IASS (Hung and Lerch, ISMIR 2020) at a fraction of its cost a target: one encoder for all
    targets; on its latent, a classifier of their activity for the gate. Frequencies are gathered in bands,
    single bins at the bottom and wider ones above, before anything costly happens. The latent passes a
    bidirectional LSTM, as in Open-Unmix. Both channels come in and each gets masks of its own. A softmax
    over the targets and all the rest makes the masks sum to one.

    Parameters
    ----------
    config : BandedConfig
        Bands and sizes.
    features : FeatureConfig
        Spectra that come in.
    targets : tuple of str
        Stems of the masks.

    Raises
    ------
    ParameterError
        If the bands do not cover the bandwidth, or cannot be halved often enough.

    Examples
    --------
    >>> network = BandedUNet(BandedConfig(), FeatureConfig(), ("vocals", "drums")).eval()
    >>> masks, logits = network(torch.ones(1, 2, 2049, 5))
    >>> masks.shape, logits.shape
    (torch.Size([1, 2, 2, 2049, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, config: BandedConfig, features: FeatureConfig, targets: tuple[str, ...]) -> None:
        super().__init__()
        self.targets = targets
        n_bands = _checked(config, features)
        self._regions, self._n_bins, self._n_input_bins = (
            config.regions,
            features.n_bins,
            features.n_input_bins,
        )
        sizes = [n_bands >> k for k in range(len(config.channels))]
        channels, n_latent = config.channels, sizes[-1] * config.channels[-1]
        self.split = nn.ModuleList(
            nn.Conv2d(2, channels[0], (width, 1), stride=(width, 1)) for _, width in config.regions
        )
        # What a band is told apart by: convolutions are the same everywhere.
        self.band_bias = nn.Parameter(torch.zeros(channels[0], n_bands, 1))
        self.encoders = nn.ModuleList(
            Residual(a, b, size, max(8, size // config.dense_factor))
            for a, b, size in zip((channels[0], *channels), channels, sizes, strict=False)
        )
        self.downs = nn.ModuleList(nn.Conv2d(n, n, (2, 1), stride=(2, 1), bias=False) for n in channels[:-1])
        self.latent_in = nn.Linear(n_latent, config.latent_size)
        self.lstm = nn.LSTM(
            config.latent_size,
            config.latent_size // 2,
            num_layers=config.n_layers,
            bidirectional=True,
            batch_first=True,
        )
        self.latent_out = nn.Linear(config.latent_size, n_latent)
        self.classifier = (
            nn.Sequential(nn.Linear(2 * config.latent_size, 128), nn.ReLU(), nn.Linear(128, len(targets)))
            if config.classifier
            else None
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(b, a, (2, 1), stride=(2, 1), bias=False) for a, b in pairwise(channels)
        )
        self.decoders = nn.ModuleList(
            Residual(n, n, size, max(8, size // config.dense_factor))
            for n, size in zip(channels[:-1], sizes, strict=False)
        )
        n_masks = 2 * (len(targets) + 1)
        self.join = nn.ModuleList(
            nn.ConvTranspose2d(channels[0], n_masks, (width, 1), stride=(width, 1))
            for _, width in config.regions
        )
        self.input_mean = nn.Parameter(torch.zeros(features.n_input_bins), requires_grad=False)
        self.input_scale = nn.Parameter(torch.ones(features.n_input_bins), requires_grad=False)

    def fused(self) -> BandedUNet:
        """Return a copy for use only: normalisation after convolutions is part of them, at less cost."""
        network = copy.deepcopy(self).eval()
        for block in [*network.encoders, *network.decoders]:
            block.first, block.first_norm = fuse_conv_bn_eval(block.first, block.first_norm), nn.Identity()
            block.second, block.second_norm = (
                fuse_conv_bn_eval(block.second, block.second_norm),
                nn.Identity(),
            )
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def compress(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Return the logarithm that the network looks at, of which `input_mean` is the mean."""
        return torch.log(magnitudes + FLOOR)

    def forward(
        self, magnitudes: torch.Tensor, frames: slice = slice(None)
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return masks and activity logits.

        Parameters
        ----------
        magnitudes : Tensor of shape (batch, 2, n_bins, n_frames)
            Of the mixture.
        frames : slice
            For which masks are wanted; the others are context.

        Returns
        -------
        masks : Tensor of shape (batch, n_targets, 2, n_bins, n_wanted)
            In [0, 1]; over the targets they sum to 1 or less.
        logits : Tensor of shape (batch, n_targets, n_frames) or None
            None without a classifier.
        """
        x = self._banded(magnitudes)
        outputs = []
        for k, encoder in enumerate(self.encoders):
            x = encoder(x)
            if k < len(self.downs):
                outputs.append(x)
                x = self.downs[k](x)
        x, logits = self._latent(x)
        for up, decoder, skip in zip(
            reversed(self.ups), reversed(self.decoders), reversed(outputs), strict=True
        ):
            x = decoder(up(x) + skip)
        return self._masks(x[..., frames]), logits

    def _banded(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, n_features, n_bands, n_frames)``."""
        x = self.compress(magnitudes[:, :, : self._n_input_bins])
        x = (x + self.input_mean[:, None]) * self.input_scale[:, None]
        missing = sum(n * width for n, width in self._regions) - self._n_input_bins
        x = functional.pad(x, (0, 0, 0, missing)).contiguous(memory_format=torch.channels_last)
        parts, first = [], 0
        for (n, width), layer in zip(self._regions, self.split, strict=True):
            parts.append(layer(x[:, :, first : first + n * width]))
            first += n * width
        x = torch.cat(parts, dim=2) + self.band_bias
        return x.contiguous(memory_format=torch.channels_last)

    def _latent(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        batch, n_features, n_bands, n_frames = x.shape
        flat = x.permute(0, 3, 2, 1).reshape(batch, n_frames, n_bands * n_features)
        inner = torch.relu(self.latent_in(flat))
        heard, _ = self.lstm(inner)
        logits = None
        if self.classifier is not None:
            logits = self.classifier(torch.cat([inner, heard], dim=-1)).transpose(1, 2)
        y = self.latent_out(heard + inner).reshape(batch, n_frames, n_bands, n_features)
        return x + y.permute(0, 3, 2, 1), logits

    def _masks(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, n_targets, 2, n_bins, n_frames)``."""
        parts, first = [], 0
        for (n, _), layer in zip(self._regions, self.join, strict=True):
            parts.append(layer(x[:, :, first : first + n]))
            first += n
        y = torch.cat(parts, dim=2)[:, :, : self._n_input_bins].float()
        y = y.reshape(len(y), len(self.targets) + 1, 2, *y.shape[2:]).softmax(dim=1)[:, :-1]
        # Above the bandwidth, as in the last bins below it.
        edge = y[:, :, :, -8:].mean(dim=3, keepdim=True)
        return torch.cat([y, edge.expand(-1, -1, -1, self._n_bins - self._n_input_bins, -1)], dim=3)


def _checked(config: BandedConfig, features: FeatureConfig) -> int:
    """Return the number of bands; `ParameterError` if they do not fit."""
    n_bins = sum(n * width for n, width in config.regions)
    if not 0 <= n_bins - features.n_input_bins < config.regions[-1][1]:
        raise ParameterError(
            f"regions must cover the {features.n_input_bins} bins of the bandwidth and end with the band "
            f"that holds the last one, but they cover {n_bins}; change regions or bandwidth_hz"
        )
    n_bands = sum(n for n, _ in config.regions)
    if n_bands % 2 ** (len(config.channels) - 1):
        raise ParameterError(
            f"{n_bands} bands cannot be halved {len(config.channels) - 1} times; change regions or channels"
        )
    return n_bands

"""What training minimises: errors of masks, and cross-entropy of activity."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from mirkit.separation.config import Config

__all__ = ["Batch", "losses", "spectra_of"]

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Mixtures ``(batch, 2, n_samples)``, stems ``(batch, n_targets, 2, n_samples)``, activity."""


def losses(network: nn.Module, config: Config, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Return the two parts of the loss: separation and activity.

    Hung and Lerch, ISMIR 2020: the mean squared error between masked and true magnitudes, and the binary
    cross-entropy of the frames' activity; they are added with ``config.training.bce_weight``. The gate
    is not applied.

    With ``config.training.loss`` ``phase`` instead, for the spectra *S* of a target and *X* of the mixture
    and its mask *M*, the squared error *M* \|X\| - Re(*S X** / \|X\|): what is at a right angle to the
    mixture no real mask can change (H. Erdogan et al., "Phase-sensitive and recognition-boosted speech
    separation using deep recurrent neural networks", ICASSP 2015). Divided by \|X\|, so that loud bins
    count in proportion to their magnitude, not their energy, and soft passages are learned, too; a weight
    that depends on the mixture only leaves the best mask as it is. Averaged over all targets and the rest.

    Parameters
    ----------
    network : Module
        From `mirkit.separation.model.build`.
    config : Config
        Spectra and channels.
    batch : tuple of Tensor
        Mixtures of shape (batch, 2, n_samples), stems of shape (batch, n_targets, 2, n_samples),
        activity of shape (batch, n_targets, n_frames).

    Returns
    -------
    separation, activity : Tensor
        Scalars; the latter 0 without a classifier.

    Examples
    --------
    >>> from mirkit.separation.model import build
    >>> config = Config(targets=("vocals",))
    >>> silence = torch.zeros(1, 2, 8192), torch.zeros(1, 1, 2, 8192), torch.zeros(1, 1, 5)
    >>> losses(build(config, ("vocals",)).eval(), config, silence)[0].item()
    0.0
    """
    mixture, stems, activity = batch
    spectra = spectra_of(mixture, config)
    magnitudes = _seen(spectra.abs(), config)
    masks, logits = network(magnitudes)
    if config.training.loss == "phase":
        separation = _phase_error(masks, spectra, stems, config)
    else:
        separation = functional.mse_loss(
            masks * magnitudes[:, None], _seen(spectra_of(stems, config).abs(), config)
        )
    if logits is None:
        return separation, separation.new_zeros(())
    return separation, functional.binary_cross_entropy_with_logits(logits.float(), activity)


def _phase_error(
    masks: torch.Tensor, mixture: torch.Tensor, stems: torch.Tensor, config: Config
) -> torch.Tensor:
    """Return the error of a real mask, see `losses`; up to the bandwidth, beyond which nothing is known."""
    bins = slice(0, config.features.n_input_bins)
    mixture, masks = mixture[..., bins, :], masks[..., bins, :].float()
    magnitude = mixture.abs()
    direction = mixture.conj() / magnitude.clamp(min=1e-8)
    wanted = magnitude.new_zeros(*stems.shape[:3], *magnitude.shape[-2:])
    sounding = stems.abs().amax(dim=(2, 3)) > 0  # silent stems cost nothing
    if sounding.any():
        item = sounding.nonzero()[:, 0]
        wanted[sounding] = (spectra_of(stems[sounding], config)[..., bins, :] * direction[item]).real
    error = masks * magnitude[:, None] - wanted
    if error.shape[1] > 1:  # the rest's error is the opposite of the sum
        error = torch.cat([error, error.sum(dim=1, keepdim=True)], dim=1)
    level = magnitude.mean(dim=(1, 2, 3)).clamp(min=1e-5)[:, None, None, None]
    weights = 1.0 / (level * (magnitude + 0.1 * level))
    return (error.square().mean(dim=1) * weights).mean()


def _seen(magnitudes: torch.Tensor, config: Config) -> torch.Tensor:
    """Return ``(..., n_channels, n_bins, n_frames)`` with the channels that the network sees."""
    return magnitudes.mean(dim=-3, keepdim=True) if config.n_channels == 1 else magnitudes


def spectra_of(samples: torch.Tensor, config: Config) -> torch.Tensor:
    """Return ``(..., n_bins, n_frames)`` of ``(..., n_samples)``."""
    grid = config.features
    window = torch.hann_window(grid.n_fft, device=samples.device)
    spectra = torch.stft(
        samples.reshape(-1, samples.shape[-1]),
        grid.n_fft,
        grid.hop_length,
        window=window,
        center=False,
        return_complex=True,
    )
    return spectra.reshape(*samples.shape[:-1], grid.n_bins, -1)

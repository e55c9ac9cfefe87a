"""From spectra of sources to filters for their mixture: multichannel Wiener filter and ideal masks."""

from __future__ import annotations

import torch

from mirkit.errors import ParameterError

__all__ = ["ideal_binary_mask", "ideal_ratio_mask", "wiener"]

EPS = 1e-10
"""Energy below which nothing is divided; as in Open-Unmix."""

LOUDEST = 10.0
"""The mixture is scaled down to this magnitude first, so that products stay within range."""

BINS_AT_A_TIME = 256
"""Frequencies are independent: so many at a time keep double precision affordable."""


def wiener(
    estimates: torch.Tensor, mixture: torch.Tensor, *, iterations: int = 1, eps: float = EPS
) -> torch.Tensor:
    """Return estimates refined by multichannel Wiener filtering.

    Each source is modelled as Gaussian with a power for each point in time and frequency and a spatial
    covariance for each frequency, both taken from the estimates; the sources' conditional means given
    the mixture are the new estimates. A. Nugraha, A. Liutkus, E. Vincent, "Multichannel music
    separation with deep neural networks", EUSIPCO 2016, as simplified in norbert and Open-Unmix.

    Parameters
    ----------
    estimates : Tensor of shape (n_sources, n_channels, n_bins, n_frames)
        Complex spectra. What belongs to no source is spread over them, so the last one should be the
        residual if the others do not make up the mixture.
    mixture : Tensor of shape (n_channels, n_bins, n_frames)
        Complex spectrum.
    iterations : int
        0 returns the estimates.
    eps : float
        Regularisation of powers; its root is added to the mixture's covariance.

    Returns
    -------
    Tensor of shape (n_sources, n_channels, n_bins, n_frames)
        In the precision of the estimates; computed in double precision.

    Raises
    ------
    ParameterError
        If the shapes do not fit or ``iterations`` is negative.

    Examples
    --------
    >>> mixture = torch.ones(1, 1, 4, dtype=torch.complex64)
    >>> sources = torch.stack([0.5 * mixture, 0.5 * mixture])
    >>> wiener(sources, mixture)[0, 0, 0, 0].real.item().__round__(3)
    0.5
    """
    if estimates.ndim != 4 or estimates.shape[1:] != mixture.shape:
        raise ParameterError(
            "estimates must have shape (n_sources, n_channels, n_bins, n_frames) like the mixture, "
            f"got {tuple(estimates.shape)} and {tuple(mixture.shape)}"
        )
    if iterations < 0:
        raise ParameterError(f"iterations must be 0 or more, got {iterations}")
    if iterations == 0:
        return estimates
    scale = max(1.0, float(mixture.abs().max()) / LOUDEST)
    refined = torch.empty_like(estimates)
    for first in range(0, mixture.shape[1], BINS_AT_A_TIME):
        bins = slice(first, first + BINS_AT_A_TIME)
        # (n_sources, n_bins, n_frames, n_channels): the matrices of a point in the last axes
        y = estimates[:, :, bins].permute(0, 2, 3, 1).to(torch.complex128) / scale
        x = mixture[:, bins].permute(1, 2, 0).to(torch.complex128) / scale
        for _ in range(iterations):
            y = _step(y, x, eps)
        refined[:, :, bins] = (scale * y).permute(0, 3, 1, 2).to(estimates.dtype)
    return refined


def _step(y: torch.Tensor, x: torch.Tensor, eps: float) -> torch.Tensor:
    """Return the conditional means of the sources ``(n_sources, n_bins, n_frames, n_channels)``."""
    v = y.abs().square().mean(dim=-1)  # (n_sources, n_bins, n_frames)
    R = torch.einsum("jftc,jftd->jfcd", y, y.conj()) / (eps + v.sum(dim=-1))[..., None, None]
    covariance = torch.einsum("jft,jfcd->ftcd", v.to(R.dtype), R)
    covariance += eps**0.5 * torch.eye(x.shape[-1], dtype=R.dtype, device=R.device)
    # The inverse is applied to the mixture first: one vector a point instead of a matrix a source.
    whitened = _solve(covariance, x)  # (n_bins, n_frames, n_channels)
    return torch.as_tensor(v[..., None] * torch.einsum("jfcd,ftd->jftc", R, whitened))


def _solve(covariance: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return ``covariance ** -1 @ x`` for Hermitian matrices in the last two axes."""
    if x.shape[-1] == 1:
        return x / covariance[..., 0]
    if x.shape[-1] == 2:  # Cramer's rule is many times faster than a general solver for so small a matrix
        a, b = covariance[..., 0, 0].real, covariance[..., 0, 1]
        d = covariance[..., 1, 1].real
        determinant = a * d - b.abs().square()
        left, right = x[..., 0], x[..., 1]
        return torch.stack([d * left - b * right, a * right - b.conj() * left], -1) / determinant[..., None]
    return torch.as_tensor(torch.linalg.solve(covariance, x[..., None])[..., 0])


def ideal_binary_mask(target: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """Return 1 where the target is louder than everything else together, else 0.

    Parameters
    ----------
    target, rest : Tensor of the same shape
        Complex spectra of the target and of the mixture without it.

    Returns
    -------
    Tensor
        Real, of the same shape.

    Examples
    --------
    >>> ideal_binary_mask(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 1.0])).tolist()
    [1.0, 0.0]
    """
    return (target.abs() > rest.abs()).to(target.real.dtype)


def ideal_ratio_mask(target: torch.Tensor, rest: torch.Tensor, *, power: float = 2.0) -> torch.Tensor:
    """Return the target's share of the sum of magnitudes to a power.

    Parameters
    ----------
    target, rest : Tensor of the same shape
        Complex spectra of the target and of the mixture without it.
    power : float
        1 for magnitudes, 2 for energies (a Wiener filter).

    Returns
    -------
    Tensor
        Real, in [0, 1], of the same shape; 0 where both are silent.

    Examples
    --------
    >>> ideal_ratio_mask(torch.tensor([3.0]), torch.tensor([1.0])).tolist()
    [0.8999999761581421]
    """
    signal, noise = target.abs() ** power, rest.abs() ** power
    return signal / (signal + noise).clamp(min=torch.finfo(signal.dtype).tiny)

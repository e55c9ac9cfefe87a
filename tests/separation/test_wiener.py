"""Filters and ideal masks, against the published ones and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from separation.conftest import required

from mirkit.errors import ParameterError
from mirkit.separation.wiener import ideal_binary_mask, ideal_ratio_mask, wiener


def spectra(rng, n_sources, n_channels, n_bins=33, n_frames=24, scale=1.0):
    """Sources with directions and envelopes of their own, and their sum."""
    shape = (n_sources, n_channels, n_bins, n_frames)
    noise = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    noise = noise[:, :1] + 0.3 * noise  # most of a source is the same in all channels
    sources = scale * noise * rng.exponential(size=(n_sources, 1, n_bins, n_frames))
    sources *= rng.uniform(0.2, 1.0, (n_sources, n_channels, 1, 1))
    return torch.from_numpy(sources), torch.from_numpy(sources.sum(axis=0))


def from_magnitudes(sources, mixture):
    """What separation starts from: wrong magnitudes with the mixture's phase."""
    return 0.7 * sources.abs() * torch.exp(1j * mixture.angle()) + 0.1 * mixture


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("iterations", [1, 2])
def test_filter_is_norberts(rng, n_channels, iterations):
    norbert = required("norbert")
    sources, mixture = spectra(rng, 3, n_channels, scale=40.0)  # beyond 10: the scaling counts
    start = from_magnitudes(sources, mixture)
    ours = wiener(start, mixture, iterations=iterations)
    x = mixture.permute(2, 1, 0).numpy()
    y = start.permute(3, 2, 1, 0).numpy().copy()
    scale = max(1.0, np.abs(x).max() / 10.0)
    theirs = scale * norbert.expectation_maximization(y / scale, x / scale, iterations, eps=1e-10)[0]
    # Both in double precision: what differs is the order of the sums.
    np.testing.assert_allclose(ours.permute(3, 2, 1, 0).numpy(), theirs, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("n_channels", [1, 2])
def test_filter_is_openunmixs(rng, openunmix, n_channels):
    sources, mixture = spectra(rng, 3, n_channels)
    magnitudes = 0.8 * sources.abs()
    theirs = openunmix.filtering.wiener(
        magnitudes.permute(3, 2, 1, 0),
        torch.view_as_real(mixture.permute(2, 1, 0)),
        iterations=1,
        residual=True,
    )
    start = magnitudes * torch.exp(1j * mixture.angle())
    start = torch.cat([start, (mixture - start.sum(dim=0))[None]])
    ours = wiener(start, mixture)
    back = torch.view_as_complex(theirs.permute(4, 2, 1, 0, 3).contiguous())
    # Theirs takes the phase through an arctangent of its own, in single steps of 1e-7.
    torch.testing.assert_close(ours, back, rtol=0, atol=1e-6 * mixture.abs().max().item())


def test_filtered_sources_sum_to_the_mixture_and_come_nearer_to_the_truth(rng):
    sources, mixture = spectra(rng, 3, 2, n_frames=300)
    start = sources.abs() * torch.exp(1j * mixture.angle())
    found = wiener(start, mixture)
    # What the regularisation takes out of the faintest points.
    missing = (found.sum(dim=0) - mixture).abs().square().sum() / mixture.abs().square().sum()
    assert missing < 1e-6
    before, after = ((x - sources).abs().square().sum().item() for x in (start, found))
    assert after < 0.7 * before


def test_frequencies_are_independent_and_the_estimates_are_kept(rng):
    sources, mixture = spectra(rng, 2, 2, n_bins=600, scale=0.1)  # more than are taken at a time
    start = from_magnitudes(sources, mixture)
    kept = start.clone()
    whole = wiener(start, mixture)
    part = wiener(start[:, :, 300:400], mixture[:, 300:400])
    torch.testing.assert_close(whole[:, :, 300:400], part, rtol=1e-6, atol=1e-9)
    assert torch.equal(start, kept)
    assert wiener(start, mixture, iterations=0) is start


def test_silence_stays_silence():
    nothing = torch.zeros(3, 2, 5, 7, dtype=torch.complex64)
    assert torch.equal(wiener(nothing, nothing[0]), nothing)


def test_wrong_shapes_are_refused():
    x = torch.zeros(2, 5, 7, dtype=torch.complex64)
    with pytest.raises(ParameterError, match="like the mixture"):
        wiener(x, x)
    with pytest.raises(ParameterError, match="iterations must be 0 or more"):
        wiener(x[None], x, iterations=-1)


def test_ideal_masks_by_their_definition(rng):
    sources, mixture = spectra(rng, 2, 1)
    target, rest = sources[0], mixture - sources[0]
    binary = ideal_binary_mask(target, rest)
    assert set(binary.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(binary, (target.abs() / (target.abs() + rest.abs()) > 0.5).double())
    ratio = ideal_ratio_mask(target, rest)
    torch.testing.assert_close(ratio + ideal_ratio_mask(rest, target), torch.ones_like(ratio))
    torch.testing.assert_close(
        ideal_ratio_mask(target, rest, power=1), target.abs() / (target.abs() + rest.abs())
    )
    assert ideal_ratio_mask(0 * target, 0 * rest).abs().max() == 0

"""The network on bands of frequency."""

from __future__ import annotations

import pytest
import torch
from separation.conftest import untrained

from mirkit.errors import ParameterError
from mirkit.separation import Config
from mirkit.separation.banded import BandedUNet
from mirkit.separation.config import BandedConfig, FeatureConfig


@pytest.fixture
def banded(tiny) -> Config:
    return tiny.replace(network="banded", shared=True)


def spectra(n_frames: int = 30, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 2, 129, n_frames, generator=generator)


@torch.inference_mode()
def test_masks_and_logits_for_each_target_channel_and_frame(banded):
    network = untrained(banded).parts[0].network
    masks, logits = network(spectra(batch=3))
    assert masks.shape == (3, 2, 2, 129, 30)
    assert logits.shape == (3, 2, 30)


@torch.inference_mode()
def test_masks_share_the_mixture(banded):
    masks, _ = untrained(banded).parts[0].network(spectra())
    assert masks.min() >= 0
    assert masks.sum(dim=1).max() <= 1 + 1e-6
    assert masks.std() > 1e-3


@torch.inference_mode()
def test_each_channel_has_masks_of_its_own(banded):
    masks, _ = untrained(banded).parts[0].network(spectra())
    assert (masks[:, :, 0] - masks[:, :, 1]).abs().max() > 1e-3


@torch.inference_mode()
def test_above_the_bandwidth_masks_go_on_as_below_it(banded):
    masks, _ = untrained(banded).parts[0].network(spectra())
    n = banded.features.n_input_bins
    above = masks[:, :, :, n:]
    assert above.shape[3] == 129 - n
    torch.testing.assert_close(above, masks[:, :, :, n - 8 : n].mean(dim=3, keepdim=True).expand_as(above))


def test_items_of_a_batch_do_not_see_each_other(banded):
    network = untrained(banded).parts[0].network
    x = (1 + spectra(batch=2)).requires_grad_()
    masks, logits = network(x)
    (masks[0].sum() + logits[0].sum()).backward()
    assert x.grad[0].abs().max() > 0
    assert x.grad[1].abs().max() == 0


def test_every_weight_has_a_part_in_the_result(banded):
    network = untrained(banded).parts[0].network.train()
    masks, logits = network(spectra(batch=2))
    (masks.square().sum() + logits.square().sum()).backward()
    idle = [
        name
        for name, weight in network.named_parameters()
        if weight.requires_grad and (weight.grad is None or weight.grad.abs().max() == 0)
    ]
    assert idle == []


@torch.inference_mode()
def test_a_bin_belongs_to_its_band(banded):
    """What changes in one bin reaches the masks of its own band first: splitting and joining agree."""
    network = untrained(banded).parts[0].network
    for name in ("encoders", "decoders"):  # neither convolutions nor dense layers nor the latent mix bands
        for block in getattr(network, name):
            block.first.weight.zero_()
            block.dense.up.weight.zero_()
    network.downs[0].weight.zero_()
    x = spectra(n_frames=1)
    changed = x.clone()
    changed[:, :, 14 + 2 * 5 + 1] *= 3  # the third band of the second region
    difference = (network(x)[0] - network(changed)[0]).abs().amax(dim=(0, 1, 2, 4))
    assert difference[24:29].min() > 0
    difference[24:29] = 0
    assert difference.max() < 1e-6


def test_bands_must_cover_the_bandwidth():
    with pytest.raises(ParameterError, match="regions must cover the 1487 bins"):
        BandedUNet(BandedConfig(regions=((96, 1),)), FeatureConfig(), ("a",))


def test_bands_must_be_halved():
    with pytest.raises(ParameterError, match="cannot be halved 3 times"):
        BandedUNet(BandedConfig(regions=((81, 1), (40, 3), (40, 8), (32, 31))), FeatureConfig(), ("a",))


def test_size_of_the_bundled_models_preset():
    network = untrained(Config.from_toml("banded-large")).parts[0].network
    n = sum(tensor.numel() for tensor in network.state_dict().values())
    assert 4 * n < 25e6


@torch.inference_mode()
def test_open_unmix_may_share_its_trunk(tiny):
    network = untrained(tiny.replace(network="umx", shared=True)).parts[0].network
    masks, logits = network(spectra())
    assert masks.shape == (1, 2, 2, 129, 30)
    assert logits is None
    assert (masks[:, 0] - masks[:, 1]).abs().max() > 1e-3


@torch.inference_mode()
def test_the_form_for_use_computes_the_same(banded):
    network = untrained(banded).parts[0].network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    masks, logits = network(spectra())
    fused_masks, fused_logits = network.fused()(spectra())
    torch.testing.assert_close(fused_masks, masks, atol=1e-5, rtol=0)
    torch.testing.assert_close(fused_logits, logits, atol=1e-5, rtol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())

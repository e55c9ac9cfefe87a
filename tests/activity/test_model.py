"""The network and its checkpoint."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.utils.flop_counter

from mirkit.activity import Config, Model
from mirkit.activity.model import build, fused
from mirkit.activity.training import masked_bce
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError, ParameterError

SMALL = Config.from_dict(
    {
        "fc": {"hidden": [32, 16]},
        "cnn": {"channels": [4, 8]},
        "crnn": {"channels": [4, 8], "n_time_pools": 1, "hidden": 6},
        "features": {"n_mels": 16},
    }
)
NETWORKS = ("fc", "cnn", "crnn")


def make_model(network: str) -> Model:
    torch.manual_seed(0)
    config = SMALL.replace(network=network)
    return Model(build(config, 3).eval(), config, ("a", "b", "c"), thresholds={"a": 0.4, "b": 0.5, "c": 0.6})


@pytest.fixture
def model() -> Model:
    return make_model("cnn")


@pytest.mark.parametrize("network", NETWORKS)
def test_saved_and_loaded_models_agree(network, tmp_path):
    model = make_model(network)
    patches = torch.randn(5, 16, 44)
    model.checkpoint().save(tmp_path / "m")
    back = Model.from_checkpoint(Checkpoint.load(tmp_path / "m", task="activity"))
    torch.testing.assert_close(back.network(patches), model.network(patches), rtol=0, atol=0)
    assert (back.labels, back.config, back.thresholds) == (model.labels, model.config, model.thresholds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("head.bias"), "weights are missing: head.bias"),
        (lambda arrays: arrays.update(extra=np.zeros(1, np.float32)), "weights are left over: extra"),
        (
            lambda arrays: arrays.update({"head.bias": np.zeros(4, np.float32)}),
            r"head.bias has shape \(4,\), wanted \(3,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(model, change, message):
    checkpoint = model.checkpoint()
    arrays = dict(checkpoint.arrays)
    change(arrays)
    with pytest.raises(CheckpointError, match=message):
        Model.from_checkpoint(dataclasses.replace(checkpoint, arrays=arrays))


@pytest.mark.parametrize("network", NETWORKS)
def test_no_gradient_crosses_the_batch(network):
    patches = torch.randn(4, 16, 44, requires_grad=True)
    make_model(network).network(patches)[1].sum().backward()
    touched = patches.grad.abs().amax(dim=(1, 2)) > 0
    assert touched.tolist() == [False, True, False, False]


def test_unknown_labels_give_no_gradient():
    logits = torch.zeros(2, 2, requires_grad=True)
    masked_bce(logits, torch.tensor([[1.0, torch.nan], [torch.nan, 0.0]])).backward()
    assert (logits.grad == 0).tolist() == [[False, True], [True, False]]
    everything_unknown = masked_bce(torch.zeros(1, 2), torch.full((1, 2), torch.nan))
    assert everything_unknown.item() == 0.0


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_can_learn_one_batch_by_heart(name):
    torch.manual_seed(0)
    network = build(SMALL.replace(network=name), 3)
    patches, labels = torch.randn(12, 16, 87), (torch.rand(12, 3, 2) > 0.5).float()  # two seconds
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        loss = masked_bce(network(patches), labels)
        loss.backward()
        optimizer.step()
    assert ((network.eval()(patches) > 0) == (labels > 0.5)).float().mean() > 0.95


@pytest.mark.parametrize("network", NETWORKS)
def test_fused_networks_say_the_same(network):
    torch.manual_seed(1)
    built = build(SMALL.replace(network=network), 3)
    built(3 * torch.randn(64, 16, 44) + 1)  # statistics that are not those of a fresh normalisation
    patches = torch.randn(5, 16, 44)
    joined = fused(built)
    kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    assert not any(isinstance(part, kinds) for part in joined.modules())
    assert any(isinstance(part, kinds) for part in built.modules())  # the original is left alone
    # Rounding of single precision through a few layers.
    torch.testing.assert_close(joined(patches), built.eval()(patches), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_time_pools", "n_steps"), [(0, 44), (1, 22), (2, 11)])
def test_the_recurrent_layer_sees_time_as_the_settings_say(n_time_pools, n_steps):
    settings = {"channels": [4, 4, 4], "n_time_pools": n_time_pools, "hidden": 6}
    network = build(Config.from_dict({"network": "crnn", "crnn": settings}), 3)
    seen = []
    network.recurrent.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    network(torch.zeros(2, 96, 44))
    assert seen == [(2, n_steps, 8)]


def test_the_recurrent_network_hears_order_and_the_fully_connected_one_place():
    patches = torch.randn(1, 16, 44)
    backwards = patches.flip(2)
    for name in ("fc", "crnn"):
        network = make_model(name).network
        assert not torch.allclose(network(patches), network(backwards), atol=1e-4)


def test_only_the_recurrent_network_hears_other_seconds_too():
    patches = torch.randn(1, 16, 1 + 6 * 22050 // 512)
    changed = patches.clone()
    changed[..., :43] = torch.randn(1, 16, 43)  # the first second
    differ = {}
    for name in NETWORKS:
        network = make_model(name).network
        differ[name] = (network(patches) - network(changed)).abs().amax(dim=(0, 1)) > 0
        assert differ[name][0]
    assert not differ["fc"][1:].any()
    assert not differ["cnn"][2:].any()  # kernels reach into the next second, not further
    assert differ["crnn"][:3].all()  # an untrained one forgets after that


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("cnn", {"channels": [4] * 5}),
        ("crnn", {"channels": [4] * 2, "n_time_pools": 6}),
        ("cnn", {"channels": []}),
    ],
)
def test_networks_that_do_not_fit_the_patches_are_refused(network, settings):
    config = Config.from_dict({"network": network, network: settings, "features": {"n_mels": 16}})
    with pytest.raises(ParameterError, match=f"{network}: .* patches of 16 mels by 44 frames"):
        build(config, 3)


def test_the_recurrent_network_costs_at_most_half_as_much_again_as_the_convolutional_one():
    counts = {}
    for name in ("cnn", "crnn"):
        network = build(Config(network=name), 18).eval()
        with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 96, 44))
        counts[name] = counter.get_total_flops()
    assert counts["crnn"] < 1.5 * counts["cnn"]


@pytest.mark.parametrize(
    "name",
    ["default", "bundled-cnn", "bundled-crnn", "bundled-crnn-solo", "paper-fc", "paper-cnn", "paper-crnn"],
)
def test_presets_build(name):
    config = Config.from_toml(name)
    assert name.startswith(("default", "bundled")) or name == f"paper-{config.network}"
    shape = (2, config.features.n_mels, config.features.n_frames)
    assert build(config, 18).eval()(torch.zeros(shape)).shape == (2, 18, config.features.n_steps)


def test_a_window_is_a_whole_number_of_labels():
    with pytest.raises(ParameterError, match=r"window_s must be a multiple of label_s, got 2.5 and 1.0 s"):
        Config.from_dict({"features": {"window_s": 2.5}})


def test_the_papers_presets_differ_in_the_network_alone():
    one, other, third = (Config.from_toml(f"paper-{name}") for name in NETWORKS)
    assert one.replace(network="cnn") == other == third.replace(network="cnn")

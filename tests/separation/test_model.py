"""The residual U-Net, its settings and its checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from separation.conftest import untrained
from torch.nn import functional

from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError, ParameterError
from mirkit.separation import Config, Model
from mirkit.separation.config import FeatureConfig, IASSConfig, InferenceConfig
from mirkit.separation.model import IASS, _rectified, build


def n_parameters(module):
    return sum(weight.numel() for weight in module.parameters())


def test_published_network_layer_by_layer():
    network = IASS(IASSConfig(), FeatureConfig(), ("vocals",))
    encoder = n_parameters(network.encoders) + n_parameters(network.skips)
    assert (encoder, n_parameters(network.decoders)) == (75_984, 66_577)
    assert (n_parameters(network.classifier), n_parameters(network.last)) == (7_137, 3_048_912)
    assert n_parameters(network) == 3_205_682
    without = IASS(IASSConfig(classifier=False), FeatureConfig(), ("vocals",))
    assert n_parameters(without) == 3_205_682 - 7_137


def test_published_sizes_between_the_layers():
    network = IASS(IASSConfig(), FeatureConfig(), ("vocals",)).eval()
    sizes = []
    for encoder in network.encoders:
        encoder.register_forward_hook(lambda _, given, out: sizes.append((given[0].shape[2], out.shape[2])))
    for layer in network.classifier:
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda *hooked: sizes.append(hooked[2].shape[2]))
    with torch.inference_mode():
        masks, logits = network(torch.rand(1, 1, 2049, 3))
    assert sizes == [(1487, 495), (495, 165), (165, 55), 18, 6, 2, 1]
    assert (masks.shape, logits.shape) == ((1, 1, 1, 2049, 3), (1, 1, 3))


def described(state, x, sizes=(1487, 495, 165)):
    """Return mask and logits as the published layer table has them, written out a second time."""

    def norm(name, y):
        mean, variance = (state[f"{name}.running_{kind}"][:, None, None] for kind in ("mean", "var"))
        weight, bias = (state[f"{name}.{kind}"][:, None, None] for kind in ("weight", "bias"))
        return (y - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    def layer(function, name, y, **options):
        return function(y, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    conv, up = functional.conv2d, functional.conv_transpose2d
    whole, x = x, (x[:, :, :1487] + state["input_mean"][:, None]) * state["input_scale"][:, None]
    outputs = []
    for k in range(3):
        y = functional.leaky_relu(
            norm(f"encoders.{k}.first_norm", layer(conv, f"encoders.{k}.first", x, padding=1))
        )
        y = functional.leaky_relu(
            norm(f"encoders.{k}.second_norm", layer(conv, f"encoders.{k}.second", y, padding=1))
        )
        y = y + layer(conv, f"encoders.{k}.residual", x)
        x = layer(conv, f"encoders.{k}.down", y, stride=(3, 1))
        outputs.append(x)
    z = x
    for k in (0, 2, 4):
        z = norm(f"classifier.{k + 1}", layer(conv, f"classifier.{k}", z, stride=(3, 1)))
    z = layer(conv, "classifier.6", z, stride=(2, 1))
    for k in (2, 1, 0):
        missing = sizes[k] - 3 * x.shape[2]
        x = layer(up, f"decoders.{k}.up", x, stride=(3, 1), output_padding=(missing, 0))
        if k:
            x = torch.cat([x, layer(conv, f"skips.{k - 1}", outputs[k - 1], padding=1)], 1)
        x = norm(
            f"decoders.{k}.first_norm", functional.leaky_relu(layer(up, f"decoders.{k}.first", x, padding=1))
        )
        x = layer(up, f"decoders.{k}.second", x, padding=1)
        if k:
            x = norm(f"decoders.{k}.second_norm", functional.leaky_relu(x))
    x = layer(functional.linear, "last", x.transpose(2, 3)) * state["output_scale"] + state["output_mean"]
    assert x.transpose(2, 3).shape == whole.shape
    return torch.relu(x.transpose(2, 3)), z[:, :, 0]


def test_the_network_is_wired_as_described():
    network = untrained(Config(targets=("vocals",))).parts[0].network
    with torch.inference_mode():
        for name in ("input_mean", "input_scale", "output_scale", "output_mean"):
            torch.nn.init.uniform_(getattr(network, name), 0.5, 1.5)
        x = torch.rand(2, 1, 2049, 6)
        masks, logits = network(x)
        expected_masks, expected_logits = described(network.state_dict(), x)
    # The same operations in single precision; sums may be ordered differently.
    torch.testing.assert_close(masks[:, 0], expected_masks, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits, expected_logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("classifier", [False, True])
def test_a_model_has_a_mask_for_each_target(tiny, shared, classifier):
    model = untrained(tiny.replace(shared=shared, iass=IASSConfig((4, 6), classifier, (4, 4))))
    assert len(model.parts) == (1 if shared else 2)
    n_targets = 0
    for part in model.parts:
        masks, logits = part.network(torch.rand(1, 1, 129, 7))
        assert masks.shape == (1, len(part.targets), 1, 129, 7)
        assert (masks >= 0).all()
        assert (logits is not None) == classifier
        n_targets += masks.shape[1]
    assert n_targets == 2


@pytest.mark.parametrize("network", ["iass", "umx"])
def test_examples_of_a_batch_do_not_touch_one_another(tiny, network):
    config = tiny.replace(network=network)
    net = build(config, ("piano",)).eval()
    x = torch.rand(3, config.n_channels, 129, 12, requires_grad=True)
    masks, logits = net(x)
    (masks[1].sum() + (0 if logits is None else logits[1].sum())).backward()
    touched = x.grad.abs().sum(dim=(1, 2, 3)) > 0
    assert touched.tolist() == [False, True, False]


@pytest.mark.parametrize("shared", [False, True])
def test_saved_and_loaded_models_agree(tiny, tmp_path, shared):
    model = untrained(tiny.replace(shared=shared))
    model.checkpoint().save(tmp_path / "m")
    back = Model.from_checkpoint(Checkpoint.load(tmp_path / "m", task="separation"))
    x = torch.rand(1, 1, 129, 9)
    for a, b in zip(model.parts, back.parts, strict=True):
        assert a.targets == b.targets
        for one, other in zip(a.network(x), b.network(x), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert back.config == model.config


def test_targets_named_like_parts_of_a_container_are_no_trouble(tiny, tmp_path):
    config = tiny.replace(targets=("keys", "pop", "forward"))
    untrained(config).checkpoint().save(tmp_path / "m")
    back = Model.from_checkpoint(Checkpoint.load(tmp_path / "m"))
    assert [part.name for part in back.parts] == ["keys", "pop", "forward"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("piano/last.bias"), "weights are missing: piano/last.bias"),
        (lambda a: a.update({"drums/x": np.zeros(1, np.float32)}), "weights are left over: drums/x"),
        (
            lambda a: a.update({"piano/last.bias": np.zeros(2, np.float32)}),
            r"piano/last.bias has shape \(2,\)",
        ),
    ],
)
def test_other_weights_are_refused_by_name(model, change, message):
    kept = model.checkpoint()
    arrays = dict(kept.arrays)
    change(arrays)
    changed = Checkpoint(**{name: getattr(kept, name) for name in kept.__slots__} | {"arrays": arrays})
    with pytest.raises(CheckpointError, match=message):
        Model.from_checkpoint(changed)


def test_only_the_networks_that_targets_need(tiny):
    model = untrained(tiny)
    assert [part.name for part in model.parts_for(["piano"])] == ["piano"]
    assert model.parts_for(None) == model.parts
    shared = untrained(tiny.replace(shared=True))
    assert [part.name for part in shared.parts_for(["piano"])] == ["shared"]
    with pytest.raises(ParameterError, match="unknown target 'kazoo'; unnamed knows vocals, piano"):
        model.parts_for(["vocals", "kazoo"])
    with pytest.raises(ParameterError, match="at least one of vocals, piano"):
        model.parts_for([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": []}, "at least one stem"),
        ({"targets": ["a", "a"]}, "each once"),
        ({"features": {"hop_length": 1000}}, "multiple of twice hop_length"),
        ({"inference": {"gate_filter_frames": 20}}, "must be odd"),
        ({"inference": {"gate_threshold": 1.0}}, "between 0 and 1"),
        ({"inference": {"wiener_iterations": 1, "segment_frames": 310}}, "multiple of wiener_frames"),
        ({"inference": {"segment_frames": 0}}, "segment_frames must be 1"),
        ({"inference": {"wiener_iterations": -1}}, "wiener_iterations must be 0"),
        ({"inference": {"gait": "hard"}}, "did you mean 'gate'"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        Config.from_dict(change)


def test_too_few_bins_are_refused():
    with pytest.raises(ParameterError, match="bins are too few for 3 encoders"):
        IASS(IASSConfig(), FeatureConfig(n_fft=64, hop_length=16), ("a",))


@pytest.mark.parametrize(
    "name", ["banded", "banded-large", "default", "iass-published", "iass-shared", "umx-shared", "umxhq"]
)
def test_presets_are_settings(name):
    config = Config.from_toml(name)
    assert config.inference == InferenceConfig() or name not in ("default", "iass-published")
    with pytest.raises(ParameterError, match="umx-shared, umxhq"):
        Config.from_toml("nothing")


@pytest.mark.parametrize("name", ["iass", "umx", "banded"])
@torch.inference_mode()
def test_masks_of_some_frames_are_those_of_all(tiny, name):
    network = untrained(tiny.replace(network=name)).parts[0].network.eval()
    magnitudes = torch.rand(2, tiny.replace(network=name).n_channels, tiny.features.n_bins, 9)
    masks, logits = network(magnitudes)
    some, same = network(magnitudes, slice(2, 6))
    torch.testing.assert_close(some, masks[..., 2:6])
    assert logits is same is None or torch.equal(logits, same)


def test_masks_that_are_closed_everywhere_open_again_in_training():
    features = FeatureConfig(sample_rate=8000, n_fft=512, hop_length=128, bandwidth_hz=4000.0)
    torch.manual_seed(0)
    network = IASS(IASSConfig(channels=(4, 8)), features, ("piano",))
    magnitudes = torch.rand(2, 1, features.n_bins, 12)
    with torch.no_grad():
        network.output_mean.fill_(-5.0)  # where an early, large step may take it
        assert not network(magnitudes)[0].any()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        masks, _ = network(magnitudes)
        error = ((masks[:, :, 0] - 0.5) ** 2).mean()
        error.backward()
        optimizer.step()
    assert error.item() < 0.05  # 0.25 while closed


def test_closed_masks_that_are_right_get_no_gradient():
    x = torch.tensor([-2.0, -1.0, 3.0], requires_grad=True)
    masks = _rectified(x)
    assert masks.tolist() == [0.0, 0.0, 3.0]
    masks.backward(torch.tensor([1.0, -1.0, 1.0]))
    assert x.grad.tolist() == [0.0, -1.0, 1.0]

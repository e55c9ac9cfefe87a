"""The network and its checkpoint."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from mirkit.activity import Config, Model
from mirkit.activity.model import build
from mirkit.activity.training import masked_bce
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError

SMALL = Config.from_dict({"cnn": {"channels": [4, 8]}, "features": {"n_mels": 16}})


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(build(SMALL, 3).eval(), SMALL, ("a", "b", "c"), thresholds={"a": 0.4, "b": 0.5, "c": 0.6})


def test_saved_and_loaded_models_agree(model, tmp_path):
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


def test_no_gradient_crosses_the_batch(model):
    patches = torch.randn(4, 16, 44, requires_grad=True)
    model.network(patches)[1].sum().backward()
    touched = patches.grad.abs().amax(dim=(1, 2)) > 0
    assert touched.tolist() == [False, True, False, False]


def test_unknown_labels_give_no_gradient():
    logits = torch.zeros(2, 2, requires_grad=True)
    masked_bce(logits, torch.tensor([[1.0, torch.nan], [torch.nan, 0.0]])).backward()
    assert (logits.grad == 0).tolist() == [[False, True], [True, False]]
    everything_unknown = masked_bce(torch.zeros(1, 2), torch.full((1, 2), torch.nan))
    assert everything_unknown.item() == 0.0


def test_the_network_can_learn_one_batch_by_heart():
    torch.manual_seed(0)
    network = build(SMALL, 3)
    patches, labels = torch.randn(12, 16, 44), (torch.rand(12, 3) > 0.5).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        loss = masked_bce(network(patches), labels)
        loss.backward()
        optimizer.step()
    assert ((network.eval()(patches) > 0) == (labels > 0.5)).float().mean() > 0.95

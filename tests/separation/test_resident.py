"""Excerpts made on the device that trains."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from separation.test_training import CONFIG, QUICK, make_dataset
from torch.utils.data import default_collate

from mirkit import separation
from mirkit.errors import ParameterError
from mirkit.separation import Config
from mirkit.separation.examples import Excerpts, prepare
from mirkit.separation.resident import Drawn, Resident

CHANGES = {"random_mix": 0.6, "level_db": 6.0, "speed": 0.2, "tilt_db": 6.0, "band_limit": 0.5, "mono": 0.3}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data"), 1)


def excerpts(dataset, folder, **training):
    config = Config.from_dict({**CONFIG.to_dict(), "training": {**QUICK, **training}})
    scenes, _ = prepare(dataset.items, config, folder)
    return Excerpts(scenes, config, ("piano",), seed=3)


@pytest.mark.parametrize(
    "training", [CHANGES, {}, {"speed": 0.3, "excerpt_s": 2.9}], ids=["all", "few", "long"]
)
def test_excerpts_are_those_that_worker_processes_would_make(dataset, tmp_path, training):
    expected = excerpts(dataset, tmp_path, **training)
    resident = Resident(expected)
    drawn = Drawn(expected, resident)
    keys = [(epoch, index) for epoch in range(3) for index in range(8)] + expected.fixed(3)
    found = resident(default_collate([drawn[key] for key in keys]))
    for k, key in enumerate(keys):
        for values, wanted in zip(found, expected[key], strict=True):
            np.testing.assert_allclose(values[k].numpy(), wanted, atol=2e-6, err_msg=str(key))
    assert found[0].abs().amax(dim=(1, 2)).min() > 0


def test_same_training_as_with_worker_processes(dataset, tmp_path):
    config = Config.from_dict(
        {**CONFIG.to_dict(), "training": {**QUICK, **CHANGES, "max_epochs": 2, "learning_rate": 1e-3}}
    )
    models = [
        separation.train(
            config,
            dataset,
            validation=dataset,
            seed=1,
            folder=tmp_path / str(resident),
            device="cpu",
            resident=resident,
        )
        for resident in (False, True)
    ]
    # Weights before a normalisation have no true gradient, and Adam makes steps of its rounding.
    losses = [model.scores["validation_loss"]["piano"] for model in models]
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)


def test_activity_that_follows_from_the_sound_is_refused(dataset, tmp_path):
    with pytest.raises(ParameterError, match="without --resident"):
        Resident(excerpts(dataset, tmp_path, truth="confidence"))


def test_batches_stay_what_they_were(dataset, tmp_path):
    expected = excerpts(dataset, tmp_path, **CHANGES)
    resident = Resident(expected)
    batch = default_collate([Drawn(expected, resident)[0, k] for k in range(4)])
    before = {name: values.clone() for name, values in batch.items()}
    first, second = resident(batch), resident(batch)
    assert all(torch.equal(values, batch[name]) for name, values in before.items())
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_parts_of_songs_without_the_target_are_there_to_be_mixed_in(dataset, tmp_path):
    expected = excerpts(dataset, tmp_path, random_mix=1.0, absent_share=0.0)
    assert len(expected.scenes) == 3
    assert len(expected.sources) == 4  # the song without a piano has a violin
    drawn = Drawn(expected, resident := Resident(expected))
    keys = [(0, index) for index in range(24)]
    found = resident(default_collate([drawn[key] for key in keys]))
    for k, key in enumerate(keys):
        np.testing.assert_allclose(found[0][k].numpy(), expected[key][0], atol=2e-6, err_msg=str(key))

"""Excerpts and training on a tiny data set made here."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit import Audio, Taxonomy, activity, write
from mirkit.activity import Config
from mirkit.activity.examples import Excerpts, prepare
from mirkit.data import open_dataset
from mirkit.errors import DatasetError

RATE = 8000
TINY = Config.from_dict(
    {
        "features": {"sample_rate": RATE, "n_fft": 512, "hop_length": 256, "n_mels": 24, "fmax_hz": 4000.0},
        "cnn": {"channels": [8, 16]},
        "training": {
            "batch_size": 16,
            "epoch_size": 256,
            "validation_size": 128,
            "max_epochs": 5,
            "solo_epochs": 1,
            "learning_rate": 0.01,
        },
    }
)


def make_dataset(folder, seed):
    """Write songs of a low hum (electric bass), a high tone (flute) and noise (drum set)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(6 * RATE) / RATE
    for k in range(4):
        gates = [np.repeat(rng.random(6) > 0.4, RATE) for _ in range(3)]
        gates[0][:RATE] = gates[1][RATE : 2 * RATE] = gates[2][2 * RATE : 3 * RATE] = True
        hum = sum(np.sin(2 * np.pi * 60 * rng.uniform(0.9, 1.1) * h * time_s) / h for h in range(1, 6))
        sounds = {
            "electric bass": 0.2 * hum,
            "flute": 0.2 * np.sin(2 * np.pi * rng.uniform(900, 1500) * time_s),
            "drum set": 0.1 * rng.standard_normal(len(time_s)),
        }
        song = folder / f"song{k}"
        song.mkdir(parents=True)
        for gate, (name, y) in zip(gates, sounds.items(), strict=True):
            write(song / f"{name}.wav", Audio((gate * y).astype(np.float32)[np.newaxis], RATE))
    return open_dataset(folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data"), 1)


@pytest.fixture(scope="module")
def scenes(dataset, tmp_path_factory):
    found, problems = prepare(dataset.items, TINY, tmp_path_factory.mktemp("cache"))
    assert problems == []
    return found


LABELS = Taxonomy.load("instruments18").labels


def test_an_excerpt_is_a_function_of_seed_epoch_and_index(scenes):
    first, again = (Excerpts(scenes, TINY, 18, seed=5) for _ in range(2))
    for key in [(0, 0), (3, 1), (3, 2)]:
        for ours, theirs in zip(first[key], again[key], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    other = Excerpts(scenes, TINY, 18, seed=6)
    assert not np.array_equal(first[3, 1][0], other[3, 1][0])
    assert not np.array_equal(first[3, 1][0], first[3, 2][0])
    assert not np.array_equal(first[3, 1][0], first[4, 1][0])


def test_labels_are_those_of_the_stems_that_sound(scenes):
    excerpts = Excerpts(scenes, TINY, 18, seed=0, augment=False)
    known = {LABELS.index(name) for name in ("electric bass", "flute", "drum set")}
    assert set(excerpts.present) == known
    solos = [excerpts[0, k][1] for k in range(60)]
    assert all(np.nansum(labels) <= 1 for labels in solos)
    assert {int(np.nanargmax(labels)) for labels in solos if np.nansum(labels)} == known
    assert max(np.nansum(excerpts[9, k][1]) for k in range(60)) > 1  # mixes after the solo epochs


def test_a_second_preparation_uses_the_cache(dataset, tmp_path, monkeypatch):
    prepare(dataset.items[:1], TINY, tmp_path)
    monkeypatch.setattr("mirkit.multitrack.Stem.audio", None)
    scenes, _ = prepare(dataset.items[:1], TINY, tmp_path)
    assert scenes[0].samples.shape == (3, 6 * RATE)


def test_unreadable_songs_are_left_out_and_named(tmp_path):
    broken = make_dataset(tmp_path / "data", 2)
    (tmp_path / "data" / "song1" / "flute.wav").write_text("no sound", encoding="utf-8")
    scenes, problems = prepare(broken.items, TINY, tmp_path / "cache")
    assert len(scenes) == 3
    assert len(problems) == 1
    assert "song1" in problems[0]
    with pytest.raises(DatasetError, match="no song could be used"):
        prepare(broken.items[1:2], TINY, tmp_path / "cache")


@pytest.fixture(scope="module")
def model(dataset, tmp_path_factory):
    return activity.train(TINY, dataset, validation=dataset, seed=3, folder=tmp_path_factory.mktemp("work"))


def test_training_learns_what_can_be_learnt(dataset, model):
    assert model.scores["validation_auc"] > 0.85
    truths = [song.activity(Taxonomy.load("instruments18")) for song in dataset.items]
    estimates = [activity.predict(model, song.mix()) for song in dataset.items]
    scores = activity.evaluate(truths, estimates, thresholds=model.thresholds)
    assert scores.summary["auc_macro"] > 0.85  # chance is 0.5
    assert scores.summary["n_undefined"] == 15


def test_same_seed_same_weights(dataset, model, tmp_path):
    again = activity.train(TINY, dataset, validation=dataset, seed=3, folder=tmp_path)
    for name, array in model.checkpoint().arrays.items():
        np.testing.assert_array_equal(again.checkpoint().arrays[name], array)
    other = activity.train(TINY, dataset, validation=dataset, seed=4, folder=tmp_path / "other")
    assert not np.array_equal(
        other.checkpoint().arrays["head.weight"], model.checkpoint().arrays["head.weight"]
    )


def test_resumed_training_ends_where_an_uninterrupted_one_does(dataset, model, tmp_path, monkeypatch):
    from lightning import Trainer

    plain = Trainer.__init__

    def stopped_early(self, **settings):
        plain(self, **{**settings, "max_epochs": 2})

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "__init__", stopped_early)
        activity.train(TINY, dataset, validation=dataset, seed=3, folder=tmp_path)
    resumed = activity.train(TINY, dataset, validation=dataset, seed=3, folder=tmp_path, resume=True)
    for name, array in model.checkpoint().arrays.items():
        np.testing.assert_array_equal(resumed.checkpoint().arrays[name], array)

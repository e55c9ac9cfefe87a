"""Excerpts and training on a tiny data set made here."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from mirkit import Taxonomy, activity
from mirkit.activity import features
from mirkit.activity.examples import Excerpts, prepare
from mirkit.activity.training import _shortened
from mirkit.data import TrackSet, open_dataset
from mirkit.errors import CheckpointError, DatasetError


@pytest.fixture(scope="module")
def dataset(make_songs, tmp_path_factory):
    return make_songs(tmp_path_factory.mktemp("data"), 1)


@pytest.fixture(scope="module")
def scenes(dataset, tiny, tmp_path_factory):
    found, problems = prepare(dataset.items, tiny, tmp_path_factory.mktemp("cache"))
    assert problems == []
    return found


LABELS = Taxonomy.load("instruments18").labels


def test_an_excerpt_is_a_function_of_seed_epoch_and_index(scenes, tiny):
    first, again = (Excerpts(scenes, tiny, 18, seed=5) for _ in range(2))
    for key in [(0, 0), (3, 1), (3, 2)]:
        for ours, theirs in zip(first[key], again[key], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    other = Excerpts(scenes, tiny, 18, seed=6)
    assert not np.array_equal(first[3, 1][0], other[3, 1][0])
    assert not np.array_equal(first[3, 1][0], first[3, 2][0])
    assert not np.array_equal(first[3, 1][0], first[4, 1][0])


def test_labels_are_those_of_the_stems_that_sound(scenes, tiny):
    excerpts = Excerpts(scenes, tiny, 18, seed=0, augment=False)
    known = {LABELS.index(name) for name in ("electric bass", "flute", "drum set")}
    assert set(excerpts.present) == known
    solos = [excerpts[0, k][1] for k in range(60)]
    assert all(np.nansum(labels) <= 1 for labels in solos)
    assert {int(np.nanargmax(labels)) for labels in solos if np.nansum(labels)} == known
    assert max(np.nansum(excerpts[9, k][1]) for k in range(60)) > 1  # mixes after the solo epochs


def test_each_second_of_a_long_window_has_labels_of_its_own(scenes, tiny):
    features = dataclasses.replace(tiny.features, window_s=3.0)
    excerpts = Excerpts(scenes, tiny.replace(features=features), 18, seed=0, augment=False)
    solos = [excerpts[0, k] for k in range(40)]
    assert {labels.shape for _, labels in solos} == {(18, 3)}
    for patch, labels in solos:
        step = (patch.shape[1] - 1) / 3
        heard = patch.max(axis=0) > patch.min() + 1e-3
        for k in range(3):
            share = heard[round(k * step) : round((k + 1) * step)].mean()
            if share > 0.3:  # truth holds a quarter of a second past the end of a sound
                assert np.nansum(labels[:, k]) == 1
            elif share == 0:
                assert np.nansum(labels[:, k]) == 0 or k == 0 or heard[: round(k * step)].any()
    assert any(0 < np.nansum(labels) < 3 for _, labels in solos)  # instruments come and go within windows


def test_some_batches_are_cut_to_fewer_steps_and_standardised_again(tiny):
    features = dataclasses.replace(tiny.features, window_s=3.0)
    config = tiny.replace(features=features)
    patches = torch.randn(4, features.n_mels, features.n_frames) * torch.linspace(0.1, 3, features.n_frames)
    labels = torch.arange(3).expand(4, 18, 3)
    lengths = set()
    for k in range(60):
        cut, kept = _shortened(patches, labels, config, np.random.default_rng(k))
        n_steps = kept.shape[-1]
        lengths.add(n_steps)
        expected = (
            features.n_frames if n_steps == 3 else 1 + n_steps * features.label_length // features.hop_length
        )
        assert cut.shape[-1] == expected
        assert kept[0, 0].tolist() == list(range(n_steps))
        if n_steps < 3:
            torch.testing.assert_close(cut.std(dim=(1, 2)), torch.ones(4))
    assert lengths == {1, 2, 3}


def test_a_second_preparation_uses_the_cache(dataset, tiny, tmp_path, monkeypatch):
    prepare(dataset.items[:1], tiny, tmp_path)
    monkeypatch.setattr("mirkit.multitrack.Stem.audio", None)
    scenes, _ = prepare(dataset.items[:1], tiny, tmp_path)
    assert scenes[0].samples.shape == (3, 48000)


def test_names_with_dots_do_not_share_a_cache(make_songs, tiny, tmp_path):
    make_songs(tmp_path / "songs", seed=3, n_songs=2)
    for k in range(2):
        (tmp_path / "songs" / f"song{k}").rename(tmp_path / "songs" / f"v.{k}")
    dataset = open_dataset(tmp_path / "songs")
    first, second = prepare(dataset.items, tiny, tmp_path / "cache")[0]
    assert not np.array_equal(first.samples, second.samples)


def test_unreadable_songs_are_left_out_and_named(make_songs, tiny, tmp_path):
    broken = make_songs(tmp_path / "data", 2)
    (tmp_path / "data" / "song1" / "flute.wav").write_text("no sound", encoding="utf-8")
    scenes, problems = prepare(broken.items, tiny, tmp_path / "cache")
    assert len(scenes) == 3
    assert len(problems) == 1
    assert "song1" in problems[0]
    with pytest.raises(DatasetError, match="no song could be used"):
        prepare(broken.items[1:2], tiny, tmp_path / "cache")


@pytest.fixture(scope="module")
def model(dataset, tiny, tmp_path_factory):
    return activity.train(tiny, dataset, validation=dataset, seed=3, folder=tmp_path_factory.mktemp("work"))


def test_training_learns_what_can_be_learnt(dataset, model):
    assert model.scores["validation_auc"] > 0.85
    truths = [song.activity(Taxonomy.load("instruments18")) for song in dataset.items]
    estimates = [activity.predict(model, song.mix()) for song in dataset.items]
    scores = activity.evaluate(truths, estimates, thresholds=model.thresholds)
    assert scores.summary["auc_macro"] > 0.85  # chance is 0.5
    assert scores.summary["n_undefined"] == 15


def test_another_seed_gives_other_weights(dataset, tiny, model, tmp_path):
    other = activity.train(tiny, dataset, validation=dataset, seed=4, folder=tmp_path)
    assert not np.array_equal(
        other.checkpoint().arrays["head.weight"], model.checkpoint().arrays["head.weight"]
    )


@pytest.mark.parametrize("network", ["fc", "cnn", "crnn"])
def test_interrupted_training_ends_where_an_uninterrupted_one_does(
    dataset, tiny, network, tmp_path, monkeypatch
):
    from lightning import Trainer

    training = dataclasses.replace(tiny.training, epoch_size=48, validation_size=48, max_epochs=3)
    config = tiny.replace(network=network, training=training)
    plain = Trainer.__init__

    def stopped_early(self, **settings):
        plain(self, **{**settings, "max_epochs": 1})

    def train(name, *, resume=False):
        return activity.train(
            config, dataset, validation=dataset, seed=3, folder=tmp_path / name, cache=tmp_path, resume=resume
        ).checkpoint()

    whole, again = train("whole"), train("again")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "__init__", stopped_early)
        first = train("parts")
    parts = train("parts", resume=True)
    assert any(not np.array_equal(first.arrays[name], array) for name, array in whole.arrays.items())
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
        np.testing.assert_array_equal(parts.arrays[name], array)


def test_validation_songs_that_cannot_tell_are_refused_before_training(dataset, tiny, tmp_path):
    one = tmp_path / "data" / "one" / "flute.wav"
    one.parent.mkdir(parents=True)
    shutil.copy(dataset.items[0].stems[2].path, one)
    with pytest.raises(DatasetError, match="no class is in some and not in others"):
        activity.train(tiny, dataset, validation=open_dataset(tmp_path / "data"), folder=tmp_path)


@pytest.mark.parametrize("augment", [True, False])
def test_the_settings_say_whether_training_excerpts_are_augmented(
    dataset, tiny, augment, tmp_path, monkeypatch
):
    made = []

    class Noted(Excerpts):
        def __init__(self, *arguments, augment, **settings):
            made.append(augment)
            super().__init__(*arguments, augment=augment, **settings)

    monkeypatch.setattr("mirkit.activity.training.Excerpts", Noted)
    training = dataclasses.replace(
        tiny.training, augment=augment, epoch_size=16, validation_size=32, max_epochs=1
    )
    activity.train(tiny.replace(training=training), dataset, validation=dataset, folder=tmp_path)
    assert sorted(made) == sorted([False, augment])  # never those of validation


def test_songs_are_heard_as_they_are_without_augmentation(scenes, tiny, monkeypatch):
    plain = dataclasses.replace(tiny.training, augment=False, solo_epochs=0, solo_share=0.0, guest_share=0.0)
    config = tiny.replace(training=plain)
    heard = []
    decibels = features.decibels
    monkeypatch.setattr(
        features, "decibels", lambda mix, settings: heard.append(mix) or decibels(mix, settings)
    )
    for augment, expected in ((False, True), (True, False)):
        Excerpts(scenes, config, 18, seed=0, augment=augment)[0, 0]
        window = heard.pop()
        songs = (scene.samples.astype(np.float32).sum(axis=0) for scene in scenes)
        starts = (np.lib.stride_tricks.sliding_window_view(song, len(window)) for song in songs)
        assert (
            any((np.abs(found[:, ::400] - window[::400]).max(axis=1) < 1e-5).any() for found in starts)
            == expected
        )


def without_fitting(monkeypatch):
    """Return a list that grows with each network that is trained; none is."""
    fitted = []
    monkeypatch.setattr("mirkit.activity.training.fit", lambda *_, resume, **__: fitted.append(resume) or 0.5)
    return fitted


def test_a_missing_stem_costs_its_song_and_not_the_training(dataset, tiny, tmp_path, monkeypatch):
    fitted = without_fitting(monkeypatch)
    first = dataset.items[0]
    gone = dataclasses.replace(first.stems[0], id="gone", path=first.stems[0].path.with_name("gone.wav"))
    broken = dataclasses.replace(first, id="broken", stems=(*first.stems, gone))
    songs = TrackSet(dataset.name, "folder", dataset.root, (*dataset.items, broken))
    model = activity.train(tiny, songs, validation=dataset, folder=tmp_path)
    assert [problem.partition(":")[0] for problem in model.scores["not_used"]] == ["broken"]
    whole = activity.train(tiny, dataset, validation=dataset, folder=tmp_path / "other")
    assert model.dataset == whole.dataset
    assert fitted == [False, False]


def test_only_the_same_training_is_resumed_and_a_fresh_one_leaves_nothing(
    dataset, tiny, tmp_path, monkeypatch
):
    without_fitting(monkeypatch)
    activity.train(tiny, dataset, validation=dataset, folder=tmp_path, seed=3, resume=True)
    fewer = TrackSet(dataset.name, "folder", dataset.root, dataset.items[:2])
    other = tiny.replace(network="fc")
    for config, songs, seed, named in (
        (tiny, dataset, 4, "seed"), (other, dataset, 3, "config"), (tiny, fewer, 3, "dataset")
    ):  # fmt: skip
        with pytest.raises(CheckpointError, match=f"other settings .not the same: {named}."):
            activity.train(config, songs, validation=dataset, folder=tmp_path, seed=seed, resume=True)
    for name in ("last.ckpt", "best.ckpt"):
        (tmp_path / name).touch()
    activity.train(tiny, dataset, validation=dataset, folder=tmp_path, seed=3, resume=True)
    assert (tmp_path / "last.ckpt").is_file()
    activity.train(other, dataset, validation=dataset, folder=tmp_path, seed=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "started.json"]

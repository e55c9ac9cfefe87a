"""Excerpts and training on a tiny data set made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from separation.conftest import TINY

from mirkit import Audio, separation, write
from mirkit.data import TrackSet, open_dataset
from mirkit.errors import CheckpointError, DatasetError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.separation import Config
from mirkit.separation.config import TrainingConfig
from mirkit.separation.examples import Excerpts, prepare
from mirkit.separation.losses import losses
from mirkit.separation.model import build
from mirkit.separation.targets import grouped, truth

ROOT = Path(__file__).parents[2]
RATE = 8000
QUICK = {
    "excerpt_s": 0.5,
    "excerpts_per_song": 8,
    "validation_excerpts": 4,
    "statistics_excerpts": 4,
    "batch_size": 8,
    "max_epochs": 4,
    "learning_rate": 0.02,
}
CONFIG = Config.from_dict({**TINY.to_dict(), "targets": ["piano"], "training": QUICK})


def make_dataset(folder, seed):
    """Write songs of a low hum that comes and goes (piano), and noise above it (violin)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(3 * RATE) / RATE
    for k in range(3):
        gate = np.repeat(rng.permutation([1, 1, 1, 0, 0, 0]), RATE // 2)
        hum = sum(np.sin(2 * np.pi * 110 * rng.uniform(0.8, 1.2) * h * time_s) for h in range(1, 5))
        hiss = np.diff(rng.standard_normal(len(time_s) + 1))
        song = folder / f"song{k}"
        song.mkdir(parents=True)
        write(song / "piano.wav", Audio((0.1 * gate * hum).astype(np.float32)[np.newaxis], RATE))
        write(song / "violin.wav", Audio((0.1 * hiss).astype(np.float32)[np.newaxis], RATE))
    rest = folder / "without"
    rest.mkdir()
    write(rest / "violin.wav", Audio((0.1 * hiss).astype(np.float32)[np.newaxis], RATE))
    return open_dataset(folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data"), 1)


@pytest.fixture(scope="module")
def scenes(dataset, tmp_path_factory):
    found, problems = prepare(dataset.items, CONFIG, tmp_path_factory.mktemp("cache"))
    assert problems == []
    return found


def excerpts(scenes, **changes):
    training = {**QUICK, **changes}
    return Excerpts(scenes, Config.from_dict({**CONFIG.to_dict(), "training": training}), ("piano",), seed=0)


def song(*instruments):
    return MultiTrack("song", "", tuple(Stem(str(k), name, f"{k}.wav") for k, name in enumerate(instruments)))


def test_stems_are_grouped_by_target_and_the_unclear_are_kept_apart():
    item = song("piano", "grand piano", "violin", "keys", ("piano", "violin"), "oboe", "kazoo")
    config = Config(targets=("piano", "bass"))
    found = grouped(item, config)
    assert {label: [stem.id for stem in stems] for label, stems in found.stems.items()} == {
        "piano": ["0", "1"],
        "other": ["2", "5"],
    }
    assert [stem.id for stem in found.unclear] == ["3", "4", "6"]
    assert found.doubtful == {"piano", "bass"}, "a kazoo may be any: no taxonomy knows it"


def test_other_as_a_target_is_everything_else_as_in_musdb():
    item = song("vocals", "drums", "bass", "other", "keys")
    found = grouped(item, Config.from_toml("umxhq"))
    assert {label: len(stems) for label, stems in found.stems.items()} == {
        "vocals": 1, "drums": 1, "bass": 1, "other": 2,
    }  # fmt: skip
    assert found.doubtful == set()


def test_truth_sums_to_the_mixture_and_leaves_out_what_is_doubtful(dataset, tmp_path):
    config = CONFIG.replace(targets=("piano", "bass"))
    item = dataset.items[0]
    found = truth(item, config)
    assert list(found.stems) == ["piano", "bass", "other"]
    assert np.abs(found.stems["bass"].samples).max() == 0
    np.testing.assert_allclose(found.mixture().samples, item.mix(RATE).samples, atol=1e-6)
    unclear = MultiTrack(item.id, "", (*item.stems, Stem("k", "keys", item.stems[0].path)))
    assert list(truth(unclear, config).stems) == ["bass", "other"]
    with pytest.raises(DatasetError, match="none of the targets is known"):
        truth(unclear, CONFIG)


def test_excerpts_are_a_function_of_seed_epoch_and_index(scenes):
    first, again = excerpts(scenes), excerpts(scenes)
    for one, other in zip(first[2, 7], again[2, 7], strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[2, 7][0], first[3, 7][0])
    assert not np.array_equal(first[2, 7][0], first[2, 8][0])


@pytest.mark.parametrize("truth_kind", ["level", "confidence"])
def test_activity_says_where_the_target_sounds(scenes, truth_kind):
    data = excerpts(scenes, truth=truth_kind, absent_share=0.0)
    agree = []
    for index in range(30):
        mixture, stems, activity = data[0, index]
        assert (mixture.shape, stems.shape) == ((2, 4000), (1, 2, 4000))
        assert activity.shape == (1, data.n_frames) == (1, 59)
        frames = np.lib.stride_tricks.sliding_window_view(stems[0, 0], 256)[::64]
        agree.append((np.abs(frames).max(axis=1) > 1e-3) == activity[0])
    # Either kind of truth has a flank of some tenths of a second: a hang-over or a low-pass.
    assert np.mean(agree) > 0.8


def test_the_target_is_absent_as_often_as_asked_for(scenes):
    never = [excerpts(scenes, absent_share=0.0, seek_active=1.0)[0, k][2].any() for k in range(40)]
    assert all(never)
    always = [excerpts(scenes, absent_share=1.0)[0, k] for k in range(40)]
    assert all(np.abs(mixture).max() > 0 and not stems.any() for mixture, stems, _ in always)
    assert len(excerpts(scenes, absent_share=0.0).scenes) == 3  # the song without a piano teaches nothing
    assert len(excerpts(scenes).scenes) == 4


def test_coherent_excerpts_are_stretches_of_one_song(dataset, scenes):
    data = excerpts(scenes, random_mix=0.0, gain_min=1.0, gain_max=1.0, channel_swap=0.0, absent_share=0.0)
    mixture = data[0, 3][0]
    mixes = [item.mix(RATE).samples[0] for item in dataset.items]
    best = max(np.correlate(mix, mixture[0], "valid").max() / (mixture[0] ** 2).sum() for mix in mixes)
    assert best == pytest.approx(1.0, abs=1e-3)  # of 16 bits
    mixed = excerpts(scenes, random_mix=1.0, gain_min=1.0, gain_max=1.0, absent_share=0.0, seek_active=1.0)
    found = [
        max(np.correlate(mix, mixed[0, k][0][0], "valid").max() for mix in mixes)
        / (mixed[0, k][0][0] ** 2).sum()
        for k in range(6)
    ]
    assert min(found) < 0.9


def test_fixed_excerpts_cover_the_songs_as_they_are(dataset, scenes):
    data = excerpts(scenes)
    keys = data.fixed(6)
    assert len(keys) == 4 * 6
    whole = np.concatenate([data[key][0] for key in keys if key[0] == -1], axis=1)
    np.testing.assert_allclose(whole[0], dataset.items[0].mix(RATE).samples[0], atol=1e-4)  # 16 bits


def test_no_song_with_the_target_is_an_error(scenes):
    with pytest.raises(DatasetError, match="no song holds vocals"):
        Excerpts(scenes, CONFIG, ("vocals",), seed=0)


@pytest.mark.parametrize("network", ["iass", "umx", "banded"])
def test_a_network_learns_one_batch_by_heart(scenes, network):
    torch.manual_seed(0)
    config = CONFIG.replace(network=network)
    data = excerpts(scenes, absent_share=0.0)
    batch = tuple(
        torch.from_numpy(np.stack(parts)) for parts in zip(*(data[0, k] for k in range(2)), strict=True)
    )
    net = build(config, ("piano",))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    first = None
    for _ in range(30):
        separated, active = losses(net, config, batch)
        loss = separated + active
        first = separated.item() if first is None else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert separated.item() < 0.1 * first
    assert network == "umx" or active.item() < 0.3


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    return separation.train(CONFIG, dataset, validation=dataset, folder=folder, seed=3, name="tiny"), folder


def test_training_separates_and_hears(dataset, trained):
    model, _ = trained
    reference = truth(dataset.items[0], CONFIG)
    mixture = reference.mixture()
    found = separation.predict(model, mixture)
    scores = separation.evaluate([reference], [found]).summary
    baseline = separation.evaluate([reference], [separation.bound(reference, "mixture")]).summary
    assert scores["sdr_global"]["piano"] > baseline["sdr_global"]["piano"] + 3
    assert scores["activity_auc"]["piano"] > 0.8
    assert model.scores["validation_loss"]["piano"] > 0
    assert model.dataset["n_songs"] == 4


def test_same_seed_same_weights_and_a_resumed_run_takes_what_is_done(dataset, trained, tmp_path):
    model, folder = trained
    again = separation.train(CONFIG, dataset, validation=dataset, folder=folder, seed=3, resume=True)
    for name, array in model.checkpoint().arrays.items():
        np.testing.assert_array_equal(again.checkpoint().arrays[name], array)
    other = CONFIG.replace(training=TrainingConfig(**{**QUICK, "learning_rate": 0.01}))
    with pytest.raises(CheckpointError, match="other settings"):
        separation.train(other, dataset, validation=dataset, folder=folder, seed=3, resume=True)


def test_an_interrupted_training_goes_on_to_the_same_weights(dataset, trained, tmp_path):
    model, _ = trained
    short = CONFIG.replace(training=TrainingConfig(**{**QUICK, "max_epochs": 2}))
    separation.train(short, dataset, validation=dataset, folder=tmp_path, seed=3)
    # As if the run had been killed after two epochs.
    started = tmp_path / "piano" / "started.json"
    content = json.loads(started.read_text())
    content["config"]["training"]["max_epochs"] = 4
    started.write_text(json.dumps(content))
    (tmp_path / "piano" / "model").rename(tmp_path / "gone")
    resumed = separation.train(CONFIG, dataset, validation=dataset, folder=tmp_path, seed=3, resume=True)
    for name, array in model.checkpoint().arrays.items():
        np.testing.assert_array_equal(resumed.checkpoint().arrays[name], array, err_msg=name)


def test_a_shared_network_is_trained_on_all_targets(dataset, tmp_path):
    config = Config.from_dict(
        {
            **CONFIG.to_dict(),
            "targets": ["piano", "other"],
            "shared": True,
            "training": {**QUICK, "max_epochs": 1},
        }
    )
    model = separation.train(config, dataset, validation=dataset, folder=tmp_path)
    assert [part.targets for part in model.parts] == [("piano", "other")]
    found = separation.predict(model, truth(dataset.items[0], CONFIG).mixture())
    assert list(found.stems) == ["piano", "other", "residual"]


CHANGED = {"speed": 0.2, "tilt_db": 6.0, "band_limit": 0.5, "mono": 0.5, "level_db": 9.0}


def test_changed_excerpts_are_a_function_of_their_key_and_stay_a_mixture(scenes):
    config = CONFIG.replace(training=TrainingConfig(**{**QUICK, **CHANGED}))
    excerpts = Excerpts(scenes, config, ("piano",), seed=5)
    plain = Excerpts(scenes, CONFIG, ("piano",), seed=5)
    for index in range(6):
        mixture, _, activity = excerpts[0, index]
        np.testing.assert_array_equal(mixture, excerpts[0, index][0])
        assert mixture.shape == plain[0, index][0].shape
        assert activity.shape == plain[0, index][2].shape
        assert not np.array_equal(mixture, plain[0, index][0])
    fixed = excerpts.fixed(1)[0]
    np.testing.assert_array_equal(excerpts[fixed][0], plain[fixed][0])


def test_activity_follows_the_speed(scenes):
    def agreement(speed):
        training = TrainingConfig(**{**QUICK, "excerpt_s": 2.0, "speed": speed, "absent_share": 0.0})
        excerpts = Excerpts(scenes, CONFIG.replace(training=training), ("piano",), seed=1)
        agreed = []
        for index in range(12):
            _, stems, activity = excerpts[0, index]
            frames = np.lib.stride_tricks.sliding_window_view(stems[0, 0], 256)[::64][: excerpts.n_frames]
            agreed.append((np.sqrt(np.square(frames).mean(axis=1)) > 0.01) == (activity[0] > 0.5))
        return np.mean(agreed)

    assert (
        agreement(0.5) > agreement(0.0) - 0.02
    )  # what is heard and what the labels hold on to differ a little


@pytest.mark.parametrize("network", ["iass", "banded"])
def test_training_may_start_from_a_model(dataset, tmp_path, network):
    config = CONFIG.replace(
        network=network,
        shared=True,
        training=TrainingConfig(**{**QUICK, "max_epochs": 1, "learning_rate": 0.0, "schedule": "cosine"}),
    )
    torch.manual_seed(9)
    start = separation.Model.untrained(config)
    model = separation.train(config, dataset, validation=dataset, folder=tmp_path, start=start, seed=1)
    kept = {name: array for name, array in start.checkpoint().arrays.items() if "running" not in name}
    for name, array in kept.items():
        if "num_batches" not in name:
            np.testing.assert_array_equal(model.checkpoint().arrays[name], array, err_msg=name)


def test_a_start_that_does_not_fit_is_refused(dataset, tmp_path):
    start = separation.Model.untrained(CONFIG.replace(targets=("vocals",)))
    with pytest.raises(CheckpointError, match="missing"):
        separation.train(CONFIG, dataset, validation=dataset, folder=tmp_path, start=start)


def test_phase_loss_is_least_for_the_mask_that_a_real_one_can_be(scenes):
    config = CONFIG.replace(training=TrainingConfig(**{**QUICK, "loss": "phase"}))
    generator = torch.Generator().manual_seed(0)
    stems = torch.randn(2, 1, 2, 4000, generator=generator)
    mixture = stems.sum(dim=1) + torch.randn(2, 2, 4000, generator=generator)
    activity = torch.zeros(2, 1, 59)

    def loss(scale):
        return losses(lambda magnitudes: (scale * torch.ones_like(magnitudes)[:, None], None), config, (
            mixture, stems, activity))[0].item()  # fmt: skip

    values = {scale: loss(scale) for scale in (0.0, 0.25, 0.5, 0.75, 1.0)}
    assert min(values, key=values.get) == 0.5  # two equal sources: half of the mixture is the best real mask
    louder = (4 * mixture, 4 * stems, activity)
    mask = lambda magnitudes: (0.3 * torch.ones_like(magnitudes)[:, None], None)  # noqa: E731
    assert losses(mask, config, louder)[0].item() == pytest.approx(loss(0.3), rel=1e-4)


@pytest.mark.parametrize("architecture", ["iass", "banded"])
def test_two_processes_learn_what_one_learns(architecture, tmp_path):
    make_dataset(tmp_path / "train", 1)
    make_dataset(tmp_path / "valid", 2)
    training = {**QUICK, "learning_rate": 0.005, "max_epochs": 12}
    settings = {**CONFIG.to_dict(), "network": architecture, "training": training}
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    script = str(Path(__file__).with_name("two_processes.py"))
    distributed = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    found = []
    for n_processes, launcher in ((1, []), (2, distributed)):
        out = tmp_path / f"{n_processes}.pt"
        arguments = [str(tmp_path), str(8 // n_processes), str(n_processes), str(out)]
        done = subprocess.run(
            [sys.executable, *launcher, script, *arguments],
            env=environment, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(torch.load(out, weights_only=True))  # noqa: TID251  # our own file
    one, two = found
    assert set(one["gradients"]) == set(two["gradients"])
    largest = max(float(gradient.abs().max()) for gradient in one["gradients"].values())
    for name, gradient in one["gradients"].items():
        torch.testing.assert_close(two["gradients"][name], gradient, rtol=0, atol=1e-5 * largest, msg=name)
    assert two["loss"]["piano"] == pytest.approx(one["loss"]["piano"], rel=0.05)


def with_one_missing(dataset):
    """Return the songs with one more, of whose stems one has gone."""
    first = dataset.items[0]
    gone = Stem("gone", "violin", first.stems[0].path.with_name("gone.wav"))
    items = (*dataset.items, MultiTrack("broken", "", (first.stems[0], gone)))
    return TrackSet(dataset.name, "folder", dataset.root, items)


def without_fitting(monkeypatch):
    """Return a list that grows with each network that is trained; none is."""
    fitted = []
    monkeypatch.setattr(
        "mirkit.separation.training._fitted", lambda part, *_, **__: fitted.append(part.name) or 0.5
    )
    return fitted


def test_a_missing_stem_costs_its_song_and_not_the_training(dataset, tmp_path, monkeypatch):
    without_fitting(monkeypatch)
    broken = with_one_missing(dataset)
    model = separation.train(CONFIG, broken, validation=dataset, folder=tmp_path)
    assert [problem.partition(":")[0] for problem in model.scores["not_used"]] == ["broken"]
    whole = separation.train(CONFIG, dataset, validation=dataset, folder=tmp_path / "other")
    assert model.dataset == whole.dataset  # those that were used are the same


def test_a_fresh_start_leaves_nothing_that_a_later_one_would_resume(dataset, tmp_path, monkeypatch):
    config = CONFIG.replace(targets=("piano", "other"))
    fitted = without_fitting(monkeypatch)
    separation.train(config, dataset, validation=dataset, folder=tmp_path, seed=3)
    for name in ("last.ckpt", "best.ckpt"):
        (tmp_path / "piano" / name).touch()
    assert fitted == ["piano", "other"]

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mirkit.separation.training._fitted", killed)
        with pytest.raises(KeyboardInterrupt):
            separation.train(config, dataset, validation=dataset, folder=tmp_path, seed=4)
    assert sorted(path.name for path in (tmp_path / "piano").iterdir()) == ["started.json"]
    separation.train(config, dataset, validation=dataset, folder=tmp_path, seed=4, resume=True)
    assert fitted == ["piano", "other"] * 2  # also the one whose turn had not come
    separation.train(config, dataset, validation=dataset, folder=tmp_path, seed=4, resume=True)
    assert fitted == ["piano", "other"] * 2


def test_other_songs_or_another_start_are_not_resumed(dataset, tmp_path, monkeypatch):
    without_fitting(monkeypatch)
    separation.train(CONFIG, dataset, validation=dataset, folder=tmp_path)
    fewer = TrackSet(dataset.name, "folder", dataset.root, dataset.items[:2])
    start = separation.Model.untrained(CONFIG)
    for songs, more, named in ((fewer, {}, "dataset"), (dataset, {"start": start}, "start")):
        with pytest.raises(CheckpointError, match=f"other settings .not the same: {named}."):
            separation.train(CONFIG, songs, validation=dataset, folder=tmp_path, resume=True, **more)

"""From pairs to a model and its answers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sampling.conftest import melody, planted, sound

from mirkit import checkpoint, sampling
from mirkit.annotation import Intervals
from mirkit.audio import Audio
from mirkit.errors import CheckpointError, DatasetError, ParameterError
from mirkit.sampling.config import Config, ForestConfig
from mirkit.sampling.examples import extract, labels
from mirkit.sampling.forest import Forest, fit
from mirkit.sampling.metrics import evaluate, matches, reliability
from mirkit.sampling.tables import open_pairs
from mirkit.sampling.training import fit_examples

CONFIG = Config(forest=ForestConfig(n_trees=30, n_folds=2))


@pytest.fixture(scope="module")
def pairs(pair_folder):
    return open_pairs(pair_folder)


@pytest.fixture(scope="module")
def model(pairs):
    return sampling.train(CONFIG, pairs, name="tiny", card="licence: none", seed=3)


def test_pairs_are_read_with_their_truth(pairs):
    assert len(pairs.items) == 4 * 4 + 2 * 2
    assert pairs.validate() == []
    assert set(pairs.splits) == {"train", "valid"}
    positive = [item for item in pairs.items if item.kind == "positive"]
    assert all(len(item.truth) == 2 for item in positive)
    assert all(not len(item.truth) for item in pairs.items if item.kind == "decoy")
    with pytest.raises(DatasetError, match="no part 'test'"):
        pairs.split("test")


def test_a_trained_model_tells_songs_apart(pairs, model):
    items = pairs.split("valid").items
    found = [sampling.predict(model, item.sample_audio(), item.song_audio()) for item in items]
    scores = sampling.evaluate([item.truth for item in items], found)
    assert scores.summary["song_f"] == 1.0
    assert scores.summary["place_f"] > 0.7
    assert scores.summary["song_auc"] == 1.0


def test_same_seed_same_model(pairs, model):
    again = sampling.train(CONFIG, pairs, name="tiny", card="licence: none", seed=3)
    for name, array in model.checkpoint().arrays.items():
        np.testing.assert_array_equal(again.checkpoint().arrays[name], array, err_msg=name)


def test_a_saved_model_answers_the_same(model, tmp_path):
    model.checkpoint().save(tmp_path / "kept")
    loaded = sampling.load(tmp_path / "kept")
    sample = melody(40, 2.0)
    song = planted(sample, [4.0], duration_s=10.0)
    first, second = (sampling.predict(one, sound(sample), song) for one in (model, loaded))
    assert first.to_json() == second.to_json()


def test_a_damaged_model_is_refused(model):
    kept = model.checkpoint()
    broken = {**kept.arrays, "forest.left": kept.arrays["forest.left"][:-1]}
    with pytest.raises(CheckpointError, match="no trees"):
        sampling.Model.from_checkpoint(replace(kept, arrays=broken))
    circle = kept.arrays["forest.left"].copy()
    circle[circle > 0] = 0
    with pytest.raises(CheckpointError, match="no trees"):
        sampling.Model.from_checkpoint(replace(kept, arrays={**kept.arrays, "forest.left": circle}))
    with pytest.raises(CheckpointError, match="other descriptors"):
        sampling.Model.from_checkpoint(replace(kept, labels=kept.labels[:-1]))


def test_without_truth_there_is_nothing_to_train_on(pairs):
    decoys = [item for item in pairs.items if item.kind == "decoy"][:3]
    examples, _ = extract(decoys, CONFIG)
    with pytest.raises(DatasetError, match="some must be and some not"):
        fit_examples(CONFIG, examples)


def test_labels_want_place_transposition_and_tempo(pairs):
    item = next(item for item in pairs.items if item.kind == "positive")
    examples, _ = extract([item], CONFIG)
    found, truth = examples[0].candidates, item.truth
    assert examples[0].y.sum() >= 2
    assert not labels(replace(found, pitch_shift_st=found.pitch_shift_st + 2), truth, tolerance_s=1.0).any()
    assert not labels(replace(found, tempo_ratio=found.tempo_ratio * 1.3), truth, tolerance_s=1.0).any()
    assert not labels(replace(found, times_s=found.times_s + 100), truth, tolerance_s=1.0).any()


def test_a_forest_of_arrays_predicts_as_scikit_learn_does():
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    y = X[:, 0] + 0.3 * rng.standard_normal(300) > 0
    own = fit(X, y, ForestConfig(n_trees=40, max_features=2, min_samples_leaf=1), seed=7)
    reference = RandomForestClassifier(40, max_features=2, random_state=7).fit(X.astype(np.float32), y)
    fresh = rng.standard_normal((200, 5))
    np.testing.assert_allclose(
        own.predict(fresh), reference.predict_proba(fresh.astype(np.float32))[:, 1], atol=1e-12
    )
    again = Forest.from_arrays(own.arrays(), 5)
    np.testing.assert_array_equal(again.predict(fresh), own.predict(fresh))


@pytest.mark.parametrize(
    ("sample", "song", "message"),
    [
        (melody(1, 8.0), melody(2, 4.0), "sample lasts 8.0 s and the song 4.0 s"),
        (np.zeros(44100), melody(2, 4.0), "silent"),
        (melody(1, 8.0)[:2000], melody(2, 4.0), "wanted at least"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(model, sample, song, message):
    with pytest.raises(ParameterError, match=message):
        sampling.predict(model, sound(sample), sound(song))


def test_a_sample_that_is_the_whole_song_is_found_at_its_beginning(model):
    song = melody(9, 6.0)
    found = sampling.predict(model, sound(song), sound(song))
    assert found.present
    assert found.intervals.times_s[0, 0] == pytest.approx(0.0, abs=0.2)


def test_rates_and_channels_may_differ(model):
    sample = melody(10, 2.0)
    song = planted(sample, [3.0], duration_s=9.0, gain=2.0)
    stereo = Audio(np.repeat(song.resample(48000).samples, 2, axis=0), 48000)
    found = sampling.predict(model, sound(sample).resample(16000), stereo)
    assert np.abs(found.intervals.times_s[:, 0] - 3.0).min() < 0.1


def detections(*starts_s: float, confidence: float = 1.0) -> sampling.Detections:
    times_s = np.array([[start_s, start_s + 1] for start_s in starts_s]).reshape(-1, 2)
    zeros = np.zeros(len(starts_s))
    return sampling.Detections(
        Intervals(times_s, ["s"] * len(starts_s), zeros + 0.9), zeros, zeros + 1, confidence
    )


def test_each_occurrence_is_found_once_and_copies_are_no_errors():
    assert matches(detections(2.0, 8.0), detections(2.1, 2.4, 5.0), tolerance_s=1.0) == (1, 1)
    assert matches(detections(), detections(1.0), tolerance_s=1.0) == (0, 1)
    assert matches(detections(1.0), detections(), tolerance_s=1.0) == (0, 0)
    # 2.0 could take either one: both occurrences are found
    assert matches(detections(1.5, 2.5), detections(2.0, 0.9), tolerance_s=1.0) == (2, 0)


def test_measures_of_a_corpus():
    truth = [detections(1.0, 4.0), detections(2.0), detections(), detections()]
    said = [detections(1.1), detections(9.0, confidence=0.2), detections(confidence=0.1), detections(3.0)]
    summary = evaluate(truth, said).summary
    assert summary["song_precision"] == 0.5
    assert summary["song_recall"] == 0.5
    assert summary["song_fpr"] == 0.5
    assert summary["place_precision"] == pytest.approx(1 / 3)
    assert summary["place_recall"] == pytest.approx(1 / 3)
    with pytest.raises(ParameterError, match="one for each"):
        evaluate(truth, said[:1])
    json.dumps(evaluate(truth[:1], said[:1]).to_json(), allow_nan=False)
    assert len(evaluate(truth, said).to_frame()) == 4


def test_reliability_counts_every_pair():
    rows = reliability(
        evaluate(
            [detections(1.0), detections()], [detections(1.0, confidence=0.9), detections(confidence=0.1)]
        )
    )
    assert sum(n for _, _, n in rows) == 2
    assert rows[0][1] == 0.0
    assert rows[-1][1] == 1.0


def test_results_survive_write_and_read(model, tmp_path):
    sample = melody(11, 2.0)
    found = sampling.predict(model, sound(sample), planted(sample, [3.0], duration_s=9.0), label="riff")
    found.write(tmp_path)
    read = sampling.Detections.read(tmp_path)
    assert read.to_json() == found.to_json()
    assert read.evidence.similarity.shape == found.evidence.similarity.shape
    assert (tmp_path / "labels.txt").read_text().startswith(f"{found.intervals.times_s[0, 0]:.6f}"[:4])
    assert "start_s" in (tmp_path / "detections.csv").read_text()


def test_a_bundled_model_is_there():
    assert checkpoint.bundled("sampling")

"""Measures against scikit-learn and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score, roc_auc_score

from mirkit import ActivityAnnotation, FrameGrid
from mirkit.activity import evaluate, measures
from mirkit.errors import ParameterError


@given(st.integers(2, 8), st.integers(1, 30), st.integers(0, 2**31))
def test_lrap_is_scikit_learns(n_labels, n_clips, seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((n_labels, n_clips)) > 0.6).astype(np.float32)
    score = rng.integers(0, 5, (n_labels, n_clips)) / 5.0  # with ties
    ours = measures.label_ranking_average_precision(truth, score)
    assert ours == pytest.approx(label_ranking_average_precision_score(truth.T, score.T))


def test_unknown_labels_leave_the_ranking():
    truth = np.array([[1.0], [np.nan], [0.0]])
    score = np.array([[0.5], [0.9], [0.1]])
    assert measures.label_ranking_average_precision(truth, score) == 1.0


def test_labels_without_positives_or_negatives_are_undefined_and_counted(rng):
    truth = np.stack([np.zeros(20), np.ones(20), np.arange(20) % 2]).astype(np.float32)
    table = measures.per_label(truth, rng.random((3, 20)).astype(np.float32), np.full(3, 0.5))
    assert np.isnan(table["auc"]).tolist() == [True, True, False]
    assert table["n_positive"].tolist() == [0, 20, 10]


def test_best_thresholds_separate_what_can_be_separated():
    truth = np.array([[0, 0, 1, 1], [0, 0, 0, 0]], dtype=np.float32)
    score = np.array([[0.1, 0.2, 0.7, 0.9], [0.1, 0.2, 0.3, 0.4]])
    assert measures.best_thresholds(truth, score).tolist() == [0.7, 0.5]


def song(values, hop_s=0.1):
    values = np.asarray(values, dtype=np.float32)
    return ActivityAnnotation(FrameGrid(0.0, hop_s, values.shape[1]), ("a", "b"), values)


def test_perfect_estimates_score_one():
    truth = song(np.repeat([[1, 0, 1, 0, 0, 1], [0, 1, 1, 0, 1, 0]], 10, axis=1))
    estimate = song([[0.9, 0.1, 0.8, 0.2, 0.1, 0.7], [0.2, 0.8, 0.9, 0.1, 0.6, 0.3]], hop_s=1.0)
    scores = evaluate([truth], [estimate])
    assert scores.summary["auc_macro"] == scores.summary["f1_macro"] == scores.summary["lrap"] == 1.0
    assert scores.summary["n_clips"] == 6


def test_a_second_counts_as_active_from_a_quarter_on():
    values = np.zeros((2, 20))
    values[0, :3], values[1, 10:12] = 1, 1  # 0.3 s of a, 0.2 s of b
    table = evaluate([song(values)], [song([[0.9, 0.1], [0.5, 0.5]], hop_s=1.0)]).table
    assert table["n_positive"].tolist() == [1, 0]


def test_unknown_truth_is_masked():
    truth = song(np.repeat([[1, 0, np.nan, np.nan], [1, 0, 1, 0]], 10, axis=1))
    estimate = song([[0.9, 0.1, 0.0, 1.0], [0.9, 0.1, 0.8, 0.2]], hop_s=1.0)
    table = evaluate([truth], [estimate]).table
    assert table["auc"].tolist() == [1.0, 1.0]
    assert (table["n_positive"] + table["n_negative"]).tolist() == [2, 4]


def test_longer_windows_take_the_maximum(rng):
    truth = song(np.repeat((rng.random((2, 60)) > 0.7).astype(float), 10, axis=1))
    estimate = song(rng.random((2, 60)), hop_s=1.0)
    scores = evaluate([truth], [estimate], window_s=5.0)
    reference = truth.pool(1.0, "mean").values.reshape(2, 12, 5).max(axis=2)
    pooled = estimate.values.reshape(2, 12, 5).max(axis=2)
    expected = [roc_auc_score(reference[k], pooled[k]) for k in range(2)]
    assert scores.table["auc"] == pytest.approx(expected)


def test_json_has_no_nan():
    scores = evaluate([song(np.zeros((2, 20)))], [song(np.zeros((2, 2)), hop_s=1.0)])
    assert scores.to_json()["labels"]["a"]["auc"] is None
    assert scores.to_json()["summary"]["auc_macro"] is None
    assert list(scores.to_frame().index) == ["a", "b"]


def test_mismatched_sequences_are_refused():
    with pytest.raises(ParameterError, match="must match"):
        evaluate([song(np.zeros((2, 20)))], [])

"""Measures against scikit-learn and against their definitions."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    label_ranking_average_precision_score,
    roc_auc_score,
)

from mirkit import ActivityAnnotation, FrameGrid
from mirkit.activity import Scores, evaluate, evaluate_scales, measures
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


@settings(max_examples=30, deadline=None)  # scikit-learn takes each clip alone
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**31))
def test_variants_of_lrap_are_averages_of_the_same_precisions(n_labels, n_clips, seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((n_labels, n_clips)) > 0.7).astype(np.float32)
    score = rng.random((n_labels, n_clips))
    n_true = truth.sum(axis=0)
    clips = [
        label_ranking_average_precision_score(truth[:, [n]].T, score[:, [n]].T) if n_true[n] else np.nan
        for n in range(n_clips)
    ]

    def ours(over):
        return measures.label_ranking_average_precision(truth, score, over=over)

    if not n_true.any():
        assert np.isnan(ours("nonempty clips"))
        assert np.isnan(ours("labels"))
        return
    assert ours("nonempty clips") == pytest.approx(np.nanmean(clips))
    weighted = np.nansum(np.array(clips) * n_true) / n_true.sum()
    assert ours("labels") == pytest.approx(weighted)
    # The precisions of each label, weighted by its positives, make up the mean over all labels.
    table = measures.per_label(truth, score, np.full(n_labels, 0.5))
    assert np.nansum(table["lrap"] * table["n_positive"]) / n_true.sum() == pytest.approx(weighted)


def test_an_unknown_kind_of_average_is_refused():
    with pytest.raises(ParameterError, match="over must be 'clips'"):
        measures.label_ranking_average_precision(np.ones((1, 1)), np.ones((1, 1)), over="songs")


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**31))
def test_decisions_are_scikit_learns_where_all_is_known(n_labels, n_clips, seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((n_labels, n_clips)) > 0.5).astype(int)
    score, limits = rng.random((n_labels, n_clips)), rng.random(n_labels)
    found = (score >= limits[:, np.newaxis]).astype(int)
    ours = measures.decisions(truth, score, limits)
    assert ours["exact_match"] == pytest.approx(accuracy_score(truth.T, found.T))
    if truth.any() or found.any():  # else F1 is 0 / 0
        assert ours["f1_micro"] == pytest.approx(f1_score(truth.T, found.T, average="micro"))


def test_unknown_labels_neither_break_nor_make_an_exact_match():
    truth = np.array([[1, np.nan, np.nan], [np.nan, 0, np.nan]])
    score = np.array([[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]])
    assert measures.decisions(truth, score, 0.5) == {"f1_micro": 2 / 3, "exact_match": 0.5}


def test_fixed_and_tuned_thresholds_are_told_apart():
    truth = np.array([[1, 1, 0, 0]], dtype=np.float32)
    table = measures.per_label(truth, np.array([[0.4, 0.3, 0.2, 0.1]]), np.array([0.25]))
    assert (table["f1"][0], table["f1_fixed"][0]) == (1.0, 0.0)
    assert (table["n_false_positive"][0], table["n_false_negative"][0]) == (0, 0)


def test_a_score_that_is_not_a_number_counts_as_nothing_found():
    truth = np.array([[1, 0]], dtype=np.float32)
    table = measures.per_label(truth, np.array([[np.nan, 0.4]]), np.array([0.5]))
    assert (table["auc"][0], table["n_false_negative"][0]) == (0.0, 1)


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


@pytest.mark.parametrize(
    ("rule", "expected"), [("fraction", [1, 0]), ("any", [1, 1]), ("mean", [0, 0]), ("centre", [0, 0])]
)
def test_rules_of_activity_in_a_second(rule, expected):
    values = np.zeros((2, 10))
    values[0, :3], values[1, 9] = 1, 0.9  # 0.3 s of a, the last tenth of b
    table = evaluate([song(values)], [song([[0.9], [0.1]], hop_s=1.0)], rule=rule).table
    assert table["n_positive"].tolist() == expected


def test_estimates_finer_than_a_second_are_averaged_by_the_second():
    truth = song(np.repeat([[1, 0, 1], [0, 1, 0]], 10, axis=1))
    fine = song([[0.9, 0.7, 0.1, 0.3, 0.2, 0.9], [0.0] * 6], hop_s=0.5)
    coarse = song([[0.8, 0.2, 0.55], [0.0] * 3], hop_s=1.0)
    assert evaluate([truth], [fine]).to_json() == evaluate([truth], [coarse]).to_json()


def test_scales_and_poolings(rng):
    truth = song(np.repeat((rng.random((2, 23)) > 0.7).astype(float), 10, axis=1))
    estimate = song(rng.random((2, 23)), hop_s=1.0)
    found = evaluate_scales([truth, truth], [estimate, estimate])
    kinds = [(scores.scale, scores.pooling) for scores in found]
    poolings = ("max", "mean", "top3")
    assert kinds == [("1 s", "max"), *((s, p) for s in ("5 s", "10 s", "track") for p in poolings)]
    assert [scores.summary["n_clips"] for scores in found[::3]] == [46, 10, 6, 2]
    assert [scores.summary["n_partial"] for scores in found[::3]] == [0, 2, 2, 0]
    single = evaluate([truth, truth], [estimate, estimate], window_s=10.0, pooling="mean")
    assert single.to_json() == next(s for s in found if (s.scale, s.pooling) == ("10 s", "mean")).to_json()


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.5, ["max"]), (0.3, ["max", "top3"]), (0.1, ["max", "mean", "top3"])]
)
def test_a_single_mistake_in_a_track_counts_by_the_pooling(threshold, expected):
    estimate = song([[0.1] * 11 + [0.9], [0.0] * 12], hop_s=1.0)  # maximum 0.9, top three 0.37, mean 0.17
    found = evaluate_scales(
        [song(np.zeros((2, 120)))], [estimate], windows_s=(math.inf,), thresholds=threshold
    )
    assert [scores.pooling for scores in found if scores.table["n_false_positive"][0]] == expected


def test_labels_that_cannot_be_measured_are_named_and_their_false_alarms_counted():
    truth = song(np.repeat([[1, 1, 1], [0, 0, 0]], 10, axis=1))
    scores = evaluate([truth], [song([[0.9, 0.9, 0.9], [0.9, 0.1, 0.9]], hop_s=1.0)])
    assert scores.undefined() == {"no positives": ("b",), "no negatives": ("a",)}
    assert scores.summary["n_undefined"] == 2
    assert scores.table["n_false_positive"].tolist() == [0, 2]
    assert scores.to_json()["undefined"] == {"no positives": ["b"], "no negatives": ["a"]}


def test_empty_clips_flatter_the_ranking_and_are_counted():
    truth = song(np.repeat([[1, 0, 0, 0], [0, 0, 0, 0]], 10, axis=1))
    scores = evaluate([truth], [song([[0.4] * 4, [0.6] * 4], hop_s=1.0)])
    assert scores.summary["n_empty"] == 3
    assert scores.summary["lrap"] == pytest.approx((0.5 + 3) / 4)
    assert scores.summary["lrap_nonempty"] == scores.summary["lrap_label_weighted"] == 0.5


def test_json_round_trip(rng):
    truth = song(np.repeat([[1, 0, 1], [0, 0, 0]], 10, axis=1))
    for scores in evaluate_scales([truth], [song(rng.random((2, 3)), hop_s=1.0)]):
        text = json.dumps(scores.to_json(), allow_nan=False)
        assert Scores.from_json(json.loads(text)).to_json() == scores.to_json()
    with pytest.raises(ParameterError, match="not scores in mirkit's JSON"):
        Scores.from_json({"labels": {}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start_s": 2.0}, "reference starts at 0.0 s and estimate at 2.0 s"),
        ({"hop_s": 2.0}, "a value for each second at least, got one every 0.1 and 2 s"),
    ],
)
def test_annotations_that_do_not_match_are_refused(change, message):
    grid = dataclasses.replace(FrameGrid(0.0, 1.0, 2), **change)
    estimate = ActivityAnnotation(grid, ("a", "b"), np.zeros((2, 2)))
    with pytest.raises(ParameterError, match=message):
        evaluate([song(np.zeros((2, 20)))], [estimate])


def test_windows_below_a_second_are_refused():
    with pytest.raises(ParameterError, match="windows must be 1 s or longer"):
        evaluate([song(np.zeros((2, 20)))], [song(np.zeros((2, 2)), hop_s=1.0)], window_s=0.5)


def test_mismatched_sequences_are_refused():
    with pytest.raises(ParameterError, match="must match"):
        evaluate([song(np.zeros((2, 20)))], [])


def test_clips_of_which_nothing_is_known_leave_the_mean():
    truth = np.array([[1.0, np.nan], [0.0, np.nan]])
    score = np.array([[0.1, 0.5], [0.9, 0.5]])
    assert measures.label_ranking_average_precision(truth, score) == 0.5
    assert np.isnan(measures.label_ranking_average_precision(truth[:, 1:], score[:, 1:]))


@pytest.mark.parametrize("window_s", [1.5, 2.25, math.nan])
def test_windows_of_parts_of_seconds_are_refused(window_s):
    truth = ActivityAnnotation(FrameGrid(0.0, 1.0, 6), ("a",), [[1, 0, 1, 1, 0, 0]])
    with pytest.raises(ParameterError, match="windows must be"):
        evaluate([truth], [truth], window_s=window_s)
    assert evaluate([truth], [truth], window_s=math.inf).summary["n_clips"] == 1

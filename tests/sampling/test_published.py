"""Subsequence DTW, partially fixed NMF and the published descriptors."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling.conftest import melody, planted, sound

from mirkit.errors import ParameterError
from mirkit.sampling.config import NMFConfig
from mirkit.sampling.dtw import subsequence_dtw, trace
from mirkit.sampling.nmf import partially_fixed_nmf, sample_templates, transposed
from mirkit.sampling.published import DESCRIPTORS, correlation_distance, find


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(2, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_costs_are_librosas_and_so_are_the_paths(n_rows, n_columns, seed, coarse):
    rng = np.random.default_rng(seed)
    D = rng.random((n_rows, n_columns))
    if coarse:  # many ties
        D = np.round(4 * D) / 4
    ends = subsequence_dtw(D, with_steps=True)
    # librosa turns the matrix round if it has more rows than columns
    if n_rows <= n_columns:
        reference, _ = librosa.sequence.dtw(C=D, subseq=True, backtrack=True)
        np.testing.assert_allclose(ends.cost, reference[-1], atol=1e-9)
    for column in range(n_columns):
        path = trace(ends, column)
        steps = np.diff(path, axis=0)
        assert {tuple(step) for step in steps} <= {(1, 1), (1, 0), (0, 1)}
        assert path[0].tolist() == [0, ends.start[column]]
        assert path[-1].tolist() == [n_rows - 1, column]
        assert len(path) == ends.length[column]
        assert D[path[:, 0], path[:, 1]].sum() == pytest.approx(ends.cost[column])


@pytest.mark.parametrize(
    ("D", "message"), [(np.zeros((0, 3)), "shape"), (np.array([[1.0, np.nan]]), "finite")]
)
def test_what_is_no_distance_matrix_is_refused(D, message):
    with pytest.raises(ParameterError, match=message):
        subsequence_dtw(D)


def test_a_trace_needs_steps():
    with pytest.raises(ParameterError, match="with_steps"):
        trace(subsequence_dtw(np.ones((2, 3))), 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_cost_of_nmf_never_rises(seed):
    rng = np.random.default_rng(seed)
    V, W = rng.random((40, 30)), rng.random((40, 3))
    _, _, costs = partially_fixed_nmf(V, W, n_free=2, n_iterations=60, tolerance=0.0, rng=rng)
    assert (np.diff(costs) <= 1e-3 * costs[0]).all()


def test_fixed_templates_take_what_is_theirs():
    rng = np.random.default_rng(1)
    W = rng.random((60, 3)) ** 4
    H = rng.random((3, 80)) ** 3
    rest = rng.random((60, 2)) ** 4 @ rng.random((2, 80)) ** 3
    found, _, _ = partially_fixed_nmf(W @ H + rest, W, n_free=2, n_iterations=300, tolerance=0.0, rng=rng)
    for k in range(3):
        assert np.corrcoef(found[k], H[k])[0, 1] > 0.9


@pytest.mark.parametrize(
    ("V", "W", "message"),
    [
        (np.ones((3, 4)), np.ones((2, 1)), "as many rows"),
        (-np.ones((3, 4)), np.ones((3, 1)), "not be negative"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(V, W, message):
    with pytest.raises(ParameterError, match=message):
        partially_fixed_nmf(V, W, n_free=1, n_iterations=1, tolerance=0, rng=np.random.default_rng(0))


def test_transposed_templates_have_their_peak_higher():
    W = np.exp(-0.5 * ((np.arange(400)[:, np.newaxis] - [100, 150]) / 3) ** 2)
    moved = transposed(W, 12.0)
    assert moved.argmax(axis=0).tolist() == [200, 300]
    np.testing.assert_allclose(np.sqrt((moved**2).mean(axis=0)), 1.0, atol=1e-6)
    assert transposed(W, 0.0) is W


def test_templates_of_a_sample_make_it_up():
    V = np.abs(np.random.default_rng(0).random((50, 4)) @ np.random.default_rng(1).random((4, 30)))
    W, H = sample_templates(V, 4)
    assert np.abs(V - W @ H).max() < 0.1 * V.max()


def test_distance_is_small_for_the_same_and_plain_for_silence():
    H = np.random.default_rng(0).random((6, 5))
    D = correlation_distance(H, np.concatenate([H, np.zeros((6, 1))], axis=1))
    assert np.diag(D).max() < 0.1
    np.testing.assert_allclose(D[:, -1], 1.0)


def test_the_published_method_finds_a_planted_sample():
    sample = melody(1, 3.0)
    song = planted(sample, [3.2], shift_st=2.0, duration_s=12.0)
    found = find(sound(sample), song, NMFConfig(n_iterations=40, shifts_st=(0.0, 2.0)))
    best = int(found.X[:, 0].argmin())
    assert found.X.shape[1] == len(DESCRIPTORS) == 13
    assert np.isfinite(found.X).all()
    assert found.pitch_shift_st[best] == 2.0
    assert found.times_s[best, 0] == pytest.approx(3.2, abs=0.3)
    assert len(np.unique(found.times_s[:, 0])) == len(found)

"""What is missed when another label is falsely found: by counting, by its properties, and in a known case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirkit.activity.confusion import Confusion, confuse
from mirkit.errors import ParameterError


def random_case(n_labels, n_clips, seed):
    rng = np.random.default_rng(seed)
    reference = rng.choice([0.0, 1.0, np.nan], (n_labels, n_clips), p=[0.5, 0.4, 0.1])
    return reference, rng.random((n_labels, n_clips)), rng.uniform(0.2, 0.8, n_labels)


@given(st.integers(1, 5), st.integers(0, 30), st.integers(0, 2**31))
def test_counts_are_those_of_a_loop_over_clips(n_labels, n_clips, seed):
    reference, estimate, thresholds = random_case(n_labels, n_clips, seed)
    counts, false, with_missed = np.zeros((n_labels, n_labels)), np.zeros(n_labels), np.zeros(n_labels)
    for n in range(n_clips):
        missed = [j for j in range(n_labels) if reference[j, n] == 1 and estimate[j, n] < thresholds[j]]
        for i in range(n_labels):
            if reference[i, n] == 0 and estimate[i, n] >= thresholds[i]:
                false[i] += 1
                with_missed[i] += bool(missed)
                for j in missed:
                    counts[i, j] += 1
    found = confuse(reference, estimate, thresholds, [str(k) for k in range(n_labels)])
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.n_false_positives, false)
    np.testing.assert_array_equal(found.n_with_missed, with_missed)
    assert not found.counts.diagonal().any()


@given(st.integers(2, 5), st.integers(1, 30), st.integers(0, 2**31))
def test_rows_are_distributions_and_shares_of_the_false_positives(n_labels, n_clips, seed):
    found = confuse(*random_case(n_labels, n_clips, seed), [str(k) for k in range(n_labels)])
    sums = found.distribution().sum(axis=1)
    empty = found.counts.sum(axis=1) == 0
    assert np.isnan(sums[empty]).all()
    np.testing.assert_allclose(sums[~empty], 1.0)
    rates = found.rates()[found.n_false_positives > 0]
    assert ((rates >= 0) & (rates <= 1)).all()


@given(st.integers(2, 5), st.integers(1, 30), st.integers(0, 2**31))
def test_shared_credit_counts_each_clip_once(n_labels, n_clips, seed):
    found = confuse(*random_case(n_labels, n_clips, seed), [str(k) for k in range(n_labels)], shared=True)
    np.testing.assert_allclose(found.counts.sum(axis=1), found.n_with_missed, atol=1e-9)


def test_an_instrument_taken_for_another_stands_out():
    """Every second viola is heard as a violin, and pianos are missed at random."""
    rng = np.random.default_rng(0)
    viola, piano = rng.random(400) > 0.5, rng.random(400) > 0.5
    taken = viola & (rng.random(400) > 0.5)
    reference = np.array([np.zeros(400), viola, piano], dtype=float)
    estimate = np.array([taken, viola & ~taken, piano & (rng.random(400) > 0.1)], dtype=float)
    shares = confuse(reference, estimate, 0.5, ("violin", "viola", "piano")).distribution()
    assert shares[0, 1] > 0.9


def test_json_round_trip_and_damage():
    found = confuse(*random_case(3, 50, 1), ("a", "b", "c"))
    back = Confusion.from_json(found.to_json())
    np.testing.assert_array_equal(back.counts, found.counts)
    np.testing.assert_array_equal(back.n_with_missed, found.n_with_missed)
    with pytest.raises(ParameterError, match="not a confusion in mirkit's JSON"):
        Confusion.from_json({"labels": ["a"]})
    with pytest.raises(ParameterError, match=r"n_false_positives must have shape \(1,\)"):
        Confusion(("a",), [[0]], [1, 2], [0])

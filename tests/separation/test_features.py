"""Statistics, truth and gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirkit.activation import activation_confidence
from mirkit.errors import ParameterError
from mirkit.separation import features
from mirkit.separation.config import FeatureConfig, InferenceConfig

SETTINGS = FeatureConfig()


def test_statistics_are_those_of_all_frames_at_once(rng):
    frames = rng.gamma(2.0, size=(30, 500)) * np.linspace(0, 50, 30)[:, np.newaxis]
    mean, deviation = features.bin_statistics(np.split(frames, [100, 101, 350], axis=1))
    np.testing.assert_allclose(mean, frames.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(deviation[1:], frames.std(axis=1)[1:], rtol=1e-5)
    assert deviation[0] == pytest.approx(1e-4 * deviation.max())  # a bin without energy
    with pytest.raises(ParameterError, match="no excerpts"):
        features.bin_statistics([])


def test_confidence_follows_medleydbs_on_the_frames_that_both_have(rng):
    envelope = np.repeat([0.0, 1.0, 0.005, 0.6, 0.0, 0.3], 3 * 44100)
    stem = (envelope * rng.standard_normal(len(envelope)) * 0.3).astype(np.float32)
    ours = features.confidence(stem[np.newaxis], SETTINGS)
    assert len(ours) == 1 + (len(stem) - 4096) // 1024
    # MedleyDB's frames are twice as far apart, and the first begins half a window earlier.
    theirs = activation_confidence([stem])[0][1:]
    n = min(len(theirs), len(ours[::2]))
    agree = (ours[::2][:n] > 0.5) == (theirs[:n] > 0.5)
    # The filter's cut-off is relative to the frame rate, so edges may lie a quarter of a second apart.
    assert agree.mean() > 0.95


def probabilities(n_targets=2, n_frames=60):
    return np.random.default_rng(3).random((n_targets, n_frames)).astype(np.float32)


@given(st.integers(1, 60), st.sampled_from([1, 3, 21]), st.sampled_from(["hard", "soft", "off"]))
def test_gates_lie_between_0_and_1_for_any_length(n_frames, filter_frames, kind):
    settings = InferenceConfig(gate=kind, gate_filter_frames=filter_frames)
    weights = features.gate(probabilities(n_frames=n_frames), settings)
    assert weights.shape == (2, n_frames)
    assert ((weights >= 0) & (weights <= 1)).all()
    if kind == "hard":
        assert set(np.unique(weights)) <= {0.0, 1.0}


def test_the_hard_gate_is_a_majority_around_each_frame():
    values = probabilities()
    weights = features.gate(values, InferenceConfig(gate_filter_frames=21))
    for k in range(10, 50):
        assert weights[0, k] == ((values[0, k - 10 : k + 11] > 0.5).sum() > 10)


def test_the_soft_gate_passes_what_is_active_and_fades_the_rest():
    values = np.array([[0.1, 0.25, 0.5, 0.75, 1.0]], np.float32)
    weights = features.gate(values, InferenceConfig(gate="soft", gate_filter_frames=1))
    np.testing.assert_allclose(weights, [[0.2, 0.5, 1.0, 1.0, 1.0]], rtol=1e-6)
    assert (features.gate(values, InferenceConfig(gate="off")) == 1).all()


def test_exactly_the_threshold_is_not_above_it():
    values = np.full((1, 9), 0.5, np.float32)
    assert features.gate(values, InferenceConfig(gate_filter_frames=3)).max() == 0

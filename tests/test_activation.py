"""MedleyDB's confidence against an independent implementation, and the level-based truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.confidence import reference_confidence, reference_source_id

from mirkit import ActivityAnnotation, FrameGrid
from mirkit.activation import CONFIDENCE_HOP_S, activation_confidence, level_activity
from mirkit.annotation.formats import source_id
from mirkit.errors import ParameterError

SILENCE = 1 - 1 / (1 + np.exp(-3.0))


def bursts(rng: np.random.Generator, n_samples: int, level: float) -> np.ndarray:
    """Return noise that comes and goes, as music does."""
    gate = np.repeat(rng.random(n_samples // 11025 + 1) > 0.5, 11025)[:n_samples]
    return (level * gate * rng.standard_normal(n_samples)).astype(np.float32)


@pytest.mark.parametrize("lengths", [(132300, 132300), (100000, 44100, 132301), (90000,)])
def test_equal_to_an_independent_implementation(rng, lengths):
    stems = [bursts(rng, n, level) for n, level in zip(lengths, (0.3, 0.05, 0.5), strict=False)]
    ours = activation_confidence(stems)
    theirs = reference_confidence(stems).T  # (n_stems, n_frames)
    assert ours.shape == theirs.shape
    # Ours works in float32 samples and returns float32; the oracle is float64 throughout.
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_track_as_long_as_rainfall_has_6135_frames():
    assert activation_confidence([np.zeros(round(284.9 * 44100), np.float32)]).shape == (1, 6135)


def test_silence_gives_the_published_floor():
    confidence = activation_confidence([np.zeros(44100, np.float32)] * 3)
    np.testing.assert_allclose(confidence, SILENCE, atol=1e-7)
    assert round(float(confidence[0, 0]), 4) == 0.0474


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 100.0))
def test_gain_of_the_whole_song_does_not_matter(gain):
    rng = np.random.default_rng(3)
    stems = [np.abs(bursts(rng, 66150, 0.3)) + 0.01, bursts(rng, 66150, 0.1)]
    before = activation_confidence(stems)
    after = activation_confidence([np.float32(gain) * stem for stem in stems])
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_a_silent_stem_lowers_the_bar_for_the_others(rng):
    """The known weakness of the rule: the threshold depends on the number of stems."""
    loud, soft, silent = bursts(rng, 88200, 0.5), bursts(rng, 88200, 0.012), np.zeros(88200, np.float32)
    two = (activation_confidence([loud, soft])[1] > 0.5).mean()
    three = (activation_confidence([loud, soft, silent])[1] > 0.5).mean()
    assert two < three


def test_stems_may_come_from_a_generator(rng):
    stems = [bursts(rng, 50000, 0.3), bursts(rng, 60000, 0.3)]
    np.testing.assert_array_equal(activation_confidence(iter(stems)), activation_confidence(stems))


def test_source_id_equals_the_independent_rule(rng):
    values = rng.random((3, 60)).astype(np.float32)
    confidence = ActivityAnnotation(FrameGrid(0.0, CONFIDENCE_HOP_S, 60), ("S01", "S02", "S03"), values)
    labels = ["piano", "violin", "piano"]
    ours = source_id(confidence, {f"S0{k + 1}": [label] for k, label in enumerate(labels)})
    theirs = reference_source_id(confidence.grid.times_s(), values.T, labels)
    assert list(ours.labels) == [label for *_, label in theirs]
    np.testing.assert_allclose(ours.times_s, [[start, end] for start, end, _ in theirs])


@pytest.mark.parametrize("function", [activation_confidence, lambda stems: level_activity(stems, 44100)])
def test_wrong_stems_are_refused(function):
    with pytest.raises(ParameterError, match="stems is empty"):
        function([])
    with pytest.raises(ParameterError, match=r"shape \(n_samples,\)"):
        function([np.zeros((1, 44100), np.float32)])


def test_level_activity_follows_the_notes_with_its_hang_over():
    rate = 8000
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    stem = np.concatenate([np.zeros(rate, np.float32), tone, np.zeros(rate, np.float32)])
    active = level_activity([stem], rate, hang_over_s=0.25)[0] > 0
    times_s = np.flatnonzero(active) * 0.01
    assert times_s[0] == pytest.approx(1.0, abs=0.02)
    assert times_s[-1] + 0.01 == pytest.approx(2.25, abs=0.02)
    assert active[100:225].all()


@pytest.mark.parametrize(("level_db", "expected"), [(-44.0, 1.0), (-54.0, 0.0)])
def test_level_activity_threshold_is_relative_to_the_mix_peak(level_db, expected):
    rate = 8000
    time_s = np.arange(rate) / rate
    loud = np.sin(2 * np.pi * 100 * time_s).astype(np.float32)
    soft = (10 ** (level_db / 20) * np.sin(2 * np.pi * 500 * time_s)).astype(np.float32)
    values = level_activity([loud, soft], rate)
    # the RMS of a sine is 3 dB below its peak
    assert values[1, 5:-5].mean() == expected
    np.testing.assert_array_equal(level_activity([loud * 9, soft * 9], rate), values)


def test_level_activity_does_not_depend_on_the_number_of_stems(rng):
    stems = [bursts(rng, 44100, 0.3), bursts(rng, 44100, 0.01)]
    more = [*stems, np.zeros(44100, np.float32)]
    np.testing.assert_array_equal(level_activity(more, 44100)[:2], level_activity(stems, 44100))


def test_stems_of_unequal_length():
    values = level_activity([np.ones(8000, np.float32), np.ones(4000, np.float32)], 8000, hang_over_s=0.0)
    assert values.shape == (2, 100)
    assert values[1, :49].all()
    assert not values[1, 52:].any()

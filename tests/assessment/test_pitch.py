"""The tracker finds known pitches, whatever the instrument's range, and nothing in silence and noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit.assessment.pitch import Contour, track, tuning_cents
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError


def partials(hz: float, rate: int, duration_s: float = 0.6, n: int = 6) -> Audio:
    time_s = np.arange(round(duration_s * rate)) / rate
    y = sum(np.sin(2 * np.pi * k * hz * time_s + k) / k for k in range(1, n + 1) if k * hz < rate / 2)
    return Audio((0.2 * y).astype(np.float32)[np.newaxis], rate)


@pytest.mark.parametrize("hz", [29.1, 58.3, 110.0, 233.1, 466.2, 987.8, 2093.0, 3951.0])
def test_tones_from_tuba_to_piccolo_are_within_five_cents(hz):
    contour = track(partials(hz, 44100), fmin_hz=25.0 if hz < 60 else None)
    inner = contour.f0_hz[20:-20]
    assert (inner > 0).all()
    assert np.abs(1200 * np.log2(inner / hz)).max() < 5


def test_a_tone_without_its_fundamental_keeps_its_pitch():
    time_s = np.arange(22050) / 44100
    y = sum(np.sin(2 * np.pi * k * 220 * time_s) for k in (2, 3, 4, 5))
    contour = track(Audio((0.1 * y).astype(np.float32)[np.newaxis], 44100))
    assert abs(np.median(contour.f0_hz[10:-10]) - 220) < 1


def test_vibrato_is_followed():
    rate = 44100
    time_s = np.arange(rate) / rate
    cents = 40 * np.sin(2 * np.pi * 5.5 * time_s)
    y = np.sin(2 * np.pi * np.cumsum(440 * 2 ** (cents / 1200)) / rate)
    contour = track(Audio(y.astype(np.float32)[np.newaxis], rate))
    expected = 40 * np.sin(2 * np.pi * 5.5 * contour.grid.times_s())
    found = 1200 * np.log2(contour.f0_hz / 440)
    assert np.abs(found - expected)[10:-10].max() < 12


def test_silence_and_noise_have_no_pitch(rng):
    assert not track(Audio(np.zeros((1, 22050), np.float32), 22050)).voiced.any()
    noise = track(Audio(rng.normal(0, 0.1, (1, 44100)).astype(np.float32), 44100))
    assert noise.voiced.mean() < 0.1


def test_gain_changes_nothing():
    tone = partials(330, 22050)
    quiet = Audio(tone.samples * np.float32(2.0**-6), tone.sample_rate)
    np.testing.assert_allclose(track(quiet).f0_hz, track(tone).f0_hz, rtol=1e-4)


@pytest.mark.parametrize("limits", [(500.0, 400.0), (10.0, 400.0), (60.0, 9000.0)])
def test_a_range_that_cannot_be_is_refused(limits):
    with pytest.raises(ParameterError, match="pitch range"):
        track(partials(330, 22050), fmin_hz=limits[0], fmax_hz=limits[1])


@settings(deadline=None, max_examples=30)
@given(st.floats(-49, 49), st.integers(0, 1000))
def test_tuning_is_found_on_the_circle(cents, seed):
    rng = np.random.default_rng(seed)
    midi = rng.integers(50, 80, 400) + cents / 100 + rng.normal(0, 0.03, 400)
    difference = (tuning_cents(midi) - cents + 50) % 100 - 50
    assert abs(difference) < 2.5


def test_contours_must_fit_their_grid():
    with pytest.raises(ParameterError, match="clarity"):
        Contour(FrameGrid(0, 0.01, 3), np.zeros(3), np.zeros(2), np.zeros(3))

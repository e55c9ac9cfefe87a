"""Random changes of stems."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit.separation.augmentation import KNOTS, cutoff, recoloured, respeeded

RATE = 8000
KNOTS_DB = np.random.default_rng(1).uniform(-6, 6, KNOTS)


def tone(hz: float, n: int = 8000) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(n, dtype=np.float32) / RATE)[np.newaxis]


def peak_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return float(np.argmax(spectrum)) * RATE / samples.shape[1]


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
def test_speed_moves_pitch(speed):
    changed = respeeded(tone(400), speed, 4000)
    assert changed.shape == (1, 4000)
    assert peak_hz(changed) == pytest.approx(400 * speed, abs=2)  # one bin


def test_colour_stays_within_its_bounds_and_ends_at_the_cutoff():
    noise = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32)
    before = noise.copy()
    changed = recoloured(noise, KNOTS_DB, sample_rate=RATE, cutoff_hz=3000)
    np.testing.assert_array_equal(noise, before)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(changed)) / np.abs(np.fft.rfft(noise)) + 1e-12)
    assert np.abs(gain_db[:, 10:3000]).max() < 6.01
    assert gain_db[:, 10:3000].std() > 0.5
    assert gain_db[:, 3001:].max() < -90


def test_no_colour_and_no_cutoff_change_nothing():
    noise = np.random.default_rng(0).standard_normal((2, 777)).astype(np.float32)
    same = recoloured(noise, np.zeros(KNOTS), sample_rate=RATE, cutoff_hz=np.inf)
    np.testing.assert_allclose(same, noise, atol=1e-5)


def test_cutoffs_are_spread():
    rng = np.random.default_rng(0)
    found = np.array([cutoff(rng, 44100) for _ in range(200)])
    assert 4900 <= found.min() < 6500
    assert 18000 < found.max() <= 22050

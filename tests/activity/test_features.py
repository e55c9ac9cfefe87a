"""Patches and windows."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit.activity import features
from mirkit.activity.config import FeatureConfig
from mirkit.errors import ParameterError

SETTINGS = FeatureConfig()


def test_patches_do_not_depend_on_level(rng):
    window = rng.standard_normal(SETTINGS.window_length).astype(np.float32)
    np.testing.assert_allclose(
        features.patches(0.1 * window, SETTINGS), features.patches(window, SETTINGS), atol=1e-3
    )


def test_a_patch_does_not_depend_on_its_batch(rng):
    windows = rng.standard_normal((3, SETTINGS.window_length)).astype(np.float32)
    together = features.patches(windows, SETTINGS)
    alone = np.stack([features.patches(window, SETTINGS) for window in windows])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert together.shape == (3, SETTINGS.n_mels, SETTINGS.n_frames)


def test_windows_of_another_length_are_refused():
    with pytest.raises(ParameterError, match="windows must have a multiple of 22050 samples"):
        features.patches(np.zeros(100, np.float32), SETTINGS)

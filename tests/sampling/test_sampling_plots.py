"""Figures show what was found."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit.annotation import Intervals
from mirkit.errors import ParameterError
from mirkit.sampling import Detections, evaluate, plot
from mirkit.sampling.plots import plot_reliability
from mirkit.sampling.result import Evidence


def found() -> Detections:
    similarity = np.random.default_rng(0).random((20, 100)).astype(np.float32)
    evidence = Evidence(similarity, 0.1, 0.1, (np.array([[0.0, 3.0], [2.0, 5.0]]),), 2.0)
    return Detections(Intervals([[3.0, 5.0]], ["riff"], [0.8]), [2.0], [1.1], 0.9, evidence=evidence)


def test_the_evidence_has_matrix_path_and_verdict():
    ax = plot(found(), title="riff in song")
    assert ax.get_title() == "riff in song: found (90 %), 1 times, +2.0 st, tempo x 1.10"
    assert ax.images[0].get_array().shape == (20, 100)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [3.0, 5.0])
    assert ax.get_xlim() == (0.0, 10.0)


def test_nothing_found_is_said():
    assert "not found" in plot(Detections.none(0.02)).get_title()


def test_reliability_draws_each_stretch():
    scores = evaluate([found(), Detections.none()], [found(), Detections.none(0.1)])
    ax = plot_reliability(scores)
    np.testing.assert_allclose(ax.lines[1].get_xdata(), [0.1, 0.9])
    with pytest.raises(ParameterError, match="at least one"):
        plot_reliability(evaluate([], []))

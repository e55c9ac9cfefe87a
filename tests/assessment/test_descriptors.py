"""Descriptors of the published sets are in the units they name, at any rate and hop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from assessment.conftest import clean, perform

from mirkit.assessment import Config, analyse
from mirkit.assessment.descriptors import describe

UNEVEN = (0.0, 0.06, -0.04, 0.09, 0.02, -0.07, 0.05, -0.02)
"""Seconds by which notes come late: a histogram of times between onsets needs a spread."""


def played(score):
    late_s = np.resize(UNEVEN, len(score.notes)) + 0.1
    notes = zip(late_s, clean(score), strict=True)
    return [(onset + late, 0.8 * length, pitch) for late, (onset, length, pitch) in notes]


def described(score, **pitch):
    analysis = analyse(perform(played(score)), score, Config.from_dict({"pitch": pitch}))
    return describe(analysis, "E1+E4")


@pytest.fixture(scope="module")
def usual_of():
    """Keep the descriptors at the published rate and hop."""
    return {}


@pytest.mark.parametrize("pitch", [{"hop_length": 128}, {"sample_rate": 22050, "hop_length": 128}])
def test_seconds_and_hertz_do_not_depend_on_rate_and_hop(score, usual_of, pitch):
    if not usual_of:
        usual_of.update(described(score))
    found = described(score, **pitch)
    for name in ("ioi_bin_width", "centroid_mean_mean"):
        assert found[name] == pytest.approx(usual_of[name], rel=0.1), name
    assert np.isfinite(list(found.values())).all()


def test_the_same_frames_at_half_the_rate_last_twice_as_long(score):
    analysis = analyse(perform(played(score)), score)
    unsnapped = replace(analysis, novelty=np.zeros_like(analysis.novelty))
    usual, slow = (describe(one, "E3") for one in (unsnapped, replace(unsnapped, sample_rate=22050)))
    assert slow["score_duration_bin_width"] == pytest.approx(2 * usual["score_duration_bin_width"])
    assert slow["score_deviation_mean"] == usual["score_deviation_mean"]


def test_the_analysis_says_how_its_frames_lie(score):
    found = analyse(perform(clean(score)[:6]), None, Config.from_dict({"pitch": {"hop_length": 512}}))
    assert (found.sample_rate, found.hop_length) == (44100, 512)
    assert found.contour.grid.hop_s == pytest.approx(512 / 44100)

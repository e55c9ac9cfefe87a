"""Measures of separation against their definitions and a peer."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from separation.conftest import required

from mirkit import ActivityAnnotation, Audio, FrameGrid
from mirkit.errors import ParameterError
from mirkit.separation import Scores, Separation, evaluate, metrics

RATE = 8000


def noises(seconds=3.0, n_channels=2):
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((3, n_channels, round(seconds * RATE)))).astype(np.float32)


def separation(activity=None, **stems):
    return Separation({name: Audio(samples, RATE) for name, samples in stems.items()}, activity)


def test_si_sdr_is_fast_bss_evals(rng):
    peer = required("fast_bss_eval")
    reference, error = rng.standard_normal((2, 1, 5000))
    estimate = 0.7 * reference + 0.2 * error
    expected = peer.si_sdr(reference, estimate, zero_mean=False)
    assert metrics.si_sdr(reference, estimate) == pytest.approx(float(np.squeeze(expected)), abs=1e-6)


@given(st.floats(0.01, 100.0), st.floats(-40.0, 60.0))
def test_si_sdr_does_not_depend_on_gain_and_sdr_is_what_was_mixed(gain, snr_db):
    rng = np.random.default_rng(1)
    reference, error = rng.standard_normal((2, 2, 4000))
    error -= (error * reference).sum() / (reference**2).sum() * reference
    error *= np.sqrt((reference**2).sum() / (error**2).sum()) * 10 ** (-snr_db / 20)
    assert metrics.si_sdr(reference, gain * (reference + error)) == pytest.approx(snr_db, abs=1e-6)
    assert metrics.sdr(reference, reference + error) == pytest.approx(snr_db, abs=1e-6)


def test_equal_and_silent_signals_have_their_documented_values():
    sound, nothing = np.ones((1, 10)), np.zeros((1, 10))
    assert metrics.sdr(sound, sound) == metrics.si_sdr(sound, 3 * sound) == math.inf
    assert math.isnan(metrics.sdr(nothing, sound))
    assert math.isnan(metrics.si_sdr(nothing, sound))
    assert math.isnan(metrics.si_sdr(sound, nothing))
    assert metrics.sdr(sound, nothing) == 0.0
    active = np.array([False, True])
    assert metrics.leakage_db(active, nothing, sound, 5) == -120.0
    assert metrics.leakage_db(active, sound, sound, 5) == pytest.approx(0.0)
    assert math.isnan(metrics.leakage_db(~active | True, sound, sound, 5))
    assert math.isnan(metrics.leakage_db(active, sound, nothing, 5))


def test_the_mixture_as_estimate_has_the_level_of_the_target_in_it():
    vocals, other, _ = noises()
    truth = separation(vocals=2 * vocals, other=other)
    scores = evaluate([truth], [separation(vocals=2 * vocals + other)]).summary
    expected_db = 20 * math.log10(2)
    for measure in ("sdr", "sdr_global", "sir"):
        # In three seconds the filters of SIR also find some likeness where there is none.
        assert scores[measure]["vocals"] == pytest.approx(expected_db, abs=0.5), measure
    assert scores["n_windows"]["vocals"] == 3


def test_leakage_and_activity_see_what_bss_eval_cannot():
    vocals, other, leak = noises()
    vocals[:, RATE : 2 * RATE] = 0
    truth = separation(vocals=vocals, other=other)
    grid = FrameGrid(0.0, 0.1, 30)
    sounds = np.repeat([[1.0, 0.0, 1.0]], 10, axis=1)
    clean = separation(ActivityAnnotation(grid, ("vocals",), 0.2 + 0.6 * sounds), vocals=vocals)
    dirty = separation(ActivityAnnotation(grid, ("vocals",), 0.8 - 0.6 * sounds), vocals=vocals + 0.1 * leak)
    scores = evaluate([truth, truth], [clean, dirty], names=["clean", "dirty"])
    assert scores.table["n_windows"][:, 0].tolist() == [2, 2]
    quiet, loud = scores.table["leakage_db"][:, 0]
    assert quiet < -100 < -20.5 < loud < -19.5
    # The truth holds on for a quarter of a second after the sound.
    assert scores.table["activity_auc"][0, 0] > 0.9 > 0.1 > scores.table["activity_auc"][1, 0]
    assert scores.table["activity_f1"][0, 0] > 0.9


def test_a_target_that_a_song_lacks_has_leakage_only():
    _, other, leak = noises()
    truth = separation(piano=np.zeros_like(other), other=other)
    row = evaluate([truth], [separation(piano=0.01 * leak)]).to_json()["songs"]["0"]["piano"]
    assert row["sdr"] is None
    assert row["n_windows"] == 0
    assert row["leakage_db"] == pytest.approx(-40, abs=0.2)


def test_lossy_references_without_energy_at_the_top_are_scored(rng):
    # Nothing above a quarter of the sample rate, as lossy decoders leave it: singular without 16 bits.
    spectra = np.fft.rfft(noises(3.0, 1))
    spectra[..., spectra.shape[-1] // 2 :] = 0
    vocals, other, _ = np.fft.irfft(spectra).astype(np.float32)
    found = separation(vocals=vocals + 0.1 * other)
    scores = evaluate([separation(vocals=vocals, other=other)], [found]).summary
    assert scores["sir"]["vocals"] == pytest.approx(20, abs=1)


def test_scores_survive_json_and_are_joined(tmp_path):
    vocals, other, _ = noises()
    truth = separation(vocals=vocals, other=other)
    one = evaluate([truth], [separation(vocals=0.9 * vocals + 0.1 * other)], names=["one"])
    two = evaluate([truth], [separation(other=0.5 * other)], names=["two"])
    text = json.dumps(one.to_json(), allow_nan=False)
    back = Scores.from_json(json.loads(text))
    np.testing.assert_array_equal(back.table["sdr"], one.table["sdr"])
    both = Scores.joined([one, two])
    assert (both.songs, both.targets) == (("one", "two"), ("vocals", "other"))
    assert np.isnan(both.table["sdr"]).tolist() == [[False, True], [True, False]]
    assert both.summary["sdr"]["vocals"] == one.summary["sdr"]["vocals"]
    assert both.to_frame().loc[("two", "other"), "sdr_global"] == pytest.approx(20 * math.log10(2), abs=1e-3)


def test_pairs_that_do_not_match_are_refused():
    vocals, other, _ = noises(1.0)
    truth = separation(vocals=vocals, other=other)
    for references, estimates, names, message in (
        ([truth], [], None, "must match"),
        ([truth], [separation(vocals=vocals[:, 1:])], None, "separate the sum"),
        ([truth], [separation(kazoo=vocals)], None, "no target in common"),
        ([truth], [truth], ["a", "b"], "names must be one for each"),
    ):
        with pytest.raises(ParameterError, match=message):
            evaluate(references, estimates, names=names)
    with pytest.raises(ParameterError, match="stems must be at least one"):
        Separation({})
    with pytest.raises(ParameterError, match="all of one rate and shape"):
        separation(a=vocals, b=vocals[:, 1:])

"""BSS Eval v4 against museval, against its definition, and where museval has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from separation.conftest import required
from threadpoolctl import ThreadpoolController, threadpool_limits

from mirkit import audio
from mirkit._blas import one_blas_thread
from mirkit.errors import ParameterError
from mirkit.separation.bss import MEASURES, _threads, bss_eval, bss_eval_target

RATE = 8000


def museval_scores(references, estimates, length, filter_length=512):
    """Return museval's scores; its mode v4 has 512 taps, which take many times longer than fewer."""
    museval = required("museval")
    found = museval.metrics.bss_eval(
        references.transpose(0, 2, 1), estimates.transpose(0, 2, 1), length, length, filters_len=filter_length
    )
    return dict(zip(MEASURES, found, strict=False))


def coloured(rng, n_sources, n_channels, n_samples):
    """Noise whose neighbours in time and channels are alike, as in music."""
    noise = rng.standard_normal((n_sources, n_channels, n_samples + 40))
    smooth = np.apply_along_axis(np.convolve, -1, noise, np.hanning(9) / 4.5, "valid")[..., :n_samples]
    return 0.1 * smooth + 0.1 * smooth.mean(axis=1, keepdims=True) + 1e-4 * noise[..., :n_samples]


def mixed(rng, references):
    """Estimates with every kind of fault: delay, filter, other sources and noise."""
    late = np.roll(references, 3, axis=-1)
    return 0.8 * late + 0.1 * references.sum(axis=0) + 0.003 * rng.standard_normal(references.shape)


@pytest.mark.parametrize(("n_sources", "n_channels"), [(2, 2), (3, 1)])
def test_scores_are_musevals(rng, n_sources, n_channels):
    references = coloured(rng, n_sources, n_channels, int(2.7 * RATE))
    estimates = mixed(rng, references)
    estimates[1, :, RATE : 2 * RATE] = 0  # museval gives up the whole window
    ours = bss_eval(references, estimates, window_length=RATE, filter_length=100)
    theirs = museval_scores(references, estimates, RATE, 100)
    for name in MEASURES:
        assert ours[name].shape == (n_sources, 2)
        assert np.isnan(ours[name][:, 1]).all()
        # Both solve the same equations in double precision; 0.01 dB is what a table shows.
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-4, err_msg=name)


def test_scores_of_real_stems_are_musevals(shared):
    folder = shared / "multitrack" / "EverythingIsFree_Rubidium" / "EverythingIsFree_Rubidium_STEMS"
    stems = [
        audio.read(folder / f"EverythingIsFree_Rubidium_STEM_0{k}.ogg", start_s=84.0, duration_s=3.0).samples
        for k in (2, 3)
    ]
    # As in a WAV data set; without its noise floor the equations are singular, see metrics.evaluate.
    references = np.round(np.stack(stems).astype(float) * 32768) / 32768
    estimates = mixed(np.random.default_rng(0), references)
    museval = required("museval")
    found = museval.evaluate(
        references.transpose(0, 2, 1), estimates.transpose(0, 2, 1), win=44100, hop=44100, mode="v4"
    )
    ours = bss_eval(references, estimates)
    for name, values in zip(MEASURES, found, strict=True):
        np.testing.assert_allclose(ours[name], values, atol=0.01, err_msg=name)


def test_equal_channels_are_no_obstacle(rng):
    references = np.repeat(coloured(rng, 2, 1, 2 * RATE), 2, axis=1)  # singular equations
    estimates = mixed(rng, references)
    ours = bss_eval(references, estimates, window_length=RATE, filter_length=64)
    alone = bss_eval(references[:, :1], estimates[:, :1], window_length=RATE, filter_length=64)
    for name in ("sdr", "sir", "sar"):
        assert np.isfinite(ours[name]).all()
        # Not the same numbers, since the noise differs between the channels, but the same story.
        np.testing.assert_allclose(ours[name], alone[name], atol=1.0)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 20.0))
def test_sir_and_sar_do_not_depend_on_the_level_of_the_estimate(seed, gain):
    rng = np.random.default_rng(seed)
    references = coloured(rng, 2, 1, 1500)
    estimates = mixed(rng, references)
    kept = bss_eval(references, estimates, window_length=None, filter_length=16)
    changed = bss_eval(references, gain * estimates, window_length=None, filter_length=16)
    for name in ("sir", "sar"):
        np.testing.assert_allclose(changed[name], kept[name], atol=1e-3)  # rounding of the solution


def test_each_fault_shows_in_its_own_measure(rng):
    target, rest = coloured(rng, 2, 1, 3 * RATE)
    noise = 0.01 * rng.standard_normal(target.shape)

    def score(estimate):
        return {
            k: np.median(v) for k, v in bss_eval_target(target, rest, estimate, window_length=RATE).items()
        }

    filtered, leaking, noisy = score(np.roll(target, 20)), score(target + 0.1 * rest), score(target + noise)
    assert filtered["sir"] > 40 > 5 > filtered["isr"]
    assert leaking["sar"] > 40 > 25 > leaking["sir"]
    assert noisy["sir"] > 20 > noisy["sar"]


def test_one_silent_source_does_not_take_the_window_from_the_others(rng):
    target, rest = coloured(rng, 2, 1, 3 * RATE)
    target[:, RATE : 2 * RATE] = 0
    estimate = 0.9 * target + 0.1 * rest
    estimate[:, 2 * RATE :] = 0
    for name, values in bss_eval_target(target, rest, estimate, window_length=RATE).items():
        assert np.isnan(values).tolist() == [False, True, False], name
        assert values[2] == 0.0, name


def test_a_song_with_silent_rest_or_target_is_scored_where_it_can_be(rng):
    tone, nothing = coloured(rng, 1, 2, 2 * RATE)[0], np.zeros((2, 2 * RATE))
    alone = bss_eval_target(tone, nothing, 0.5 * tone, window_length=RATE, filter_length=32)
    np.testing.assert_allclose(alone["sdr"], 20 * np.log10(2), atol=1e-9)
    for values in bss_eval_target(nothing, tone, 0.5 * tone, window_length=RATE, filter_length=32).values():
        assert np.isnan(values).all()


def test_wrong_shapes_and_lengths_are_refused(rng):
    sources = coloured(rng, 2, 1, 1000)
    with pytest.raises(ParameterError, match="must have one shape"):
        bss_eval(sources, sources[:1])
    with pytest.raises(ParameterError, match="must have shape"):
        bss_eval(sources[0], sources[0])
    with pytest.raises(ParameterError, match="'filter_length': 0"):
        bss_eval(sources, sources, filter_length=0)
    with pytest.raises(ParameterError, match="target, rest and estimate"):
        bss_eval_target(sources[0], sources[1], sources[1, :, 1:])


def test_overlapping_calls_leave_blas_as_it_was():
    from scipy import linalg  # noqa: F401  # has a BLAS of its own

    def n_threads():
        return [library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()]

    with threadpool_limits(limits=2, user_api="blas"):
        before = n_threads()
        first, second = _threads(), one_blas_thread()
        first.__enter__()
        assert second.__enter__() == max(before)  # not what the first one left
        first.__exit__(None, None, None)
        assert set(n_threads()) == {1}  # the second is still inside
        second.__exit__(None, None, None)
        assert n_threads() == before

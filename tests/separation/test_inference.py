"""Prediction: lengths, rates, channels, streaming, gate, bounds."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from separation.conftest import TINY, untrained

from mirkit import Audio
from mirkit.errors import CheckpointError, ParameterError
from mirkit.separation import Config, Model, Separation, bound, load, overlap_add, predict, stream
from mirkit.separation.config import FeatureConfig
from mirkit.separation.model import Part
from mirkit.separation.overlap_add import Analysis, Synthesis

RATE = 8000


def noise(seconds, n_channels=2, rate=RATE, seed=0):
    rng = np.random.default_rng(seed)
    samples = 0.2 * rng.standard_normal((n_channels, round(seconds * rate))).astype(np.float32)
    return Audio(samples * np.linspace(0, 1, samples.shape[1], dtype=np.float32), rate)


def cut(audio, *lengths):
    edges = np.clip(np.cumsum([0, *lengths, audio.samples.shape[1]]), 0, audio.samples.shape[1])
    return [Audio(audio.samples[:, a:b], audio.sample_rate) for a, b in itertools.pairwise(edges)]


def assert_same(one, other, atol):
    assert list(one.stems) == list(other.stems)
    for name, stem in one.stems.items():
        np.testing.assert_allclose(stem.samples, other.stems[name].samples, atol=atol, err_msg=name)
    np.testing.assert_allclose(one.activity.values, other.activity.values, atol=atol)
    assert one.activity.grid == other.activity.grid


@pytest.mark.parametrize("n_samples", [1, 100, 128, 129, 5000, 25_000])
@pytest.mark.parametrize(("rate", "n_channels"), [(8000, 2), (11025, 1), (96000, 6)])
def test_any_length_rate_and_number_of_channels(model, n_samples, rate, n_channels):
    audio = noise(n_samples / rate, n_channels, rate)
    found = predict(model, audio)
    assert list(found.stems) == ["vocals", "piano", "other"]
    for stem in found.stems.values():
        assert (stem.sample_rate, stem.samples.shape) == (rate, (n_channels, n_samples))
        assert np.isfinite(stem.samples).all()
    # Three roundings of single precision.
    np.testing.assert_allclose(found.mixture().samples, audio.samples, atol=1e-6)


def test_digital_silence_and_clipped_sound(model):
    silence = predict(model, Audio(np.zeros((2, 4000), np.float32), RATE))
    assert max(np.abs(stem.samples).max() for stem in silence.stems.values()) == 0
    clipped = Audio(np.clip(30 * noise(1.0).samples, -1, 1), RATE)
    found = predict(model, clipped)
    assert all(np.isfinite(stem.samples).all() for stem in found.stems.values())
    np.testing.assert_allclose(found.mixture().samples, clipped.samples, atol=1e-6)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.integers(0, 6000), max_size=6),
    st.sampled_from([(8000, 2), (11025, 1)]),
    st.sampled_from(["hard", "soft"]),
)
def test_blocks_of_any_size_give_the_same_as_the_whole(lengths, kind, gate):
    rate, n_channels = kind
    model, audio = untrained(TINY), noise(1.7, n_channels, rate)
    chosen = dataclasses.replace(TINY.inference, gate=gate, wiener_iterations=1)
    whole = predict(model, audio, settings=chosen)
    parts = Separation.joined(list(stream(model, cut(audio, *lengths), settings=chosen)))
    assert_same(parts, whole, 1e-5)


@pytest.mark.parametrize("segment_frames", [7, 40, 1000])
def test_segments_do_not_show(model, segment_frames):
    # The context covers the receptive field of masks (10 frames) and gate (6 + 2), so nothing is lost.
    audio = noise(2.0)
    whole = predict(model, audio, settings=dataclasses.replace(TINY.inference, segment_frames=10_000))
    parts = predict(model, audio, settings=dataclasses.replace(TINY.inference, segment_frames=segment_frames))
    assert_same(parts, whole, 1e-4)


def test_estimates_come_within_the_stated_look_ahead(model):
    audio = noise(6.0)
    given_s = 0.0

    def blocks():
        nonlocal given_s
        for block in cut(audio, *[300] * 160):
            given_s += block.duration_s
            yield block

    done_s, latest_s = 0.0, 0.0
    for piece in stream(model, blocks()):
        latest_s = max(latest_s, given_s - done_s)
        done_s += piece.n_samples / RATE
    # One block may be pushed more than was needed.
    assert latest_s <= TINY.look_ahead_s + 300 / RATE
    assert latest_s > 0.5 * TINY.look_ahead_s  # and the statement is not an empty one


def test_memory_does_not_grow_with_the_length(model, monkeypatch):
    kept = []
    spectra = Analysis.spectra
    monkeypatch.setattr(
        Analysis, "spectra", lambda self, *frames: kept.append(self._kept.shape[1]) or spectra(self, *frames)
    )
    for _ in stream(model, cut(noise(20.0), *[4000] * 40)):
        pass
    assert len(kept) > 50
    assert max(kept) <= RATE * TINY.look_ahead_s + 4000 + 20 * 64  # a block, and the context before


def test_only_the_wanted_targets_are_computed(model):
    calls = []
    for part in model.parts:
        part.network.register_forward_hook(lambda *_, name=part.name: calls.append(name))
    found = predict(model, noise(1.0), targets=["piano"])
    assert list(found.stems) == ["piano", "other"]
    assert set(calls) == {"piano"}
    assert found.activity.labels == ("piano",)
    whole = predict(model, noise(1.0))
    np.testing.assert_array_equal(found.stems["piano"].samples, whole.stems["piano"].samples)


def test_a_shared_network_gives_the_wanted_ones_in_its_own_order(tiny):
    model = untrained(tiny.replace(shared=True, targets=("vocals", "bass", "piano")))
    found = predict(model, noise(1.0), targets=["piano", "vocals"])
    assert list(found.stems) == ["vocals", "piano", "other"]
    whole = predict(model, noise(1.0))
    for name in ("vocals", "piano"):
        np.testing.assert_array_equal(found.stems[name].samples, whole.stems[name].samples)
    np.testing.assert_array_equal(found.activity.values, whole.activity.values[[0, 2]])


class Half(torch.nn.Module):
    """A network with a mask of one half, and activity in frames whose magnitude is large."""

    classifier = True

    def forward(self, magnitudes, frames=slice(None)):
        loud = magnitudes[:, :, 1:].mean(dim=2)
        return torch.full_like(magnitudes[..., frames], 0.5)[:, None], 40 * (loud - 1.0)


def test_the_gate_silences_a_stem_where_its_activity_is_low(tiny):
    model = Model((Part(("vocals",), Half()),), tiny.replace(targets=("vocals",)))
    samples = 0.3 * np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    samples[:, 8000:] *= 0.01
    audio = Audio(samples, RATE)
    gated, free = (
        predict(model, audio, settings=dataclasses.replace(tiny.inference, gate=gate)).stems["vocals"].samples
        for gate in ("hard", "off")
    )
    np.testing.assert_allclose(free, 0.5 * samples, atol=1e-6)
    np.testing.assert_allclose(gated[:, :7000], free[:, :7000], atol=1e-6)
    assert np.abs(gated[:, 9000:]).max() == 0
    activity = predict(model, audio).activity
    assert activity.values[0, activity.grid.index(0.5)] > 0.99
    assert activity.values[0, activity.grid.index(1.5)] < 0.01


def test_a_network_without_classifier_gives_no_activity_and_is_not_gated(tiny):
    model = untrained(tiny.replace(network="umx"))
    found = predict(model, noise(1.0))
    assert found.activity is None
    off = predict(model, noise(1.0), settings=dataclasses.replace(tiny.inference, gate="off"))
    np.testing.assert_array_equal(found.stems["piano"].samples, off.stems["piano"].samples)


def test_spectra_are_torchs_and_sound_comes_back(rng):
    features = FeatureConfig(sample_rate=8000, n_fft=256, hop_length=64)
    samples = torch.from_numpy(rng.standard_normal((2, 3333)).astype(np.float32))
    analysis, synthesis = Analysis(2, features, torch.device("cpu")), Synthesis(features, torch.device("cpu"))
    for piece in samples.split(100, dim=1):
        analysis.push(piece)
    analysis.finish()
    spectra = analysis.spectra(0, analysis.n_frames)
    expected = torch.stft(samples, 256, 64, window=torch.hann_window(256), return_complex=True)
    torch.testing.assert_close(spectra, expected, rtol=0, atol=1e-5)
    back = torch.cat(
        [synthesis.push(spectra[..., :20]), synthesis.push(spectra[..., 20:]), synthesis.flush()], 1
    )
    torch.testing.assert_close(back[:, :3333], samples, rtol=0, atol=1e-5)


def test_bounds_by_their_definition(rng):
    low, high = (np.sin(2 * np.pi * f * np.arange(44_100) / 44_100) for f in (300, 3000))
    tones = {"bass": low, "piano": high}
    truth = Separation({k: Audio(0.3 * v[np.newaxis].astype(np.float32), 44_100) for k, v in tones.items()})
    for kind in ("binary", "ratio"):
        found = bound(truth, kind)
        for name, stem in truth.stems.items():
            # Two tones ten critical bands apart: a mask loses the window's side lobes only.
            np.testing.assert_allclose(
                found.stems[name].samples[:, 2000:-2000], stem.samples[:, 2000:-2000], atol=1e-3
            )
    for stem in bound(truth, "mixture").stems.values():
        np.testing.assert_array_equal(stem.samples, truth.mixture().samples)
    with pytest.raises(ParameterError, match="kind must be"):
        bound(truth, "phase")


def test_results_are_written_and_read(model, tmp_path):
    found = predict(model, noise(1.0))
    found.write(tmp_path / "out")
    back = Separation.read(tmp_path / "out")
    assert list(back.stems) == list(found.stems)
    for name, stem in found.stems.items():
        np.testing.assert_array_equal(back.stems[name].samples, stem.samples)
    np.testing.assert_allclose(back.activity.values, found.activity.values, atol=1e-4)  # four decimals


def test_bad_input_is_refused(model, tmp_path):
    with pytest.raises(ParameterError, match="no samples"):
        predict(model, Audio(np.zeros((1, 0), np.float32), RATE))
    with pytest.raises(ParameterError, match="no samples"):
        list(stream(model, []))
    with pytest.raises(ParameterError, match="blocks must all have 2 channels at 8000 Hz"):
        list(stream(model, [noise(0.1), noise(0.1, 1)]))
    with pytest.raises(ParameterError, match="unknown target 'kazoo'"):
        predict(model, noise(0.1), targets=["kazoo"])
    with pytest.raises(ParameterError, match="device 'cuda:7' cannot be used"):
        predict(model, noise(0.1), device="cuda:7")
    with pytest.raises(CheckpointError, match="no model"):
        load(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="parts are for"):
        Model(model.parts, Config())


def test_progress_reaches_the_end_and_the_callers_samples_are_kept(model):
    audio = noise(3.0)
    kept, seen = audio.samples.copy(), []
    predict(model, audio, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)
    np.testing.assert_array_equal(audio.samples, kept)


def test_a_gate_that_would_look_beyond_the_context_is_refused(tiny):
    model = untrained(tiny)
    # 20 frames of context less the 6 that the classifier sees
    fits, longer = (dataclasses.replace(tiny.inference, gate_filter_frames=n) for n in (29, 31))
    audio = noise(2.0)
    whole = dataclasses.replace(fits, segment_frames=10_000)
    assert_same(predict(model, audio, settings=fits), predict(model, audio, settings=whole), 1e-4)
    with pytest.raises(ParameterError, match="a filter of 29 frames at most, or context_frames of 21"):
        predict(model, audio, settings=longer)
    predict(model, audio, settings=dataclasses.replace(longer, gate="off"))
    predict(untrained(tiny.replace(network="umx")), audio, settings=longer)  # nothing to gate by
    predict(untrained(tiny.replace(network="banded")), audio, settings=longer)


def test_a_block_of_any_length_is_worked_on_in_portions(model, monkeypatch):
    kept = []
    spectra = Analysis.spectra
    monkeypatch.setattr(
        Analysis, "spectra", lambda self, *frames: kept.append(self._kept.shape[1]) or spectra(self, *frames)
    )
    monkeypatch.setattr(overlap_add, "BLOCK_S", 0.5)
    whole = Separation.joined(list(stream(model, [noise(4.0)])))
    assert max(kept) <= RATE * (0.5 + TINY.look_ahead_s) + 20 * 64  # a portion, and the context before
    assert_same(whole, Separation.joined(list(stream(model, cut(noise(4.0), *[3000] * 10)))), 1e-5)

"""Prediction: lengths, rates, channels, streaming."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mirkit import ActivityAnnotation, Audio, FrameGrid
from mirkit.activity import Config, Model, decide, predict, stream
from mirkit.activity.inference import _windows
from mirkit.errors import ParameterError

RATE = 2000
SETTINGS = Config.from_dict(
    {"features": {"sample_rate": RATE, "n_fft": 256, "hop_length": 128, "n_mels": 8, "fmax_hz": 1000.0}}
)


LONG = Config.from_dict(
    {
        "features": {**dataclasses.asdict(SETTINGS.features), "window_s": 4.0},
        "inference": {"stride_s": 2.0},
    }
)


class Low(nn.Module):
    """A network that says how much of a step lies in its lower half: enough to see times and order."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        half = patches.shape[1] // 2
        n_steps = max(1, round((patches.shape[2] - 1) * 128 / RATE))
        steps = nn.functional.adaptive_avg_pool1d(patches, n_steps)  # (batch, n_mels, n_steps)
        return 4 * (steps[:, :half].mean(dim=1) - steps[:, half:].mean(dim=1)).unsqueeze(1)


@pytest.fixture(scope="module", params=[SETTINGS, LONG], ids=["one label", "four labels"])
def model(request) -> Model:
    return Model(Low(), request.param, ("low",))


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def test_each_second_gets_its_own_answer(model):
    y = np.concatenate([tone(100, 3.0), tone(800, 3.0), tone(100, 2.0)])
    values = predict(model, Audio(y[np.newaxis], RATE)).values[0]
    assert (values > 0.5).tolist() == [True] * 3 + [False] * 3 + [True] * 2


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.0, 1.2, 2.0, 7.3])
def test_any_length_gives_a_value_for_each_second_begun(model, seconds):
    result = predict(model, Audio(tone(100, seconds)[np.newaxis], RATE))
    assert result.values.shape == (1, math.ceil(seconds))
    assert np.isfinite(result.values).all()


@pytest.mark.parametrize(("n_channels", "rate"), [(1, 8000), (2, 44100), (6, 48000), (8, 192000)])
def test_any_rate_and_number_of_channels(model, n_channels, rate):
    y = np.tile(tone(100, 2.0, rate), (n_channels, 1))
    result = predict(model, Audio(y, rate))
    assert result.values.shape == (1, 2)
    assert (result.values > 0.5).all()


@pytest.mark.parametrize("config", [SETTINGS, LONG], ids=["one label", "four labels"])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=8), st.sampled_from([0.25, 0.5, 1.0, 2.5]))
def test_blocks_of_any_size_give_the_same_as_the_whole(config, lengths, hop_s):
    model = Model(Low(), config, ("low",))
    y = np.random.default_rng(1).standard_normal((1, sum(lengths))).astype(np.float32)
    y *= np.linspace(0.1, 1, y.shape[1], dtype=np.float32)
    whole = predict(model, Audio(y, RATE), hop_s=hop_s)
    edges = np.cumsum([0, *lengths])
    blocks = [Audio(y[:, a:b], RATE) for a, b in itertools.pairwise(edges)]
    parts = stream(model, blocks, hop_s=hop_s)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-5)
    assert parts.grid == whole.grid


@settings(deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=6), st.integers(200, 3 * RATE))
def test_windows_cover_the_sound_and_stay_inside(lengths, stride):
    blocks = [Audio(np.ones((1, length), np.float32), RATE) for length in lengths]
    n_samples = sum(lengths)
    heard = np.zeros(n_samples, dtype=bool)
    for starts, windows, _ in _windows(blocks, LONG.features, stride):
        for start, window in zip(starts, windows, strict=True):
            assert start + len(window) <= max(n_samples, RATE)  # less than a second is padded
            assert len(window) % RATE == 0
            heard[start : start + len(window)] = True
    assert heard.all() or stride > LONG.features.window_length


def test_a_finer_hop_sees_finer(model):
    y = np.concatenate([tone(100, 8.5), tone(800, 7.5)])
    values = predict(model, Audio(y[np.newaxis], RATE), hop_s=0.25).values[0]
    assert abs(int(np.argmax(values < 0.5)) * 0.25 - 8.5) <= 0.25


def test_bad_input_is_refused(model):
    audio = Audio(tone(100, 2.0)[np.newaxis], RATE)
    with pytest.raises(ParameterError, match="no samples"):
        predict(model, Audio(np.zeros((1, 0), np.float32), RATE))
    with pytest.raises(ParameterError, match="hop_s must be above 0"):
        predict(model, audio, hop_s=0.0)
    with pytest.raises(ParameterError, match="device 'cuda:7'"):
        predict(model, audio, device="cuda:7")
    with pytest.raises(ParameterError, match="blocks must be at 2000 Hz, got 4000"):
        stream(model, [Audio(tone(100, 1.0)[np.newaxis], 4000)])


def test_decisions_follow_the_models_thresholds_and_settings():
    grid = FrameGrid(0.0, 1.0, 8)
    result = ActivityAnnotation(grid, ("low",), [[0.5, 0.38, 0.1, 0.6, 0.1, 0.38, 0.38, 0.38]])

    def spans(model, **choices):
        return decide(model, result, **choices).times_s.tolist()

    tuned = Model(Low(), SETTINGS, ("low",), thresholds={"low": 0.5})  # released at 0.7 of it
    assert spans(tuned) == [[0.0, 2.0], [3.0, 4.0]]
    assert spans(tuned, release=1.0) == [[0.0, 1.0], [3.0, 4.0]]
    assert spans(tuned, min_duration_s=1.5) == [[0.0, 2.0]]
    assert spans(tuned, threshold=0.3, end_s=7.5) == [[0.0, 2.0], [3.0, 4.0], [5.0, 7.5]]
    assert spans(Model(Low(), SETTINGS, ("low",))) == spans(tuned)  # 0.5 where nothing was tuned
    with pytest.raises(ParameterError, match=r"release must lie in \(0, 1\]"):
        spans(tuned, release=0.0)


def test_progress_reaches_the_end(model):
    seen = []
    predict(
        model,
        Audio(tone(100, 5.0)[np.newaxis], RATE),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (5, 5)


def test_the_callers_samples_are_not_changed(model):
    y = tone(100, 2.0)[np.newaxis]
    kept = y.copy()
    predict(model, Audio(y, RATE))
    np.testing.assert_array_equal(y, kept)

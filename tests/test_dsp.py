"""Frames and spectra against librosa and against arithmetic."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirkit import FrameGrid
from mirkit.dsp import frame_rms, log_mel, mel_filterbank, stft
from mirkit.errors import ParameterError


@given(st.floats(-10, 10), st.floats(1e-3, 5), st.integers(1, 500))
def test_every_time_of_a_grid_lies_in_its_frame(start_s, hop_s, n_frames):
    grid = FrameGrid(start_s, hop_s, n_frames)
    assert [grid.index(time_s) for time_s in grid.times_s()] == list(range(n_frames))
    assert grid.index(grid.end_s) == n_frames


@pytest.mark.parametrize(
    ("start_s", "hop_s", "n_frames", "message"),
    [
        (0.0, 0.0, 1, "hop_s must be"),
        (np.nan, 1.0, 1, "start_s must be finite"),
        (0.0, 1.0, -1, "n_frames must be"),
    ],
)
def test_impossible_grids_are_refused(start_s, hop_s, n_frames, message):
    with pytest.raises(ParameterError, match=message):
        FrameGrid(start_s, hop_s, n_frames)


@pytest.mark.parametrize("n_samples", [1024, 5000, 22050])
def test_stft_is_librosas(rng, n_samples):
    y = rng.standard_normal((2, n_samples)).astype(np.float32)
    ours = stft(y, n_fft=1024, hop_length=256)
    theirs = librosa.stft(y, n_fft=1024, hop_length=256, pad_mode="constant")
    np.testing.assert_allclose(ours, theirs, atol=2e-4)  # float32 sums of 1024 values of size 1


def test_stft_refuses_what_is_shorter_than_a_frame():
    with pytest.raises(ParameterError, match="fewer than n_fft=512"):
        stft(np.zeros(100, np.float32), n_fft=512, hop_length=128, center=False)


def test_log_mel_of_a_sine_peaks_in_the_right_band_at_the_right_level():
    rate, frequency = 22050, 1000.0
    y = np.sin(2 * np.pi * frequency * np.arange(rate) / rate).astype(np.float32)
    mel_db = log_mel(y, rate, n_fft=2048, hop_length=512, n_mels=64)
    centres_hz = librosa.mel_frequencies(66, fmin=0, fmax=rate / 2)[1:-1]
    assert centres_hz[mel_db[:, 20].argmax()] == pytest.approx(frequency, rel=0.05)
    louder = log_mel(10 * y, rate, n_fft=2048, hop_length=512, n_mels=64)
    assert louder[:, 20].max() - mel_db[:, 20].max() == pytest.approx(20.0, abs=1e-3)


def test_log_mel_level_does_not_depend_on_the_rest_of_the_file(rng):
    y = rng.standard_normal(22050).astype(np.float32)
    alone = log_mel(y, 22050, n_fft=1024, hop_length=512, n_mels=40, center=False)
    with_more = log_mel(np.append(y, 100 * y), 22050, n_fft=1024, hop_length=512, n_mels=40, center=False)
    np.testing.assert_allclose(with_more[:, : alone.shape[1]], alone, atol=1e-3)


def test_shared_filters_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        mel_filterbank(22050, 1024, 40, 0.0, 11025.0)[0, 0] = 1.0


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 50))
def test_frame_rms_is_the_plain_definition(n_samples, frame_length, hop_length):
    y = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    expected = []
    for start in range(0, n_samples, hop_length):
        frame = np.zeros(frame_length)
        part = y[start : start + frame_length]
        frame[: len(part)] = part
        expected.append(np.sqrt(np.mean(frame**2)))
    found = frame_rms(y, frame_length=frame_length, hop_length=hop_length)
    np.testing.assert_allclose(found, expected, atol=1e-5)

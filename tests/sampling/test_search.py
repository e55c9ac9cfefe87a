"""A planted sample is found with its place, transposition and tempo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling.conftest import RATE, melody, planted, sound

from mirkit.audio import Audio
from mirkit.errors import ParameterError
from mirkit.sampling.candidates import DESCRIPTORS, find
from mirkit.sampling.config import Config, SearchConfig
from mirkit.sampling.features import log_spectrum, patch
from mirkit.sampling.lines import sums_along_lines
from mirkit.sampling.search import normalised_frames, peaks, similarity, tempo_grid

CONFIG = Config()


def patches(sample: np.ndarray, song: Audio) -> tuple[np.ndarray, np.ndarray]:
    return patch(sound(sample), CONFIG.features), patch(song, CONFIG.features)


@pytest.mark.parametrize(
    ("shift_st", "ratio"), [(0.0, 1.0), (2.0, 1.1), (-5.0, 0.8), (3.5, 0.85), (12 * np.log2(1.06), 1.06)]
)
def test_a_planted_sample_is_found(shift_st, ratio):
    sample = melody(1, 3.0)
    song = planted(sample, [3.2], shift_st=shift_st, ratio=ratio)
    found = find(*patches(sample, song), CONFIG)
    best = int(found.X[:, 0].argmax())
    assert found.times_s[best, 0] == pytest.approx(3.2, abs=0.05 + CONFIG.features.hop_s)
    assert found.pitch_shift_st[best] == pytest.approx(shift_st, abs=0.5)
    assert found.tempo_ratio[best] == pytest.approx(ratio, rel=0.03)
    assert found.times_s[best, 1] - found.times_s[best, 0] == pytest.approx(3.0 / ratio, abs=0.5)


def test_every_repetition_is_a_candidate_of_the_first_hypothesis():
    sample = melody(2, 2.0)
    starts_s = [1.0, 5.0, 7.0, 9.0, 15.0]
    found = find(*patches(sample, planted(sample, starts_s)), CONFIG)
    first = found.times_s[found.X[:, list(DESCRIPTORS).index("rank")] == 0, 0]
    for start_s in starts_s:
        assert np.abs(first - start_s).min() < 0.1


def test_a_sample_that_is_there_fits_better_than_one_that_is_not():
    sample, other = melody(3, 3.0), melody(4, 3.0)
    song = planted(sample, [6.0], shift_st=1.0, ratio=1.05, gain=0.5)
    assert (
        find(*patches(sample, song), CONFIG).X[:, 0].max()
        > 1.5 * find(*patches(other, song), CONFIG).X[:, 0].max()
    )


def test_level_does_not_matter():
    sample = melody(3, 2.0)
    song = planted(sample, [6.0])
    loud = find(*patches(sample, song), CONFIG)
    soft = find(*patches(0.05 * sample, Audio(0.1 * song.samples, RATE)), CONFIG)
    np.testing.assert_allclose(soft.X, loud.X, atol=0.02)


def test_a_chopped_sample_gives_the_part_that_is_there():
    sample = melody(6, 4.0)
    song = planted(sample[: 2 * RATE], [5.0])
    found = find(*patches(sample, song), CONFIG)
    best = int(found.X[:, 0].argmax())
    assert found.times_s[best, 0] == pytest.approx(5.0, abs=0.3)
    assert found.times_s[best, 1] == pytest.approx(7.0, abs=0.7)


def test_a_song_shorter_than_the_sample_gives_no_candidate():
    assert len(find(*patches(melody(1, 6.0), sound(melody(2, 3.0))), CONFIG)) == 0


def test_transposing_moves_rows():
    y = melody(7, 2.0)
    up = np.interp(np.arange(0, len(y), 2 ** (4 / 12)), np.arange(len(y)), y).astype(np.float32)
    low, high = (log_spectrum(one, CONFIG.features).mean(axis=1) for one in (y, up))
    shifts = range(-20, 21)
    fits = [np.corrcoef(np.roll(low, k)[30:-30], high[30:-30])[0, 1] for k in shifts]
    assert shifts[int(np.argmax(fits))] == 12  # four semitones of three rows


def test_a_song_alone_is_fully_like_itself():
    heard = patch(sound(melody(8, 3.0)), CONFIG.features)
    itself = similarity(heard, normalised_frames(heard), 0)
    diagonal = np.diagonal(itself, axis1=1, axis2=2).mean(axis=1)
    assert (diagonal > 0.5).all()  # 1 / 1.3 at most, since a floor is added to the norm of frames
    assert (diagonal < 1.05).all()
    assert (diagonal > 3 * np.abs(itself.mean(axis=(1, 2)))).all()


@pytest.mark.parametrize(
    ("y", "message"), [(np.zeros(RATE), "silent"), (np.ones(1000), r"lasts 0.05 s; wanted at least 0.14")]
)
def test_what_cannot_be_heard_is_refused(y, message):
    with pytest.raises(ParameterError, match=message):
        patch(sound(y), CONFIG.features)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_sums_along_lines_are_those_of_a_loop(n_rows, n_columns, n_lines, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n_rows, n_columns)).astype(np.float32)
    offsets = np.sort(rng.integers(0, n_columns + 3, (n_lines, n_rows)), axis=1)
    out = np.full((n_lines, n_columns), 7.0, np.float32)
    sums_along_lines(matrix, offsets, out)
    for k in range(n_lines):
        for t in range(n_columns):
            inside = t + offsets[k, -1] < n_columns
            wanted = sum(matrix[i, t + offsets[k, i]] for i in range(n_rows)) / n_rows if inside else 0.0
            assert out[k, t] == pytest.approx(wanted, abs=1e-4)


@given(st.integers(4, 600))
def test_no_path_ends_farther_than_the_slack_from_the_nearest_tempo(n_frames):
    config = SearchConfig()
    grid = tempo_grid(n_frames, config)
    assert grid[0] <= config.tempo_min
    assert grid[-1] >= config.tempo_max
    assert np.isclose(grid, 1.0).any()
    steps = np.log(grid[1:] / grid[:-1])
    assert (steps <= max(2 * config.slack_frames / n_frames, 0.0) + 1e-9).all() or steps.max() <= 0.08 + 1e-9


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.integers(1, 6))
def test_peaks_keep_their_distance(values, spacing):
    curve = np.array(values)
    at = peaks(curve, spacing, 10, 0.0)
    assert (curve[at] >= 0).all()
    assert (np.diff(curve[at]) <= 0).all()
    assert all(abs(a - b) >= spacing for i, a in enumerate(at) for b in at[:i])

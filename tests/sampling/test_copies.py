"""A sample that was pasted as it is shows in the waveform, however soft; nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from sampling.conftest import RATE, melody, planted, sound

from mirkit import Audio, read, sampling
from mirkit.sampling.copies import CONFIDENCE, find_copies

LOOPS = {
    "drums": (0.0, 7.5, 15.0, 22.5, 37.5, 45.0, 52.5),
    "bass": (15.0, 22.5, 37.5, 52.5),
    "melody": (7.5, 15.0, 22.5, 30.0, 37.5, 45.0),
    "Effects": (22.5, 37.5, 45.0),
}
"""Where the loops of the track play at their full gain, by matched filtering of the waveforms."""


def test_a_soft_copy_is_found_to_the_millisecond():
    sample = melody(1, 3.0)
    song = planted(sample, [4.123, 9.5], gain=0.15)
    found = find_copies(sound(sample), song)
    assert [one.start_s for one in found] == pytest.approx([4.123, 9.5], abs=0.001)
    assert [one.gain for one in found] == pytest.approx([0.075, 0.075], rel=0.2)


def test_all_of_many_copies_are_found():
    rng = np.random.default_rng(0)
    hit = rng.standard_normal(round(0.3 * RATE)).astype(np.float32)
    song = 0.05 * rng.standard_normal(round(131 * RATE)).astype(np.float32)
    starts = [round(0.5 * k * RATE) for k in range(260)]
    for start in starts:
        song[start : start + len(hit)] += hit
    found = find_copies(Audio(hit[np.newaxis], RATE), Audio(song[np.newaxis], RATE))
    assert [one.start_s for one in found] == pytest.approx([start / RATE for start in starts], abs=0.001)


def test_a_copy_that_was_turned_over_is_found():
    sample = melody(1, 3.0)
    song = planted(sample, [4.0])
    (one,) = find_copies(sound(-sample), song)
    assert one.start_s == pytest.approx(4.0, abs=0.001)
    assert one.gain < 0


@pytest.mark.parametrize(("shift_st", "ratio"), [(1.0, 1.0), (0.0, 1.05)])
def test_what_was_changed_is_no_copy(shift_st, ratio):
    sample = melody(1, 3.0)
    assert find_copies(sound(sample), planted(sample, [4.0], shift_st=shift_st, ratio=ratio)) == []


def test_a_loop_that_shares_strokes_is_no_copy():
    stroke = np.random.default_rng(0).standard_normal(RATE // 5) * np.exp(-np.arange(RATE // 5) / 500)
    loops = np.zeros((2, 4 * RATE), np.float32)
    for loop, times_s in zip(loops, ((0.0, 0.5, 1.25, 2.0, 3.5), (0.0, 0.75, 1.5, 2.5, 3.0)), strict=True):
        for time_s in times_s:
            loop[round(time_s * RATE) :][: len(stroke)] += stroke.astype(np.float32)
    song = np.tile(loops[1], 5)
    assert find_copies(sound(loops[0]), sound(song)) == []
    assert len(find_copies(sound(loops[1]), sound(song))) == 5


def test_half_a_song_of_silence_makes_no_copies():
    song = np.concatenate([np.zeros(20 * RATE), melody(3, 10.0)])
    assert find_copies(sound(melody(1, 3.0)), sound(song)) == []


@pytest.mark.parametrize("length", [0, 1, 500])
def test_what_is_too_short_has_no_copies(length):
    assert find_copies(sound(melody(1, 3.0)[:length]), planted(melody(1, 3.0), [4.0])) == []


def test_a_long_song_is_taken_in_blocks(monkeypatch):
    sample = melody(1, 2.0)
    song = planted(sample, [0.5, 6.0, 17.9], seed=7)
    whole = find_copies(sound(sample), song)
    monkeypatch.setattr("mirkit.sampling.copies.BLOCK", 30_000)
    assert [round(one.start_s, 3) for one in find_copies(sound(sample), song)] == [0.5, 6.0, 17.9]
    assert len(whole) == 3


def test_a_copy_takes_the_place_of_what_was_found_there():
    sample = melody(5, 2.0)
    song = planted(sample, [3.0, 8.0], duration_s=12.0)
    found = sampling.predict(sampling.load(), sound(sample), song, label="riff")
    assert found.intervals.times_s[:, 0] == pytest.approx([3.0, 8.0], abs=0.002)
    assert found.confidence.tolist() == [CONFIDENCE] * 2
    assert found.song_confidence >= CONFIDENCE
    assert set(found.intervals.labels) == {"riff"}
    assert len(found.evidence.paths) >= 2


@pytest.fixture(scope="module")
def track(shared):
    return shared / "sampling" / "loop_track"


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_of_a_real_track_is_found_where_it_plays(track, loop):
    song = read(track / "LSDDM_EM_track.flac")
    found = sampling.predict(sampling.load(), read(track / f"LSDDM_EM_{loop}.flac"), song)
    assert found.present
    assert found.intervals.times_s[:, 0] == pytest.approx(LOOPS[loop], abs=0.01)


@pytest.mark.parametrize("loop", LOOPS)
def test_no_loop_of_a_real_track_is_found_in_other_songs(track, shared, loop):
    model, sample = sampling.load(), read(track / f"LSDDM_EM_{loop}.flac")
    songs = [Audio(one[np.newaxis], RATE) for one in (melody(300, 30.0), melody(301, 30.0, low=30, high=90))]
    songs += [read(path, duration_s=40.0) for path in sorted(shared.glob("multitrack/*/*_MIX.*"))[:3]]
    assert not any(sampling.predict(model, sample, song).present for song in songs)

"""The account of known performances: what was wrong, missed, added, repeated, and when."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from assessment.conftest import clean, perform
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit.assessment import analyse
from mirkit.assessment.alignment import align
from mirkit.assessment.dtw import folded, warp
from mirkit.assessment.score import Score
from mirkit.assessment.segmentation import NOTE
from mirkit.errors import ParameterError


def notes_heard(notes: list[tuple[float, float, float]]) -> np.ndarray:
    return np.array([(onset, length, pitch, 1.0, -20.0) for onset, length, pitch in notes], NOTE)


def test_clean_playing_is_all_right(score):
    found = analyse(perform(clean(score)), score)
    assert found.verdicts == ()
    assert (found.account.played["status"] == "correct").all()
    assert not len(found.account.added)
    truth = np.array([onset + 0.2 for onset, _, _ in clean(score)])
    error_s = np.abs(found.account.played["onset_s"] + found.start_s - truth)
    assert np.median(error_s) < 0.015
    assert error_s.max() < 0.06
    assert np.nanmax(np.abs(found.account.played["cents"])) < 5


def test_wrong_missed_and_added_notes_are_told_apart(score):
    notes = clean(score)
    notes[4] = (*notes[4][:2], 75.0)
    notes[12] = (*notes[12][:2], 80.0)
    del notes[9]
    beyond = notes[15]
    notes[15] = (beyond[0], beyond[1] / 2, beyond[2])
    notes.insert(16, (beyond[0] + 0.25, 0.22, 76.0))
    found = analyse(perform(notes), score).account
    assert np.flatnonzero(found.played["status"] == "wrong").tolist() == [4, 12]
    assert np.flatnonzero(found.played["status"] == "missed").tolist() == [9]
    assert [round(p) for p in found.added["pitch_midi"]] == [76]


def test_a_restart_and_a_pause_are_reported(score):
    notes = clean(score)
    back = [(onset + 5.0, length, pitch) for onset, length, pitch in notes[6:]]
    shift_s = notes[10][0] + 1.0 - (notes[6][0] + 5.0)
    again = notes[:10] + [(onset + shift_s, length, pitch) for onset, length, pitch in back]
    found = analyse(perform(again), score)
    assert [(jump.from_note, jump.to_note) for jump in found.alignment.restarts] == [(9, 6)]
    assert (found.account.played["status"] == "correct").all()
    late = notes[:12] + [(onset + 1.5, length, pitch) for onset, length, pitch in notes[12:]]
    found = analyse(perform(late), score)
    assert [pause.after_note for pause in found.account.pauses] == [11]
    assert abs(found.account.pauses[0].duration_s - 1.5) < 0.15
    assert found.alignment.restarts == ()


def test_another_octave_and_another_tuning_are_no_faults(score):
    low = [(onset, length, pitch - 12) for onset, length, pitch in clean(score)]
    found = analyse(perform(low, cents=-40), score)
    assert (found.account.played["status"] == "correct").all()
    assert found.alignment.octave_st == -12
    assert abs(100 * found.tuning_st + 40) < 4


def test_repeated_notes_without_a_gap_still_count(score):
    notes = clean(score, legato=1.0)
    found = analyse(perform(notes), score)
    assert (found.account.played["status"] == "correct").mean() > 0.95


@pytest.mark.parametrize("missed", [5, 6])
def test_of_two_equal_notes_the_one_whose_time_is_empty_was_missed(missed):
    pitches = [60, 62, 64, 65, 64, 67, 67, 65, 64, 62]
    beats = [0, 1, 2, 3, 4, 6, 6.5, 7, 8, 9, 10]
    score = Score.from_rows(list(zip(beats, np.diff(beats), pitches, strict=False)))
    played = [(0.5 * beats[k], 0.2, pitches[k]) for k in range(10) if k != missed]
    found = align(notes_heard(played), score)
    assert sorted(set(range(10)) - set(found.notes.tolist())) == [missed]


def test_slow_and_quick_performances_fit_alike(score):
    for beat_s in (0.3, 0.5, 1.0):
        found = analyse(perform(clean(score, beat_s=beat_s)), score)
        assert (found.account.played["status"] == "correct").mean() > 0.95
        assert abs(np.median(found.account.tempo[:, 1]) * beat_s / 60 - 1) < 0.03


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_the_path_never_goes_back_without_a_restart(seed):
    rng = np.random.default_rng(seed)
    from mirkit.assessment import Score

    n = int(rng.integers(2, 30))
    score = Score.from_rows([(k, 1, rng.integers(60, 70)) for k in range(n)])
    heard = notes_heard(
        [(0.4 * k, 0.35, float(rng.integers(58, 72))) for k in range(int(rng.integers(1, 40)))]
    )
    found = align(heard, score)
    matched = found.notes[found.notes >= 0]
    assert (found.notes < n).all()
    assert (np.diff(matched) < 0).sum() <= len(found.restarts)
    assert found.cost >= 0


def test_a_window_gives_the_same_path_as_the_whole_score(rng):
    from mirkit.assessment import Score
    from mirkit.assessment.config import AlignmentConfig

    pitches = rng.integers(60, 76, 300)
    score = Score.from_rows([(k, 1, p) for k, p in enumerate(pitches)])
    heard = notes_heard([(0.4 * k, 0.35, float(p)) for k, p in enumerate(pitches) if k % 17])
    whole = align(heard, score, config=AlignmentConfig(window=512))
    part = align(heard, score, config=AlignmentConfig(window=64))
    assert whole.notes.tolist() == part.notes.tolist()


def test_nothing_heard_cannot_be_aligned(score):
    with pytest.raises(ParameterError, match="nothing to align"):
        align(np.zeros(0, NOTE), score)


@pytest.mark.parametrize("seed", range(25))
def test_the_published_warp_costs_what_librosa_says(seed):
    rng = np.random.default_rng(seed)
    notes = rng.integers(55, 80, int(rng.integers(1, 25))).astype(float)
    frames = rng.uniform(50, 85, int(rng.integers(30, 120)))
    found = warp(notes, frames)
    distance = folded(notes[:, np.newaxis] - frames)
    total, _ = librosa.sequence.dtw(C=distance, subseq=False)
    assert found.cost == pytest.approx(total[-1, -1])
    own = [(n, m) for n in range(len(notes)) for m in range(found.first[n], found.last[n] + 1)]
    assert sum(distance[n, m] for n, m in own) == pytest.approx(total[-1, -1])
    steps = np.diff(np.array(own), axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()

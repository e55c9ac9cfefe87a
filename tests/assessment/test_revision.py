"""What context tells about single notes: passages played twice, sounds that belong to a note, tails."""

from __future__ import annotations

import numpy as np
import pytest
from assessment.conftest import clean, perform

from mirkit.assessment import Score, analyse
from mirkit.assessment.alignment import align
from mirkit.assessment.pitch import Contour
from mirkit.assessment.revision import recognise
from mirkit.assessment.segmentation import NOTE, segment
from mirkit.dsp import FrameGrid

SCALE = Score.from_rows([(k, 1, pitch) for k, pitch in enumerate([60, 62, 64, 65, 67, 69, 71, 72])])
HOP_S = 256 / 44100


def heard(rows: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Onset, duration, pitch, attack."""
    return np.array([(onset, length, pitch, attack, -20.0) for onset, length, pitch, attack in rows], NOTE)


def played(pitches: list[float], *, stop_before: int | None = None) -> np.ndarray:
    late = [0.6 if stop_before is not None and k >= stop_before else 0.0 for k in range(len(pitches))]
    return heard([(0.5 * k + late[k], 0.48, pitch, 1.0) for k, pitch in enumerate(pitches)])


def test_two_notes_played_twice_after_a_stop_are_a_restart_not_added():
    found = align(played([60, 62, 64, 65, 64, 65, 67, 69, 71, 72], stop_before=4), SCALE)
    assert (found.notes >= 0).all()
    assert [(jump.from_note, jump.to_note) for jump in found.restarts] == [(3, 2)]


def test_a_wrong_note_within_a_passage_played_twice_does_not_hide_it():
    found = align(played([60, 62, 61, 65, 67, 64, 65, 67, 69, 71, 72], stop_before=5), SCALE)
    assert [(jump.from_note, jump.to_note) for jump in found.restarts] == [(4, 2)]
    assert (found.notes >= 0).all()


@pytest.mark.parametrize("extra", [[62, 62], [61, 70], [66, 58]])
def test_added_notes_that_are_no_passage_stay_added(extra):
    pitches = [60.0, 62, *extra, 64, 65, 67, 69, 71, 72]
    onset_s = [0.0, 0.5, 0.66, 0.83, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    rows = [
        (onset, 0.15 if 0.4 < onset < 1 else 0.48, p, 1.0) for onset, p in zip(onset_s, pitches, strict=True)
    ]
    found = align(heard(rows), SCALE)
    assert found.restarts == ()
    assert np.flatnonzero(found.notes < 0).tolist() == [2, 3]


def test_without_a_stop_more_notes_must_tell():
    pitch = np.array([60, 62, 64, 65, 64, 65, 67.0])
    notes = np.array([0, 1, 2, 3, -1, -1, 4])
    joined = heard([(0.5 * k, 0.5, p, 1.0) for k, p in enumerate(pitch)])
    assert recognise(joined, pitch, SCALE.notes["pitch_midi"], notes).tolist() == notes.tolist()


def test_a_slide_into_a_note_is_its_beginning():
    rows = [(0.5 * k, 0.48, p, 1.0) for k, p in enumerate([60, 62, 64, 65, 67, 69, 71, 72])]
    rows[3:4] = [(1.5, 0.06, 64.4, 1.0), (1.56, 0.42, 65, 1.0)]
    found = align(heard(rows), SCALE)
    assert found.notes.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 7]
    assert found.visits[3] == found.visits[4]


def test_pieces_of_a_wrong_note_are_one_wrong_note():
    rows = [(0.5 * k, 0.48, p, 1.0) for k, p in enumerate([60, 62, 64, 65, 67, 69, 71, 72])]
    rows[3:4] = [(1.5, 0.2, 70, 1.0), (1.7, 0.28, 70, 0.3)]
    assert align(heard(rows), SCALE).notes.tolist() == [0, 1, 2, 3, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("drop_db", "attacked"), [(4.0, True), (25.0, False)])
def test_what_a_room_gives_back_is_no_new_note(drop_db, attacked):
    f0_hz = np.full(200, 440.0)
    level_db = np.r_[np.full(90, -20.0), np.linspace(-20, -55, 10), np.full(100, -20.0 - drop_db)]
    contour = Contour.from_f0(FrameGrid(0, HOP_S, 200), f0_hz)
    contour = type(contour)(
        **{name: getattr(contour, name) for name in contour.__slots__} | {"level_db": level_db}
    )
    found = segment(contour)
    assert len(found) == 2
    assert (found["attack"][1] > 0) == attacked


def test_an_echo_is_neither_added_nor_wrong(score):
    dry = perform(clean(score)[:-3])
    samples = dry.samples.copy()
    late = round(0.15 * dry.sample_rate)
    samples[:, late:] += 0.05 * dry.samples[:, :-late]
    found = analyse(type(dry)(samples, dry.sample_rate), score).account
    assert not len(found.added)
    assert (found.played["status"][-3:] == "missed").all()
    assert (found.played["status"][:-3] == "correct").all()

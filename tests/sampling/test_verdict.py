"""The bundled model says where a transposed, stretched sample is, and that it is nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from sampling.conftest import melody, planted, sound

from mirkit import sampling

SHIFT_ST, RATIO = 3.5, 0.85
STARTS_S = (2.1, 9.0, 14.4)


@pytest.fixture(scope="module")
def model():
    return sampling.load()


def test_a_sample_of_another_key_and_tempo_is_found_wherever_it_is(model):
    sample = melody(1, 4.0)
    song = planted(sample, list(STARTS_S), shift_st=SHIFT_ST, ratio=RATIO, duration_s=25.0)
    found = sampling.predict(model, sound(sample), song)
    assert found.present
    assert found.intervals.times_s[:, 0] == pytest.approx(STARTS_S, abs=0.2)
    assert found.pitch_shift_st == pytest.approx([SHIFT_ST] * 3, abs=0.35)
    assert found.tempo_ratio == pytest.approx([RATIO] * 3, rel=0.02)


def test_twenty_songs_without_it_are_said_not_to_hold_it(model):
    sample = sound(melody(1, 4.0))
    songs = [sound(0.5 * melody(100 + k, 25.0, low=38 + k, high=70 + k, note_s=0.31)) for k in range(20)]
    verdicts = [sampling.predict(model, sample, song) for song in songs]
    assert not any(one.present for one in verdicts), np.round([one.song_confidence for one in verdicts], 2)

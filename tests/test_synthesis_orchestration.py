"""What the tracks of a piece are, and who plays them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from conftest import skip_or_fail
from made_up_pieces import DRUMS, band, song

from mirkit.data.synthesis import rhythm
from mirkit.data.synthesis.midi import read_midi
from mirkit.data.synthesis.notes import Track, note_array
from mirkit.data.synthesis.orchestration import TABLA_STROKES, orchestrate, players
from mirkit.data.synthesis.textures import DRUM_KEYS, drum_part, polyphony, textures, voices_of


@pytest.fixture(scope="module", autouse=True)
def _mido() -> None:
    if importlib.util.find_spec("mido") is None:
        skip_or_fail("the package mido: pip install 'mirkit[synthesis]'")


def test_percussion_is_mapped_to_keys_that_the_kits_know() -> None:
    keys = {name: value for name, value in vars(rhythm).items() if name.isupper() and isinstance(value, int)}
    strokes = {value for name, value in keys.items() if value >= 60 and name != "SHAKER"}
    assert set(DRUM_KEYS.values()) <= {value for value in keys.values() if value < 60} | {rhythm.SHAKER}
    assert set(TABLA_STROKES) == set(DRUM_KEYS.values())
    assert set(TABLA_STROKES.values()) <= strokes
    struck = note_array(
        [(0, 0.1, 35, 90), (0, 0.1, 36, 80), (1, 0.1, 57, 90), (2, 0.1, 40, 90), (3, 0.1, 30, 9)]
    )
    drums = drum_part([Track(struck, drums=True)])
    assert drums["pitch_midi"].tolist() == [
        rhythm.KICK,
        rhythm.CRASH,
        rhythm.SNARE,
    ]  # two kicks at once are one
    assert struck["pitch_midi"][0] == 35  # the caller's array is left alone


def test_drums_go_to_a_kit_or_a_tabla() -> None:
    seen = set()
    for seed in range(60):
        for part in band(seed).parts:
            if part.instrument in DRUMS:
                seen.add(part.instrument)
                keys = set(part.notes["pitch_midi"])
                wanted = TABLA_STROKES.values() if part.instrument == "tabla" else DRUM_KEYS.values()
                assert keys <= {float(key) for key in wanted}
                assert part.role in {"drums", "tabla", "alone"}
    assert seen == DRUMS


def test_tracks_are_told_apart() -> None:
    found = textures(read_midi(song(1)).tracks, duration_s=40.0)
    assert [texture.kind for texture in found[:2]] == ["drums", "bass"]
    assert sorted(texture.kind for texture in found) == ["bass", "chords", "drums", "line", "line"]


def test_doublings_and_silent_tracks_are_dropped() -> None:
    tune = note_array([(k / 2, 0.4, 60 + k % 6, 90) for k in range(30)])
    octave = tune.copy()
    octave["pitch_midi"] += 12
    silent = note_array([(0, 0.1, 60, 90)] * 3)
    effect = Track(tune, program=122)
    tracks = [Track(tune, 0), Track(tune[1:], 1), Track(octave, 2), Track(silent, 3), effect]
    assert [t.program for t in textures(tracks, duration_s=15.0)] in ([0, 2], [2, 0])
    many = []
    for k in range(14):
        line = tune.copy()
        line["pitch_midi"] += k
        many.append(Track(line, k))
    assert len(textures(many, duration_s=15.0)) == 8


def test_chords_divide_into_lines_from_the_top() -> None:
    chords = note_array([(k, 1, p, 80) for k in range(5) for p in (48, 55, 64)])
    lines = voices_of(chords, 3)
    assert [set(line["pitch_midi"]) for line in lines] == [{64}, {55}, {48}]
    assert polyphony(chords) == 1
    assert not any(polyphony(line) for line in lines)


def test_who_may_play_what() -> None:
    for kind in ("drums", "bass", "line", "chords"):
        assert sum(players(kind).values()) == pytest.approx(1)
    assert "violin" not in players("chords")
    assert "electric bass" not in players("line")
    assert set(players("drums")) == DRUMS
    assert orchestrate(np.random.default_rng(0), [], duration_s=5.0) == ()


def test_nobody_sings_fast_notes() -> None:
    fast = Track(note_array([(k / 12, 1 / 12, 60 + k % 5, 90) for k in range(240)]))
    names = {
        part.instrument
        for seed in range(60)
        for part in orchestrate(np.random.default_rng(seed), [fast], duration_s=20.0)
    }
    assert len(names) > 5
    assert not any("singer" in name for name in names)

"""Reading pieces: MIDI files, WAD archives, scores."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_pieces import TICKS, Message, midi_file, played, shelf, song

from mirkit.data.synthesis.midi import read_midi, wad_lumps
from mirkit.data.synthesis.notation import read_notation
from mirkit.data.synthesis.pieces import compose_from_pieces, entries, read_piece
from mirkit.errors import DatasetError


@pytest.fixture(scope="module", autouse=True)
def _mido() -> None:
    if importlib.util.find_spec("mido") is None:
        skip_or_fail("the package mido: pip install 'mirkit[synthesis]'")


def test_midi_is_read_at_its_tempo() -> None:
    data = midi_file(played([(0, 1, 60), (2, 0.5, 64)], program=56), bpm=60.0, metre=(3, 4))
    piece = read_midi(data)
    (track,) = piece.tracks
    assert track.program == 56
    np.testing.assert_allclose(track.notes["onset_s"], [0, 2], atol=1e-5)  # tempo is in whole microseconds
    np.testing.assert_allclose(track.notes["duration_s"], [1, 0.5], atol=1e-5)
    assert track.notes["pitch_midi"].tolist() == [60, 64]
    assert piece.metres == ((0.0, "3/4"),)
    np.testing.assert_allclose(piece.bars_s, [0, 3], atol=1e-5)


def test_a_change_of_tempo_moves_what_follows() -> None:
    import mido

    file = mido.MidiFile(file=io.BytesIO(midi_file(played([(0, 1, 60), (4, 4, 62)]), bpm=120.0)))
    file.tracks[0].append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(60), time=4 * TICKS))
    buffer = io.BytesIO()
    file.save(file=buffer)
    (track,) = read_midi(buffer.getvalue()).tracks
    np.testing.assert_allclose(track.notes["onset_s"], [0, 2], atol=1e-5)
    np.testing.assert_allclose(track.notes["duration_s"], [0.5, 4], atol=1e-5)


def test_the_pedal_lengthens_notes_until_it_is_lifted_or_the_key_struck() -> None:
    def pedal(at: float, value: int) -> Message:
        return (at, "control_change", {"channel": 0, "control": 64, "value": value})

    notes = played([(0, 1, 60), (0, 1, 64), (2, 1, 60)])
    held = read_midi(midi_file([*notes, pedal(0.5, 127), pedal(4, 0)], bpm=60.0)).tracks[0].notes
    ends = dict(zip(zip(held["onset_s"].round(3), held["pitch_midi"], strict=True),
                    (held["onset_s"] + held["duration_s"]).round(3), strict=True))  # fmt: skip
    assert ends == {(0.0, 60.0): 2.0, (0.0, 64.0): 4.0, (2.0, 60.0): 4.0}
    other_channel = [
        (q, kind, {**values, "channel": 3}) for q, kind, values in (pedal(0.5, 127), pedal(4, 0))
    ]
    dry = read_midi(midi_file([*notes, *other_channel], bpm=60.0)).tracks[0].notes
    np.testing.assert_allclose(dry["duration_s"], 1.0, atol=1e-5)


def test_a_program_change_starts_a_track_and_channel_ten_is_drums() -> None:
    change: Message = (3.5, "program_change", {"channel": 0, "program": 73})
    data = midi_file([*played([(0, 1, 60), (4, 1, 62)], program=40), change], played([(0, 1, 36)], channel=9))
    piece = read_midi(data)
    assert sorted((t.program, t.drums) for t in piece.tracks if t.program) == [(40, False), (73, False)]
    assert [t.drums for t in piece.tracks].count(True) == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_midi_gives_one_error_or_a_piece(data: st.DataObject) -> None:
    whole = bytearray(song(1, n_bars=2))
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(DatasetError):  # any other exception is a defect
        assert read_midi(damaged, "x.mid").bars_s[-1] > 0


def test_wad_archives_give_their_midi(tmp_path: Path) -> None:
    midi, noise = song(3), b"\x00" * 40
    lumps = [(b"D_E1M1", midi), (b"TITLEPIC", noise), (b"D_E1M2", song(4)), (b"D_COPY", midi)]
    body, directory = b"", b""
    for name, content in lumps:
        directory += struct.pack("<ii8s", 12 + len(body), len(content), name)
        body += content
    wad = struct.pack("<4sii", b"IWAD", len(lumps), 12 + len(body)) + body + directory
    (tmp_path / "game.wad").write_bytes(wad)
    assert list(wad_lumps(tmp_path / "game.wad")) == ["D_E1M1", "D_E1M2", "D_COPY"]
    found = entries(shelf(tmp_path))
    assert len(found) == 2  # a copy is no piece of its own
    assert {entry.name for entry in found} <= {"game.wad/D_E1M1", "game.wad/D_E1M2", "game.wad/D_COPY"}
    assert len(read_piece(found[0]).tracks) == 5
    (tmp_path / "cut.wad").write_bytes(wad[:100])
    with pytest.raises(DatasetError, match="lies outside the 100 bytes"):
        wad_lumps(tmp_path / "cut.wad")
    (tmp_path / "no.wad").write_bytes(b"nothing of the kind")
    with pytest.raises(DatasetError, match="no WAD archive"):
        wad_lumps(tmp_path / "no.wad")


SCORE = """<?xml version="1.0"?>
<score-partwise version="3.1"><work><work-title>Two parts</work-title></work>
<part-list><score-part id="P1"><part-name>Clarinet</part-name></score-part>
<score-part id="P2"><part-name>Tenor</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>2</divisions>
<key><fifths>1</fifths><mode>major</mode></key><time><beats>4</beats><beat-type>4</beat-type></time>
<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>
<direction><sound tempo="60"/></direction>
<note><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration></note>
<note><grace/><pitch><step>F</step><octave>5</octave></pitch></note>
<note><pitch><step>E</step><octave>5</octave></pitch><duration>4</duration><tie type="start"/></note>
</measure><measure number="2">
<note><pitch><step>E</step><octave>5</octave></pitch><duration>4</duration><tie type="stop"/></note>
<note><pitch><step>D</step><octave>5</octave></pitch><duration>4</duration></note></measure></part>
<part id="P2"><measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>8</duration></note></measure>
<measure number="2">
<note><pitch><step>G</step><octave>3</octave></pitch><duration>8</duration></note></measure>
</part></score-partwise>
"""


def need_music21() -> None:
    if importlib.util.find_spec("music21") is None:
        skip_or_fail("the package music21: pip install 'mirkit[scores]'")


def test_scores_are_read_at_sounding_pitch_with_ties_joined(tmp_path: Path) -> None:
    need_music21()
    (tmp_path / "two.musicxml").write_text(SCORE)
    piece = read_notation(tmp_path / "two.musicxml")
    clarinet, tenor = piece.tracks
    assert clarinet.notes["pitch_midi"].tolist() == [72, 74, 72]  # written D5, E5, D5 for an instrument in Bb
    np.testing.assert_allclose(clarinet.notes["onset_s"], [0, 2, 6], atol=1e-6)
    np.testing.assert_allclose(clarinet.notes["duration_s"], [2, 4, 2], atol=1e-6)
    assert (tenor.name, tenor.program) == ("Tenor", 52)
    np.testing.assert_allclose(piece.bars_s, [0, 4, 8], atol=1e-6)
    assert (piece.title, piece.metres[0][1], piece.has_tempo) == ("Two parts", "4/4", True)
    assert piece.key == "F major"  # the clarinet's written G major
    (tmp_path / "cut.musicxml").write_text(SCORE[:900])
    with pytest.raises(DatasetError, match="damaged score"):
        read_notation(tmp_path / "cut.musicxml")
    assert not list(tmp_path.glob("*.p*"))  # no pickle beside the score


def test_the_corpus_of_music21_is_a_source() -> None:
    need_music21()
    chorales = shelf("music21:bach", pattern=r"bwv66\.6\.mxl$")
    (entry,) = entries(chorales)
    piece = read_piece(entry)
    assert entry.name == "bach/bwv66.6.mxl"
    assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert piece.key == "F# minor"
    score = compose_from_pieces(
        np.random.default_rng(0), [chorales], duration_s=40.0
    )  # longer than the piece
    assert score is not None
    assert max(part.notes["onset_s"].max() for part in score.parts) > 30

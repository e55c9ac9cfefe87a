"""Scores at sounding pitch, with repeats, ties, grace notes and pick-ups; and files that want harm."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from mirkit.assessment import Score, read_score
from mirkit.errors import AnnotationError, ParameterError

pytest.importorskip("music21")


def note(step: str, octave: int, duration: int, *, extra: str = "", grace: bool = False) -> str:
    length = "<grace/>" if grace else ""
    ticks = "" if grace else f"<duration>{duration}</duration>"
    return (
        f"<note>{length}<pitch><step>{step}</step><octave>{octave}</octave></pitch>{ticks}{extra}"
        f"<voice>1</voice><type>quarter</type></note>"
    )


def musicxml(measures: list[str], *, transpose: str = "", parts: int = 1) -> str:
    attributes = (
        f"<attributes><divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time>{transpose}"
        "</attributes>"
    )
    names = "".join(
        f'<score-part id="P{p}"><part-name>Part {p}</part-name></score-part>' for p in range(parts)
    )
    body = "".join(
        f'<measure number="{k}">{attributes if k == 1 else ""}{content}</measure>'
        for k, content in enumerate(measures, 1)
    )
    music = "".join(f'<part id="P{p}">{body}</part>' for p in range(parts))
    return f'<?xml version="1.0"?><score-partwise><part-list>{names}</part-list>{music}</score-partwise>'


FOUR = note("C", 5, 2) + note("D", 5, 2) + note("E", 5, 2) + note("F", 5, 2)

INSTRUMENTS = {
    "piccolo": (7, 0, 1, 12), "E flat clarinet": (2, 3, 0, 3), "B flat clarinet": (-1, -2, 0, -2),
    "bass clarinet": (-1, -2, -1, -14),
    "soprano saxophone": (-1, -2, 0, -2), "alto saxophone": (-5, -9, 0, -9),
    "tenor saxophone": (-1, -2, -1, -14), "baritone saxophone": (-5, -9, -1, -21), "trumpet": (-1, -2, 0, -2),
    "horn in F": (-4, -7, 0, -7), "euphonium, treble clef": (-1, -2, -1, -14), "flute": (0, 0, 0, 0),
    "A clarinet": (-2, -3, 0, -3), "contrabass": (0, 0, -1, -12),
}  # fmt: skip
"""Diatonic and chromatic steps and octaves as MusicXML has them, and what they come to in semitones."""


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_transposing_instruments_are_read_at_sounding_pitch(tmp_path, name):
    diatonic, chromatic, octaves, expected = INSTRUMENTS[name]
    diatonic, chromatic = (0, 0) if name == "piccolo" else (diatonic, chromatic)
    change = f"<octave-change>{octaves}</octave-change>" if octaves else ""
    transpose = (
        f"<transpose><diatonic>{diatonic}</diatonic><chromatic>{chromatic}</chromatic>{change}</transpose>"
    )
    (tmp_path / "part.musicxml").write_text(musicxml([FOUR], transpose=transpose if expected else ""))
    assert read_score(tmp_path / "part.musicxml").notes["pitch_midi"][0] == 72 + expected


def test_repeats_are_played_out_and_ties_joined(tmp_path):
    tied = (
        note("C", 5, 2, extra='<tie type="start"/>')
        + note("C", 5, 2, extra='<tie type="stop"/>')
        + note("G", 4, 4)
    )
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    (tmp_path / "a.musicxml").write_text(musicxml([FOUR + repeat, tied]))
    notes = read_score(tmp_path / "a.musicxml").notes
    assert notes["pitch_midi"].tolist() == [72, 74, 76, 77] * 2 + [72, 67]
    assert notes["duration_beat"].tolist() == [1] * 8 + [2, 2]
    assert notes["bar"].tolist() == [1] * 8 + [2] * 2
    assert notes["onset_beat"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]


def test_grace_notes_come_before_the_beat(tmp_path):
    bar = note("C", 5, 2) + note("B", 4, 0, grace=True) + note("D", 5, 6)
    (tmp_path / "a.musicxml").write_text(musicxml([bar]))
    notes = read_score(tmp_path / "a.musicxml").notes
    assert notes["pitch_midi"].tolist() == [72, 71, 74]
    assert notes["grace"].tolist() == [False, True, False]
    assert notes["onset_beat"].tolist() == [0, 0.875, 1]


def test_grace_notes_take_at_most_half_of_the_note_before(tmp_path):
    def short(step, sixteenths, **more):
        return note(step, 5, sixteenths, **more).replace("<octave>5", "<octave>4")

    bars = [
        short("D", 6)
        + short("C", 2)
        + short("E", 0, grace=True)
        + short("F", 0, grace=True)
        + short("G", 24),
        short("B", 1) + "".join(short(s, 0, grace=True) for s in "CDE") + short("D", 31),
    ]
    (tmp_path / "a.musicxml").write_text(musicxml(bars).replace("<divisions>2", "<divisions>8"))
    notes = read_score(tmp_path / "a.musicxml").notes
    assert notes["pitch_midi"].tolist() == [62, 60, 64, 65, 67, 71, 60, 62, 64, 62]
    assert notes["onset_beat"][:5].tolist() == [0, 0.75, 0.875, 0.9375, 1]
    written = notes[~notes["grace"]]
    assert written["onset_beat"].tolist() == [0, 0.75, 1, 4, 4.125]
    assert written["duration_beat"].tolist() == [0.75, 0.125, 3, 0.0625, 3.875]
    np.testing.assert_allclose(notes["duration_beat"][6:9], 0.0625 / 3)


def test_grace_notes_sound_in_a_rest_before_they_shorten_a_note(tmp_path):
    rest = "<note><rest/><duration>2</duration><voice>1</voice><type>quarter</type></note>"
    graces = note("D", 5, 0, grace=True) + note("E", 5, 0, grace=True)
    (tmp_path / "a.musicxml").write_text(musicxml([note("C", 5, 2) + rest + graces + note("F", 5, 4)]))
    notes = read_score(tmp_path / "a.musicxml").notes
    assert notes["onset_beat"].tolist() == [0, 1.75, 1.875, 2]
    assert notes["duration_beat"].tolist() == [1, 0.125, 0.125, 2]


def test_a_pick_up_keeps_its_place(tmp_path):
    (tmp_path / "a.musicxml").write_text(musicxml([note("G", 4, 2), FOUR]))
    notes = read_score(tmp_path / "a.musicxml").notes
    assert notes["onset_beat"][:2].tolist() == [0, 1]


@pytest.mark.parametrize(("pick_up", "bars"), [("", [1, 1, 1, 1, 2, 2]), ("G|", [0, 1, 1, 1, 1, 2, 2])])
def test_bars_of_abc_are_counted_from_one(tmp_path, pick_up, bars):
    (tmp_path / "a.abc").write_text(f"X:1\nT:a\nM:4/4\nL:1/4\nK:C\n{pick_up}CDEC|E2G2|]\n")
    assert read_score(tmp_path / "a.abc").notes["bar"].tolist() == bars


def test_endless_notes_of_abc_are_refused_and_years_are_not(tmp_path):
    tune = "X:1\nT:Polka, 1874\nM:4/4\nL:1/4\nK:C\nCDE{length}C| % in 1874\n"
    (tmp_path / "a.abc").write_text(tune.format(length="2"))
    assert len(read_score(tmp_path / "a.abc").notes) == 4
    (tmp_path / "a.abc").write_text(tune.format(length="21474"))
    with pytest.raises(AnnotationError, match="mend its length"):
        read_score(tmp_path / "a.abc")


def test_compressed_scores_and_parts(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", '<?xml version="1.0"?><container><rootfiles>'
                         '<rootfile full-path="a.xml"/></rootfiles></container>')  # fmt: skip
        archive.writestr("a.xml", musicxml([FOUR], parts=2))
    assert len(read_score(tmp_path / "a.mxl", part=2).notes) == 4
    assert len(read_score(tmp_path / "a.mxl", part="part 1").notes) == 4
    with pytest.raises(ParameterError, match="no part 'tuba'"):
        read_score(tmp_path / "a.mxl", part="tuba")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entity_bombs_are_refused(tmp_path, encoding):
    bomb = '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    bomb += "<score-partwise>&b;</score-partwise>"
    (tmp_path / "bomb.musicxml").write_bytes(bomb.encode(encoding))
    with pytest.raises(AnnotationError, match="entities"):
        read_score(tmp_path / "bomb.musicxml")
    with zipfile.ZipFile(tmp_path / "bomb.mxl", "w") as archive:
        archive.writestr("bomb.xml", bomb.encode(encoding))
    with pytest.raises(AnnotationError, match="entities"):
        read_score(tmp_path / "bomb.mxl")


@pytest.mark.parametrize(("name", "content"), [("a.musicxml", "<score"), ("a.mid", "MThd"), ("a.mxl", "PK"),
                                               ("a.csv", "a,b\n1,2\n"), ("a.docx", "")])  # fmt: skip
def test_damaged_scores_raise_one_clear_error(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(AnnotationError, match=name):
        read_score(tmp_path / name)


def test_csv_round_trip(tmp_path):
    score = Score.from_rows([(0, 1, 60), (1, 0.5, 62), (1.5, 0.5, 64)])
    score.write(tmp_path / "a.csv")
    assert (read_score(tmp_path / "a.csv").notes == score.notes).all()


def test_csv_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("onset_beat,duration_beat,pitch_midi\n0,1,60\n", encoding="utf-8-sig")
    assert read_score(tmp_path / "a.csv").notes["pitch_midi"].tolist() == [60]


def test_of_chords_the_highest_note_is_kept_and_notes_do_not_overlap():
    score = Score.from_rows([(0, 4, 48), (0, 1, 60), (1, 1, 62)])
    assert score.notes["pitch_midi"].tolist() == [60, 62]
    assert np.all(score.notes["duration_beat"] == 1)


def test_midi_files_are_read(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for pitch in (60, 62, 64):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    file.save(tmp_path / "a.mid")
    notes = read_score(tmp_path / "a.mid").notes
    assert notes["pitch_midi"].tolist() == [60, 62, 64]
    assert notes["onset_beat"].tolist() == [0, 1, 2]

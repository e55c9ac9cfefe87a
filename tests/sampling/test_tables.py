"""Tables of pairs in the layout of Sample100 and of its extension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sampling.conftest import melody, sound

from mirkit import write
from mirkit.errors import DatasetError
from mirkit.sampling import open_pairs

ORIGINAL = (
    "sample_id,original_track_id,sample_track_id,t_original,t_sample,n_repetitions,sample_type,comments"
)
EXTENDED = (
    ORIGINAL.replace("original", "target")
    .replace("sample_track", "query_track")
    .replace("t_sample", "t_query")
    .replace("comments", "estimated_tempo_ratio")
)


def folder_with(tmp_path: Path, *lines: str, newline: str = "\n") -> Path:
    (tmp_path / "samples.csv").write_text(newline.join(lines) + newline, newline="")
    return tmp_path


def test_the_table_of_2011_ends_its_lines_as_old_macs_did(tmp_path):
    rows = [
        "S001,T002,T001,3,41,4,riff,no,",
        "S002,T002,T004,0,7,4,beat,a comment",
        "S003,T003,T004,5,2,9,One note,",
    ]
    pairs = open_pairs(folder_with(tmp_path, ORIGINAL, *rows, newline="\r"))
    positive = {item.query: item for item in pairs.items if item.kind == "positive"}
    assert {name: (item.song, item.type) for name, item in positive.items()} == {
        "S001": ("T001", "melodic loop"),
        "S002": ("T004", "drum loop"),
        "S003": ("T004", "one-shot"),
    }
    first = positive["S001"]
    assert (first.query_start_s, first.query_end_s) == (3.0, 8.0)
    assert first.truth.intervals.times_s.tolist() == [[41.0, 46.0]]
    assert np.isnan(first.truth.pitch_shift_st).all()


def test_a_song_that_uses_the_record_is_no_decoy_for_it(tmp_path):
    rows = ["S001,T002,T001,3,41,4,riff,", "S002,T002,T004,0,7,4,beat,", "S003,T003,T005,5,2,9,riff,"]
    decoys = [
        item.id for item in open_pairs(folder_with(tmp_path, ORIGINAL, *rows)).items if item.kind == "decoy"
    ]
    assert decoys == ["S001/T005", "S002/T005", "S003/T001", "S003/T004"]


def test_nine_decoys_none_twice(tmp_path):
    rows = [f"S{k:03d},T{100 + k},T{200 + k},0,0,1,riff," for k in range(30)]
    pairs = open_pairs(folder_with(tmp_path, ORIGINAL, *rows))
    assert len(pairs.items) == 300
    assert len({item.id for item in pairs.items}) == 300
    assert len({item.song for item in pairs.items if item.kind == "decoy"}) == 30


def test_places_of_the_extension_are_read(tmp_path):
    folder_with(tmp_path, EXTENDED, "S007,T011,T012,1,0,3,riff,1.25", "S008,T013,T014,2,6,1,riff,")
    layers = tmp_path / "sonic_visualiser_annotations"
    layers.mkdir()
    (layers / "S007_r.csv").write_text("1.5\t1\t4.0\n1.5\t2\t8.0\n")
    (layers / "S007_s.csv").write_text("30.25\t1\t3.2\n0.5\t1\t3.2\n0.5\t2\t6.4\n61.0\t0\t1.0\n")
    for k, name in enumerate(("T011", "T012", "T013")):
        write(tmp_path / f"{name}.flac", sound(melody(k, 6.0)))
    pairs = open_pairs(tmp_path)
    item = next(item for item in pairs.items if item.id == "S007/T012")
    assert (item.query_start_s, item.query_end_s) == (1.5, 5.5)
    np.testing.assert_allclose(item.truth.intervals.times_s, [[0.5, 3.7], [30.25, 33.45]])
    assert item.truth.tempo_ratio.tolist() == [1.25, 1.25]
    assert item.sample_audio().duration_s == pytest.approx(4.0, abs=0.01)
    assert {problem.kind for problem in pairs.validate()} == {"length", "missing"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("sample_id,sample_type", "S001,riff"), "wanted original_track_id.* or target_track_id"),
        (
            (ORIGINAL, "S001,T002,T001,soon,0,1,riff,"),
            r"line 2: t_original must be a finite number of at least 0, got 'soon'",
        ),
        (("title,year", "a,b"), "columns sample_id, sample_type are missing"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path, lines, message):
    with pytest.raises(DatasetError, match=message):
        open_pairs(folder_with(tmp_path, *lines))


def test_a_faulty_layer_is_refused_by_line(tmp_path):
    folder_with(tmp_path, ORIGINAL, "S001,T002,T001,0,0,1,riff,")
    (tmp_path / "sonic_visualiser_annotations").mkdir()
    (tmp_path / "sonic_visualiser_annotations" / "S001_s.csv").write_text("1.0\t1\t2.0\nnonsense\n")
    with pytest.raises(DatasetError, match="line 2: wanted start, level and length"):
        open_pairs(tmp_path)


def test_a_folder_with_neither_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"neither pairs\.csv"):
        open_pairs(tmp_path)

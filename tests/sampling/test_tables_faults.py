"""Tables of pairs that are faulty or hostile: one error that names the file and the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirkit.errors import DatasetError
from mirkit.sampling import open_pairs

PAIR = {
    "split": "test", "query": "q", "query_path": "q.wav", "query_start_s": "0", "query_end_s": "1",
    "song": "s", "song_path": "s.wav", "kind": "positive", "type": "riff",
}  # fmt: skip
PLACE = {
    "query": "q", "song": "s", "start_s": "1.5", "end_s": "2.5", "pitch_shift_st": "2", "tempo_ratio": "1.1"
}  # fmt: skip
SAMPLE = {
    "sample_id": "S001", "original_track_id": "T001", "sample_track_id": "T002", "t_original": "0",
    "t_sample": "3", "sample_type": "riff", "estimated_tempo_ratio": "1.25",
}  # fmt: skip


def table(path: Path, *rows: dict[str, str], encoding: str = "utf-8") -> None:
    lines = [",".join(values) for values in (rows[0], *(row.values() for row in rows))]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)


def own(folder: Path, *, encoding: str = "utf-8", **changes: str) -> Path:
    """Write mirkit's own tables with values changed in the second row, line 3."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = {name: changes.get(name, value) for name, value in PAIR.items()}
    place = {name: changes.get(name, value) for name, value in PLACE.items()}
    table(folder / "pairs.csv", {**PAIR, "song": "s1"}, pair, encoding=encoding)
    table(folder / "occurrences.csv", PLACE, place, encoding=encoding)
    return folder


def sample100(folder: Path, *, encoding: str = "utf-8", **changes: str) -> Path:
    """Write a table like Sample100's with values changed in the second row, line 3."""
    for name in ("audio", "sonic_visualiser_annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    table(folder / "samples.csv", SAMPLE, {**SAMPLE, "sample_id": "S002", **changes}, encoding=encoding)
    return folder


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("query_path", "/etc/passwd", "/etc/passwd: leaves the data set's folder"),
        ("song_path", "../../x.wav", "leaves the data set's folder"),
        ("song_path", "x" * 300, "is not a usable path"),
        ("query_start_s", "nan", "query_start_s must be a finite number of at least 0, got 'nan'"),
        ("query_start_s", "-1", "query_start_s must be a finite number of at least 0, got '-1'"),
        ("query_end_s", "soon", "query_end_s must be a finite number of at least 0, got 'soon'"),
        ("query_start_s", "2", "query_end_s must be above query_start_s"),
    ],
)
def test_a_faulty_pair_is_refused_by_line(tmp_path: Path, column: str, value: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"pairs\.csv, line 3: .*{message}"):
        open_pairs(own(tmp_path, **{column: value}))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("start_s", "zero", "start_s must be a finite number, got 'zero'"),
        ("start_s", "", "start_s must be a finite number, got ''"),
        ("end_s", "inf", "end_s must be a finite number, got 'inf'"),
        ("end_s", "1", "end_s must not come before start_s, got 1.5 to 1.0 s"),
        ("pitch_shift_st", "-inf", "pitch_shift_st must be a finite number, got '-inf'"),
        ("tempo_ratio", "0", "tempo_ratio must be above 0, got '0'"),
    ],
)
def test_a_faulty_occurrence_is_refused_by_line(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    with pytest.raises(DatasetError, match=rf"occurrences\.csv, line 3: {message}"):
        open_pairs(own(tmp_path, **{column: value}))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("estimated_tempo_ratio", "0", "estimated_tempo_ratio must be above 0, got '0'"),
        ("estimated_tempo_ratio", "1e-320", "not a sample at finite times"),
        ("t_sample", "nan", "t_sample must be a finite number of at least 0, got 'nan'"),
        ("t_sample", "inf", "t_sample must be a finite number of at least 0, got 'inf'"),
        ("t_original", "-3", "t_original must be a finite number of at least 0, got '-3'"),
        ("original_track_id", "/etc/x", "/etc/x: leaves the data set's folder"),
        ("original_track_id", "../../x", "leaves the data set's folder"),
        ("sample_track_id", "", "a track has no name"),
        ("sample_track_id", "x" * 252, "is not a usable path"),
        ("sample_id", "/etc/x", "/etc/x_r.csv: leaves the data set's folder"),
        ("sample_id", "x" * 300, "is not a usable path"),
    ],
)
def test_a_faulty_row_of_sample100_is_refused_by_line(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    with pytest.raises(DatasetError, match=rf"samples\.csv, line 3: .*{message}"):
        open_pairs(sample100(tmp_path, **{column: value}))


def test_lines_are_those_of_the_file_though_some_are_empty(tmp_path: Path) -> None:
    sample100(tmp_path, t_sample="x")
    path = tmp_path / "samples.csv"
    path.write_text(path.read_text().replace("\n", "\n\n"))
    with pytest.raises(DatasetError, match=r"samples\.csv, line 5: t_sample"):
        open_pairs(tmp_path)


def test_a_sound_file_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    root = sample100(tmp_path / "set", original_track_id="T009")
    (tmp_path / "outside.flac").touch()
    (root / "audio" / "T009.flac").symlink_to(tmp_path / "outside.flac")
    with pytest.raises(DatasetError, match=r"samples\.csv, line 3: .*T009\.flac: leaves"):
        open_pairs(root)


def test_the_name_of_a_track_is_no_pattern(tmp_path: Path) -> None:
    root = sample100(tmp_path, original_track_id="T* [remix]")
    for name in ("T001.flac", "T* [remix].flac", "Tx r.flac"):
        (root / "audio" / name).touch()
    found = {item.query: item.query_path.name for item in open_pairs(root).items}
    assert found == {"S001": "T001.flac", "S002": "T* [remix].flac"}


def test_an_absolute_path_within_the_folder_is_one_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "T009.flac").touch()
    pairs = open_pairs(sample100(tmp_path, original_track_id=str(tmp_path / "audio" / "T009")))
    assert pairs.items[-1].query_path == tmp_path / "audio" / "T009.flac"
    (item, _) = open_pairs(own(tmp_path / "own", query_path=str(tmp_path / "own" / "q.wav"))).items[::-1]
    assert item.query_path == tmp_path / "own" / "q.wav"


@pytest.mark.parametrize("value", ["nan\t1\t2", "1\t1\tinf", "1\t1\t-2"])
def test_a_faulty_place_of_a_layer_is_refused_by_line(tmp_path: Path, value: str) -> None:
    layers = sample100(tmp_path) / "sonic_visualiser_annotations"
    (layers / "S002_s.csv").write_text(f"1\t1\t2\n{value}\n")
    with pytest.raises(DatasetError, match=r"S002_s\.csv, line 2: (start|length) must be a finite number"):
        open_pairs(tmp_path)


def test_a_transformation_that_is_not_given_is_nan(tmp_path: Path) -> None:
    item = open_pairs(own(tmp_path, pitch_shift_st="", tempo_ratio="nan")).items[1]
    np.testing.assert_array_equal(item.truth.pitch_shift_st, [2.0, np.nan])
    np.testing.assert_array_equal(item.truth.tempo_ratio, [1.1, np.nan])


def test_a_byte_order_mark_is_no_part_of_a_table(tmp_path: Path) -> None:
    assert len(open_pairs(own(tmp_path / "own", encoding="utf-8-sig")).items) == 2
    root = sample100(tmp_path / "sample100", encoding="utf-8-sig")
    (root / "sonic_visualiser_annotations" / "S001_s.csv").write_text("7\t1\t2\n", encoding="utf-8-sig")
    assert open_pairs(root).items[0].truth.intervals.times_s.tolist() == [[7.0, 9.0]]

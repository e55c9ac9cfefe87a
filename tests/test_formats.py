"""Text formats: what mirkit writes it reads back, and MedleyDB's own files agree with its rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, skip_or_fail

from mirkit import ActivityAnnotation, FrameGrid, Intervals
from mirkit.annotation import formats
from mirkit.errors import AnnotationError

HOP_S = 2048 / 44100


@pytest.fixture
def intervals() -> Intervals:
    return Intervals(
        [[0.0, 1.25], [0.5, 0.5], [2.0, 7200.125]],
        ["piano", "female singer", "fx, processed"],
        [1.0, 0.25, 0.5],
    )


@pytest.fixture
def confidence(rng) -> ActivityAnnotation:
    values = np.round(rng.random((2, 500)), 4)
    return ActivityAnnotation(FrameGrid(0.0, HOP_S, 500), ("S01", "S02"), values)


@pytest.mark.parametrize("name", ["lab", "audacity", "source_id", "intervals_csv"])
def test_intervals_round_trip(tmp_path, intervals, name):
    path = tmp_path / "x.txt"
    getattr(formats, f"write_{name}")(path, intervals)
    back = getattr(formats, f"read_{name}")(path)
    np.testing.assert_allclose(back.times_s, intervals.times_s, atol=1e-4)
    assert back.labels == intervals.labels
    if name == "intervals_csv":
        np.testing.assert_allclose(back.scores, intervals.scores)


def test_lab_is_what_mir_eval_reads(tmp_path, intervals):
    path = tmp_path / "x.lab"
    formats.write_lab(path, intervals)
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(float(a), float(b), label) for a, b, label in rows] == [
        (a, b, label) for (a, b), label in zip(intervals.times_s, intervals.labels, strict=True)
    ]


def test_audacity_spectral_lines_are_passed_over(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0.5\t1.5\tpiano solo\n\\\t200.0\t4000.0\n2.0\t2.0\t\n", encoding="utf-8")
    found = formats.read_audacity(path)
    assert found.labels == ("piano solo", "")
    assert found.times_s.tolist() == [[0.5, 1.5], [2.0, 2.0]]


def test_activation_confidence_round_trip_and_unordered_columns(tmp_path, confidence):
    path = tmp_path / "x_ACTIVATION_CONF.lab"
    formats.write_activation_confidence(path, confidence)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "time,S01,S02"
    back = formats.read_activation_confidence(path)
    np.testing.assert_allclose(back.values, confidence.values, atol=1e-6)
    assert back.grid == confidence.grid
    swapped = [
        ",".join([cells[2], cells[0], cells[1]])
        for cells in (line.split(",") for line in path.read_text(encoding="utf-8").split())
    ]
    path.write_text("\n".join(swapped), encoding="utf-8")
    by_header = formats.read_activation_confidence(path)
    assert by_header.labels == ("S02", "S01")
    np.testing.assert_allclose(by_header.values[::-1], confidence.values, atol=1e-6)


def test_activity_csv_keeps_unknown_values(tmp_path):
    activity = ActivityAnnotation(
        FrameGrid(0.0, 0.5, 3), ("a", 'b "quoted", c'), [[0.5, np.nan, 1.0], [0, 0, 0.25]]
    )
    formats.write_activity_csv(tmp_path / "a.csv", activity)
    back = formats.read_activity_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(back.values, activity.values)
    assert (back.labels, back.grid) == (activity.labels, activity.grid)


def test_jams_round_trip(tmp_path, intervals):
    try:
        import jams  # noqa: F401
    except ImportError:
        skip_or_fail("the package jams")
    formats.write_jams(tmp_path / "x.jams", intervals, 7300.0)
    back = formats.read_jams(tmp_path / "x.jams")
    np.testing.assert_allclose(back.times_s, intervals.times_s)
    assert back.labels == intervals.labels
    np.testing.assert_allclose(back.scores, intervals.scores)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("time\n0.0\n", "at least one more column"),
        ("S01,S02\n0.1,0.2\n", "wanted 'time'"),
        ("time,S01\n", "no rows"),
        ("time,S01\n0.0,0.1,0.2\n", "line 2: 3 values under 2"),
        ("time,S01\n0.0,high\n", "wanted numbers"),
        ("time,S01\n0.0,0.1\n0.2,0.1\n0.1,0.1\n", "line 4: times must rise"),
        ("time,S01\n0.0,0.1\n0.1,0.1\n0.5,0.1\n0.6,0.1\n", "evenly spaced"),
        ("time,S01\n0.0,1.5\n0.1,0.1\n", r"CONF\.lab, line 2: 'S01' is 1\.5; values must lie in"),
        ("time,S01,S02\n0.0,0.1,0.2\n\n0.1,0.1,-0.5\n", r"CONF\.lab, line 4: 'S02' is -0\.5; values must"),
        ("time,S01\n0.0,0.1\n\n0.1,high\n", r"CONF\.lab, line 4: .*wanted numbers"),
        ("time,S01,S01\n0.0,0.1,0.2\n", r"CONF\.lab, line 1: columns of the same name: 'S01'; rename"),
        ("time,S01,time\n0.0,0.1,0.2\n", r"CONF\.lab, line 1: columns of the same name: 'time'"),
    ],
)
def test_faulty_confidence_files_say_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "x_ACTIVATION_CONF.lab"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        formats.read_activation_confidence(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start_time,end_time\n0,1\n", "instrument_label"),
        ("start_time,end_time,instrument_label\n1,x,piano\n", "line 2"),
        ("start_time,end_time,instrument_label\n2,1,piano\n", "run backwards"),
    ],
)
def test_faulty_source_id_files_say_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "x.lab"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        formats.read_source_id(path)


def test_binary_files_are_refused_by_name(tmp_path):
    path = tmp_path / "x.lab"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(AnnotationError, match=r"x\.lab: not UTF-8"):
        formats.read_lab(path)


def published_tracks(shared: Path) -> list[Path]:
    return sorted((shared / "annotations" / "medleydb").glob("*_SOURCEID.lab"))


def test_published_source_ids_are_reproduced(shared: Path):
    """Frame agreement of at least 0.999 for each label of each track; seen: 1.0 for every one."""
    tracks = published_tracks(shared)
    assert len(tracks) == 8
    for path in tracks:
        name = path.name.removesuffix("_SOURCEID.lab")
        confidence = formats.read_activation_confidence(path.with_name(f"{name}_ACTIVATION_CONF.lab"))
        metadata = yaml.safe_load(path.with_name(f"{name}_METADATA.yaml").read_text(encoding="utf-8"))
        instruments = {stem: [entry["instrument"]] for stem, entry in metadata["stems"].items()}
        ours = formats.source_id(confidence, instruments)
        published = formats.read_source_id(path)
        assert set(ours.labels) == set(published.labels)
        times_s = np.arange(confidence.grid.n_frames) * HOP_S
        for label in set(published.labels):
            agreement = np.mean(_frames(ours, label, times_s) == _frames(published, label, times_s))
            assert agreement >= 0.999, (name, label, agreement)


def _frames(intervals: Intervals, label: str, times_s: np.ndarray) -> np.ndarray:
    """Return which frames lie in an interval; its end is the time of its last frame, so it belongs."""
    active = np.zeros(len(times_s), dtype=bool)
    for (start_s, end_s), name in zip(intervals.times_s, intervals.labels, strict=True):
        if name == label:
            active |= (times_s >= start_s - 1e-3) & (times_s <= end_s + 1e-3)
    return active


def test_a_single_row_has_medleydbs_hop_only_in_medleydbs_file(tmp_path):
    path = tmp_path / "one.lab"
    path.write_text("time,S01\n0.0,0.7\n", encoding="utf-8")
    assert formats.read_activation_confidence(path).grid == FrameGrid(0.0, HOP_S, 1)
    activity = ActivityAnnotation(FrameGrid(0.0, 1.0, 1), ("piano",), [[0.75]])
    formats.write_activity_csv(tmp_path / "one.csv", activity)
    with pytest.raises(AnnotationError, match=r"one\.csv: a single row does not tell .* give hop_s"):
        formats.read_activity_csv(tmp_path / "one.csv")
    back = formats.read_activity_csv(tmp_path / "one.csv", hop_s=1.0)
    assert (back.grid, back.values.tolist()) == (activity.grid, [[0.75]])


def test_the_page_of_formats_names_the_namespace_that_is_written():
    try:
        import jams  # noqa: F401
    except ImportError:
        skip_or_fail("the package jams")
    (annotation,) = formats.intervals_to_jams(Intervals([[0.0, 1.0]], ["piano"]), 1.0).annotations
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert f"| namespace `{annotation.namespace}`" in page

"""Taxonomies, intervals and activity on a grid."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mirkit import ActivityAnnotation, FrameGrid, Intervals, Taxonomy
from mirkit.errors import AnnotationError, ParameterError


def activity(values, hop_s=0.1, labels=None):
    values = np.atleast_2d(np.asarray(values, dtype=np.float32))
    labels = labels or tuple(f"class {k}" for k in range(len(values)))
    return ActivityAnnotation(FrameGrid(0.0, hop_s, values.shape[1]), labels, values)


def test_the_eighteen_classes_are_in_their_order():
    assert Taxonomy.load("instruments18").labels == (
        "acoustic guitar", "clean electric guitar", "distorted electric guitar", "electric bass",
        "double bass", "drum set", "tabla", "piano", "electronic organ", "synthesizer", "violin", "cello",
        "flute", "clarinet", "saxophone", "trumpet", "male singer", "female singer",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "eighteen", "six"),
    [
        ("drum machine", ("drum set",), ("drums",)),
        ("bass synth", ("synthesizer",), ("bass",)),
        ("vocalists", ("male singer", "female singer"), ("vocals",)),
        ("male rapper", ("male singer", "female singer"), ("vocals",)),
        ("female screamer", ("male singer", "female singer"), ("vocals",)),
        ("Tenor_Saxophone", ("saxophone",), ()),
        ("distorted electric guitar", ("distorted electric guitar",), ("electric guitar",)),
        ("gtr", ("acoustic guitar", "clean electric guitar", "distorted electric guitar"),
         ("electric guitar", "acoustic guitar")),
        ("tambourine", (), ()),
    ],
)  # fmt: skip
def test_source_labels_mean_what_the_taxonomies_say(raw, eighteen, six):
    assert Taxonomy.load("instruments18").possible(raw) == eighteen
    assert Taxonomy.load("stems6").possible(raw) == six


@pytest.mark.parametrize("name", ["instruments18", "stems6"])
def test_every_label_in_use_is_known_to_the_taxonomies(shared: Path, name):
    with (shared / "annotations" / "tracks.csv").open(encoding="utf-8") as file:
        used = {label for row in csv.DictReader(file) for label in row["instruments"].split("|")}
    assert len(used) > 250
    assert Taxonomy.load(name).unmapped(used) == []


def test_unknown_labels_are_reported():
    assert Taxonomy.load("stems6").unmapped(["kazoo", "piano", "tambourine"]) == ["kazoo"]


def test_taxonomy_from_a_file(tmp_path):
    path = tmp_path / "winds.yaml"
    path.write_text("labels:\n  flute: [piccolo]\n  oboe: []\nambiguous:\n  winds: any\n", encoding="utf-8")
    taxonomy = Taxonomy.load(path)
    assert taxonomy.name == "winds"
    assert taxonomy.canonical("Piccolo") == "flute"
    assert taxonomy.possible("winds") == ("flute", "oboe")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels: [flute]", "not a taxonomy"),
        ("- flute", "not a taxonomy"),
        ("labels: {flute: [x]}\nambiguous: {x: [flute]}", "both an alias and ambiguous"),
        ("labels: {flute: [x]}\nambiguous: {y: [drum]}", "maps to \\['drum'\\]"),
    ],
)
def test_faulty_taxonomies_are_refused(tmp_path, text, message):
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        Taxonomy.load(path)


def test_a_missing_taxonomy_names_the_bundled_ones():
    with pytest.raises(AnnotationError, match="instruments18"):
        Taxonomy.load("instruments81")


def test_index_of_an_unknown_class_lists_the_classes():
    with pytest.raises(ParameterError, match="vocals, drums"):
        Taxonomy.load("stems6").index("kazoo")


def test_merge_takes_the_maximum_and_leaves_other_labels_out():
    source = activity([[0.2, 0.9], [0.6, 0.1], [1.0, 1.0]], labels=("drum machine", "drum set", "tambourine"))
    merged = source.merge(Taxonomy.load("instruments18"))
    row = merged.values[merged.labels.index("drum set")]
    np.testing.assert_allclose(row, [0.6, 0.9])
    assert np.nansum(merged.values) == pytest.approx(1.5)


def test_ambiguous_labels_make_classes_unknown_only_while_they_sound():
    source = activity([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]], labels=("vocalists", "female singer"))
    merged = source.merge(Taxonomy.load("instruments18"))
    np.testing.assert_array_equal(merged.values[merged.labels.index("male singer")], [np.nan, np.nan, 0])
    np.testing.assert_array_equal(merged.values[merged.labels.index("female singer")], [np.nan, 1, 0])


def test_unknown_frames_of_a_source_stay_unknown():
    merged = activity([[np.nan, 0.2]], labels=("piano",)).merge(Taxonomy.load("stems6"))
    np.testing.assert_allclose(merged.values[5], [np.nan, 0.2])


def test_pooling_rules():
    source = activity([[0.1, 0.9, 0.2, 0.6, 0.7]], hop_s=0.5)
    assert source.pool(1.0, "max").values[0] == pytest.approx([0.9, 0.6, 0.7])
    assert source.pool(1.0, "mean").values[0] == pytest.approx([0.5, 0.4, 0.7])
    assert source.pool(math.inf, "top3").values[0] == pytest.approx([np.sort(source.values[0])[-3:].mean()])
    assert source.pool(1.0, "centre").values[0] == pytest.approx([0.9, 0.6, 0.7])
    assert source.pool(1.0, "fraction").values[0] == pytest.approx([0.5, 0.5, 1.0])
    assert source.pool(math.inf, "max").values[0] == pytest.approx([0.9])


def test_pooling_with_a_hop_that_does_not_divide_the_window():
    # MedleyDB's hop: 21.53 frames a second, so windows hold 22, 21, 22, 21 ... frames.
    n_frames = 216
    source = activity(np.arange(n_frames)[np.newaxis] / n_frames, hop_s=2048 / 44100)
    starts = np.ceil(np.arange(11) * 44100 / 2048 - 1e-9)
    pooled = source.pool(1.0, "max").values[0] * n_frames
    np.testing.assert_allclose(pooled, np.append(starts[1:] - 1, n_frames - 1)[: len(pooled)], rtol=1e-5)


def test_pooling_keeps_what_is_known_in_spite_of_unknown_frames():
    source = activity([[np.nan, 0.9, np.nan, 0.2, np.nan, np.nan]], hop_s=0.5)
    np.testing.assert_allclose(source.pool(1.0, "max").values[0], [0.9, np.nan, np.nan])
    assert np.isnan(source.pool(1.0, "mean").values).all()
    with pytest.raises(ParameterError, match="how must be"):
        source.pool(1.0, "median")


def test_intervals_with_hysteresis_and_minimum_duration():
    source = activity([[0.1, 0.8, 0.4, 0.7, 0.1, 0.6, 0.1, 0.4, 0.4]], hop_s=1.0)
    assert source.intervals(0.5).times_s.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert source.intervals(0.5, release=0.7).times_s.tolist() == [[1, 4], [5, 6]]
    assert source.intervals(0.5, release=0.7, min_duration_s=2.0).times_s.tolist() == [[1, 4]]
    assert source.intervals(0.5, release=0.7).scores[0] == pytest.approx((0.8 + 0.4 + 0.7) / 3)


def test_intervals_end_with_the_audio():
    source = activity([[0.9, 0.9, 0.9]], hop_s=1.0)
    assert source.intervals(end_s=2.25).times_s.tolist() == [[0.0, 2.25]]


def test_thresholds_for_each_label():
    source = activity([[0.4], [0.4]], labels=("a", "b"))
    assert source.binarize({"a": 0.3, "b": 0.5}).values.ravel().tolist() == [1.0, 0.0]
    with pytest.raises(ParameterError, match="no value for \\['b'\\]"):
        source.binarize({"a": 0.3})


@given(hnp.arrays(np.bool_, (2, 17)))
def test_intervals_and_frames_round_trip(active):
    source = activity(active.astype(np.float32), hop_s=0.25)
    back = ActivityAnnotation.from_intervals(source.intervals(), source.grid, source.labels)
    np.testing.assert_array_equal(back.values, source.values)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(-2, 2))
def test_align_reads_the_frame_under_each_middle(n_frames, n_other, start_s):
    source = activity(np.linspace(0, 1, n_frames)[np.newaxis], hop_s=0.3)
    grid = FrameGrid(start_s, 0.1, n_other)
    aligned = source.align(grid).values[0]
    for time_s, value in zip(grid.times_s() + 0.05, aligned, strict=True):
        frame = math.floor(time_s / 0.3 + 1e-6)
        if 0 <= frame < n_frames:
            assert value == source.values[0, frame]
        else:
            assert np.isnan(value)


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (np.zeros((2, 3)), ("a",), "must have shape"),
        (np.zeros((2, 3)), ("a", "a"), "labels must differ"),
        (np.full((1, 3), 1.5), ("a",), "must lie in"),
        (np.full((1, 3), -0.5), ("a",), "must lie in"),
    ],
)
def test_malformed_activity_is_refused(values, labels, message):
    with pytest.raises(AnnotationError, match=message):
        ActivityAnnotation(FrameGrid(0.0, 1.0, 3), labels, values)


@pytest.mark.parametrize(
    ("times_s", "labels", "message"),
    [
        ([[1.0, 0.5]], ["a"], "run backwards"),
        ([[0.0, np.nan]], ["a"], "finite"),
        ([[0.0, 1.0]], [], "one row each"),
    ],
)
def test_malformed_intervals_are_refused(times_s, labels, message):
    with pytest.raises(AnnotationError, match=message):
        Intervals(times_s, labels)


def test_the_callers_array_is_not_changed():
    values = np.array([[0.2, 0.8]], dtype=np.float32)
    kept = values.copy()
    source = activity(values)
    source.binarize()
    source.pool(0.2)
    source.merge(Taxonomy.load("stems6"))
    np.testing.assert_array_equal(values, kept)


def test_write_and_read(tmp_path):
    source = activity([[0.25, np.nan], [1.0, 0.0]], labels=("piano", "violin, solo"))
    source.write(tmp_path)
    back = ActivityAnnotation.read(tmp_path)
    np.testing.assert_array_equal(back.values, source.values)
    assert (back.grid, back.labels) == (source.grid, source.labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["activity.csv", "activity.json"]
    with pytest.raises(AnnotationError, match="a result of mirkit"):
        ActivityAnnotation.read(tmp_path / "elsewhere")


def test_a_stretch_of_exactly_the_shortest_duration_stays_wherever_it_begins():
    for first in range(400):
        values = np.zeros((1, 500))
        values[0, first : first + 25] = 1.0
        source = activity(values, hop_s=0.01)
        assert len(source.intervals(min_duration_s=0.25)) == 1, first
        assert len(source.intervals(min_duration_s=0.26)) == 0, first


@pytest.mark.parametrize("seconds", [0.02, 0.0, -1.0, math.nan])
@pytest.mark.parametrize("how", ["max", "mean", "centre"])
def test_windows_shorter_than_a_frame_are_refused(seconds, how):
    with pytest.raises(ParameterError, match=r"seconds must be at least a frame, 0\.046 s, got"):
        activity(np.ones((1, 10)), hop_s=0.046).pool(seconds, how)


def test_a_window_of_one_frame_gives_the_values_themselves():
    source = activity(np.linspace(0, 1, 2000)[np.newaxis], hop_s=0.1)
    for seconds in (0.1, 0.3 - 0.2, 0.1 * (1 - 1e-9)):  # as rounding leaves it
        pooled = source.pool(seconds, "mean")
        np.testing.assert_array_equal(pooled.values, source.values)
        assert pooled.grid == source.grid

"""The timeline shows what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit import ActivityAnnotation, Audio, FrameGrid
from mirkit.activity import Confusion, evaluate_scales, plot
from mirkit.activity.plots import plot_comparison, plot_confusion, plot_labels, plot_scales, save
from mirkit.errors import ParameterError


@pytest.fixture
def result() -> ActivityAnnotation:
    values = [[0.9, 0.1, np.nan, 0.8], [0.0, 0.01, 0.02, 0.0], [0.2, 0.6, 0.7, 0.1]]
    return ActivityAnnotation(FrameGrid(0.0, 30.0, 4), ("piano", "tabla", "violin"), values)


def test_rows_are_the_instruments_that_were_heard(result):
    ax = plot(result, title="song")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["piano", "violin"]
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[0].filled(-1), [0.9, 0.1, -1, 0.8], rtol=1e-6)
    assert ax.get_xlim() == (0.0, 120.0)
    assert ax.get_title() == "song"


def test_time_is_in_minutes_and_seconds(result):
    ax = plot(result)
    ax.figure.canvas.draw()
    assert "1:30" in [label.get_text() for label in ax.get_xticklabels()]


def test_ticks_below_a_second_differ():
    ax = plot(ActivityAnnotation(FrameGrid(57.0, 0.5, 6), ("piano",), np.full((1, 6), 0.5)))
    ax.figure.canvas.draw()
    told = [label.get_text() for label in ax.get_xticklabels()]
    assert len(set(told)) == len(told)
    assert "0:59.7" in told
    assert not any(":60" in text for text in told)


def test_everything_is_shown_if_nothing_was_heard():
    silent = ActivityAnnotation(FrameGrid(0.0, 1.0, 2), ("piano", "tabla"), np.zeros((2, 2)))
    assert len(plot(silent).get_yticklabels()) == 2


def test_decisions_and_waveform_are_drawn(result):
    audio = Audio(np.ones((1, 12000), np.float32), 100)
    ax = plot(result, intervals=result.intervals(), audio=audio)
    spans = [tuple(line.get_xdata()) for line in ax.lines]
    assert (30.0, 90.0) in spans
    assert len(ax.collections) == 1


def test_axes_are_used_and_pyplot_is_not(result, tmp_path):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    figure = Figure()
    own = figure.add_subplot()
    assert plot(result, ax=own) is own
    save(plot(result, title="絆"), tmp_path / "x.png")  # a letter that the font lacks
    assert (tmp_path / "x.png").stat().st_size > 1000
    assert pyplot.get_fignums() == []


def test_the_waveform_lies_below_the_ribbons(result):
    ax = plot(result, audio=Audio(np.ones((1, 12000), np.float32), 100))
    lowest = ax.collections[0].get_paths()[0].vertices[:, 1].min()
    assert lowest > len(ax.get_yticklabels()) - 1
    assert ax.get_ylim()[0] > lowest


@pytest.fixture
def confusion() -> Confusion:
    counts = [[0, 30, 10, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    return Confusion(("flute", "violin", "piano", "tabla"), counts, [50, 2, 0, 0], [35, 2, 0, 0])


def test_the_confusion_shows_shares_counts_and_few_false_positives_in_grey(confusion):
    ax = plot_confusion(confusion, title="model")
    names = ["flute", "violin", "piano"]  # the tabla is neither found nor missed
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    assert "tabla" in ax.get_xlabel()
    plain, grey = (image.get_array() for image in ax.images)
    np.testing.assert_allclose(plain[0].filled(-1), [0, 0.75, 0.25])
    assert plain.mask[1:].all()  # 2 and 0 false positives
    np.testing.assert_allclose(grey[1].filled(-1), [1, 0, 0])
    assert grey.mask[0].all()
    written = {(round(t.get_position()[0], 2), t.get_position()[1]): t.get_text() for t in ax.texts}
    assert written[1, 0] == "30"
    assert written[2.65, 0] == "50"


def test_a_confusion_without_mistakes_can_be_drawn():
    nothing = Confusion(("a", "b"), np.zeros((2, 2)), [0, 0], [0, 0])
    assert len(plot_confusion(nothing).get_yticklabels()) == 2


@pytest.fixture
def scores(rng):
    grid = FrameGrid(0.0, 1.0, 12)
    truth = (rng.random((3, 12)) > 0.5).astype(float)
    truth[2] = 0
    found = [
        evaluate_scales(
            [ActivityAnnotation(grid, ("a", "b", "c"), truth)],
            [ActivityAnnotation(grid, ("a", "b", "c"), rng.random((3, 12)))],
        )
        for _ in range(2)
    ]
    return {"one": found[0], "other": found[1]}


def test_scales_are_lines_and_labels_are_dots(scores):
    ax = plot_scales(scores, measure="f1_micro_fixed")
    assert [line.get_label() for line in ax.lines] == ["one", "other"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1 s", "5 s", "10 s", "track"]
    by_pooling = [
        [
            one.summary["f1_micro_fixed"]
            for one in scores["one"]
            if one.pooling == pooling or one.window_s == 1
        ]
        for pooling in ("max", "top3")
    ]
    assert by_pooling[0] != by_pooling[1]
    assert ax.lines[0].get_ydata().tolist() == by_pooling[0]
    seconds = {name: found[0] for name, found in scores.items()}
    ax = plot_labels(seconds, measure="auc")
    assert ax.lines[1].get_xdata()[:2].tolist() == seconds["other"].table["auc"][:2].tolist()
    assert [text.get_text() for text in ax.texts] == ["not defined"]
    with pytest.raises(ParameterError, match="no measure 'x'"):
        plot_scales(scores, measure="x")
    with pytest.raises(ParameterError, match="measure must be one of"):
        plot_labels(seconds, measure="x")


def test_scales_are_in_order_whichever_model_has_them(scores):
    few = [one for one in scores["one"] if one.scale in ("1 s", "track")]
    ax = plot_scales({"few": few, "all": scores["other"]})
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1 s", "5 s", "10 s", "track"]
    assert ax.lines[0].get_xdata().tolist() == [0, 3]
    assert ax.lines[1].get_xdata().tolist() == [0, 1, 2, 3]


def test_a_comparison_is_one_figure(scores, tmp_path):
    figure = plot_comparison(scores)
    assert len(figure.get_axes() + [ax for part in figure.subfigs for ax in part.get_axes()]) >= 5
    save(figure, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000

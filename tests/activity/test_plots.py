"""The timeline shows what it is given."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit import ActivityAnnotation, Audio, FrameGrid
from mirkit.activity import plot
from mirkit.activity.plots import save


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

"""The figures show what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit import ActivityAnnotation, Audio, FrameGrid
from mirkit._figures import save
from mirkit.errors import ParameterError
from mirkit.separation import Scores, Separation, plot
from mirkit.separation.plots import plot_scores, plot_spectrograms

RATE = 8000


@pytest.fixture
def result() -> Separation:
    time_s = np.arange(2 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * f * time_s) * g for f, g in ((200, time_s < 1), (2000, time_s >= 1)))
    stems = {"bass": low, "piano": 0.5 * high, "other": 0.01 * low}
    activity = ActivityAnnotation(
        FrameGrid(0.0, 0.5, 4), ("bass", "piano"), [[0.9, 0.8, 0.1, 0], [0, 0, 1, 1]]
    )
    return Separation({k: Audio(v[np.newaxis].astype(np.float32), RATE) for k, v in stems.items()}, activity)


def test_each_stem_has_its_waveform_and_its_active_stretches(result):
    ax = plot(result, title="song", offset_s=60.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["bass", "piano", "other"]
    assert ax.get_xlim() == (60.0, 62.0)
    shaded = ax.collections[0].get_paths()[0].vertices[:, 0]  # of the bar behind the first waveform
    assert (shaded.min(), shaded.max()) == (60.0, 61.0)
    heights = [np.ptp(c.get_paths()[0].vertices[:, 1]) for c in (ax.collections[1], ax.collections[3])]
    assert heights[1] == pytest.approx(heights[0] / 2, rel=0.01)
    ax.figure.canvas.draw()
    assert "1:00" in [label.get_text() for label in ax.get_xticklabels()]


def test_spectrograms_have_energy_and_masks_where_the_stems_have(result):
    axes = plot_spectrograms(result).figure.axes
    mixture, bass, mask = (
        axes[0].images[0].get_array(),
        axes[2].images[0].get_array(),
        axes[3].images[0].get_array(),
    )
    n_bins, n_frames = mixture.shape
    row = round(200 / (RATE / 2) * (n_bins - 1))
    assert bass[row, n_frames // 4] > bass[row, 3 * n_frames // 4] + 40
    assert mask[row, n_frames // 4] > 0.9
    assert mask[round(2000 / (RATE / 2) * (n_bins - 1)), 3 * n_frames // 4] < 0.1
    assert [len(axes[k].lines) for k in (2, 4, 6)] == [1, 1, 0]  # activity of the targets


def test_scores_of_systems_stand_side_by_side():
    a = Scores(("x", "y"), ("bass", "piano"), {"sdr": np.array([[1.0, np.nan], [3.0, np.nan]])})
    b = Scores(("x", "y"), ("piano",), {"sdr": np.array([[5.0], [7.0]])})
    ax = plot_scores({"ours": a, "theirs": b})
    assert [label.get_text() for label in ax.get_xticklabels()] == ["bass", "piano"]
    medians = {round(float(line.get_ydata()[0]), 3) for line in ax.lines if len(line.get_ydata()) == 2}
    assert {2.0, 6.0} <= medians
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours", "theirs"]
    with pytest.raises(ParameterError, match="measure must be one of sdr"):
        plot_scores({"ours": a}, measure="loudness")
    with pytest.raises(ParameterError, match="no systems"):
        plot_scores({})


def test_silence_can_be_drawn_and_pyplot_is_not_used(tmp_path):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    silent = Separation({"vocals": Audio(np.zeros((2, 10), np.float32), RATE)})
    own = Figure().add_subplot()
    assert plot(silent, ax=own) is own
    save(plot_spectrograms(silent, title="絆"), tmp_path / "x.png")  # a letter that the font lacks
    assert (tmp_path / "x.png").stat().st_size > 1000
    assert pyplot.get_fignums() == []


def test_a_part_of_a_result_can_be_read(result, tmp_path):
    result.write(tmp_path / "r")
    part = Separation.read(tmp_path / "r", start_s=1.0, duration_s=0.5)
    np.testing.assert_array_equal(
        part.stems["piano"].samples, result.stems["piano"].samples[:, RATE : RATE + 4000]
    )
    assert part.activity.values[:, 0].tolist() == pytest.approx([0.1, 1.0], abs=1e-4)


def test_one_song_far_off_does_not_flatten_the_boxes():
    values = np.array([[1.0], [2.0], [3.0], [2.5], [140.0]])
    ax = plot_scores({"ours": Scores(tuple("abcde"), ("vocals",), {"sdr": values})})
    assert ax.get_ylim()[1] < 10
    edge = [line for line in ax.lines if line.get_marker() == "^" and len(line.get_xdata())]
    assert [line.get_ydata().tolist() for line in edge] == [[ax.get_ylim()[1]]]

"""Results show themselves in a notebook: a frame with the figure, and the player where there is sound."""

from __future__ import annotations

import html
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from report.conftest import Opened, tone

from mirkit import assessment, examples, read
from mirkit.annotation import ActivityAnnotation, Intervals
from mirkit.dsp import FrameGrid
from mirkit.sampling import Detections
from mirkit.sampling.result import Evidence
from mirkit.separation import Separation

SOUND = tone(500.0, 3.0)


def separated() -> Separation:
    grid = FrameGrid(0.0, 0.5, 6)
    return Separation(
        {"vocals": SOUND, "other": tone(900.0, 3.0)}, ActivityAnnotation(grid, ("vocals",), np.ones((1, 6)))
    )


def active() -> ActivityAnnotation:
    return ActivityAnnotation(FrameGrid(0.0, 1.0, 3), ("piano", "tabla"), [[0.1, 0.9, np.nan], [0, 0, 0]])


def found() -> Detections:
    evidence = Evidence(np.eye(10), 0.1, 0.1, (np.array([[0.0, 1.0], [1.0, 2.0]]),))
    return Detections(Intervals([[1.0, 2.0]], ["riff"], [0.9]), [2.0], [1.1], 0.95, evidence=evidence)


def assessed() -> assessment.Assessment:
    item = examples.performances().items[0]
    return assessment.predict(assessment.load(), read(item.recording), score=item.read_score())


RESULTS = {
    "separation": (separated, {}, None),
    "activity": (active, {"audio": SOUND}, "ribbons"),
    "sampling": (found, {"sample": SOUND, "song": SOUND}, "matrix"),
    "assessment": (assessed, {"audio": SOUND}, "pitch"),
}
"""Task to a result, what there is to hear, and the kind of figure."""


def shown(result: object) -> dict:
    """Return the one section that a result shows of itself."""
    frame = re.search(r'<iframe [^>]*srcdoc="([^"]*)"', result._repr_html_(), re.S)[1]
    content = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html.unescape(frame), re.S)
    [section] = json.loads(content[1])["sections"]
    return section


@pytest.mark.parametrize("task", RESULTS)
def test_a_result_shows_its_figure_and_show_adds_what_there_is_to_hear(task):
    make, sounds, figure = RESULTS[task]
    result, package = make(), importlib.import_module(f"mirkit.{task}")
    alone, heard = shown(result), shown(package.show(result, **sounds, title="Mine"))
    assert alone["task"] == heard["task"] == task
    assert [panel["kind"] for panel in heard["decks"][0]["panels"]] == ([figure] if figure else [])
    assert [panel["kind"] for panel in alone["decks"][0]["panels"]] == ([figure] if figure else [])
    assert heard["decks"][0]["tracks"]
    assert bool(alone["decks"][0]["tracks"]) == (task == "separation")
    assert heard["title"] == "Mine"


def test_a_long_separation_shows_its_first_minute():
    long = tone(500.0, 61.0)
    section = shown(Separation({"vocals": long, "other": long}))
    assert section["decks"][0]["duration_s"] == pytest.approx(60.0)
    assert section["facts"]["shown"] == "the first 60 s"


@pytest.mark.parametrize(
    "nothing",
    [
        ActivityAnnotation(FrameGrid(0.0, 1.0, 0), ("piano",), np.zeros((1, 0))),
        Detections.none(),
        assessment.Assessment.empty(("unusable recording: silent",)),
    ],
)
def test_results_with_nothing_in_them_show_themselves(nothing, browser, tmp_path):
    assert open_all(browser, tmp_path, [nothing]).complaints() == []


def test_frames_of_all_tasks_draw_and_play_without_a_complaint(browser, tmp_path):
    results = [make() for make, *_ in RESULTS.values()]
    page = open_all(browser, tmp_path, results)
    browser.switch_to.frame(page.find("iframe"))
    page.click(page.find(".play"))
    page.until("deck.transport.position > 0.2")
    browser.switch_to.default_content()
    heights = browser.execute_script(
        "return [...document.querySelectorAll('iframe')].map(frame => frame.clientHeight)"
    )
    assert all(height > 60 for height in heights), heights
    assert len(set(heights)) > 1, "each frame is as high as what it shows"
    assert page.complaints() == []


def open_all(browser: object, folder: Path, results: list[object]) -> Opened:
    """Open a page with the results as a notebook's output cells hold them."""
    cells = "".join(f"<div>{result._repr_html_()}</div>" for result in results)
    path = folder / "notebook.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'>{cells}", encoding="utf-8")
    page = Opened(browser, path)
    page.driver.execute_async_script("setTimeout(arguments[0], 500)")
    return page

"""``mirkit report`` and ``mirkit demo``: results become sections of one page that needs nothing else."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from report.conftest import Opened, tone

from mirkit import audio, examples, read
from mirkit.assessment import Score
from mirkit.cli import root
from mirkit.separation import Separation


def run(*arguments, code: int = 0):
    result = CliRunner().invoke(root, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def sections(path) -> list[dict]:
    """Return what the page holds."""
    page = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S)[1])[
        "sections"
    ]


@pytest.fixture
def stems(tmp_path):
    """A folder as ``mirkit separation predict`` writes it."""
    Separation({"vocals": tone(500.0, 3.0), "other": tone(900.0, 3.0)}).write(tmp_path / "song")
    return tmp_path / "song"


def test_a_separation_becomes_a_deck_of_stems_and_their_sum(stems, tmp_path):
    run("report", stems, "-o", tmp_path / "page.html")
    [section] = sections(tmp_path / "page.html")
    assert section["title"] == "song"
    assert [track["name"] for track in section["decks"][0]["tracks"]] == ["original", "vocals", "other"]
    assert section["decks"][0]["duration_s"] == pytest.approx(3.0)


def test_start_and_duration_choose_the_stretch_that_is_shown(stems, tmp_path):
    run("report", stems, "-o", tmp_path / "page.html", "--start", 1, "--duration", 0.5)
    [section] = sections(tmp_path / "page.html")
    assert section["decks"][0]["duration_s"] == pytest.approx(0.5)
    assert section["facts"]["shown"] == "0:01.0 to 0:01.5 of 0:03.0"


def test_activity_of_a_recording_becomes_ribbons_with_what_was_decided(tmp_path):
    audio.write(tmp_path / "a.wav", tone(500.0, 5.0))
    run("activity", "predict", tmp_path / "a.wav", "-o", tmp_path / "out", "--threshold", 0.0, "--no-figure")
    run("report", tmp_path / "out", "-o", tmp_path / "page.html")
    [section] = sections(tmp_path / "page.html")
    [ribbons] = section["decks"][0]["panels"]
    assert ribbons["kind"] == "ribbons"
    assert ribbons["spans"][0][:2] == [0.0, 5.0]
    assert len(section["decks"][0]["tracks"]) == 1


def test_an_assessment_becomes_a_contour_over_the_score_with_remarks_to_play(tmp_path):
    audio.write(tmp_path / "take.wav", read(examples.path("sung_scale")))
    wrong = enumerate((60, 62, 64, 65, 67, 69, 70))  # b flat, where b is sung last
    Score.from_rows([(beat, 1, pitch) for beat, pitch in wrong]).write(tmp_path / "s.csv")
    run("assessment", "predict", tmp_path / "take.wav", "--score", tmp_path / "s.csv", "-o", tmp_path / "out")
    run("report", tmp_path / "out", "-o", tmp_path / "page.html")
    [section] = sections(tmp_path / "page.html")
    assert section["decks"][0]["panels"][0]["kind"] == "pitch"
    assert len(section["decks"][0]["tracks"]) == 1
    ratings, remarks = section["tables"]
    assert ratings["name"] == "Ratings"
    [row] = [one for one in remarks["rows"] if "wrong pitch" in one["cells"][3]]
    assert row["cells"][1:3] == ["6", "B♭4"]
    assert not any("_" in one["cells"][2] for one in ratings["rows"]), "reasons in words"
    assert row["actions"][0]["clips"][0][2] > row["actions"][0]["clips"][0][1]


def test_one_bad_folder_stops_no_other_and_is_told(stems, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("report", tmp_path / "empty", stems, "-o", tmp_path / "page.html", code=1)
    assert "not a result of mirkit" in result.output
    assert len(sections(tmp_path / "page.html")) == 1


def test_a_page_that_is_there_is_not_replaced_unasked(stems, tmp_path):
    (tmp_path / "page.html").write_text("mine", encoding="utf-8")
    run("report", stems, "-o", tmp_path / "page.html", code=1)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "mine"


def test_a_title_cannot_end_the_script_that_holds_it(stems, tmp_path):
    run("report", stems, "-o", tmp_path / "page.html", "--title", "</script><b>x")
    assert "</script><b>" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_hits_become_a_distance_matrix_with_sample_and_hit_to_play(tmp_path):
    pair = examples.pairs().items[0]
    run("sampling", "predict", pair.query_path, pair.song_path, "-o", tmp_path / "out", "--no-figure")
    run("report", tmp_path / "out", "-o", tmp_path / "page.html")
    [section] = sections(tmp_path / "page.html")
    song, sample = section["decks"]
    assert song["panels"][0]["kind"] == "matrix"
    assert [track["name"] for track in sample["tracks"]] == ["sample"]
    assert section["facts"]["verdict"].startswith("found")
    first = section["tables"][0]["rows"][0]
    assert first["actions"][0]["label"] == "play sample, play hit"
    (_, *whole), (_, start_s, _) = first["actions"][0]["clips"]
    assert whole == pytest.approx([0.0, pair.sample_audio().duration_s], abs=0.01)
    assert start_s == pytest.approx(pair.truth.intervals.times_s[0, 0], abs=0.1)
    run("report", tmp_path / "out", "-o", tmp_path / "part.html", "--start", start_s - 1, "--duration", 8)
    [part] = sections(tmp_path / "part.html")
    (_, later_s, _) = part["tables"][0]["rows"][0]["actions"][0]["clips"][1]
    assert later_s == pytest.approx(1.0, abs=0.01)
    assert part["decks"][0]["panels"][0]["paths"][0]["points"][0][0] == pytest.approx(1.0, abs=0.1)


def test_the_demo_makes_one_page_in_which_every_section_works(browser, tmp_path):
    run("demo", "-o", tmp_path / "demo.html")
    shown = sections(tmp_path / "demo.html")
    tasks = [one["task"] for one in shown]
    assert list(dict.fromkeys(tasks)) == ["separation", "activity", "sampling", "assessment"]
    page = Opened(browser, tmp_path / "demo.html")
    for number, task in enumerate(tasks):
        page.click(page.find(f"#result-{number} .play"))
        page.until(f"{deck_of(number)}.transport.position > 0.2")
        assert page.value("mirkit.decks.filter(deck => deck.transport.playing).length") == 1, task
    page.click(page.find("[aria-label='Solo drums']"))
    assert "silent" in page.value("deck.tracks.find(track => track.name === 'vocals').lane.className")
    page.click(page.find(f"#result-{tasks.index('activity')} .ribbons canvas"))
    assert page.value(f"{deck_of(tasks.index('activity'))}.transport.position") > 1
    for task, label in (("sampling", "play sample, play hit"), ("assessment", "play")):
        number = next(k for k, one in enumerate(shown) if one["task"] == task and actions(one))
        assert actions(shown[number])[0]["label"] == label
        page.value("mirkit.decks.forEach(deck => deck.pause())")
        page.click(page.find(f"#result-{number} .action"))
        page.until(
            f"mirkit.decks.some(deck => deck.transport.playing && deck.root.closest('#result-{number}'))"
        )
    assert page.complaints() == []


def actions(section: dict) -> list[dict]:
    """Return the first buttons of a section's tables."""
    return next(
        (row["actions"] for table in section["tables"] for row in table["rows"] if row["actions"]), []
    )


def deck_of(number: int) -> str:
    """Return JavaScript for the first deck of a section."""
    return f"mirkit.decks.find(deck => deck.root.closest('#result-{number}'))"

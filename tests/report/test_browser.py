"""The page in a browser: it loads in silence, plays in time, and its controls change what is heard."""

from __future__ import annotations

import numpy as np
import pytest
from report.conftest import SAMPLE_RATE, tone

from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.report import (
    Action,
    Clip,
    Deck,
    Matrix,
    Note,
    Page,
    Path,
    Pitch,
    Ribbons,
    Row,
    Section,
    Table,
    Track,
)

LOW_HZ, HIGH_HZ = 500.0, 3000.0


def two_stems(**options) -> Page:
    """A low and a high tone whose sum is the original, with ribbons below."""
    low, high = tone(LOW_HZ), tone(HIGH_HZ)
    mixture = Audio(low.samples + high.samples, SAMPLE_RATE)
    tracks = [Track("original", mixture, original=True), Track("low", low), Track("high", high)]
    ribbons = Ribbons(("low", "high"), FrameGrid(0.0, 1.0, 8), np.linspace(0, 1, 16).reshape(2, 8))
    table = Table(
        "Bars", ("bar",), [Row(("two",), (Action("play", (Clip(0, 2.0, 2.5), Clip(0, 6.0, 6.4))),))]
    )
    return Page([Section("separation", "Two tones", [Deck(tracks, [ribbons])], [table])], **options)


LEVELS = f"""(() => {{
    const output = deck.transport.output;
    output.smoothingTimeConstant = 0;
    const values = new Float32Array(output.frequencyBinCount);
    output.getFloatFrequencyData(values);
    const at = hz => values[Math.round(hz / (output.context.sampleRate / 2) * values.length)];
    return [at({LOW_HZ}), at({HIGH_HZ})].map(level => Math.max(level, -200));
}})()"""


def heard(page) -> tuple[bool, bool]:
    """Whether the low and the high tone leave the audio graph, once the ramps of its gains are over."""
    page.wait(0.3)
    low_db, high_db = page.value(LEVELS)
    return low_db > -50, high_db > -50


def test_a_page_loads_without_complaint_and_names_all_that_can_be_used(opened):
    page = opened(two_stems())
    unnamed = page.value(
        "[...document.querySelectorAll('button, input, canvas, [role=slider]')]"
        ".filter(one => !(one.getAttribute('aria-label') || one.textContent.trim()))"
        ".map(one => one.outerHTML)"
    )
    assert unnamed == []
    assert page.find("h2").text == "Two tones"
    assert (
        page.value(
            "performance.getEntriesByType('resource').filter(one => !one.name.startsWith('data:')).length"
        )
        == 0
    )
    assert page.complaints() == []


def test_play_moves_the_cursor_and_pause_stops_it(opened):
    page = opened(two_stems())
    before = page.find(".cursor").location["x"]
    page.find(".play").click()
    page.until("deck.transport.position > 1")
    assert page.find(".play").get_attribute("aria-label") == "Pause player"
    page.find(".play").click()
    position_s = page.value("deck.transport.position")
    assert position_s > 1
    width = page.find(".wave").size["width"]
    assert page.find(".cursor").location["x"] - before == pytest.approx(position_s / 8 * width, abs=2)
    page.wait(0.2)
    assert page.value("deck.transport.position") == position_s
    assert page.complaints() == []


def test_solo_mute_volume_and_original_change_what_leaves_the_audio_graph(opened):
    page = opened(two_stems())
    page.find(".play").click()
    page.until("deck.transport.position > 0.2")
    assert heard(page) == (True, True)
    page.find("[aria-label='Solo high']").click()
    assert heard(page) == (False, True)
    page.press("2")  # off again
    page.find("[aria-label='Mute high']").click()
    assert heard(page) == (True, False)
    page.press("o")  # the original knows neither solo nor mute
    assert heard(page) == (True, True)
    page.press("o")
    page.value(
        "(() => { const one = document.querySelector('[aria-label=\"Volume of low\"]');"
        " one.value = 0; one.dispatchEvent(new Event('input')); })()"
    )
    assert heard(page) == (False, False)
    assert page.complaints() == []


def impulses(times_s) -> Audio:
    samples = np.zeros((1, 8 * SAMPLE_RATE), np.float32)
    for time_s in times_s:
        samples[0, round(time_s * SAMPLE_RATE)] = 0.9
    return Audio(samples, SAMPLE_RATE)


@pytest.mark.parametrize("codec", ["opus", "mp3"])
def test_sounds_keep_their_place_in_the_browser(opened, codec):
    times_s = (0.5, 3.25, 7.0)
    page = opened(Page([Section("", "Clicks", [Deck([Track("clicks", impulses(times_s))])])], codec=codec))
    found = page.value("""deck.transport.load().then(() => {
        const buffer = deck.transport.buffers[0], rate = buffer.sampleRate;
        const samples = buffer.getChannelData(0);
        return [0, 2, 5].map((from, k) => {
            const part = samples.slice(from * rate, [2, 5, 8][k] * rate).map(Math.abs);
            return from + part.reduce((best, value, at) => (value > part[best] ? at : best), 0) / rate;
        });
    })""")
    assert found == pytest.approx(times_s, abs=0.002)


def test_seeking_keeps_the_stems_in_sync(opened):
    """One stem is the other turned over: as long as they are in step, their sum is next to nothing."""
    up = tone(LOW_HZ)
    tracks = [Track("up", up), Track("down", Audio(-up.samples, SAMPLE_RATE))]
    page = opened(Page([Section("separation", "Against each other", [Deck(tracks)])]))
    page.find(".play").click()
    page.until("deck.transport.position > 0.2")
    for share in (0.7, 0.13, 0.42):
        page.value(f"deck.seek({8 * share})")
        page.wait(0.3)
        alone = page.value("deck.transport.level(0)")
        assert alone > 0.05
        assert page.value("deck.transport.outputLevel") < 0.02 * alone
    assert page.value("deck.transport.sources.length") == 2
    page.press("1")
    page.wait(0.3)
    assert page.value("deck.transport.outputLevel") == pytest.approx(0.2 / np.sqrt(2), rel=0.2)


def test_a_click_on_a_waveform_or_ribbon_seeks_and_a_drag_loops(opened):
    from selenium.webdriver.common.action_chains import ActionChains

    page = opened(two_stems())
    for selector in (".wave", ".ribbons canvas"):
        canvas = page.find(selector)
        width = canvas.size["width"]
        offset = round(width / 4)  # from the middle
        ActionChains(page.driver).move_to_element_with_offset(canvas, offset, 0).click().perform()
        assert page.value("deck.transport.position") == pytest.approx(6.0, abs=0.05)
        ActionChains(page.driver).move_to_element_with_offset(canvas, -offset, 0).click().perform()
        assert page.value("deck.transport.position") == pytest.approx(2.0, abs=0.05)
    canvas = page.find(".wave")
    ActionChains(page.driver).move_to_element_with_offset(canvas, -offset, 0).click_and_hold().move_by_offset(
        round(width / 16), 0
    ).release().perform()
    loop = page.value("deck.transport.loop")
    assert (loop["start"], loop["end"]) == pytest.approx((2.0, 2.5), abs=0.05)
    page.find(".play").click()
    page.wait(1.2)
    assert 2.0 <= page.value("deck.transport.position") <= 2.55
    page.press("l")
    assert page.value("deck.transport.loop") is None


def test_keys_play_seek_and_solo(opened):
    from selenium.webdriver.common.keys import Keys

    page = opened(two_stems())
    page.press(" ")
    page.until("deck.transport.playing && deck.transport.position > 0.1")
    page.press(" ")
    page.press(Keys.HOME)
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_RIGHT)
    assert page.value("deck.transport.position") == pytest.approx(4.0)
    assert page.find("[role=slider]").get_attribute("aria-valuetext") == "0:04.0 of 0:08.0"
    page.press("1")
    assert page.find("[aria-label='Solo low']").get_attribute("aria-pressed") == "true"
    assert page.find("[role=status]").get_attribute("textContent") == "solo low"
    page.press("?")
    assert page.value("document.getElementById('keys').open") is True
    assert page.complaints() == []


def test_a_row_of_a_table_plays_its_clips_in_turn_and_stops(opened):
    page = opened(two_stems())
    page.find(".action").click()
    page.until("deck.transport.playing && deck.transport.position > 2.1 && deck.transport.position < 2.51")
    page.until("deck.transport.playing && deck.transport.position > 6.1")
    page.until("!deck.transport.playing")
    assert page.value("deck.transport.position") == pytest.approx(6.4)
    assert page.complaints() == []


def test_every_kind_of_panel_is_drawn_in_light_and_in_dark(opened):
    matrix = Matrix(
        np.random.default_rng(1).random((40, 80)), FrameGrid(0.0, 0.1, 40), FrameGrid(0.0, 0.1, 80),
        [
            Path(np.array([[2.0, 0.0], [5.0, 4.0]]), "hit"),
            Path(np.array([[6.0, 0.0], [7.0, 4.0]]), "no", good=False),
        ],
    )  # fmt: skip
    pitch = Pitch(
        np.arange(0, 8, 0.01), np.full(800, 60.3), [Note(0.0, 4.0, 60.0), Note(4.0, 4.0, 62.0, "flat")]
    )
    ribbons = Ribbons(("piano",), FrameGrid(0.0, 1.0, 8), np.ones((1, 8)), [(0.0, 4.0, "piano")])
    page = opened(
        Page([Section("all", "Panels", [Deck([Track("tone", tone(LOW_HZ))], [ribbons, matrix, pitch])])])
    )
    counts = """[...document.querySelectorAll('canvas')].map(canvas => {
        const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(image.data.buffer)).size;
    })"""
    pictures = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        page.wait(0.2)
        assert page.complaints() == []  # before the test reads pixels, of which the browser complains
        assert min(page.value(counts)) > 1, scheme
        pictures[scheme] = page.value(
            "[...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())"
        )
    assert all(light != dark for light, dark in zip(pictures["light"], pictures["dark"], strict=True))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

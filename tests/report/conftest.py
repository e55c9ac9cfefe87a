"""A headless browser, and pages of sounds that are easy to tell apart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail

from mirkit.audio import Audio

SAMPLE_RATE = 24000

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


def tone(frequency_hz: float, duration_s: float = 8.0, amplitude: float = 0.2) -> Audio:
    """A sine that clicks nowhere."""
    times_s = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    samples = amplitude * np.sin(2 * np.pi * frequency_hz * times_s)
    return Audio(samples[np.newaxis].astype(np.float32), SAMPLE_RATE)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Chromium without a window, by its own driver: nothing is fetched."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        skip_or_fail("chromium and chromedriver")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=driver))
    started.set_script_timeout(20)
    yield started
    started.quit()


class Opened:
    """A page in the browser, with what its tests ask of it."""

    def __init__(self, driver: object, path: Path) -> None:
        self.driver = driver
        driver.get_log("browser")  # what earlier pages said
        driver.get(path.as_uri())

    def find(self, selector: str) -> object:
        """Return the first element that matches."""
        return self.driver.find_element("css selector", selector)

    def click(self, element: object) -> None:
        """Click on an element in the middle of the window, where the page's bar does not cover it."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def value(self, expression: str) -> object:
        """Return the value of a JavaScript expression, awaited if it is a promise; ``deck`` is the first."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; const deck = mirkit.decks[0];"
            f"Promise.resolve({expression}).then(done, error => done(String(error)));"
        )

    def wait(self, seconds: float) -> None:
        """Let the page go on for a while."""
        self.value(f"new Promise(ready => setTimeout(ready, {1000 * seconds}))")

    def until(self, expression: str, seconds: float = 10.0) -> None:
        """Wait until an expression is true."""
        for _ in range(round(seconds / 0.05)):
            if self.value(expression):
                return
            self.wait(0.05)
        raise AssertionError(f"never true: {expression}")

    def press(self, *keys: str) -> None:
        """Press keys as a reader would."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        """Return what the console has been told since the last call, bar mere remarks."""
        return [one["message"] for one in self.driver.get_log("browser") if one["level"] != "INFO"]


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that writes a page and opens it."""

    def open_page(page: object) -> Opened:
        page.write(tmp_path / "page.html")
        return Opened(browser, tmp_path / "page.html")

    return open_page

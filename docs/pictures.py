"""Make the demo's page and a picture of each task in it, light and dark, in a browser without a window.

python docs/pictures.py FOLDER
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from pathlib import Path

from mirkit.cli import root

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
WIDTH, HEIGHT = 1180, 1600
SHOWN = {"separation": 0, "activity": 0, "sampling": 0, "assessment": 1}
"""Task to which of its sections is shown."""


TRIM = """
const [section] = arguments, deck = section.querySelector('.deck');
let tables = 0;
for (let next = deck.nextElementSibling; next; next = next.nextElementSibling)
  if (next.matches('.deck') || (next.matches('.table') && ++tables > 1)) next.style.display = 'none';
for (const row of section.querySelectorAll('tbody tr:nth-child(n+8)')) row.style.display = 'none';
const box = section.getBoundingClientRect();
return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height};
"""
"""What is worth a picture: the heading, the first player, the first rows of the first table; where it is."""


def main(folder: str) -> None:
    """Write ``demo.html`` and, where there is a browser, ``demo_TASK.png`` and ``demo_TASK_dark.png``."""
    out = Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    page = out / "demo.html"
    root.main(["demo", "-o", str(page), "--progress", "none"], standalone_mode=False)
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.stderr.write("no chromium and chromedriver: the pictures stay as they are\n")
        return
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    try:
        take(browser, page, out)
    finally:
        browser.quit()


def take(browser: object, page: Path, out: Path) -> None:
    """Write the pictures; `SystemExit` if the console complains."""
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(page.as_uri())
        browser.execute_script("document.querySelector('.bar').style.position = 'static'")
        browser.execute_async_script("setTimeout(arguments[0], 700)")
        sections = browser.find_elements("css selector", ".result")
        tasks = [one.find_element("css selector", ".task").get_attribute("textContent") for one in sections]
        for task, which in SHOWN.items():
            section = [one for one, name in zip(sections, tasks, strict=True) if name == task][which]
            box = browser.execute_script(TRIM, section)
            browser.execute_async_script("setTimeout(arguments[0], 300)")  # canvases are drawn anew
            whole = {"clip": {**box, "scale": 1}, "captureBeyondViewport": True, "format": "png"}
            name = f"demo_{task}{'_dark' * (scheme == 'dark')}.png"
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", whole)
            (out / name).write_bytes(base64.b64decode(picture["data"]))
    complaints = [one for one in browser.get_log("browser") if one["level"] != "INFO"]
    if complaints:
        raise SystemExit(f"{page}: the browser complains: {complaints}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The README and the quickstart keep their word: every command and every Python block of them runs."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from conftest import ROOT

from mirkit import audio, cli, examples, read

PAGES = ("README.md", "docs/quickstart.md")

NOT_RUN = {
    "python3 -m venv .venv": "makes an environment, here this test's own",
    ". .venv/bin/activate": "the same",
    "pip install .": "minutes, and a network",
    "pip install '.[scores]'": "the same",
    "make demo": "sets up .venv; the rest of it, mirkit demo, is run by this test",
    "make test": "runs this test",
    "python benchmarks/assessment_ratings.py DESCRIPTORS": "minutes; tests/assessment has the protocol",
}
"""Everything that is not run, and why."""


def fences(text: str) -> list[tuple[str, str]]:
    """Return language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """Return the commands of a page's blocks and of its tables and sentences, in order, comments removed."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [
        line.removeprefix("$ ").split(" #")[0].strip()
        for language, content in fences(text)
        if language in ("", "console")
        for line in content.splitlines()
    ]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`((?:mirkit|python|pip|make) [^`]+)`", prose.replace("\n", " "))
    return [line for line in [*lines, *inline] if line and "TASK" not in line]


def run_here(command: str, variables: dict[str, str]) -> None:
    """Run a command of mirkit, a script or an assignment in the current folder; fail unless it succeeds."""
    if assigned := re.fullmatch(r"(\w+)=\$\((.*)\)", command):
        done = subprocess.run(["/bin/sh", "-c", assigned[2]], capture_output=True, text=True, check=True)
        variables[assigned[1]] = done.stdout.strip()
        return
    program, *arguments = shlex.split(re.sub(r"\$(\w+)", lambda found: variables[found[1]], command))
    if program == "make":
        done = subprocess.run(
            ["/usr/bin/env", "make", "-n", "-C", ROOT, *arguments], capture_output=True, check=False
        )
        assert done.returncode == 0, f"{command}: no such target"
    elif program == "python":
        subprocess.run([sys.executable, ROOT / arguments[0], *arguments[1:]], check=True, timeout=300)
    else:
        assert program == "mirkit", command
        with pytest.raises(SystemExit) as left:
            cli.main(arguments)
        assert left.value.code == 0, command


@pytest.fixture
def folder(tmp_path, monkeypatch, request):
    """An empty folder with what the commands' capital words stand for, small."""
    bundled = Path(examples.path("tabla")).parent
    song = read(bundled / "sampling" / "transposed.ogg")
    audio.write(tmp_path / "SONG.mp3", song.excerpt(0.0, 10.0))
    (tmp_path / "SONGS").mkdir()
    audio.write(tmp_path / "SONGS" / "another.flac", read(examples.path("tabla")))
    audio.write(tmp_path / "RIFF.wav", read(bundled / "sampling" / "sample.ogg"))
    audio.write(tmp_path / "TAKE.wav", read(bundled / "students" / "anna.ogg"))
    shutil.copy(bundled / "students" / "score.musicxml", tmp_path / "PIECE.musicxml")
    for name in ("FAMILIES", "MIR1K", "TEST"):
        shutil.copytree(bundled / "multitracks", tmp_path / name)
    shutil.copytree(bundled / "sampling", tmp_path / "PAIRS")
    (tmp_path / "CLIPS").mkdir()
    shutil.copy(bundled / "tabla.ogg", tmp_path / "CLIPS")
    (tmp_path / "CLIPS" / "labels.csv").write_text("file,instrument\ntabla.ogg,tabla\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    mpl.use("agg")
    run_here("mirkit assessment synthesize -o DRY -n 2 --score PIECE.musicxml", {})
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_python_block_of_a_page_runs(page, folder):
    variables: dict[str, str] = {}
    for command in dict.fromkeys(commands(page)):
        if command in NOT_RUN:
            continue
        run_here(command, variables)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = [content for language, content in fences(text) if language == "python"]
    assert blocks, "a page without Python is not what this test was written for"
    script = folder / "blocks.py"  # in order, since the later ones use names of the earlier
    script.write_text("\n".join(blocks), encoding="utf-8")
    runpy.run_path(str(script))


def test_nothing_is_left_out_that_is_not_on_a_page():
    assert set(NOT_RUN) <= {command for page in PAGES for command in commands(page)}


def test_the_commands_are_found():
    found = commands("README.md")
    assert found[:2] == ["make demo", "make test"]
    assert "mirkit activity evaluate TEST -o scores.json" in found
    assert any(command.startswith("mirkit sampling predict $EXAMPLES") for command in commands(PAGES[1]))


def test_a_command_that_fails_is_noticed(folder):
    with pytest.raises(AssertionError, match="activity predict"):
        run_here("mirkit activity predict nothing.wav -o out", {})

"""Killed runs, full and read-only disks, two runs at a time, clocks that jump, files that change while read.

``python -m tests.faults`` kills each command often; here once each, at a time that the seed decides.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from faults import material
from faults.scenarios import ROOT, SCENARIOS, contents, finished, kill_often, start

from mirkit import Audio, write
from mirkit._files import replacing
from mirkit.cli import main


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return material.make(tmp_path_factory.mktemp("given") / "material")


@pytest.mark.parametrize("name", ["predict", "train", "index", "synthesize", "evaluate"])
def test_a_killed_run_is_completed_by_the_next(name, given, tmp_path):
    count = kill_often(SCENARIOS[name], given, tmp_path, times=1, seed=len(name))
    assert count.killed == 1
    assert count.faults == 0, count


def on_small_disk(arguments, folder, size, *, read_only=False):
    """Run mirkit where a folder is a disk of its own, kept as a copy."""
    option = f"size={size},ro" if read_only else f"size={size}"
    script = (
        f'mount -t tmpfs -o {option} none {folder} && {{ {sys.executable} -m mirkit "$@"; code=$?; '
        f"cp -a {folder}/. {folder}-copy; exit $code; }}"
    )
    (folder.parent / f"{folder.name}-copy").mkdir()
    folder.mkdir()
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "mirkit", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


@pytest.fixture(scope="module")
def can_mount(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mount")
    command = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", str(folder)]
    if (
        shutil.which("unshare") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("a disk of its own cannot be mounted here")


@pytest.mark.parametrize(("name", "size"), [("predict", "100k"), ("index", "8k"), ("synthesize", "1m")])
@pytest.mark.usefixtures("can_mount")
def test_a_full_disk_is_named_and_leaves_only_whole_files(name, size, given, tmp_path):
    scenario, out = SCENARIOS[name], tmp_path / "out"
    code, said = finished(start(scenario.arguments(given, out)))
    assert code == 0, said
    whole = contents(out, scenario)
    shutil.rmtree(out)
    done = on_small_disk(scenario.arguments(given, out), out, size)
    assert done.returncode == 1
    assert "space" in done.stderr  # "no space left on device", or "check the disk's free space"
    assert "Traceback" not in done.stderr
    left = Path(f"{out}-copy")
    before = contents(left, scenario)
    rewritten = {key for key in whole if Path(key).name in scenario.rewritten}
    assert {key: whole[key] for key in before if key not in rewritten} == {
        key: digest for key, digest in before.items() if key not in rewritten
    }
    assert len(before) < len(whole)
    assert not list(left.rglob(".mirkit-*"))
    shutil.rmtree(out)
    left.rename(out)
    code, said = finished(start([*scenario.arguments(given, out), *scenario.again]))
    assert code == 0, said
    assert contents(out, scenario) == whole


@pytest.mark.parametrize("name", ["predict", "index", "synthesize", "evaluate", "train"])
@pytest.mark.usefixtures("can_mount")
def test_a_disk_that_cannot_be_written_is_named(name, given, tmp_path):
    out = tmp_path / "out"
    done = on_small_disk(SCENARIOS[name].arguments(given, out), out, "1m", read_only=True)
    assert done.returncode == 1
    assert "read-only" in done.stderr.lower()
    assert str(out) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["predict", "index", "synthesize"])
def test_two_runs_on_one_folder_end_with_every_result(name, given, tmp_path):
    scenario = SCENARIOS[name]
    code, said = finished(start(scenario.arguments(given, tmp_path / "alone")))
    assert code == 0, said
    arguments = [*scenario.arguments(given, tmp_path / "both"), *scenario.again]
    both = [start(arguments) for _ in range(2)]
    ends = [finished(process) for process in both]
    assert [code for code, _ in ends] == [0, 0], ends
    assert contents(tmp_path / "both", scenario) == contents(tmp_path / "alone", scenario)


def test_a_folder_takes_its_name_though_another_process_does_the_same(tmp_path):
    path = tmp_path / "result"
    with replacing(path, folder=True) as ours:
        (ours / "file").write_text("ours", encoding="utf-8")
        with replacing(path, folder=True) as theirs:
            (theirs / "file").write_text("theirs", encoding="utf-8")
    assert (path / "file").read_text(encoding="utf-8") == "ours"
    assert list(tmp_path.iterdir()) == [path]


def test_a_clock_that_jumps_changes_nothing(given, tmp_path, monkeypatch, capsys):
    ends = []
    jumps = iter([0.0, 9e9, -9e8, 5e8] * 10000)
    for name in ("steady", "jumping"):
        if name == "jumping":
            monkeypatch.setattr(time, "time", lambda: 1e9 + next(jumps))
            for k, path in enumerate(sorted((given / "sounds").iterdir())):
                os.utime(path, (k * 2e9, k * 2e9))  # the first of 1970, the last of 2160
        for arguments in (
            ["activity", "predict", str(given / "sounds")],
            ["sampling", "index", str(given / "sounds")],
        ):
            with pytest.raises(SystemExit) as end:
                main([*arguments, "-o", str(tmp_path / name / arguments[0])])
            ends.append(end.value.code)
    with pytest.raises(SystemExit):
        main(["sampling", "index", str(given / "sounds"), "-o", str(tmp_path / "jumping" / "sampling")])
    assert "0 sounds added, 4 in all" in capsys.readouterr().out
    assert ends == [0, 0, 0, 0]
    scenario = SCENARIOS["predict"]
    steady = contents(tmp_path / "steady" / "activity", scenario)
    assert contents(tmp_path / "jumping" / "activity", scenario) == steady


@pytest.mark.parametrize("how", ["replaced", "overwritten", "longer", "gone"])
def test_a_file_that_changes_while_it_is_read_gives_no_result(how, tmp_path, monkeypatch, capsys):
    from mirkit import activity

    rng = np.random.default_rng(0)
    sound = Audio(0.1 * rng.standard_normal((1, 88200)).astype(np.float32), 22050)
    path, other = tmp_path / "a.wav", tmp_path / "b.wav"
    write(path, sound)
    write(other, Audio(sound.samples[:, ::-1].copy(), 22050))
    shutil.copy(other, tmp_path / "good.wav")
    stream = activity.stream

    def changing(*arguments, **options):
        result = stream(*arguments, **options)
        if path.exists() and other.exists():
            if how == "replaced":
                other.replace(path)
            elif how == "overwritten":
                path.write_bytes(other.read_bytes())
            elif how == "longer":
                with path.open("ab") as file:
                    file.write(bytes(1000))
            else:
                path.unlink()
            other.unlink(missing_ok=True)
        return result

    monkeypatch.setattr(activity, "stream", changing)
    with pytest.raises(SystemExit) as end:
        main(
            [
                "activity",
                "predict",
                str(path),
                str(tmp_path / "good.wav"),
                "-o",
                str(tmp_path / "out"),
                "--json",
            ]
        )
    assert end.value.code == 1
    found = json.loads(capsys.readouterr().out)
    (failure,) = found["failures"]
    wanted = "no such file" if how == "gone" else "was changed while it was being read"
    assert wanted in failure["error"]
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["good"]

"""What all commands have in common: suggestions, completion, progress, models, doctor."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from mirkit.cli import COMMANDS, VERBS, _options, main, root

MODELS = Path(str(resources.files("mirkit"))) / "models"


def run(*arguments, code=0):
    result = CliRunner().invoke(root, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("activty", "Did you mean 'activity'?"),
        ("sampeling", "Did you mean 'sampling'?"),
        ("predict", "Did you mean 'mirkit activity predict' or 'mirkit separation predict' or"),
        ("search", "Did you mean 'mirkit sampling search'?"),
        ("xyzzy", "There are activity, separation, sampling,"),
    ],
)
def test_an_unknown_command_is_told_with_the_one_that_was_meant(typed, told):
    assert f"No such command '{typed}'. {told}" in run(typed, "song.wav", code=2).output


@pytest.mark.parametrize("chosen", [None, "ACTIVE"])
def test_waiting_threads_leave_the_processor_unless_the_user_wants_it_otherwise(chosen, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is put back
    if chosen is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    else:
        monkeypatch.setenv("OMP_WAIT_POLICY", chosen)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == (chosen or "PASSIVE")


def test_commands_that_are_suggested_exist():
    context = root.make_context("mirkit", ["doctor"])
    for verb, groups in VERBS.items():
        for group in groups:
            assert verb in root.get_command(context, group).commands, (group, verb)


@pytest.mark.parametrize(
    ("shell", "environment", "separator"),
    [
        ("bash", {"COMP_CWORD": "{at}"}, ","),
        ("zsh", {"COMP_CWORD": "{at}"}, "\n"),
        ("fish", {"COMP_CWORD": "{last}"}, ","),
    ],
)
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mirkit act", {"activity"}),
        ("mirkit s", {"separation", "sampling"}),
        ("mirkit activity pr", {"predict", "protocol"}),
        ("mirkit activity predict --thr", {"--threshold"}),
        ("mirkit models show sep", {"separation-default"}),
        ("mirkit activity predict --device c", {"cpu", "cuda"}),
    ],
)
def test_shells_complete_commands_options_and_names(shell, environment, separator, typed, expected):
    words = typed.split()
    values = {"at": str(len(words) - 1), "last": words[-1]}
    environment = {name: value.format(**values) for name, value in environment.items()}
    result = CliRunner().invoke(
        root,
        [],
        prog_name="mirkit",
        env={**environment, "COMP_WORDS": typed, "_MIRKIT_COMPLETE": f"{shell}_complete"},
    )
    if shell == "zsh":
        found = set(result.output.splitlines()[1::3])
    else:
        found = {line.split(separator)[1].split("\t")[0] for line in result.output.splitlines()}
    assert found == expected


def test_the_line_of_the_quickstart_turns_completion_on_in_bash():
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    script = 'eval "$(_MIRKIT_COMPLETE=bash_source mirkit)"; complete -p mirkit'
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/usr/bin/env", "bash", "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert "_mirkit_completion mirkit" in done.stdout


def test_progress_as_lines_tells_the_time_left(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 3000.0])
    monkeypatch.setattr(_options.time, "monotonic", lambda: next(clock))
    report = _options.reporter("plain", "songs")
    for done in (1, 2, 300):
        report(done, 300)
    assert capsys.readouterr().err.splitlines() == [
        "songs: 1 of 300, 49:50 left",
        "songs: 2 of 300, 49:40 left",
        "songs: 300 of 300",
    ]


def test_models_are_listed_with_licence_size_and_hash():
    entries = json.loads(run("models", "list", "--json").stdout)
    bundled = {entry["model"]: entry for entry in entries if entry["bundled"]}
    assert set(bundled) == {path.parent.name for path in MODELS.glob("*/config.json")}
    for name, entry in bundled.items():
        assert entry["licence"] == "MIT", name
        assert entry["bytes"] > 1000
    shown = run("models", "list").stdout
    assert all(entry["sha256"][:12] in shown for entry in bundled.values())
    assert "CC BY-NC-SA" in shown, "public weights with their terms"


def test_a_card_is_shown_and_public_weights_are_explained():
    assert run("models", "show", "activity-default").stdout.startswith("#")
    assert "Fetch these into a folder umxhq/" in run("models", "show", "umxhq").stdout
    told = run("models", "show", "activity", code=1)
    assert "activity-default" in str(told.exception)


def test_verify_passes_what_was_published_and_refuses_what_was_changed(tmp_path, monkeypatch):
    assert run("models", "verify").stdout.count("as published") == len(list(MODELS.glob("*/config.json")))
    copy = tmp_path / "models" / "assessment-default"
    shutil.copytree(MODELS / "assessment-default", copy)
    weights = copy / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr("mirkit.cli.models._folders", lambda: {"assessment-default": copy})
    assert "differ from the published ones" in run("models", "verify", code=1).output


@pytest.mark.parametrize("model", ["activity-default", "assessment-default"])
def test_verify_looks_folders_up_by_the_task_and_name_of_the_model(tmp_path, model):
    copy = tmp_path / "copy"
    shutil.copytree(MODELS / model, copy)
    assert run("models", "verify", copy).stdout == f"{copy}: as published\n"
    weights = copy / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    told = run("models", "verify", copy, code=1)
    assert "weights differ from the published ones of that name" in told.stderr
    assert "as published" not in told.output


def test_verify_says_that_no_hash_is_on_record_for_a_model_of_your_own(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(MODELS / "assessment-default", own)
    config = json.loads((own / "config.json").read_text(encoding="utf-8")) | {"name": "mine"}
    (own / "config.json").write_text(json.dumps(config), encoding="utf-8")
    sha256 = hashlib.sha256((own / "weights.safetensors").read_bytes()).hexdigest()
    told = f"{own}: loads; no hash is on record to compare with, sha256 {sha256}\n"
    assert run("models", "verify", own).stdout == told
    (entry,) = json.loads(run("models", "verify", own, "--json").stdout)["results"]
    assert (entry["sha256"], entry["compared_with"]) == (sha256, None)


def test_a_report_that_is_there_is_one_object_in_json(tmp_path):
    page = tmp_path / "page.html"
    page.touch()
    skipped = ("report", tmp_path, "-o", page, "--existing", "skip")
    found = json.loads(run(*skipped, "--json").stdout)
    assert found["results"] == [{"result": None, "page": str(page), "skipped": True}]
    assert run(*skipped).stdout == f"{page}: already there, skipped\n"


def test_doctor_reports_packages_decoders_devices_and_places():
    found = json.loads(run("doctor", "--json").stdout)
    assert {"torch", "numpy"} <= set(found["required"])
    assert None not in found["required"].values()
    assert not any("MISSING" in text for text in found["decoders"].values()), found["decoders"]
    assert found["devices"]["auto"] in ("cpu", "cuda")
    assert Path(found["places"]["models"], "activity-default", "config.json").is_file()
    shown = run("doctor").stdout
    assert "libsndfile" in shown
    assert found["places"]["examples"] in shown


def test_doctor_tells_of_a_missing_package_and_fails(monkeypatch):
    from mirkit.cli import doctor

    monkeypatch.setattr(doctor, "_required", lambda: {"numpy": "2", "soxr": None})
    assert "soxr MISSING" in run("doctor", code=1).stdout


def test_every_command_is_listed_with_a_line():
    shown = run("--help").stdout
    assert all(name in shown and line in shown for name, line in COMMANDS.items())

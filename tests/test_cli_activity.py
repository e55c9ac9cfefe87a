"""The command line of instrument activity, from training to a figure, and its behaviour on bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from mirkit import ActivityAnnotation, Audio, write
from mirkit.annotation import formats
from mirkit.cli import root

SETTINGS = """
[features]
sample_rate = 8000
n_fft = 512
hop_length = 256
n_mels = 24
fmax_hz = 4000.0
[cnn]
channels = [8]
[training]
epoch_size = 32
validation_size = 32
batch_size = 16
max_epochs = 1
"""


def run(*arguments, code=0):
    result = CliRunner().invoke(root, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def sound(path, seconds=3.0, rate=16000):
    time_s = np.arange(round(seconds * rate)) / rate
    write(path, Audio((0.3 * np.sin(2 * np.pi * 330 * time_s)).astype(np.float32)[np.newaxis], rate))
    return path


FILES = [
    "activity.csv",
    "activity.json",
    "intervals.csv",
    "labels.txt",
    "run.json",
    "sourceid.lab",
    "timeline.png",
]


def test_predict_writes_every_form_of_the_result(tmp_path):
    song = sound(tmp_path / "絆 'n' song.wav", 3.4)
    run("activity", "predict", song, "-o", tmp_path / "out")
    folder = tmp_path / "out" / song.stem
    assert sorted(path.name for path in folder.iterdir()) == FILES
    result = ActivityAnnotation.read(folder)
    assert result.values.shape == (18, 4)
    np.testing.assert_allclose(
        formats.read_activity_csv(folder / "activity.csv").values, result.values, atol=1e-4
    )
    for table in (
        formats.read_intervals_csv(folder / "intervals.csv"),
        formats.read_audacity(folder / "labels.txt"),
        formats.read_source_id(folder / "sourceid.lab"),
    ):
        assert table.times_s.max(initial=0.0) <= 3.4 + 1e-6
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["model"]["name"]
    assert len(record["input"]["sha256"]) == len(record["model"]["sha256"]) == 64
    assert (folder / "timeline.png").read_bytes().startswith(b"\x89PNG")


def test_existing_results_are_refused_skipped_or_replaced(tmp_path):
    song = sound(tmp_path / "a.wav")
    arguments = ["activity", "predict", song, "-o", tmp_path / "out", "--no-figure"]
    run(*arguments)
    marker = tmp_path / "out" / "a" / "marker"
    marker.touch()
    assert "is already there" in run(*arguments, code=1).stderr
    assert "skipped" in run(*arguments, "--existing", "skip").stdout
    assert marker.exists()
    run(*arguments, "--existing", "overwrite")
    assert not marker.exists()


@pytest.mark.parametrize("existing", ["skip", "overwrite"])
@pytest.mark.parametrize("task", ["activity", "separation", "assessment"])
def test_a_folder_that_is_no_result_is_neither_replaced_nor_taken_for_one(tmp_path, task, existing):
    song = sound(tmp_path / "Album.wav")
    track = tmp_path / "Album" / "track.m4a"
    track.parent.mkdir()
    track.write_bytes(b"mine")
    done = run(task, "predict", song, "-o", tmp_path, "--existing", existing, "--no-figure", code=1)
    assert "Album: is already there and does not hold" in done.stderr
    assert track.read_bytes() == b"mine"


def test_an_empty_folder_in_a_results_place_is_filled(tmp_path):
    (tmp_path / "out" / "a").mkdir(parents=True)
    song = sound(tmp_path / "a.wav")
    run("activity", "predict", song, "-o", tmp_path / "out", "--existing", "skip", "--no-figure")
    assert (tmp_path / "out" / "a" / "activity.csv").is_file()


def test_an_instrument_nobody_knows_is_named_and_counts_as_unknown(tmp_path):
    sound(tmp_path / "songs" / "one" / "voclas.wav")
    done = run("activity", "evaluate", tmp_path / "songs", "--json", "-o", tmp_path / "scores.json")
    assert "instrument 'voclas' is not known" in done.stderr
    scores = json.loads(done.stdout)["scales"][0]
    assert all(row["n_unknown"] > 0 for row in scores["labels"].values()), scores


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_inputs_fail_by_name_and_the_others_are_done(tmp_path, n_jobs):
    good = sound(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("this is no sound", encoding="utf-8")
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "folder").mkdir()
    inputs = [tmp_path / name for name in ("text.wav", "empty.mp3", "folder", "missing.flac")]
    result = run("activity", "predict", *inputs, good, "-o", tmp_path / "out", "--jobs", n_jobs, code=1)
    for path in inputs:
        lines = [line for line in result.stderr.splitlines() if str(path) in line]
        assert len(lines) == 1, result.stderr
    assert "4 of 5 inputs failed" in result.stderr
    assert "Traceback" not in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_json_is_one_object_on_stdout(tmp_path):
    song = sound(tmp_path / "a.wav")
    result = run(
        "activity", "predict", song, tmp_path / "b.wav", "-o", tmp_path / "o", "--json", "--no-figure", code=1
    )
    content = json.loads(result.stdout)
    assert content["results"][0]["folder"] == str(tmp_path / "o" / "a")
    assert content["failures"][0]["input"] == str(tmp_path / "b.wav")


def test_folders_are_searched_and_names_kept_apart(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    sound(tmp_path / "in" / "a.wav")
    sound(tmp_path / "in" / "a.flac")
    sound(tmp_path / "in" / "deep" / "b.wav")
    (tmp_path / "in" / "notes.txt").write_text("no sound", encoding="utf-8")
    run("activity", "predict", tmp_path / "in", "-o", tmp_path / "out", "--recursive", "--no-figure")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.flac", "a.wav", "b"]


def test_an_unknown_model_fails_before_any_work(tmp_path):
    with pytest.raises(Exception, match="no model 'nothing'"):
        CliRunner().invoke(
            root,
            ["activity", "predict", str(sound(tmp_path / "a.wav")), "--model", "nothing"],
            catch_exceptions=False,
        )


def test_train_predict_evaluate_plot(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        for instrument in ("piano", "drum set"):
            path = tmp_path / "data" / name / f"{instrument}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = (0.1 * rng.standard_normal((1, 24000))).astype(np.float32)
            noise[:, 8000:16000] *= instrument == "piano"
            write(path, Audio(noise, 8000))
    (tmp_path / "tiny.toml").write_text(SETTINGS, encoding="utf-8")
    data, model = tmp_path / "data", tmp_path / "model"
    run("activity", "train", data, "--validation", data, "-o", model, "--config", tmp_path / "tiny.toml")
    run(
        "activity",
        "predict",
        data / "one" / "piano.wav",
        "--model",
        model,
        "-o",
        tmp_path / "out",
        "--no-figure",
    )
    scores = tmp_path / "scores.json"
    table = run("activity", "evaluate", data, "--model", model, "-o", scores).stdout
    assert "drum set" in table
    assert "no positives, so without AUC, AP and F1: acoustic guitar" in table
    content = json.loads(scores.read_text(encoding="utf-8"))
    assert [scale["window_s"] for scale in content["scales"][::3]] == [1.0, 5.0, 10.0, None]
    assert content["scales"][0]["summary"]["n_clips"] == 6
    assert content["scales"][0]["labels"]["violin"]["auc"] is None
    printed = run("activity", "evaluate", data, "--model", model, "--window", "track", "--json").stdout
    assert [scale["pooling"] for scale in json.loads(printed)["scales"]] == ["max", "mean", "top3"]
    run("activity", "plot", scores, "-o", tmp_path / "confusion.pdf")
    assert (tmp_path / "confusion.pdf").read_bytes().startswith(b"%PDF")
    run("activity", "plot", scores, "--window", "3", "-o", tmp_path / "none.pdf", code=1)
    run("activity", "plot", tmp_path / "out" / "piano", "--confusion", "-o", tmp_path / "none.pdf", code=2)
    comparison = tmp_path / "comparison"
    result = run("activity", "compare", scores, model, "--dataset", data, "-o", comparison)
    assert result.stderr == ""
    assert (comparison / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert (comparison / "comparison.md").read_text(encoding="utf-8") in result.stdout
    rows = (comparison / "comparison.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 2 * 10
    mine, theirs = rows[1].split(",", 1), rows[11].split(",", 1)
    assert mine[0] != theirs[0]  # the same model twice: named by where each came from
    assert mine[1] == theirs[1]
    other = run(
        "activity", "compare", scores, model, "--dataset", data, "--rule", "any", "-o", tmp_path / "c2"
    )
    assert "note: not the same rule" in other.stderr
    run("activity", "compare", "nothing", "-o", tmp_path / "c3", code=2)
    figure = tmp_path / "timeline.svg"
    run("activity", "plot", tmp_path / "out" / "piano", "-o", figure)
    assert figure.read_text(encoding="utf-8").lstrip().startswith("<?xml")
    run("activity", "plot", tmp_path / "out" / "piano", "-o", tmp_path / "x.gif", code=2)


def test_stretches_are_decided_as_asked_and_written_as_jams(tmp_path):
    jams = pytest.importorskip("jams")
    song = sound(tmp_path / "a.wav", 5.0)
    options = ["--threshold", 0.0, "--min-duration", 2.0, "--release", 1.0, "--jams", "--no-figure"]
    run("activity", "predict", song, "-o", tmp_path / "out", *options)
    found = formats.read_jams(tmp_path / "out" / "a" / "intervals.jams")
    assert found.times_s.tolist() == [[0.0, 5.0]] * 18
    assert jams.load(str(tmp_path / "out" / "a" / "intervals.jams")).file_metadata.duration == 5.0
    record = json.loads((tmp_path / "out" / "a" / "run.json").read_text(encoding="utf-8"))
    assert record["arguments"]["min_duration_s"] == 2.0
    run("activity", "predict", song, "-o", tmp_path / "none", "--min-duration", 9.0, "--no-figure")
    assert len(formats.read_intervals_csv(tmp_path / "none" / "a" / "intervals.csv")) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--version"], 0, "mirkit "),
        (["activty"], 2, "No such command"),
        (["activity", "predict"], 2, "Missing argument"),
        (["activity", "predict", "nowhere.wav", "--model", "nothing"], 1, "error: no model 'nothing'"),
        (["activity", "predict", "nowhere.wav"], 1, "nowhere.wav: no such file"),
    ],
)
def test_exit_codes_and_messages_of_the_process(tmp_path, arguments, code, message):
    done = subprocess.run(
        [sys.executable, "-m", "mirkit", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("window", ["1.5", "0", "nan", "long"])
def test_windows_are_whole_seconds(window):
    done = run("activity", "evaluate", "no-data", "--window", window, code=2)
    assert "wanted a whole number of seconds" in done.stderr

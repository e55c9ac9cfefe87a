"""``mirkit sampling`` from pairs to figures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from sampling.conftest import melody, pair_folder, planted, sound  # noqa: F401  # a fixture

from mirkit import Audio, read, write
from mirkit.cli import root
from mirkit.errors import DatasetError


def run(*arguments):
    return CliRunner().invoke(root, ["sampling", *map(str, arguments)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    sample = melody(21, 3.0)
    write(folder / "riff.wav", sound(sample))
    write(folder / "with.wav", planted(sample, [3.0, 7.0], shift_st=-1.0, duration_s=12.0, gain=2.0))
    write(folder / "without.wav", sound(melody(22, 11.0, low=40, high=80, note_s=0.31)))
    (folder / "broken.wav").write_bytes(b"RIFF no sound")
    return folder


def test_predict_writes_results_and_one_bad_file_stops_nothing(files, tmp_path):
    done = run(
        "predict",
        files / "riff.wav",
        *(files / f"{n}.wav" for n in ("with", "without", "broken")),
        "-o",
        tmp_path,
    )
    assert done.exit_code == 1
    assert "1 of 3 inputs failed" in done.output
    assert "Traceback" not in done.output
    found = json.loads((tmp_path / "with" / "detections.json").read_text())
    assert found["present"]
    assert (
        np.abs(np.array([row["start_s"] for row in found["occurrences"]])[:, None] - [3.0, 7.0])
        .min(axis=0)
        .max()
        < 0.2
    )
    assert {"detections.csv", "labels.txt", "evidence.png", "run.json", "pair_1.flac"} <= {
        path.name for path in (tmp_path / "with").iterdir()
    }
    pair = read(tmp_path / "with" / "pair_1.flac")
    assert pair.duration_s == pytest.approx(6.4, abs=0.6)
    assert not json.loads((tmp_path / "without" / "detections.json").read_text())["present"]
    assert not (tmp_path / "broken").exists()
    again = run("predict", files / "riff.wav", files / "with.wav", "-o", tmp_path)
    assert again.exit_code == 1
    assert "already there" in again.output


def test_a_sample_may_be_cut_out_of_a_file(files, tmp_path):
    song = planted(melody(21, 3.0), [1.0], seed=77, duration_s=6.0, gain=4.0)
    write(tmp_path / "record.wav", song)
    done = run(
        "predict",
        tmp_path / "record.wav",
        files / "with.wav",
        "--start",
        1.0,
        "--end",
        4.0,
        "-o",
        tmp_path / "out",
        "--json",
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(done.output)["results"][0]["occurrences"]
    assert np.abs(np.array([row["start_s"] for row in rows])[:, None] - [3.0, 7.0]).min() < 0.2
    wrong = run("predict", tmp_path / "record.wav", files / "with.wav", "--start", 3, "--end", 1)
    assert wrong.exit_code == 2


BAD = {
    "silent": (np.zeros(44100), "the sample is silent; there is nothing to compare"),
    "shorter than two frames": (melody(21, 0.05), "the sample lasts 0.05 s; wanted at least 0.14 s"),
    "longer than the song": (
        melody(23, 30.0),
        "the sample lasts 30.0 s and the song 12.0 s; a sample is looked",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_sample_that_cannot_be_looked_for_says_why(name, files, tmp_path):
    y, message = BAD[name]
    write(tmp_path / "bad.wav", sound(y))
    done = run("predict", tmp_path / "bad.wav", files / "with.wav", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert message in done.output
    assert not (tmp_path / "out" / "with").exists()


def test_a_silent_song_is_named_and_the_others_are_searched(files, tmp_path):
    write(tmp_path / "quiet.wav", sound(np.zeros(44100 * 5)))
    songs = (tmp_path / "quiet.wav", files / "with.wav")
    done = run("predict", files / "riff.wav", *songs, "-o", tmp_path / "out", "--no-figure", "--json")
    assert done.exit_code == 1
    content = json.loads(done.stdout)
    assert "the song is silent" in content["failures"][0]["error"]
    assert content["results"][0]["present"]


def test_a_whole_song_is_found_in_itself_once_from_its_start(files, tmp_path):
    done = run("predict", files / "with.wav", files / "with.wav", "-o", tmp_path, "--no-figure", "--json")
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["results"]
    assert found["present"]
    (row,) = found["occurrences"]
    assert row["start_s"] == pytest.approx(0.0, abs=0.1)
    assert row["end_s"] == pytest.approx(12.0, abs=0.5)
    assert (row["pitch_shift_st"], row["tempo_ratio"]) == (0.0, pytest.approx(1.0, abs=0.01))


def test_rates_and_channels_need_not_agree(files, tmp_path):
    song = read(files / "with.wav").resample(48000)
    write(tmp_path / "stereo.wav", Audio(np.concatenate([song.samples, 0.5 * song.samples]), 48000))
    songs = (files / "with.wav", tmp_path / "stereo.wav")
    done = run("predict", files / "riff.wav", *songs, "-o", tmp_path / "out", "--no-figure", "--json")
    assert done.exit_code == 0, done.output
    mono, stereo = (
        np.array([(row["start_s"], row["pitch_shift_st"]) for row in one["occurrences"]])
        for one in json.loads(done.stdout)["results"]
    )
    np.testing.assert_allclose(stereo, mono, atol=0.05)


def test_a_song_that_is_given_twice_is_searched_once_and_copies_keep_their_own_folders(files, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "with.wav").write_bytes((files / "with.wav").read_bytes())
    songs = (files / "with.wav", files / "with.wav", tmp_path / "copy" / "with.wav")
    done = run("predict", files / "riff.wav", *songs, "-o", tmp_path / "out", "--no-figure", "--json")
    assert done.exit_code == 0, done.output
    folders = [row["folder"] for row in json.loads(done.stdout)["results"]]
    assert len(folders) == len(set(folders)) == 2


def test_train_evaluate_and_plot(pair_folder, tmp_path):  # noqa: F811
    (tmp_path / "quick.toml").write_text("[forest]\nn_trees = 20\nn_folds = 2\n")
    trained = run("train", pair_folder, "-o", tmp_path / "model", "--config", tmp_path / "quick.toml")
    assert trained.exit_code == 0, trained.output
    done = run(
        "evaluate",
        pair_folder,
        "--split",
        "valid",
        "--model",
        tmp_path / "model",
        "-o",
        tmp_path / "scores.json",
    )
    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["summary"]["song_f"] == 1.0
    assert content["groups"]["type melodic loop"]["n"] == 2
    # in a process of its own: nothing else may have imported what is needed
    command = ["plot", str(tmp_path / "scores.json"), "-o", str(tmp_path / "reliability.png")]
    drawn = subprocess.run(
        [sys.executable, "-m", "mirkit", "sampling", *command], capture_output=True, text=True, check=False
    )
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "reliability.png").read_bytes()[:4] == b"\x89PNG"
    assert run("plot", tmp_path / "scores.json", "-o", tmp_path / "reliability.txt").exit_code == 2


def test_an_index_is_made_searched_and_shared(files, tmp_path):
    made = run("index", files, "-o", tmp_path / "index", "--json")
    assert made.exit_code == 1  # broken.wav
    content = json.loads(made.stdout)
    assert {row["status"] for row in content["results"]} == {"added"}
    assert [row["input"].rsplit("/", 1)[-1] for row in content["failures"]] == ["broken.wav"]

    done = run("search", tmp_path / "index", files / "riff.wav", "-o", tmp_path / "found", "--no-figure")
    assert done.exit_code == 0, done.output
    assert "with.wav" in done.output
    with (tmp_path / "found" / "riff" / "ranking.csv").open() as file:
        rows = {row["path"].rsplit("/", 1)[-1]: row for row in csv.DictReader(file)}
    assert rows["with.wav"]["present"] == "True"
    assert rows["without.wav"]["present"] == "False"
    assert float(rows["with.wav"]["pitch_shift_st"]) == pytest.approx(-1.0, abs=0.5)
    assert (tmp_path / "found" / "riff" / "with" / "pair_1.flac").is_file()
    assert not (tmp_path / "found" / "riff" / "without").exists()

    run("index", files / "riff.wav", "-o", tmp_path / "samples")
    turned = run(
        "search",
        tmp_path / "samples",
        files / "with.wav",
        "--role",
        "song",
        "-o",
        tmp_path / "turned",
        "--json",
    )
    assert turned.exit_code == 0, turned.output
    assert json.loads(turned.stdout)["results"][0]["sounds"][0]["present"]

    merged = run("index", tmp_path / "samples", tmp_path / "index", "-o", tmp_path / "all")
    assert merged.exit_code == 0, merged.output
    assert "3 sounds added, 3 in all" in merged.output


def test_an_index_that_is_none_is_refused(files, tmp_path):
    done = run("search", tmp_path, files / "riff.wav", "-o", tmp_path / "found")
    assert isinstance(done.exception, DatasetError)
    assert "no index" in str(done.exception)


def test_a_song_that_is_gone_is_named_and_the_others_are_searched(files, tmp_path):
    for name in ("with.wav", "without.wav"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
    run("index", tmp_path / "with.wav", tmp_path / "without.wav", "-o", tmp_path / "index")
    (tmp_path / "without.wav").unlink()
    done = run("search", tmp_path / "index", files / "riff.wav", "-o", tmp_path / "found", "--no-figure")
    assert done.exit_code == 1
    assert "without.wav: no such file" in done.output
    assert "with.wav (" in done.output
    assert str(done.output).count("without.wav: no such file") == 1
    assert "1 failed" in done.output


def test_an_incomplete_search_is_told_and_not_taken_for_done(files, tmp_path):
    names = ("with.wav", "without.wav")
    for name in names:
        (tmp_path / name).write_bytes((files / name).read_bytes())
    run("index", *(tmp_path / name for name in names), "-o", tmp_path / "index")
    (tmp_path / "without.wav").unlink()
    queries = (files / "riff.wav", files / "broken.wav")
    command = ["search", tmp_path / "index", "-o", tmp_path / "found", "--no-figure", "--json"]
    command += ["--existing", "skip"]
    for _ in range(2):  # the second time it is tried again, and fails again
        done = run(*command, *queries)
        assert done.exit_code == 1
        content = json.loads(done.stdout)
        gone, broken = (
            [one["error"] for one in content["failures"] if one["input"].endswith(name)]
            for name in ("riff.wav", "broken.wav")
        )
        assert gone == [f"{tmp_path / 'without.wav'}: no such file or folder"]
        assert len(broken) == 1  # an input that failed does not hide a sound that did
        assert f"error: {gone[0]}" in done.stderr
        assert f"error: {broken[0]}" in done.stderr
        assert [len(one["sounds"]) for one in content["results"]] == [1]
    assert json.loads((tmp_path / "found" / "riff" / "run.json").read_text())["failures"] == gone

    (tmp_path / "without.wav").write_bytes((files / "without.wav").read_bytes())
    done = run(*command, queries[0])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["results"][0]["sounds"]) == 2
    assert json.loads(run(*command, queries[0]).stdout)["results"][0]["skipped"]


def test_a_sound_that_cannot_be_searched_is_named_once(files, tmp_path):
    run("index", files / "with.wav", "-o", tmp_path / "index")
    write(tmp_path / "quiet.wav", sound(np.zeros(44100 * 5)))
    (listed,) = (tmp_path / "index").glob("part-*/sounds.json")
    listed.write_text(listed.read_text().replace(str(files / "with.wav"), str(tmp_path / "quiet.wav")))
    done = run("search", tmp_path / "index", files / "riff.wav", "-o", tmp_path / "found", "--no-figure")
    assert done.exit_code == 1
    assert f"error: {tmp_path / 'quiet.wav'}: the song is silent" in done.stderr
    assert done.stderr.count("quiet.wav") == 1

"""``mirkit separation`` end to end, and what it says about bad input."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from separation.conftest import TINY, untrained
from separation.test_training import CONFIG, RATE, make_dataset

from mirkit import Audio, audio, read, write
from mirkit._files import replacing
from mirkit.cli import _separation_scoring, main, root
from mirkit.errors import MirkitError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.separation import Separation


def run(*arguments, code=0):
    """Run a command in this process and return its result."""
    result = CliRunner().invoke(root, [str(a) for a in arguments], catch_exceptions=True)
    if result.exit_code != code:
        raise AssertionError(
            f"exit code {result.exit_code}, wanted {code}:\n{result.output}\n{result.exception!r}"
        )
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    untrained(TINY).checkpoint().save(folder)
    return folder


def sound(path, seconds=1.5, n_channels=2, rate=RATE):
    rng = np.random.default_rng(0)
    write(path, Audio(0.1 * rng.standard_normal((n_channels, round(seconds * rate))), rate))
    return path


@pytest.mark.parametrize(("n_channels", "rate"), [(1, 8000), (6, 44100)])
def test_predict_writes_stems_that_sum_to_the_input(tmp_path, model, n_channels, rate):
    song = sound(tmp_path / "絆 'a'.wav", 1.5, n_channels, rate)
    run("separation", "predict", song, "--model", model, "-o", tmp_path / "out")
    folder = tmp_path / "out" / song.stem
    assert sorted(path.name for path in folder.iterdir()) == [
        "activity.csv", "activity.json", "other.wav", "piano.wav", "run.json", "separation.json",
        "spectrograms.png", "vocals.wav",
    ]  # fmt: skip
    found = Separation.read(folder)
    for stem in found.stems.values():
        assert (stem.sample_rate, stem.samples.shape) == (rate, (n_channels, round(1.5 * rate)))
    np.testing.assert_allclose(found.mixture().samples, read(song).samples, atol=1e-6)
    assert found.activity.labels == ("vocals", "piano")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert len(record["model"]["sha256"]) == len(record["input"]["sha256"]) == 64
    assert record["gain"] == 1.0
    assert (folder / "spectrograms.png").read_bytes().startswith(b"\x89PNG")


def test_only_the_wanted_stems_and_another_format(tmp_path, model):
    song = sound(tmp_path / "a.wav")
    arguments = [
        "--targets",
        "piano",
        "--suffix",
        ".flac",
        "--gate",
        "soft",
        "--threshold",
        "0.3",
        "--no-figure",
    ]
    result = run(
        "separation", "predict", song, "--model", model, "-o", tmp_path / "out", "--json", *arguments
    )
    entry = json.loads(result.stdout)["results"][0]
    assert entry["stems"] == ["piano", "other"]
    assert sorted(p.name for p in (tmp_path / "out" / "a").glob("*.flac")) == ["other.flac", "piano.flac"]
    record = json.loads((tmp_path / "out" / "a" / "run.json").read_text(encoding="utf-8"))
    assert record["arguments"]["gate_threshold"] == 0.3
    whole = Separation.read(tmp_path / "out" / "a").mixture().samples * (1 / entry["gain"])
    np.testing.assert_allclose(whole, read(song).samples, atol=2 * 2**-23)  # two stems of 24 bits


def test_an_unknown_target_lists_the_known_ones(tmp_path, model, capsys):
    song = sound(tmp_path / "a.wav")
    with pytest.raises(SystemExit) as left:
        main(["separation", "predict", str(song), "--model", str(model), "--targets", "vocals,kazoo"])
    assert left.value.code == 1
    assert "unknown target 'kazoo'; unnamed knows vocals, piano" in capsys.readouterr().err


def test_bad_inputs_fail_by_name_and_the_others_are_done(tmp_path, model):
    good = sound(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("this is no sound", encoding="utf-8")
    inputs = [tmp_path / "text.wav", tmp_path / "missing.flac"]
    result = run("separation", "predict", *inputs, good, "--model", model, "-o", tmp_path / "out", code=1)
    for path in inputs:
        assert len([line for line in result.stderr.splitlines() if str(path) in line]) == 1
    assert "2 of 3 inputs failed" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_existing_results_are_refused_skipped_or_replaced(tmp_path, model):
    song = sound(tmp_path / "a.wav")
    arguments = ["separation", "predict", song, "--model", model, "-o", tmp_path / "out", "--no-figure"]
    run(*arguments)
    marker = tmp_path / "out" / "a" / "marker"
    marker.touch()
    assert "is already there" in run(*arguments, code=1).stderr
    assert "skipped" in run(*arguments, "--existing", "skip").stdout
    run(*arguments, "--existing", "overwrite")
    assert not marker.exists()


def test_a_full_disk_leaves_no_stem_under_its_name(tmp_path, model, monkeypatch):
    song = sound(tmp_path / "a.wav")
    from mirkit.audio import encoding

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encoding.Encoder, "write", full)
    result = run("separation", "predict", song, "--model", model, "-o", tmp_path / "out", code=1)
    assert "No space left" in result.stderr
    assert list((tmp_path / "out").rglob("*")) == []


def test_a_killed_run_leaves_no_stem_under_its_name(tmp_path, model):
    song = sound(tmp_path / "a.wav", 20.0)
    code = (
        "import os, sys; from mirkit.audio.writing import StemWriter; from mirkit.cli import main\n"
        "write = StemWriter.write\n"
        "def once(self, stems):\n"
        "    write(self, stems)\n"
        "    os.kill(os.getpid(), 9)\n"
        "StemWriter.write = once\n"
        "main(sys.argv[1:])"
    )
    arguments = ["separation", "predict", song, "--model", model, "-o", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], check=False, capture_output=True
    )
    assert done.returncode == -9
    assert not (tmp_path / "out" / "a").exists()
    assert list((tmp_path / "out").glob("*.wav")) == []


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "songs"
    make_dataset(folder, 1)
    return folder


def test_train_predict_evaluate_plot(tmp_path, dataset):
    settings = "\n".join(
        [
            'targets = ["piano"]\n[features]\nsample_rate = 8000\nn_fft = 256\nhop_length = 64',
            "bandwidth_hz = 3500.0\n[iass]\nchannels = [4, 6]\nclassifier_channels = [4, 4]",
            "[training]\nexcerpt_s = 0.5\nexcerpts_per_song = 4\nvalidation_excerpts = 2\nmax_epochs = 1",
        ]
    )
    (tmp_path / "tiny.toml").write_text(settings, encoding="utf-8")
    model = tmp_path / "model"
    line = run(
        "separation", "train", dataset, "--validation", dataset, "-o", model,
        "--config", tmp_path / "tiny.toml", "--device", "cpu",
    ).stdout  # fmt: skip
    assert "validation error piano" in line
    song = dataset / "song0" / "violin.wav"
    run("separation", "predict", song, "--model", model, "-o", tmp_path / "out", "--no-figure")
    for kind, name in (("spectrograms", "a.svg"), ("stems", "b.png")):
        run("separation", "plot", tmp_path / "out" / "violin", "-o", tmp_path / name, "--kind", kind)
        assert (tmp_path / name).stat().st_size > 1000
    run("separation", "plot", tmp_path / "out" / "violin", "-o", tmp_path / "x.gif", code=2)
    scores = tmp_path / "scores.json"
    table = run(
        "separation", "evaluate", dataset, "--model", model, "-o", scores, "--work", tmp_path / "w"
    ).stdout
    assert "piano" in table
    content = json.loads(scores.read_text(encoding="utf-8"))
    assert content["songs"]["without"]["piano"]["sdr"] is None  # it has no piano
    assert content["songs"]["without"]["piano"]["leakage_db"] < 0


def test_compare_tells_gate_and_bounds_apart_and_goes_on_where_it_was(tmp_path, dataset):
    for name, config in (("full", CONFIG), ("plain", CONFIG.replace(network="umx"))):
        untrained(config).checkpoint().save(tmp_path / name)
    arguments = [
        "separation", "compare", dataset, "--model", f"ours={tmp_path / 'full'}",
        "--model", tmp_path / "plain", "-o", tmp_path / "out", "--work", tmp_path / "work",
    ]  # fmt: skip
    table = run(*arguments).stdout
    systems = [
        "mixture",
        "ideal binary mask",
        "ideal ratio mask",
        "ours, hard gate",
        "ours, no gate",
        "plain",
    ]
    for system in systems:
        assert system in table
    found = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert list(found) == systems
    medians = {name: found[name]["summary"]["sdr"]["piano"] for name in systems[:3]}
    assert medians["mixture"] < medians["ideal binary mask"]
    assert medians["mixture"] < medians["ideal ratio mask"]
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["leakage.png", "scores.json", "sdr.png", "table.csv", "table.md"]
    assert (tmp_path / "out" / "table.md").read_text(encoding="utf-8").startswith("| target | system | sdr |")
    kept = sorted((tmp_path / "work").iterdir())
    assert len(kept) == 4 * len(systems)
    # A second run takes what is kept, and computes what is not.
    marked = json.loads(kept[0].read_text(encoding="utf-8"))
    song = next(iter(marked["songs"]))
    marked["songs"][song]["piano"]["sdr_global"] = 77.0
    kept[0].write_text(json.dumps(marked), encoding="utf-8")
    kept[1].unlink()
    again = run(*arguments, "--existing", "overwrite", "--json").stdout
    assert "77.0" in again
    assert kept[1].is_file()
    run(*arguments, "--existing", "overwrite", "--gates", "half", code=2)


def test_songs_that_fail_are_named_and_the_others_scored(tmp_path, dataset):
    data = shutil.copytree(dataset, tmp_path / "data")
    (data / "song1" / "piano.wav").write_bytes(b"no sound")
    untrained(CONFIG).checkpoint().save(tmp_path / "m")
    result = run("separation", "evaluate", data, "--model", tmp_path / "m", "--json", code=1)
    assert "error: song1:" in result.stderr
    assert set(json.loads(result.stdout)["songs"]) == {"song0", "song2", "without"}
    assert audio.info(data / "song0" / "piano.wav").n_channels == 1


def test_kept_scores_are_of_one_model_its_settings_and_the_labels(tmp_path):
    song = sound(tmp_path / "a.wav")
    folders = {}
    for name, config in (
        ("one", CONFIG),
        ("gated", CONFIG.replace(inference=dataclasses.replace(CONFIG.inference, gate="off"))),
    ):
        folders[name] = tmp_path / name
        untrained(config).checkpoint().save(folders[name])

    def key(model, **stem):
        item = MultiTrack("song", "", (Stem(**{"id": "1", "instrument": "piano", "path": song, **stem}),))
        return _separation_scoring._fingerprint(item, _separation_scoring.System("any", str(folders[model])))

    assert key("one") == key("one")
    different = {key("one"), key("gated"), key("one", instrument="violin"), key("one", id="2")}
    assert len(different) == 4


@pytest.mark.parametrize(
    ("task", "command"),
    [
        ("separation", "train"),
        ("separation", "compare"),
        ("activity", "train"),
        ("activity", "compare"),
        ("activity", "combine"),
    ],
)
def test_an_output_that_cannot_be_a_folder_is_refused_before_any_work(tmp_path, monkeypatch, task, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    arguments = {
        "train": ["no-data"],
        "compare": ["no-data", "--model", "none"] if task == "separation" else ["no-scores"],
        "combine": ["no-model", "--validation", "no-data"],
    }[command]
    for output, code, message in (("file", 2, "is a file"), (".", 1, "the folder that the command runs in")):
        result = run(task, command, *arguments, "-o", output, "--existing", "overwrite", code=code)
        assert message in result.output + str(result.exception)


def test_a_folder_is_put_where_a_link_says(tmp_path):
    (tmp_path / "real" / "old").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "ahead").symlink_to("later/deep")
    for name, place in (("link", "real"), ("ahead", "later/deep")):
        with replacing(tmp_path / name, folder=True) as folder:
            (folder / "new").touch()
        assert (tmp_path / name).is_symlink()
        assert [path.name for path in (tmp_path / place).iterdir()] == ["new"]
    (tmp_path / "file").touch()
    with pytest.raises(MirkitError, match="file: is a file where a folder is wanted"):
        replacing(tmp_path / "file", folder=True).__enter__()


def test_a_filter_longer_than_the_context_is_refused_before_any_work(tmp_path, model):
    song = sound(tmp_path / "a.wav")
    result = run(
        "separation", "predict", song, "--model", model, "-o", tmp_path / "out", "--filter", "99", code=1
    )
    assert "context_frames of 55 or more" in str(result.exception)
    assert not (tmp_path / "out").exists()

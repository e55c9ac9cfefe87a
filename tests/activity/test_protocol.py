"""The paper's protocol: a split by artist, and everything after it in one call."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from mirkit.activity.protocol import artist_split, run_protocol
from mirkit.data import TrackSet
from mirkit.errors import DatasetError, ParameterError
from mirkit.multitrack import MultiTrack

SETTINGS = """
network = "crnn"
[features]
sample_rate = 8000
n_fft = 512
hop_length = 256
n_mels = 24
fmax_hz = 4000.0
[crnn]
channels = [8]
n_time_pools = 1
hidden = 8
[training]
epoch_size = 32
validation_size = 32
batch_size = 16
max_epochs = 1
"""


def test_a_split_by_artist_is_kept_and_checked(make_songs, tmp_path):
    one = make_songs(tmp_path / "one", 1, n_songs=6, artist="A")
    other = make_songs(tmp_path / "other", 2, n_songs=6, artist="A")  # the same artists, other songs
    parts = artist_split([one, other], tmp_path / "split.json", test=0.34, valid=0.17)
    artists = {name: {song.artist for song in part.items} for name, part in parts.items()}
    assert {name: len(part.items) for name, part in parts.items()} == {"train": 6, "valid": 2, "test": 4}
    assert not artists["train"] & artists["test"]
    assert not artists["train"] & artists["valid"]
    again = artist_split([one, other], tmp_path / "split.json", seed=99)
    assert {name: part.items for name, part in again.items()} == {
        name: part.items for name, part in parts.items()
    }
    stored = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    stored["test"].append(stored["train"][0])
    (tmp_path / "split.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(DatasetError, match="the split leaks"):
        artist_split([one, other], tmp_path / "split.json")


def test_songs_with_bleed_are_left_out_unless_asked_for(tmp_path):
    songs = tuple(
        MultiTrack(f"S{k}", f"artist {k}", (), metadata={"has_bleed": k % 3 == 0}) for k in range(12)
    )
    dataset = TrackSet("d", "folder", tmp_path, songs)

    def used(name, **options):
        parts = artist_split([dataset], tmp_path / name, test=0.25, valid=0.25, **options)
        return sorted(song.id for part in parts.values() for song in part.items)

    assert used("a.json") == sorted(song.id for song in songs if not song.metadata["has_bleed"])
    assert used("b.json", keep_bleed=True) == sorted(song.id for song in songs)


def test_the_protocol_trains_evaluates_and_goes_on_where_it_stopped(make_songs, tiny, tmp_path, monkeypatch):
    songs = make_songs(tmp_path / "songs", 1, n_songs=6, artist="A")
    training = dataclasses.replace(tiny.training, epoch_size=32, validation_size=32, max_epochs=1)
    configs = {name: tiny.replace(network=name, training=training) for name in ("fc", "crnn")}
    found = run_protocol([songs], tmp_path / "out", configs, test=0.34, valid=0.34)
    assert [evaluation.name for evaluation in found] == ["fc", "crnn"]
    assert {scores.scale for scores in found[0].scales} == {"1 s", "5 s", "10 s", "track"}
    split = json.loads((tmp_path / "out" / "split.json").read_text(encoding="utf-8"))
    assert found[0].scales[0].summary["n_clips"] == 6 * len(split["test"])
    (tmp_path / "out" / "crnn-scores.json").unlink()
    monkeypatch.setattr("mirkit.activity.protocol.train", None)  # what is trained is not trained again
    again = run_protocol([songs], tmp_path / "out", configs, test=0.34, valid=0.34)
    assert [one.to_json() for one in again] == [one.to_json() for one in found]


def test_a_part_without_songs_is_refused(make_songs, tmp_path):
    songs = make_songs(tmp_path / "songs", 1, n_songs=3, artist="A")
    with pytest.raises(DatasetError, match="the part 'valid' has no songs"):
        artist_split([songs], tmp_path / "split.json", test=0.34, valid=0.0)


def test_training_and_protocol_print_results_only_on_stdout(tmp_path, make_songs):
    make_songs(tmp_path / "data", 1, n_songs=6, artist="A")
    (tmp_path / "tiny.toml").write_text(SETTINGS, encoding="utf-8")
    arguments = ["activity", "protocol", "data", "-o", "out", "--config", "tiny.toml", "--valid", "0.34"]
    done = subprocess.run(
        [sys.executable, "-m", "mirkit", *arguments, "--json", "--progress", "plain"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [row["clips"] for row in json.loads(done.stdout)["rows"]][::3] == ["1 s", "5 s", "10 s", "track"]
    assert "Epoch" in done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"split.json", "tiny", "tiny-scores.json", "comparison"} <= names


def test_results_of_other_arguments_are_refused_and_networks_may_be_added(
    make_songs, tiny, tmp_path, monkeypatch
):
    songs, folder = make_songs(tmp_path / "songs", 1, n_songs=6, artist="A"), tmp_path / "out"
    trained = []

    class Stub:
        def __init__(self, *_, cache, name, **__):
            (cache / "song").mkdir(parents=True)
            trained.append(name)

        def checkpoint(self):
            return self

        def save(self, _):
            return None

        def write(self, path):
            path.touch()

    monkeypatch.setattr("mirkit.activity.protocol.train", Stub)
    monkeypatch.setattr("mirkit.activity.protocol.judge", lambda *_, **__: object.__new__(Stub))
    monkeypatch.setattr("mirkit.activity.protocol.Evaluation.read", lambda path: path.name)
    shares = {"test": 0.34, "valid": 0.34}
    run_protocol([songs], folder, {"a": tiny}, **shares)
    assert not (folder / "cache").exists()
    for changed, named in (
        ({"seed": 1}, "seed 0, now 1"),
        ({"test": 0.2}, "test 0.34, now 0.2"),
        ({"valid": 0.2}, "valid 0.34, now 0.2"),
        ({"keep_bleed": True}, "keep_bleed false, now true"),
    ):
        with pytest.raises(ParameterError, match=named):
            run_protocol([songs], folder, {"a": tiny}, **{**shares, **changed})
    with pytest.raises(ParameterError, match="other settings of 'a'"):
        run_protocol([songs], folder, {"a": tiny.replace(network="fc")}, **shares)
    assert run_protocol([songs], folder, {"b": tiny}, **shares) == ["b-scores.json"]
    assert trained == ["a", "b"]
    with pytest.raises(ParameterError, match="other settings of 'a'"):  # it is still known
        run_protocol([songs], folder, {"a": tiny.replace(network="fc")}, **shares)


def test_a_split_that_is_of_no_use_is_not_kept(make_songs, tmp_path):
    songs = make_songs(tmp_path / "songs", 1, n_songs=6, artist="A")
    with pytest.raises(DatasetError):
        artist_split([songs], tmp_path / "split.json", test=0.34, valid=0.0)
    parts = artist_split([songs], tmp_path / "split.json", test=0.34, valid=0.34)
    assert all(part.items for part in parts.values())

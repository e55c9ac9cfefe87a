"""Indexes appear whole, grow, merge, and say what is wrong with them; a first look ranks songs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sampling.conftest import melody, planted, sound

from mirkit import write
from mirkit.errors import DatasetError, ParameterError
from mirkit.sampling import add_to_index, merge_indexes, open_index, rank
from mirkit.sampling.config import FeatureConfig

N_SONGS = 12


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Songs of which the fourth holds a sample three times, a tone lower and faster."""
    folder = tmp_path_factory.mktemp("songs")
    paths = [folder / f"song{k:02d}.flac" for k in range(N_SONGS)]
    for k, path in enumerate(paths):
        if k == 3:
            write(path, planted(melody(0, 3.0), [2.0, 7.0, 11.0], shift_st=-2.0, ratio=1.1, seed=60))
        else:
            write(path, sound(melody(200 + k, 12.0, low=40, high=80, note_s=0.31)))
    return paths


@pytest.fixture
def index(songs: list[Path], tmp_path: Path) -> Path:
    add_to_index(tmp_path / "index", songs[:8])
    return tmp_path / "index"


def statuses(outcomes) -> list[str]:
    return [one.result.status if one.result else "failed" for one in outcomes]


def names(index: Path) -> set[str]:
    return {Path(entry.path).name for entry in open_index(index).entries}


def test_the_song_that_holds_a_sample_comes_first(index):
    found = rank(open_index(index), sound(melody(0, 3.0)))
    assert len(found) == 8
    best = found[0]
    assert Path(best.entry.path).name == "song03.flac"
    assert best.glimpse.score > 1.3 * found[1].glimpse.score
    assert best.glimpse.pitch_shift_st == pytest.approx(-2.0, abs=0.5)
    assert best.glimpse.tempo_ratio == pytest.approx(1.1, rel=0.05)
    assert min(abs(best.glimpse.start_s - start_s) for start_s in (2.0, 7.0, 11.0)) < 0.2


def test_a_song_finds_the_sample_that_it_was_made_of(songs, tmp_path):
    from mirkit import read

    samples = [tmp_path / f"riff{k}.wav" for k in range(6)]
    for k, path in enumerate(samples):
        write(path, sound(melody(k, 3.0)))
    add_to_index(tmp_path / "samples", samples)
    found = rank(open_index(tmp_path / "samples"), read(songs[3]), role="song")
    assert Path(found[0].entry.path).name == "riff0.wav"


def test_a_song_shorter_than_the_sample_comes_last(songs, tmp_path):
    write(tmp_path / "short.wav", sound(melody(7, 1.0)))
    add_to_index(tmp_path / "index", [tmp_path / "short.wav", *songs[3:5]])
    found = rank(open_index(tmp_path / "index"), sound(melody(0, 3.0)))
    assert Path(found[-1].entry.path).name == "short.wav"
    assert found[-1].glimpse.score == float("-inf")


def test_an_index_grows_and_what_is_there_is_passed_over(index, songs):
    assert statuses(add_to_index(index, songs)) == ["already there"] * 8 + ["added"] * 4
    assert names(index) == {path.name for path in songs}


def test_two_jobs_make_the_same_index(index, songs, tmp_path):
    add_to_index(tmp_path / "other", songs[:8], n_jobs=2)
    one, two = ([(e.path, e.crc32) for e in open_index(path).entries] for path in (index, tmp_path / "other"))
    assert one == two


def test_a_song_that_is_there_twice_is_named_and_kept_once(songs, tmp_path):
    copy = tmp_path / "copy.flac"
    shutil.copy(songs[0], copy)
    outcomes = add_to_index(tmp_path / "index", [songs[0], copy, songs[0]])
    assert statuses(outcomes) == ["added", f"same as {songs[0].resolve()}", "already there"]
    assert names(tmp_path / "index") == {"song00.flac"}


def test_a_file_that_changed_is_analysed_again(songs, tmp_path):
    path = tmp_path / "song.wav"
    write(path, sound(melody(1, 4.0)))
    add_to_index(tmp_path / "index", [path])
    before = open_index(tmp_path / "index").entries
    write(path, sound(melody(2, 5.0)))
    assert statuses(add_to_index(tmp_path / "index", [path])) == ["added"]
    after = open_index(tmp_path / "index").entries
    assert len(before) == len(after) == 1
    assert before[0].sha256 != after[0].sha256
    assert after[0].duration_s == 5.0


def test_one_bad_file_stops_nothing(songs, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
    write(tmp_path / "silent.wav", sound(np.zeros(44100)))
    paths = [tmp_path / "broken.wav", songs[0], tmp_path / "missing.wav", tmp_path / "silent.wav"]
    outcomes = add_to_index(tmp_path / "index", paths)
    assert statuses(outcomes) == ["failed", "added", "failed", "failed"]
    assert "silent.wav: the sound is silent" in outcomes[3].error
    assert "missing.wav: no such file" in outcomes[2].error


def test_indexes_merge_and_are_tidied(index, songs, tmp_path):
    add_to_index(tmp_path / "more", songs[6:10])
    add_to_index(tmp_path / "more", songs[10:])
    assert merge_indexes(tmp_path / "all", [index, tmp_path / "more"]) == N_SONGS
    assert names(tmp_path / "all") == {path.name for path in songs}
    assert len(list((tmp_path / "all").glob("part-*"))) == 1
    first, second = (rank(open_index(path), sound(melody(0, 3.0)))[0] for path in (index, tmp_path / "all"))
    assert first.glimpse == second.glimpse
    assert merge_indexes(tmp_path / "all", [index]) == 0


def test_other_settings_do_not_mix(index, songs, tmp_path):
    other = FeatureConfig(hop_length=1024)
    with pytest.raises(DatasetError, match="analysed with other settings"):
        add_to_index(index, songs, config=other)
    add_to_index(tmp_path / "other", songs[:1], config=other)
    with pytest.raises(DatasetError, match="analysed otherwise"):
        merge_indexes(tmp_path / "all", [index, tmp_path / "other"])


def test_what_a_killed_run_left_is_passed_over(index):
    part = next(index.glob("part-*"))
    left = index / ".mirkit-abc" / part.name
    left.mkdir(parents=True)
    (left / "frames.npy").write_bytes(b"half")
    assert len(open_index(index)) == 8


def one_byte_changed(part: Path) -> None:
    content = bytearray((part / "frames.npy").read_bytes())
    content[len(content) // 2] ^= 1
    (part / "frames.npy").write_bytes(content)


def cut(part: Path) -> None:
    content = (part / "frames.npy").read_bytes()
    (part / "frames.npy").write_bytes(content[: len(content) // 2])


DAMAGE = {
    "a byte": one_byte_changed,
    "cut": cut,
    "empty": lambda part: (part / "frames.npy").write_bytes(b""),
    "gone": lambda part: (part / "frames.npy").unlink(),
    "no list": lambda part: (part / "sounds.json").write_text("[{"),
    "other list": lambda part: (part / "sounds.json").write_text('[{"path": "a"}]'),
    "negative": lambda part: (part / "sounds.json").write_text(
        (part / "sounds.json").read_text().replace('"first": 0', '"first": -9')
    ),
    "pickle": lambda part: np.save(part / "frames.npy", np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_part_is_refused_by_name(index, how):
    part = next(index.glob("part-*"))
    DAMAGE[how](part)
    with pytest.raises(DatasetError, match=rf"{part.name}: this part of the index is damaged.*delete it"):
        rank(open_index(index), sound(melody(0, 3.0)))


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"format": "mirkit.sampling.index/9"}), "[1]"])
def test_a_damaged_index_is_refused(index, content):
    (index / "index.json").write_text(content)
    with pytest.raises(DatasetError, match=r"make (it|the index) anew"):
        open_index(index)


def test_a_folder_with_something_else_is_left_alone(songs, tmp_path):
    (tmp_path / "thesis.txt").write_text("words")
    with pytest.raises(DatasetError, match="is there and no index"):
        add_to_index(tmp_path, songs[:1])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_silence_is_not_looked_up(index):
    with pytest.raises(ParameterError, match="silent"):
        rank(open_index(index), sound(np.zeros(44100)))

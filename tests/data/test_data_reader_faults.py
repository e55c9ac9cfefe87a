"""Readers: songs in every part, hidden files, and paths and songs that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data.conftest import write_metadata
from data.test_data_readers import fill

from mirkit.data import open_dataset
from mirkit.data.musdb import VALIDATION
from mirkit.errors import DatasetError


@pytest.mark.parametrize("name", ["valid", "validation", "val"])
def test_validation_songs_in_a_folder_of_their_own_are_read(tmp_path: Path, name: str) -> None:
    songs = {"train": ["A - One", VALIDATION[0]], name: ["B - Two"], "test": ["C - Three"]}
    fill(*(tmp_path / part / song / "mixture.wav" for part, ids in songs.items() for song in ids))
    (tmp_path / name / "D - Four.stem.mp4").touch()
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, len(dataset.items)) == ("musdb", 5)
    assert dataset.splits == {
        "valid": tuple(sorted([VALIDATION[0], "B - Two", "D - Four"])),
        "train": ("A - One",),
        "test": ("C - Three",),
    }


def test_what_macos_leaves_beside_files_is_no_song(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    song = make_song(tmp_path / "medley")
    (song / "._Artist_Song_METADATA.yaml").write_bytes(b"\0\5\x16\7Mac OS X\xff")
    fill(tmp_path / "musdb" / "train" / "A - One" / "mixture.wav")
    fill(tmp_path / "musdb" / "train" / "._A - One" / "mixture.wav")
    for name in ("B - Two", "._B - Two"):
        (tmp_path / "musdb" / "train" / f"{name}.stem.mp4").touch()
    assert [item.id for item in open_dataset(tmp_path / "medley").items] == ["Artist_Song"]
    assert [item.id for item in open_dataset(tmp_path / "musdb").items] == ["A - One", "B - Two"]


def test_a_folder_of_hidden_files_alone_is_not_musdb(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "._A - One.stem.mp4").touch()
    with pytest.raises(DatasetError, match="no layout recognised"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"raw_dir": "r" * 300, "stem_dir": "elsewhere"},
        {"mix_filename": "m" * 300 + ".wav"},
        {"mix_filename": "m" * 254},  # the name itself can be, with another suffix it cannot
    ],
)
def test_names_that_are_too_long_are_a_problem_of_their_song(
    tmp_path: Path, make_song: Callable[..., Path], changes: dict[str, str]
) -> None:
    make_song(tmp_path, "Good_Song")
    write_metadata(make_song(tmp_path, "Long_Song"), **changes)
    with pytest.raises(DatasetError, match="is not a usable path"):
        open_dataset(tmp_path)
    lenient = open_dataset(tmp_path, strict=False)
    assert [item.id for item in lenient.items] == ["Good_Song"]
    assert [problem.kind for problem in lenient.problems] == ["metadata"]


def test_a_mix_of_another_suffix_may_not_leave_the_folder(
    tmp_path: Path, make_song: Callable[..., Path]
) -> None:
    song = make_song(tmp_path / "set")
    (song / "Artist_Song_MIX.wav").unlink()
    fill(tmp_path / "elsewhere.mp3")
    (song / "Artist_Song_MIX.mp3").symlink_to(tmp_path / "elsewhere.mp3")
    with pytest.raises(DatasetError, match=r"Artist_Song_MIX\.mp3: leaves the data set's folder"):
        open_dataset(tmp_path / "set")
    (problem,) = open_dataset(tmp_path / "set", strict=False).problems
    assert problem.kind == "escape"


@pytest.mark.parametrize("layout", ["folder", "musdb"])
def test_a_song_that_cannot_be_used_is_left_out_and_named(tmp_path: Path, layout: str) -> None:
    mix = "mixture.wav" if layout == "musdb" else "mix.wav"
    good, bad = tmp_path / "train" / "A - Good", tmp_path / "train" / "B - Bad"
    fill(good / mix, good / "vocals.wav", bad / mix, bad / "vocals.wav", bad / "vocals.flac")
    with pytest.raises(DatasetError, match=r"B - Bad: metadata: stems \['vocals'\] occur twice"):
        open_dataset(tmp_path)
    lenient = open_dataset(tmp_path, strict=False)
    assert lenient.layout == layout
    assert [item.id for item in lenient.items] == ["A - Good"]
    assert [problem.path for problem in lenient.problems] == [str(bad)]
    assert [item.id for item in lenient.split("train").items] == ["A - Good"]

"""Splits: no artist on two sides, whatever the data sets call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mirkit.data.artists import Entry, artist_groups, artist_keys
from mirkit.data.dataset import TrackSet
from mirkit.data.layouts import read_split
from mirkit.data.splits import check_split, entries, make_split, read_track_list, write_split
from mirkit.errors import DatasetError, ParameterError
from mirkit.multitrack import MultiTrack, Stem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Music Delta", ""), ("Music Delta Multitracks", "")),
        (("The Long Wait", ""), ("TheLongWait", "")),
        (("The Wrong'Uns", ""), ("MR1303", "MR1303_WrongUns")),
        (("James May", ""), ("MR1210", "medley/MR1210_JamesMay")),
        (("Clara Berry And Wooldog", ""), ("ClaraBerryAndWooldog", "")),
        (("Jokers, Jacks & Kings", ""), ("MR1204", "MR1204_JokersJacksKings")),
        (("AC DC", ""), ("AcDc", "")),
        (("Björk", ""), ("bjork", "")),
        (("Liz Nelson", ""), ("Liz Nelson & Jennifer Davies", "")),
        (("Lady Gaga featuring Beyonce", ""), ("Lady Gaga", "")),
        (("M.E.R.C. Music", ""), ("MERCMusic", "")),
    ],
)
def test_spellings_of_one_artist_agree(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert artist_keys(*one) & artist_keys(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Leaf", "Leaves"), ("AC/DC", "DC"), ("", ""), ("Various Artists", "Various"), ("Sand", "S")],
)
def test_different_artists_stay_apart(one: str, other: str) -> None:
    assert not artist_keys(one) & artist_keys(other)


def test_songs_without_artist_go_with_their_title() -> None:
    songs = [
        Entry("a", "", "Rainfall"),
        Entry("b", "Liz Nelson", "Rainfall"),
        Entry("c", "X", "Rainfall"),
        Entry("d", "", ""),
    ]
    assert sorted(map(len, artist_groups(songs))) == [1, 3]


@settings(max_examples=15, deadline=None)
@given(
    artists=st.lists(st.sampled_from("ABCDEFGHIJKL"), min_size=8, max_size=60).filter(
        lambda x: len(set(x)) > 1
    ),
    seed=st.integers(0, 5),
)
def test_no_split_leaks_and_order_does_not_matter(artists: list[str], seed: int) -> None:
    songs = [Entry(f"song {k}", f"{artist} band", f"title {k}") for k, artist in enumerate(artists)]
    try:
        split = make_split(songs, {"train": None, "valid": 0.2, "test": 0.2}, seed=seed)
    except DatasetError as error:
        assume("would be empty" not in str(error))
        raise
    check_split(split, songs)
    assert sorted(key for keys in split.values() for key in keys) == sorted(song.key for song in songs)
    assert all(split.values())
    artist_of = {song.key: song.artist for song in songs}
    sides = [{artist_of[key] for key in keys} for keys in split.values()]
    assert sum(map(len, sides)) == len(set().union(*sides))
    assert make_split(songs[::-1], {"train": None, "valid": 0.2, "test": 0.2}, seed=seed) == split


def test_sizes_are_met_exactly_and_seeds_differ() -> None:
    songs = [Entry(f"s{k:03d}", f"artist {k // 2}", str(k)) for k in range(100)]
    first = make_split(songs, {"train": 60, "valid": 0.1, "test": 20}, seed=1)
    assert {part: len(keys) for part, keys in first.items()} == {"train": 60, "valid": 10, "test": 20}
    assert make_split(songs, {"train": 60, "valid": 0.1, "test": 20}, seed=2) != first
    thirds = make_split(songs[:98], {"a": 0.333, "b": 0.333, "c": 0.334})
    assert sum(map(len, thirds.values())) <= 98


def test_parts_have_similar_instruments() -> None:
    songs = [
        Entry(f"s{k:03d}", f"artist {k}", str(k), ("piano",) if k % 4 == 0 else ("tabla",))
        for k in range(100)
    ]
    split = make_split(songs, {"train": None, "test": 20})
    assert sum(songs[int(key[1:])].instruments == ("piano",) for key in split["test"]) == 5


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"train": 4, "test": 2}, ParameterError, "need 6 songs and there are 5"),
        ({"train": None, "test": None}, ParameterError, "the rest in one part at most"),
        ({}, ParameterError, "need 0 songs"),
        (
            {"train": 1.5},
            ParameterError,
            "size of 'train' must be a number of songs or a fraction below 1, got 1.5",
        ),
        ({"train": -1}, ParameterError, "got -1"),
        ({"train": 3, "test": 2}, DatasetError, "whole artists make up 0 songs for 'test', not 2"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], error: type[Exception], message: str) -> None:
    songs = [Entry(f"s{k}", "one artist", str(k)) for k in range(5)]
    with pytest.raises(error, match=message):
        make_split(songs, sizes)


def test_leaks_name_both_sides() -> None:
    songs = [
        Entry("medleydb/LizNelson_Rainfall", "Liz Nelson & Jennifer Davies", "Rainfall"),
        Entry("medleydb/LizNelson_ImComingHome", "Liz Nelson", "Im Coming Home"),
        Entry("musdb/Music Delta - 80s Rock", "Music Delta", "80s Rock"),
        Entry("medleydb/MusicDelta_80sRock", "Music Delta Multitracks", "80sRock"),
    ]
    keys = [song.key for song in songs]
    check_split({"train": keys[:2], "test": keys[2:]}, songs)
    with pytest.raises(
        DatasetError, match=r"1 times.*artist 'Liz Nelson.*Rainfall' in 'train'.*ComingHome' in 'test'"
    ):
        check_split({"train": keys[:1], "test": keys[1:2]}, songs)
    with pytest.raises(
        DatasetError, match=r"the same song: 'musdb/Music Delta - 80s Rock' in 'train', 'medleydb/Mus"
    ):
        check_split({"train": keys[2:3], "test": keys[3:]}, songs)
    with pytest.raises(DatasetError, match="the split leaks"):
        check_split({"train": keys[:1], "test": keys[:1]}, songs)
    with pytest.raises(DatasetError, match="songs that are not there: Nobody_Nothing"):
        check_split({"train": ["Nobody_Nothing"]}, songs)


def _tracks(name: str, *songs: MultiTrack) -> TrackSet:
    return TrackSet(name, "folder", Path(name), songs)


def test_entries_of_several_data_sets_carry_their_names() -> None:
    one = _tracks(
        "one", MultiTrack("A_X", "A", (Stem("S01", "piano", Path("p.wav")),), metadata={"has_bleed": True})
    )
    two = _tracks("two", MultiTrack("A - X", "A", (), metadata={"title": "X"}))
    assert entries([one]) == [Entry("A_X", "A", "X", ("piano",), True)]
    assert [entry.key for entry in entries([one, two])] == ["one/A_X", "two/A - X"]
    with pytest.raises(DatasetError, match="different folder names"):
        entries([one, one])
    with pytest.raises(DatasetError, match="songs occur twice: A_X"):
        make_split(entries([one]) * 2, {"train": None})


def test_split_files_round_trip(tmp_path: Path) -> None:
    split = {"train": ("a", "b"), "test": ("ü",)}
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json") == split
    assert json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))["test"] == ["ü"]


def test_a_track_list_needs_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "tracks.csv"
    path.write_text("dataset,track_id\nmedleydb,A_X\n", encoding="utf-8")
    with pytest.raises(
        DatasetError, match=r"tracks\.csv: not a track list; wanted rows under the header dataset"
    ):
        read_track_list(path)
    with pytest.raises(DatasetError, match=r"absent\.csv: cannot be read \(no such file"):
        read_track_list(tmp_path / "absent.csv")


def test_the_published_sizes_can_be_made(shared: Path) -> None:
    songs = read_track_list(shared / "annotations" / "tracks.csv")
    assert len(songs) == 588
    split = make_split(songs, {"train": 361, "test": 100}, seed=0)
    assert [len(keys) for keys in split.values()] == [361, 100]
    check_split(split, songs)
    clean = [song for song in songs if not song.bleed]
    assert len(clean) == 457  # four short of the published 461
    clean_split = make_split(clean, {"train": None, "test": 100}, seed=0)
    assert [len(keys) for keys in clean_split.values()] == [357, 100]
    check_split(clean_split, clean)


def test_the_rest_takes_every_song_that_fits_nowhere_else() -> None:
    songs = [Entry(f"s{k:03d}", f"artist {k // 4}", str(k)) for k in range(100)]
    split = make_split(songs, {"train": None, "valid": 0.1, "test": 0.1})  # four songs an artist: 8, not 10
    assert {part: len(keys) for part, keys in split.items()} == {"train": 84, "valid": 8, "test": 8}
    assert list(make_split(songs, {"test": 0.7, "train": None})["test"]) != []
    few = make_split(
        songs[:12], {"train": None, "test": 0.67}
    )  # the rest is the smaller part, and still last
    assert {part: len(keys) for part, keys in few.items()} == {"train": 4, "test": 8}


@pytest.mark.parametrize(("n_artists", "told"), [(3, "0.1 of 9 songs is 1"), (1, "no song is free")])
def test_a_part_that_would_be_empty_is_an_error(n_artists: int, told: str) -> None:
    songs = [Entry(f"s{k}", f"artist {k % n_artists}", str(k)) for k in range(9)]
    with pytest.raises(DatasetError, match=told):
        make_split(songs, {"train": None, "valid": 0.1, "test": 0.1})


def test_a_fraction_of_less_than_half_a_song_is_an_error_and_nothing_is_not() -> None:
    songs = [Entry(f"s{k}", f"artist {k}", str(k)) for k in range(4)]
    with pytest.raises(DatasetError, match=r"'test' would be empty: 0\.1 of 4 songs is 0, and no artist"):
        make_split(songs, {"train": None, "test": 0.1})
    assert make_split(songs, {"train": None, "test": 0})["test"] == ()
    assert make_split(songs, {"train": None, "test": 4})["train"] == ()


def test_a_part_is_left_empty_only_if_there_is_no_other_way() -> None:
    # Where one part could take both single songs, as near to the sizes, the other must get one of them.
    artists = [0] * 6 + [1] * 6 + [2, 3]
    songs = [Entry(f"s{k:02d}", f"artist {artist}", str(k)) for k, artist in enumerate(artists)]
    for seed in range(5):
        split = make_split(songs, {"train": None, "valid": 0.15, "test": 0.16}, seed=seed)
        assert all(split.values()), split

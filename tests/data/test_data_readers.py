"""Readers: every layout, detected, lazy, and safe from what metadata may contain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mirkit.audio
from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.audio import Audio
from mirkit.data import open_dataset, read_split
from mirkit.data.musdb import VALIDATION
from mirkit.data.slakh import instrument_of_program
from mirkit.errors import DatasetError

DATASETS = Path(__file__).parents[2] / "datasets"
SOUND = Audio(np.full((2, 800), 0.1, np.float32), 8000)


def fill(*paths: Path) -> None:
    for path in paths:
        audio.write(path, SOUND)


def test_opening_decodes_nothing(
    tmp_path: Path, make_song: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_song(tmp_path / "medley", "A_One")
    fill(tmp_path / "songs" / "One" / "piano.wav", tmp_path / "hq" / "train" / "A - One" / "mixture.wav")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sound file was opened")

    for name in ("read", "read_streams", "blocks", "info", "open_source"):
        monkeypatch.setattr(mirkit.audio, name, refuse)
    for folder in ("medley", "songs", "hq"):
        assert len(open_dataset(tmp_path / folder).items) == 1
    with pytest.raises(AssertionError, match="a sound file was opened"):
        open_dataset(tmp_path / "medley").items[0].mix()


@pytest.mark.parametrize("place", ["", "Audio", "V1", "Audio/V2"])
def test_medleydb_song_folders(tmp_path: Path, make_song: Callable[..., Path], place: str) -> None:
    make_song(tmp_path / place, "Artist_Song")
    dataset = open_dataset(tmp_path)
    (song,) = dataset.items
    assert (dataset.layout, song.id, song.artist) == ("medleydb", "Artist_Song", "Artist")
    assert [stem.instrument for stem in song.stems] == [("piano",), ("drum set",), ("female singer",)]
    assert song.metadata["has_bleed"] is False
    assert song.metadata["title"] == "Song"
    np.testing.assert_allclose(song.mix().samples, song.mix(from_stems=True).samples, atol=1e-7)


def test_medleydb_with_metadata_and_annotations_apart(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    song = make_song(tmp_path / "Audio", "Artist_Song", has_bleed="yes")
    (tmp_path / "Metadata").mkdir()
    (song / "Artist_Song_METADATA.yaml").rename(tmp_path / "Metadata" / "Artist_Song_METADATA.yaml")
    for version in ("original", "v2"):
        folder = tmp_path / "Annotations" / "Activation_Confidence" / version
        folder.mkdir(parents=True)
        (folder / "Artist_Song_ACTIVATION_CONF.lab").write_text(
            "time,S01\n0.0,0.5\n0.0464,0.5\n", encoding="utf-8"
        )
    (found,) = open_dataset(tmp_path).items
    assert found.stems[0].path.is_file()
    assert found.mix_path is not None
    assert found.mix_path.is_file()
    assert found.activity_path is not None
    assert found.activity_path.parent.name == "v2"
    assert found.metadata["has_bleed"] is True


def test_a_single_song_folder_is_a_data_set(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    assert [item.id for item in open_dataset(make_song(tmp_path)).items] == ["Artist_Song"]


def test_a_stem_may_have_several_instruments(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    stems = {"S01": {"filename": "x.wav", "instrument": ["violin", "cello"]}, "S02": {"filename": "y.wav"}}
    make_song(tmp_path, stems=stems)
    (song,) = open_dataset(tmp_path).items
    assert [stem.instrument for stem in song.stems] == [("violin", "cello"), ()]


def test_mixing_secrets_keeps_raw_names_and_finds_mp3_mixes(
    tmp_path: Path, make_song: Callable[..., Path]
) -> None:
    stems = {
        "S01": {"filename": "Artist_Song_STEM_drums.wav", "instrument": "drum set"},
        "S02": {"filename": "05_BassDI.wav", "instrument": "electric bass"},
    }
    song = make_song(tmp_path, origin="Mixing Secrets", stems=stems)
    fill(
        song / "Artist_Song_STEMS" / "Artist_Song_STEM_drums.wav", song / "Artist_Song_RAW" / "05_BassDI.wav"
    )
    (song / "Artist_Song_MIX.wav").unlink()
    fill(song / "Artist_Song_MIX.mp3")
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "mixing_secrets"
    assert [stem.path.parent.name for stem in dataset.items[0].stems] == [
        "Artist_Song_STEMS",
        "Artist_Song_RAW",
    ]
    assert dataset.items[0].mix_path == song / "Artist_Song_MIX.mp3"


def test_musdb_hq_has_parts(tmp_path: Path) -> None:
    for part, name in (("train", "A - One"), ("train", VALIDATION[0]), ("test", "B - Two")):
        fill(
            *(
                tmp_path / part / name / f"{stem}.wav"
                for stem in ("mixture", "vocals", "drums", "bass", "other")
            )
        )
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "musdb"
    assert {part: len(dataset.split(part).items) for part in ("train", "valid", "test")} == {
        "train": 1,
        "valid": 1,
        "test": 1,
    }
    (song,) = dataset.split("test").items
    assert (song.artist, song.metadata["title"]) == ("B", "Two")
    assert [stem.id for stem in song.stems] == ["bass", "drums", "other", "vocals"]
    assert song.mix_path is not None


def test_musdb_stem_files_have_one_stream_a_stem(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "A - One.stem.mp4").touch()
    (song,) = open_dataset(tmp_path).items
    assert {stem.id: stem.stream for stem in song.stems} == {"drums": 1, "bass": 2, "other": 3, "vocals": 4}
    assert song.mix_path == song.stems[0].path
    assert song.id == "A - One"


def write_streams(path: Path, levels: list[float]) -> None:
    """Write an mp4 with one AAC stream for each level, all the same tone."""
    import av

    tone = np.sin(np.arange(44100, dtype=np.float32) * 0.05)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=44100, layout="stereo") for _ in levels]
        for stream, level in zip(streams, levels, strict=True):
            frame = av.AudioFrame.from_ndarray(np.tile(level * tone, (2, 1)), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, 0
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)


def test_musdb_stems_are_read_from_their_streams(tmp_path: Path) -> None:
    write_streams(tmp_path / "test" / "A - One.stem.mp4", [0.5, 0.1, 0.2, 0.3, 0.4])
    dataset = open_dataset(tmp_path)
    (song,) = dataset.items
    levels = {stem.id: float(np.abs(stem.audio().samples).max()) for stem in song.stems}
    assert levels == pytest.approx({"drums": 0.1, "bass": 0.2, "other": 0.3, "vocals": 0.4}, abs=0.03)
    assert np.abs(song.mix().samples).max() == pytest.approx(0.5, abs=0.03)
    assert dataset.validate() == []


def test_musdb_validation_songs_agree_with_the_split_file() -> None:
    assert read_split(DATASETS / "musdb18" / "split.json")["valid"] == VALIDATION
    assert len(VALIDATION) == 14


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_slakh(tmp_path: Path, suffix: str) -> None:
    for part, track in (("train", "Track00001"), ("validation", "Track00002")):
        folder = tmp_path / part / track
        fill(folder / f"mix{suffix}", folder / "stems" / f"S00{suffix}")
        stems = {
            "S00": {"inst_class": "Bass", "is_drum": False, "program_num": 33, "audio_rendered": True},
            "S01": {"inst_class": "Drums", "is_drum": True, "program_num": 128, "audio_rendered": True},
            "S02": {"inst_class": "Piano", "is_drum": False, "program_num": 0, "audio_rendered": False},
        }
        (folder / "metadata.yaml").write_text(json.dumps({"UUID": "same", "stems": stems}), encoding="utf-8")
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dict(dataset.splits)) == (
        "slakh",
        {"train": ("Track00001",), "valid": ("Track00002",)},
    )
    assert dataset.items[0].instruments == ("electric bass", "drum set")
    assert dataset.items[0].artist == dataset.items[1].artist == "same"
    assert dataset.items[0].stems[0].audio().samples.shape == (2, 800)


def test_every_program_has_a_label_that_a_taxonomy_knows() -> None:
    taxonomy = Taxonomy.load("instruments18")
    assert taxonomy.unmapped(instrument_of_program(program) for program in range(128)) == []


def test_folder_of_songs(tmp_path: Path) -> None:
    fill(
        *(
            tmp_path / "test" / "A - One" / name
            for name in ("Mixture.wav", "01_electric_bass.wav", "violin2.flac")
        )
    )
    fill(tmp_path / "Two" / "piano.ogg")
    (tmp_path / "Two" / "notes.txt").write_text("no sound", encoding="utf-8")
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, [item.id for item in dataset.items]) == ("folder", ["A - One", "Two"])
    one, two = dataset.items
    assert one.instruments == ("electric bass", "violin")
    assert one.mix_path is not None
    assert (two.artist, two.mix_path) == ("", None)
    assert [item.id for item in dataset.split("test").items] == ["A - One"]
    assert [item.id for item in open_dataset(tmp_path / "Two").items] == ["Two"]


def test_a_split_file_in_the_folder_is_found(tmp_path: Path) -> None:
    fill(tmp_path / "One" / "piano.wav", tmp_path / "Two" / "piano.wav")
    split = {"train": [f"{tmp_path.name}/One"], "test": ["Two"]}
    (tmp_path / "split.json").write_text(json.dumps(split), encoding="utf-8")
    dataset = open_dataset(tmp_path)
    assert [item.id for item in dataset.split("train").items] == ["One"]
    with pytest.raises(DatasetError, match=r"no part 'valid' \(parts: train, test\)"):
        dataset.split("valid")
    with pytest.raises(DatasetError, match="no songs called Three"):
        dataset.select(["Three"])


@pytest.mark.parametrize("content", ["[]", '{"train": "One"}', '{"train": [1]}', "{", ""])
def test_a_broken_split_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "split.json").write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"split\.json: not "):
        read_split(tmp_path / "split.json")


def test_unknown_layouts_are_listed(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(
        DatasetError, match=r"(?s)no layout recognised; known are.*medleydb.*musdb.*slakh.*folder"
    ):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        open_dataset(tmp_path / "absent")


LOL = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "stems: !!python/object/apply:os.system [ls]",
            "tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("stems: !thing {}", "tag !thing"),
        ("stems: &s\n  S01: *s\n", r"alias \*s"),
        (LOL, r"alias \*a"),
        ("stems: " + "[" * 40 + "]" * 40, "nested more than 32 deep"),
        ("stems: {S01: {filename: x", "not readable as YAML"),
        ("- a\n- b\n", "holds a list; wanted a mapping"),
        ("title: x\n", "'stems' is missing"),
        ("stems: {S01: {instrument: piano}}", "stem S01 has no 'filename'"),
        ("\udcff", "not readable as YAML"),
        ("stems: {S01: {filename: ../../../x.wav}}", "leaves the data set's folder"),
        ("stems: {S01: {filename: /etc/passwd}}", "leaves the data set's folder"),
        ("stem_dir: ../..\nstems: {S01: {filename: x.wav}}", "leaves the data set's folder"),
        ("mix_filename: ../../x.wav\nstems: {S01: {filename: x.wav}}", "leaves the data set's folder"),
        ('stems: {S01: {filename: "a\\0b.wav"}}', "not a usable path"),
    ],
)
def test_hostile_metadata_is_one_clear_error(
    tmp_path: Path, make_song: Callable[..., Path], content: str, message: str
) -> None:
    make_song(tmp_path, "Good_Song")
    bad = make_song(tmp_path, "Bad_Song") / "Bad_Song_METADATA.yaml"
    bad.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=message) as caught:
        open_dataset(tmp_path)
    assert str(bad) in str(caught.value)
    lenient = open_dataset(tmp_path, strict=False)
    assert [item.id for item in lenient.items] == ["Good_Song"]
    assert len(lenient.problems) == 1


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    song = make_song(tmp_path / "set")
    fill(tmp_path / "elsewhere.wav")
    stem = song / "Artist_Song_STEMS" / "Artist_Song_STEM_01.wav"
    stem.unlink()
    stem.symlink_to(tmp_path / "elsewhere.wav")
    with pytest.raises(DatasetError, match=r"Artist_Song_STEM_01\.wav: leaves the data set's folder"):
        open_dataset(tmp_path / "set")


def test_annotation_folders_without_audio_can_be_read(shared: Path) -> None:
    dataset = open_dataset(shared / "annotations" / "medleydb")
    assert (dataset.layout, len(dataset.items)) == ("medleydb", 8)
    rainfall = next(item for item in dataset.items if item.id == "LizNelson_Rainfall")
    activity = rainfall.activity(Taxonomy.load("instruments18"), "medleydb")
    assert activity.values.shape == (18, 6135)
    assert open_dataset(shared / "annotations" / "mixing_secrets").layout == "mixing_secrets"


def test_every_label_of_medleydb_is_known(shared: Path) -> None:
    import yaml

    tree = yaml.safe_load((shared / "annotations" / "medleydb" / "taxonomy.yaml").read_text(encoding="utf-8"))
    leaves: list[str] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            leaves.append(node)
        else:
            pending += node.values() if isinstance(node, dict) else node
    assert len(leaves) == 122
    for name in ("instruments18", "stems6"):
        assert Taxonomy.load(name).unmapped(leaves) == []

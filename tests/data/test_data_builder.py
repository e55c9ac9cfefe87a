"""Raw tracks become a multitrack that the readers take and the checks pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.annotation.formats import read_activation_confidence, read_source_id, source_id
from mirkit.audio import Audio
from mirkit.data import open_dataset
from mirkit.data.builder import annotate, song_id
from mirkit.data.raw_names import instrument_of_raw, merged_stem, words_of
from mirkit.errors import AudioError, DatasetError

from .conftest import RATE, bursts  # noqa: TID252  # tests are not a package

TAXONOMIES = (Taxonomy.load("instruments18"), Taxonomy.load("stems6"))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of raw tracks: two of the kit (one stereo, one short), a bass, a voice and a mystery."""
    folder = tmp_path / "raw" / "The Band - Let's go"
    stereo = np.repeat(bursts(2), 2, axis=0) * np.array([[1.0], [0.5]], np.float32)
    sounds = {
        "01_Kick": bursts(1)[:, : 4 * RATE],
        "02_Overheads": stereo,
        "03_BassDI": bursts(3),
        "04_LeadVox": bursts(4),
        "05_Zorgon2": bursts(5),
    }
    for name, samples in sounds.items():
        audio.write(folder / f"{name}.wav", Audio(samples, RATE))
    return folder


def test_a_folder_of_raw_tracks_becomes_a_faultless_multitrack(raw: Path, tmp_path: Path) -> None:
    made = annotate(
        raw, tmp_path / "out", instruments={"04_LeadVox.wav": "female singer", "05_Zorgon2": "kazoo"}
    )
    assert (made.id, made.n_stems, made.unmapped) == ("TheBand_LetsGo", 4, ())
    dataset = open_dataset(tmp_path / "out")
    assert [problem.kind for problem in dataset.validate()] == ["label"]  # the kazoo
    (song,) = dataset.items
    assert (song.artist, song.metadata["title"], song.metadata["instrumental"]) == (
        "The Band",
        "Let's go",
        False,
    )
    assert song.instruments == ("drum set", "electric bass", "female singer", "kazoo")
    assert [stem.path.name for stem in song.stems] == [
        "TheBand_LetsGo_STEM_drums.wav",
        "03_BassDI.wav",
        "04_LeadVox.wav",
        "05_Zorgon2.wav",
    ]
    assert sorted(path.name for path in (tmp_path / "out" / made.id / "TheBand_LetsGo_RAW").iterdir()) == [
        "01_Kick.wav",
        "02_Overheads.wav",
    ]


def test_the_drum_stem_is_the_average_of_its_raw_tracks(raw: Path, tmp_path: Path) -> None:
    made = annotate(raw, tmp_path / "out")
    drums = audio.read(made.folder / f"{made.id}_STEMS" / f"{made.id}_STEM_drums.wav")
    kick, overheads = (audio.read(raw / name).samples for name in ("01_Kick.wav", "02_Overheads.wav"))
    expected = overheads.copy()
    expected[:, : kick.shape[1]] += kick
    np.testing.assert_allclose(drums.samples, expected / 2, atol=1e-7)


def test_averaging_runs_on_across_blocks(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (
        annotate(raw, tmp_path / "whole").folder / "TheBand_LetsGo_STEMS" / "TheBand_LetsGo_STEM_drums.wav"
    )
    monkeypatch.setattr("mirkit.data.builder.BLOCK_S", 0.7)
    parts = (
        annotate(raw, tmp_path / "parts").folder / "TheBand_LetsGo_STEMS" / "TheBand_LetsGo_STEM_drums.wav"
    )
    np.testing.assert_array_equal(audio.read(whole).samples, audio.read(parts).samples)


def test_the_labels_follow_medleydbs_rule(raw: Path, tmp_path: Path) -> None:
    made = annotate(raw, tmp_path / "out")
    (song,) = open_dataset(tmp_path / "out").items
    assert song.activity_path is not None
    confidence = read_activation_confidence(song.activity_path)
    assert confidence.labels == ("S01", "S02", "S03", "S04")
    written = read_source_id(made.folder / f"{made.id}_SOURCEID.lab")
    expected = source_id(confidence, {stem.id: stem.instrument for stem in song.stems})
    assert written.labels == expected.labels
    np.testing.assert_allclose(written.times_s, expected.times_s, atol=1e-4)
    computed = song.__class__(song.id, song.artist, song.stems).stem_activity("medleydb")
    np.testing.assert_allclose(confidence.values, computed.values, atol=6e-5)  # four decimals in the file


def test_unknown_names_are_reported(raw: Path, tmp_path: Path) -> None:
    assert annotate(raw, tmp_path / "out").unmapped == ("zorgon",)


def test_a_mix_is_taken_along(raw: Path, tmp_path: Path) -> None:
    audio.write(raw / "Mix.flac", Audio(bursts(9), RATE))
    made = annotate(raw, tmp_path / "out", artist="", title="x y")
    (song,) = open_dataset(tmp_path / "out").items
    assert (made.id, song.artist, made.n_stems) == ("XY", "", 4)
    assert song.mix_path == made.folder / "XY_MIX.flac"


@pytest.mark.parametrize("where", ["01_Kick.wav", "03_BassDI.wav"])
def test_nothing_is_left_of_a_failed_build(raw: Path, tmp_path: Path, where: str) -> None:
    (raw / where).write_text("no sound at all, only text", encoding="utf-8")
    with pytest.raises(AudioError, match=where):
        annotate(raw, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failed_rebuild_leaves_the_old_one(raw: Path, tmp_path: Path) -> None:
    made = annotate(raw, tmp_path / "out")
    before = sorted(path.name for path in made.folder.rglob("*"))
    (raw / "03_BassDI.wav").write_bytes(b"")
    with pytest.raises(AudioError, match="03_BassDI"):
        annotate(raw, tmp_path / "out")
    assert sorted(path.name for path in made.folder.rglob("*")) == before


def test_misuse_is_explained(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        annotate(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no raw tracks; wanted sound files named"):
        annotate(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(DatasetError, match="labels are given for 99_Oboe, which are not among the files"):
        annotate(raw, tmp_path / "out", instruments={"99_Oboe": "oboe"})
    audio.write(raw / "06_Snare.wav", Audio(np.ones((4, 900), np.float32) / 9, RATE))
    with pytest.raises(DatasetError, match=r"02_Overheads\.wav cannot be averaged with 4 channels"):
        annotate(raw, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("01_KickIn", "drums"),
        ("07_HiHat", "drums"),
        ("03_DrumsRoom", "drums"),
        ("12_FloorTom2", "drums"),
        ("14_Synth", "synth"),
        ("20_Loop1", "loop"),
        ("11_SFX", "sfx"),
        ("05_BassDI", None),
        ("17_LeadVox2DT", None),
    ],
)
def test_which_raw_tracks_are_averaged(name: str, stem: str | None) -> None:
    assert merged_stem(name) == stem


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("02_BassDI", "electric bass"),
        ("02_BassDI2", "electric bass"),
        ("08_ElecGtr3DT", "electric guitar"),
        ("09_AcousticGtr3", "acoustic guitar"),
        ("26_BackingVox6", "vocalists"),
        ("04_ViolinDI2", "violin"),
        ("07_ViolaSoloRaw", "viola"),
        ("12_Flute2", "flute"),
        ("31_Piano_Close", "piano"),
        ("tenor saxophone", "tenor saxophone"),
    ],
)
def test_instruments_guessed_from_raw_names(name: str, label: str) -> None:
    assert instrument_of_raw(name, TAXONOMIES) == (label, True)


def test_names_of_no_instrument_are_kept_as_they_are() -> None:
    assert instrument_of_raw("09_WeirdThing", TAXONOMIES) == ("weird thing", False)
    assert instrument_of_raw("0815", TAXONOMIES) == ("0815", False)
    assert words_of("01_DIBass-mic") == ["di", "bass", "mic"]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("Artist_Song", "Artist_Song"),
        ("some band - a song", "SomeBand_ASong"),
        ("demo", "Demo"),
        ("!!!", "Untitled"),
    ],
)
def test_song_ids(folder: str, expected: str) -> None:
    assert song_id(folder) == expected


def test_what_would_be_lost_is_never_replaced(raw: Path, tmp_path: Path) -> None:
    raws = sorted(path.name for path in raw.iterdir())
    raw = raw.rename(raw.with_name("TheBand_LetsGo"))
    with pytest.raises(DatasetError, match="would replace its raw tracks"):
        annotate(raw, tmp_path / "raw")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "A_B").symlink_to(raw, target_is_directory=True)
    with pytest.raises(DatasetError, match="would replace its raw tracks"):
        annotate(raw, tmp_path / "linked", artist="a", title="b")
    inside = tmp_path / "X_Y" / "raw"
    inside.parent.mkdir()
    raw.rename(inside)
    with pytest.raises(DatasetError, match="would replace its raw tracks"):
        annotate(inside, tmp_path, artist="x", title="y")
    (tmp_path / "V_W").write_text("a file", encoding="utf-8")
    with pytest.raises(DatasetError, match="is a file; move it"):
        annotate(inside, tmp_path, artist="v", title="w")
    (tmp_path / "T_U").mkdir()
    assert annotate(inside, tmp_path, artist="t", title="u").n_stems == 4  # nothing to lose
    (tmp_path / "T_U" / "T_U_METADATA.yaml").unlink()
    with pytest.raises(DatasetError, match=r"does not hold T_U_METADATA\.yaml"):
        annotate(inside, tmp_path, artist="t", title="u")
    assert sorted(path.name for path in inside.iterdir()) == raws

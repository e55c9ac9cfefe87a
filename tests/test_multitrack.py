"""Songs as stems: reading on demand, sums, groups, activity."""

from __future__ import annotations

import pickle  # noqa: TID251  # how worker processes get their work
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.audio import Audio
from mirkit.errors import AudioError, DatasetError, ParameterError
from mirkit.multitrack import MultiTrack, Stem

RATE = 8000
TAXONOMY = Taxonomy.load("instruments18")


def tone(start_s: float, end_s: float, *, gain: float = 0.3, duration_s: float = 3.0) -> Audio:
    time_s = np.arange(round(duration_s * RATE)) / RATE
    y = gain * np.sin(2 * np.pi * 300 * time_s) * ((time_s >= start_s) & (time_s < end_s))
    return Audio(y[np.newaxis].astype(np.float32), RATE)


def song(folder: Path, stems: dict[str, tuple[object, Audio]], **fields: object) -> MultiTrack:
    for name, (_, sound) in stems.items():
        audio.write(folder / f"{name}.wav", sound)
    parts = tuple(Stem(name, labels, folder / f"{name}.wav") for name, (labels, _) in stems.items())  # type: ignore[arg-type]
    return MultiTrack("A_Song", "A", parts, **fields)  # type: ignore[arg-type]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    absent = MultiTrack("A_Song", "A", (Stem("S01", "piano", Path("no/such.wav")),), Path("no/mix.wav"))
    assert absent.instruments == ("piano",)
    with pytest.raises(AudioError, match=r"such\.wav"):
        absent.mix(from_stems=True)
    with pytest.raises(AudioError, match=r"mix\.wav"):
        absent.mix()


def test_mix_without_a_file_is_the_exact_sum(tmp_path: Path) -> None:
    one, two = tone(0, 1), tone(1, 3, gain=0.7)
    mixed = song(tmp_path, {"S01": ("piano", one), "S02": ("tabla", two)}).mix()
    np.testing.assert_array_equal(mixed.samples, one.samples + two.samples)


def test_mix_file_wins_unless_the_stems_are_asked_for(tmp_path: Path) -> None:
    audio.write(tmp_path / "mix.wav", tone(0, 3, gain=0.9))
    track = song(tmp_path, {"S01": ("piano", tone(0, 1))}, mix_path=tmp_path / "mix.wav")
    assert np.abs(track.mix().samples).max() == pytest.approx(0.9, abs=0.01)
    assert np.abs(track.mix(from_stems=True).samples).max() == pytest.approx(0.3, abs=0.01)
    assert track.mix(4000).sample_rate == 4000


def test_shorter_mono_stems_join_longer_stereo_ones(tmp_path: Path) -> None:
    stereo = Audio(np.repeat(tone(0, 3).samples, 2, axis=0), RATE)
    track = song(tmp_path, {"S01": ("piano", tone(0, 1, duration_s=1.0)), "S02": ("tabla", stereo)})
    assert track.mix().samples.shape == (2, 3 * RATE)


def test_grouped_sums_the_stems_of_a_class_and_leaves_the_rest(tmp_path: Path) -> None:
    stems = {
        "S01": ("piano", tone(0, 1)),
        "S02": ("tack piano", tone(1, 2)),
        "S03": ("kazoo", tone(0, 3)),
        "S04": (["piano", "cello"], tone(0, 3)),
    }
    groups = song(tmp_path, stems).grouped(TAXONOMY)
    assert list(groups) == ["piano"]
    np.testing.assert_array_equal(groups["piano"].samples, tone(0, 2).samples)


@pytest.mark.parametrize("preset", ["level", "medleydb"])
def test_activity_follows_the_stems(tmp_path: Path, preset: str) -> None:
    track = song(tmp_path, {"S01": ("piano", tone(0, 1)), "S02": ("tack piano", tone(2, 3))})
    activity = track.activity(TAXONOMY, preset)  # type: ignore[arg-type]
    piano = activity.binarize().values[TAXONOMY.index("piano")]
    at = [piano[activity.grid.index(time_s)] for time_s in (0.5, 1.6, 2.5)]
    assert at == [1.0, 0.0, 1.0]
    assert activity.binarize().values[TAXONOMY.index("cello")].max() == 0.0


def test_ambiguous_and_several_instruments_are_unknown_while_they_sound(tmp_path: Path) -> None:
    stems = {
        "S01": ("vocalists", tone(0, 1)),
        "S02": (("violin", "oboe"), tone(2, 3)),
        "S03": ("cello", tone(0, 3)),
    }
    activity = song(tmp_path, stems).activity(TAXONOMY)
    rows = {label: activity.values[TAXONOMY.index(label)] for label in ("male singer", "violin", "cello")}
    early, late = activity.grid.index(0.5), activity.grid.index(2.5)
    assert np.isnan(rows["male singer"][early])
    assert rows["male singer"][late] == 0.0
    assert rows["violin"][early] == 0.0
    assert np.isnan(rows["violin"][late])
    assert (rows["cello"] == 1.0).all()


def test_published_confidence_is_used_and_a_missing_column_is_unknown(tmp_path: Path) -> None:
    lab = tmp_path / "song.lab"
    lab.write_text("time,S02,S09\n0.0000,0.9,0.1\n0.0464,0.2,0.1\n0.0929,0.3,0.1\n", encoding="utf-8")
    track = song(tmp_path, {"S01": ("piano", tone(0, 1)), "S02": ("cello", tone(0, 1))}, activity_path=lab)
    activity = track.activity(TAXONOMY, "medleydb")
    np.testing.assert_allclose(activity.values[TAXONOMY.index("cello")], [0.9, 0.2, 0.3], rtol=1e-6)
    assert np.isnan(activity.values[TAXONOMY.index("piano")]).all()


def test_level_activity_does_not_depend_on_the_number_of_stems(tmp_path: Path) -> None:
    stems = {"S01": ("piano", tone(0, 1)), "S02": ("cello", tone(1, 3))}
    few = song(tmp_path, stems).activity(TAXONOMY)
    silent = {f"S1{k}": ("flute", tone(0, 0)) for k in range(6)}
    many = song(tmp_path, stems | silent).activity(TAXONOMY)
    np.testing.assert_array_equal(few.values, many.values)


@settings(max_examples=10, deadline=None)
@given(gain=st.floats(0.01, 3.0))
def test_level_activity_is_invariant_to_gain(tmp_path_factory: pytest.TempPathFactory, gain: float) -> None:
    parts = [("piano", tone(0, 1)), ("cello", tone(1, 3, gain=0.02))]
    first = song(tmp_path_factory.mktemp("a"), {f"S{k}": part for k, part in enumerate(parts)})
    scaled = {
        f"S{k}": (label, Audio(one.samples * np.float32(gain), RATE)) for k, (label, one) in enumerate(parts)
    }
    second = song(tmp_path_factory.mktemp("b"), scaled)
    np.testing.assert_array_equal(first.activity(TAXONOMY).values, second.activity(TAXONOMY).values)


def test_misuse_is_explained(tmp_path: Path) -> None:
    empty = MultiTrack("A_Song", "A", ())
    with pytest.raises(DatasetError, match="A_Song: there is neither a mix nor a stem"):
        empty.mix()
    with pytest.raises(DatasetError, match="activity is defined by stems"):
        empty.activity(TAXONOMY)
    with pytest.raises(DatasetError, match=r"stems \['S01'\] occur twice"):
        MultiTrack("A_Song", "A", (Stem("S01", "piano", Path("a")), Stem("S01", "tabla", Path("b"))))
    with pytest.raises(ParameterError, match="preset must be 'level' or 'medleydb', got 'loud'"):
        empty.activity(TAXONOMY, "loud")  # type: ignore[arg-type]


def test_tracks_travel_to_worker_processes() -> None:
    track = MultiTrack("A_Song", "A", (Stem("S01", "piano", Path("a.wav")),), metadata={"genre": "Rock"})
    again = pickle.loads(pickle.dumps(track))  # noqa: S301  # our own bytes
    assert again == track
    assert again.metadata == {"genre": "Rock"}

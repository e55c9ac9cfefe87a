"""Every kind of fault, planted one at a time in a faultless data set, is found and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mirkit import audio
from mirkit.audio import Audio
from mirkit.data import open_dataset
from mirkit.data.alignment import RATE_HZ, find_lag, misaligned
from mirkit.data.validation import KINDS, validate

from .conftest import RATE, bursts, write_metadata  # noqa: TID252  # tests are not a package

STEMS = "Artist_Song_STEMS"
STEM_1, STEM_2 = f"{STEMS}/Artist_Song_STEM_01.wav", f"{STEMS}/Artist_Song_STEM_02.wav"
MIX = "Artist_Song_MIX.wav"
META = "Artist_Song_METADATA.yaml"
LAB = "Artist_Song_ACTIVATION_CONF.lab"
SOURCE = "Artist_Song_SOURCEID.lab"


def entry(filename: str, instrument: object) -> dict[str, object]:
    return {"component": "", "filename": filename, "instrument": instrument, "raw": {}}


def stems(**changes: object) -> dict[str, object]:
    labels: dict[str, object] = {"S01": "piano", "S02": "drum set", "S03": "female singer"}
    return {key: entry(f"Artist_Song_STEM_{key[1:]}.wav", label) for key, label in (labels | changes).items()}


def confidence(columns: str = "time,S01,S02,S03", n_frames: int = 130, swap: bool = False) -> str:
    times = [f"{k * 2048 / 44100:.4f}" for k in range(n_frames)]
    if swap:
        times[3], times[4] = times[4], times[3]
    cells = ",0.5" * columns.count(",")
    return "\n".join([columns, *(time + cells for time in times)]) + "\n"


def delayed(song: Path, file: str, by_s: float) -> None:
    sound = audio.read(song / file)
    gap = np.zeros((1, round(by_s * RATE)), np.float32)
    late = np.concatenate([gap, sound.samples], axis=1)[:, : sound.samples.shape[1]]
    audio.write(song / file, Audio(late, RATE))


def cut(path: Path, keep: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def as_nan(song: Path) -> None:
    import soundfile  # mirkit itself refuses to write NaN

    y = bursts(1)[0]
    y[1234] = np.nan
    soundfile.write(song / STEM_1, y, RATE, subtype="FLOAT")


def as_flac(song: Path) -> None:
    audio.write(song / STEMS / "x.flac", Audio(bursts(1), RATE))
    cut(song / STEMS / "x.flac", 0.6)
    (song / STEM_1).unlink()
    write_metadata(song, stems=stems() | {"S01": entry("x.flac", "piano")})


def as_link(song: Path) -> None:
    outside = song.parents[1] / "outside.wav"
    shutil.move(song / STEM_1, outside)
    (song / STEM_1).symlink_to(outside)


PLANTED: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "missing stem": (lambda s: (s / STEM_1).unlink(), STEM_1, "missing", "S01 names it"),
    "missing mix": (lambda s: (s / MIX).unlink(), MIX, "missing", "the mix names it"),
    "empty file": (lambda s: (s / STEM_1).write_bytes(b""), STEM_1, "unreadable", "empty"),
    "text": (
        lambda s: (s / STEM_1).write_text("hello " * 99, encoding="utf-8"),
        STEM_1,
        "unreadable",
        "not a sound",
    ),
    "folder": (lambda s: ((s / STEM_1).unlink(), (s / STEM_1).mkdir()), STEM_1, "missing", "S01"),
    "truncated wav": (lambda s: cut(s / STEM_1, 0.7), STEM_1, "truncated", "truncated"),
    "damaged flac": (as_flac, f"{STEMS}/x.flac", "unreadable", "damaged"),
    "silent": (
        lambda s: audio.write(s / STEM_1, Audio(np.zeros((1, 6 * RATE)), RATE)),
        STEM_1,
        "silent",
        "remove S01",
    ),
    "nan": (as_nan, STEM_1, "nonfinite", "nan"),
    "rate": (lambda s: audio.write(s / STEM_1, Audio(bursts(1, rate=9600), 9600)), STEM_1, "rate", "9600 Hz"),
    "length": (
        lambda s: audio.write(s / STEM_1, Audio(bursts(1)[:, :-4000], RATE)),
        STEM_1,
        "misaligned",
        "lasts 5.5",
    ),
    "late stem": (
        lambda s: delayed(s, STEM_2, 0.4),
        STEM_2,
        "misaligned",
        r"0\.400 s too late against the mix",
    ),
    "late mix": (lambda s: delayed(s, MIX, 0.4), MIX, "misaligned", "0.400 s too late against the sum"),
    "misspelt": (
        lambda s: write_metadata(s, stems=stems(S01="pianno")),
        STEM_1,
        "label",
        "no taxonomy knows the instrument 'pianno'",
    ),
    "no label": (
        lambda s: write_metadata(s, stems=stems(S01=None)),
        STEM_1,
        "label",
        "S01 has no instrument",
    ),
    "same file": (
        lambda s: write_metadata(s, stems=stems() | {"S04": entry("Artist_Song_STEM_03.wav", "flute")}),
        f"{STEMS}/Artist_Song_STEM_03.wav",
        "metadata",
        "both S03 and S04",
    ),
    "alias": (
        lambda s: (s / META).write_text("a: &a []\nstems: *a\n", encoding="utf-8"),
        META,
        "metadata",
        "alias",
    ),
    "no stems": (lambda s: write_metadata(s, stems=None), META, "metadata", "'stems' is missing"),
    "path": (
        lambda s: write_metadata(s, stem_dir="../../.."),
        META,
        "escape",
        "leaves the data set's folder",
    ),
    "link": (as_link, META, "escape", "leaves the data set's folder"),
    "lab without a column": (
        lambda s: (s / LAB).write_text(confidence("time,S01,S03"), encoding="utf-8"),
        LAB,
        "annotation",
        "no column for S02",
    ),
    "lab with a column too many": (
        lambda s: (s / LAB).write_text(confidence("time,S01,S02,S03,S04"), encoding="utf-8"),
        LAB,
        "annotation",
        "columns S04 belong to no stem",
    ),
    "unordered lab": (
        lambda s: (s / LAB).write_text(confidence(swap=True), encoding="utf-8"),
        LAB,
        "annotation",
        "times must rise",
    ),
    "short lab": (
        lambda s: (s / LAB).write_text(confidence(n_frames=60), encoding="utf-8"),
        LAB,
        "annotation",
        "ends at 2.8 s, the audio at 6.0 s",
    ),
    "foreign source": (
        lambda s: (s / SOURCE).write_text(
            "start_time,end_time,instrument_label\n0,1,kazoo\n", encoding="utf-8"
        ),
        SOURCE,
        "annotation",
        "no stem holds kazoo",
    ),
    "long source": (
        lambda s: (s / SOURCE).write_text(
            "start_time,end_time,instrument_label\n0,99,piano\n", encoding="utf-8"
        ),
        SOURCE,
        "annotation",
        "ends at 99.0 s, the audio at 6.0 s",
    ),
    "source without header": (
        lambda s: (s / SOURCE).write_text("0,1,piano\n", encoding="utf-8"),
        SOURCE,
        "annotation",
        "missing",
    ),
}


def test_a_faultless_data_set_has_no_problem(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    song = make_song(tmp_path)
    (song / LAB).write_text(confidence(), encoding="utf-8")
    (song / SOURCE).write_text("start_time,end_time,instrument_label\n0,1,piano\n", encoding="utf-8")
    assert open_dataset(tmp_path).validate() == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named_and_nothing_else(
    tmp_path: Path, make_song: Callable[..., Path], fault: str
) -> None:
    plant, file, kind, message = PLANTED[fault]
    root = tmp_path / "set"
    make_song(root, "Other_Song")
    song = make_song(root)
    plant(song)
    (problem,) = validate(open_dataset(root, strict=False))
    assert (Path(problem.path), problem.kind) == (song / file, kind)
    assert re.search(message, problem.message)


def test_every_kind_is_planted() -> None:
    assert {kind for _, _, kind, _ in PLANTED.values()} == set(KINDS)


def test_several_faults_are_all_named(tmp_path: Path, make_song: Callable[..., Path]) -> None:
    song = make_song(tmp_path)
    make_song(tmp_path, "Bad_Song", stems=None)
    (song / STEM_1).unlink()
    cut(song / STEM_2, 0.5)
    found = validate(open_dataset(tmp_path, strict=False), n_jobs=2)
    assert [problem.kind for problem in found] == ["missing", "truncated", "metadata"]


def test_a_link_in_a_plain_folder_may_not_leave_it(tmp_path: Path) -> None:
    audio.write(tmp_path / "outside.wav", Audio(bursts(1), RATE))
    (tmp_path / "set" / "Song").mkdir(parents=True)
    (tmp_path / "set" / "Song" / "piano.wav").symlink_to(tmp_path / "outside.wav")
    assert [problem.kind for problem in open_dataset(tmp_path / "set").validate()] == ["escape"]


@pytest.mark.parametrize("shift", [-700, -25, 0, 15, 60])
def test_lag_is_found_far_below_the_level_of_the_whole(shift: int) -> None:
    part, rest = np.random.default_rng(3).standard_normal((2, 8000)).astype(np.float32)
    lag = find_lag(part, rest + 0.3 * np.roll(part, shift))
    assert lag.length == shift
    assert lag.is_off == (abs(shift) > 20)
    assert not find_lag(part, rest).is_sure
    assert not find_lag(np.zeros(8000, np.float32), rest).is_sure


def parts_of(n_parts: int) -> list[np.ndarray]:
    return [bursts(k, 12.0, RATE_HZ)[0] for k in range(n_parts)]


def test_shifted_stems_are_told_from_a_shifted_mix() -> None:
    parts = parts_of(4)
    mix = np.sum(parts, axis=0)
    assert misaligned(mix, parts) == []
    assert misaligned(np.roll(mix, 90), parts) == [(None, -90)]
    two_late = [parts[0], np.roll(parts[1], 70), parts[2], np.roll(parts[3], 300)]
    assert misaligned(mix, two_late) == [(1, -70), (3, -300)]
    assert misaligned(np.roll(mix, 90), parts[:1]) == [(0, 90)]


def test_a_mastered_or_empty_mix_is_not_called_misaligned() -> None:
    parts = parts_of(4)
    mastered = np.tanh(4 * np.sum(parts, axis=0) * np.linspace(0.3, 1, 12 * RATE_HZ)).astype(np.float32)
    assert misaligned(mastered, parts) == []
    assert misaligned(np.zeros(12 * RATE_HZ, np.float32), parts) == []


def test_an_echo_on_a_stem_of_its_own_is_not_a_shift() -> None:
    dry, other = parts_of(2)
    wet = 0.1 * np.roll(dry, 250)
    assert misaligned(dry + other + wet, [dry, other, wet]) == []
    # Nor is one that only the mix has, even if it is the louder of the two.
    assert misaligned(dry + other + 1.2 * np.roll(dry, 250), [dry, other]) == []


def test_the_development_songs_are_faultless(shared: Path) -> None:
    dataset = open_dataset(shared / "multitrack")
    shortest = min(dataset.items, key=lambda item: len(item.stems))  # the whole set takes half a minute
    assert dataset.select([shortest.id]).validate() == []

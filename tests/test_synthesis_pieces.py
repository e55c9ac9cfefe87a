"""The data engine's second source of songs: excerpts of MIDI files and scores with new players."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_pieces import DRUMS, SCALE, band, midi_file, played, shelf, song

from mirkit.annotation import Taxonomy
from mirkit.data import splits
from mirkit.data.synthesis import Source, describe, mixer, read_sources, synthesize
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.midi import read_midi
from mirkit.data.synthesis.notes import Origin, Piece, Track, note_array
from mirkit.data.synthesis.orchestration import octaves_to, orchestrate
from mirkit.data.synthesis.pieces import (
    MAX_JITTER_S,
    arrange,
    check_pieces,
    choose_start,
    compose_from_pieces,
    entries,
    estimate_key,
    excerpt,
    read_piece,
    side_of,
)
from mirkit.data.synthesis.sources import usable
from mirkit.errors import DatasetError, MirkitWarning, ParameterError

OTHER_ROLES = {"comp"}
"""Roles of the styles that the mixer levels by its default."""


@pytest.fixture(scope="module", autouse=True)
def _mido() -> None:
    if importlib.util.find_spec("mido") is None:
        skip_or_fail("the package mido: pip install 'mirkit[synthesis]'")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve made-up pieces."""
    path = tmp_path_factory.mktemp("pieces")
    for k in range(12):
        (path / f"piece{k:02d}.mid").write_bytes(song(k))
    return path


# --- excerpts ----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), ratio=st.floats(0.7, 1.4), seconds=st.sampled_from([6.0, 20.0, 90.0]))
def test_an_excerpt_keeps_onsets_relative_at_the_scaled_tempo(
    seed: int, ratio: float, seconds: float
) -> None:
    piece = read_midi(song(5))
    length_s = piece.bars_s[-1]
    start_s = choose_start(np.random.default_rng(seed), piece, length_s=seconds * ratio)
    assert np.abs(piece.bars_s - start_s).min() < 1e-9
    tracks, bars_s = excerpt(piece, start_s=start_s, duration_s=seconds, tempo_ratio=ratio)
    assert bars_s[0] == pytest.approx(0, abs=1e-9)
    for track in tracks:
        (original,) = [t for t in piece.tracks if (t.program, t.drums) == (track.program, track.drums)]
        places = (track.notes["onset_s"] * ratio + start_s) % length_s
        distance = np.abs(places[:, None] - original.notes["onset_s"])
        distance = np.minimum(distance, length_s - distance).min(axis=1)
        heard_from_before = track.notes["onset_s"] == 0
        assert distance[~heard_from_before].max() < 1e-6  # floating point only
        assert (track.notes["onset_s"] + track.notes["duration_s"]).max() <= seconds + 1e-6
    drums = next(t for t in tracks if t.drums)
    tempo_bpm = piece.tempos[0][1] * ratio
    assert len(drums.notes) == pytest.approx(seconds * tempo_bpm / 60 * 2, abs=2)  # eighths, to the ends


def test_an_excerpt_is_taken_where_the_band_plays() -> None:
    quiet = [(0.0, 1.0, 60), (1.0, 1.0, 62), (2.0, 1.0, 64)]
    busy = [(200 + k / 2, 0.5, 60 + k % 7) for k in range(80)]
    piece = read_midi(
        midi_file(*(played(busy, channel=c, program=c) for c in range(4)), played(quiet, channel=5))
    )
    starts = [choose_start(np.random.default_rng(k), piece, length_s=10.0) for k in range(20)]
    assert min(starts) > 85  # quarter 200 is at 100 s


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_songs_keep_to_time_range_and_roles(seed: int) -> None:
    score = band(seed)
    assert 1 <= len(score.parts) <= 8
    assert score.style == "piece"
    for part in score.parts:
        notes, instrument = part.notes, INSTRUMENTS[part.instrument]
        assert part.role in {*mixer.LEVEL_DB, *OTHER_ROLES}
        assert len(notes)
        assert (np.diff(notes["onset_s"]) >= 0).all()
        assert notes["onset_s"].min() >= 0
        assert (notes["onset_s"] + notes["duration_s"]).max() <= 20.0 + 1e-6
        assert notes["velocity"].min() >= 1
        assert notes["velocity"].max() <= 127
        assert notes["pitch_midi"].min() >= instrument.low
        assert notes["pitch_midi"].max() <= instrument.high
    assert score.sections[0].start_s == 0
    assert score.sections[-1].end_s == 20.0
    assert 63 <= score.tempo_bpm <= 160


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_single_line_instruments_play_single_lines(seed: int) -> None:
    alone = {"violin", "cello", "flute", "clarinet", "trumpet", "male singer", "female singer", "oboe",
             "alto saxophone", "tenor saxophone", "electric bass", "double bass", "bass synth"}  # fmt: skip
    for part in band(seed).parts:
        if part.instrument in alone:
            ends_s = part.notes["onset_s"] + part.notes["duration_s"]
            assert (ends_s[:-1] <= part.notes["onset_s"][1:] + 1e-6).all()


def test_every_part_plays_a_track_moved_by_octaves() -> None:
    tracks, _ = excerpt(read_midi(song(2)), start_s=0.0, duration_s=16.0)
    played_by = [
        {(round(float(n["onset_s"]), 6), round(float(n["pitch_midi"])) % 12) for n in t.notes}
        for t in tracks if not t.drums
    ]  # fmt: skip
    n_checked = 0
    for seed in range(30):
        for part in orchestrate(np.random.default_rng(seed), tracks, duration_s=16.0):
            if part.instrument in DRUMS or part.instrument == "distorted electric guitar":
                continue
            own = {(round(float(n["onset_s"]), 6), round(float(n["pitch_midi"])) % 12) for n in part.notes}
            assert any(own <= track for track in played_by)
            n_checked += 1
    assert n_checked > 30
    low = note_array([(k, 1, 40 + k, 80) for k in range(8)])
    assert octaves_to(low, "violin") == 2
    assert octaves_to(note_array([(k, 1, 30 + 9 * k, 80) for k in range(8)]), "violin") is None


def test_the_whole_excerpt_moves_by_one_interval() -> None:
    scales = {shift: {(pitch + shift) % 12 for pitch in SCALE} for shift in range(12)}
    shifts = set()
    for seed in range(30):
        fifths = "distorted electric guitar"  # its power chords may leave the scale
        parts = [p for p in band(seed).parts if p.instrument not in {*DRUMS, fifths}]
        heard = {round(float(p)) % 12 for part in parts for p in part.notes["pitch_midi"]}
        fits = [shift for shift, scale in scales.items() if heard <= scale]
        assert fits, f"seed {seed}: {sorted(heard)} are not the white keys moved by one interval"
        shifts.update(fits[:1] if len(fits) == 1 else [])
    assert len(shifts) > 4


def test_onsets_stay_together_within_the_players_errors() -> None:
    piece = read_midi(song(2))
    for seed in range(10):
        score = arrange(np.random.default_rng(seed), piece, duration_s=16.0)
        beat_s = 60 / score.tempo_bpm
        for part in score.parts:  # every note of the made-up pieces is on an eighth
            off = np.abs((part.notes["onset_s"] / (beat_s / 2) + 0.5) % 1 - 0.5) * beat_s / 2
            # the tempo is rounded to 0.1 a minute: 0.05 / 80 of 16 s
            assert off.max() <= MAX_JITTER_S + 0.01


def test_equal_velocities_are_shaped_and_given_ones_kept() -> None:
    flat = np.concatenate([part.notes["velocity"] for part in band(3).parts])
    assert np.std(flat) > 3
    shaped = [(k / 2, 0.4, 60 + k % 5) for k in range(64)]
    messages = played(shaped, program=0)
    for k, (_, kind, values) in enumerate(messages):
        if kind == "note_on":
            values["velocity"] = 40 + k % 60
    score = arrange(np.random.default_rng(0), read_midi(midi_file(messages)), duration_s=10.0)
    assert set(score.parts[0].notes["velocity"]) <= set(range(40, 100))


# --- the set -----------------------------------------------------------------------------------------


def test_all_classes_appear_although_the_pieces_lack_them(folder: Path) -> None:
    taxonomy, source = Taxonomy.load("instruments18"), shelf(folder)
    has = dict.fromkeys(taxonomy.labels, 0)
    for seed in range(200):
        score = compose_from_pieces(np.random.default_rng([7, seed]), [source], duration_s=12.0)
        assert score is not None
        for label in {taxonomy.canonical(part.instrument) for part in score.parts} - {None}:
            has[label] += 1
    assert min(has.values()) / 200 > 0.02, has  # 0.065 over 400 excerpts, 0.017 the sampling error


def test_a_song_is_a_function_of_the_generator_alone(folder: Path) -> None:
    def notes_of(seed: int) -> list[tuple[str, str, bytes]]:
        score = compose_from_pieces(np.random.default_rng(seed), [shelf(folder)], duration_s=10.0)
        assert score is not None
        assert score.origin is not None
        return [
            (score.origin.name + part.instrument, part.role, part.notes.tobytes()) for part in score.parts
        ]

    first = [notes_of(seed) for seed in range(6)]
    read_piece.cache_clear()
    assert [notes_of(seed) for seed in reversed(range(6))] == first[::-1]
    assert len({str(notes) for notes in first}) == 6


def test_without_pieces_the_generator_is_not_touched(folder: Path) -> None:
    organ = Source("organ", "model", "model", "organ", "own")
    for sources, share in (([organ], 1.0), ([organ, shelf(folder)], 0.0)):
        rng = np.random.default_rng(0)
        assert compose_from_pieces(rng, sources, duration_s=10.0, share=share) is None
        assert rng.random() == np.random.default_rng(0).random()
    n_taken = sum(
        compose_from_pieces(np.random.default_rng(k), [shelf(folder)], duration_s=4.0, share=0.3) is not None
        for k in range(200)
    )
    assert 35 < n_taken < 85  # 60, within four standard deviations


def test_by_piece_every_piece_has_one_side(folder: Path) -> None:
    source = shelf(folder, by_piece=True)
    names = {}
    for side in ("train", "valid", "test"):
        (chosen,) = usable([source], split=side, trainable_only=True)
        names[side] = {entry.digest for entry in entries(chosen)}
    assert set.union(*names.values()) == {entry.digest for entry in entries(shelf(folder))}
    assert sum(len(digests) for digests in names.values()) == 12
    check_pieces([source])
    sides = [side_of(f"{k:016x}") for k in range(0, 16**16, 16**16 // 1000)]
    assert sides.count("train") == pytest.approx(800, abs=2)
    assert sides.count("test") == pytest.approx(100, abs=2)


def test_a_renamed_copy_on_another_side_is_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other name.mid").write_bytes((folder / "piece03.mid").read_bytes())
    train, test = shelf(folder), shelf(tmp_path, name="copy", family="copy", split="test")
    with pytest.raises(DatasetError, match=r"piece03\.mid \(train\) and copy: other name\.mid \(test\)"):
        check_pieces([train, test])
    check_pieces([train, shelf(tmp_path, name="copy", family="copy")])
    organ = Source("organ", "model", "model", "organ", "own", instruments=tuple(INSTRUMENTS))
    with pytest.raises(DatasetError, match="two sides"):
        synthesize(tmp_path / "out", sources=[train, test, organ], n_songs=1, seconds=4)


def test_licences_of_pieces_count(folder: Path) -> None:
    gpl = shelf(folder, licence="GPL-2")
    with pytest.raises(DatasetError, match="licence that allows training"):
        usable([gpl], split="train", trainable_only=True)
    assert usable([gpl], split="train", trainable_only=False) == (gpl,)


def test_a_damaged_file_is_passed_over(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "good.mid").write_bytes(song(1))
    (tmp_path / "bad.mid").write_bytes(song(2)[:200])
    (tmp_path / "empty.mid").write_bytes(b"")
    with pytest.warns(MirkitWarning, match=r"(bad|empty)\.mid: damaged MIDI file"):
        scores = [
            compose_from_pieces(np.random.default_rng(k), [shelf(tmp_path)], duration_s=6.0)
            for k in range(12)
        ]
    named = {score.origin.name for score in scores if score and score.origin}
    assert named == {"good.mid"}
    (tmp_path / "worse").mkdir()
    (tmp_path / "worse" / "bad.mid").write_bytes(b"MThd")
    with pytest.warns(MirkitWarning, match="passed over"):
        assert (
            compose_from_pieces(np.random.default_rng(0), [shelf(tmp_path / "worse")], duration_s=6.0) is None
        )
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="no piece in"):
        entries(shelf(tmp_path / "none"))


def test_lists_of_sources_know_pieces(tmp_path: Path) -> None:
    entry = '[[source]]\nname="p"\nfamily="p"\nkind="pieces"\npath="music21:bach"\nlicence="not stated"\n'
    (tmp_path / "a.toml").write_text(entry + "by_piece = true\n")
    (source,) = read_sources(tmp_path / "a.toml")
    assert source.by_piece
    assert not source.trainable
    (tmp_path / "b.toml").write_text(entry + entry + 'split = "test"\n')
    with pytest.raises(DatasetError, match="two sides of the split: p"):
        read_sources(tmp_path / "b.toml")
    with pytest.raises(ParameterError, match="by_piece divides"):
        Source("o", "o", "model", "organ", "own", by_piece=True)


def test_keys_are_estimated() -> None:
    scale = [0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0]
    for tonic, name in ((60, "C major"), (65, "F major"), (58, "Bb major")):
        notes = note_array([(k, 1 + (p % 12 == 0), tonic + p, 80) for k, p in enumerate(scale)])
        assert estimate_key([notes]) == name
    assert estimate_key([]) == "unknown"


def test_songs_of_pieces_are_written_with_their_credits(folder: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from mirkit.cli.synthesize import command
    from mirkit.data import open_dataset

    pitched = [name for name in INSTRUMENTS if name not in DRUMS]
    rows = [
        ("organ", "model", "model", "organ", pitched),
        ("tabla", "model", "model", "tabla", sorted(DRUMS)),
        ("made up", "made up", "pieces", str(folder), []),
    ]
    text = "\n".join(
        f'[[source]]\nname="{name}"\nfamily="{family}"\nkind="{kind}"\npath="{path}"\nlicence="own"\n'
        f"instruments={json.dumps(instruments)}\n"
        for name, family, kind, path, instruments in rows
    )
    (tmp_path / "sources.toml").write_text(text)
    arguments = ["--sources", str(tmp_path / "sources.toml"), "--songs", "3", "--seconds", "4", "--seed", "2"]
    arguments += ["--sample-rate", "16000", "--pieces", "1"]
    result = CliRunner().invoke(command, [str(tmp_path / "out"), *arguments])
    assert result.exit_code == 0, result.output
    for item in open_dataset(tmp_path / "out").items:
        piece = item.metadata["piece"]
        assert set(piece) == set(Origin.__dataclass_fields__)
        assert (piece["family"], piece["licence"], item.metadata["genre"]) == ("made up", "own", "piece")
        assert item.metadata["title"] == piece["title"]
        assert "made up: own" in item.metadata["licences"]
    assert describe(tmp_path / "out")["pieces"] == {"made up": 3}
    song = splits.entries([open_dataset(tmp_path / "out")])[0]
    (bound,) = [name for name in song.families if name.startswith("piece ")]
    clone = replace(song, key="clone", artist="another", title="another", families=(bound,))
    with pytest.raises(DatasetError, match="piece "):
        splits.check_split({"train": [song.key], "test": ["clone"]}, [song, clone])


def test_pieces_share_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="pieces in 0 to 1"):
        synthesize(tmp_path, sources=[], n_songs=1, pieces=1.5)


def test_a_piece_too_short_is_repeated() -> None:
    piece = Piece(
        (Track(note_array([(0, 1, 60, 80), (1, 1, 62, 80)])),), np.array([0.0, 2.0]), ((0.0, 60.0),)
    )
    tracks, bars_s = excerpt(piece, start_s=0.0, duration_s=7.0)
    assert tracks[0].notes["onset_s"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert tracks[0].notes["pitch_midi"].tolist() == [60, 62, 60, 62, 60, 62, 60]
    assert bars_s.tolist() == [0, 2, 4, 6]

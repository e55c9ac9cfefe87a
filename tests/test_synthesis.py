"""The data engine: composing, performing, mixing, writing."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit.annotation import Taxonomy
from mirkit.data import open_dataset
from mirkit.data.splits import check_split, entries, make_split
from mirkit.data.synthesis import (
    Source,
    compose,
    describe,
    read_sources,
    synthesize,
    to_markdown,
)
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.performance import active_spans
from mirkit.data.synthesis.sources import usable
from mirkit.data.synthesis.statistics import REAL_SHARES, target_share
from mirkit.data.synthesis.styles import STYLES
from mirkit.errors import DatasetError, ParameterError

RATE = 16000
DRUMS = {"drum set", "drum machine", "tabla"}


def write_tone(path: Path, pitch_midi: float, seconds: float = 1.2) -> None:
    import soundfile

    times_s = np.arange(int(seconds * RATE)) / RATE
    f0_hz = 440 * 2 ** ((pitch_midi - 69) / 12)
    waves = [np.sin(2 * np.pi * k * f0_hz * times_s) / k for k in range(1, 5) if k * f0_hz < RATE / 2.2]
    soundfile.write(path, 0.2 * np.sum(waves, axis=0) * np.minimum(1, times_s / 0.005), RATE)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, ...]:
    """Recorded tones for every pitched instrument, a kit, and the computed instruments."""
    import soundfile

    folder = tmp_path_factory.mktemp("sources")
    for name in ("notes", "kit"):
        (folder / name).mkdir()
    for octave in range(1, 7):
        for letter, step in (("C", 0), ("E", 4), ("Gs", 8)):
            write_tone(folder / "notes" / f"thing_{letter}{octave}_forte.wav", 12 * (octave + 1) + step)
    rng = np.random.default_rng(0)
    for name, decay_s in (("kick", 0.1), ("snare", 0.08), ("hat", 0.02), ("tom_lo", 0.2), ("crash", 0.4)):
        times_s = np.arange(RATE // 2) / RATE
        hit = rng.standard_normal(len(times_s)) * np.exp(-times_s / decay_s)
        soundfile.write(folder / "kit" / f"{name}.wav", 0.2 * hit, RATE)
    pitched = tuple(name for name in INSTRUMENTS if name not in DRUMS)
    return (
        Source("tones", "tones", "notes", str(folder / "notes"), "CC0", instruments=pitched),
        Source("kit", "kit", "kit", str(folder / "kit"), "CC0", instruments=("drum set", "drum machine")),
        Source("tabla", "model", "model", "tabla", "own", instruments=("tabla",)),
        Source("organ", "model", "model", "organ", "own", instruments=("electronic organ",)),
        Source("synth", "model", "model", "synthesizer", "own", instruments=("synthesizer",)),
    )


@pytest.fixture(scope="session")
def rendered(sources: tuple[Source, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four short songs."""
    if importlib.util.find_spec("mido") is None:
        skip_or_fail("the package mido: pip install 'mirkit[synthesis]'")
    folder = tmp_path_factory.mktemp("songs")
    synthesize(folder, sources=sources, n_songs=4, seconds=6, seed=3, sample_rate=RATE)
    return folder


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), style=st.sampled_from(sorted(STYLES)), size=st.sampled_from(["solo", "band"])
)
def test_scores_keep_to_time_and_range(seed: int, style: str, size: str) -> None:
    score = compose(np.random.default_rng(seed), duration_s=20.0, style=style, size=size)
    assert score.style == style
    assert score.parts
    for part in score.parts:
        notes, instrument = part.notes, INSTRUMENTS[part.instrument]
        assert (np.diff(notes["onset_s"]) >= 0).all()
        assert notes["onset_s"].min() >= 0
        assert (notes["onset_s"] + notes["duration_s"]).max() <= 20.0 + 1e-6
        assert notes["velocity"].min() >= 1
        assert notes["velocity"].max() <= 127
        if part.instrument not in DRUMS:
            assert notes["pitch_midi"].min() >= instrument.low
            assert notes["pitch_midi"].max() <= instrument.high
    ends = [section.end_s for section in score.sections]
    assert [section.start_s for section in score.sections[1:]] == pytest.approx(ends[:-1], abs=0.002)
    assert ends[-1] == pytest.approx(20.0, abs=0.002)
    assert len(ends) >= 3


def test_every_class_plays_alone_and_in_mixes() -> None:
    taxonomy = Taxonomy.load("instruments18")
    alone, mixed = set(), set()
    for seed in range(400):
        score = compose(np.random.default_rng([1, seed]), duration_s=8.0)
        labels = {taxonomy.canonical(part.instrument) for part in score.parts} - {None}
        (alone if len(score.parts) == 1 else mixed).update(labels)
    assert alone == set(taxonomy.labels)
    assert mixed == set(taxonomy.labels)


def test_shares_of_the_classes_are_those_aimed_at() -> None:
    taxonomy = Taxonomy.load("instruments18")
    n_songs, has = 600, dict.fromkeys(taxonomy.labels, 0)
    for seed in range(n_songs):
        score = compose(np.random.default_rng([2, seed]), duration_s=20.0)
        for label in {taxonomy.canonical(part.instrument) for part in score.parts} - {None}:
            has[label] += 1
    off = {label: has[label] / n_songs / target_share(REAL_SHARES[label]) - 1 for label in has}
    # A fifth is the aim together with existing pieces, which have few trumpets; a tenth is sampling error.
    assert min(off.values()) > -0.35, off
    assert max(share for label, share in off.items() if label != "trumpet") < 0.35, off


def test_same_seed_same_files_whatever_the_jobs(
    sources: tuple[Source, ...], rendered: Path, tmp_path: Path
) -> None:
    synthesize(tmp_path, sources=sources, n_songs=4, seconds=6, seed=3, sample_rate=RATE, n_jobs=2)
    assert digest(tmp_path) == digest(rendered)
    synthesize(tmp_path / "other", sources=sources, n_songs=1, seconds=6, seed=4, sample_rate=RATE)
    assert not set(digest(tmp_path / "other").values()) & set(digest(rendered).values())


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_an_interrupted_run_goes_on(sources: tuple[Source, ...], rendered: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(rendered, tmp_path / "set")
    wanted = digest(rendered)
    songs = sorted((tmp_path / "set").iterdir())
    shutil.rmtree(songs[0])
    (tmp_path / "set" / f".{songs[0].name}.part").mkdir()  # what a killed run leaves
    kept = next(songs[1].glob("*_MIX.flac"))
    before = kept.stat().st_mtime_ns
    synthesize(tmp_path / "set", sources=sources, n_songs=4, seconds=6, seed=3, sample_rate=RATE)
    assert digest(tmp_path / "set") == wanted
    assert kept.stat().st_mtime_ns == before


def test_songs_are_a_valid_data_set(rendered: Path) -> None:
    dataset = open_dataset(rendered)
    assert dataset.layout == "medleydb"
    assert len(dataset.items) == 4
    assert [str(problem) for problem in dataset.validate()] == []


def test_the_mix_is_the_sum_of_the_stems(rendered: Path) -> None:
    import soundfile

    for song in rendered.iterdir():
        mix = soundfile.read(song / f"{song.name}_MIX.flac", dtype="int16")[0].astype(int)
        stems = [soundfile.read(path, dtype="int16")[0].astype(int) for path in song.glob("*_STEMS/*")]
        assert (np.sum(stems, axis=0) == mix).all()
        assert np.abs(mix).max() < 10 ** (-0.8 / 20) * 32768


def test_notes_sound_where_midi_and_activity_say(rendered: Path) -> None:
    import mido

    checked = 0
    for song in open_dataset(rendered).items:
        activity = song.stem_activity("level")
        for row, stem in zip(activity.values, song.stems, strict=True):
            path = stem.path.parents[1] / f"{song.id}_MIDI" / f"{stem.path.stem}.mid"
            time_s = 0.0
            for message in mido.MidiFile(path):
                time_s += message.time
                if message.type != "note_on" or message.velocity < 60 or time_s > 5.8:
                    continue
                first = activity.grid.index(time_s)
                assert row[first : first + 6].any(), f"{stem.path}: nothing sounds at {time_s:.2f} s"
                checked += 1
    assert checked > 20


def test_a_key_is_up_before_it_is_struck_again(rendered: Path) -> None:
    import mido

    n_notes = 0
    for path in sorted(rendered.rglob("*.mid")):
        down: set[int] = set()
        for message in mido.MidiFile(path):
            if message.type == "note_on":
                assert message.note not in down, f"{path}: key {message.note} is struck while it is down"
                down.add(message.note)
                n_notes += 1
            elif message.type == "note_off":
                down.remove(message.note)
        assert not down
    assert n_notes > 50


def test_no_sound_before_the_first_note(rendered: Path) -> None:
    import mido

    for song in open_dataset(rendered).items:
        for stem in song.stems:
            path = stem.path.parents[1] / f"{song.id}_MIDI" / f"{stem.path.stem}.mid"
            time_s, first_s = 0.0, None
            for message in mido.MidiFile(path):
                time_s += message.time
                if message.type == "note_on" and message.velocity and first_s is None:
                    first_s = time_s
            if first_s is None or first_s < 0.05:
                continue
            before = stem.audio().samples[:, : int((first_s - 0.02) * RATE)]
            assert np.abs(before).max() < 1e-3


def test_metadata_names_licences_and_families(rendered: Path) -> None:
    for song in open_dataset(rendered).items:
        assert set(song.metadata["families"]) <= {"tones", "kit", "model"}
        assert song.metadata["licences"]
        assert all(stem["source"]["licence"] for stem in song.metadata["stems"].values())


def test_statistics(rendered: Path) -> None:
    statistics = describe(rendered)
    assert statistics["n_songs"] == 4
    assert statistics["hours"] == pytest.approx(4 * 6 / 3600, abs=0.001)
    assert sum(statistics["n_classes"].values()) == pytest.approx(1)
    assert sum(statistics["simultaneous"].values()) == pytest.approx(1, abs=0.01)
    assert sum(row["n_songs"] for row in statistics["styles"].values()) == 4
    assert json.loads(json.dumps(statistics)) is not None
    assert "| flute |" in to_markdown(statistics)
    with pytest.raises(DatasetError, match="synthesize filled"):
        describe(rendered / "nothing")


def test_parts_that_share_a_family_are_refused(rendered: Path) -> None:
    songs = entries([open_dataset(rendered)])
    keys = sorted(song.key for song in songs)
    with pytest.raises(DatasetError, match="family of sounds 'tones'"):
        check_split({"train": keys[:2], "test": keys[2:]}, songs)
    check_split({"train": keys}, songs)
    with pytest.raises(DatasetError, match=r"no song is free for .* families of sounds"):
        make_split(songs, {"test": 0.25, "train": None})


def test_licences_decide_what_may_train() -> None:
    def source(licence: str) -> Source:
        return Source(licence, licence, "soundfont", "a.sf2", licence)

    trainable = ["CC0", "CC BY 4.0", "MIT", "BSD-3-Clause", "public domain", "GeneralUser GS", "own"]
    refused = ["GPL-2", "CC BY-SA 3.0", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "LGPL", "MPL-2.0", "unknown", ""]
    assert all(source(licence).trainable for licence in trainable)
    assert not any(source(licence).trainable for licence in refused)
    everything = [source(licence) for licence in trainable + refused]
    assert len(usable(everything, split="train", trainable_only=True)) == len(trainable)
    with pytest.raises(DatasetError, match="licence that allows training"):
        usable([source("GPL-2")], split="train", trainable_only=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source = [", "sources.toml: not a list of sources"),
        ("", "lists no source"),
        ('[[source]]\nname="a"\nfamily="f"\nkind="kit"\npath="."\nlicense="MIT"', "unknown keys"),
        ('[[source]]\nname="a"\nfamily="f"\nkind="kit"\npath="."', "lacks"),
        ('[[source]]\nname="a"\nfamily="f"\nkind="kit"\npath="nowhere"\nlicence="MIT"', "does not exist"),
        ('[[source]]\nname="a"\nfamily="f"\nkind="banjo"\npath="."\nlicence="MIT"', "kind must be one of"),
    ],
)
def test_bad_lists_of_sources_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises((DatasetError, ParameterError), match=message):
        read_sources(path)


def test_a_family_has_one_side(tmp_path: Path) -> None:
    entry = '[[source]]\nname="a"\nfamily="f"\nkind="model"\npath="organ"\nlicence="own"\n'
    (tmp_path / "sources.toml").write_text(entry + entry + 'split="test"\n')
    with pytest.raises(DatasetError, match=r"two sides of the split: f \(test, train\)"):
        read_sources(tmp_path / "sources.toml")


def test_the_example_list_is_understood(tmp_path: Path) -> None:
    import mirkit.data.synthesis

    example = (Path(mirkit.data.synthesis.__file__).parent / "sources.example.toml").read_text("utf-8")
    models = example[example.index("# Computed instruments") :]
    (tmp_path / "sources.toml").write_text(models)
    assert {source.path for source in read_sources(tmp_path / "sources.toml")} == {
        "synthesizer",
        "bass",
        "organ",
        "tabla",
    }


def test_nobody_to_play(sources: tuple[Source, ...], tmp_path: Path) -> None:
    organ = [source for source in sources if source.name == "organ"]
    (outcome,) = synthesize(tmp_path, sources=organ, n_songs=1, seconds=4, sample_rate=RATE, style="chamber")
    assert outcome.result is None
    assert outcome.error is not None
    assert "no source plays any of" in outcome.error
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_active_spans_close_short_gaps() -> None:
    score = compose(np.random.default_rng(0), duration_s=10.0, style="pop", size="solo")
    spans = active_spans(score.parts[0].notes, gap_s=0.5)
    assert (spans[1:, 0] - spans[:-1, 1] > 0.5).all()


def test_command_line(sources: tuple[Source, ...], tmp_path: Path) -> None:
    from click.testing import CliRunner

    from mirkit.cli.synthesize import command

    lines = [
        f'[[source]]\nname="{s.name}"\nfamily="{s.family}"\nkind="{s.kind}"\npath="{s.path}"\n'
        f'licence="{s.licence}"\ninstruments={json.dumps(s.instruments)}\n'
        for s in sources
    ]
    (tmp_path / "sources.toml").write_text("\n".join(lines))
    arguments = [str(tmp_path / "out"), "--sources", str(tmp_path / "sources.toml"), "--songs", "1"]
    arguments += ["--seconds", "4", "--sample-rate", str(RATE), "--seed", "5", "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["n_songs"] == 1
    assert (tmp_path / "out" / "statistics.md").exists()

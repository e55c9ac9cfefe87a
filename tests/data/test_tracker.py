"""Modules become multitracks of true stems, with labels only where a table gives them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.cli import root
from mirkit.data import open_dataset
from mirkit.data.openmpt import Module, recognised
from mirkit.data.tracker import Listed, convert, read_labels, song_id, songs_in
from mirkit.data.validation import validate
from mirkit.data.writing import write_stems
from mirkit.errors import DatasetError, MissingDependencyError, ParameterError

from ..conftest import ROOT, skip_or_fail  # noqa: TID252  # tests are not a package
from .tiny_module import NAMES, ROW_S, tiny_module  # noqa: TID252

EIGHTEEN = Taxonomy.load("instruments18")
LENGTH_S = 64 * ROW_S


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The tiny module's file."""
    try:
        return needs_library(tiny_module(tmp_path / "tiny-song.mod"))
    except MissingDependencyError as error:
        skip_or_fail(str(error))
        raise


def needs_library(path: Path) -> Path:
    assert recognised(path)
    return path


def digits(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def table(tmp_path: Path, path: Path, stems: dict[int, Any], **more: Any) -> Path:
    song = {"file": path.name, "sha256": digits(path), "package": "tiny-data", "stems": stems, **more}
    content = {"packages": {"tiny-data": {"licence": "GPL-2+"}}, "songs": [song]}
    file = tmp_path / "labels.yaml"
    file.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML, too, but keys become strings
    return file


def test_a_module_tells_its_names_and_length(module: Path) -> None:
    with Module(module) as opened:
        assert (opened.title, opened.format, opened.artist) == ("tiny song", "mod", "")
        assert [slot.name for slot in opened.slots][:3] == list(NAMES)
        assert opened.slots[1].number == 2
        assert opened.duration_s == pytest.approx(LENGTH_S, abs=0.02)  # one tick


def test_one_instrument_sounds_when_it_is_played_and_only_then(module: Path) -> None:
    with Module(module) as opened:
        sine, noise, silent = (opened.render({k}, seconds=30.0).astype(np.float64) for k in (1, 2, 3))
    n = round(16 * ROW_S * 44100)
    margin = round(0.05 * 44100)  # the player fades a voice in and out within milliseconds
    assert not silent.any()
    assert np.abs(noise[:, : n - margin]).max() == 0
    assert np.abs(noise[:, n + margin : n + 4 * margin]).max() > 0.05
    assert np.abs(sine[:, : 4 * margin]).max() > 0.05
    # C-2 is played at 3546895 / 428 = 8287 Hz (PAL), so a period of 32 samples is 259 Hz.
    part = sine[0, :16384]
    peak_hz = np.argmax(np.abs(np.fft.rfft(part * np.hanning(16384)))) * 44100 / 16384
    assert peak_hz == pytest.approx(3546895 / 428 / 32, abs=2.7)  # one bin


def test_the_stems_of_a_module_sum_to_its_mix(module: Path) -> None:
    with Module(module) as opened:
        whole = opened.render(seconds=30.0).astype(np.float64)
        stems = [opened.render({k}, seconds=30.0).astype(np.float64) for k in (1, 2, 3)]
    error = whole - np.sum(stems, axis=0)
    assert 10 * np.log10(np.sum(whole**2) / np.sum(error**2)) > 100  # float32 gives about 140 dB
    assert np.sum(stems[0] ** 2) > 0
    assert np.sum(stems[1] ** 2) > 0


def test_rendering_repeats_and_is_cut(module: Path) -> None:
    with Module(module) as opened:
        first, again = opened.render({1, 2}, seconds=2.0), opened.render({1, 2}, seconds=2.0)
        half = opened.render({1, 2}, seconds=2.0, sample_rate=22050)
        np.testing.assert_array_equal(first, again)
        assert (first.shape, half.shape) == ((2, 88200), (2, 44100))
        with pytest.raises(ParameterError, match=r"no instrument \[77\]; there are 1 to 31"):
            opened.render({77}, seconds=1.0)
        with pytest.raises(ParameterError, match="seconds must be above 0"):
            opened.render(seconds=0.0)


def test_what_is_no_module_is_refused(module: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.it"
    text.write_text("no module at all " * 99, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"text\.it: not a module that libopenmpt reads"):
        Module(text)
    with pytest.raises(DatasetError, match="cannot be read"):
        Module(tmp_path / "absent.xm")
    assert songs_in(tmp_path) == [module]


def test_a_module_becomes_a_faultless_multitrack(module: Path, tmp_path: Path) -> None:
    labels = {digits(module): Listed(module.name, "tiny-data", "A. Composer", "GPL-2+", {1: ("flute",)})}
    done = convert(module, tmp_path / "out", labels=labels)
    assert (done.id, done.n_stems, done.n_labelled) == ("Tiny_TinySong", 2, 1)
    assert done.duration_s == pytest.approx(
        LENGTH_S, abs=0.15
    )  # libopenmpt lets the last notes fade for 0.1 s
    assert done.stems_to_mix_db is not None
    assert done.stems_to_mix_db > 100
    songs = open_dataset(tmp_path / "out")
    assert validate(songs) == []
    (song,) = songs.items
    assert (song.artist, song.instruments) == ("A. Composer", ("flute", "Unlabeled"))
    told = {key: song.metadata[key] for key in ("licence", "use", "title", "origin", "excerpt")}
    assert told == {
        "licence": "GPL-2+",
        "use": "test only",
        "title": "tiny song",
        "origin": "tiny-data: tiny-song.mod",
        "excerpt": False,
    }
    assert [stem["name"] for stem in song.metadata["stems"].values()] == ["sine", "noise"]


def test_the_mix_is_the_exact_sum_of_the_stems(module: Path, tmp_path: Path) -> None:
    import soundfile

    done = convert(module, tmp_path / "out", seconds=4.0)
    (song,) = open_dataset(tmp_path / "out").items
    stems = [soundfile.read(stem.path, dtype="int16")[0].astype(int) for stem in song.stems]
    mix, rate = soundfile.read(song.mix_path, dtype="int16")
    np.testing.assert_array_equal(mix, sum(stems))
    assert (rate, len(mix), done.duration_s) == (44100, 4 * 44100, 4.0)
    assert song.metadata["excerpt"] is True
    loudest = max(np.abs(y).max() for y in [mix, *stems])
    assert loudest == pytest.approx(32767 * 10 ** (-3 / 20), abs=2)  # rounding of two stems


def test_a_class_is_unknown_where_an_unlabeled_stem_sounds(tmp_path: Path, module: Path) -> None:
    tiny_module(module, rows={0: (1,), 16: (2,), 40: (2, 1)})  # the sine lasts 1 s, the noise 0.5 s
    labels = {digits(module): Listed(module.name, stems={1: ("flute",)})}
    convert(module, tmp_path / "out", labels=labels)
    (song,) = open_dataset(tmp_path / "out").items
    for preset in ("level", "medleydb"):
        activity = song.activity(EIGHTEEN, preset)  # type: ignore[arg-type]
        flute, piano = (activity.values[EIGHTEEN.index(label)] for label in ("flute", "piano"))

        def at(row: float, frames: np.ndarray, grid: Any = activity.grid) -> float:
            return float(frames[grid.index(row * ROW_S)])

        assert (at(2, flute) >= 0.5, at(2, piano) < 0.5) == (True, True)  # the flute alone: all is known
        assert np.isnan([at(18, flute), at(18, piano)]).all()  # only the unlabeled stem
        assert at(42, flute) >= 0.5  # the labelled class stays known beside it
        assert np.isnan(at(42, piano))
        assert (at(34, flute) < 0.5, at(34, piano) < 0.5) == (True, True)  # silence is known, too


def test_unknown_classes_are_no_evidence_in_the_scores(tmp_path: Path, module: Path) -> None:
    from mirkit.activity.metrics import evaluate
    from mirkit.annotation import ActivityAnnotation
    from mirkit.dsp import FrameGrid

    tiny_module(module, rows={0: (1,), 16: (2,), 24: (2,), 40: (2, 1)})
    labels = {digits(module): Listed(module.name, stems={1: ("flute",)})}
    convert(module, tmp_path / "out", labels=labels)
    (song,) = open_dataset(tmp_path / "out").items
    reference = song.activity(EIGHTEEN)
    n = int(np.ceil(LENGTH_S))
    estimate = ActivityAnnotation(FrameGrid(0.0, 1.0, n), EIGHTEEN.labels, np.ones((18, n), np.float32))
    table = evaluate([reference], [estimate]).table
    flute, piano = EIGHTEEN.index("flute"), EIGHTEEN.index("piano")
    # Seconds 0, 1, 4 and 5 hold the flute; the noise alone covers part of 1 to 3 and of 4 to 5.
    assert table["n_positive"][flute] >= 2
    assert table["n_positive"].sum() == table["n_positive"][flute]
    assert 1 <= table["n_negative"][piano] < n - 2


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("strings", {"violin", "cello"}),
        (["electronic organ", "synthesizer"], {"electronic organ", "synthesizer"}),
    ],
)
def test_a_stem_that_may_be_one_of_several_leaves_only_those_unknown(
    tmp_path: Path, module: Path, given: Any, wanted: set[str]
) -> None:
    labels = read_labels(table(tmp_path, module, {1: given, 2: "drum set"}))
    convert(module, tmp_path / "out", labels=labels)
    (song,) = open_dataset(tmp_path / "out").items
    activity = song.activity(EIGHTEEN)
    unknown = np.isnan(activity.values).any(axis=1)
    assert {label for label, is_unknown in zip(EIGHTEEN.labels, unknown, strict=True) if is_unknown} == wanted
    assert activity.values[EIGHTEEN.index("drum set")].max() == 1


def test_a_table_is_checked(module: Path, tmp_path: Path) -> None:
    read = read_labels(table(tmp_path, module, {1: "piano", 2: ["choir", "synthesizer"]}, artist="Me"))
    assert read[digits(module)] == Listed(
        "tiny-song.mod", "tiny-data", "Me", "GPL-2+", {1: ("piano",), 2: ("choir", "synthesizer")}
    )
    with pytest.raises(DatasetError, match=r"tiny-song\.mod: no taxonomy knows 'paino'"):
        read_labels(table(tmp_path, module, {1: "paino"}))
    with pytest.raises(DatasetError, match="is not 12 to 64 digits"):
        read_labels(table(tmp_path, module, {}, sha256="12"))
    with pytest.raises(DatasetError, match="wanted file, sha256, package and stems"):
        read_labels(table(tmp_path, module, {"first": "piano"}))
    with pytest.raises(DatasetError, match=r"labels instruments \[99\], which it has not"):
        convert(module, tmp_path / "out", labels=read_labels(table(tmp_path, module, {99: "piano"})))
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_table_does_not_apply_to_another_file(module: Path, tmp_path: Path) -> None:
    labels = read_labels(table(tmp_path, module, {1: "piano"}))
    assert song_id(module, labels) == "Tiny_TinySong"
    tiny_module(module, names=("sine", "other"))
    assert song_id(module, labels) == "TinySong"
    assert convert(module, tmp_path / "out", labels=labels).n_labelled == 0


def test_silence_and_clipping_are_refused(module: Path, tmp_path: Path) -> None:
    tiny_module(module, rows={})
    with pytest.raises(DatasetError, match=r"tiny-song\.mod: nothing in it sounds"):
        convert(module, tmp_path / "out")
    loud = [np.full((2, 9), 0.6, np.float32)] * 2
    with pytest.raises(ParameterError, match=r"X_MIX\.flac: peak 1\.200 would be clipped"):
        write_stems(tmp_path, "X", loud, sample_rate=44100, n_samples=9)


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(root, ["data", "tracker", *map(str, arguments)])


def test_the_command_tries_every_input(module: Path, tmp_path: Path) -> None:
    labels = table(tmp_path, module, {1: "piano", 2: "drum set"})
    bad = tmp_path / "bad.xm"
    bad.write_bytes(b"Extended Module: " + bytes(99))
    out = tmp_path / "out"
    result = run(bad, module, tmp_path / "absent.s3m", "-o", out, "--labels", labels, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [one["id"] for one in found["results"]] == ["Tiny_TinySong"]
    assert (found["results"][0]["n_stems"], found["results"][0]["n_labelled"]) == (2, 2)
    assert [Path(one["input"]).name for one in found["failures"]] == ["bad.xm", "absent.s3m"]
    assert "absent.s3m: no such file" in result.stderr
    assert "2 of 3 inputs failed" in result.stderr
    assert "Traceback" not in result.output


def test_the_command_keeps_or_replaces_what_is_there(module: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(tmp_path, "-o", out, "--seconds", 1, "--progress", "plain").exit_code == 0
    made = out / "TinySong" / "TinySong_MIX.flac"
    assert audio.info(made).duration_s == pytest.approx(1.0)
    again = run(module, "-o", out, "--seconds", 2)
    assert (again.exit_code, "is already there" in again.stderr) == (1, True)
    kept = run(module, "-o", out, "--seconds", 2, "--existing", "skip")
    assert (kept.exit_code, "kept" in kept.stdout) == (0, True)
    assert audio.info(made).duration_s == pytest.approx(1.0)
    assert run(module, "-o", out, "--seconds", 2, "--existing", "overwrite").exit_code == 0
    assert audio.info(made).duration_s == pytest.approx(2.0)


def test_two_inputs_of_one_name_are_not_mixed_up(module: Path, tmp_path: Path) -> None:
    other = tmp_path / "below" / "tiny-song.mod"
    other.parent.mkdir()
    other.write_bytes(module.read_bytes())
    result = run(module, other, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.count("another input would get the same id") == 2
    assert not (tmp_path / "out").exists()
    empty = run(tmp_path / "below", "-o", tmp_path / "out", "--recursive")
    assert empty.exit_code == 0


def test_the_projects_own_table_is_sound() -> None:
    labels = read_labels(ROOT / "datasets" / "tracker" / "labels.yaml")
    assert len(labels) > 50
    assert all(one.licence != "unknown" and one.artist for one in labels.values())
    assert all(number >= 1 for one in labels.values() for number in one.stems)


FAKE_LMMS = """#!{python}
import sys, pathlib, numpy as np, soundfile
assert sys.argv[1:3] == ["--allowroot", "rendertracks"], sys.argv
project, folder = sys.argv[3], pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
if "broken" in project:
    sys.exit("cannot load this project")
tone = 0.9 * np.sin(np.arange(44100) / 9)
soundfile.write(folder / "1_Lead.wav", tone, 44100, subtype="FLOAT")
soundfile.write(folder / "2_Kick II.wav", np.stack([tone, -tone], 1)[:22050], 44100, subtype="FLOAT")
soundfile.write(folder / "10_Mute.wav", 0 * tone, 44100, subtype="FLOAT")
"""


@pytest.fixture
def fake_lmms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called lmms on the path that renders three tracks; the real one takes seconds a track."""
    program = tmp_path / "bin" / "lmms"
    program.parent.mkdir()
    program.write_text(FAKE_LMMS.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_an_lmms_project_becomes_a_multitrack(fake_lmms: Path, tmp_path: Path) -> None:
    project = tmp_path / "my project.mmp"
    project.write_text("<lmms-project/>", encoding="utf-8")
    labels = {digits(project): Listed(project.name, "lmms-common", "Me", "GPL-2+", {2: ("drum machine",)})}
    done = convert(project, tmp_path / "out", labels=labels)
    assert (done.id, done.n_stems, done.n_labelled) == ("Lmms_MyProject", 2, 1)
    assert (done.duration_s, done.stems_to_mix_db) == (1.0, None)
    dataset = open_dataset(tmp_path / "out")
    assert validate(dataset) == []
    (song,) = dataset.items
    assert [stem["name"] for stem in song.metadata["stems"].values()] == ["Lead", "Kick II"]
    lead, kick = (stem.audio().samples for stem in song.stems)
    np.testing.assert_array_equal(lead[0], lead[1])  # a mono track sounds in both channels
    np.testing.assert_array_equal(kick[:, 22050:], 0)  # a shorter track ends in silence
    np.testing.assert_array_equal(kick[0], -kick[1])


def test_a_project_that_lmms_refuses_is_named(fake_lmms: Path, tmp_path: Path) -> None:
    project = tmp_path / "broken.mmpz"
    project.write_bytes(b"")
    with pytest.raises(
        DatasetError, match=r"broken\.mmpz: lmms ended with code 1 .* cannot load this project"
    ):
        convert(project, tmp_path / "out")
    fake_lmms.unlink()
    with pytest.raises(MissingDependencyError, match="need the program lmms: apt-get install"):
        convert(project, tmp_path / "out")

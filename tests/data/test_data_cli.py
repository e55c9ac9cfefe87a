"""``mirkit data``: exit codes, one line a result, messages on stderr, nothing half-written."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail

from mirkit import audio
from mirkit.audio import Audio
from mirkit.cli import main
from mirkit.data import open_dataset, read_split
from mirkit.errors import DatasetError

from .conftest import RATE, bursts  # noqa: TID252  # tests are not a package

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs ``mirkit data …`` and returns the exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["data", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def songs(tmp_path: Path, make_song: Callable[..., Path]) -> Path:
    """Four songs of three artists."""
    for name in ("A_One", "A_Two", "B_One", "C_One"):
        make_song(tmp_path / "songs", name)
    return tmp_path / "songs"


def test_list_says_what_is_there_and_fails_for_what_is_not(run: Run, songs: Path, tmp_path: Path) -> None:
    code, out, err = run("list", songs, tmp_path / "absent")
    assert code == 1
    assert out.startswith(f"{songs}: medleydb, 4 songs, 12 stems; songs with piano 4")
    assert "absent: no such folder" in err
    assert "Traceback" not in err
    code, out, _ = run("list", songs, "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["songs"] == ["A_One", "A_Two", "B_One", "C_One"]


def test_validate_names_faults_and_exits_with_1(run: Run, songs: Path) -> None:
    assert run("validate", songs)[:2] == (0, f"{songs}: medleydb, 4 songs, no problems\n")
    stem = songs / "B_One" / "B_One_STEMS" / "B_One_STEM_02.wav"
    stem.unlink()
    (songs / "C_One" / "C_One_METADATA.yaml").write_text("stems: !!python/name:os.system", encoding="utf-8")
    code, out, _ = run("validate", songs, "--jobs", 2, "--json")
    assert code == 1
    found = json.loads(out)["results"][0]["problems"]
    assert [(Path(one["path"]).name, one["kind"]) for one in found] == [
        ("B_One_STEM_02.wav", "missing"),
        ("C_One_METADATA.yaml", "metadata"),
    ]


def test_split_writes_checks_and_refuses(run: Run, songs: Path, tmp_path: Path) -> None:
    output = songs / "split.json"
    sizes = ("--size", "train=rest", "--size", "test=2")
    assert run("split", songs, "-o", output, *sizes) == (0, f"{output}: train 2, test 2; of 4 songs\n", "")
    assert len(open_dataset(songs).split("train").items) == 2
    assert run("split", songs, "--check", output)[0] == 0
    code, _, err = run("split", songs, "-o", output, *sizes)
    assert code == 1
    assert "is already there; use --existing overwrite" in err
    before = output.read_bytes()
    assert run("split", songs, "-o", output, *sizes, "--existing", "skip", "--seed", 7)[0] == 0
    assert output.read_bytes() == before
    assert run("split", songs, "-o", output, *sizes, "--existing", "overwrite")[0] == 0
    assert output.read_bytes() == before  # same seed, same split
    leaking = tmp_path / "leak.json"
    leaking.write_text('{"train": ["A_One"], "test": ["A_Two"]}', encoding="utf-8")
    code, _, err = run("split", songs, "--check", leaking)
    assert code == 1
    assert "the split leaks (1 times): artist 'A': 'A_One' in 'train', 'A_Two' in 'test'" in err


def test_split_finds_songs_shared_by_data_sets(
    run: Run, tmp_path: Path, make_song: Callable[..., Path]
) -> None:
    make_song(tmp_path / "medley", "MusicDelta_80sRock", artist="Music Delta Multitracks", title="80s Rock")
    for part in ("train", "test"):
        name = "Music Delta - 80s Rock" if part == "train" else "Other - Song"
        audio.write(tmp_path / "hq" / part / name / "mixture.wav", Audio(bursts(1), RATE))
    leaking = tmp_path / "leak.json"
    keys = {"train": ["hq/Music Delta - 80s Rock"], "test": ["medley/MusicDelta_80sRock"]}
    leaking.write_text(json.dumps(keys), encoding="utf-8")
    code, _, err = run("split", tmp_path / "medley", tmp_path / "hq", "--check", leaking)
    assert code == 1
    assert (
        "the same song: 'hq/Music Delta - 80s Rock' in 'train', 'medley/MusicDelta_80sRock' in 'test'" in err
    )
    output = tmp_path / "split.json"
    made = run("split", tmp_path / "medley", tmp_path / "hq", "-o", output, "--size", "a=2", "--size", "b=1")
    assert made[0] == 0
    assert set(read_split(output)["a"]) == {*keys["train"], *keys["test"]}


@pytest.mark.parametrize("size", ["train", "train=", "=3", "train=many"])
def test_split_sizes_that_make_no_sense_are_wrong_usage(run: Run, songs: Path, size: str) -> None:
    code, _, err = run("split", songs, "--size", size)
    assert code == 2
    assert "wanted PART=N" in err


def test_annotate_makes_multitracks_and_keeps_going(run: Run, tmp_path: Path) -> None:
    for name in ("A - One", "B - Two"):
        for k, raw in enumerate(("01_Kick", "02_Piano", "03_Zorgon")):
            audio.write(tmp_path / name / f"{raw}.wav", Audio(bursts(k + 1), RATE))
    (tmp_path / "A - One" / "02_Piano.wav").write_text("no sound", encoding="utf-8")
    output = tmp_path / "out"
    code, out, err = run("annotate", tmp_path / "A - One", tmp_path / "B - Two", "-o", output)
    assert code == 1
    assert out == f"{output / 'B_Two'}: 3 stems\n"
    assert "02_Piano.wav" in err
    assert "no taxonomy knows zorgon" in err
    assert [path.name for path in output.iterdir()] == ["B_Two"]
    labels = tmp_path / "labels.toml"
    labels.write_text('"03_Zorgon.wav" = ["violin", "cello"]\n', encoding="utf-8")
    again = ("annotate", tmp_path / "B - Two", "-o", output, "--labels", labels)
    assert "is already there" in run(*again)[2]
    assert run(*again, "--existing", "skip")[1] == f"{output / 'B_Two'}: kept\n"
    assert run(*again, "--existing", "overwrite")[0] == 0
    assert open_dataset(output).items[0].stems[-1].instrument == ("violin", "cello")
    assert run("annotate", tmp_path / "A - One", tmp_path / "B - Two", "--artist", "X")[0] == 2
    labels.write_text("not toml", encoding="utf-8")
    assert "labels.toml: not readable as TOML" in run(*again, "--existing", "overwrite")[2]


def _raw(folder: Path, *names: str) -> Path:
    """Write raw tracks of these names into a folder."""
    for k, name in enumerate(names or ("01_Kick", "02_Piano"), start=1):
        audio.write(folder / f"{name}.wav", Audio(bursts(k), RATE))
    return folder


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("existing", ["error", "skip", "overwrite"])
def test_annotate_never_replaces_its_own_input(run: Run, tmp_path: Path, existing: str) -> None:
    raw = _raw(tmp_path / "raw" / "Liz_Song")
    before = _files(tmp_path)
    code, out, err = run("annotate", raw, "-o", tmp_path / "raw", "--existing", existing)
    assert (code, out) == (1, "")
    assert "would replace its raw tracks; give another output folder" in err
    assert _files(tmp_path) == before


@pytest.mark.parametrize("existing", ["skip", "overwrite"])
def test_annotate_keeps_what_it_did_not_make(run: Run, tmp_path: Path, existing: str) -> None:
    raw = _raw(tmp_path / "raw" / "Liz_Song")
    other = tmp_path / "out" / "Liz_Song"
    other.mkdir(parents=True)
    (other / "notes.txt").write_text("mine", encoding="utf-8")
    before = _files(tmp_path)
    code, out, err = run("annotate", raw, "-o", tmp_path / "out", "--existing", existing)
    assert (code, out) == (1, "")
    assert "does not hold Liz_Song_METADATA.yaml" in err
    assert _files(tmp_path) == before


def test_annotate_refuses_two_inputs_of_one_id_before_any_work(run: Run, tmp_path: Path) -> None:
    one, two = _raw(tmp_path / "a" / "Liz_Song"), _raw(tmp_path / "b" / "Liz - Song")
    third = _raw(tmp_path / "a" / "Liz_Other")
    for shard in ("1/2", "2/2"):
        code, _, err = run("annotate", one, two, third, third, "-o", tmp_path / "out", "--shard", shard)
        assert code == 1
        assert "another input would get the same id Liz_Song; rename one" in err
    assert not (tmp_path / "out" / "Liz_Song").exists()
    code, out, err = run("annotate", one, two, third, "-o", tmp_path / "new", "--json")
    assert code == 1
    assert [entry["id"] for entry in json.loads(out)["results"]] == ["Liz_Other"]
    assert err.count("the same id Liz_Song") == 2
    taken = tmp_path / "taken"
    taken.touch()
    assert run("annotate", third, "-o", taken)[0] == 2


def test_a_split_that_is_kept_is_one_object_in_json(run: Run, songs: Path, tmp_path: Path) -> None:
    output = tmp_path / "split.json"
    output.write_text('{"train": ["A_One"], "test": ["B_One"]}', encoding="utf-8")
    code, out, _ = run("split", songs, "-o", output, "--existing", "skip", "--json")
    assert code == 0
    (entry,) = json.loads(out)["results"]
    assert entry == {"file": str(output), "parts": {"train": 1, "test": 1}, "skipped": True}
    code, out, _ = run("split", songs, "-o", output, "--existing", "skip")
    assert (code, out) == (0, f"{output}: train 1, test 1; kept\n")
    output.write_text("[]", encoding="utf-8")
    assert run("split", songs, "-o", output, "--existing", "skip")[0] == 1


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A list of one source: tones that stand for every instrument of a chamber group."""
    if importlib.util.find_spec("mido") is None:
        skip_or_fail("the package mido: pip install 'mirkit[synthesis]'")
    from mirkit.data.synthesis.instruments import INSTRUMENTS

    time_s = np.arange(RATE) / RATE
    for octave in range(1, 7):
        tone = 0.2 * np.sin(2 * np.pi * 16.35 * 2**octave * time_s)[np.newaxis]
        audio.write(tmp_path / "notes" / f"tone_C{octave}_forte.wav", Audio(tone.astype(np.float32), RATE))
    path = tmp_path / "sources.toml"
    path.write_text(
        f'[[source]]\nname = "tones"\nfamily = "tones"\nkind = "notes"\npath = "notes"\nlicence = "CC0"\n'
        f"instruments = {json.dumps(sorted(INSTRUMENTS))}\n",
        encoding="utf-8",
    )
    return path


def _synthesise(run: Run, out: Path, sources: Path, *more: object) -> tuple[int, str, str]:
    sizes = ("--songs", 2, "--seconds", 3, "--sample-rate", RATE, "--style", "chamber")
    return run("synthesize", out, "--sources", sources, *sizes, *more)


def test_synthesize_prints_one_object_in_json(run: Run, sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "songs"
    code, shown, err = _synthesise(run, out, sources, "--shard", "1/2", "--json")
    assert code == 0, err
    (made,) = json.loads(shown)["results"]
    assert made["song"] == 0
    assert Path(made["folder"]).parent == out
    assert "n_songs" not in json.loads(shown)
    code, shown, _ = _synthesise(run, out, sources, "--json")
    assert code == 0
    assert len(json.loads(shown)["results"]) == json.loads(shown)["n_songs"] == 2
    assert _synthesise(run, out, sources, "--shard", "2/2")[1] == (
        f"{out}: 1 songs; run once more without --shard for the statistics\n"
    )
    assert _synthesise(run, out, sources)[1].startswith(f"{out}: 2 songs, ")


def test_synthesize_lists_its_failures_in_json(
    run: Run, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise DatasetError("nobody can play this")

    monkeypatch.setattr("mirkit.data.synthesis.songs.write_song", fail)
    code, shown, err = _synthesise(run, tmp_path / "songs", sources, "--json")
    assert code == 1
    found = json.loads(shown)
    assert (found["results"], set(found)) == ([], {"results", "failures"})
    assert found["failures"][1] == {"input": "1", "error": "song 1: nobody can play this"}
    assert "error: song 0: nobody can play this" in err
    assert "2 of 2 songs failed" in err


def test_a_style_that_nobody_knows_is_wrong_usage(run: Run, sources: Path, tmp_path: Path) -> None:
    code, _, err = _synthesise(run, tmp_path / "songs", sources, "--style", "foo")
    assert code == 2
    assert "'foo' is not one of 'rock', 'pop'," in err
    assert not (tmp_path / "songs").exists()


def test_a_negative_seed_is_wrong_usage(run: Run, songs: Path, sources: Path, tmp_path: Path) -> None:
    told = "Invalid value for '--seed': -1 is not in the range x>=0"
    for code, _, err in (
        _synthesise(run, tmp_path / "out", sources, "--seed", -1),
        run("split", songs, "-o", tmp_path / "split.json", "--seed", -1),
    ):
        assert code == 2
        assert told in err

"""Mistakes that new users make: each ends with its exit code and one clear line, never with a traceback."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from mirkit import cli, examples
from mirkit.sampling import Detections

MISTAKES = [
    # the command itself
    ("activty predict tabla.ogg", 2, "Did you mean 'activity'?"),
    ("predict tabla.ogg", 2, "Did you mean 'mirkit activity predict' or"),
    ("activity", 2, "predict   Find the instruments"),
    ("activity predict", 2, "Missing argument 'INPUTS...'"),
    ("activity predict tabla.ogg --treshold 0.5", 2, "Did you mean '--threshold'?"),
    ("activity predict tabla.ogg --threshold high", 2, "'high' is not a valid float"),
    ("activity predict tabla.ogg --threshold 5", 2, "not in the range 0<=x<=1"),
    ("activity predict tabla.ogg --device gpu", 2, "'gpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
    ("activity predict tabla.ogg --jobs 0", 2, "0 is not in the range x>=1"),
    # the input
    ("activity predict nowhere.wav", 1, "nowhere.wav: no such file or folder"),
    ("activity predict nowhere/", 1, "nowhere: no such file or folder"),
    ("activity predict emptied", 1, "emptied: no sound files in this folder; give files, or --recursive"),
    ("activity predict broken.wav", 1, "broken.wav: not a sound file that can be read"),
    ("activity predict empty.wav", 1, "empty.wav: the file is empty (0 bytes)"),
    ("activity predict cut.ogg", 1, "cut.ogg: truncated, at least"),
    ("activity predict notes.txt", 1, "mirkit reads wav, flac, ogg, opus, mp3,"),
    # the output
    (
        "activity predict tabla.ogg -o done",
        1,
        "done/tabla: is already there; use --existing overwrite or skip",
    ),
    ("activity predict tabla.ogg -o notes.txt", 2, "--output notes.txt is a file; give a folder"),
    ("activity plot done/tabla -o figure.xyz", 2, "wanted a name that ends in .png, .pdf or .svg"),
    ("separation predict tabla.ogg --suffix .xyz", 2, "cannot write .xyz; use one of .wav, .flac"),
    ("separation predict tabla.ogg --subtype PCM_99", 2, "must be one of FLOAT, PCM_16, PCM_24 for .wav"),
    ("report done -o page.pdf", 2, "page.pdf: wanted a name that ends in .html"),
    ("demo -o page.txt", 2, "page.txt: wanted a name that ends in .html"),
    # the model and its settings
    (
        "activity predict tabla.ogg --model beste",
        1,
        "no model 'beste': neither a folder with config.json nor",
    ),
    ("activity predict tabla.ogg --model emptied", 1, "no model 'emptied'"),
    ("separation predict tabla.ogg --model umxhq", 1, "'mirkit models show umxhq' tells which files"),
    ("separation predict tabla.ogg --targets vocal", 1, "unknown target 'vocal'; separation-default knows"),
    ("models show nonesuch", 1, "no model 'nonesuch': neither a folder nor one of activity-default"),
    ("models verify nonesuch", 1, "no model 'nonesuch'"),
    (
        "activity train emptied -o m --config nonesuch",
        1,
        "neither a file nor a preset (bundled-cnn,",
    ),
    ("activity train emptied -o m --config bad.toml", 1, "bad.toml: not settings in TOML"),
    (
        "activity train emptied -o m --config typo.toml",
        1,
        "unknown key 'channnels'; did you mean 'channels'?",
    ),
    # data sets, results, tables
    ("activity train emptied -o m", 1, "emptied: no layout recognised; known are"),
    ("activity evaluate nowhere", 1, "nowhere: no such folder; give the folder of a data set"),
    ("activity plot tabla.ogg -o figure.png", 1, "tabla.ogg: not scores as 'mirkit activity evaluate -o'"),
    ("report emptied", 1, "emptied: not a result of mirkit; wanted a folder with one of separation.json"),
    ("report nowhere", 1, "nowhere: no such folder"),
    ("data validate nowhere", 1, "nowhere: no such folder"),
    ("data split emptied --seed -1", 2, "-1 is not in the range x>=0"),
    ("data synthesize songs --sources typo.toml --style foo", 2, "'foo' is not one of 'rock', 'pop',"),
    ("data synthesize songs --sources typo.toml --seed -1", 2, "-1 is not in the range x>=0"),
    # sampling
    ("sampling predict tabla.ogg", 2, "Missing argument 'INPUTS...'"),
    ("sampling predict nowhere.wav tabla.ogg", 1, "nowhere.wav: no such file"),
    ("sampling predict tabla.ogg tabla.ogg --start 99 --end 100", 1, "lies beyond the end of the sound"),
    ("sampling predict tabla.ogg tabla.ogg --start 3 --end 1", 2, "--end 1 must be later than --start 3"),
    ("sampling search emptied tabla.ogg", 1, "emptied: no index; 'mirkit sampling index' makes one"),
    # assessment
    ("assessment predict tabla.ogg --score nowhere.musicxml", 1, "nowhere.musicxml: no such score"),
    ("assessment predict tabla.ogg --score emptied", 1, "emptied: a folder; give the file of a score"),
    (
        "assessment predict tabla.ogg --score tabla.ogg",
        1,
        "tabla.ogg: not a score that can be read; wanted one",
    ),
    (
        "assessment predict tabla.ogg --score table.csv",
        1,
        "not a score with columns onset_beat, duration_beat, pitch_midi",
    ),
    ("assessment evaluate nowhere.csv", 1, "nowhere.csv: cannot be read (No such file or directory)"),
    ("assessment evaluate table.csv", 1, "table.csv: has no column 'recording', but a, b"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as a new user has it: a good file, and all kinds of others."""
    tabla = Path(examples.path("tabla"))
    shutil.copy(tabla, tmp_path)
    (tmp_path / "cut.ogg").write_bytes(tabla.read_bytes()[:3000])
    for name, text in {
        "broken.wav": "not a sound",
        "empty.wav": "",
        "notes.txt": "hello",
        "bad.toml": "[oops",
        "typo.toml": "[cnn]\nchannnels = [3]\n",
        "table.csv": "a,b\n1,2\n",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "emptied").mkdir()
    Detections.none().write(tmp_path / "done" / "tabla")
    (tmp_path / "done" / "tabla" / "intervals.csv").write_text("start_s,end_s,label,score\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mirkit"])
    return tmp_path


@pytest.mark.parametrize(("arguments", "code", "told"), MISTAKES)
def test_a_mistake_ends_with_its_code_and_a_clear_line(arguments, code, told, folder, capsys):
    before = {path for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as left:
        cli.main(shlex.split(arguments))
    shown = capsys.readouterr()
    assert left.value.code == code, shown
    assert told in shown.err, shown
    assert "Traceback" not in shown.err
    assert "Errno" not in shown.err
    assert {path for path in folder.rglob("*") if path.is_file()} == before, "nothing half-written"


@pytest.mark.parametrize("task", ["activity", "separation", "sampling", "assessment"])
def test_a_result_that_is_kept_is_one_object_of_json(task, folder, capsys):
    (folder / "scores.json").write_text("{}")
    with pytest.raises(SystemExit) as left:
        cli.main([task, "evaluate", str(folder), "-o", "scores.json", "--existing", "skip", "--json"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"output": "scores.json", "skipped": True}

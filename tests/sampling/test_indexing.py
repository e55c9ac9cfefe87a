"""An index follows its files: what is renamed, replaced, exchanged or gone, here and in a merge."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from sampling.conftest import melody, sound

from mirkit import write
from mirkit.sampling import add_to_index, catalogue, indexing, merge_indexes, open_index

SOUNDS = [sound(melody(300 + k, 2.0)) for k in range(4)]


def put(path: Path, k: int, at_s: int) -> Path:
    """Write the k-th sound as it would have been at a time: clocks of files may be coarse."""
    from os import utime

    write(path, SOUNDS[k])
    utime(path, (at_s, at_s))
    return path


def statuses(index: Path, *paths: Path) -> list[str]:
    return [one.result.status if one.result else "failed" for one in add_to_index(index, paths)]


def names(index: Path) -> set[str]:
    return {Path(entry.path).name for entry in open_index(index).entries}


def check(index: Path, *wanted: str) -> None:
    """Fail unless an index holds these files, each as it is now, with numbers that are its own."""
    opened = open_index(index)
    assert sorted(Path(entry.path).name for entry in opened.entries) == sorted(wanted)
    found = [(entry, rows) for part in opened.parts for entry, rows in part.frames()]
    for entry, rows in found:
        path = Path(entry.path)
        assert entry.is_current()
        assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        _, own = indexing._analysed(path, opened.features)
        np.testing.assert_array_equal(rows, own)


def test_a_renamed_file_takes_over(tmp_path):
    index, a, b = tmp_path / "index", tmp_path / "a.wav", tmp_path / "b.wav"
    assert statuses(index, put(a, 0, 1000)) == ["added"]
    a.rename(b)
    assert statuses(index, b) == ["added"]
    check(index, "b.wav")
    shutil.copy2(b, a)  # the former name comes back
    assert statuses(index, a, b) == [f"same as {b}", "already there"]
    check(index, "b.wav")


def test_files_that_were_exchanged_are_both_analysed_again(tmp_path):
    index, x, y = tmp_path / "index", tmp_path / "x.wav", tmp_path / "y.wav"
    statuses(index, put(x, 0, 1000), put(y, 1, 1001))
    put(x, 1, 2000)
    put(y, 0, 2001)
    assert statuses(index, x, y) == ["added", "added"]
    check(index, "x.wav", "y.wav")
    assert statuses(index, x, y) == ["already there"] * 2


@pytest.mark.parametrize("again", ["both", "copy first", "changed one alone"])
def test_a_copy_stands_in_when_the_other_file_changes(again, tmp_path):
    index, p, q = tmp_path / "index", tmp_path / "p.wav", tmp_path / "q.wav"
    assert statuses(index, put(p, 0, 1000), put(q, 0, 1001)) == ["added", f"same as {p}"]
    put(p, 1, 2000)
    statuses(index, *{"both": (p, q), "copy first": (q, p), "changed one alone": (p,)}[again])
    check(index, "p.wav", "q.wav")
    assert statuses(index, p, q) == ["already there"] * 2


def test_a_copy_takes_over_when_the_other_file_is_gone(tmp_path):
    index, p, q = tmp_path / "index", tmp_path / "p.wav", tmp_path / "q.wav"
    statuses(index, put(p, 0, 1000), put(q, 0, 1001))
    p.unlink()
    assert statuses(index, q) == ["added"]
    check(index, "q.wav")


def test_a_file_that_became_a_copy_is_not_found_as_what_it_was(tmp_path):
    index, p, q = tmp_path / "index", tmp_path / "p.wav", tmp_path / "q.wav"
    statuses(index, put(p, 0, 1000), put(q, 1, 1001))
    put(q, 0, 2000)
    assert statuses(index, q) == [f"same as {p}"]
    check(index, "p.wav")


def test_a_file_that_goes_back_and_forth_counts_as_it_is_last(tmp_path):
    index, a, b = tmp_path / "index", tmp_path / "a.wav", tmp_path / "b.wav"
    statuses(index, put(b, 0, 1000), put(a, 1, 1001))
    a.unlink()
    assert statuses(index, put(b, 1, 2000)) == ["added"]
    check(index, "b.wav")


def test_copies_are_not_read_again(tmp_path, monkeypatch):
    index, p, q = tmp_path / "index", tmp_path / "p.wav", tmp_path / "q.wav"
    statuses(index, put(p, 0, 1000))
    assert statuses(index, put(q, 0, 1001)) == [f"same as {p}"]  # a part without rows

    def refuse(path, **_):
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(indexing.audio, "read", refuse)
    assert statuses(index, p, q) == ["already there", f"same as {p}"]
    n_stored = sum(len(np.load(part / "frames.npy")) for part in index.glob("part-*"))
    assert n_stored == open_index(index).entries[0].n_frames


def test_an_index_of_before_with_a_name_that_is_gone_is_put_right(tmp_path):
    """Such an index holds no copies, and may hold a name whose file was renamed since."""
    index, a, b = tmp_path / "index", tmp_path / "a.wav", tmp_path / "b.wav"
    statuses(index, put(a, 0, 1000))
    (part,) = index.glob("part-*")
    rows = json.loads((part / "sounds.json").read_text())
    assert list(rows[0]) == list(asdict(open_index(index).entries[0]))  # the format is the same
    a.rename(b)
    assert names(index) == {"a.wav"}
    statuses(index, b)
    check(index, "b.wav")


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("into", ["new", "old", "empty"])
def test_a_merge_keeps_the_entry_that_fits_the_file(into, there, tmp_path):
    m = tmp_path / "m.wav"
    statuses(tmp_path / "old", put(m, 0, 1000))
    statuses(tmp_path / "new", put(m, 1, 2000))
    newest = open_index(tmp_path / "new").entries[0].sha256
    if not there:  # the newer one, then
        m.unlink()
    n_new = merge_indexes(tmp_path / into, [tmp_path / "old", tmp_path / "new"])
    assert n_new == (0 if into == "new" else 1)
    assert [entry.sha256 for entry in open_index(tmp_path / into).entries] == [newest]


def test_a_merge_keeps_a_file_that_was_put_back(tmp_path):
    m = tmp_path / "m.wav"
    statuses(tmp_path / "one", put(m, 0, 2000))
    statuses(tmp_path / "two", put(m, 1, 1000))  # an older file is back, and it is the one that counts
    assert merge_indexes(tmp_path / "one", [tmp_path / "two"]) == 1
    check(tmp_path / "one", "m.wav")


def test_in_a_merge_a_renamed_file_takes_over(tmp_path):
    a, b = tmp_path / "a.wav", tmp_path / "b.wav"
    statuses(tmp_path / "one", put(a, 0, 1000))
    a.rename(b)
    statuses(tmp_path / "two", b)
    for target, sources in (("all", ["one", "two"]), ("one", ["two"])):
        merge_indexes(tmp_path / target, [tmp_path / name for name in sources])
        check(tmp_path / target, "b.wav")


def test_a_merge_remembers_copies_and_what_they_were(tmp_path):
    p, q = tmp_path / "p.wav", tmp_path / "q.wav"
    statuses(tmp_path / "old", put(q, 1, 1000))
    statuses(tmp_path / "new", put(p, 0, 1000), put(q, 0, 2000))
    assert merge_indexes(tmp_path / "old", [tmp_path / "new"]) == 1
    check(tmp_path / "old", "p.wav")
    assert statuses(tmp_path / "old", p, q) == ["already there", f"same as {p}"]
    n_parts = len(list((tmp_path / "old").glob("part-*")))
    assert merge_indexes(tmp_path / "old", [tmp_path / "new"]) == 0
    assert len(list((tmp_path / "old").glob("part-*"))) == n_parts


def test_another_process_may_make_the_same_index(tmp_path, monkeypatch):
    a = put(tmp_path / "a.wav", 0, 1000)
    (tmp_path / "begun" / ".mirkit-1234").mkdir(parents=True)  # it is about to write index.json
    assert statuses(tmp_path / "begun", a) == ["added"]

    looks = []

    def finishes_meanwhile(folder: Path) -> bool:
        looks.append(folder)
        if len(looks) == 1:
            shutil.copytree(tmp_path / "begun", folder)
            return False
        return (folder / "index.json").is_file()

    monkeypatch.setattr(catalogue, "is_index", finishes_meanwhile)
    assert statuses(tmp_path / "made", a) == ["already there"]

"""From songs and a model to a file of scores; several files in one table."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil

import pytest

from mirkit import Taxonomy, activity
from mirkit.activity.evaluation import Evaluation, judge, tabulate, to_markdown
from mirkit.checkpoint import Checkpoint
from mirkit.errors import DatasetError, ParameterError


@pytest.fixture(scope="module")
def songs(make_songs, tmp_path_factory):
    return make_songs(tmp_path_factory.mktemp("songs"), 1)


@pytest.fixture(scope="module")
def model(songs, tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    config = tiny.replace(training=dataclasses.replace(tiny.training, epoch_size=32, max_epochs=1))
    activity.train(config, songs, validation=songs, name="small").checkpoint().save(folder / "m")
    return folder / "m"


def test_judging_hears_each_song_and_compares_it_with_its_stems(songs, model):
    found = judge(model, songs)
    assert found.name == "small"
    assert found.about["dataset"]["n_songs"] == 4
    assert found.about["not_used"] == []
    loaded = activity.load(model)
    taxonomy = Taxonomy.load("instruments18")
    scores = activity.evaluate(
        [song.activity(taxonomy) for song in songs.items],
        [activity.predict(loaded, song.mix()) for song in songs.items],
        thresholds=loaded.thresholds,
    )
    assert found.scales[0].to_json() == scores.to_json()
    fixed = judge(model, songs, threshold=0.5, windows_s=(1.0,)).scales[0]
    assert fixed.summary["f1_macro"] == fixed.summary["f1_macro_fixed"]


def test_a_model_that_was_trained_anew_is_loaded_anew(songs, model, tmp_path):
    copy = shutil.copytree(model, tmp_path / "m")
    first = judge(copy, songs, windows_s=(1.0,))
    stored = Checkpoint.load(copy)
    changed = {name: -array if name == "head.weight" else array for name, array in stored.arrays.items()}
    dataclasses.replace(stored, arrays=changed).save(copy)
    second = judge(copy, songs, windows_s=(1.0,))
    assert first.scales[0].summary["auc_macro"] != second.scales[0].summary["auc_macro"]


def test_songs_that_cannot_be_read_are_named(make_songs, model, tmp_path):
    broken = make_songs(tmp_path, 2, n_songs=2)
    broken.items[1].stems[0].path.write_text("no sound", encoding="utf-8")
    found = judge(model, broken, windows_s=(1.0,))
    assert found.about["dataset"]["n_songs"] == 1
    assert [song for song, _ in found.about["not_used"]] == ["song1"]
    with pytest.raises(DatasetError, match="no song could be evaluated; song1"):
        judge(model, broken.select(["song1"]))


def test_files_keep_everything_and_others_are_refused(songs, model, tmp_path):
    found = judge(model, songs)
    found.write(tmp_path / "s.json")
    assert Evaluation.read(tmp_path / "s.json").to_json() == found.to_json()
    for text, message in (
        ("{", "not scores as"),
        ("[]", "not scores as"),
        ('{"format": "x"}', "not scores as"),
        (json.dumps(found.to_json() | {"scales": [{}]}), "damaged"),
    ):
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=message):
            Evaluation.read(tmp_path / "x.json")


def test_tables_have_a_row_for_each_model_scale_and_pooling(songs, model):
    one = judge(model, songs, windows_s=(1.0, math.inf), poolings=("max", "mean"))
    other = dataclasses.replace(one, name="other")
    table = tabulate([one, other])
    assert list(zip(table["model"], table["clips"], table["pooling"], strict=True))[:4] == [
        ("small", "1 s", ""),
        ("small", "track", "max"),
        ("small", "track", "mean"),
        ("other", "1 s", ""),
    ]
    assert table["auc_macro"][0] == one.scales[0].summary["auc_macro"]
    lines = to_markdown(table).splitlines()
    assert len(lines) == 2 + 6
    assert "| - |" in lines[3]  # at track level every sound of these songs occurs: no measure is defined
    with pytest.raises(ParameterError, match="need different names"):
        tabulate([one, one])

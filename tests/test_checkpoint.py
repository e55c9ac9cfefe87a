"""Model folders: what is saved is loaded, and damage is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mirkit.checkpoint import Checkpoint, find, sha256
from mirkit.errors import CheckpointError


@pytest.fixture
def saved(tmp_path):
    checkpoint = Checkpoint(
        task="activity", name="tiny", config={"network": "cnn"}, labels=("a", "b"),
        arrays={"w": np.arange(6, dtype=np.float32).reshape(2, 3).T}, card="# tiny\n", scores={"auc": None},
        dataset={"name": "none"}, seed=7, extra={"thresholds": {"a": 0.5}},
    )  # fmt: skip
    checkpoint.save(tmp_path / "model")
    return tmp_path / "model", checkpoint


def test_round_trip(saved):
    folder, checkpoint = saved
    back = Checkpoint.load(folder, task="activity")
    np.testing.assert_array_equal(back.arrays["w"], checkpoint.arrays["w"])
    for name in ("task", "name", "config", "labels", "card", "scores", "dataset", "seed", "extra"):
        assert getattr(back, name) == getattr(checkpoint, name)
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.md", "config.json", "scores.json", "weights.safetensors",
    ]  # fmt: skip


def test_saving_again_replaces_the_folder_and_leaves_nothing_else(saved):
    folder, checkpoint = saved
    (folder / "stray").write_text("x", encoding="utf-8")
    checkpoint.save(folder)
    assert not (folder / "stray").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    assert len(sha256(folder)) == 64


def change(folder, **changes):
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "mirkit.checkpoint/9"}, "format is 'mirkit.checkpoint/9'"),
        ({"surprise": 1}, r"keys \['surprise'\]"),
        ({"labels": None}, r"keys \['labels'\]"),
        ({"task": "sampling"}, "is a model for 'sampling', not for 'activity'"),
    ],
)
def test_foreign_settings_are_refused(saved, changes, message):
    folder, _ = saved
    change(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.load(folder, task="activity")


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors", "scores.json", "card.md"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_missing_and_damaged_files_are_named(saved, name, damage):
    folder, _ = saved
    if damage == "missing":
        (folder / name).unlink()
    elif name == "card.md":
        return  # any text is a card
    else:
        (folder / name).write_bytes(b"\x00nonsense")
    with pytest.raises(CheckpointError, match=name):
        Checkpoint.load(folder)


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(CheckpointError, match="bundled activity model"):
        find("activity", tmp_path / "nowhere")

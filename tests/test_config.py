"""Settings: round trips, wrong keys and wrong types."""

from __future__ import annotations

import json

import pytest

from mirkit.activity import Config
from mirkit.errors import ParameterError


def test_settings_survive_json():
    config = Config.from_dict({"cnn": {"channels": [8, 16]}, "training": {"learning_rate": 1}})
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.cnn.channels == (8, 16)
    assert isinstance(config.training.learning_rate, float)


def test_the_default_preset_is_the_defaults():
    assert Config.from_toml("default") == Config()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"netwrok": "cnn"}, "unknown key 'netwrok'; did you mean 'network'"),
        ({"network": "resnet"}, "config.network must be one of 'fc'"),
        (
            {"training": {"batchsize": 3}},
            "config.training: unknown key 'batchsize'; did you mean 'batch_size'",
        ),
        ({"training": {"batch_size": 3.5}}, "batch_size must be int, got 3.5"),
        ({"training": {"batch_size": True}}, "batch_size must be int, got True"),
        ({"features": 3}, "config.features must be a table"),
        ({"cnn": {"channels": 4}}, "config.cnn.channels must be a list"),
    ],
)
def test_mistakes_are_explained(values, message):
    with pytest.raises(ParameterError, match=message):
        Config.from_dict(values)


def test_mistakes_in_files_name_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("network = cnn", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"mine\.toml: not settings in TOML"):
        Config.from_toml(path)
    with pytest.raises(ParameterError, match=r"neither a file nor a preset \(bundled-cnn"):
        Config.from_toml("defualt")

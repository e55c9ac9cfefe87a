"""Several models made into one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mirkit import Audio, Taxonomy, activity
from mirkit.activity import features
from mirkit.activity.model import Model, build
from mirkit.cli import root
from mirkit.data import open_dataset
from mirkit.errors import ParameterError

LABELS = Taxonomy.load("instruments18").labels


def untrained(config, seed, **changes):
    torch.manual_seed(seed)
    return Model(build(config, 18).eval(), config, LABELS, name=f"m{seed}", **changes)


@pytest.fixture(scope="module")
def models(tiny):
    long = tiny.replace(network="crnn", features=dataclasses.replace(tiny.features, window_s=3.0))
    return [untrained(tiny.replace(network="cnn"), 1), untrained(long, 2), untrained(long, 3)]


@pytest.fixture(scope="module")
def validation(make_songs, tmp_path_factory):
    return make_songs(tmp_path_factory.mktemp("validation"), 2)


@pytest.fixture(scope="module")
def combined(models, validation):
    return activity.combine(models, validation, name="all")


@pytest.fixture(scope="module")
def sound(tiny):
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.standard_normal((1, 6 * tiny.features.sample_rate))
    loud = np.repeat([0.1, 1.0, 0.3, 0.01, 1.0, 0.5], tiny.features.sample_rate)
    return Audio((samples * loud).astype(np.float32), tiny.features.sample_rate)


def test_its_values_are_the_mean_of_its_members_each_with_its_own_window(models, combined, sound):
    settings = combined.config.features
    windows = sound.samples.reshape(2, settings.window_length)
    patches = features.patches(windows, settings)
    n_frames = settings.label_length / settings.hop_length
    starts = [int(k * n_frames) for k in range(3)]
    seconds = [features.standardize(patches[..., start : start + 1 + int(n_frames)]) for start in starts]
    with torch.inference_mode():
        cnn, *crnns = [
            torch.cat([model.network(torch.from_numpy(piece)).sigmoid() for piece in pieces], dim=2)
            for model, pieces in zip(models, (seconds, [patches], [patches]), strict=True)
        ]
        together = combined.network(torch.from_numpy(patches)).sigmoid()
    torch.testing.assert_close(together, (cnn + sum(crnns)) / 3, atol=1e-5, rtol=0)
    assert (cnn - crnns[0]).abs().max() > 0.02  # or the mean would show nothing


def test_it_keeps_the_settings_of_its_members(models, combined):
    assert combined.config.ensemble.members == ("cnn", "crnn", "crnn")
    assert combined.config.ensemble.windows_s == (1.0, 3.0, 3.0)
    assert combined.config.features == models[1].config.features
    assert set(combined.thresholds) == set(LABELS)
    assert 0 <= combined.scores["validation_ap"] <= 1


def test_it_is_kept_and_loaded_like_any_model(combined, sound, tmp_path):
    combined.checkpoint().save(tmp_path / "all")
    again = activity.load(tmp_path / "all")
    np.testing.assert_array_equal(
        activity.predict(again, sound).values, activity.predict(combined, sound).values
    )
    assert again.thresholds == combined.thresholds


@pytest.mark.parametrize("length_s", [0.3, 1.0, 2.5, 4.2])
def test_any_length(combined, sound, length_s):
    short = Audio(sound.samples[:, : round(length_s * sound.sample_rate)], sound.sample_rate)
    values = activity.predict(combined, short).values
    assert values.shape == (18, int(np.ceil(length_s)))
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"n_mels": 16}}, "m9: other spectra than the others"),
        ({"crnn": {"hidden": 4}}, r"crnn: models of one architecture must have the same \[crnn\] settings"),
        ({"network": "ensemble"}, "m9: is an ensemble itself"),
    ],
)
def test_models_that_do_not_fit_together_are_refused(models, validation, changes, message):
    values = models[1].config.to_dict()
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    other = untrained(type(models[1].config).from_dict(values), 9)
    with pytest.raises(ParameterError, match=message):
        activity.combine([*models, other], validation)


def test_models_of_other_classes_are_refused(models, validation):
    with pytest.raises(ParameterError, match="m2: other classes than m1"):
        activity.combine([models[0], dataclasses.replace(models[1], labels=LABELS[::-1])], validation)


@pytest.mark.parametrize(
    "settings", [{"members": ["cnn"]}, {"members": ["cnn", "rnn"]}, {"windows_s": [1.0]}]
)
def test_settings_that_make_no_ensemble_are_refused(settings):
    with pytest.raises(ParameterError, match=r"ensemble\.(members|windows_s) must"):
        activity.Config.from_dict({"network": "ensemble", "ensemble": settings})


def test_the_command_writes_a_model(models, validation, tmp_path):
    for model in models[:2]:
        model.checkpoint().save(tmp_path / model.name)
    folder = str(validation.items[0].stems[0].path.parent.parent)
    names = [str(tmp_path / model.name) for model in models[:2]]
    arguments = ["activity", "combine", *names, "--validation", folder, "-o", str(tmp_path / "both")]
    run = CliRunner().invoke(root, arguments)
    assert run.exit_code == 0, run.output
    assert "both: validation AUC" in run.output
    assert activity.load(tmp_path / "both").config.ensemble.members == ("cnn", "crnn")
    assert len(open_dataset(folder).items) == len(validation.items)

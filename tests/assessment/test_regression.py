"""Regression: arrays equal to scikit-learn, nothing leaks, protocols, and the released descriptors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import NuSVR

from mirkit import assessment
from mirkit.assessment import Config, Model, protocol
from mirkit.assessment.config import SVRConfig
from mirkit.assessment.examples import Examples
from mirkit.assessment.regression import fit
from mirkit.assessment.training import fit_examples
from mirkit.cli.assessment import command
from mirkit.errors import DatasetError, ParameterError


def made_up(rng, n=60):
    X = rng.normal(size=(n, 5))
    y = np.clip(0.5 + 0.1 * X[:, 0] - 0.05 * X[:, 1] + 0.02 * rng.normal(size=n), 0, 1)
    return X, y


def test_arrays_predict_what_scikit_learn_predicts(rng):
    X, y = made_up(rng)
    scaler = MinMaxScaler().fit(X[:40])
    machine = NuSVR(kernel="linear", C=1.0, nu=0.5).fit(scaler.transform(X[:40]), y[:40])
    expected = np.clip(machine.predict(scaler.transform(X[40:])), 0, 1)
    np.testing.assert_allclose(fit(X[:40], y[:40]).predict(X[40:]), expected, atol=1e-9)


@pytest.mark.parametrize("scaling", ["minmax", "rank"])
def test_test_rows_do_not_change_the_model(rng, scaling):
    """Each held-out prediction is that of a model that saw the other folds only."""
    X, y = made_up(rng)
    config = SVRConfig(scaling=scaling)
    found = protocol.held_out(X, y, config=config, n_folds=5)
    for test in protocol.folds(len(y), 5, rng=np.random.default_rng(0)):
        train = np.setdiff1d(np.arange(len(y)), test)
        np.testing.assert_allclose(found.estimates[test], fit(X[train], y[train], config).predict(X[test]))


def test_random_ratings_are_not_predicted(rng):
    """A leak would show as correlation with noise."""
    X = rng.normal(size=(80, 40))
    r = [protocol.held_out(X, rng.uniform(size=80), seed=seed).before["r"] for seed in range(5)]
    assert np.mean(r) < 0.15


def test_outliers_are_found_and_reported_three_ways(rng):
    X, y = made_up(rng)
    y[[3, 30]] = 1.0 - y[[3, 30]]
    y[3] = 0.0
    found = protocol.held_out(X, y, config=SVRConfig(outlier_share=0.05))
    assert (~found.kept).sum() == 3
    assert not found.kept[3]
    assert found.after["r"] > found.on_all["r"]
    assert found.on_all["n"] == 60
    assert found.after["n"] == 57


def test_leave_one_out_and_groups_stay_together(rng):
    parts = protocol.folds(6, 6, rng=rng)
    assert [part.tolist() for part in parts] == [[k] for k in range(6)]
    groups = list("aabbccdd")
    for part in protocol.folds(8, 3, rng=rng, groups=groups):
        inside = {groups[k] for k in part}
        assert all((groups[k] in inside) == (k in part) for k in range(8))
    with pytest.raises(ParameterError, match="at least two"):
        protocol.folds(5, 1, rng=rng)


def test_models_survive_saving_and_rank_within_their_cohort(rng, tmp_path):
    X, y = made_up(rng)
    X[0, 0] = np.nan
    examples = Examples(X, tuple("abcde"), {"tone": y}, ("",) * len(y))
    config = Config.from_dict({"network": "svr", "svr": {"scaling": "rank"}})
    model = fit_examples(config, examples, name="m", data_name="d", most={"tone": 15.0})
    model.checkpoint().save(tmp_path / "m")
    from mirkit.assessment import load

    again = load(tmp_path / "m")
    assert isinstance(again, Model)
    np.testing.assert_array_equal(again.regressions["tone"].predict(X), model.regressions["tone"].predict(X))
    assert len(again.regressions["tone"].cohort) == 60
    assert model.scores["tone"]["before"]["r"] > 0.8
    same = fit_examples(config, examples, name="m", data_name="d", most={"tone": 15.0})
    np.testing.assert_array_equal(same.regressions["tone"].weights, model.regressions["tone"].weights)


def test_ratings_all_alike_leave_agreement_undefined_and_not_the_model_unsaved(rng, tmp_path):
    X, y = made_up(rng)
    examples = Examples(X, tuple("abcde"), {"tone": np.full(len(y), 0.8), "notes": y}, ("",) * len(y))
    most = {"tone": 15.0, "notes": 10.0}
    model = fit_examples(
        Config.from_dict({"svr": {"outlier_share": 0.05}}), examples, name="m", data_name="d", most=most
    )
    model.checkpoint().save(tmp_path / "m")
    scores = json.loads((tmp_path / "m" / "scores.json").read_text())
    for kind in ("before", "after_removal", "on_all"):
        assert scores["tone"][kind]["r"] is None
        assert scores["tone"][kind]["s"] < 0.1
        assert scores["notes"][kind]["r"] > 0.8
    assert "- tone: r -, R2 -, s 0.0" in (tmp_path / "m" / "card.md").read_text()


def test_train_honours_existing_and_prints_what_is_not_defined(rng, tmp_path, monkeypatch):
    X, y = made_up(rng)
    examples = Examples(X, tuple("abcde"), {"tone": np.full(len(y), 0.8), "notes": y}, ("",) * len(y))
    model = fit_examples(Config(), examples, name="m", data_name="d", most={"tone": 15.0, "notes": 10.0})
    monkeypatch.setattr(assessment, "train", lambda *_, **__: model)
    (tmp_path / "ratings.csv").write_text("recording,score,group,tone/15\na.wav,,1,12\n")
    (tmp_path / "a.wav").touch()
    folder = tmp_path / "m"

    def train(*options):
        arguments = ["train", str(tmp_path / "ratings.csv"), "-o", str(folder), *options]
        return CliRunner().invoke(command, arguments)

    done = train()
    assert done.exit_code == 0, done.exception
    assert "cross-validated, tone r -, notes r 0." in done.stdout
    (folder / "card.md").write_text("older")
    assert "--existing overwrite or skip" in str(train().exception)
    assert "already there, skipped" in train("--existing", "skip").stdout
    assert (folder / "card.md").read_text() == "older"
    assert train("--existing", "overwrite").exit_code == 0
    assert (folder / "card.md").read_text().startswith("# m")


def test_too_few_ratings_are_refused(rng):
    X, y = made_up(rng, 6)
    examples = Examples(X, tuple("abcde"), {"tone": y}, ("",) * 6)
    with pytest.raises(DatasetError, match="at least 10"):
        fit_examples(Config(), examples, name="m", data_name="d", most={"tone": 15.0})
    with pytest.raises(ParameterError, match=r"\[0, 1\]"):
        fit(X, 20 * y)


REFERENCE = {
    "nonscore": (0.55, 0.17, 0.40, 0.39),
    "score": (0.59, 0.43, 0.55, 0.46),
    "combined": (0.69, 0.40, 0.56, 0.54),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_the_released_descriptors_give_the_known_correlations(shared, name):
    """The mean of five shufflings; one alone may be 0.04 off."""
    from scipy.io import loadmat

    files = [
        loadmat(shared / "assessment/fba_alto_sax_middle" / f"{name}_{year}.mat")
        for year in (2013, 2014, 2015)
    ]
    X = np.concatenate([file["features"] for file in files])
    y = np.concatenate([file["labels"][:, -4:] for file in files])
    assert len(y) == 394
    for k, expected in enumerate(REFERENCE[name]):
        r = np.mean([protocol.held_out(X, y[:, k], seed=seed).before["r"] for seed in range(5)])
        assert r == pytest.approx(expected, abs=0.04)

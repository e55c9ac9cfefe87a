"""Several trained models made into one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mirkit.activity.config import Config, EnsembleConfig
from mirkit.activity.model import Ensemble, Model
from mirkit.activity.training import tuned
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    from mirkit.data import Dataset

__all__ = ["combine"]


def combine(
    models: Sequence[Model],
    validation: Dataset,
    *,
    name: str = "unnamed",
    cache: Path | None = None,
    n_jobs: int = 1,
) -> Model:
    """Return one model whose probabilities are the mean of those of several.

    Networks that were trained on other excerpts or of another architecture err elsewhere; the mean of their
    probabilities is mostly better than the best of them (T. G. Dietterich, "Ensemble methods in machine
    learning", MCS 2000). It takes the time of all.

    Parameters
    ----------
    models : sequence of Model
        Two or more with the same classes and spectra; all of one architecture have its settings in common.
        The ensemble hears the longest of their windows at once.
    validation : Dataset
        Songs on which the thresholds are tuned.
    name : str
        Name of the model.
    cache : Path, optional
        Where the decoded stems of ``validation`` are kept; temporary if None.
    n_jobs : int
        Processes that decode and make excerpts.

    Returns
    -------
    Model

    Raises
    ------
    ParameterError
        If there are fewer than two models, or they differ in classes, spectra or settings.

    Examples
    --------
    >>> from mirkit.activity import load
    >>> combine([load()], None)
    Traceback (most recent call last):
    mirkit.errors.ParameterError: one model cannot be combined; give two or more
    """
    if len(models) < 2:
        raise ParameterError("one model cannot be combined; give two or more")
    first, config = models[0], _config(models)
    for model in models[1:]:
        if model.labels != first.labels:
            raise ParameterError(f"{model.name}: other classes than {first.name}; train both on one taxonomy")
    network = Ensemble([model.network for model in models], config.ensemble.windows_s, config.features).eval()
    thresholds, scores = tuned(network, config, validation, first.labels, cache=cache, n_jobs=n_jobs)
    return Model(
        network=network,
        config=config,
        labels=first.labels,
        name=name,
        thresholds=thresholds,
        scores=scores,
        dataset=_common([model.dataset for model in models]),
        seed=first.seed,
    )


def _config(models: Sequence[Model]) -> Config:
    """Return the settings of the longest window, with the members and the settings of each architecture."""
    longest = max((model.config for model in models), key=lambda config: config.features.window_s)
    config, kinds = longest, tuple(model.config.network for model in models)
    windows_s = tuple(model.config.features.window_s for model in models)
    for model in models:
        kind = model.config.network
        if kind == "ensemble":
            raise ParameterError(f"{model.name}: is an ensemble itself; combine its members instead")
        if dataclasses.replace(model.config.features, window_s=longest.features.window_s) != longest.features:
            raise ParameterError(f"{model.name}: other spectra than the others; train all with the same")
        own = dataclasses.replace(getattr(model.config, kind), dropout=0.0)  # which concerns training only
        others = [getattr(other.config, kind) for other in models if other.config.network == kind]
        if any(dataclasses.replace(other, dropout=0.0) != own for other in others):
            raise ParameterError(f"{kind}: models of one architecture must have the same [{kind}] settings")
        config = config.replace(**{kind: own})
    return config.replace(network="ensemble", ensemble=EnsembleConfig(kinds, windows_s))


def _common(datasets: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return what all say alike of their training data; lists of the others."""
    found: dict[str, object] = {}
    for key in datasets[0]:
        values = list(dict.fromkeys(dataset.get(key) for dataset in datasets))
        found[key] = values[0] if len(values) == 1 else values
    return found

"""A teacher's own model: from rated recordings to regressions that rank within a cohort."""

from __future__ import annotations

import numpy as np

from mirkit.assessment.config import Config
from mirkit.assessment.examples import Examples, PerformanceTable, extract
from mirkit.assessment.model import Model
from mirkit.assessment.protocol import as_row, folds, held_out, remove_outliers, with_cohort
from mirkit.assessment.regression import fit
from mirkit.errors import DatasetError
from mirkit.parallel import Backend, Progress

__all__ = ["fit_examples", "train"]

FEWEST = 10
"""Fewer rated performances say nothing about a jury."""


def train(
    config: Config,
    dataset: PerformanceTable,
    *,
    name: str = "assessment",
    seed: int = 0,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> Model:
    """Return a model of a jury's ratings.

    Parameters
    ----------
    config : Config
        ``config.svr`` says which descriptors, how they are scaled, and whether outliers are removed.
    dataset : PerformanceTable
        Recordings, scores and ratings.
    name : str
        Of the model.
    seed : int
        Of the folds; the same gives the same weights.
    n_jobs : int
        Recordings at a time.
    backend : {"loky", "dask", "ray"}
        Where they are worked on.
    progress : callable, optional
        Called after each recording.

    Returns
    -------
    Model
        Its ``scores`` are cross-validated; recordings that could not be used are in ``dataset["not_used"]``.

    Raises
    ------
    DatasetError
        If fewer than ten performances with ratings can be used.
    """
    if not dataset.most:
        raise DatasetError(f"{dataset.name}: has no ratings; add columns such as tone/15")
    found = extract(
        dataset.items,
        config.svr.descriptors,
        config=config,
        n_jobs=n_jobs,
        backend=backend,
        progress=progress,
    )
    return fit_examples(config, found, name=name, data_name=dataset.name, most=dict(dataset.most), seed=seed)


def fit_examples(
    config: Config, examples: Examples, *, name: str, data_name: str, most: dict[str, float], seed: int = 0
) -> Model:
    """Return a model of descriptors that are there already.

    Parameters
    ----------
    config : Config
        See `train`.
    examples : Examples
        Descriptors and ratings.
    name, data_name : str
        Of the model and of the data.
    most : dict of str to float
        Most points by category.
    seed : int
        Of the folds.

    Returns
    -------
    Model
    """
    settings = config.svr
    regressions, scores = {}, {}
    for category, y in examples.y.items():
        rated = np.isfinite(y)
        if rated.sum() < FEWEST:
            raise DatasetError(
                f"{data_name}: {rated.sum()} usable ratings of {category}; wanted at least {FEWEST}"
            )
        X, known = examples.X[rated], y[rated]
        checked = held_out(X, known, config=settings, n_folds=settings.n_folds, seed=seed)
        kept = np.ones(len(known), bool)
        if settings.outlier_share:
            parts = folds(len(known), settings.n_folds, rng=np.random.default_rng(seed))
            kept = remove_outliers(X, known, parts, settings, settings.outlier_share)
        regressions[category] = with_cohort(fit(X[kept], known[kept], settings), known, checked.estimates)
        scores[category] = {
            "before": as_row(checked.before),
            "after_removal": as_row(checked.after),
            "on_all": as_row(checked.on_all),
            "n_removed": int((~kept).sum()),
        }
    about = {
        "name": data_name,
        "sha256": examples.digest(),
        "n_performances": len(examples.X),
        "not_used": [list(failure) for failure in examples.failures],
    }
    return Model(
        config.replace(network="svr"),
        regressions,
        name,
        _card(name, data_name, scores),
        scores,
        about,
        {"most": most},
        seed,
    )


def _card(name: str, data_name: str, scores: dict[str, dict[str, object]]) -> str:
    lines = [f"# {name}", "", f"Linear nu-SVR of the ratings in {data_name}, cross-validated:", ""]
    for category, row in scores.items():
        before = row["before"]
        if isinstance(before, dict):
            r, r2, s = (_figure(before[name], n) for name, n in (("r", 2), ("r2", 2), ("s", 3)))
            lines.append(f"- {category}: r {r}, R2 {r2}, s {s}")
    lines += [
        "",
        "It ranks within the cohort that it was trained on; another jury or year may be stricter.",
        "",
        "Licence: that of the ratings.",
    ]
    return "\n".join(lines) + "\n"


def _figure(value: float | None, n_digits: int) -> str:
    return "-" if value is None else f"{value:.{n_digits}f}"

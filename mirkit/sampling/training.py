"""Training: a forest on labelled candidates, its votes made probabilities on samples it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mirkit.errors import DatasetError
from mirkit.parallel import Backend, Progress
from mirkit.sampling import forest
from mirkit.sampling.examples import Example, extract
from mirkit.sampling.metrics import Scores, evaluate
from mirkit.sampling.model import Model, logit, song_evidence
from mirkit.sampling.result import Detections

if TYPE_CHECKING:
    from mirkit.sampling.config import Config
    from mirkit.sampling.pairs import PairSet

__all__ = ["fit_examples", "train", "with_thresholds"]

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


def train(
    config: Config,
    dataset: PairSet,
    *,
    validation: PairSet | None = None,
    name: str = "unnamed",
    card: str = "",
    seed: int = 0,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> Model:
    """Return a model trained on pairs of samples and songs.

    Parameters
    ----------
    config : Config
        Method, descriptors and forest.
    dataset : PairSet
        Pairs to learn from: all of them if ``validation`` is given, else its part ``train``.
    validation : PairSet, optional
        Pairs on which the thresholds are chosen; the part ``valid`` of ``dataset`` if None.
    name, card : str
        Of the model.
    seed : int
        Same seed, same model.
    n_jobs, backend, progress
        See `mirkit.parallel.map_all`.

    Returns
    -------
    Model

    Raises
    ------
    DatasetError
        If there are no such parts, or no candidate is true, or all are.
    """
    learned = dataset if validation is not None else dataset.split("train")
    chosen = validation if validation is not None else dataset.split("valid")
    examples, problems = extract(learned.items, config, n_jobs=n_jobs, backend=backend, progress=progress)
    model = fit_examples(config, examples, seed=seed)
    checked, more = extract(chosen.items, config, n_jobs=n_jobs, backend=backend, progress=progress)
    known = {item.id: item for item in chosen.items}
    references = [item.truth for item in known.values()]
    if more:
        raise DatasetError("validation needs all of its pairs; " + "; ".join(more[:3]))
    model, scores = with_thresholds(model, checked, references)
    return replace(
        model,
        name=name,
        card=card,
        scores={"validation": scores.to_json()["summary"]},
        dataset={
            "name": dataset.name,
            "sha256": learned.fingerprint(),
            "n_pairs": len(examples),
            "not_used": problems,
        },
    )


def fit_examples(config: Config, examples: Sequence[Example], *, seed: int = 0) -> Model:
    """Return a model of candidates whose truth is known, with thresholds of 0.5.

    Parameters
    ----------
    config : Config
        Forest and folds.
    examples : sequence of Example
        Candidates of pairs.
    seed : int
        Of forest and folds.

    Returns
    -------
    Model

    Raises
    ------
    DatasetError
        If no candidate is true, or all are.
    """
    X = np.concatenate([one.candidates.X for one in examples])
    y = np.concatenate([one.y for one in examples])
    if not 0 < y.sum() < len(y):
        raise DatasetError(f"{int(y.sum())} of {len(y)} candidates are true; some must be and some not")
    votes = _held_out(config, examples, seed=seed)
    place = _slopes(logit(np.concatenate(votes))[:, np.newaxis], y)
    evidence = [song_evidence(v, one.candidates) for v, one in zip(votes, examples, strict=True)]
    present = np.array([one.present for one in examples])
    if not 0 < present.sum() < len(present):
        raise DatasetError("songs with the sample and songs without it are needed")
    song = _slopes(np.array(evidence), present)
    return Model(config, forest.fit(X, y, config.forest, seed=seed), place, song, seed=seed)


def _held_out(config: Config, examples: Sequence[Example], *, seed: int) -> list[np.ndarray]:
    """Return votes of forests that have not seen a pair's sample."""
    queries = list(dict.fromkeys(one.query for one in examples))
    order = np.random.default_rng(seed).permutation(len(queries))
    fold = {queries[k]: int(i) % config.forest.n_folds for i, k in enumerate(order)}
    votes: list[np.ndarray] = [np.zeros(0)] * len(examples)
    for k in range(min(config.forest.n_folds, len(queries))):
        kept = [one for one in examples if fold[one.query] != k]
        y = np.concatenate([one.y for one in kept]) if kept else np.zeros(0)
        if not 0 < y.sum() < len(y):
            raise DatasetError("too few samples to check on: give more, or fewer folds")
        trained = forest.fit(np.concatenate([one.candidates.X for one in kept]), y, config.forest, seed=seed)
        for i, one in enumerate(examples):
            if fold[one.query] == k:
                votes[i] = trained.predict(one.candidates.X) if len(one.candidates) else np.zeros(0)
    return votes


def _slopes(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return offset and slopes of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    trained = LogisticRegression(C=10.0, max_iter=2000).fit(X, y.astype(int))
    return np.array([float(trained.intercept_[0]), *trained.coef_[0]], dtype=np.float64)


def with_thresholds(
    model: Model, checked: Sequence[Example], references: Sequence[Detections]
) -> tuple[Model, Scores]:
    """Return the model with the thresholds that give the best F of songs and of places, and its scores.

    Parameters
    ----------
    model : Model
        From `fit_examples`.
    checked : sequence of Example
        Candidates of pairs that it was not trained on.
    references : sequence of Detections
        Truth of the same pairs, in the same order.

    Returns
    -------
    model : Model
    scores : Scores
        On these pairs.
    """

    def scores(trial: Model) -> Scores:
        estimates = [trial.detections(one.candidates, one.query) for one in checked]
        return evaluate(references, estimates)

    def song_f(threshold: float) -> float:
        return scores(replace(model, song_threshold=threshold)).summary["song_f"]

    def place_f(threshold: float) -> float:
        return scores(replace(model, place_threshold=threshold)).summary["place_f"]

    chosen = replace(model, song_threshold=_middle_of_best(song_f), place_threshold=_middle_of_best(place_f))
    return chosen, scores(chosen)


def _middle_of_best(score: Callable[[float], float]) -> float:
    """Return the middle of the thresholds with the best score, which is less of an accident than its edge."""
    scores = np.array([score(float(threshold)) for threshold in THRESHOLDS])
    return float(np.median(THRESHOLDS[scores >= scores.max() - 1e-9]))

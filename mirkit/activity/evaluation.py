"""From a data set and a model to scores on every time scale, as a file; and several of them in one table."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirkit import checkpoint
from mirkit._files import write_json
from mirkit._reading import DAMAGE
from mirkit.activity.inference import load, predict
from mirkit.activity.metrics import SCALES_S, ClipRule, Scores, evaluate_scales
from mirkit.activity.model import Model
from mirkit.annotation import ActivityAnnotation, Pooling, Taxonomy
from mirkit.data import Dataset
from mirkit.errors import DatasetError, ParameterError
from mirkit.multitrack import MultiTrack, Preset
from mirkit.parallel import Backend, Progress, map_all

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMAT", "Evaluation", "judge", "tabulate", "to_markdown"]

FORMAT = "mirkit.activity.scores/1"

MEASURES = (
    "auc_macro",
    "ap_macro",
    "lrap",
    "lrap_nonempty",
    "lrap_label_weighted",
    "f1_macro",
    "f1_macro_fixed",
    "f1_micro",
    "exact_match",
    "n_clips",
    "n_undefined",
)
"""Columns of the table of several evaluations; a file holds all measures."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The scores of one model on one data set, on several time scales.

    Parameters
    ----------
    name : str
        Of the model, in tables and figures.
    scales : tuple of Scores
        One for each time scale and kind of pooling.
    about : mapping
        What was evaluated on what, and how; plain values.
    """

    name: str
    scales: tuple[Scores, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON."""
        scales = [scores.to_json() for scores in self.scales]
        return {"format": FORMAT, "name": self.name, "about": dict(self.about), "scales": scales}

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file."""
        write_json(path, self.to_json())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Return what `write` wrote; `ParameterError` if the file is something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ParameterError(f"{path}: cannot be read ({error.strerror})") from error
        except DAMAGE:  # no JSON at all
            content = None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ParameterError(
                f"{path}: not scores as 'mirkit activity evaluate -o' writes them ({FORMAT})"
            )
        try:
            scales = tuple(Scores.from_json(one) for one in content["scales"])
            return cls(content["name"], scales, content["about"])
        except DAMAGE as error:
            raise ParameterError(f"{path}: damaged ({error}); evaluate the model anew") from error


def judge(
    model: str | os.PathLike[str],
    dataset: Dataset,
    *,
    preset: Preset = "level",
    rule: ClipRule = "fraction",
    from_stems: bool = True,
    windows_s: Sequence[float] = SCALES_S,
    poolings: Sequence[Pooling] = ("max", "mean", "top3"),
    threshold: float | None = None,
    device: str = "auto",
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> Evaluation:
    """Return the scores of a model on the songs of a data set.

    Parameters
    ----------
    model : str or Path
        Bundled model by name, or a folder.
    dataset : Dataset
        Songs with stems, which are the truth.
    preset : {"level", "medleydb"}
        How stems become truth, see `MultiTrack.activity`.
    rule : {"fraction", "any", "mean", "centre"}
        When an instrument counts as active in a second, see `evaluate`.
    from_stems : bool
        Hear the sum of the stems, so that truth and sound are of one piece even if the mix was mastered
        or lies in time where the stems do not; False hears the mix.
    windows_s : sequence of float
        Time scales, seconds.
    poolings : sequence of str
        How the seconds of a longer window become one.
    threshold : float, optional
        One for all classes instead of the model's own.
    device : str
        As for `predict`.
    n_jobs : int
        Songs at a time.
    backend : {"loky", "dask", "ray"}
        Where they are worked on.
    progress : callable, optional
        Called after each song.

    Returns
    -------
    Evaluation
        ``about["not_used"]`` lists the songs that could not be read, each with its error.

    Raises
    ------
    DatasetError
        If no song could be used.
    """
    weights = checkpoint.sha256(checkpoint.find("activity", model))
    work = partial(
        _hear, model=str(model), weights=weights, preset=preset, from_stems=from_stems, device=device
    )
    outcomes = map_all(work, dataset.items, n_jobs=n_jobs, backend=backend, progress=progress)
    failures = [[outcome.item.id, outcome.error] for outcome in outcomes if outcome.error is not None]
    pairs = [outcome.result for outcome in outcomes if outcome.result is not None]
    if not pairs:
        listed = "; ".join(f"{song}: {error}" for song, error in failures[:3])
        raise DatasetError(f"no song could be evaluated; {listed or 'the data set is empty'}")
    used = [outcome.item for outcome in outcomes if outcome.error is None]
    references, estimates = zip(*pairs, strict=True)
    loaded = _loaded(str(model), weights)
    own = dict(loaded.thresholds) or loaded.config.inference.threshold
    scales = evaluate_scales(
        references,
        estimates,
        windows_s=windows_s,
        poolings=poolings,
        rule=rule,
        thresholds=own if threshold is None else threshold,
    )
    about = {
        "model": {"name": loaded.name, "sha256": weights},
        "dataset": {"name": dataset.name, "n_songs": len(pairs), "sha256": _fingerprint(used)},
        "preset": preset,
        "rule": rule,
        "from_stems": from_stems,
        "not_used": failures,
    }
    return Evaluation(loaded.name, scales, about)


def _hear(
    item: MultiTrack, model: str, weights: str, preset: Preset, from_stems: bool, device: str
) -> tuple[ActivityAnnotation, ActivityAnnotation]:
    loaded = _loaded(model, weights)
    reference = item.activity(Taxonomy.load(loaded.config.taxonomy), preset)
    return reference, predict(loaded, item.mix(from_stems=from_stems), device=device)


def _fingerprint(items: Sequence[MultiTrack]) -> str:
    """Return a hash of the songs' names, by which scores of the same songs are told from others."""
    return hashlib.sha256("\n".join(sorted(item.id for item in items)).encode()).hexdigest()


@lru_cache(maxsize=1)
def _loaded(name_or_folder: str, weights: str) -> Model:  # noqa: ARG001  # a folder may be trained anew
    return load(name_or_folder)


def tabulate(evaluations: Sequence[Evaluation]) -> pd.DataFrame:
    """Return one row for each model, time scale and pooling.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        Of different names.

    Returns
    -------
    DataFrame
        Columns ``model``, ``clips``, ``pooling`` and the measures over all labels.

    Raises
    ------
    ParameterError
        If two evaluations have one name.
    """
    import pandas as pd

    names = [evaluation.name for evaluation in evaluations]
    if len(set(names)) < len(names):
        raise ParameterError(f"evaluations need different names to be told apart, got {', '.join(names)}")
    rows = [
        {
            "model": evaluation.name,
            "clips": scores.scale,
            "pooling": scores.pooling if scores.window_s > 1 else "",
            **{measure: scores.summary[measure] for measure in MEASURES},
        }
        for evaluation in evaluations
        for scores in evaluation.scales
    ]
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown: counts whole, measures with three decimals, a dash if not defined."""

    def cell(column: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if math.isnan(value):
            return "-"
        return f"{value:.0f}" if column.startswith("n_") else f"{value:.3f}"

    columns = list(table.columns)
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(cell(*pair) for pair in zip(columns, row, strict=True)) for row in table.values]
    return "".join(f"| {line} |\n" for line in lines)

"""Models of performance assessment: the rubric, and regressions kept as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mirkit._reading import reading
from mirkit.assessment import rubric
from mirkit.assessment.config import CATEGORIES, Config
from mirkit.assessment.regression import Regression
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError

__all__ = ["Model"]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model made by `load` or `train`.

    Parameters
    ----------
    config : Config
        Settings; ``network`` says which of the two it is.
    regressions : mapping of str to Regression
        One for each rating, for "svr".
    name, card : str
        What it is called, and what is known about it.
    scores, dataset, extra : mapping
        Held-out measures; name and hash of the training data; most points of each rating.
    seed : int
        Of the training.
    """

    config: Config
    regressions: Mapping[str, Regression] = field(default_factory=dict)
    name: str = "rubric"
    card: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Categories that are rated."""
        return CATEGORIES if self.config.network == "rubric" else tuple(self.regressions)

    def checkpoint(self) -> Checkpoint:
        """Return the model as plain values and arrays.

        Of a rubric the settings are complete, so that its corners can be changed in ``config.json``; the
        arrays repeat them, so that the hash of the weights tells rubrics apart.
        """
        config = self.config
        arrays: dict[str, np.ndarray] = {}
        for label, regression in self.regressions.items():
            arrays |= {f"{label}.{key}": value for key, value in regression.arrays().items()}
        if config.network == "rubric":
            config = config.replace(rubric=config.rubric or rubric.ROWS)
            for k, row in enumerate(config.rubric):
                arrays[f"rubric.{k}"] = np.array([row.values, row.shares])
        return Checkpoint(
            task="assessment",
            name=self.name,
            config=config.to_dict(),
            labels=self.labels,
            arrays=arrays,
            card=self.card,
            scores=self.scores,
            dataset=self.dataset,
            seed=self.seed,
            extra=self.extra,
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Model:
        """Return the model of a checkpoint; `CheckpointError` if its settings or weights do not fit.

        The maps of a rubric are those of its settings; its arrays were made of them and are not read.
        """
        with reading(f"model {checkpoint.name}", CheckpointError, "a usable model"):
            config = Config.from_dict(checkpoint.config)
            rubric.check_rows(config.rubric)
            regressions = {}
            if config.network == "svr":
                for label in checkpoint.labels:
                    mine = {
                        key.removeprefix(f"{label}."): value
                        for key, value in checkpoint.arrays.items()
                        if key.startswith(f"{label}.")
                    }
                    regressions[label] = Regression.from_arrays(mine)
            _check_names(checkpoint, config.network, regressions)
            return cls(
                config,
                regressions,
                checkpoint.name,
                checkpoint.card,
                checkpoint.scores,
                checkpoint.dataset,
                checkpoint.extra,
                checkpoint.seed,
            )


def _check_names(checkpoint: Checkpoint, network: str, labels: Iterable[str]) -> None:
    """Raise `CheckpointError` if there are weights that belong to no part of the model."""
    parts = ("rubric",) if network == "rubric" else tuple(labels)
    strange = [name for name in checkpoint.arrays if not name.startswith(tuple(f"{p}." for p in parts))]
    if strange:
        raise CheckpointError(
            f"{checkpoint.name}: weights {', '.join(sorted(strange)[:5])} belong to none of "
            f"{', '.join(parts) or 'its ratings, it has none'}; the file does not belong to this config.json"
        )

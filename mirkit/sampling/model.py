"""Models of sample detection: a forest on candidates, and what makes its votes probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mirkit._reading import reading
from mirkit.annotation import Intervals
from mirkit.checkpoint import Checkpoint
from mirkit.errors import CheckpointError, ParameterError
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.config import Config
from mirkit.sampling.examples import descriptors_of
from mirkit.sampling.forest import Forest
from mirkit.sampling.result import Detections

__all__ = ["OVERLAP", "Model", "song_evidence"]

SONG_EVIDENCE = ("best", "second", "n_good", "lead")
EDGE = 0.005
"""Votes nearer to 0 or 1 than this count as this."""
OVERLAP = 0.5
"""Of the shorter one: two occurrences that share more are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model made by `load` or `train`.

    Parameters
    ----------
    config : Config
        Settings that it was trained with.
    forest : Forest
        On the descriptors of candidates.
    place : ndarray of shape (2,)
        Offset and slope from the logit of a candidate's votes to that of its probability.
    song : ndarray of shape (5,)
        Offset and slopes of `song_evidence` to the logit of the probability that the sample is there.
    place_threshold, song_threshold : float
        Probabilities from which an occurrence is listed, and a song is said to hold the sample.
    name, card : str
        What it is called, and what is known about it.
    scores, dataset : mapping
        Held-out measures; name and hash of the training data.
    seed : int
        Of the training.

    Raises
    ------
    ParameterError
        If the shapes do not fit.
    """

    config: Config
    forest: Forest
    place: np.ndarray
    song: np.ndarray
    place_threshold: float = 0.5
    song_threshold: float = 0.5
    name: str = "unnamed"
    card: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.place.shape != (2,) or self.song.shape != (1 + len(SONG_EVIDENCE),):
            raise ParameterError(
                f"place and song must have shapes (2,) and ({1 + len(SONG_EVIDENCE)},), got "
                f"{self.place.shape} and {self.song.shape}"
            )

    def probabilities(self, found: Candidates) -> tuple[np.ndarray, float]:
        """Return the probability of each candidate, and that the song holds the sample at all.

        Parameters
        ----------
        found : Candidates
            Of one pair.

        Returns
        -------
        places : ndarray of shape (n,)
        song : float
        """
        votes = self.forest.predict(found.X) if len(found) else np.zeros(0)
        places = logistic(self.place[0] + self.place[1] * logit(votes))
        return places, float(logistic(self.song[0] + song_evidence(votes, found) @ self.song[1:]))

    def detections(self, found: Candidates, label: str) -> Detections:
        """Return the occurrences among candidates: probable enough, and no two at the same place.

        Parameters
        ----------
        found : Candidates
            Of one pair.
        label : str
            Name of the sample.

        Returns
        -------
        Detections
            In the order of time.
        """
        places, song = self.probabilities(found)
        kept: list[int] = []
        for k in np.argsort(-places, kind="stable"):
            if places[k] < self.place_threshold:
                break
            if all(_shared(found.times_s[k], found.times_s[other]) <= OVERLAP for other in kept):
                kept.append(int(k))
        order = sorted(kept, key=lambda k: float(found.times_s[k, 0]))
        intervals = Intervals(found.times_s[order].reshape(-1, 2), [label] * len(order), places[order])
        return Detections(
            intervals, found.pitch_shift_st[order], found.tempo_ratio[order], song, self.song_threshold
        )

    def checkpoint(self) -> Checkpoint:
        """Return the model as plain values and arrays."""
        arrays = {f"forest.{name}": values for name, values in self.forest.arrays().items()}
        return Checkpoint(
            task="sampling",
            name=self.name,
            config=self.config.to_dict(),
            labels=descriptors_of(self.config),
            arrays={**arrays, "place": self.place, "song": self.song},
            card=self.card,
            scores=self.scores,
            dataset=self.dataset,
            seed=self.seed,
            extra={"place_threshold": self.place_threshold, "song_threshold": self.song_threshold},
        )

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Model:
        """Return the model of a checkpoint; `CheckpointError` if its settings or weights do not fit."""
        with reading(f"model {checkpoint.name}", CheckpointError, "a usable model"):
            config = Config.from_dict(checkpoint.config)
            thresholds = {
                name: float(checkpoint.extra[name]) for name in ("place_threshold", "song_threshold")
            }
            names = descriptors_of(config)
            if checkpoint.labels != names:
                raise CheckpointError(f"{checkpoint.name}: was trained on other descriptors; train it again")
            parts = {
                name.removeprefix("forest."): values
                for name, values in checkpoint.arrays.items()
                if name.startswith("forest.")
            }
            if len(parts) + 2 != len(checkpoint.arrays):
                raise CheckpointError(f"{checkpoint.name}: weights are left over or missing")
            return cls(
                config=config,
                forest=Forest.from_arrays(parts, len(names)),
                place=checkpoint.arrays["place"],
                song=checkpoint.arrays["song"],
                **thresholds,
                name=checkpoint.name,
                card=checkpoint.card,
                scores=checkpoint.scores,
                dataset=checkpoint.dataset,
                seed=checkpoint.seed,
            )


def _shared(first: np.ndarray, second: np.ndarray) -> float:
    """Return how much of the shorter interval lies in the other one."""
    overlap = min(first[1], second[1]) - max(first[0], second[0])
    return float(overlap / max(min(first[1] - first[0], second[1] - second[0]), 1e-9))


def song_evidence(votes: np.ndarray, found: Candidates) -> np.ndarray:
    """Return what speaks for a song: best votes, second best, how many are good, how far the best leads.

    Parameters
    ----------
    votes : ndarray of shape (n,)
        Of the forest.
    found : Candidates
        Of one pair.

    Returns
    -------
    ndarray of shape (4,)
        Logits of votes, a logarithm of a number, and a difference of votes.
    """
    if not len(votes):
        return np.array([logit(np.zeros(1))[0], logit(np.zeros(1))[0], 0.0, 0.0])
    ordered = np.sort(votes)[::-1]
    second = ordered[1] if len(ordered) > 1 else 0.0
    best = int(votes.argmax())
    other = np.abs(found.pitch_shift_st - found.pitch_shift_st[best]) > 1.0
    elsewhere = float(votes[other].max()) if other.any() else 0.0
    good = float(np.log1p((votes > 0.5).sum()))
    return np.array([*logit(np.array([ordered[0], second])), good, ordered[0] - elsewhere])


def logit(p: np.ndarray) -> np.ndarray:
    """Return log odds; beyond the edges as at them."""
    p = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(p / (1 - p)))


def logistic(x: np.ndarray | float) -> np.ndarray:
    """Return probabilities of log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -50, 50))))

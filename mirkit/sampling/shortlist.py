"""A first look at an index: which sounds are worth the exact search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from mirkit.audio import Audio
from mirkit.errors import DatasetError
from mirkit.parallel import Backend, Outcome, Progress, map_all
from mirkit.sampling import features
from mirkit.sampling.catalogue import Entry, Index, Part
from mirkit.sampling.config import FeatureConfig, SearchConfig
from mirkit.sampling.glimpse import Glimpse, coarse, glimpse

__all__ = ["Ranked", "Role", "rank"]

Role = Literal["sample", "song"]
"""What the sound that is looked up is; those of the index are the other."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One sound of an index at a first look.

    Parameters
    ----------
    entry : Entry
        The sound.
    glimpse : Glimpse
        How well it fits, and where.
    """

    entry: Entry
    glimpse: Glimpse


def rank(
    index: Index,
    sound: Audio,
    *,
    role: Role = "sample",
    config: SearchConfig | None = None,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> list[Ranked]:
    """Return the sounds of an index, those that fit best first.

    Parameters
    ----------
    index : Index
        From `mirkit.sampling.catalogue.open_index`.
    sound : Audio
        A sample to look for in the songs of the index, or a song to look in for its samples.
    role : {"sample", "song"}
        Which of the two it is.
    config : SearchConfig, optional
        Transpositions and tempos; the default ones.
    n_jobs, backend, progress
        See `mirkit.parallel.map_all`; steps are parts of the index.

    Returns
    -------
    list of Ranked
        All of them; a score of -inf where the song is shorter than the sample.

    Raises
    ------
    DatasetError
        If the index is damaged.
    ParameterError
        If the sound is silent or too short.
    """
    query = coarse(features.patch(sound, index.features))
    work = partial(_looked, query=query, role=role, config=config or SearchConfig(), axis=index.features)
    return _ordered(map_all(work, index.parts, n_jobs=n_jobs, backend=backend, progress=progress))


def _ordered(outcomes: list[Outcome[Part, list[Ranked]]]) -> list[Ranked]:
    found: list[Ranked] = []
    for outcome in outcomes:
        if outcome.result is None:
            raise DatasetError(outcome.error or "a part of the index could not be searched")
        found += outcome.result
    return sorted(found, key=lambda one: (-one.glimpse.score, one.entry.path))


def _looked(
    part: Part, query: np.ndarray, role: Role, config: SearchConfig, axis: FeatureConfig
) -> list[Ranked]:
    found = []
    for entry, rows in part.frames():
        sample, song = (query, rows) if role == "sample" else (rows, query)
        seen = glimpse(sample, song, config, step_st=axis.step_st, hop_s=axis.hop_s)
        found.append(Ranked(entry, seen))
    return found

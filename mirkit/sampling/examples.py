"""Rows for the forest: the candidates of pairs, and which of them are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mirkit.audio import Audio
from mirkit.errors import DatasetError, ParameterError
from mirkit.parallel import Backend, Progress, map_all
from mirkit.sampling import candidates, features, published
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.config import Config
from mirkit.sampling.pairs import SamplePair
from mirkit.sampling.result import Detections

__all__ = ["Example", "descriptors_of", "extract", "find_candidates", "labels"]

SHIFT_TOLERANCE_ST = 0.75
TEMPO_TOLERANCE = 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """The candidates of one pair.

    Parameters
    ----------
    query : str
        Name of the sample; what is trained and what is checked never share one.
    candidates : Candidates
        Where the sample may be.
    y : ndarray of shape (n,)
        Whether it is.
    present : bool
        Whether the song holds the sample.
    """

    query: str
    candidates: Candidates
    y: np.ndarray
    present: bool


Patches = tuple[features.Patch, features.Patch]
"""What the search along lines compares: a sample and a song."""


def patches_of(config: Config, sample: Audio, song: Audio) -> Patches | None:
    """Return what the configuration's method compares, None for one that works on the sounds themselves."""
    if config.network == "nmf":
        return None
    return _patch(sample, config, "the sample"), _patch(song, config, "the song")


def find_candidates(config: Config, sample: Audio, song: Audio, patches: Patches | None = None) -> Candidates:
    """Return the candidates for a sample in a song, by the configuration's method.

    Parameters
    ----------
    config : Config
        ``config.network`` says which.
    sample, song : Audio
        Any rates and channels.
    patches : tuple of two ndarray, optional
        From `patches_of`, if they are there already.

    Returns
    -------
    Candidates

    Raises
    ------
    ParameterError
        If one of them is silent or too short.
    """
    patches = patches or patches_of(config, sample, song)
    if patches is None:
        return published.find(sample, song, config.nmf)
    return candidates.find(*patches, config)


def _patch(audio: Audio, config: Config, what: str) -> features.Patch:
    try:
        return features.patch(audio, config.features)
    except ParameterError as error:
        raise ParameterError(str(error).replace("the sound", what, 1)) from error


def descriptors_of(config: Config) -> tuple[str, ...]:
    """Return the names of the columns that the forest sees."""
    if config.network == "nmf":
        return tuple(published.DESCRIPTORS)
    return tuple(candidates.DESCRIPTORS)


def labels(found: Candidates, truth: Detections, *, tolerance_s: float) -> np.ndarray:
    """Return which candidates are true: start, transposition and tempo within tolerance.

    Parameters
    ----------
    found : Candidates
        Of one pair.
    truth : Detections
        Occurrences; where transposition or tempo is NaN, any will do.
    tolerance_s : float
        Of the start, seconds.

    Returns
    -------
    ndarray of shape (n,)
        bool.
    """
    if not len(found) or not len(truth):
        return np.zeros(len(found), bool)
    start = np.abs(found.times_s[:, :1] - truth.intervals.times_s[:, 0])  # (n, n_true)
    shift = np.abs(found.pitch_shift_st[:, np.newaxis] - truth.pitch_shift_st)
    tempo = np.abs(np.log(found.tempo_ratio[:, np.newaxis] / truth.tempo_ratio))
    near = start <= tolerance_s
    near &= ~(shift > SHIFT_TOLERANCE_ST) & ~(tempo > TEMPO_TOLERANCE)  # NaN compares false
    return np.asarray(near.any(axis=1))


def extract(
    items: Sequence[SamplePair],
    config: Config,
    *,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> tuple[list[Example], list[str]]:
    """Return the candidates of pairs with their truth, and what could not be read.

    Parameters
    ----------
    items : sequence of SamplePair
        Pairs.
    config : Config
        Method and tolerances.
    n_jobs, backend, progress
        See `mirkit.parallel.map_all`.

    Returns
    -------
    examples : list of Example
    problems : list of str

    Raises
    ------
    DatasetError
        If nothing can be used.
    """
    work = partial(_example, config=config)
    outcomes = map_all(work, items, n_jobs=n_jobs, backend=backend, progress=progress)
    problems = [f"{one.item.id}: {one.error}" for one in outcomes if one.error]
    found = [one.result for one in outcomes if one.result is not None]
    if not found:
        raise DatasetError("no pair could be used; " + ("; ".join(problems[:3]) or "there are none"))
    return found, problems


def _example(item: SamplePair, config: Config) -> Example:
    found = find_candidates(config, item.sample_audio(), item.song_audio())
    y = labels(found, item.truth, tolerance_s=config.forest.tolerance_s)
    return Example(item.query, found, y, len(item.truth) > 0)

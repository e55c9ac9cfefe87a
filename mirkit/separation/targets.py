"""The stems of a song by target: what a network is to find in its mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.audio import Audio
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.separation.config import OTHER, Config
from mirkit.separation.result import Separation

__all__ = ["Grouping", "grouped", "truth"]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The stems of a song by target.

    Parameters
    ----------
    stems : dict of str to list of Stem
        Targets that occur, and ``other`` for what is known to be none of them.
    unclear : list of Stem
        Stems that may hold a target, nobody knows.
    doubtful : frozenset of str
        Targets that they may hold.
    """

    stems: dict[str, list[Stem]]
    unclear: list[Stem]
    doubtful: frozenset[str]


def grouped(item: MultiTrack, config: Config) -> Grouping:
    """Return which stems of a song make up which target.

    If ``other`` is a target, it is everything that is not surely another one, as in MUSDB18.

    Parameters
    ----------
    item : MultiTrack
        Song.
    config : Config
        Targets and taxonomy.

    Returns
    -------
    Grouping

    Examples
    --------
    >>> song = MultiTrack("song", "", (Stem("1", "piano", "p.wav"), Stem("2", "guitar", "g.wav")))
    >>> found = grouped(song, Config())
    >>> list(found.stems), sorted(found.doubtful)
    (['piano'], ['acoustic guitar', 'electric guitar'])
    """
    taxonomy = Taxonomy.load(config.taxonomy)
    stems: dict[str, list[Stem]] = {}
    unclear: list[Stem] = []
    doubtful: set[str] = set()
    for stem in item.stems:
        classes = {taxonomy.canonical(raw) for raw in stem.instrument}
        label = classes.pop() if len(classes) == 1 else None
        may_be = {name for raw in stem.instrument for name in taxonomy.possible(raw)} & set(config.targets)
        if label in config.targets:
            stems.setdefault(str(label), []).append(stem)
        elif label is not None or not may_be or OTHER in config.targets:
            stems.setdefault(OTHER, []).append(stem)
        else:
            unclear.append(stem)
            doubtful |= may_be
    return Grouping(stems, unclear, frozenset(doubtful))


def truth(item: MultiTrack, config: Config) -> Separation:
    """Return the true stems of a song, which sum to its mixture.

    Parameters
    ----------
    item : MultiTrack
        Song with stems.
    config : Config
        Targets, taxonomy and sample rate.

    Returns
    -------
    Separation
        Each target, silent if the song lacks it, and the residual. A target that a stem may hold,
        nobody knows, is not among them: its sound is in the residual.

    Raises
    ------
    AudioError
        If a file is missing or cannot be decoded.
    DatasetError
        If no target is known.
    """
    groups, rate = grouped(item, config), config.features.sample_rate
    known = [target for target in config.targets if target not in groups.doubtful]
    if not known or not item.stems:
        raise DatasetError(f"{item.id}: none of the targets is known in this song; check its labels")
    mixture = item.mix(rate, from_stems=True)
    found: dict[str, Audio] = {}
    rest = mixture.samples.copy()
    for target in known:
        samples = np.zeros_like(rest)
        if target in groups.stems:
            heard = audio.mix(stem.audio(rate) for stem in groups.stems[target]).samples
            samples[:, : heard.shape[1]] = heard
        found[target] = Audio(samples, rate)
        rest -= samples
    found[config.residual] = Audio(rest, rate)
    return Separation(found)

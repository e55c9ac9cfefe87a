"""Recordings that come with mirkit, each with its licence in ``README.md`` beside it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from mirkit.errors import ParameterError
from mirkit.multitrack import MultiTrack

if TYPE_CHECKING:
    from mirkit.assessment import PerformanceTable
    from mirkit.sampling import PairSet

__all__ = ["multitrack", "names", "pairs", "path", "performances"]


def names() -> tuple[str, ...]:
    """Return the names of the bundled recordings.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> "tabla" in names()
    True
    """
    return tuple(sorted(file.stem for file in _folder().glob("*.ogg")))


def path(name: str) -> Path:
    """Return the file of a bundled recording.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Path

    Raises
    ------
    ParameterError
        If there is none of that name.

    Examples
    --------
    >>> path("tabla").name
    'tabla.ogg'
    """
    file = _folder() / f"{name}.ogg"
    if not file.is_file():
        raise ParameterError(f"no bundled recording {name!r}; there are {', '.join(names())}")
    return file


def multitrack() -> MultiTrack:
    """Return the bundled multitrack: drums, bass, two guitars, synthesizer and voice, twelve seconds.

    Returns
    -------
    MultiTrack
        In MedleyDB's layout, without a mix of its own: the mix is the sum of the stems.

    Examples
    --------
    >>> [stem.instrument[0] for stem in multitrack().stems][:2]
    ['drum set', 'electric bass']
    """
    from mirkit.data import open_dataset

    return open_dataset(_folder() / "multitracks").items[0]


def pairs() -> PairSet:
    """Return a sample and three songs: one has it transposed, one stretched, one not at all.

    Returns
    -------
    PairSet
        The songs ``transposed``, ``stretched`` and ``decoy``, with every true occurrence.

    Examples
    --------
    >>> {pair.song: len(pair.truth) for pair in pairs().items}
    {'transposed': 4, 'stretched': 4, 'decoy': 0}
    """
    from mirkit.sampling import open_pairs

    return open_pairs(_folder() / "sampling")


def performances() -> PerformanceTable:
    """Return six simulated students who play one melody, with its score and a simulated jury's points.

    Returns
    -------
    PerformanceTable
        What each did is in ``<name>.truth.csv`` beside the recording.

    Examples
    --------
    >>> [item.group for item in performances().items]
    ['anna', 'ben', 'carla', 'david', 'emma', 'finn']
    """
    from mirkit.assessment import PerformanceTable

    return PerformanceTable.read(_folder() / "students")


def _folder() -> Path:
    return Path(str(resources.files("mirkit") / "examples"))

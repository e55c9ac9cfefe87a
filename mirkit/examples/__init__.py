"""Recordings that come with mirkit, each with its licence in ``README.md`` beside it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mirkit.errors import ParameterError
from mirkit.multitrack import MultiTrack

__all__ = ["multitrack", "names", "path"]


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


def _folder() -> Path:
    return Path(str(resources.files("mirkit") / "examples"))

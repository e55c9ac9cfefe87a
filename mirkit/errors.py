"""Every error that mirkit raises on purpose.

Each class is also the builtin that a caller would catch without knowing mirkit, so
``except ValueError`` and ``except OSError`` work.
"""

from __future__ import annotations

__all__ = [
    "AnnotationError",
    "AudioError",
    "CheckpointError",
    "DatasetError",
    "MirkitError",
    "MirkitWarning",
    "MissingDependencyError",
    "ParameterError",
]


MOST_CHARACTERS = 1500


class MirkitError(Exception):
    """Base of all mirkit errors; the message says what came, what was wanted and what to do.

    Messages quote the input; of one longer than a screen the middle is left out.
    """

    def __init__(self, message: str = "") -> None:
        if len(message) > MOST_CHARACTERS:
            message = f"{message[: MOST_CHARACTERS // 2]} [...] {message[-MOST_CHARACTERS // 3 :]}"
        super().__init__(message)


class ParameterError(MirkitError, ValueError):
    """An argument has the wrong shape, type, range or name."""


class AudioError(MirkitError, OSError):
    """A sound file cannot be read or written, or its samples are unusable."""


class AnnotationError(MirkitError, ValueError):
    """An annotation or its file is malformed."""


class DatasetError(MirkitError, ValueError):
    """A data set's folder, metadata or split is not as its layout demands."""


class CheckpointError(MirkitError, ValueError):
    """A model folder is incomplete, of another format or does not fit the network it names."""


class MissingDependencyError(MirkitError, ImportError):
    """An optional package or system library is needed and absent."""


class MirkitWarning(UserWarning):
    """A result is usable, but not all of the input went into it."""

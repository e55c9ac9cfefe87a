"""Tracker modules through libopenmpt: what they hold, and their sound, instrument by instrument."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mirkit._typing import Samples
from mirkit.errors import DatasetError, MissingDependencyError, ParameterError

__all__ = ["SUFFIXES", "Module", "Slot", "recognised"]

SUFFIXES = frozenset({".it", ".mod", ".mptm", ".mtm", ".s3m", ".stm", ".xm"})
"""Files taken from a folder; a file that is named is tried whatever its suffix."""

MAX_BYTES = 256_000_000
HEADER_BYTES = 2048
"""What the library recommends for recognising a format."""
BLOCK_LENGTH = 16384
_INTERACTIVE = (
    "set_current_speed", "set_current_tempo", "set_tempo_factor", "get_tempo_factor", "set_pitch_factor",
    "get_pitch_factor", "set_global_volume", "get_global_volume", "set_channel_volume", "get_channel_volume",
    "set_channel_mute_status", "get_channel_mute_status", "set_instrument_mute_status",
    "get_instrument_mute_status", "play_note", "stop_note",
)  # fmt: skip
"""The functions of libopenmpt's extension "interactive", in the order of its structure."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An instrument of a module, or a sample where the format knows no instruments.

    Parameters
    ----------
    number : int
        From 1, as trackers count.
    name : str
        What the composer wrote there: a name, part of a message, or nothing.

    Examples
    --------
    >>> Slot(3, "piano").name
    'piano'
    """

    number: int
    name: str


class Module:
    """A tracker module.

    Parameters
    ----------
    path : str or Path
        File in any format that libopenmpt reads.

    Raises
    ------
    DatasetError
        If the file cannot be read or is no module.
    MissingDependencyError
        If libopenmpt is not installed.

    Notes
    -----
    Use it in a ``with`` statement, or call `close`::

        with Module("song.xm") as module:
            piano = module.render({3}, seconds=10.0)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._library = _library()
        self._data = _bytes(self.path)
        self._handle: int | None = self._open()
        self._module = self._library.openmpt_module_ext_get_module(self._handle)

    def __enter__(self) -> Module:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the module; it cannot be used after."""
        if self._handle:
            self._library.openmpt_module_ext_destroy(self._handle)
            self._handle = self._module = None

    @property
    def title(self) -> str:
        """Title in the file; may be empty."""
        return self._metadata("title")

    @property
    def artist(self) -> str:
        """Artist in the file; most formats have no place for one."""
        return self._metadata("artist")

    @property
    def format(self) -> str:
        """Name of the format, such as ``xm``."""
        return self._metadata("type")

    @property
    def duration_s(self) -> float:
        """Length of the song, played once."""
        return float(self._library.openmpt_module_get_duration_seconds(self._module))

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Instruments, or samples where there are no instruments; `render` selects by their numbers."""
        n_instruments = self._library.openmpt_module_get_num_instruments(self._module)
        return self._named("instrument", n_instruments) if n_instruments else self.samples

    @property
    def samples(self) -> tuple[Slot, ...]:
        """Samples; their names often tell more than those of the instruments."""
        return self._named("sample", self._library.openmpt_module_get_num_samples(self._module))

    def render(
        self, numbers: Collection[int] | None = None, *, seconds: float, sample_rate: int = 44100
    ) -> Samples:
        """Return the sound of the module, or of some of its instruments alone.

        The others are muted, so each keeps its own level, position and effects.

        Parameters
        ----------
        numbers : collection of int, optional
            Numbers of `slots` that sound; all by default.
        seconds : float
            At most so much is rendered, from the start; above 0.
        sample_rate : int
            Hz.

        Returns
        -------
        ndarray of shape (2, n_samples)
            Not limited to [-1, 1]. The song is played once; each call starts at its beginning.

        Raises
        ------
        ParameterError
            If a number belongs to no instrument or ``seconds`` is not above 0.
        """
        if not seconds > 0:
            raise ParameterError(f"seconds must be above 0, got {seconds}")
        every = {slot.number for slot in self.slots}
        if numbers is not None and (wrong := sorted(set(numbers) - every)):
            raise ParameterError(f"{self.path}: no instrument {wrong}; there are 1 to {len(every)}")
        # A fresh copy: what an earlier rendering leaves behind (voices, random state) would colour this one.
        handle = self._open()
        try:
            if numbers is not None:
                self._mute(handle, every - set(numbers))
            return self._read(handle, round(seconds * sample_rate), sample_rate)
        finally:
            self._library.openmpt_module_ext_destroy(handle)

    def _open(self) -> int:
        error = ctypes.c_int()
        handle: int | None = self._library.openmpt_module_ext_create_from_memory(
            self._data, len(self._data), _silent_log(), None, None, None, ctypes.byref(error), None, None
        )
        if not handle:
            raise DatasetError(
                f"{self.path}: not a module that libopenmpt reads (error {error.value}); "
                f"wanted one of {', '.join(sorted(SUFFIXES))}"
            )
        return handle

    def _mute(self, handle: int, numbers: Collection[int]) -> None:
        interface = _Interactive()
        size = ctypes.sizeof(interface)
        if not self._library.openmpt_module_ext_get_interface(
            handle, b"interactive", ctypes.byref(interface), size
        ):
            raise MissingDependencyError("libopenmpt is too old to mute instruments; install 0.3 or newer")
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)
        set_mute = prototype(interface.set_instrument_mute_status)
        for number in numbers:
            if not set_mute(handle, number - 1, 1):
                raise DatasetError(f"{self.path}: libopenmpt cannot mute instrument {number}")

    def _read(self, handle: int, n_samples: int, sample_rate: int) -> Samples:
        module = self._library.openmpt_module_ext_get_module(handle)
        blocks: list[Samples] = []
        while n_samples > 0:
            block = np.zeros((2, min(BLOCK_LENGTH, n_samples)), np.float32)
            left, right = (row.ctypes.data for row in block)
            n_read = self._library.openmpt_module_read_float_stereo(
                module, sample_rate, block.shape[1], left, right
            )
            if n_read == 0:
                break
            blocks.append(block[:, :n_read])
            n_samples -= n_read
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.float32)

    def _metadata(self, key: str) -> str:
        return self._text(self._library.openmpt_module_get_metadata(self._module, key.encode()))

    def _named(self, kind: str, n: int) -> tuple[Slot, ...]:
        name = getattr(self._library, f"openmpt_module_get_{kind}_name")
        return tuple(Slot(k + 1, self._text(name(self._module, k))) for k in range(n))

    def _text(self, pointer: int | None) -> str:
        """Return a string of the library, in one line, and free it."""
        if not pointer:
            return ""
        try:
            raw = ctypes.string_at(pointer)
        finally:
            self._library.openmpt_free_string(pointer)
        return " ".join(raw.decode("utf-8", "replace").split())


class _Interactive(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in _INTERACTIVE]


@lru_cache(maxsize=1)
def _silent_log() -> object:
    # Without a function of ours the library writes its remarks to stderr.
    return ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)(lambda _message, _user: None)


def recognised(path: str | os.PathLike[str]) -> bool:
    """Return whether the beginning of a file is that of a module; the file may still be damaged.

    Raises
    ------
    MissingDependencyError
        If libopenmpt is not installed.
    """
    with Path(path).open("rb") as file:
        header = file.read(HEADER_BYTES)
        size = os.fstat(file.fileno()).st_size
    found = _library().openmpt_probe_file_header(
        1, header, len(header), size, _silent_log(), None, None, None, None, None
    )  # 1: modules, no archives
    return bool(found == 1)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(
                f"{path}: {path.stat().st_size} bytes; modules of at most {MAX_BYTES} are read"
            )
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("openmpt")
    try:
        library = ctypes.CDLL(name or "libopenmpt.so.0")
    except OSError as error:
        raise MissingDependencyError(
            "tracker modules need libopenmpt: install libopenmpt0 with the system's package manager"
        ) from error
    pointer, number, size = ctypes.c_void_p, ctypes.c_int32, ctypes.c_size_t
    signatures = {
        "module_ext_create_from_memory": (pointer, [ctypes.c_char_p, size, *[pointer] * 7]),
        "module_ext_destroy": (None, [pointer]),
        "module_ext_get_module": (pointer, [pointer]),
        "module_ext_get_interface": (ctypes.c_int, [pointer, ctypes.c_char_p, pointer, size]),
        "module_get_metadata": (pointer, [pointer, ctypes.c_char_p]),
        "module_get_duration_seconds": (ctypes.c_double, [pointer]),
        "module_get_num_instruments": (number, [pointer]),
        "module_get_num_samples": (number, [pointer]),
        "module_get_instrument_name": (pointer, [pointer, number]),
        "module_get_sample_name": (pointer, [pointer, number]),
        "module_read_float_stereo": (size, [pointer, number, size, pointer, pointer]),
        "free_string": (None, [pointer]),
        "probe_file_header": (
            ctypes.c_int,
            [ctypes.c_uint64, ctypes.c_char_p, size, ctypes.c_uint64, *[pointer] * 6],
        ),
    }
    for function, (result, arguments) in signatures.items():
        found = getattr(library, f"openmpt_{function}")
        found.restype, found.argtypes = result, arguments
    return library

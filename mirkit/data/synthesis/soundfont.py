"""Render notes with FluidSynth: dry, deterministic, with the expression of held tones."""

from __future__ import annotations

import ctypes
import struct
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._typing import Samples
from mirkit.data.synthesis.notes import Notes
from mirkit.errors import DatasetError, MissingDependencyError

BLOCK = 64
"""FluidSynth's internal block in samples; everything is rendered in multiples of it."""
RELEASE_S = 1.5
BEND_RANGE_ST = 2.0
_EXPRESSION, _MODULATION, _VOLUME, _PAN = 11, 1, 7, 10


@lru_cache(maxsize=64)
def presets(path: str) -> dict[tuple[int, int], str]:
    """Return a sound font's presets: (bank, program) to name, read from its ``phdr`` chunk.

    Raises
    ------
    DatasetError
        If the file is no sound font.
    """
    data = Path(path).read_bytes()
    at = data.rfind(b"phdr")
    if data[:4] != b"RIFF" or at < 0:
        raise DatasetError(
            f"{path}: not a sound font (no RIFF header with a phdr chunk); give an .sf2 or .sf3 file"
        )
    (size,) = struct.unpack_from("<I", data, at + 4)
    found = {}
    for start in range(at + 8, at + 8 + size - 38, 38):  # the last record only marks the end
        program, bank = struct.unpack_from("<HH", data, start + 20)
        found[bank, program] = data[start : start + 20].split(b"\0")[0].decode("latin-1")
    return found


class Synths:
    """FluidSynth synthesisers for one song, made anew so that nothing earlier colours it.

    A synthesiser keeps traces of what it has played; one that is fresh for each song makes the song depend
    on its
    score alone. Banks stay loaded in the process, so a fresh synthesiser costs hundredths of a second.

    Examples
    --------
    >>> with Synths(44100) as synths:
    ...     pass  # render(..., synths, path, ...)
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._open: dict[str, tuple[Any, int]] = {}

    def __enter__(self) -> Synths:
        return self

    def __exit__(self, *_: object) -> None:
        for path in list(self._open):
            self._close(path)

    def get(self, path: str) -> tuple[Any, int]:
        """Return a silent synthesiser with this bank, and the bank's number in it."""
        if path in self._open and not _falls_silent(self._open[path][0]):
            self._close(path)
        if path not in self._open:
            synth = _new_synth(self.sample_rate)
            self._open[path] = synth, _call("fluid_synth_add_sfont", synth.synth, _bank(path))
        return self._open[path]

    def _close(self, path: str) -> None:
        synth, _ = self._open.pop(path)
        _silence_warnings()
        _call("fluid_synth_remove_sfont", synth.synth, _bank(path))  # or it would be deleted, too
        synth.delete()


@cache
def _bank(path: str) -> int:
    """The address of a loaded bank, which all synthesisers of this process share."""
    keeper = _new_synth(44100)
    _KEEPERS.append(keeper)
    if keeper.sfload(path) < 0:
        raise DatasetError(f"{path}: FluidSynth cannot load this sound font")
    return int(_call("fluid_synth_get_sfont", keeper.synth, 0, returns=ctypes.c_void_p))


@lru_cache(maxsize=1)
def _silence_warnings() -> None:
    """Keep FluidSynth from telling, for each channel, that a synthesiser to be deleted has no bank."""
    function = _fluidsynth().cfunc(
        "fluid_set_log_function", ctypes.c_void_p,
        ("level", ctypes.c_int, 1), ("handler", ctypes.c_void_p, 1), ("data", ctypes.c_void_p, 1),
    )  # fmt: skip
    function(_WARNING, None, None)


_WARNING = 2
"""FluidSynth's level of warnings; its errors stay visible."""
_KEEPERS: list[Any] = []
"""Synthesisers that own the loaded banks."""


def _new_synth(sample_rate: int) -> Any:
    synth = _fluidsynth().Synth(gain=0.5, samplerate=float(sample_rate))
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    synth.setting("synth.polyphony", 192)
    return synth


def _call(name: str, synth: int, value: int, returns: Any = ctypes.c_int) -> Any:
    """Call a function of FluidSynth's library that pyfluidsynth does not offer."""
    kind = ctypes.c_uint if returns is ctypes.c_void_p else ctypes.c_void_p
    function = _fluidsynth().cfunc(name, returns, ("synth", ctypes.c_void_p, 1), ("value", kind, 1))
    return function(synth, value)


def _fluidsynth() -> Any:
    try:
        import fluidsynth
    except ImportError as error:
        raise MissingDependencyError(
            "sound fonts need FluidSynth: pip install pyfluidsynth, apt install libfluidsynth3"
        ) from error
    return fluidsynth


@lru_cache(maxsize=1)
def _writer() -> Any:
    """FluidSynth's float output; pyfluidsynth offers 16 bit only."""
    return _fluidsynth().cfunc(
        "fluid_synth_write_float", ctypes.c_int,
        ("synth", ctypes.c_void_p, 1), ("n", ctypes.c_int, 1),
        ("left", ctypes.c_void_p, 1), ("left_offset", ctypes.c_int, 1), ("left_step", ctypes.c_int, 1),
        ("right", ctypes.c_void_p, 1), ("right_offset", ctypes.c_int, 1), ("right_step", ctypes.c_int, 1),
    )  # fmt: skip


def render(
    rng: np.random.Generator,
    synths: Synths,
    path: str,
    notes: Notes,
    *,
    program: int,
    bank: int = 0,
    duration_s: float,
    sustained: bool = False,
) -> Samples:
    """Return notes played by one preset, in stereo and dry.

    Parameters
    ----------
    rng : Generator
        For the expression of sustained instruments: swells, late vibrato, scoops.
    synths : Synths
        The song's synthesisers; they give the sample rate.
    path : str
        Sound font.
    notes : ndarray of `NOTE`
    program, bank : int
        Preset; bank 128 holds the drum kits.
    duration_s : float
        Length of the result; tones that still ring are cut there.
    sustained : bool
        Shape every tone with expression, modulation and pitch bend.

    Returns
    -------
    ndarray of shape (2, n_samples)
    """
    synth, bank_id = synths.get(path)
    sample_rate, write = synths.sample_rate, _writer()
    channel = 9 if bank == 128 else 0
    synth.program_select(channel, bank_id, bank, program)
    synth.cc(channel, _VOLUME, 110)
    synth.cc(channel, _PAN, 64)
    n_samples = round(duration_s * sample_rate)
    n_blocks = -(-n_samples // BLOCK)
    buffer = np.zeros((n_blocks * BLOCK, 2), np.float32)
    events = _events(rng, notes, channel, synth, sustained)
    done = 0
    for time_s, act in sorted(events, key=lambda event: event[0]):
        block = min(int(time_s * sample_rate) // BLOCK, n_blocks)
        done = _advance(synth, write, buffer, done, block)
        act()
    _advance(synth, write, buffer, done, n_blocks)
    return np.ascontiguousarray(buffer[:n_samples].T)


def _falls_silent(synth: Any) -> bool:
    """Reset a synthesiser and let what still rings die; False if it rings for long."""
    synth.system_reset()
    waste = np.zeros((256 * BLOCK, 2), np.float32)
    for _ in range(8):
        _advance(synth, _writer(), waste, 0, 256)
        if not np.abs(waste).max() > 0:
            return True
    return False


def _advance(synth: Any, write: Any, buffer: np.ndarray, done: int, block: int) -> int:
    if block > done:
        start = buffer.ctypes.data + done * BLOCK * buffer.strides[0]
        write(synth.synth, (block - done) * BLOCK, start, 0, 2, start, 1, 2)
    return max(block, done)


def _events(
    rng: np.random.Generator, notes: Notes, channel: int, synth: Any, sustained: bool
) -> list[tuple[float, Any]]:
    events: list[tuple[float, Any]] = []
    for note in notes:
        onset_s, length_s = float(note["onset_s"]), float(note["duration_s"])
        key, velocity = round(float(note["pitch_midi"])), int(note["velocity"])
        events.append((onset_s, lambda k=key, v=velocity: synth.noteon(channel, k, v)))
        events.append((onset_s + length_s, lambda k=key: synth.noteoff(channel, k)))
        if sustained:
            events += _expression(rng, onset_s, length_s, channel, synth)
    return events


def _expression(
    rng: np.random.Generator, onset_s: float, length_s: float, channel: int, synth: Any
) -> list[tuple[float, Any]]:
    """Swell, scoop and delayed vibrato of one held tone, by controllers every 25 ms."""
    events: list[tuple[float, Any]] = []
    times_s = np.arange(0, length_s, 0.025)
    peak, depth = rng.uniform(0.2, 0.7), rng.uniform(0.0, 0.4)
    swell = 1 - depth * np.abs(times_s / max(length_s, 0.1) - peak) / max(peak, 1 - peak)
    rate_hz, width_st = rng.uniform(4.6, 6.6), rng.uniform(0.05, 0.35) * (rng.random() < 0.7)
    grow = np.clip((times_s - 0.18) / 0.4, 0, 1)
    scoop = -rng.uniform(0.2, 1.0) * np.exp(-times_s / 0.05) * (rng.random() < 0.25)
    bend_st = width_st * grow * np.sin(2 * np.pi * rate_hz * times_s) + scoop + rng.normal(0, 0.04)
    for t, s, b in zip(times_s, swell, bend_st, strict=True):
        value = int(np.clip(s * 127, 1, 127))
        bend = int(np.clip(b / BEND_RANGE_ST * 8192, -8192, 8191))
        events.append((onset_s + t, lambda v=value: synth.cc(channel, _EXPRESSION, v)))
        events.append((onset_s + t, lambda v=bend: synth.pitch_bend(channel, v)))
    return events

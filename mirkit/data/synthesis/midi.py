"""Read pieces from MIDI files, and MIDI files out of WAD archives."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._typing import Times
from mirkit.data.synthesis.harmony import KEY_NAMES
from mirkit.data.synthesis.notes import Piece, Track, note_array
from mirkit.errors import DatasetError, MissingDependencyError

DRUM_CHANNEL = 9
PEDAL, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123
PEDAL_DOWN = 64
MAX_PIECE_S = 3 * 3600.0
"""A longer piece is a damaged one: its bars alone would fill the memory."""
USUAL_BPM = 120.0
TEMPO_LIMITS_BPM = (3.0, 1000.0)
SHORTEST_BAR = 0.25
"""In quarters. Bounds of what a file may say; beyond them it is damaged, and the bars would be millions."""

Key = tuple[int, int]
"""Channel and key."""
Group = tuple[int, int, int | None]
"""Track, channel and program: what becomes one `Track`."""
Row = tuple[float, float, float, float]


class TempoMap:
    """Positions in quarter notes to seconds.

    Parameters
    ----------
    changes : iterable of (float, float)
        From which quarter on, quarters a minute; before the first change 120.
    """

    def __init__(self, changes: Iterable[tuple[float, float]]) -> None:
        known = dict(sorted({0.0: USUAL_BPM, **dict(changes)}.items()))  # the last change at a place holds
        self._quarters = np.array(list(known))
        self._bpm = np.clip(list(known.values()), *TEMPO_LIMITS_BPM)
        steps_s = np.diff(self._quarters) * 60 / self._bpm[:-1]
        self._seconds = np.concatenate([[0.0], np.cumsum(steps_s)])

    def seconds(self, quarters: Sequence[float] | Times | float) -> Times:
        """Return when positions sound.

        Examples
        --------
        >>> TempoMap([(0, 60), (4, 120)]).seconds([1.0, 4.0, 6.0]).tolist()
        [1.0, 4.0, 5.0]
        """
        at = np.asarray(quarters, float)
        k = np.maximum(np.searchsorted(self._quarters, at, side="right") - 1, 0)
        return np.asarray(self._seconds[k] + (at - self._quarters[k]) * 60 / self._bpm[k])

    @property
    def changes(self) -> tuple[tuple[float, float], ...]:
        """From when on in seconds, quarters a minute."""
        return tuple(zip(self._seconds.tolist(), self._bpm.tolist(), strict=True))


def bar_lines(metres: Sequence[tuple[float, int, int]], end_quarter: float) -> Times:
    """Return where bars start, in quarters, up to the first line at or after the end.

    Parameters
    ----------
    metres : sequence of (float, int, int)
        From which quarter on, beats a bar, and what note is a beat; 4/4 before the first.
    end_quarter : float

    Examples
    --------
    >>> bar_lines([(0, 3, 4), (6, 2, 4)], 9.5).tolist()
    [0.0, 3.0, 6.0, 8.0, 10.0]
    """
    lengths = {at: max(4 * beats / unit, SHORTEST_BAR) for at, beats, unit in metres}
    known = dict(sorted({0.0: 4.0, **lengths}.items()))
    starts, lines = list(known), []
    for start, stop in zip(starts, [*starts[1:], end_quarter], strict=True):
        lines += np.arange(start, min(stop, end_quarter) - 1e-6, known[start]).tolist()
    lines = lines or [0.0]
    last = known[max(start for start in starts if start <= lines[-1])]
    return np.array([*lines, lines[-1] + last])


def wad_lumps(path: str | Path) -> dict[str, tuple[int, int]]:
    """Return where in a WAD archive its MIDI files are: name to offset and length in bytes.

    A WAD, as the Doom engine uses it, starts with ``IWAD`` or ``PWAD``, the number of lumps and the
    offset of their directory, which has offset, length and an eight-byte name for each. Music lumps
    may be plain MIDI files; only those are returned.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DatasetError
        If the file is no WAD or its directory lies outside it.

    Examples
    --------
    >>> import struct, tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".wad") as file:
    ...     _ = file.write(struct.pack("<4sii", b"PWAD", 1, 20) + b"MThd....")
    ...     _ = file.write(struct.pack("<ii8s", 12, 8, b"D_MAP01")) and file.flush()
    ...     wad_lumps(file.name)
    {'D_MAP01': (12, 8)}
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] not in (b"IWAD", b"PWAD"):
            raise DatasetError(f"{path}: no WAD archive: starts with {head[:4]!r}, wanted IWAD or PWAD")
        count, start = struct.unpack("<ii", head[4:])
        if count < 0 or start < 12 or start + 16 * count > size:
            raise DatasetError(f"{path}: the directory of {count} lumps lies outside the {size} bytes")
        file.seek(start)
        found = {}
        for offset, length, name in struct.iter_unpack("<ii8s", file.read(16 * count)):
            if length < 4 or offset < 0 or offset + length > size:
                continue
            file.seek(offset)
            if file.read(4) == b"MThd":
                found[name.split(b"\0")[0].decode("ascii", "replace")] = (offset, length)
    return found


def read_midi(data: bytes, where: str = "MIDI file") -> Piece:
    """Return the piece in a MIDI file of type 0 or 1.

    A track is what one file track plays on one channel with one program. The sustain pedal lengthens
    notes until it is lifted or the key is struck again; a key struck again ends its note. Channel
    volume, expression and pitch bend are not used: level and intonation are the performance's.

    Parameters
    ----------
    data : bytes
    where : str
        For messages.

    Raises
    ------
    DatasetError
        If it is damaged, counts in SMPTE frames, has no notes, or lasts longer than three hours.
    MissingDependencyError
        If mido is not installed.
    """
    try:
        import mido
    except ImportError as error:
        raise MissingDependencyError("MIDI files need mido: pip install 'mirkit[synthesis]'") from error
    damage = (OSError, EOFError, ValueError, LookupError, TypeError, struct.error, mido.KeySignatureError)
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        return _piece(file, where)
    except DatasetError:
        raise
    except damage as error:
        raise DatasetError(f"{where}: damaged MIDI file ({error}); replace or remove it") from error


def _piece(file: Any, where: str) -> Piece:
    per_quarter = file.ticks_per_beat
    if file.type == 2 or per_quarter <= 0:
        raise DatasetError(
            f"{where}: MIDI type {file.type}, {per_quarter} ticks a quarter; wanted type 0 or 1"
        )
    events = sorted(
        ((tick, k, message) for k, track in enumerate(file.tracks) for tick, message in _timed(track)),
        key=lambda event: event[0],
    )  # stable: a track's own order holds
    keys, names = _Keys(), {k: track.name for k, track in enumerate(file.tracks)}
    tempos: dict[float, float] = {}
    metres: dict[float, tuple[int, int]] = {}
    key = ""
    for tick, k, message in events:
        quarter = tick / per_quarter
        if message.type == "set_tempo" and message.tempo > 0:
            tempos[quarter] = 60e6 / message.tempo
        elif message.type == "time_signature" and message.numerator > 0:
            metres[quarter] = (message.numerator, message.denominator)
        elif message.type == "key_signature" and message.key != "C":  # C is what programs write unasked
            key = key or _key_name(message.key)
        elif not message.is_meta:
            keys.play(quarter, k, message)
    end = max((tick for tick, _, _ in events), default=0) / per_quarter
    groups = keys.finish(end)
    if not groups:
        raise DatasetError(f"{where}: has no notes")
    clock = TempoMap(tempos.items())
    if clock.seconds(end) > MAX_PIECE_S:
        raise DatasetError(f"{where}: lasts {clock.seconds(end) / 3600:.0f} hours; wanted at most 3")
    signatures = [(at, *metre) for at, metre in metres.items()]
    last = max(
        start for rows in groups.values() for start, *_ in rows
    )  # bars of rests at the end do not count
    tracks = tuple(
        Track(_seconds(clock, rows), program, channel == DRUM_CHANNEL, names[k])
        for (k, channel, program), rows in sorted(groups.items(), key=lambda item: item[0][:2])
    )
    return Piece(
        tracks, clock.seconds(bar_lines(signatures, last + 0.01)), clock.changes,
        tuple((float(clock.seconds(at)), f"{beats}/{unit}") for at, beats, unit in signatures),
        key, title=names.get(0, "").strip() if file.type == 1 else "",
    )  # fmt: skip


def _timed(track: Any) -> Iterable[tuple[int, Any]]:
    now = 0
    for message in track:
        now += message.time
        yield now, message


def _seconds(clock: TempoMap, rows: Sequence[Row]) -> Any:
    table = np.array(rows)
    start, end = clock.seconds(table[:, 0]), clock.seconds(table[:, 1])
    return note_array(np.column_stack([start, end - start, table[:, 2:]]).tolist())


def _key_name(key: str) -> str:
    """MIDI's key, such as ``F#m``, in the names used here."""
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[key[0]]
    tonic = natural + key.count("#") - key.count("b")
    return f"{KEY_NAMES[tonic % 12]} {'minor' if key.endswith('m') else 'major'}"


class _Keys:
    """The keys of sixteen channels: which are down, which the pedal holds, what has sounded."""

    def __init__(self) -> None:
        self._program: dict[int, int] = {}
        self._pedals: set[int] = set()
        self._down: dict[Key, tuple[float, int, Group]] = {}
        self._held: set[Key] = set()
        self._done: dict[Group, list[Row]] = {}

    def play(self, quarter: float, track: int, message: Any) -> None:
        channel = getattr(message, "channel", -1)
        if message.type == "program_change":
            self._program[channel] = message.program
        elif message.type == "note_on" and message.velocity:
            self._end((channel, message.note), quarter)
            group = (track, channel, self._program.get(channel))
            self._down[channel, message.note] = (quarter, message.velocity, group)
        elif message.type in {"note_on", "note_off"} and (channel, message.note) in self._down:
            if channel in self._pedals:
                self._held.add((channel, message.note))
            else:
                self._end((channel, message.note), quarter)
        elif message.type == "control_change":
            self._control(quarter, channel, message.control, message.value)

    def _control(self, quarter: float, channel: int, control: int, value: int) -> None:
        if control == PEDAL and value >= PEDAL_DOWN:
            self._pedals.add(channel)
        elif control == PEDAL:
            self._pedals.discard(channel)
            for key in [key for key in self._held if key[0] == channel]:
                self._end(key, quarter)
        elif control in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            for key in [key for key in self._down if key[0] == channel]:
                self._end(key, quarter)

    def _end(self, key: Key, quarter: float) -> None:
        self._held.discard(key)
        if key in self._down:
            start, velocity, group = self._down.pop(key)
            self._done.setdefault(group, []).append((start, quarter, key[1], velocity))

    def finish(self, quarter: float) -> dict[Group, list[Row]]:
        for key in list(self._down):
            self._end(key, quarter)
        return self._done

"""Sound as a run of ``(n_channels, n)`` pieces: resampled, cut to one length, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._typing import Samples
from mirkit.audio.decoding import AudioInfo, Source, Spans, open_source
from mirkit.errors import AudioError, ParameterError

_PIECE_LENGTH = 1 << 17  # samples


class Resampler:
    """Streaming change of rate: the pieces that come out join to what soxr makes of the whole at once."""

    def __init__(self, old_rate: int, new_rate: int, n_channels: int) -> None:
        self._n_channels = n_channels
        self._stream: Any = None
        if new_rate != old_rate:
            import soxr

            self._stream = soxr.ResampleStream(old_rate, new_rate, n_channels, dtype="float32", quality="HQ")

    def push(self, piece: Samples) -> Samples:
        """Return what is ready after one more piece."""
        if self._stream is None:
            return piece
        ready: Samples = self._stream.resample_chunk(np.ascontiguousarray(piece.T)).T  # (n_channels, n)
        return ready

    def flush(self) -> Samples:
        """Return the rest, after the last piece."""
        rest = np.zeros((self._n_channels, 0), np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest.T, last=True).T
        return rest


def resample(samples: Samples, old_rate: int, new_rate: int) -> Samples:
    """Return samples at another rate, piece by piece: soxr wants the channels last, which is a copy."""
    n_channels, n_samples = samples.shape
    resampler = Resampler(old_rate, new_rate, n_channels)
    buffer = _Buffer(n_channels, _length_at(n_samples, old_rate, new_rate))
    for start in range(0, n_samples, _PIECE_LENGTH):
        buffer.append(resampler.push(samples[:, start : start + _PIECE_LENGTH]))
    buffer.append(resampler.flush())
    return buffer.samples()


def _length_at(n_samples: int, old_rate: int, new_rate: int) -> int:
    return (2 * n_samples * new_rate + old_rate) // (2 * old_rate)  # rounded, half up


def regrouped(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Cut pieces of any length into contiguous ones of one length, the last maybe shorter."""
    waiting: list[Samples] = []
    n_waiting = 0
    for piece in pieces:
        waiting.append(piece)
        n_waiting += piece.shape[1]
        if n_waiting < length:
            continue
        samples = np.concatenate(waiting, axis=1)
        n_whole = n_waiting - n_waiting % length
        for start in range(0, n_whole, length):
            yield np.array(samples[:, start : start + length], order="C")
        n_waiting -= n_whole
        waiting = [samples[:, n_whole:].copy()]
    if n_waiting:
        yield np.concatenate(waiting, axis=1)


class _Buffer:
    """Samples that arrive in pieces; room for the expected length is taken once."""

    def __init__(self, n_channels: int, expected_length: int) -> None:
        # A damaged header may promise more than any memory holds.
        self._room: Samples = np.empty(
            (n_channels, min(expected_length, (1 << 27) // n_channels)), np.float32
        )
        self._length = 0

    def append(self, piece: Samples) -> None:
        n_channels, room_length = self._room.shape
        end = self._length + piece.shape[1]
        if end > room_length:
            larger = np.empty((n_channels, max(end, 2 * room_length)), np.float32)
            larger[:, : self._length] = self._room[:, : self._length]
            self._room = larger
        self._room[:, self._length : end] = piece
        self._length = end

    def samples(self) -> Samples:
        return np.ascontiguousarray(self._room[:, : self._length])


def check_finite(path: Path, samples: Samples, position: int, sample_rate: int) -> None:
    """Raise AudioError, with its time, for the first sample that is NaN or infinite."""
    finite = np.isfinite(samples)
    if not finite.all():
        first = int(np.argmin(finite.all(axis=0)))
        value = samples[np.argmin(finite[:, first]), first]
        time_s = (position + first) / sample_rate
        raise AudioError(
            f"{path}: a sample is {value}, the first at {time_s:.3f} s; export the file again or cut there"
        )


def checked_pieces(path: Path, source: Source, spans: Spans) -> Iterator[tuple[int, Samples]]:
    """Yield the source's pieces; AudioError if a sample is not finite or a stream yields nothing."""
    positions = {stream: first for stream, (first, _) in spans.items()}
    for stream, piece in source.pieces(spans):
        check_finite(path, piece, positions[stream], source.infos[stream].sample_rate)
        positions[stream] += piece.shape[1]
        yield stream, piece
    for stream, (first, _) in spans.items():
        if positions[stream] == first:
            raise _beyond_end(path, source.infos[stream], first)


def check_times(path: Path, start_s: float, duration_s: float | None) -> None:
    """Raise ParameterError unless the part to read is one."""
    if not (math.isfinite(start_s) and start_s >= 0):
        raise ParameterError(f"{path}: start_s must be 0 or more seconds, got {start_s}")
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0):
        raise ParameterError(
            f"{path}: duration_s must be above 0 seconds, or None for up to the end, got {duration_s}"
        )


def stream_info(path: Path, source: Source, stream: int) -> AudioInfo:
    """Return what is known of a stream; AudioError if there is no such stream."""
    if not 0 <= stream < len(source.infos):
        raise AudioError(
            f"{path}: has no audio stream {stream}; its streams are 0 to {len(source.infos) - 1}"
        )
    return source.infos[stream]


def _span(path: Path, details: AudioInfo, start_s: float, duration_s: float | None) -> tuple[int, int | None]:
    first = round(start_s * details.sample_rate)
    if details.n_samples is not None and first >= details.n_samples:
        raise _beyond_end(path, details, first)
    if duration_s is None:
        return first, None
    return first, first + max(1, round(duration_s * details.sample_rate))


def _beyond_end(path: Path, details: AudioInfo, first: int) -> AudioError:
    if first == 0:
        return AudioError(f"{path}: no samples could be decoded; export the file again")
    start_s = first / details.sample_rate
    end = "" if details.duration_s is None else f", which is {details.duration_s:.3f} s long"
    return AudioError(f"{path}: start_s={start_s:g} lies beyond the end of the sound{end}; start earlier")


def checked_rate(sample_rate: float) -> int:
    """Return a sample rate as int; ParameterError unless it is a whole number above 0."""
    if not (isinstance(sample_rate, (int, float, np.number)) and sample_rate > 0 and sample_rate % 1 == 0):
        raise ParameterError(f"sample_rate must be a whole number of Hz above 0, got {sample_rate}")
    return int(sample_rate)


def read_samples(
    path: Path,
    streams: Sequence[int] | None,
    start_s: float,
    duration_s: float | None,
    sample_rate: int | None,
) -> list[tuple[Samples, int]]:
    """Return the samples and the rate of some streams of a file, of all for None, in one pass."""
    check_times(path, start_s, duration_s)
    with open_source(path) as source:
        streams = range(len(source.infos)) if streams is None else streams
        infos = {stream: stream_info(path, source, stream) for stream in streams}
        spans = {stream: _span(path, infos[stream], start_s, duration_s) for stream in streams}
        rates = {stream: sample_rate or infos[stream].sample_rate for stream in streams}
        resamplers, buffers = {}, {}
        for stream, details in infos.items():
            resamplers[stream] = Resampler(details.sample_rate, rates[stream], details.n_channels)
            expected = _length_at(
                _expected_length(details, spans[stream]), details.sample_rate, rates[stream]
            )
            buffers[stream] = _Buffer(details.n_channels, expected)
        for stream, piece in checked_pieces(path, source, spans):
            buffers[stream].append(resamplers[stream].push(piece))
    for stream in streams:
        buffers[stream].append(resamplers[stream].flush())
    return [(buffers[stream].samples(), rates[stream]) for stream in streams]


def _expected_length(details: AudioInfo, span: tuple[int, int | None]) -> int:
    first, last = span
    ends = [end for end in (last, details.n_samples) if end is not None]
    return min(ends) - first if ends else details.sample_rate


def read_blocks(
    path: Path, stream: int, start_s: float, duration_s: float | None, block_s: float, sample_rate: int | None
) -> Iterator[tuple[Samples, int]]:
    """Yield one stream's samples in blocks of one length, with their rate."""
    with open_source(path) as source:
        details = stream_info(path, source, stream)
        rate = sample_rate or details.sample_rate
        found = checked_pieces(path, source, {stream: _span(path, details, start_s, duration_s)})
        resampler = Resampler(details.sample_rate, rate, details.n_channels)
        for samples in regrouped(_resampled(found, resampler), max(1, round(block_s * rate))):
            yield samples, rate


def _resampled(found: Iterable[tuple[int, Samples]], resampler: Resampler) -> Iterator[Samples]:
    for _, piece in found:
        yield resampler.push(piece)
    yield resampler.flush()


def added(total: Samples | None, samples: Samples, gain: np.float32, number: int) -> Samples:
    """Return the sum, in place of ``total`` where that is large enough."""
    if total is None:
        return samples * gain
    n_channels, n_samples = np.maximum(total.shape, samples.shape)
    if {total.shape[0], samples.shape[0]} - {1, n_channels}:
        raise ParameterError(
            f"sound {number} has {samples.shape[0]} channels, those before it {total.shape[0]}; "
            "only mono fits with any number"
        )
    if total.shape != (n_channels, n_samples):
        widened = np.zeros((n_channels, n_samples), np.float32)
        widened[:, : total.shape[1]] = total
        total = widened
    total[:, : samples.shape[1]] += samples * gain
    return total

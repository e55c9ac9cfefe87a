"""Sound files as pieces of samples: soundfile for what libsndfile reads well, PyAV for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mirkit._typing import Samples
from mirkit.audio.truncation import is_mp3, missing_bytes, xing_tag
from mirkit.errors import AudioError, MissingDependencyError

_PIECE_LENGTH = 1 << 17  # samples a channel and read
LOWEST_RATE = 100
"""Below, a damaged header: brought to a usual rate, a small file would fill the memory."""
_PREROLL_S = 1.0  # decoded and dropped before a start, since lossy frames lean on earlier ones
# Demuxers that open one local file. Playlists are not among them: they could name any other file.
_AV_FORMATS = (
    "mov,matroska,webm,mp3,aac,asf,caf,ape,wv,tta,ac3,eac3,dts,amr,mpegts,avi,flv,ogg,flac,wav,w64,aiff,au"
)

_GARBAGE_PACKETS = 2  # a tag behind the sound may look like packets
_SNDFILE_MAGIC = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS")
_OPUS_MAGIC = b"OpusHead"  # libsndfile stops in the middle of some healthy files
# libsndfile's mp3 decoder loses its place in files of variable bit rate and prints to stderr, also for what
# only is named so; what it calls raw has no header.
_AV_SUFFIXES = (".mp1", ".mp2", ".mp3", ".raw")

Spans = Mapping[int, tuple[int, int | None]]
"""Stream number -> first sample, and the sample to stop before (None: the end)."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a sound file says about one of its streams, without being decoded.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_channels : int
        Channels of the stream.
    n_samples : int or None
        Samples a channel; None where only decoding can tell (webm, raw AAC, an mp3 without a length tag).
    n_streams : int
        Streams in the file: 5 in a MUSDB18 ``.stem.mp4``, 1 in most others.

    Examples
    --------
    >>> AudioInfo(sample_rate=44100, n_channels=2, n_samples=22050, n_streams=1).duration_s
    0.5
    """

    sample_rate: int
    n_channels: int
    n_samples: int | None
    n_streams: int

    @property
    def duration_s(self) -> float | None:
        """Length in seconds; None if ``n_samples`` is."""
        return None if self.n_samples is None else self.n_samples / self.sample_rate


class Source(Protocol):
    """An open sound file."""

    infos: tuple[AudioInfo, ...]

    def pieces(self, spans: Spans) -> Iterator[tuple[int, Samples]]:
        """Yield the stream number and ``(n_channels, n)`` samples, in the order of time in each stream."""


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a sound file for decoding; AudioError if it is missing, truncated, empty or not sound."""
    magic = _magic(path)
    lacking = missing_bytes(path)
    if lacking:
        raise AudioError(
            f"{path}: truncated, at least {lacking} bytes are missing at the end; copy or download it again"
        )
    with _opened(path, magic) as source:
        if all(info.n_samples == 0 for info in source.infos):
            raise AudioError(f"{path}: the file has a header but no samples; record or export it again")
        if (lowest := min(info.sample_rate for info in source.infos)) < LOWEST_RATE:
            raise AudioError(f"{path}: a sample rate of {lowest} Hz is none of sound; mend the file's header")
        yield source


def _magic(path: Path) -> bytes:
    """Return a file's first bytes."""
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, a sound file was wanted; name a file in it")
    try:
        with path.open("rb") as file:
            magic = file.read(64)
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if not magic:
        raise AudioError(f"{path}: the file is empty (0 bytes); copy or export it again")
    return magic


@contextmanager
def _opened(path: Path, magic: bytes) -> Iterator[Source]:
    is_opus = _OPUS_MAGIC in magic
    for_av = is_opus or is_mp3(magic) or magic[4:8] == b"ftyp" or path.suffix.lower() in _AV_SUFFIXES
    for_sndfile = magic[:4] in _SNDFILE_MAGIC and not is_opus
    file = _sndfile(path) if for_sndfile or not for_av else None
    if file is not None:
        with file:
            yield _SndfileSource(path, file)
    else:
        with _av_container(path, magic) as container:
            yield _AvSource(path, container)


def _sndfile(path: Path) -> Any:
    """Return an open ``soundfile.SoundFile``, or None if libsndfile does not know the format."""
    import soundfile

    try:
        return soundfile.SoundFile(os.fspath(path))
    except (soundfile.LibsndfileError, TypeError):  # TypeError: .raw, which says nothing about its samples
        return None


class _SndfileSource:
    """A file that libsndfile reads: one stream of known length."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        self.infos: tuple[AudioInfo, ...] = (AudioInfo(file.samplerate, file.channels, file.frames, 1),)

    def pieces(self, spans: Spans) -> Iterator[tuple[int, Samples]]:
        import soundfile

        n_samples, (first, last) = self._file.frames, spans[0]
        last = n_samples if last is None else min(last, n_samples)
        position = first
        try:
            self._file.seek(first)
            while position < last:
                length = min(_PIECE_LENGTH, last - position)
                piece = self._file.read(length, dtype="float32", always_2d=True).T  # (n_channels, n)
                position += piece.shape[1]
                yield 0, piece
                if piece.shape[1] < length:
                    raise _short(self._path, position, n_samples, self._file.samplerate)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{self._path}: damaged after {position / self._file.samplerate:.3f} s ({error}); "
                "copy or download it again"
            ) from error


@contextmanager
def _av_container(path: Path, magic: bytes) -> Iterator[Any]:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(f"{path}: reading this format needs PyAV; pip install av") from error
    try:
        # An absolute path, since FFmpeg takes "word:rest" for a protocol.
        options = {"format_whitelist": _AV_FORMATS, "protocol_whitelist": "file"}
        # Tags that are no UTF-8 are no reason not to hear the sound. PyAV 19 needs no telling.
        ignored: dict[str, Any] = (
            {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
        )
        opened = partial(av.open, os.fspath(path.absolute()), container_options=options, **ignored)
        try:
            container = opened()
        except (av.FFmpegError, ValueError):
            # FFmpeg wants to see more frames than a very short mp3 has before it takes it for one.
            if not is_mp3(magic):
                raise
            container = opened(format="mp3")
    except (av.FFmpegError, ValueError) as error:
        raise AudioError(
            f"{path}: not a sound file that can be read, or its header is damaged; "
            "mirkit reads wav, flac, ogg, opus, mp3, aiff, m4a, mp4 and webm"
        ) from error
    with container:
        if not container.streams.audio:
            raise AudioError(f"{path}: no audio stream in the file; name one with sound")
        yield container


class _AvSource:
    """A file that FFmpeg's libraries read: any number of streams."""

    def __init__(self, path: Path, container: Any) -> None:
        self._path, self._container = path, container
        streams = container.streams.audio
        for number, stream in enumerate(streams):
            if stream.codec_context is None:
                raise AudioError(f"{path}: stream {number} is in no format that is known here; convert it")
            if not stream.codec_context.sample_rate or not stream.codec_context.channels:
                raise AudioError(
                    f"{path}: stream {number} has no sample rate or no channels; export it again"
                )
        self.infos = tuple(
            AudioInfo(s.codec_context.sample_rate, s.codec_context.channels, self._length(s), len(streams))
            for s in streams
        )

    def _length(self, stream: Any) -> int | None:
        """Return the samples that the container promises, None where it only estimates."""
        name = self._container.format.name
        if name == "ogg" and stream.duration and stream.codec_context.name in ("opus", "libopus"):
            return int(stream.duration) - int.from_bytes(stream.codec_context.extradata[10:12], "little")
        exact = "mp4" in name or (name == "mp3" and (xing_tag(self._path) or (0, 0, 0))[1] > 0)
        ticks = _ticks_per_sample(stream)
        return round(stream.duration / ticks) if exact and ticks and stream.duration else None

    def pieces(self, spans: Spans) -> Iterator[tuple[int, Samples]]:
        import av

        streams = [self._container.streams.audio[number] for number in spans]
        sought = self._seek(streams, min(first for first, _ in spans.values()))
        cursors = {
            stream.index: _Cursor(self._path, stream, number, self.infos[number], spans[number], sought)
            for number, stream in zip(spans, streams, strict=True)
        }
        try:
            for packet in self._container.demux(streams):
                cursor = cursors[packet.stream.index]
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    cursor.n_failed += 1
                    continue
                for frame in frames:
                    piece = cursor.take(frame)
                    if piece.shape[1]:
                        yield cursor.number, piece
                if all(c.done for c in cursors.values()):
                    return
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"{self._path}: decoding failed ({error}); copy or export it again") from error
        for cursor in cursors.values():
            cursor.finish()

    def _seek(self, streams: list[Any], first: int) -> bool:
        """Go to a packet at least the pre-roll before a sample, if the time stamps can tell samples apart."""
        stream = streams[0]
        ticks = _ticks_per_sample(stream)
        target = first - round(_PREROLL_S * stream.codec_context.sample_rate)
        # Ogg's time stamps are counted back from the ends of pages and may be off by a part of a frame.
        vague = self._container.format.name == "ogg" or not all(map(_ticks_per_sample, streams))
        if target <= 0 or vague:
            return False
        self._container.seek((stream.start_time or 0) + target * ticks, stream=stream, backward=True)
        return True


def _ticks_per_sample(stream: Any) -> int:
    """Return the time stamp units in a sample; 0 if they are too coarse to name a sample."""
    ticks = 1 / (stream.time_base * stream.codec_context.sample_rate)
    return int(ticks) if ticks.denominator == 1 else 0


class _Cursor:
    """Where decoding stands in one stream."""

    def __init__(
        self,
        path: Path,
        stream: Any,
        number: int,
        info: AudioInfo,
        span: tuple[int, int | None],
        sought: bool,
    ) -> None:
        import av

        self._path, self._stream, self._info, self._sought = path, stream, info, sought
        self.number = number
        self._first, last = span
        # Of Ogg the pages' counts, which may skip a part of a frame here and there.
        self._promised = None if stream.container.format.name == "ogg" else info.n_samples
        ends = [end for end in (last, info.n_samples) if end is not None]
        self._last = min(ends) if ends else None
        self._position: int | None = None  # in samples; known from the first frame on
        self._frame_length = 0
        self._convert = av.AudioResampler(format="fltp")
        self.n_failed = 0  # packets that could not be decoded since the last that could

    @property
    def done(self) -> bool:
        return self._last is not None and self._position is not None and self._position >= self._last

    def take(self, frame: Any) -> Samples:
        """Return the wanted part of a frame, ``(n_channels, n)``, maybe of no samples."""
        if self._position is None:
            self._position = self._start(frame)
        elif self.n_failed:
            raise self._damaged(self._position)
        parts = [part.to_ndarray() for part in self._convert.resample(frame)]  # (n_channels, n)
        samples: Samples = np.concatenate(parts, axis=1, dtype=np.float32)
        start, self._position = self._position, self._position + samples.shape[1]
        self._frame_length = max(self._frame_length, samples.shape[1])
        last = self._position if self._last is None else self._last
        return samples[:, max(0, self._first - start) : max(0, last - start)]

    def _start(self, frame: Any) -> int:
        """Return the sample number of the first frame that could be decoded."""
        self.n_failed = 0  # frames that lean on others before them do not count
        if not self._sought:
            return 0
        if frame.pts is None:
            raise AudioError(f"{self._path}: has no time stamps to seek by; read it from the start")
        ticks = int(frame.pts) - (self._stream.start_time or 0)
        return round(ticks / _ticks_per_sample(self._stream))

    def _damaged(self, position: int) -> AudioError:
        time_s = position / self._info.sample_rate
        return AudioError(
            f"{self._path}: damaged near {time_s:.3f} s in stream {self.number}; download or copy it anew"
        )

    def finish(self) -> None:
        """Raise AudioError if the stream ended before its promised or wanted end."""
        position = self._position or 0
        if position and self.n_failed > _GARBAGE_PACKETS:
            raise self._damaged(position)
        # Containers round durations, so a frame less than promised is no sign of damage.
        if (
            self._last is not None
            and self._promised is not None
            and position < self._last - self._frame_length
        ):
            raise _short(self._path, position, self._promised, self._info.sample_rate)


def _short(path: Path, position: int, n_samples: int, sample_rate: int) -> AudioError:
    return AudioError(
        f"{path}: truncated, it ends at {position / sample_rate:.3f} s but its header promises "
        f"{n_samples / sample_rate:.3f} s; copy or download it again"
    )

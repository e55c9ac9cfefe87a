"""Sound in and out: the `Audio` value, reading, streaming, resampling, writing and mixing."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirkit._typing import Samples
from mirkit.audio.decoding import AudioInfo, open_source
from mirkit.audio.streaming import (
    added,
    check_times,
    checked_rate,
    read_blocks,
    read_samples,
    resample,
    stream_info,
)
from mirkit.audio.writing import StemWriter, Writer, stem_path, stem_writer, write_files, writer
from mirkit.errors import ParameterError

__all__ = [
    "Audio",
    "AudioInfo",
    "PathLike",
    "StemWriter",
    "Writer",
    "blocks",
    "info",
    "mix",
    "read",
    "read_streams",
    "stem_writer",
    "write",
    "write_stems",
    "writer",
]

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound as float32 samples with their rate.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n_samples)
        Floating point, nominally in [-1, 1] but never clamped; kept as float32. A float32 array is
        kept as it is, not copied.
    sample_rate : int
        Hz.

    Raises
    ------
    ParameterError
        If the array is not two-dimensional floating point, has no channel, or the rate is not positive.

    Notes
    -----
    Whether all samples are finite is checked where sound enters and leaves (`read`, `write`), not here.

    Examples
    --------
    >>> audio = Audio(np.zeros((2, 44100), np.float32), 44100)
    >>> audio.duration_s, audio.excerpt(0.25, 0.5).samples.shape
    (1.0, (2, 11025))
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        if samples.ndim != 2 or samples.shape[0] == 0:
            hint = "; use samples[np.newaxis] for mono" if samples.ndim == 1 else ""
            raise ParameterError(
                f"samples must have shape (n_channels, n_samples), got {samples.shape}{hint}"
            )
        if not np.issubdtype(samples.dtype, np.floating):
            raise ParameterError(
                f"samples must be floating point, got {samples.dtype}; divide integers by full scale first"
            )
        object.__setattr__(self, "samples", samples.astype(np.float32, copy=False))
        object.__setattr__(self, "sample_rate", checked_rate(self.sample_rate))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return int(self.samples.shape[1]) / self.sample_rate

    def mono(self) -> Audio:
        """Return the mean over channels as one channel."""
        if self.samples.shape[0] == 1:
            return self
        return Audio(self.samples.mean(axis=0, keepdims=True, dtype=np.float32), self.sample_rate)

    def resample(self, sample_rate: int) -> Audio:
        """Return the sound at another rate (soxr, high quality): ``round(n_samples * ratio)`` samples."""
        sample_rate = checked_rate(sample_rate)
        if sample_rate == self.sample_rate:
            return self
        return Audio(resample(self.samples, self.sample_rate, sample_rate), sample_rate)

    def excerpt(self, start_s: float, end_s: float) -> Audio:
        """Return the part from ``start_s`` to ``end_s``, a view.

        It stops where the sound stops: silence is never added. A start behind the end of the sound is
        a ParameterError.
        """
        if not 0 <= start_s <= end_s:
            raise ParameterError(f"excerpt needs 0 <= start_s <= end_s, got {start_s} and {end_s}")
        if start_s > self.duration_s:
            raise ParameterError(f"start_s is {start_s}, but the sound ends at {self.duration_s} s")
        first, last = (round(min(time_s, self.duration_s) * self.sample_rate) for time_s in (start_s, end_s))
        return Audio(self.samples[:, first:last], self.sample_rate)


def sound_wanted(value: object) -> None:
    """Raise `ParameterError` if a value is no `Audio`: what came, and how to make one of it."""
    if not isinstance(value, Audio):
        hint = "Audio(samples, sample_rate)" if hasattr(value, "shape") else "mirkit.read(path)"
        raise ParameterError(f"a sound must be mirkit.Audio, got {type(value).__name__}; use {hint}")


def info(path: PathLike, *, stream: int = 0) -> AudioInfo:
    """Return a sound file's rate, channels, length and number of streams without decoding it.

    Parameters
    ----------
    path : str or Path
        Any file that `read` takes.
    stream : int
        Audio stream, 0 being the first.

    Returns
    -------
    AudioInfo

    Raises
    ------
    AudioError
        If the file is missing, empty, truncated or not a sound file.
    """
    with open_source(Path(path)) as source:
        return stream_info(Path(path), source, stream)


def read(
    path: PathLike,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    sample_rate: int | None = None,
    stream: int = 0,
) -> Audio:
    """Return the sound of a file, or a part of it, with all its channels.

    Parameters
    ----------
    path : str or Path
        wav, flac, ogg, opus, mp3, aiff, m4a, mp4, webm and whatever else soundfile or PyAV read.
        Encoder delay and padding of mp3 and AAC are removed where the file tells them.
    start_s : float
        Seconds from the start, exact to the sample in every format.
    duration_s : float, optional
        Seconds; None, and whatever goes beyond the end, means up to the end.
    sample_rate : int, optional
        Hz to resample to; None keeps the file's rate.
    stream : int
        Audio stream, 0 being the first.

    Returns
    -------
    Audio
        Contiguous samples, at least one; not clamped, so lossy formats may exceed full scale.

    Raises
    ------
    AudioError
        If the file is missing, empty, truncated, damaged or not sound, holds samples that are not
        finite, has no such stream, or ends before ``start_s``.
    ParameterError
        If a time is negative or not finite.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sound.wav"
    >>> _ = write(path, Audio(np.zeros((2, 48000), np.float32), 48000))
    >>> read(path, start_s=0.5, sample_rate=16000).samples.shape
    (2, 8000)
    """
    return _read(path, (stream,), start_s, duration_s, sample_rate)[0]


def read_streams(
    path: PathLike, *, start_s: float = 0.0, duration_s: float | None = None, sample_rate: int | None = None
) -> tuple[Audio, ...]:
    """Return the sound of every audio stream of a file, decoded in one pass.

    In MUSDB18's ``.stem.mp4`` these are mixture, drums, bass, other and vocals.

    Parameters
    ----------
    path, start_s, duration_s, sample_rate
        See `read`.

    Returns
    -------
    tuple of Audio
        One a stream, all of the same duration: what ends earlier is continued with silence.

    Raises
    ------
    AudioError, ParameterError
        See `read`.
    """
    audios = _read(path, None, start_s, duration_s, sample_rate)
    end_s = max(audio.duration_s for audio in audios)
    return tuple(_extended(audio, round(end_s * audio.sample_rate)) for audio in audios)


def _read(
    path: PathLike,
    streams: Sequence[int] | None,
    start_s: float,
    duration_s: float | None,
    sample_rate: int | None,
) -> list[Audio]:
    """Read streams, all of them for None."""
    rate = None if sample_rate is None else checked_rate(sample_rate)
    return [Audio(*found) for found in read_samples(Path(path), streams, start_s, duration_s, rate)]


def blocks(
    path: PathLike,
    *,
    block_s: float = 10.0,
    sample_rate: int | None = None,
    start_s: float = 0.0,
    duration_s: float | None = None,
    stream: int = 0,
) -> Iterator[Audio]:
    """Yield the sound of a file of any length block by block, in bounded memory.

    Joined, the blocks are what `read` returns with the same arguments: the resampler runs on across
    the blocks, and the whole has ``round(n_samples * ratio)`` samples.

    Parameters
    ----------
    path : str or Path
        See `read`.
    block_s : float
        Seconds in a block, above 0; only the last one may be shorter, and none is empty.
    sample_rate, start_s, duration_s, stream
        See `read`.

    Yields
    ------
    Audio

    Raises
    ------
    AudioError, ParameterError
        See `read`; wrong arguments at once, an unusable file when the first block is asked for, and
        damage when the block that it is in is asked for.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sound.wav"
    >>> _ = write(path, Audio(np.zeros((1, 20_000), np.float32), 8_000))
    >>> [block.duration_s for block in blocks(path, block_s=1.0)]
    [1.0, 1.0, 0.5]
    """
    if not (math.isfinite(block_s) and block_s > 0):
        raise ParameterError(f"block_s must be a number of seconds above 0, got {block_s}")
    rate = None if sample_rate is None else checked_rate(sample_rate)
    check_times(Path(path), start_s, duration_s)
    found = read_blocks(Path(path), stream, start_s, duration_s, block_s, rate)
    return (Audio(*block) for block in found)


def _extended(audio: Audio, n_samples: int) -> Audio:
    missing = n_samples - audio.samples.shape[1]
    return audio if missing <= 0 else Audio(np.pad(audio.samples, ((0, 0), (0, missing))), audio.sample_rate)


def write(path: PathLike, audio: Audio, *, subtype: str | None = None) -> float:
    """Write a sound file, whole or not at all, and return the gain that was applied.

    Parameters
    ----------
    path : str or Path
        .wav, .flac, .aiff, .ogg, .opus or .mp3; folders are made, an existing file is replaced.
    audio : Audio
        At least one sample, all finite.
    subtype : str, optional
        "FLOAT" (.wav, its default; .aiff), "PCM_24" (.wav, .aiff, .flac and the default of the latter two)
        or "PCM_16" (the same files).

    Returns
    -------
    float
        1.0, or less than that if the peak was beyond full scale and the format is not floating point.
        Samples are scaled, never clamped; floating point files are never scaled either.

    Notes
    -----
    Equal sounds make equal files, except .ogg and .opus, which carry a random number.

    Raises
    ------
    AudioError
        If the suffix is not known, the format cannot hold the rate or the channels, a sample is not
        finite, or the file cannot be written.
    ParameterError
        If the subtype does not fit the suffix.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> loud = Audio(np.full((1, 8000), 2.0, np.float32), 8000)
    >>> write(folder / "a.wav", loud), write(folder / "a.flac", loud)
    (1.0, 0.5)
    """
    return write_files({Path(path): audio}, subtype)


def write_stems(
    folder: PathLike, stems: Mapping[str, Audio], *, suffix: str = ".wav", subtype: str | None = None
) -> float:
    """Write stems as ``folder/name.wav`` with one common gain, so that their sum stays their sum.

    Parameters
    ----------
    folder : str or Path
        Made if absent; files of the same names are replaced once all stems are complete.
    stems : mapping of str to Audio
        By file name without suffix.
    suffix, subtype
        See `write`.

    Returns
    -------
    float
        The gain applied to every stem, 1.0 in floating point files.

    Raises
    ------
    AudioError, ParameterError
        See `write`; also if there are no stems or a name is not a plain file name.
    """
    return write_files({stem_path(folder, name, suffix): audio for name, audio in stems.items()}, subtype)


def mix(audios: Iterable[Audio], gains_db: Sequence[float] | None = None) -> Audio:
    """Return the sum of sounds, each continued with silence up to the end of the longest.

    Parameters
    ----------
    audios : iterable of Audio
        At least one, all of one rate; mono ones go to every channel of the others, which must have the
        same number of channels. Taken one at a time, so a generator need not hold them all.
    gains_db : sequence of float, optional
        Gain of each, decibels; 0 by default, ``-inf`` leaves one out.

    Returns
    -------
    Audio
        Never clamped or scaled.

    Raises
    ------
    ParameterError
        If there are no sounds, or rates, channels or the number of gains do not fit.

    Examples
    --------
    >>> voice, band = Audio(np.ones((1, 4)), 8000), Audio(np.ones((2, 6)), 8000)
    >>> mix([voice, band], gains_db=[0.0, 0.0]).samples[1].tolist()
    [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    """
    total: Samples | None = None
    sample_rate = n_audios = 0
    for audio in audios:
        gain_db = 0.0 if gains_db is None or n_audios >= len(gains_db) else gains_db[n_audios]
        n_audios += 1
        if n_audios > 1 and audio.sample_rate != sample_rate:
            raise ParameterError(
                f"sound {n_audios} has {audio.sample_rate} Hz, those before {sample_rate} Hz; resample first"
            )
        sample_rate = audio.sample_rate
        total = added(total, audio.samples, np.float32(10.0 ** (gain_db / 20.0)), n_audios)
    if total is None:
        raise ParameterError("no sounds to mix; give at least one")
    if gains_db is not None and len(gains_db) != n_audios:
        raise ParameterError(f"gains_db has {len(gains_db)} values for {n_audios} sounds; give one for each")
    return Audio(total, sample_rate)

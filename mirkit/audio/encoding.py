"""Samples as sound files: formats by suffix, rounding to integers, WAV beyond 4 GB."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from mirkit._typing import Samples
from mirkit.errors import AudioError, ParameterError

_PIECE_LENGTH = 1 << 16  # samples; libvorbis takes its work memory for a whole write from the stack
_WAV_LIMIT = 0xFFFFFFFF - (1 << 16)  # bytes of samples that a RIFF header can count, less room for the rest
_SUBTYPES = {  # suffix: libsndfile's container, encodings with the default first
    ".wav": ("WAV", ("FLOAT", "PCM_16", "PCM_24")),
    ".flac": ("FLAC", ("PCM_24", "PCM_16")),
    ".aiff": ("AIFF", ("PCM_24", "PCM_16", "FLOAT")),
    ".aif": ("AIFF", ("PCM_24", "PCM_16", "FLOAT")),
    ".ogg": ("OGG", ("VORBIS",)),
    ".opus": ("OGG", ("OPUS",)),
    ".mp3": ("MP3", ("MPEG_LAYER_III",)),
}


class Encoding(NamedTuple):
    """How samples are stored in a file."""

    container: str
    subtype: str

    @property
    def has_headroom(self) -> bool:
        """Whether samples beyond full scale survive."""
        return self.subtype == "FLOAT"

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of one sample of one channel, at most."""
        return {"PCM_16": 2, "PCM_24": 3}.get(self.subtype, 4)


def encoding_of(path: Path, subtype: str | None) -> Encoding:
    """Return the encoding for a file name; AudioError if the suffix or ``subtype`` is unknown."""
    suffix = path.suffix.lower()
    if suffix not in _SUBTYPES:
        raise AudioError(
            f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {', '.join(_SUBTYPES)}"
        )
    container, subtypes = _SUBTYPES[suffix]
    if subtype is not None and subtype not in subtypes:
        raise ParameterError(
            f"{path}: subtype must be one of {', '.join(subtypes)} for {suffix}, got {subtype!r}"
        )
    return Encoding(container, subtype or subtypes[0])


def full_scale_gain(peak: float) -> float:
    """Return the gain that keeps a peak within full scale: 1 if it is already."""
    return 1.0 if peak <= 1.0 else 1.0 / peak


class Encoder:
    """A sound file that is open for writing; `close` it before reading it.

    Parameters
    ----------
    path : Path
        Name of the file, replaced if it exists.
    named : Path
        Name that errors give.
    encoding : Encoding
        As `encoding_of` returns it.
    n_samples : int or None
        Length, if known: only a long or unknown one makes the header of a WAV 64 bits wide.
    """

    def __init__(
        self,
        path: Path,
        named: Path,
        encoding: Encoding,
        sample_rate: int,
        n_channels: int,
        n_samples: int | None,
    ) -> None:
        import soundfile

        self.path, self.named = path, named
        self._encoding = encoding
        self._container = encoding.container
        if self._container == "WAV" and not _fits_riff(encoding, n_channels, n_samples):
            self._container = "RF64"
        try:
            self._file: Any = soundfile.SoundFile(
                os.fspath(path), "w", sample_rate, n_channels, encoding.subtype, format=self._container
            )
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{named}: {encoding.container} with {encoding.subtype} cannot hold {n_channels} channels "
                f"at {sample_rate} Hz ({error}); resample, mix down or use .wav or .flac"
            ) from error

    def write(self, samples: Samples, gain: float = 1.0) -> None:
        """Append ``(n_channels, n_samples)`` samples."""
        import soundfile

        try:
            for start in range(0, samples.shape[1], _PIECE_LENGTH):
                piece = samples[:, start : start + _PIECE_LENGTH].T  # (n, n_channels)
                piece = piece if gain == 1.0 else piece * np.float32(gain)
                self._file.write(_as_stored(piece, self._encoding))
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(
                f"{self.named}: cannot be written ({error}); check the disk's free space"
            ) from error

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Complete the header."""
        if not self._file.closed:
            self._file.close()
            if self._container == "RF64":
                _shrink_header(self.path)
            if self._encoding.subtype == "FLOAT":
                _clear_time(self.path)


def _fits_riff(encoding: Encoding, n_channels: int, n_samples: int | None) -> bool:
    return n_samples is not None and n_samples * n_channels * encoding.bytes_per_sample < _WAV_LIMIT


def _as_stored(samples: Samples, encoding: Encoding) -> np.ndarray:
    """Round to the file's integers, which libsndfile would cut off towards minus infinity."""
    if not encoding.subtype.startswith("PCM_"):
        return np.ascontiguousarray(samples)
    bits = int(encoding.subtype.removeprefix("PCM_"))
    scale = 2 ** (bits - 1)
    whole: np.ndarray = np.clip(np.rint(samples * np.float32(scale)), -scale, scale - 1).astype(np.int32)
    return np.asarray(np.left_shift(whole, 32 - bits))  # libsndfile takes the upper bits


def _shrink_header(path: Path) -> None:
    """Turn an RF64 header into a plain RIFF one where the sizes fit, for readers that know no RF64."""
    with path.open("r+b") as file:
        header = file.read(0x1000)
        data = header.find(b"data\xff\xff\xff\xff")
        size = path.stat().st_size
        if size > _WAV_LIMIT or data < 0 or header[:4] != b"RF64" or header[12:16] != b"ds64":
            return
        data_size = int.from_bytes(header[28:36], "little")
        for position, content in (
            (0, b"RIFF" + (size - 8).to_bytes(4, "little")),
            (12, b"JUNK"),  # EBU Tech 3306: the place of ds64 in a file that does not need it
            (data + 4, data_size.to_bytes(4, "little")),
        ):
            file.seek(position)
            file.write(content)


def _clear_time(path: Path) -> None:
    """Clear the time of writing, which libsndfile notes beside the peaks: equal sounds are equal files."""
    with path.open("r+b") as file:
        order: Literal["little", "big"] = "big" if file.read(12)[:4] == b"FORM" else "little"
        while len(header := file.read(8)) == 8 and header[:4] not in (b"data", b"SSND"):
            size = int.from_bytes(header[4:], order)
            if header[:4] == b"PEAK":
                file.seek(4, os.SEEK_CUR)  # version
                file.write(bytes(4))
                return
            file.seek(size + size % 2, os.SEEK_CUR)

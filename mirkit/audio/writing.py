"""Sound files that are being written: block by block, several with one gain, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mirkit._files import replacing
from mirkit._typing import Samples
from mirkit.audio.decoding import open_source
from mirkit.audio.encoding import Encoder, Encoding, encoding_of, full_scale_gain
from mirkit.audio.streaming import check_finite, checked_rate
from mirkit.errors import AudioError, ParameterError

if TYPE_CHECKING:
    from mirkit.audio import Audio


def stem_path(folder: str | os.PathLike[str], name: str, suffix: str) -> Path:
    """Return a stem's path; ParameterError if its name would lead out of the folder."""
    if not name or name in (".", "..") or any(character in name for character in "/\\\0"):
        raise ParameterError(f"a stem's name must be usable as a file name, got {name!r}")
    return Path(folder) / f"{name}{suffix}"


def write_files(audios: Mapping[Path, Audio], subtype: str | None) -> float:
    """Write files, all or none, and return their common gain."""
    if not audios:
        raise ParameterError("no stems to write; give at least one")
    encodings = {path: encoding_of(path, subtype) for path in audios}
    for path, audio in audios.items():
        if audio.samples.shape[1] == 0:
            raise AudioError(f"{path}: not written, since the sound has no samples")
        check_finite(path, audio.samples, 0, audio.sample_rate)
    peak = max(_peak(audio.samples) for audio in audios.values())
    gain = 1.0 if all(e.has_headroom for e in encodings.values()) else full_scale_gain(peak)
    with ExitStack() as stack:  # files take their names only when all are complete
        for path, audio in audios.items():
            temporary = stack.enter_context(_replacing(path))
            n_channels, n_samples = audio.samples.shape
            with Encoder(
                temporary, path, encodings[path], audio.sample_rate, n_channels, n_samples
            ) as encoder:
                encoder.write(audio.samples, gain)
    return gain


def _peak(samples: Samples) -> float:
    return float(max(samples.max(), -samples.min()))


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    if path.is_dir():
        raise AudioError(f"{path}: is a folder, so no sound file can be written there; choose another name")
    foreign: OSError | None = None  # from the caller's own code in the ``with`` block: not ours to explain
    try:
        with replacing(path) as temporary:
            try:
                yield temporary
            except OSError as error:
                foreign = error
                raise
    except OSError as error:
        if error is foreign:
            raise
        raise AudioError(
            f"{path}: cannot be written ({error}); check the folder's permissions and free space"
        ) from error


class StemWriter:
    """Stems that are being written block by block; made by `stem_writer`.

    Attributes
    ----------
    gain : float
        The common gain, known when the ``with`` block has ended; 1.0 before.
    n_samples : int
        Samples a channel and stem written so far.
    """

    def __init__(self, encoders: Mapping[str, Encoder], sample_rate: int, n_channels: int) -> None:
        self._encoders, self._sample_rate, self._n_channels = encoders, sample_rate, n_channels
        self.peak = 0.0
        self.gain = 1.0
        self.n_samples = 0

    def write(self, stems: Mapping[str, Audio]) -> None:
        """Append one block of every stem; all have the same length, the file's rate and channels."""
        if stems.keys() != self._encoders.keys():
            raise ParameterError(
                f"a block of each of {sorted(self._encoders)} was wanted, got {sorted(stems)}"
            )
        lengths = {audio.samples.shape[1] for audio in stems.values()}
        if len(lengths) > 1:
            raise ParameterError(f"the blocks of the stems differ in length: {sorted(lengths)} samples")
        for name, audio in stems.items():
            encoder = self._encoders[name]
            if (audio.sample_rate, audio.samples.shape[0]) != (self._sample_rate, self._n_channels):
                raise ParameterError(
                    f"{encoder.named}: was opened for {self._n_channels} channels at {self._sample_rate} Hz, "
                    f"got {audio.samples.shape[0]} at {audio.sample_rate} Hz"
                )
            check_finite(encoder.named, audio.samples, self.n_samples, self._sample_rate)
            if audio.samples.shape[1]:
                self.peak = max(self.peak, _peak(audio.samples))
            encoder.write(audio.samples)
        self.n_samples += lengths.pop()


class Writer:
    """A sound file that is being written block by block; made by `writer`.

    Attributes
    ----------
    gain : float
        The gain applied, known when the ``with`` block has ended; 1.0 before.
    n_samples : int
        Samples a channel written so far.
    """

    def __init__(self, stems: StemWriter) -> None:
        self._stems = stems

    @property
    def gain(self) -> float:
        """Gain applied, known once the file is closed."""
        return self._stems.gain

    @property
    def n_samples(self) -> int:
        """Samples written so far."""
        return self._stems.n_samples

    def write(self, audio: Audio) -> None:
        """Append a block of any length, of the file's rate and channels."""
        self._stems.write({"": audio})


@contextmanager
def open_stems(
    paths: Mapping[str, Path], sample_rate: int, n_channels: int, subtype: str | None
) -> Iterator[StemWriter]:
    """Open files for writing block by block with one gain.

    The gain of formats without headroom is known only at the end, so floating point copies are kept
    until then.
    """
    if not paths:
        raise ParameterError("no stems to write; name at least one")
    encodings = {name: encoding_of(path, subtype) for name, path in paths.items()}
    direct = all(encoding.has_headroom for encoding in encodings.values())
    with ExitStack() as stack:
        files: dict[str, Encoder] = {}
        copies: dict[str, Encoder] = {}
        for name, path in paths.items():
            temporary = stack.enter_context(_replacing(path))
            files[name] = stack.enter_context(
                Encoder(temporary, path, encodings[name], sample_rate, n_channels, None)
            )
            if not direct:
                copy = temporary.with_name("copy.wav" if temporary.name != "copy.wav" else "copy2.wav")
                copies[name] = stack.enter_context(
                    Encoder(copy, path, Encoding("WAV", "FLOAT"), sample_rate, n_channels, None)
                )
        writer = StemWriter(files if direct else copies, sample_rate, n_channels)
        yield writer
        if writer.n_samples == 0:
            raise AudioError(f"{next(iter(paths.values()))}: not written, since no samples came")
        writer.gain = 1.0 if direct else full_scale_gain(writer.peak)
        for name, copied in copies.items():
            copied.close()
            _transfer(copied.path, files[name], writer.gain)


def _transfer(path: Path, file: Encoder, gain: float) -> None:
    with open_source(path) as source:
        for _, piece in source.pieces({0: (0, None)}):
            file.write(piece, gain)


@contextmanager
def writer(
    path: str | os.PathLike[str], sample_rate: int, n_channels: int, *, subtype: str | None = None
) -> Iterator[Writer]:
    """Open a sound file for writing block by block; it takes its name when the ``with`` block succeeds.

    Parameters
    ----------
    path : str or Path
        See `write`.
    sample_rate, n_channels : int
        Of every block.
    subtype : str, optional
        See `write`. For other than floating point a float copy is kept beside the file until the peak
        is known.

    Yields
    ------
    Writer
        With ``write(audio)`` and, after the ``with`` block, ``gain``.

    Raises
    ------
    AudioError, ParameterError
        See `write`; no file is left then.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mirkit import audio
    >>> path = Path(tempfile.mkdtemp()) / "long.flac"
    >>> with audio.writer(path, 8000, 1) as file:
    ...     for _ in range(3):
    ...         file.write(audio.Audio(np.ones((1, 8000), np.float32), 8000))
    >>> audio.info(path).duration_s, file.gain
    (3.0, 1.0)
    """
    with open_stems({"": Path(path)}, checked_rate(sample_rate), n_channels, subtype) as stems:
        yield Writer(stems)


@contextmanager
def stem_writer(
    folder: str | os.PathLike[str],
    names: Iterable[str],
    sample_rate: int,
    n_channels: int,
    *,
    suffix: str = ".wav",
    subtype: str | None = None,
) -> Iterator[StemWriter]:
    """Open stems for writing block by block, with one common gain; see `write_stems` and `writer`.

    Parameters
    ----------
    folder : str or Path
        Where the files go.
    names : iterable of str
        Stems, each the name of a file without its suffix.
    sample_rate, n_channels : int
        Of every stem.
    suffix : str
        Format, by its suffix.
    subtype : str, optional
        As for `writer`.

    Yields
    ------
    StemWriter
        With ``write({name: audio, ...})`` and, after the ``with`` block, ``gain``.

    Raises
    ------
    AudioError, ParameterError
        See `write_stems`.
    """
    paths = {name: stem_path(folder, name, suffix) for name in names}
    with open_stems(paths, checked_rate(sample_rate), n_channels, subtype) as stems:
        yield stems

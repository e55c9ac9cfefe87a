"""Rendered stems to a multitrack in MedleyDB's layout: sound, activity and metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirkit._files import write_text
from mirkit._typing import Samples
from mirkit.data.medleydb import CONFIDENCE, METADATA, SOURCE_ID
from mirkit.errors import AudioError, ParameterError
from mirkit.multitrack import MultiTrack

__all__ = ["FULL_SCALE", "quantised", "write_activity", "write_metadata", "write_stems"]

FULL_SCALE = 32767
"""Integer that stands for 1.0; decoders divide by one more."""


def quantised(samples: Samples, gain: float = 1.0) -> np.ndarray:
    """Return samples times a gain as integers of 16 bits, unclipped in 32 bits.

    Parameters
    ----------
    samples : ndarray of shape (n_channels, n_samples)
    gain : float

    Returns
    -------
    ndarray of int32, of the same shape

    Examples
    --------
    >>> quantised(np.array([[0.0, 1.0, -2.0]], np.float32)).tolist()
    [[0, 32767, -65534]]
    """
    return np.asarray(np.rint(samples * np.float32(gain * FULL_SCALE)).astype(np.int32))


def write_stems(
    folder: Path, name: str, stems: Iterable[Samples], *, sample_rate: int, n_samples: int, gain: float = 1.0
) -> list[str]:
    """Write stems in 16 bits and the mix as the sum of their integers; return the stems' file names.

    The stems are taken one after another, so a generator keeps only one in memory.

    Parameters
    ----------
    folder : Path
        The song's folder; it gets ``<name>_STEMS`` and ``<name>_MIX.flac``.
    name : str
        The song's id.
    stems : iterable of ndarray of shape (2, any length)
        As they sound in the mix; shorter ones end in silence, longer ones are cut.
    sample_rate : int
        Hz.
    n_samples : int
        Length of every file.
    gain : float
        For all stems alike.

    Raises
    ------
    ParameterError
        If a stem or the mix would be clipped: the mix would no longer be the sum of the stems.
    """
    total = np.zeros((2, n_samples), np.int32)
    names: list[str] = []
    (folder / f"{name}_STEMS").mkdir()
    for k, stem in enumerate(stems, start=1):
        whole = np.zeros((2, n_samples), np.int32)
        whole[:, : stem.shape[1]] = quantised(stem[:, :n_samples], gain)
        total += whole
        names.append(f"{name}_STEM_{k:02d}.flac")
        _write_flac(folder / f"{name}_STEMS" / names[-1], whole, sample_rate)
    _write_flac(folder / f"{name}_MIX.flac", total, sample_rate)
    return names


def _write_flac(path: Path, whole: np.ndarray, sample_rate: int) -> None:
    if (peak := int(np.abs(whole).max(initial=0))) > FULL_SCALE:
        raise ParameterError(
            f"{path.name}: peak {peak / FULL_SCALE:.3f} would be clipped; lower the gain to "
            f"{FULL_SCALE / peak:.3f} of what it is"
        )
    write_flac(path, whole.astype(np.int16), sample_rate)


def write_flac(path: Path, samples: npt.NDArray[np.int16], sample_rate: int) -> None:
    """Write whole numbers ``(n_channels, n_samples)`` as they are, so that sums of files stay exact."""
    import soundfile

    try:
        soundfile.write(path, samples.T, sample_rate, subtype="PCM_16", compression_level=0.2)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path}: cannot be written ({error}); check the disk's free space") from error


def write_activity(folder: Path, song: MultiTrack) -> list[float]:
    """Write when each stem sounds, by both presets, and MedleyDB's source ids; return the active shares.

    Parameters
    ----------
    folder : Path
        Gets ``<id>_ACTIVITY.csv`` (preset ``level``, as intervals of stem ids),
        ``<id>_ACTIVATION_CONF.lab`` and ``<id>_SOURCEID.lab`` (preset ``medleydb``).
    song : MultiTrack
        Its stems are decoded one after another.

    Returns
    -------
    list of float
        For each stem, the part of the song in which it sounds, 0 to 1, by the preset ``level``.
    """
    from mirkit.annotation import formats

    level = song.stem_activity("level")
    formats.write_intervals_csv(folder / f"{song.id}_ACTIVITY.csv", level.intervals())
    confidence = song.stem_activity("medleydb")
    formats.write_activation_confidence(folder / f"{song.id}{CONFIDENCE}", confidence)
    instruments: Mapping[str, Sequence[str]] = {stem.id: stem.instrument for stem in song.stems}
    formats.write_source_id(folder / f"{song.id}{SOURCE_ID}", formats.source_id(confidence, instruments))
    return [round(float(share), 3) for share in level.values.mean(axis=1)]


def write_metadata(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write a song's metadata as YAML of plain values only, as `read_medleydb` wants it."""
    import yaml

    # A list used twice would be written as an alias, which readers may refuse; copies are written out.
    plain = json.loads(json.dumps(content))
    write_text(folder / f"{name}{METADATA}", yaml.safe_dump(plain, allow_unicode=True, sort_keys=True))

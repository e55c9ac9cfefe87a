"""Sounds for a page: compressed, all tracks of a deck with one gain and of one length; their outlines."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from mirkit._typing import Samples
from mirkit.audio import Audio
from mirkit.audio.encoding import full_scale_gain

Codec = Literal["opus", "mp3"]


class _Format(NamedTuple):
    mime: str
    container: str
    subtype: str
    compression: float
    rates: tuple[int, ...]


FORMATS = {  # about 90 kbit/s in stereo
    "opus": _Format("audio/ogg", "OGG", "OPUS", 0.85, (8000, 12000, 16000, 24000, 48000)),
    "mp3": _Format("audio/mpeg", "MP3", "MPEG_LAYER_III", 0.4, (16000, 22050, 24000, 32000, 44100, 48000)),
}

POINTS_S = 100
MAX_POINTS = 12_000
"""Points of an outline: so many a second, as long as they are not too many."""

PIECE_LENGTH = 1 << 16


def encode(sounds: Sequence[Audio], codec: Codec) -> list[bytes]:
    """Return each sound as a compressed file; all are as long as the longest and share one gain."""
    prepared = [_prepared(sound, FORMATS[codec].rates) for sound in sounds]
    n_samples = max(sound.samples.shape[1] for sound in prepared)
    gain = full_scale_gain(max(float(np.abs(sound.samples).max(initial=0.0)) for sound in prepared))
    return [
        _encoded(np.float32(gain) * _padded(sound.samples, n_samples), sound.sample_rate, FORMATS[codec])
        for sound in prepared
    ]


def _prepared(sound: Audio, rates: Sequence[int]) -> Audio:
    """Mono or stereo at the lowest rate of the codec that loses nothing, else at its highest."""
    sound = sound if sound.samples.shape[0] <= 2 else sound.mono()
    return sound.resample(next((rate for rate in rates if rate >= sound.sample_rate), rates[-1]))


def _padded(samples: Samples, n_samples: int) -> Samples:
    return np.pad(samples, ((0, 0), (0, n_samples - samples.shape[1])))


def _encoded(samples: Samples, sample_rate: int, form: _Format) -> bytes:
    import soundfile

    room = io.BytesIO()
    with soundfile.SoundFile(
        room,
        "w",
        sample_rate,
        samples.shape[0],
        form.subtype,
        format=form.container,
        compression_level=form.compression,
    ) as file:
        for start in range(0, samples.shape[1], PIECE_LENGTH):  # the encoder's stack grows with a write
            file.write(np.ascontiguousarray(samples[:, start : start + PIECE_LENGTH].T))
    return room.getvalue()


def outlines(sounds: Sequence[Audio], duration_s: float) -> list[np.ndarray]:
    """Return the largest magnitude around each of some times, the same for all, as bytes; 255 is the peak."""
    n_points = int(np.clip(duration_s * POINTS_S, 1, MAX_POINTS))
    loudest = max(1e-9, *(float(np.abs(sound.samples).max(initial=0.0)) for sound in sounds))
    found = []
    for sound in sounds:
        magnitudes = np.abs(sound.samples).max(axis=0)
        edges = np.floor(np.arange(n_points) * duration_s * sound.sample_rate / n_points).astype(np.intp)
        peaks = np.zeros(n_points)
        inside = edges < len(magnitudes)
        if inside.any():
            peaks[inside] = np.maximum.reduceat(magnitudes, edges[inside])
        found.append(np.rint(255 * peaks / loudest).astype(np.uint8))
    return found

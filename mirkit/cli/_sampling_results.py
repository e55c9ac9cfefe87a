"""What ``mirkit sampling`` writes of one sample in one song."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirkit.audio import Audio
    from mirkit.sampling import Detections, Model

PAUSE_S = 0.4
"""Between sample and hit in the pair of sounds to compare."""


def write(folder: Path, sample: Audio, song: Audio, result: Detections, *, title: str, figure: bool) -> None:
    """Write a result with its evidence and sounds into a folder."""
    result.write(folder)
    _write_pairs(folder, sample, song, result)
    if figure:
        from mirkit import _figures, sampling

        _figures.save(sampling.plot(result, title=title), folder / "evidence.png")


def _write_pairs(folder: Path, sample: Audio, song: Audio, result: Detections, most: int = 3) -> None:
    """Write the sample followed by what the song plays where it was found, at the song's rate."""
    import numpy as np

    from mirkit import audio

    if not result.present:
        return
    heard = sample.mono().resample(song.sample_rate).samples
    for k, index in enumerate(np.argsort(-result.confidence)[:most], start=1):
        start_s, end_s = result.intervals.times_s[index]
        hit = song.excerpt(max(0.0, start_s), min(end_s, song.duration_s)).mono().samples
        pause = np.zeros((1, round(PAUSE_S * song.sample_rate)), np.float32)
        parts = [_levelled(heard), pause, _levelled(hit)]
        audio.write(folder / f"pair_{k}.flac", audio.Audio(np.concatenate(parts, axis=1), song.sample_rate))


def _levelled(samples: Any) -> Any:
    import numpy as np

    return np.asarray(samples * (0.5 / max(float(np.abs(samples).max(initial=0.0)), 1e-6)), np.float32)


@lru_cache(maxsize=1)
def model(name_or_folder: str) -> Model:
    """Return a model; each process loads it once."""
    from mirkit import sampling

    return sampling.load(name_or_folder)


@lru_cache(maxsize=1)
def excerpt(path: Path, start_s: float, end_s: float | None) -> Audio:
    """Return part of a sound file; each process reads it once."""
    from mirkit import audio

    return audio.read(path, start_s=start_s, duration_s=None if end_s is None else end_s - start_s)

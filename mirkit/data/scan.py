"""One pass over a sound file in bounded memory: what a check needs to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit._typing import Samples, Signal
from mirkit.data.alignment import RATE_HZ

__all__ = ["Scan", "scan"]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What was heard in one file.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_samples : int
        Decoded samples in each channel.
    peak : float
        Largest absolute sample.
    coarse : ndarray of shape (n,)
        Mean over channels and over every millisecond.
    """

    sample_rate: int
    n_samples: int
    peak: float
    coarse: Signal

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


def scan(path: Path, stream: int = 0) -> Scan:
    """Return what is in a sound file, decoding it once.

    Parameters
    ----------
    path : Path
        Sound file.
    stream : int
        Audio stream within it.

    Returns
    -------
    Scan

    Raises
    ------
    AudioError
        If the file cannot be decoded to its end or holds samples that are not finite.
    """
    peak, n_samples, sample_rate = 0.0, 0, 1
    pieces: list[Signal] = []
    # Blocks of whole seconds hold whole milliseconds, so each can be summed up by itself.
    for block in audio.blocks(path, block_s=10.0, stream=stream):
        sample_rate = block.sample_rate
        n_samples += block.samples.shape[1]
        peak = max(peak, float(np.abs(block.samples).max()))
        pieces.append(_coarse(block.samples, sample_rate))
    return Scan(sample_rate, n_samples, peak, np.concatenate(pieces))


def _coarse(samples: Samples, sample_rate: int) -> Signal:
    n_samples = samples.shape[1]
    n_coarse = -(-n_samples * RATE_HZ // sample_rate)
    edges = np.arange(n_coarse + 1) * sample_rate // RATE_HZ
    edges[-1] = min(edges[-1], n_samples)
    lengths = np.diff(edges)
    starts, lengths = edges[:-1][lengths > 0], lengths[lengths > 0]
    return (np.add.reduceat(samples.mean(axis=0), starts) / lengths).astype(np.float32)

"""Whether stems and mix start together, judged by where each stem is found in the mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirkit._typing import Signal

__all__ = ["RATE_HZ", "Lag", "find_lag", "misaligned"]

RATE_HZ = 1000
"""Samples a second of the coarse signals that are compared."""

MAX_LAG_LENGTH = 10 * RATE_HZ
TOLERANCE_LENGTH = 20  # 20 ms: what an mp3 encoder may add is found, what nobody hears is not
SURE = 12.0  # the largest of 20,000 values of noise is about 4.5 times its deviation
CLEAR = 3.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Where one signal was found in another.

    Parameters
    ----------
    length : int
        Samples by which it comes too early; negative if too late.
    height : float
        Correlation there, in standard deviations of the noise.
    in_place : float
        The same at lag 0, give or take 20 ms.
    """

    length: int
    height: float
    in_place: float

    @property
    def is_sure(self) -> bool:
        """Whether the signal was found at all."""
        return self.height >= SURE

    @property
    def is_off(self) -> bool:
        """Whether it was found elsewhere than in place."""
        return self.is_sure and abs(self.length) > TOLERANCE_LENGTH

    @property
    def is_clear(self) -> bool:
        """Whether it was found there much rather than in place."""
        return self.height >= CLEAR * self.in_place


def misaligned(mix: Signal, stems: Sequence[Signal]) -> list[tuple[int | None, int]]:
    """Return which stems are shifted in time against a mix that should be their sum.

    Each stem is sought in the mix less all other stems, which holds little else, and in the mix itself,
    which also tells if the mix is shifted against all stems. Other gains or mastering hide shifts
    rather than inventing them, and so does a stem that cannot be heard in the mix.

    Parameters
    ----------
    mix : ndarray of shape (n_samples,)
        Mix at `RATE_HZ`.
    stems : sequence of ndarray of shape (n_samples,)
        Stems at `RATE_HZ`; lengths may differ a little.

    Returns
    -------
    list of (int or None, int)
        Index of the stem, or None where the mix is shifted against all of them, and by how many samples
        the stem (or the mix) comes too early.
    """
    n_samples = min(len(signal) for signal in (mix, *stems))
    mix = mix[:n_samples]
    rest = mix - sum((stem[:n_samples] for stem in stems), start=np.zeros(n_samples, np.float32))
    off: dict[int, int] = {}
    n_sure = 0
    for k, stem in enumerate(stems):
        alone = find_lag(stem[:n_samples], rest + stem[:n_samples])
        n_sure += alone.is_sure
        if alone.is_off and _confirmed(alone, find_lag(stem[:n_samples], mix)):
            off[k] = alone.length
    if len(off) > 1 and len(off) == n_sure and max(off.values()) - min(off.values()) <= 2:
        return [(None, -next(iter(off.values())))]
    return list(off.items())


def _confirmed(alone: Lag, in_mix: Lag) -> bool:
    # Without the stem in the mix, "alone" finds it in what the subtraction of the others left behind.
    return abs(alone.length - in_mix.length) <= 2 and (alone.is_clear or in_mix.is_clear)


def find_lag(one: Signal, other: Signal) -> Lag:
    """Return by how much ``one`` comes before its trace in ``other``.

    The phase transform (Knapp and Carter, IEEE Trans. ASSP 24, 1976) makes the peak sharp also for
    sustained tones and finds parts far below the level of the whole.

    Parameters
    ----------
    one, other : ndarray of shape (n_samples,)
        Signals at `RATE_HZ`; lags of up to 10 s are tried.

    Returns
    -------
    Lag

    Examples
    --------
    >>> one, rest = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32)
    >>> find_lag(one, 0.3 * np.roll(one, 300) + rest).length
    300
    """
    from scipy import fft

    n_fft = fft.next_fast_len(max(len(one), len(other)) + MAX_LAG_LENGTH, real=True)
    cross = fft.rfft(one, n_fft).conj() * fft.rfft(other, n_fft)
    size = np.abs(cross)
    floor = 1e-12 * float(size.max(initial=0.0))
    if floor == 0.0:
        return Lag(0, 0.0, 0.0)
    correlation = fft.irfft(cross / np.maximum(size, floor), n_fft)
    reach = min(MAX_LAG_LENGTH, n_fft // 2 - 1)
    heights = np.abs(np.concatenate([correlation[-reach:], correlation[: reach + 1]]))
    heights /= np.median(heights) / 0.6745 + 1e-20  # the median of noise is 0.6745 of its deviation
    best = int(np.argmax(heights))
    near = heights[max(0, reach - TOLERANCE_LENGTH) : reach + TOLERANCE_LENGTH + 1]
    return Lag(best - reach, float(heights[best]), float(near.max()))

"""Copies: a sample that was pasted as it is, neither transposed nor stretched, shows in the waveform itself.

The matched filter of a whitened sample sticks out of anything that is not the same recording, however soft it
is and whatever plays above it, noise and effects included. Loops that share a stroke stick out, too, but not
with the same gain throughout: each part of the sample must be there as loud as every other.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from mirkit._typing import Signal
from mirkit.audio import Audio

__all__ = ["CONFIDENCE", "Copy", "find_copies"]

CONFIDENCE = 0.98
"""Probability of a copy: of the benchmark's 1,476 pairs without the sample, none seemed to hold one."""
SAMPLE_RATE = 11025
N_FFT = 4096
SMOOTH_BINS = 31
HIGHEST = 0.9
"""Of the highest frequency: above it nothing is compared."""
BLOCK = 2**20
LEAST_PEAK = 20.0
"""Deviations of the correlation; other music stays below 9, shared strokes reach 40."""
LEAST_HELD = 0.97
N_STRETCHES = 12
SHORTEST_STRETCH_S = 0.05
FEWEST_STRETCHES = 3
GAIN_TOLERANCE = 0.5
OVERLAP = 0.2
"""Of the sample: places that overlap more are one."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One place where a sample was pasted.

    Parameters
    ----------
    start_s : float
        In the song, to a tenth of a millisecond.
    gain : float
        Of the sample in the song; negative if it was turned over.
    peak : float
        Height of the correlation in its deviations.
    """

    start_s: float
    gain: float
    peak: float


def find_copies(sample: Audio, song: Audio) -> list[Copy]:
    """Return where a song holds a sample as it is.

    Parameters
    ----------
    sample, song : Audio
        Any rates and channels.

    Returns
    -------
    list of Copy
        In the order of time; none if the sample is longer than the song.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((2, 44100)).astype(np.float32)
    >>> song = Audio(noise[:1], 22050)
    >>> [round(one.start_s, 2) for one in find_copies(song.excerpt(0.5, 1.0), song)]
    [0.5]
    """
    x, y = (one.mono().resample(SAMPLE_RATE).samples[0] for one in (sample, song))
    if not N_STRETCHES < len(x) <= len(y) or not x.any():
        return []
    plain_x, plain_y = x, y
    plain_energy = float(np.square(x, dtype=np.float64).sum())
    x, y = _whitened(x, y)
    energy = float(np.square(x, dtype=np.float64).sum())
    products = _correlated(x, y)
    fits = np.abs(products) / np.sqrt(energy * _energies(y, len(x)))
    # Where half the song is silent the median says nothing; white noise gives the least there can be.
    deviation = max(float(np.median(fits)) / 0.6745, len(x) ** -0.5)
    edges = _edges(len(x))
    weights = np.add.reduceat(np.square(x, dtype=np.float64), edges[:-1]) / energy
    found = []
    for at in _peaks(fits, LEAST_PEAK * deviation, max(1, len(x) // 8)):
        gain = float(products[at]) / energy
        parts = np.add.reduceat(x * y[at : at + len(x)], edges[:-1]) / energy
        steady = np.abs(parts / gain - weights) < GAIN_TOLERANCE * weights
        counted = weights > 0.5 / len(weights)
        if weights[steady].sum() >= LEAST_HELD and counted.sum() >= FEWEST_STRETCHES:
            loudness = float(plain_x @ plain_y[at : at + len(x)]) / plain_energy
            found.append(Copy(at / SAMPLE_RATE, loudness, float(fits[at]) / deviation))
    return _apart(found, (1 - OVERLAP) * len(x) / SAMPLE_RATE)


def _whitened(x: Signal, y: Signal) -> tuple[Signal, Signal]:
    """Return both through the filter that makes the song's long-term spectrum flat."""
    from scipy.fft import irfft, rfft
    from scipy.ndimage import uniform_filter1d

    padded = np.pad(y, (0, -len(y) % N_FFT)).reshape(-1, N_FFT)
    spectrum = np.zeros(N_FFT // 2 + 1)
    for first in range(0, len(padded), 256):
        frames = padded[first : first + 256] * np.hanning(N_FFT).astype(np.float32)
        spectrum += np.abs(rfft(frames, axis=1)).sum(axis=0)
    smooth = uniform_filter1d(spectrum, SMOOTH_BINS)
    # What resampling leaves near the highest frequency is its own, and different at the edge of a file.
    passed = np.clip((HIGHEST - np.linspace(0, 1, len(smooth))) * 20, 0, 1)
    flat = passed / (smooth + 1e-3 * smooth.max() + 1e-12)
    response = np.fft.fftshift(irfft(flat)) * np.hanning(N_FFT)
    response = (response / np.abs(response).max()).astype(np.float32)
    around = (N_FFT // 2, N_FFT // 2 - 1)
    backwards = response[::-1]  # filtering is correlation with it
    return _correlated(backwards, np.pad(x, around)), _correlated(backwards, np.pad(y, around))


def _correlated(x: Signal, y: Signal) -> np.ndarray:
    """Return the product of the sample with the song at each place, ``(len(y) - len(x) + 1,)``."""
    from scipy.fft import irfft, next_fast_len, rfft

    step = max(BLOCK, len(x))
    n = next_fast_len(step + len(x), real=True)
    reversed_spectrum = np.conj(rfft(x, n))
    found = np.empty(len(y) - len(x) + 1, np.float32)
    for first in range(0, len(found), step):
        block = y[first : first + step + len(x)]
        part = irfft(rfft(block, n) * reversed_spectrum, n)[: min(step, len(found) - first)]
        found[first : first + len(part)] = part
    return found


def _energies(y: Signal, length: int) -> np.ndarray:
    """Return the energy of the song under the sample at each place; silence as if it were soft."""
    total = np.concatenate([[0.0], np.cumsum(np.square(y, dtype=np.float64))])
    energies = total[length:] - total[:-length]
    return np.asarray(np.maximum(energies, 1e-4 * energies.max() + 1e-12))


def _edges(length: int) -> np.ndarray:
    n = int(np.clip(length / SAMPLE_RATE / SHORTEST_STRETCH_S, FEWEST_STRETCHES, N_STRETCHES))
    return np.linspace(0, length, n + 1).astype(int)


def _peaks(fits: np.ndarray, least: float, spacing: int) -> list[int]:
    """Return the highest place in each stretch of ``spacing`` that reaches ``least``."""
    places = np.flatnonzero(fits >= least)
    taken = np.zeros(len(fits), bool)
    found: list[int] = []
    for at in places[np.argsort(-fits[places], kind="stable")].tolist():
        if not taken[at]:
            found.append(at)
            taken[max(0, at - spacing + 1) : at + spacing] = True
    return found


def _apart(found: list[Copy], spacing_s: float) -> list[Copy]:
    """Return those of the copies, none of which overlap much, that together explain most of the song.

    A loop that is like itself a bar later fits between its places, too. The energy that a copy explains goes
    with its squared gain; the best set is found from left to right (weighted interval scheduling).
    """
    ordered = sorted(found, key=lambda copy: copy.start_s)
    starts = [copy.start_s for copy in ordered]
    energies = [0.0]
    before = [bisect_right(starts, start_s - spacing_s, hi=k) for k, start_s in enumerate(starts)]
    for k, one in enumerate(ordered):
        energies.append(max(energies[k], energies[before[k]] + one.gain**2))
    chosen, k = [], len(ordered)
    while k > 0:
        if energies[k] > energies[k - 1]:
            chosen.append(ordered[k - 1])
            k = before[k - 1]
        else:
            k -= 1
    return chosen[::-1]

"""The pitch contour of one voice: candidates from the normalised square difference, chosen by Viterbi.

A frame's candidates are the peaks of McLeod and Wyvill's normalised square difference function ("A smarter
way to find pitch", ICMC 2005), computed by FFT; the path through them weighs clarity, shortness of the
period and steps between frames. It has no weights to carry, no lowest or highest instrument, and no hop
that it must keep to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mirkit._typing import Frames, Signal
from mirkit.assessment.config import PitchConfig
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError

__all__ = ["Contour", "hz_to_midi", "track", "tuning_cents"]

BLOCK = 512
"""Frames at a time; bounds memory whatever the length of the recording."""
N_CANDIDATES = 6
ANALYSIS_RATE = 22050
PERIODS = 2.4
"""Of the lowest pitch in a window."""
SHORT = 12.0
FIRST = 0.6
"""Of the highest peak: what the first one must reach to be a candidate whatever comes later."""
REFINED_LAGS = (40, 200)
"""Short periods are measured on their multiples up to these lags, in samples of the analysis rate."""


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """Pitch, clarity and level of every frame.

    Parameters
    ----------
    grid : FrameGrid
        Frame ``k`` is centred on ``k * hop_s``.
    f0_hz : ndarray of shape (n_frames,)
        0 where no pitch is heard.
    clarity : ndarray of shape (n_frames,)
        Height of the chosen peak of the normalised square difference, at most 1; the best one of the frame
        where none was chosen.
    level_db : ndarray of shape (n_frames,)
        Level of the window, dB full scale.

    Raises
    ------
    ParameterError
        If the arrays do not fit the grid.

    Examples
    --------
    >>> grid = FrameGrid(0.0, 0.01, 2)
    >>> Contour.from_f0(grid, np.array([440.0, 0.0])).midi().tolist()
    [69.0, nan]
    """

    grid: FrameGrid
    f0_hz: Frames
    clarity: Frames
    level_db: Frames

    def __post_init__(self) -> None:
        for name in ("f0_hz", "clarity", "level_db"):
            shape = getattr(self, name).shape
            if shape != (self.grid.n_frames,):
                raise ParameterError(f"{name} must have shape ({self.grid.n_frames},), got {shape}")

    @classmethod
    def from_f0(cls, grid: FrameGrid, f0_hz: np.ndarray) -> Contour:
        """Return a contour of pitches alone, as other trackers give it: clear and loud where voiced."""
        f0_hz = np.asarray(f0_hz, np.float32)
        voiced = (f0_hz > 0).astype(np.float32)
        return cls(grid, f0_hz, voiced, np.where(voiced > 0, -20.0, -100.0).astype(np.float32))

    @property
    def voiced(self) -> np.ndarray:
        """Whether each frame has a pitch."""
        return self.f0_hz > 0

    def midi(self) -> np.ndarray:
        """Return pitches in MIDI numbers, NaN where there is none."""
        return hz_to_midi(self.f0_hz)


def hz_to_midi(f0_hz: np.ndarray) -> np.ndarray:
    """Return MIDI numbers of frequencies; NaN for 0.

    Parameters
    ----------
    f0_hz : ndarray
        Hz, 0 for no pitch.

    Returns
    -------
    ndarray
        69 is A4 = 440 Hz.

    Examples
    --------
    >>> hz_to_midi(np.array([880.0, 0.0])).tolist()
    [81.0, nan]
    """
    known = np.where(np.asarray(f0_hz) > 0, f0_hz, np.nan)
    return np.asarray(69.0 + 12.0 * np.log2(known / 440.0), dtype=np.float64)


def tuning_cents(midi: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return how far the whole is out of tune with A4 = 440 Hz: the peak of a circular histogram.

    Parameters
    ----------
    midi : ndarray of shape (n,)
        Pitches; NaN is left out.
    weights : ndarray of shape (n,), optional
        How much each counts.

    Returns
    -------
    float
        Cents in [-50, 50); 0.0 without any pitch.

    Examples
    --------
    >>> round(tuning_cents(np.array([60.21, 62.19, 64.2, 67.93])))
    20
    """
    midi = np.asarray(midi, float)
    known = np.isfinite(midi)
    if not known.any():
        return 0.0
    share = np.ones(known.sum()) if weights is None else np.asarray(weights, float)[known]
    counts, _ = np.histogram(np.mod(midi[known], 1.0), bins=100, range=(0.0, 1.0), weights=share)
    kernel = np.exp(-0.5 * (np.arange(-30, 31) / 8.0) ** 2)  # 8 cents: the width of a steady tone
    smooth = np.convolve(np.concatenate([counts[-30:], counts, counts[:30]]), kernel, "valid")
    peak = int(np.argmax(smooth))
    # The mean around the peak, on the circle, is finer than the bins.
    offset = np.mod(midi[known] - (peak + 0.5) / 100 + 0.5, 1.0) - 0.5
    near = np.abs(offset) < 0.2
    fine = float(np.average(offset[near], weights=share[near])) if share[near].sum() > 0 else 0.0
    cents = 100.0 * ((peak + 0.5) / 100 + fine)
    return float((cents + 50.0) % 100.0 - 50.0)


def track(
    audio: Audio,
    config: PitchConfig | None = None,
    *,
    fmin_hz: float | None = None,
    fmax_hz: float | None = None,
) -> Contour:
    """Return the pitch contour of a recording of one voice.

    Parameters
    ----------
    audio : Audio
        Channels are averaged; any rate.
    config : PitchConfig, optional
        Hop, range, costs.
    fmin_hz, fmax_hz : float, optional
        Lowest and highest pitch, instead of the configuration's.

    Returns
    -------
    Contour
        The same for the same sound at any gain.

    Raises
    ------
    ParameterError
        If the range is empty or outside what can be heard.

    Examples
    --------
    >>> time_s = np.arange(22050) / 22050
    >>> tone = Audio(0.5 * np.sin(2 * np.pi * 330 * time_s)[np.newaxis].astype(np.float32), 22050)
    >>> bool(abs(np.median(track(tone).f0_hz) - 330) < 0.2)
    True
    """
    config = config or PitchConfig()
    low, high = fmin_hz or config.fmin_hz, fmax_hz or config.fmax_hz
    if not 20.0 <= low < high <= 5000.0:
        raise ParameterError(f"pitch range must lie in 20 to 5000 Hz, low before high, got {low} to {high}")
    hop_s = config.hop_length / config.sample_rate
    n_frames = max(1, int(np.ceil(audio.duration_s / hop_s - 1e-9)))
    y = audio.mono().resample(ANALYSIS_RATE).samples[0]
    window = int(np.ceil(PERIODS * ANALYSIS_RATE / low))
    lags = int(np.ceil(ANALYSIS_RATE / low)) + 2
    parts = [
        _candidates(frames, lags, ANALYSIS_RATE / high)
        for frames in _frames(y, window, hop_s * ANALYSIS_RATE, n_frames)
    ]
    periods, heights, power = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    level_db = 10.0 * np.log10(np.maximum(power, 1e-12))
    audible = level_db > np.quantile(level_db, 0.95) - config.gate_db
    chosen = _viterbi(periods, heights, audible, config)
    rows = np.arange(n_frames)
    voiced = chosen < N_CANDIDATES
    at = np.where(voiced, chosen, 0)
    f0_hz = np.where(voiced, ANALYSIS_RATE / periods[rows, at], 0.0)
    clarity = np.where(voiced, heights[rows, at], heights.max(axis=1))
    as_float = [np.asarray(values, np.float32) for values in (f0_hz, clarity, level_db)]
    return Contour(FrameGrid(0.0, hop_s, n_frames), *as_float)


def _frames(y: Signal, window: int, hop: float, n_frames: int) -> Iterator[np.ndarray]:
    """Yield blocks of windows, ``(n_block, window)``, centred on multiples of the hop."""
    padded = np.pad(y, (window // 2, window))
    views = np.lib.stride_tricks.sliding_window_view(padded, window)
    starts = np.minimum(np.round(np.arange(n_frames) * hop).astype(int), len(views) - 1)
    for first in range(0, n_frames, BLOCK):
        yield views[starts[first : first + BLOCK]]


def _candidates(
    frames: np.ndarray, n_lags: int, shortest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return periods in samples and peak heights, ``(n_frames, N_CANDIDATES)``, and power ``(n_frames,)``."""
    from scipy import fft

    n_frames, window = frames.shape
    frames = frames - frames.mean(axis=1, keepdims=True)
    size = fft.next_fast_len(window + n_lags, real=True)
    spectrum = fft.rfft(frames, size, axis=1)
    product = fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1)[:, :n_lags]
    squares = np.cumsum(frames.astype(np.float64) ** 2, axis=1)
    energy = squares[:, -1:]
    lags = np.arange(n_lags)
    # energy of the part that a lag leaves at the start, and of the part at the end
    before = squares[:, window - 1 - lags]
    after = energy - np.concatenate([np.zeros((n_frames, 1)), squares[:, : n_lags - 1]], axis=1)
    nsdf = (2.0 * product / np.maximum(before + after, 1e-10)).astype(np.float32)
    inner = nsdf[:, 1:-1]
    peaks = (inner > nsdf[:, :-2]) & (inner >= nsdf[:, 2:]) & (inner > 0.2)
    peaks[:, : max(0, int(np.floor(shortest)) - 1)] = False
    # Long lags give peaks as high as the true period's: prefer short ones among equals.
    ranked = np.where(peaks, inner - 0.05 * np.log2(lags[1:-1] / 8.0 + 1.0), -np.inf)
    # The first high peak is always one of them: at a few samples a period it is seen between its values only.
    high = peaks & (inner > FIRST * np.where(peaks, inner, 0.0).max(axis=1, keepdims=True))
    first = high & (np.cumsum(high, axis=1) == 1)
    ranked[first] = 2.0
    best = np.argpartition(ranked, -N_CANDIDATES, axis=1)[:, -N_CANDIDATES:]
    rows = np.arange(n_frames)[:, np.newaxis]
    found = np.isfinite(ranked[rows, best])
    periods, heights = _refined(nsdf, best + 1, rows)
    for reach in REFINED_LAGS:
        periods, heights = _on_multiple(nsdf, periods, heights, rows, min(reach, n_lags - 3))
    heights = np.where(found, np.minimum(heights, 1.0), 0.0)
    return np.where(found, periods, 1.0), heights, energy[:, 0] / window


def _on_multiple(
    nsdf: np.ndarray, periods: np.ndarray, heights: np.ndarray, rows: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return periods measured on their largest multiple within reach that has a peak of like height."""
    n_lags = nsdf.shape[1]
    multiple = np.maximum(1, (reach // np.maximum(periods, 1.0)).astype(int))
    around = np.clip(np.round(periods * multiple).astype(int), 2, n_lags - 3)
    shifted = np.stack([nsdf[rows, around + step] for step in (-1, 0, 1)])
    finer, height = _refined(nsdf, around + np.argmax(shifted, axis=0) - 1, rows)
    finer = finer / multiple
    trusted = (height > 0.8 * heights) & (np.abs(finer - periods) < np.maximum(0.03 * periods, 0.3))
    # So few samples a period that its own peak falls between them: the multiple's height is the true one.
    heights = np.where(trusted & (periods < SHORT), np.maximum(heights, height), heights)
    return np.where(trusted, finer, periods), heights


def _refined(nsdf: np.ndarray, at: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return place and height of the parabola through three values."""
    left, mid, right = (nsdf[rows, at + step].astype(np.float64) for step in (-1, 0, 1))
    bend = left - 2 * mid + right
    step = np.where(np.abs(bend) > 1e-9, 0.5 * (left - right) / np.where(bend == 0, 1.0, bend), 0.0)
    step = np.clip(step, -0.5, 0.5)
    return at + step, mid - 0.25 * (left - right) * step


def _viterbi(
    periods: np.ndarray, heights: np.ndarray, audible: np.ndarray, config: PitchConfig
) -> np.ndarray:
    """Return the chosen candidate of each frame; ``N_CANDIDATES`` stands for no pitch."""
    n_frames = len(periods)
    octaves = np.log2(np.maximum(periods, 1.0))
    cost = np.full((n_frames, N_CANDIDATES + 1), np.inf)
    cost[:, :-1] = 1.0 - heights + config.octave_bias * octaves
    cost[:, :-1][heights <= 0] = 1e3
    # The bias that a clear frame's period pays is not held against voicing.
    clearest = octaves[np.arange(n_frames), heights.argmax(axis=1)]
    cost[:, -1] = 1.0 - config.voicing + config.octave_bias * clearest
    cost[~audible, :-1] = 1e3
    back = np.zeros((n_frames, N_CANDIDATES + 1), np.int8)
    total = cost[0]
    states = np.arange(N_CANDIDATES + 1)
    for first in range(1, n_frames, BLOCK):
        last = min(first + BLOCK, n_frames)
        steps = np.full((last - first, N_CANDIDATES + 1, N_CANDIDATES + 1), config.voicing_cost)
        jump = np.abs(octaves[first - 1 : last - 1, :, np.newaxis] - octaves[first:last, np.newaxis, :])
        steps[:, :-1, :-1] = config.jump_cost * np.minimum(jump, 1.0)
        steps[:, -1, -1] = 0.0
        for k in range(first, last):
            sums = steps[k - first]
            sums += total[:, np.newaxis]
            chosen = sums.argmin(axis=0)
            back[k] = chosen
            total = sums[chosen, states] + cost[k]
    path = np.empty(n_frames, np.int64)
    path[-1] = int(total.argmin())
    for k in range(n_frames - 1, 0, -1):
        path[k - 1] = back[k, path[k]]
    return path

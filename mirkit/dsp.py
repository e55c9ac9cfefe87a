"""Frames and spectra: functions of arrays, with the time axis last.

`FrameGrid` is the only place where frame numbers become seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mirkit._typing import Frames, Signal, Spectrum, Times
from mirkit.errors import ParameterError

__all__ = ["FrameGrid", "frame_rms", "hann", "log_mel", "mel_filterbank", "stft"]


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """Regular frames in time; frame ``k`` stands for ``[start_s + k * hop_s, start_s + (k + 1) * hop_s)``.

    Parameters
    ----------
    start_s : float
        Start of the first frame, seconds.
    hop_s : float
        Distance between the starts of two frames, seconds, above 0.
    n_frames : int
        Number of frames, 0 or more.

    Raises
    ------
    ParameterError
        If a value is out of range or not finite.

    Examples
    --------
    >>> grid = FrameGrid(start_s=0.0, hop_s=0.5, n_frames=4)
    >>> grid.times_s().tolist(), grid.index(1.2)
    ([0.0, 0.5, 1.0, 1.5], 2)
    """

    start_s: float
    hop_s: float
    n_frames: int

    def __post_init__(self) -> None:
        if not math.isfinite(self.start_s):
            raise ParameterError(
                f"start_s must be finite, got {self.start_s}; use 0.0 for the start of the audio"
            )
        if not (math.isfinite(self.hop_s) and self.hop_s > 0):
            raise ParameterError(f"hop_s must be a number of seconds above 0, got {self.hop_s}")
        if self.n_frames < 0:
            raise ParameterError(f"n_frames must be 0 or more, got {self.n_frames}")

    @property
    def end_s(self) -> float:
        """End of the last frame, seconds."""
        return self.start_s + self.n_frames * self.hop_s

    def times_s(self) -> Times:
        """Return the start of every frame.

        Returns
        -------
        ndarray of shape (n_frames,)
            Seconds.
        """
        return self.start_s + self.hop_s * np.arange(self.n_frames, dtype=np.float64)

    def index(self, time_s: float) -> int:
        """Return the number of the frame that holds a time; it may lie outside the grid.

        Parameters
        ----------
        time_s : float
            Seconds.

        Returns
        -------
        int
            Frame number, negative before the grid and ``n_frames`` or more behind it.
        """
        # A time that was written as k * hop_s must land in frame k in spite of rounding.
        return math.floor((time_s - self.start_s) / self.hop_s + 1e-6)


@lru_cache(maxsize=16)
def hann(window_length: int) -> Signal:
    """Return the periodic Hann window that spectral analysis uses.

    Parameters
    ----------
    window_length : int
        Samples.

    Returns
    -------
    ndarray of shape (window_length,)
        Values in [0, 1].
    """
    phase = 2.0 * np.pi * np.arange(window_length) / window_length
    window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    window.setflags(write=False)  # shared between calls
    return window


def stft(y: Signal, *, n_fft: int, hop_length: int, center: bool = True) -> Spectrum:
    """Return the short-time Fourier transform of a signal, as ``librosa.stft`` with zero padding.

    Parameters
    ----------
    y : ndarray of shape (..., n_samples)
        Signal; leading axes are kept.
    n_fft : int
        Samples in a frame, Hann-windowed.
    hop_length : int
        Samples between frames.
    center : bool
        Pad ``n_fft // 2`` zeros on both sides, so that frame ``k`` is centred on sample
        ``k * hop_length``.

    Returns
    -------
    ndarray of shape (..., 1 + n_fft // 2, n_frames)
        Complex spectrum, complex64.

    Raises
    ------
    ParameterError
        If the signal is shorter than one frame.

    Examples
    --------
    >>> stft(np.zeros(4096, np.float32), n_fft=1024, hop_length=256).shape
    (513, 17)
    """
    # (..., n_bins, n_frames), like librosa's; the frames before it lie contiguous in memory
    return np.swapaxes(_frame_spectra(y, n_fft, hop_length, center), -1, -2)


def _frame_spectra(y: Signal, n_fft: int, hop_length: int, center: bool) -> Spectrum:
    """Return one spectrum a row, ``(..., n_frames, n_bins)``."""
    from scipy import fft  # half a second of import that `mirkit --help` should not pay

    y = np.asarray(y, dtype=np.float32)
    if center:
        y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(n_fft // 2, n_fft // 2)])
    if y.shape[-1] < n_fft:
        raise ParameterError(
            f"the signal has {y.shape[-1]} samples, fewer than n_fft={n_fft}; pad it or use a smaller n_fft"
        )
    # A view: only the windowed product takes memory.
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft, axis=-1)[..., ::hop_length, :]
    return np.asarray(fft.rfft(frames * hann(n_fft), axis=-1))


@lru_cache(maxsize=16)
def mel_filterbank(sample_rate: int, n_fft: int, n_mels: int, fmin_hz: float, fmax_hz: float) -> np.ndarray:
    """Return librosa's Slaney-normalised triangular mel filters.

    Parameters
    ----------
    sample_rate, n_fft, n_mels : int
        As in ``librosa.filters.mel``.
    fmin_hz, fmax_hz : float
        Edges of the lowest and the highest filter, Hz.

    Returns
    -------
    ndarray of shape (n_mels, 1 + n_fft // 2)
        Weights, float32; shared between calls and therefore read-only.
    """
    from librosa import filters

    weights = filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin_hz, fmax=fmax_hz)
    weights.setflags(write=False)
    return weights


def log_mel(
    y: Signal,
    sample_rate: int,
    *,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    fmin_hz: float = 0.0,
    fmax_hz: float | None = None,
    floor_db: float = -80.0,
    center: bool = True,
) -> Frames:
    """Return the mel power spectrogram in decibels, floored at a fixed level.

    The floor is absolute (0 dB is a full-scale sine's order of magnitude), so a frame's value does
    not depend on the rest of the file and long files can be analysed in pieces.

    Parameters
    ----------
    y : ndarray of shape (..., n_samples)
        Signal.
    sample_rate : int
        Hz.
    n_fft, hop_length, n_mels : int
        As in librosa.
    fmin_hz, fmax_hz : float
        Frequency range; None means half the sample rate.
    floor_db : float
        Lowest value returned, dB.
    center : bool
        See `stft`.

    Returns
    -------
    ndarray of shape (..., n_mels, n_frames)
        Decibels, float32.

    Examples
    --------
    >>> silence = np.zeros(4410, np.float32)
    >>> round(log_mel(silence, 22050, n_fft=1024, hop_length=441, n_mels=40).max().item(), 3)
    -80.0
    """
    spectra = _frame_spectra(y, n_fft, hop_length, center)
    power = spectra.real**2 + spectra.imag**2  # (..., n_frames, n_bins)
    filters = mel_filterbank(sample_rate, n_fft, n_mels, float(fmin_hz), float(fmax_hz or sample_rate / 2))
    # The window's gain is divided out, so that levels do not depend on n_fft.
    mel = np.matmul(power, filters.T) / np.float32(hann(n_fft).sum() ** 2)  # (..., n_frames, n_mels)
    floor = np.float32(10.0 ** (floor_db / 10.0))
    decibels = 10.0 * np.log10(np.maximum(mel, floor))
    return np.ascontiguousarray(np.swapaxes(decibels, -1, -2), dtype=np.float32)


def frame_rms(y: Signal, *, frame_length: int, hop_length: int) -> Frames:
    """Return the root mean square of each frame; the end is padded with zeros.

    Parameters
    ----------
    y : ndarray of shape (..., n_samples)
        Signal.
    frame_length, hop_length : int
        Samples; frame ``k`` starts at sample ``k * hop_length``.

    Returns
    -------
    ndarray of shape (..., n_frames)
        ``n_frames = ceil(n_samples / hop_length)``.

    Examples
    --------
    >>> [round(float(level), 3) for level in frame_rms(np.ones(10), frame_length=4, hop_length=4)]
    [1.0, 1.0, 0.707]
    """
    y = np.asarray(y, dtype=np.float32)
    n_frames = -(-y.shape[-1] // hop_length)
    padding = max(0, (n_frames - 1) * hop_length + frame_length - y.shape[-1])
    if frame_length % hop_length == 0:  # frames are whole hops: sum each hop once
        n_hops = n_frames + frame_length // hop_length - 1
        whole = np.zeros((*y.shape[:-1], n_hops * hop_length), np.float32)
        whole[..., : y.shape[-1]] = y
        hops = whole.reshape(*y.shape[:-1], n_hops, hop_length)
        energy = np.einsum("...i,...i->...", hops, hops, dtype=np.float32)
        total = sum(energy[..., k : k + n_frames] for k in range(frame_length // hop_length))
        return np.asarray(np.sqrt(total / np.float32(frame_length)), dtype=np.float32)
    squares = np.pad(np.square(y, dtype=np.float64), [(0, 0)] * (y.ndim - 1) + [(0, padding)])
    total = np.concatenate([np.zeros((*y.shape[:-1], 1)), np.cumsum(squares, axis=-1)], axis=-1)
    starts = hop_length * np.arange(n_frames)
    energy = total[..., starts + frame_length] - total[..., starts]
    return np.asarray(np.sqrt(np.maximum(energy, 0.0) / frame_length), dtype=np.float32)

"""From stems to activity: MedleyDB's activation confidence and a level-based truth.

Two presets answer "does this stem sound now?":

``medleydb``
    `activation_confidence`, as published with MedleyDB (Bittner et al., ISMIR 2014) and used for the
    labels of MedleyDB and Mixing Secrets. Its threshold depends on the number of stems: 0.5 means
    15 % of the loudest total envelope divided by the number of stems.
``level``
    `level_activity`: the stem's RMS is within 50 dB of the mix peak, with a hang-over. It does not
    depend on how many other stems there are, and is the default for synthesised and grouped stems.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mirkit._typing import Frames, LabelFrames, Signal
from mirkit.dsp import frame_rms
from mirkit.errors import ParameterError

__all__ = ["CONFIDENCE_HOP_S", "CONFIDENCE_RATE", "LEVEL_HOP_S", "activation_confidence", "level_activity"]

CONFIDENCE_RATE = 44100
"""Sample rate at which MedleyDB's confidence is defined, Hz."""

CONFIDENCE_WINDOW_LENGTH = 4096
CONFIDENCE_HOP_LENGTH = CONFIDENCE_WINDOW_LENGTH // 2
CONFIDENCE_HOP_S = CONFIDENCE_HOP_LENGTH / CONFIDENCE_RATE

LEVEL_HOP_S = 0.01


def activation_confidence(
    stems: Iterable[Signal],
    *,
    cutoff: float = 0.075,
    theta: float = 0.15,
    slope: float = 20.0,
    amplitude_threshold: float = 0.01,
) -> LabelFrames:
    """Return MedleyDB's activation confidence of each stem of one song.

    Bittner et al., "MedleyDB: a multitrack dataset for annotation-intensive MIR research", ISMIR 2014,
    section 2.3.2, with the constants of the data set's own files.

    Parameters
    ----------
    stems : iterable of ndarray of shape (n_samples,)
        Mono stems at 44.1 kHz. They are taken one after the other, so a generator keeps only one in
        memory; shorter ones count as silent at their end.
    cutoff : float
        Low-pass cut-off as a fraction of the frame rate's Nyquist frequency.
    theta : float
        Relative envelope at which the confidence is 0.5.
    slope : float
        Steepness of the logistic function (lambda in the paper).
    amplitude_threshold : float
        Frames whose summed envelope lies below count as silent.

    Returns
    -------
    ndarray of shape (n_stems, n_frames)
        Confidence in [0, 1]; frame ``k`` is at ``k * CONFIDENCE_HOP_S`` seconds. Silence gives 0.0474.

    Raises
    ------
    ParameterError
        If there are no stems or one is not one-dimensional.

    Examples
    --------
    >>> stems = [np.zeros(44100, np.float32), np.sin(np.arange(44100, dtype=np.float32) / 9)]
    >>> [round(float(value), 4) for value in activation_confidence(stems)[:, 10]]
    [0.0474, 1.0]
    """
    n_frames = 0
    envelopes = []
    for stem in map(_mono, stems):
        envelopes.append(_envelope(stem))
        n_frames = max(n_frames, len(envelopes[-1]) - 1)
    if not envelopes:
        raise ParameterError("stems is empty; give at least one mono signal at 44.1 kHz")
    H = np.stack([np.pad(row, (0, max(0, n_frames - len(row))))[:n_frames] for row in envelopes])
    total = H.sum(axis=0)  # (n_frames,)
    if total.max() > 0:
        H *= len(envelopes) / total.max()
    H[:, total < amplitude_threshold] = 0.0
    return (1.0 - 1.0 / (1.0 + np.exp(slope * (_smooth(H, cutoff) - theta)))).astype(np.float32)


def level_activity(
    stems: Iterable[Signal],
    sample_rate: int,
    *,
    threshold_db: float = -50.0,
    hang_over_s: float = 0.25,
    hop_s: float = LEVEL_HOP_S,
) -> LabelFrames:
    """Return which stems sound, judged by their level against the peak of their sum.

    Parameters
    ----------
    stems : iterable of ndarray of shape (n_samples,)
        Mono stems, as they stand in the mix; taken one after the other.
    sample_rate : int
        Hz.
    threshold_db : float
        A frame is active if its RMS is above this level relative to the mix peak.
    hang_over_s : float
        Activity lasts this much longer, so that short gaps between notes do not count as rests.
    hop_s : float
        Distance between frames; each frame's RMS is taken over two hops centred on it.

    Returns
    -------
    ndarray of shape (n_stems, n_frames)
        0 or 1, float32; frame ``k`` stands for ``[k * hop_s, (k + 1) * hop_s)``.

    Raises
    ------
    ParameterError
        If there are no stems or one is not one-dimensional.

    Examples
    --------
    >>> tone = np.sin(np.arange(8000, dtype=np.float32))
    >>> stems = [tone, tone * 1e-4]
    >>> level_activity(stems, 8000).mean(axis=1).tolist()
    [1.0, 0.0]
    """
    hop_length = max(1, round(hop_s * sample_rate))
    mix = np.zeros(0, dtype=np.float32)
    levels: list[Frames] = []
    for stem in map(_mono, stems):
        mix = np.pad(mix, (0, max(0, len(stem) - len(mix))))
        mix[: len(stem)] += stem
        # Half a hop of zeros before the signal centres the two-hop frame on the hop it stands for.
        centred = np.pad(stem, (hop_length // 2, 0))
        levels.append(frame_rms(centred, frame_length=2 * hop_length, hop_length=hop_length))
    if not levels:
        raise ParameterError("stems is empty; give at least one mono signal")
    n_frames = -(-len(mix) // hop_length)
    limit = float(np.abs(mix).max(initial=0.0)) * 10.0 ** (threshold_db / 20.0)
    active = np.zeros((len(levels), n_frames), dtype=bool)
    for row, level in zip(active, levels, strict=True):
        n = min(n_frames, len(level))
        row[:n] = level[:n] > limit
    return _hold(active, round(hang_over_s / hop_s)).astype(np.float32)


def _mono(stem: Signal) -> Signal:
    stem = np.asarray(stem)
    if stem.ndim != 1:
        raise ParameterError(
            f"a stem must have shape (n_samples,), got {stem.shape}; use Audio.mono().samples[0]"
        )
    return stem


def _envelope(y: Signal, chunk_frames: int = 4096) -> np.ndarray:
    """Return the windowed mean of the square root of the half-wave rectified signal.

    One frame more than the signal has by itself: the end of a stem shorter than the others reaches into it.
    """
    window_length, hop_length = CONFIDENCE_WINDOW_LENGTH, CONFIDENCE_HOP_LENGTH
    # A symmetric Hann of two samples more, without its zero ends (MATLAB's hanning).
    window = np.hanning(window_length + 2)[1:-1] / window_length
    padded_length = -(-(len(y) + hop_length) // window_length) * window_length
    root = np.zeros(padded_length + hop_length, dtype=np.float32)
    np.sqrt(np.maximum(y, 0), out=root[hop_length : hop_length + len(y)])
    frames = np.lib.stride_tricks.sliding_window_view(root, window_length)[::hop_length]
    # Chunks bound the copy that the product makes of the overlapping view.
    chunks = [frames[k : k + chunk_frames] @ window for k in range(0, len(frames), chunk_frames)]
    return np.concatenate(chunks)


def _smooth(H: np.ndarray, cutoff: float) -> np.ndarray:
    """Return a zero-phase second-order Butterworth low-pass along time."""
    from scipy import signal

    b, a = signal.butter(2, cutoff)
    padlen = min(3 * max(len(a), len(b)), H.shape[-1] - 1)
    return np.asarray(signal.filtfilt(b, a, H, axis=-1, padlen=padlen))


def _hold(active: np.ndarray, n_frames: int) -> np.ndarray:
    """Return True in every frame that is active or follows an active one within ``n_frames``."""
    count = np.cumsum(np.pad(active, [(0, 0), (n_frames + 1, 0)]), axis=-1)
    return np.asarray(count[:, n_frames + 1 :] > count[:, : -(n_frames + 1)])

"""E2, the published descriptors that need no score: tuning, steadiness and rhythm of what was played."""

from __future__ import annotations

import numpy as np

from mirkit._typing import Signal
from mirkit.assessment._statistics import (
    histogram_six,
    named,
    of_histogram,
    over_notes,
    standard_deviation,
    statistics,
)
from mirkit.assessment.pitch import hz_to_midi
from mirkit.assessment.segmentation import published_notes

__all__ = ["NAMES", "describe"]

NAMES: dict[str, tuple[str, str]] = {
    "in_tune_share": (
        "share",
        "frames in the fullest of ten 10-cent bins, octaves and semitones folded, and its neighbours",
    ),
    **over_notes("pitch_std", "st", "the standard deviation of pitch in a note"),
    **over_notes("pitch_outliers", "share", "the share of frames farther than that from the note's mean"),
    **over_notes("amplitude_std", "", "the standard deviation over frames of the sum of |x|"),
    **over_notes("envelope_spikes", "share", "peaks of the smoothed slope of the envelope, for each frame"),
    "good_notes": (
        "share",
        "notes that do not have both a deviation above 0.1 st and more than 40 % outliers",
    ),
    **of_histogram("ioi", "histogram of 50 bins of times between onsets"),
}
"""Score-independent, 24."""


def describe(
    f0_hz: np.ndarray, y: Signal, *, sample_rate: int, hop_length: int, compat: bool = False
) -> dict[str, float]:
    """Return E2.

    Parameters
    ----------
    f0_hz : ndarray of shape (n_frames,)
        Contour, 0 for no pitch.
    y : ndarray of shape (n_samples,)
        Sound at peak 1.
    sample_rate, hop_length : int
        Of the frames.
    compat : bool
        See `describe`.

    Returns
    -------
    dict of str to float
    """
    notes = published_notes(f0_hz, y, sample_rate=sample_rate, hop_length=hop_length, min_note_s=0.1)
    rows = []
    for first, last, _ in notes:
        pitch = hz_to_midi(f0_hz[first:last])
        pitch = pitch[np.isfinite(pitch)]
        std = standard_deviation(pitch)
        outliers = float(np.mean(np.abs(pitch - pitch.mean()) > std)) if len(pitch) else 0.0
        blocks = _blocks(y[first * hop_length : last * hop_length], hop_length)
        rows.append(
            (
                std,
                outliers,
                standard_deviation(np.abs(blocks).sum(axis=1)),
                _spikes(np.abs(blocks).max(axis=1)),
            )
        )
    columns = np.array(rows).reshape(-1, 4)
    values = {"in_tune_share": _in_tune(f0_hz)}
    for k, name in enumerate(("pitch_std", "pitch_outliers", "amplitude_std", "envelope_spikes")):
        values |= statistics(name, columns[:, k])
    bad = (columns[:, 0] > 0.1) & (columns[:, 1] > 0.4)
    values["good_notes"] = float(1.0 - bad.mean()) if len(columns) else np.nan
    onsets = np.array([first for first, _, _ in notes]) * (1.0 if compat else hop_length) / sample_rate
    return values | named("ioi", histogram_six(np.diff(onsets), 50, compat=compat))


def _blocks(y: Signal, hop_length: int, length: int = 1024) -> np.ndarray:
    """Return windows of a note, ``(n_blocks, length)``; a short note is padded."""
    y = np.pad(y, (0, max(0, length - len(y))))
    return np.lib.stride_tricks.sliding_window_view(y, length)[::hop_length]


def _spikes(envelope: np.ndarray) -> float:
    slope = np.diff(envelope)
    if len(slope) < 5:
        return 0.0
    smooth = np.convolve(slope, np.full(5, 0.2), mode="same")
    peaks = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])
    return float(peaks.sum() / len(envelope))


def _in_tune(f0_hz: np.ndarray) -> float:
    midi = hz_to_midi(f0_hz)
    cents = np.mod(100.0 * midi[np.isfinite(midi)], 100.0)
    if not len(cents):
        return float("nan")
    counts, _ = np.histogram(cents, bins=10, range=(0.0, 100.0))
    top = int(np.argmax(counts))
    return float(counts[[top - 1, top, (top + 1) % 10]].sum() / counts.sum())

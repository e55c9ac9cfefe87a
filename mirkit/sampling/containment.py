"""Whether a song holds what a sample holds: other sounds add to it, nothing takes away from it.

Similarity rewards what both have, and a beat of the same kind has much of that. But where a sample was mixed
into a song, the song is at least as loud as the sample at each moment and frequency: differences of level
have a sharp lower edge, the gain. Filters move that edge from band to band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirkit.sampling.features import Patch

__all__ = ["DESCRIPTORS", "Contents", "contained", "contents", "tolerant"]

DESCRIPTORS: dict[str, str] = {
    "held_peaks": "share of the sample's partials and strokes that stand out in the song, too",
    "held_peaks_more": "that less what it is at other times in the song",
    "held_peaks_least": "least of that difference in the sample's quarters",
    "held_onsets": "share of the sample's onsets that the song has, too",
    "held_onsets_more": "that less what it is at other times in the song",
    "edge": "width of the lower edge of the differences of level, nepers, mean of bands",
    "edge_less": "how much wider it is at other times in the song",
    "edge_least": "width in the narrower half of the bands",
    "gain": "median difference of level, nepers",
    "all_held_peaks_more": "as held_peaks_more, of what all places of the transformation share",
    "all_held_onsets_more": "as held_onsets_more, of that",
    "all_edge": "as edge, of that",
}
"""Name to meaning, in the order of the columns."""

SALIENT_PEAK, SALIENT_ONSET, SALIENT_LEVEL = 0.5, 0.7, 1.5
"""Nepers above the neighbours, above the moment before, and above the floor, from which a bin counts."""
MOST_POINTS = 2000
BAND = 32
"""Rows within which the gain is taken to be the same."""
FEWEST_IN_BAND = 8
LOWER, MIDDLE = 0.15, 0.5
"""Quantiles between which the edge is measured."""
ELSEWHERE = (0.19, 0.37, 0.53, 0.71, 0.89)
"""Shares of its length by which a song is turned to see what chance gives."""
MOST_PLACES = 6
"""So many of the best places are compared for what they share."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Bins of a sample that stand out.

    Parameters
    ----------
    bins, rows : ndarray of shape (n,)
        Frequency bin, and index into the frames that the search used.
    weight : ndarray of shape (n,)
        By how much it stands out, nepers.
    level : ndarray of shape (n,)
        Nepers above the floor.
    """

    bins: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    level: np.ndarray


def contents(sample: Patch, rows: np.ndarray) -> tuple[Contents, Contents]:
    """Return what stands out among frequencies and what in time, thinned out evenly if there is much.

    Parameters
    ----------
    sample : ndarray of shape (n_channels, n_bins, n_frames)
        See `mirkit.sampling.features.patch`.
    rows : ndarray of shape (n_rows,)
        Frames that the search used.
    """
    level = sample[3][:, rows]
    found = []
    for channel, least in ((0, SALIENT_PEAK), (2, SALIENT_ONSET)):
        values = sample[channel][:, rows]
        bins, at = np.nonzero((values > least) & (level > SALIENT_LEVEL))
        kept = np.unique(np.linspace(0, max(0, len(bins) - 1), min(len(bins), MOST_POINTS)).astype(int))
        bins, at = bins[kept], at[kept]
        found.append(Contents(bins, at, values[bins, at], level[bins, at]))
    return found[0], found[1]


def tolerant(song: Patch) -> np.ndarray:
    """Return peaks, onsets and levels of a song, each the greatest within one bin and one frame.

    Parameters
    ----------
    song : ndarray of shape (n_channels, n_bins, n_frames)
        See `mirkit.sampling.features.patch`.

    Returns
    -------
    ndarray of shape (3, n_bins, n_frames)
    """
    from scipy.ndimage import maximum_filter

    return np.stack([maximum_filter(song[channel], size=3, mode="nearest") for channel in (0, 2, 3)])


def contained(
    sample: tuple[Contents, Contents], song: np.ndarray, shift: int, offsets: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Return how far a song holds a sample at places of one transposition and tempo.

    Parameters
    ----------
    sample : (Contents, Contents)
        From `contents`.
    song : ndarray of shape (3, n_bins, n_frames)
        From `tolerant`.
    shift : int
        Bins up.
    offsets : ndarray of shape (n_rows,)
        Song frames after the beginning at which each row of the sample is due.
    at : ndarray of shape (n_places,)
        Frames where the sample begins, the best place first.

    Returns
    -------
    ndarray of shape (n_places, n_descriptors)
    """
    peaks, onsets = (_transposed(one, shift, song.shape[1]) for one in sample)
    room = max(1, song.shape[2] - int(offsets[-1]))
    turns = [0, *(round(share * room) for share in ELSEWHERE)]
    rows = np.stack([
        _measured(peaks, onsets, song, offsets, (at + turn) % room, len(offsets)) for turn in turns
    ])  # (n_turns, 1 + n_places, n_measures): what all share first  # fmt: skip
    here, chance = rows[0], rows[1:].mean(axis=0)
    more = here - chance
    held, least, held_onsets, edge, edge_least, gain = range(6)
    shared = [more[0, held], more[0, held_onsets], here[0, edge]]
    return np.array([
        [
            one[held], other[held], one[least] - away[held], one[held_onsets], other[held_onsets],
            one[edge], -other[edge], one[edge_least], one[gain], *shared,
        ]
        for one, other, away in zip(here[1:], more[1:], chance[1:], strict=True)
    ]).reshape(len(at), len(DESCRIPTORS))  # fmt: skip


def _transposed(one: Contents, shift: int, n_bins: int) -> Contents:
    inside = (one.bins + shift >= 0) & (one.bins + shift < n_bins)
    return Contents(one.bins[inside] + shift, one.rows[inside], one.weight[inside], one.level[inside])


def _measured(
    peaks: Contents, onsets: Contents, song: np.ndarray, offsets: np.ndarray, at: np.ndarray, n_rows: int
) -> np.ndarray:
    """Return six measures of what the best places share and of each place, ``(1 + n_places, 6)``."""
    columns = np.minimum(at[:, np.newaxis] + offsets[peaks.rows], song.shape[2] - 1)
    found = _with_shared(song[0][peaks.bins, columns])
    level = _with_shared(song[2][peaks.bins, columns])
    held = np.minimum(found / np.maximum(peaks.weight, 1e-6), 1.0) * peaks.weight
    quarter = peaks.rows * 4 // max(1, n_rows)
    by_quarter = np.stack([
        held[:, quarter == k].sum(axis=1) / (peaks.weight[quarter == k].sum() + 1e-6)
        for k in range(4) if (quarter == k).any()
    ] or [np.zeros(len(held))])  # fmt: skip
    columns = np.minimum(at[:, np.newaxis] + offsets[onsets.rows], song.shape[2] - 1)
    struck = _with_shared(song[1][onsets.bins, columns])
    struck = np.minimum(struck / np.maximum(onsets.weight, 1e-6), 1.0) * onsets.weight
    difference = level - peaks.level
    widths = _edges(difference, peaks.bins)
    return np.stack([
        held.sum(axis=1) / (peaks.weight.sum() + 1e-6),
        by_quarter.min(axis=0),
        struck.sum(axis=1) / (onsets.weight.sum() + 1e-6),
        widths.mean(axis=0),
        np.sort(widths, axis=0)[: max(1, len(widths) // 2)].mean(axis=0),
        np.median(difference, axis=1) if difference.shape[1] else np.zeros(len(difference)),
    ], axis=1)  # fmt: skip


def _with_shared(values: np.ndarray) -> np.ndarray:
    """Return values with one more row before them: the lower median of the best places."""
    best = np.sort(values[:MOST_PLACES], axis=0)
    return np.concatenate([best[(len(best) - 1) // 2 : (len(best) - 1) // 2 + 1], values])


def _edges(difference: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the width of the lower edge in each band with enough points, ``(n_bands, n_places)``."""
    found = []
    for band in np.unique(bins // BAND):
        mine = difference[:, bins // BAND == band]
        if mine.shape[1] >= FEWEST_IN_BAND:
            low, middle = np.quantile(mine, (LOWER, MIDDLE), axis=1)
            found.append(middle - low)
    return np.stack(found) if found else np.full((1, len(difference)), 2.0)

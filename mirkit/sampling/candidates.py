"""From a field of fits to candidates: where the sample may be, described for a classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirkit.sampling.config import Config
from mirkit.sampling.containment import DESCRIPTORS as OF_CONTAINMENT
from mirkit.sampling.containment import contained, contents, tolerant
from mirkit.sampling.features import Patch
from mirkit.sampling.search import (
    Field,
    Hypothesis,
    hypotheses,
    normalised_frames,
    peaks,
    search,
    similarity,
    spacing_of,
)

__all__ = ["DESCRIPTORS", "Candidates", "find"]

DESCRIPTORS: dict[str, str] = {
    "z": "fit, deviations above the mean of all that was tried",
    "z_sound": "the same of what sounds",
    "z_change": "the same of what is new",
    "raw_sound": "how alike what sounds is, as it is",
    "raw_change": "how alike what is new is, as it is",
    "relative": "fit less the best in the song",
    "hypothesis": "score of its transposition and tempo",
    "rank": "place of that among all",
    "lead": "that score less the best one elsewhere",
    "shift_contrast": "fit less the median at other transpositions",
    "tempo_contrast": "fit less the median at other tempos",
    "time_contrast": "fit less the median around it",
    "n_alike": "candidates of this transposition and tempo with at least 0.7 of the best fit, logarithm",
    "regularity": "how near their distances are to multiples of the shortest one",
    "worst_quarter": "least fit of the sample's quarters",
    "active_share": "share of the sample that is there",
    "evenness": "deviation over mean of the fit along the path",
    "duration_s": "length of the sample, logarithm",
    "shift_st": "size of the transposition",
    "tempo": "size of the change of tempo, logarithm",
    "turntable": "distance from transposing by playing faster, semitones",
    "density": "share of the sample's bins that stand out",
    "onset_rate": "onsets of the sample",
    "self_fit": "best fit of the sample to itself elsewhere",
    "song_spread": "highest fit of the song at other transpositions, best of three",
    **OF_CONTAINMENT,
}
"""Name to meaning, in the order of the columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Places where a sample may occur in a song.

    Parameters
    ----------
    times_s : ndarray of shape (n, 2)
        Start and end of what is there of the sample.
    pitch_shift_st, tempo_ratio : ndarray of shape (n,)
        Transformation.
    X : ndarray of shape (n, n_descriptors)
        Descriptors for the forest.
    paths : list of ndarray of shape (2, 2)
        Seconds in sample and song at both ends of each path.
    """

    times_s: np.ndarray
    pitch_shift_st: np.ndarray
    tempo_ratio: np.ndarray
    X: np.ndarray
    paths: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.times_s)


def find(sample: Patch, song: Patch, config: Config) -> Candidates:
    """Return the candidates for a sample in a song, found along straight paths.

    Parameters
    ----------
    sample, song : ndarray of shape (n_channels, n_bins, n_frames)
        See `mirkit.sampling.features.patch`.
    config : Config
        Features and search.

    Returns
    -------
    Candidates
        None if the song is shorter than the sample at the fastest tempo.
    """
    step_st, hop_s = config.features.step_st, config.features.hop_s
    field = search(sample, song, config.search, step_st=step_st)
    found = hypotheses(field, config.search, step_st=step_st)
    about = _about(sample, config)
    framed = normalised_frames(song)
    holds, heard = contents(sample, field.rows), tolerant(song)
    n_bins = len(field.shifts_bins)
    times, shifts, tempos, rows, paths = [], [], [], [], []
    for rank, one in enumerate(found):
        near = (
            slice(max(0, one.shift - 1), min(n_bins, one.shift + 2)),
            slice(max(0, one.tempo - 1), one.tempo + 2),
        )
        curve = field.z[near].max(axis=(0, 1))
        at = peaks(curve, spacing_of(field, one.tempo, config.search), config.search.n_candidates,
                   config.search.min_z)  # fmt: skip
        if not len(at):
            continue
        matrices = similarity(sample[:, :, field.rows], framed, int(field.shifts_bins[one.shift]))
        shared = _of_hypothesis(field, found, rank, curve[at], at)
        held = contained(holds, heard, int(field.shifts_bins[one.shift]), field.offsets[one.tempo], at)
        for t, fit, holding in zip(at, curve[at], held, strict=True):
            along = _along(field, matrices, one.tempo, int(t))
            first, last, own = _path(along)
            ratio, shift_st = float(field.tempos[one.tempo]), float(field.shifts_bins[one.shift] * step_st)
            ends = field.rows[[first, last]] * hop_s
            path = np.stack([ends, t * hop_s + ends / ratio], axis=1)
            times.append([path[0, 1], path[1, 1] + hop_s])
            shifts.append(shift_st)
            tempos.append(ratio)
            paths.append(path)
            rows.append([
                *_of_place(field, near, int(t), float(fit)), *shared, *own, about["duration_s"],
                abs(shift_st), abs(np.log(ratio)), abs(12 * np.log2(ratio) - shift_st),
                about["density"], about["onset_rate"], about["self_fit"], _elsewhere(field, one), *holding,
            ])  # fmt: skip
    X = np.array(rows, dtype=np.float32).reshape(-1, len(DESCRIPTORS))
    return Candidates(np.array(times).reshape(-1, 2), np.array(shifts), np.array(tempos), X, paths)


def _of_place(field: Field, near: tuple[slice, slice], t: int, fit: float) -> list[float]:
    """Return fits: the descriptors that are the place's own."""
    parts = np.array([part[near][:, :, t].max() for part in field.z_parts])
    raw = parts * field.scale[:, 1] + field.scale[:, 0]
    return [fit, *map(float, parts), *map(float, raw), fit - float(field.z.max())]


def _of_hypothesis(
    field: Field, found: list[Hypothesis], rank: int, fits: np.ndarray, at: np.ndarray
) -> list[float]:
    one = found[rank]
    others = [other.score for k, other in enumerate(found) if k != rank]
    best = float(fits[0])
    t = int(at[0])
    apart = np.abs(np.arange(len(field.shifts_bins)) - one.shift) > 3
    shift_contrast = best - _median(field.z[apart, one.tempo, t])
    apart = np.abs(np.arange(len(field.tempos)) - one.tempo) > 1
    tempo_contrast = best - _median(field.z[one.shift, apart, t])
    around = field.z[one.shift, one.tempo, max(0, t - 100) : t + 100]
    alike = np.sort(at[fits > 0.7 * best])
    return [
        one.score,
        float(rank),
        one.score - (max(others) if others else 0.0),
        shift_contrast,
        tempo_contrast,
        best - _median(around),
        float(np.log1p(len(alike))),
        _regularity(alike),
    ]


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else 0.0


def _regularity(at: np.ndarray) -> float:
    """Return 1 if all distances are multiples of the shortest one, 0 if they are anything; 0.5 if unknown."""
    steps = np.diff(at)
    if len(steps) < 2:
        return 0.5
    ratios = steps / max(int(steps.min()), 1)
    return float(1.0 - 4.0 * np.minimum(np.abs(ratios - np.round(ratios)), 0.25).mean())


def _along(field: Field, matrices: np.ndarray, k: int, t: int) -> np.ndarray:
    """Return the fit of each row of the sample, in deviations, ``(n_rows,)``."""
    columns = np.minimum(t + field.offsets[k], matrices.shape[2] - 1)
    n_rows = len(field.rows)
    values = matrices[:, np.arange(n_rows), columns]
    return np.asarray(((values - field.scale[:, :1]) / field.scale[:, 1:]).mean(axis=0))


def _path(along: np.ndarray) -> tuple[int, int, list[float]]:
    """Return first and last row that are there, and three descriptors of the fit along the path."""
    width = max(1, len(along) // 16)
    smooth = np.convolve(np.pad(along, width, mode="edge"), np.ones(2 * width + 1) / (2 * width + 1), "valid")
    quarters = [float(part.mean()) for part in np.array_split(along, min(4, len(along)))]
    strong = float(np.mean(np.sort(smooth)[-max(1, len(smooth) // 2) :]))
    first, last = _largest_stretch(smooth - 0.35 * strong)
    mean = float(along.mean())
    return (
        first,
        last,
        [min(quarters), (last + 1 - first) / len(along), float(along.std() / (abs(mean) + 0.1))],
    )


def _largest_stretch(values: np.ndarray) -> tuple[int, int]:
    """Return the first and last index of the stretch with the largest sum."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    lowest = np.minimum.accumulate(sums)
    last = int(np.argmax(sums[1:] - lowest[:-1]))
    first = int(np.argmin(sums[: last + 1]))
    return first, last


def _elsewhere(field: Field, one: Hypothesis) -> float:
    """Return the best fit at transpositions farther than a semitone, that no sample of this one explains."""
    apart = np.abs(field.shifts_bins - field.shifts_bins[one.shift]) > 3
    return float(field.z[apart].max()) if apart.any() else 0.0


def _about(sample: Patch, config: Config) -> dict[str, float]:
    """Return what is known of the sample alone."""
    n_frames = sample.shape[2]
    peaks_channel, _, onsets, _ = sample
    framed = normalised_frames(sample)
    itself = similarity(sample, framed, 0)[0]
    diagonals = [float(np.diagonal(itself, lag).mean()) for lag in range(n_frames // 2)]
    apart = diagonals[max(3, n_frames // 16) :]
    return {
        "duration_s": float(np.log(n_frames * config.features.hop_s)),
        "density": float((peaks_channel > 0.5).mean()),
        "onset_rate": float((onsets.sum(axis=0) > 2 * onsets.sum(axis=0).mean()).mean()),
        "self_fit": max(apart) / (diagonals[0] + 1e-9) if apart else 0.0,
    }

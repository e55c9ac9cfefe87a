"""Measures of separation: functions of arrays, and `evaluate` over songs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mirkit._typing import Samples
from mirkit.activation import LEVEL_HOP_S, level_activity
from mirkit.errors import ParameterError
from mirkit.separation.bss import MEASURES, bss_eval_target
from mirkit.separation.result import Separation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Scores", "evaluate", "leakage_db", "sdr", "si_sdr"]

COLUMNS = (*MEASURES, "sdr_global", "si_sdr", "leakage_db", "activity_auc", "activity_f1", "n_windows")
"""Measures of each song and target."""

PCM_STEPS = 32768.0
"""References are rounded to 16 bits, as WAV data sets are: see `evaluate`."""

NO_LEAKAGE_DB = -120.0


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Measures of each target in each song.

    Parameters
    ----------
    songs, targets : tuple of str
        Rows and columns of each array.
    table : mapping of str to ndarray of shape (n_songs, n_targets)
        Measure to values; NaN where it is not defined.
    """

    songs: tuple[str, ...]
    targets: tuple[str, ...]
    table: Mapping[str, np.ndarray]

    @property
    def summary(self) -> dict[str, dict[str, float]]:
        """Measure to target to the median over the songs where it is defined."""
        return {
            measure: {target: _median(column) for target, column in zip(self.targets, values.T, strict=True)}
            for measure, values in self.table.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values for strict JSON; what is not defined or infinite is None."""
        return {
            "summary": {
                measure: {target: _finite(value) for target, value in row.items()}
                for measure, row in self.summary.items()
            },
            "songs": {
                song: {
                    target: {measure: _finite(value) for measure, value in row.items()}
                    for target, row in rows.items()
                }
                for song, rows in self._rows().items()
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Scores:
        """Return what `to_json` gave; what was infinite is NaN."""
        return _from_rows(
            {
                song: {
                    target: {name: math.nan if value is None else value for name, value in row.items()}
                    for target, row in rows.items()
                }
                for song, rows in content["songs"].items()
            }
        )

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Return the scores of several sets of songs as one."""
        return _from_rows({song: rows for part in parts for song, rows in part._rows().items()})

    def _rows(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return song to target to measure to value."""
        return {
            song: {
                target: {measure: float(values[k, j]) for measure, values in self.table.items()}
                for j, target in enumerate(self.targets)
            }
            for k, song in enumerate(self.songs)
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, one row for each song and target."""
        import pandas as pd

        index = pd.MultiIndex.from_product([self.songs, self.targets], names=["song", "target"])
        return pd.DataFrame({name: values.ravel() for name, values in self.table.items()}, index=index)


def evaluate(
    references: Sequence[Separation],
    estimates: Sequence[Separation],
    *,
    names: Sequence[str] | None = None,
    window_s: float = 1.0,
    filter_length: int = 512,
) -> Scores:
    """Return how well stems were separated.

    Each target that both have is scored against everything else in the mixture, which is the sum of the
    reference's stems.

    Parameters
    ----------
    references : sequence of Separation
        True stems of each song, which sum to its mixture; silence for a target that a song lacks.
    estimates : sequence of Separation
        Of the same songs, with the same rate, channels and length.
    names : sequence of str, optional
        Names of the songs; numbers if None.
    window_s : float
        Window of BSS Eval; a song's value is the median over its windows.
    filter_length : int
        Taps of BSS Eval's distortion filters.

    Returns
    -------
    Scores
        ``sdr``, ``isr``, ``sir``, ``sar``: BSS Eval v4, median over windows, see `bss_eval_target`.
        ``sdr_global``, ``si_sdr``: of the whole song, see `sdr` and `si_sdr`. ``leakage_db``: see
        there. ``activity_auc``, ``activity_f1``: how well the estimate's probabilities, if it has any,
        tell the frames where the target sounds; at a threshold of 0.5 for F1. ``n_windows``: windows
        in which the target sounds.

    Raises
    ------
    ParameterError
        If the sequences do not match, or a pair differs in rate or shape or has no target in common.

    Notes
    -----
    References are rounded to 16 bits first, which leaves those from 16-bit files as they are. Without
    that noise floor, stems decoded from lossy files hold bands without any energy, the projections of
    BSS Eval are numerically singular, and ISR, SIR and SAR mean nothing.
    """
    if len(references) != len(estimates) or not references:
        raise ParameterError(
            f"references and estimates must match, got {len(references)} and {len(estimates)}"
        )
    songs = [str(k) for k in range(len(references))] if names is None else list(names)
    if len(set(songs)) != len(references):
        raise ParameterError(f"names must be one for each of {len(references)} songs, each once, got {songs}")
    rows = {
        song: _song(reference, estimate, window_s, filter_length)
        for song, reference, estimate in zip(songs, references, estimates, strict=True)
    }
    return _from_rows(rows)


def _from_rows(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Scores:
    """Return song to target to measure to value as arrays; what is not there is NaN."""
    targets = tuple(dict.fromkeys(target for row in rows.values() for target in row))
    table = {
        measure: np.array(
            [[row.get(target, {}).get(measure, math.nan) for target in targets] for row in rows.values()]
        ).reshape(len(rows), len(targets))
        for measure in COLUMNS
    }
    return Scores(tuple(rows), targets, table)


def _song(
    reference: Separation, estimate: Separation, window_s: float, filter_length: int
) -> dict[str, dict[str, float]]:
    mixture = reference.mixture().samples
    shapes = (estimate.sample_rate, next(iter(estimate.stems.values())).samples.shape)
    if shapes != (reference.sample_rate, mixture.shape):
        raise ParameterError(
            f"an estimate has {shapes[1]} samples at {shapes[0]} Hz, its reference {mixture.shape} at "
            f"{reference.sample_rate} Hz; separate the sum of the reference's stems"
        )
    targets = [target for target in estimate.stems if target in reference.stems]
    if not targets:
        raise ParameterError(f"no target in common: {list(reference.stems)} and {list(estimate.stems)}")
    rate = reference.sample_rate
    rows = {}
    for target in targets:
        true = _as_pcm(reference.stems[target].samples)
        rest = _as_pcm(mixture - reference.stems[target].samples)
        found = estimate.stems[target].samples
        windows = bss_eval_target(
            true, rest, found, window_length=round(window_s * rate), filter_length=filter_length
        )
        row = {name: _median(values) for name, values in windows.items()}
        row["n_windows"] = float(np.isfinite(windows["sdr"]).sum())
        row["sdr_global"], row["si_sdr"] = sdr(true, found), si_sdr(true, found)
        active = level_activity([true.mean(axis=0), rest.mean(axis=0)], rate)[0] > 0
        row["leakage_db"] = leakage_db(active, found, mixture, max(1, round(LEVEL_HOP_S * rate)))
        row |= _activity(active, estimate, target, rate)
        rows[target] = row
    return rows


def sdr(reference: Samples, estimate: Samples) -> float:
    """Return the signal-to-distortion ratio of a whole signal, decibels.

    The energy of the reference over that of the difference, all channels together.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_channels, n_samples)
        Sound.

    Returns
    -------
    float
        Infinite for equal signals, NaN for a silent reference.

    Examples
    --------
    >>> round(sdr(np.ones((1, 4)), 0.9 * np.ones((1, 4))), 6)
    20.0
    """
    true = reference.astype(np.float64)
    energy = np.square(true).sum()
    return _ratio_db(energy, np.square(true - estimate).sum()) if energy else math.nan


def si_sdr(reference: Samples, estimate: Samples) -> float:
    """Return the scale-invariant signal-to-distortion ratio of a whole signal, decibels.

    J. Le Roux, S. Wisdom, H. Erdogan, J. Hershey, "SDR – half-baked or well done?", ICASSP 2019: the
    reference is scaled to be nearest to the estimate, with one factor for all channels.

    Parameters
    ----------
    reference, estimate : ndarray of shape (n_channels, n_samples)
        Sound.

    Returns
    -------
    float
        Infinite if they are proportional, NaN for a silent reference or estimate.

    Examples
    --------
    >>> reference, error = np.array([[1.0, -1.0, 1.0, -1.0]]), np.array([[0.1, 0.1, 0.1, 0.1]])
    >>> round(si_sdr(reference, 3 * (reference + error)), 6)
    20.0
    """
    true, found = reference.astype(np.float64), estimate.astype(np.float64)
    energy = np.square(true).sum()
    if energy == 0:
        return math.nan
    scaled = (true * found).sum() / energy * true
    return _ratio_db(np.square(scaled).sum(), np.square(found - scaled).sum())


def leakage_db(active: np.ndarray, estimate: Samples, mixture: Samples, hop_length: int) -> float:
    """Return the energy of an estimate, relative to the mixture's, while the target is silent.

    What BSS Eval cannot see, since no ratio to a silent reference is defined.

    Parameters
    ----------
    active : ndarray of shape (n_frames,)
        Whether the true stem sounds.
    estimate, mixture : ndarray of shape (n_channels, n_samples)
        Sound.
    hop_length : int
        Samples of a frame.

    Returns
    -------
    float
        Decibels, -120 at least; NaN if the target always sounds or the mixture is silent, too.

    Examples
    --------
    >>> mixture = np.ones((1, 40))
    >>> round(leakage_db(np.array([True, False]), 0.1 * mixture, mixture, 20), 6)
    -20.0
    """
    silent = np.repeat(~active, hop_length)[: estimate.shape[1]]
    n = len(silent)
    whole = np.square(mixture[:, :n][:, silent], dtype=np.float64).sum()
    leaked = np.square(estimate[:, :n][:, silent], dtype=np.float64).sum()
    if whole == 0:
        return math.nan
    return float(10 * np.log10(max(leaked / whole, 10 ** (NO_LEAKAGE_DB / 10))))


def _activity(active: np.ndarray, estimate: Separation, target: str, rate: int) -> dict[str, float]:
    """Return AUC and F1 of the estimated probabilities, NaN where there are none or one class only."""
    undefined = {"activity_auc": math.nan, "activity_f1": math.nan}
    if estimate.activity is None or target not in estimate.activity.labels:
        return undefined
    from sklearn import metrics

    values = estimate.activity.values[estimate.activity.labels.index(target)]
    hop_s = max(1, round(LEVEL_HOP_S * rate)) / rate
    frames = np.floor(estimate.activity.grid.times_s() / hop_s + 1e-6).astype(int)
    inside = frames < len(active)
    truth, score = active[frames[inside]], values[inside]
    if truth.all() or not truth.any():
        return undefined
    return {
        "activity_auc": float(metrics.roc_auc_score(truth, score)),
        "activity_f1": float(metrics.f1_score(truth, score > 0.5, zero_division=0.0)),
    }


def _as_pcm(samples: Samples) -> Samples:
    return (np.round(samples * PCM_STEPS) / PCM_STEPS).astype(np.float32)


def _ratio_db(signal: float, noise: float) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.float64(signal) / np.float64(noise)))


def _median(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if defined.size else math.nan


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None

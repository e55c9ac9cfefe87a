"""The descriptor sets of the published study, E1 to E4, and mirkit's own E5.

After C.-W. Wu, S. Gururani, C. Laguna, A. Pati, A. Vidwans, A. Lerch, "Towards the objective assessment of
music performances", ICMPC 2016, and A. Vidwans et al., "Objective descriptors for the assessment of student
music performances", AES Semantic Audio 2017. Where the released code slips, the slip is corrected;
``compat=True`` reproduces it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirkit._typing import Signal
from mirkit.assessment import modern, timbre
from mirkit.assessment.dtw import Warp, folded, warp
from mirkit.assessment.features import Analysis
from mirkit.assessment.pitch import hz_to_midi
from mirkit.assessment.score import Score
from mirkit.assessment.segmentation import published_notes
from mirkit.errors import ParameterError

__all__ = ["SETS", "describe", "histogram_six", "names_of", "table"]

STATS = ("mean", "std", "max", "min")
SIX = ("crest", "bin_width", "skewness", "kurtosis", "rolloff", "tonal_ratio")
SIX_MEANING = {
    "crest": ("share", "largest bin over the sum of the eleven bins around it"),
    "bin_width": ("s", "width of a bin"),
    "skewness": ("", "skewness of the distribution; with compat, of the heights of the bins"),
    "kurtosis": ("", "excess kurtosis of the distribution; with compat, of the heights of the bins"),
    "rolloff": ("bins", "number of bins that hold 85 % of all"),
    "tonal_ratio": ("share", "squares of the peaks over squares of all bins"),
}


def _four(name: str, unit: str, meaning: str) -> dict[str, tuple[str, str]]:
    return {f"{name}_{stat}": (unit, f"{stat} over notes of {meaning}") for stat in STATS}


def _six(name: str, meaning: str) -> dict[str, tuple[str, str]]:
    return {f"{name}_{key}": (unit, f"{meaning}: {text}") for key, (unit, text) in SIX_MEANING.items()}


E2: dict[str, tuple[str, str]] = {
    "in_tune_share": (
        "share",
        "frames in the fullest of ten 10-cent bins, octaves and semitones folded, and its neighbours",
    ),
    **_four("pitch_std", "st", "the standard deviation of pitch in a note"),
    **_four("pitch_outliers", "share", "the share of frames farther than that from the note's mean"),
    **_four("amplitude_std", "", "the standard deviation over frames of the sum of |x|"),
    **_four("envelope_spikes", "share", "peaks of the smoothed slope of the envelope, for each frame"),
    "good_notes": (
        "share",
        "notes that do not have both a deviation above 0.1 st and more than 40 % outliers",
    ),
    **_six("ioi", "histogram of 50 bins of times between onsets"),
}
"""Score-independent, 24."""

E3: dict[str, tuple[str, str]] = {
    "sounding_ratio": ("share", "sounding time over that and silences inside notes"),
    **_four("deviation", "st", "mean |pitch - score|; octaves folded, but not with compat"),
    **_four("deviation_std", "st", "the standard deviation of |pitch - score|"),
    **_four("deviation_outliers", "share", "the share of frames farther off than that"),
    "dtw_cost": ("st", "cost of the warping path for each of its points"),
    "tempo_deviation": ("cells", "mean distance of the warping path from the straight line between its ends"),
    **_six("duration", "histogram of 100 bins of durations played for the score's commonest duration"),
    "short_notes": (
        "share",
        "number of notes under three frames times their total time, over the time of all",
    ),
}
"""Score-based, 22."""

E1 = {name: (unit, meaning) for name, unit, meaning in timbre.NAMES}
"""Baseline, 68."""

SETS: dict[str, dict[str, tuple[str, str]]] = {
    "E1": E1,
    "E2": {f"{k}": v for k, v in E2.items()},
    "E3": {f"score_{k}": v for k, v in E3.items()},
    "E5": {f"own_{k}": v for k, v in modern.NAMES.items()},
}
SETS["E4"] = SETS["E2"] | SETS["E3"]
"""Name to descriptors: name to unit and meaning."""


def names_of(which: str) -> tuple[str, ...]:
    """Return the names of the descriptors of a set or of several, such as ``"E4+E5"``.

    Parameters
    ----------
    which : str
        Names of sets, with ``+`` between them.

    Returns
    -------
    tuple of str

    Raises
    ------
    ParameterError
        If there is no such set.

    Examples
    --------
    >>> [len(names_of(name)) for name in ("E1", "E2", "E3", "E4", "E1+E2")]
    [68, 24, 22, 46, 92]
    """
    names: dict[str, None] = {}
    for name in which.split("+"):
        if name not in SETS:
            raise ParameterError(
                f"no descriptor set {name!r}; there are {', '.join(SETS)} and sums such as E4+E5"
            )
        names |= dict.fromkeys(SETS[name])
    return tuple(names)


def table(which: str) -> list[tuple[str, str, str]]:
    """Return name, unit and meaning of every descriptor of a set.

    Parameters
    ----------
    which : str
        See `names_of`.

    Returns
    -------
    list of (str, str, str)

    Examples
    --------
    >>> table("E2")[0][:2]
    ('in_tune_share', 'share')
    """
    known = {name: value for one in SETS.values() for name, value in one.items()}
    return [(name, *known[name]) for name in names_of(which)]


def describe(analysis: Analysis, which: str = "E4", *, compat: bool = False) -> dict[str, float]:
    """Return descriptors of a performance by name.

    Parameters
    ----------
    analysis : Analysis
        From `features.analyse`.
    which : str
        ``"E1"`` to ``"E5"`` or a sum such as ``"E4+E5"``.
    compat : bool
        Reproduce the slips of the released code: times between onsets too short by a factor of 256, skewness
        and kurtosis of bin heights, octaves not folded, tuning by the mode of unrounded cents.

    Returns
    -------
    dict of str to float
        NaN for what cannot be measured.

    Raises
    ------
    ParameterError
        If there is no such set, or it needs a score and there is none.
    """
    wanted = names_of(which)
    sets = {"E2", "E3"} if "E4" in which.split("+") else set()
    sets |= set(which.split("+"))
    if analysis.score is None and "E3" in sets:
        raise ParameterError(f"{which} needs a score, and this performance has none; use E1, E2 or E5")
    values: dict[str, float] = {}
    rate, hop_length = 44100, 256
    f0_hz, y = analysis.contour.f0_hz, analysis.y
    if "E1" in sets:
        notes = published_notes(f0_hz, y, sample_rate=rate, hop_length=hop_length, min_note_s=0.2)
        values |= timbre.baseline(y, notes, sample_rate=rate, hop_length=hop_length)
    if "E2" in sets:
        values |= score_independent(f0_hz, y, sample_rate=rate, hop_length=hop_length, compat=compat)
    if "E3" in sets and analysis.score is not None:
        found = score_based(
            f0_hz,
            analysis.novelty,
            analysis.score,
            sample_rate=rate,
            hop_length=hop_length,
            tuning_st=_mode_st(f0_hz) if compat else analysis.tuning_st,
            compat=compat,
        )
        values |= {f"score_{name}": value for name, value in found.items()}
    if "E5" in sets:
        values |= {f"own_{name}": value for name, value in modern.describe(analysis).items()}
    return {name: float(values.get(name, np.nan)) for name in wanted}


def score_independent(
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
        std = _std(pitch)
        outliers = float(np.mean(np.abs(pitch - pitch.mean()) > std)) if len(pitch) else 0.0
        blocks = _blocks(y[first * hop_length : last * hop_length], hop_length)
        rows.append((std, outliers, _std(np.abs(blocks).sum(axis=1)), _spikes(np.abs(blocks).max(axis=1))))
    columns = np.array(rows).reshape(-1, 4)
    values = {"in_tune_share": _in_tune(f0_hz)}
    for k, name in enumerate(("pitch_std", "pitch_outliers", "amplitude_std", "envelope_spikes")):
        values |= _stats(name, columns[:, k])
    bad = (columns[:, 0] > 0.1) & (columns[:, 1] > 0.4)
    values["good_notes"] = float(1.0 - bad.mean()) if len(columns) else np.nan
    onsets = np.array([first for first, _, _ in notes]) * (1.0 if compat else hop_length) / sample_rate
    return values | _named("ioi", histogram_six(np.diff(onsets), 50, compat=compat))


def score_based(
    f0_hz: np.ndarray,
    novelty: np.ndarray,
    score: Score,
    *,
    sample_rate: int,
    hop_length: int,
    tuning_st: float,
    compat: bool = False,
) -> dict[str, float]:
    """Return E3.

    Parameters
    ----------
    f0_hz : ndarray of shape (n_frames,)
        Contour, 0 for no pitch.
    novelty : ndarray of shape (n_frames,)
        Spectral flux, to which onsets snap.
    score : Score
        What was to be played.
    sample_rate, hop_length : int
        Of the frames.
    tuning_st : float
        Taken off the contour.
    compat : bool
        See `describe`.

    Returns
    -------
    dict of str to float
    """
    voiced = np.flatnonzero(f0_hz > 0)
    values: dict[str, float] = {}
    if len(voiced) < 2:
        return values
    midi = hz_to_midi(f0_hz) - tuning_st
    pitch, beats = score.notes["pitch_midi"], score.notes["duration_beat"]
    path = warp(pitch, midi[voiced])
    onsets = voiced[_spread(path, pitch, beats)]
    onsets = _snap(onsets, novelty, round(0.05 * sample_rate / hop_length))
    ends = np.append(onsets[1:], voiced[-1] + 1)
    pieces, silence = _pieces(onsets, ends, f0_hz > 0)
    rows, short = [], []
    for note, first, last in pieces:
        if last - first < 3:
            short.append(last - first)
            continue
        away = midi[first:last] - pitch[note]
        distance = np.abs(away) if compat else folded(away)
        std = _std(distance)
        rows.append((distance.mean(), std, float(np.mean(distance > std))))
    columns = np.array(rows).reshape(-1, 3)
    sounding = sum(last - first for _, first, last in pieces)
    hop_s = hop_length / sample_rate
    values["sounding_ratio"] = sounding / max(sounding + silence, 1)
    for k, name in enumerate(("deviation", "deviation_std", "deviation_outliers")):
        values |= _stats(name, columns[:, k])
    values["dtw_cost"], values["tempo_deviation"] = path.cost / path.length, path.slope_deviation
    first_piece = {note: (last - first) * hop_s for note, first, last in reversed(pieces)}
    played = np.array([first_piece.get(note, 0.0) for note in _commonest(beats)])
    values |= _named("duration", histogram_six(played[played > hop_s], 100, compat=compat))
    values["short_notes"] = len(short) * sum(short) * hop_s / max(sounding * hop_s, hop_s)
    return values


def histogram_six(
    values: Sequence[float] | np.ndarray, n_bins: int, *, compat: bool = False
) -> dict[str, float]:
    """Return six numbers that describe a histogram of equal bins between least and most.

    Parameters
    ----------
    values : sequence of float
        Such as times between onsets, seconds.
    n_bins : int
        Bins.
    compat : bool
        Skewness and kurtosis of the heights of the bins, as the released code has it.

    Returns
    -------
    dict of str to float
        See `SIX_MEANING`; zeros without values.

    Examples
    --------
    >>> six = histogram_six([0.5, 0.5, 0.5, 1.0], 50)
    >>> six["bin_width"], six["rolloff"], round(six["skewness"], 3)
    (0.01, 50.0, 1.155)
    """
    values = np.asarray(values, float)
    if not len(values):
        return dict.fromkeys(SIX, 0.0)
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, bins=n_bins, range=(low, high if high > low else low + 1e-9))
    share = counts / counts.sum()
    top = int(np.argmax(share))
    peaks = (share[1:-1] > share[:-2]) & (share[1:-1] >= share[2:])
    squares = share**2
    heights = squares[1:-1][peaks]
    moments = share if compat else values
    return {
        "crest": float(share[top] / share[max(0, top - 5) : top + 6].sum()),
        "bin_width": (high - low) / n_bins,
        "skewness": _moment(moments, 3),
        "kurtosis": _moment(moments, 4) - 3.0,
        "rolloff": float(np.searchsorted(np.cumsum(share), 0.85 - 1e-12) + 1),
        "tonal_ratio": float(heights[heights > 5e-4].sum() / squares.sum()),
    }


def _moment(values: np.ndarray, order: int) -> float:
    spread = float(values.std())
    # like values have no skewness, and the kurtosis of a normal distribution stands in
    return (
        float(np.mean((values - values.mean()) ** order) / spread**order)
        if spread > 1e-9
        else {3: 0.0, 4: 3.0}[order]
    )


def _named(prefix: str, six: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{key}": value for key, value in six.items()}


def _stats(name: str, values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {f"{name}_{stat}": np.nan for stat in STATS}
    found = (values.mean(), _std(values), values.max(), values.min())
    return {f"{name}_{stat}": float(value) for stat, value in zip(STATS, found, strict=True)}


def _std(values: np.ndarray) -> float:
    """Return the standard deviation with n - 1, 0 for a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


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


def _mode_st(f0_hz: np.ndarray) -> float:
    """Return the tuning as the released code finds it: the mode of unrounded cents."""
    midi = hz_to_midi(f0_hz)
    values, counts = np.unique(np.mod(100.0 * midi[np.isfinite(midi)], 100.0), return_counts=True)
    mode = float(values[np.argmax(counts)]) if len(values) else 0.0
    return (mode - 100.0 if mode > 50.0 else mode) / 100.0


def _spread(path: Warp, pitch: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Return the first frame of each note; runs of one pitch are divided as the score divides them."""
    first = path.first.copy()
    k = 0
    while k < len(pitch):
        run = k + 1
        while run < len(pitch) and pitch[run] == pitch[k]:
            run += 1
        if run > k + 1:
            share = np.concatenate([[0.0], np.cumsum(beats[k:run])[:-1]]) / beats[k:run].sum()
            first[k:run] = first[k] + np.round(share * (path.last[run - 1] + 1 - first[k])).astype(int)
        k = run
    return np.asarray(np.minimum(first, path.last[-1]))


def _snap(onsets: np.ndarray, novelty: np.ndarray, reach: int) -> np.ndarray:
    """Return onsets moved back to a peak of spectral flux where one lies just before."""
    from scipy.ndimage import median_filter

    threshold = 0.15 * novelty.max(initial=0.0) + median_filter(novelty, size=13)
    peaks = np.zeros(len(novelty), bool)
    peaks[1:-1] = (
        (novelty[1:-1] > novelty[:-2]) & (novelty[1:-1] >= novelty[2:]) & (novelty[1:-1] > threshold[1:-1])
    )
    at = np.flatnonzero(peaks)
    out = onsets.copy()
    for k, onset in enumerate(onsets):
        before = at[(at < onset) & (at >= onset - reach)]
        before = before[before > (out[k - 1] if k else -1)]
        if len(before):
            out[k] = before[-1]
    return out


def _pieces(
    onsets: np.ndarray, ends: np.ndarray, voiced: np.ndarray
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the voiced stretches of every note, and how many frames of silence they leave inside notes."""
    pieces, silence = [], 0
    for note, (first, last) in enumerate(zip(onsets.tolist(), ends.tolist(), strict=True)):
        inside = voiced[first:last]
        if not inside.any():
            pieces.append((note, first, first))
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        pieces += [(note, first + int(a), first + int(b)) for a, b in edges.reshape(-1, 2)]
        silence += int((~inside).sum())
    return pieces, silence


def _commonest(beats: np.ndarray) -> np.ndarray:
    """Return the notes in the fullest of ten bins of the score's durations."""
    edges = np.linspace(beats.min(), beats.max() + 1e-9, 11)
    bins = np.clip(np.digitize(beats, edges) - 1, 0, 9)
    return np.flatnonzero(bins == np.argmax(np.bincount(bins, minlength=10)))

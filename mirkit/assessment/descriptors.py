"""The descriptor sets of the published study, E1 to E4, and mirkit's own E5.

After C.-W. Wu, S. Gururani, C. Laguna, A. Pati, A. Vidwans, A. Lerch, "Towards the objective assessment of
music performances", ICMPC 2016, and A. Vidwans et al., "Objective descriptors for the assessment of student
music performances", AES Semantic Audio 2017. Where the released code slips, the slip is corrected;
``compat=True`` reproduces it.
"""

from __future__ import annotations

import numpy as np

from mirkit.assessment import modern, timbre, with_score, without_score
from mirkit.assessment.features import Analysis
from mirkit.assessment.pitch import hz_to_midi
from mirkit.assessment.segmentation import published_notes
from mirkit.errors import ParameterError

__all__ = ["SETS", "describe", "names_of", "table"]

E1 = {name: (unit, meaning) for name, unit, meaning in timbre.NAMES}
"""Baseline, 68."""

SETS: dict[str, dict[str, tuple[str, str]]] = {
    "E1": E1,
    "E2": {f"{k}": v for k, v in without_score.NAMES.items()},
    "E3": {f"score_{k}": v for k, v in with_score.NAMES.items()},
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
    rate, hop_length = analysis.sample_rate, analysis.hop_length
    f0_hz, y = analysis.contour.f0_hz, analysis.y
    if "E1" in sets:
        notes = published_notes(f0_hz, y, sample_rate=rate, hop_length=hop_length, min_note_s=0.2)
        values |= timbre.baseline(y, notes, sample_rate=rate, hop_length=hop_length)
    if "E2" in sets:
        values |= without_score.describe(f0_hz, y, sample_rate=rate, hop_length=hop_length, compat=compat)
    if "E3" in sets and analysis.score is not None:
        found = with_score.describe(
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


def _mode_st(f0_hz: np.ndarray) -> float:
    """Return the tuning as the released code finds it: the mode of unrounded cents."""
    midi = hz_to_midi(f0_hz)
    values, counts = np.unique(np.mod(100.0 * midi[np.isfinite(midi)], 100.0), return_counts=True)
    mode = float(values[np.argmax(counts)]) if len(values) else 0.0
    return (mode - 100.0 if mode > 50.0 else mode) / 100.0

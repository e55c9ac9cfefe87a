"""When to say nothing: recordings that cannot be heard, and performances of something else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirkit._typing import Signal
from mirkit.assessment.alignment import Alignment, align
from mirkit.assessment.config import AlignmentConfig
from mirkit.assessment.feedback import Account
from mirkit.assessment.pitch import Contour
from mirkit.assessment.score import Score
from mirkit.audio import Audio

__all__ = ["NO_MATCH", "UNUSABLE", "of_alignment", "of_contour", "of_sound"]

UNUSABLE = "unusable recording"
NO_MATCH = "does not match this score"

SILENT_DB = -66.0
CLIPPED_SHARE = 0.002
CLEAR, BARELY_CLEAR = 0.8, 0.6
"""Median clarity of pitch below which several voices sound, without a score and with one that fits. Solos of
trumpets, flutes, clarinets, violins and singers lie above 0.8, nine of ten mixes below."""
FITTING = 0.75
FLAT = 0.3
TONAL = 0.05
"""Spectra flatter than this are not made of a few partials."""


def of_sound(audio: Audio) -> list[str]:
    """Return verdicts on the samples: silent, clipped, too short."""
    samples = audio.mono().samples[0]
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 10.0 ** (SILENT_DB / 20.0):
        return [
            f"{UNUSABLE}: silent (peak {20 * np.log10(max(peak, 1e-10)):.0f} dB); check microphone and cable"
        ]
    if audio.duration_s < 0.5:
        return [f"{UNUSABLE}: {audio.duration_s:.2f} s is too short; wanted half a second or more"]
    # A sample at the peak whose neighbour is there, too, was cut off; a sine's crest is rarely so flat.
    loudest = np.abs(audio.samples).max(axis=0) >= 0.999 * float(np.abs(audio.samples).max())
    flat = loudest[2:] & loudest[1:-1] & loudest[:-2]
    share = float(flat.mean()) if len(flat) else 0.0
    if share > CLIPPED_SHARE:
        return [f"{UNUSABLE}: clipped ({share:.1%} of the samples); record again at a lower level"]
    return []


def of_contour(
    contour: Contour, y: Signal, heard: npt.NDArray[np.void], found: Account | None = None
) -> list[str]:
    """Return verdicts on what was heard: no pitch, noise, several voices."""
    fits = found is not None and float((found.played["status"] == "correct").mean()) >= FITTING
    least = BARELY_CLEAR if fits else CLEAR
    loud = contour.level_db > np.quantile(contour.level_db, 0.95) - 20.0
    if not loud.any() or not len(y):
        return []
    clarity = float(np.median(contour.clarity[loud]))
    voiced = float(contour.voiced[loud].mean())
    if clarity >= least and voiced >= 0.4 and len(heard):
        return []
    flatness = _flatness(y)
    if flatness > FLAT:
        return [
            f"{UNUSABLE}: noisy (clarity {clarity:.2f}, wanted {least}); record closer and in a quieter room"
        ]
    if flatness > TONAL and (voiced < 0.4 or not len(heard)):
        return [f"{UNUSABLE}: no steady pitch in {1 - voiced:.0%} of the sound; is this a melody?"]
    return [
        f"{UNUSABLE}: polyphonic (clarity {clarity:.2f}, wanted {least}); one player without accompaniment"
    ]


def _flatness(y: Signal) -> float:
    """Return the median ratio of geometric to arithmetic mean of power spectra below 5 kHz."""
    from mirkit.dsp import stft

    if len(y) < 4096:
        return 0.0
    n_frames = max(1, min(200, len(y) // 4096))
    starts = np.linspace(0, len(y) - 4096, n_frames).astype(int)
    power = np.stack(
        [
            np.abs(stft(y[s : s + 4096], n_fft=4096, hop_length=4096, center=False)[:465, 0]) ** 2
            for s in starts
        ]
    )
    power = power[power.sum(axis=1) > 0.01 * power.sum(axis=1).max()] + 1e-12
    return float(np.median(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))


def of_alignment(
    heard: npt.NDArray[np.void],
    score: Score,
    alignment: Alignment,
    found: Account,
    tuning_st: float,
    config: AlignmentConfig,
) -> list[str]:
    """Return the verdict that something else was played.

    The same notes are aligned with scores that nobody played: the score backwards and the score rotated
    by half. Unless the true one fits clearly better, or fits well in itself, what was played is something
    else. A transposed score that fits well is named.
    """
    status = found.played["status"]
    correct = float((status == "correct").mean())
    reached = np.flatnonzero(status != "missed")
    span = status[reached[0] : reached[-1] + 1] if len(reached) else status
    within = float((span == "correct").mean())
    if within > 0.75 and correct > 0.3:
        return []
    transposed = _transposed(heard, score, tuning_st, config, alignment.cost)
    if transposed is not None:
        return [
            f"{NO_MATCH}: it does when the score is moved by {score.moved_st + transposed:+g} semitones; "
            f"give --transpose {score.moved_st + transposed:g} if the instrument transposes"
        ]
    null = [align(heard, fake, tuning_st=tuning_st, config=config).cost for fake in _fakes(score)]
    if alignment.cost < 0.75 * min(null) and within > 0.25:
        return []
    return [f"{NO_MATCH}: {within:.0%} of the notes are right, about as many as in any other melody"]


def _fakes(score: Score) -> list[Score]:
    """Return melodies with the same notes and lengths that are not this one."""
    pitch = score.notes["pitch_midi"]
    backwards, rotated = score.notes.copy(), score.notes.copy()
    backwards["pitch_midi"] = pitch[::-1]
    rotated["pitch_midi"] = np.roll(pitch, len(pitch) // 2)
    return [Score(backwards, score.tempo_bpm), Score(rotated, score.tempo_bpm)]


def _transposed(
    heard: npt.NDArray[np.void], score: Score, tuning_st: float, config: AlignmentConfig, cost: float
) -> int | None:
    """Return the transposition at which the score fits well, if there is one: the nearest semitones first."""
    costs = {
        shift: align(heard, score.shifted(shift), tuning_st=tuning_st, config=config).cost
        for shift in (*range(-6, 0), *range(1, 6))
    }
    shift = min(costs, key=lambda s: costs[s])
    if costs[shift] > 0.5 * cost or costs[shift] > 0.3:
        return None
    return int(shift)

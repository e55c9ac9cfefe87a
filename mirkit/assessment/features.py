"""From sound and score to what can be said about a performance: contour, notes, alignment, measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirkit._typing import Frames, Signal
from mirkit.assessment import measurements, verdict
from mirkit.assessment.alignment import Alignment, align
from mirkit.assessment.config import Config
from mirkit.assessment.feedback import Account, account
from mirkit.assessment.pitch import Contour, track, tuning_cents
from mirkit.assessment.score import Score
from mirkit.assessment.segmentation import flux, segment
from mirkit.audio import Audio
from mirkit.errors import ParameterError

__all__ = ["Analysis", "analyse", "prepare"]

MARGIN_ST = (5.0, 13.0)
"""What a player may leave the score's range by, down and up."""
MAX_TUNING_ST = 0.35
"""A tuning farther off than this is tried on both sides."""
TOLD_ST = 0.05
"""So far off must the tuning be that the score tells, to be believed."""
FEWEST_TELLING = 6
"""Notes that it takes to tell one."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Everything heard in a performance.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        The sound from its first sample on, mono at the contour's rate, at peak 1.
    start_s : float
        Silence taken off the front; all times count from after it.
    sample_rate, hop_length : int
        Of ``y``, and samples of it from frame to frame.
    contour : Contour
        Pitch, clarity and level.
    novelty : ndarray of shape (n_frames,)
        Spectral flux.
    tuning_st : float
        Semitones above A4 = 440 Hz.
    heard : ndarray of `segmentation.NOTE`
        Notes.
    score : Score or None
        What was to be played.
    alignment : Alignment or None
        Without a score, None.
    account : Account or None
        What became of the score's notes.
    verdicts : tuple of str
        Why the result should not be trusted; empty if it can be.
    measurements : dict of str to float
        By name, see `measurements.MEASUREMENTS`; what cannot be measured is absent.
    """

    y: Signal
    start_s: float
    sample_rate: int
    hop_length: int
    contour: Contour
    novelty: Frames
    tuning_st: float
    heard: npt.NDArray[np.void]
    score: Score | None
    alignment: Alignment | None
    account: Account | None
    verdicts: tuple[str, ...]
    measurements: dict[str, float]


def prepare(audio: Audio, sample_rate: int) -> tuple[Signal, float]:
    """Return the sound as mono at peak 1 from its first sample on, and how much silence was taken off.

    So neither gain nor silence in front changes anything that is measured.
    """
    mono = audio.mono()
    y = mono.samples[0]
    if not np.isfinite(y).all():
        raise ParameterError("the sound has samples that are not finite; repair or replace the file")
    peak = float(np.abs(y).max(initial=0.0))
    if peak <= 0.0:
        return np.zeros(0, np.float32), 0.0
    first = int(np.argmax(np.abs(y) > 1e-3 * peak))
    part = Audio((y[np.newaxis, first:] / np.float32(peak)), mono.sample_rate).resample(sample_rate)
    return part.samples[0], first / mono.sample_rate


def analyse(audio: Audio, score: Score | None = None, config: Config | None = None) -> Analysis:
    """Return everything heard in a performance.

    Parameters
    ----------
    audio : Audio
        A recording of one player.
    score : Score, optional
        What was to be played, at sounding pitch.
    config : Config, optional
        Settings of each step.

    Returns
    -------
    Analysis

    Raises
    ------
    ParameterError
        If samples are not finite.
    """
    config = config or Config()
    rate, hop_length = config.pitch.sample_rate, config.pitch.hop_length
    y, start_s = prepare(audio, rate)
    faults = verdict.of_sound(audio)
    sound = Audio(y[np.newaxis] if len(y) else np.zeros((1, hop_length), np.float32), rate)
    contour = track(sound, config.pitch, **_pitch_range(score))
    novelty = _fitted(flux(sound.samples[0], hop_length=hop_length), contour.grid.n_frames)
    heard = segment(contour, config.segmentation)
    midi = contour.midi()
    tuning_st = tuning_cents(midi, np.where(contour.voiced, contour.clarity, 0.0)) / 100.0
    alignment = found = None
    if score is not None and len(heard):
        alignment, tuning_st = _aligned(heard, score, tuning_st, config)
        found = account(heard, score, alignment, contour, novelty, tuning_st=tuning_st)
    faults += verdict.of_contour(contour, sound.samples[0], heard, found)
    if score is not None and alignment is not None and found is not None:
        faults += verdict.of_alignment(heard, score, alignment, found, tuning_st, config.alignment)
    values = measurements.measure(contour, heard, tuning_st, alignment, found) if len(heard) else {}
    return Analysis(
        sound.samples[0],
        start_s,
        rate,
        hop_length,
        contour,
        novelty,
        tuning_st,
        heard,
        score,
        alignment,
        found,
        tuple(dict.fromkeys(faults)),
        values,
    )


def _pitch_range(score: Score | None) -> dict[str, float]:
    """Return the range in which to look for pitch; players may be an octave off."""
    if score is None:
        return {}
    low, high = score.notes["pitch_midi"].min(), score.notes["pitch_midi"].max()
    low_hz, high_hz = (
        440.0 * 2.0 ** ((p - 69.0) / 12.0) for p in (low - MARGIN_ST[0] - 12.0, high + MARGIN_ST[1])
    )
    return {"fmin_hz": float(np.clip(low_hz, 25.0, 600.0)), "fmax_hz": float(np.clip(high_hz, 300.0, 5000.0))}


def _aligned(
    heard: npt.NDArray[np.void], score: Score, tuning_st: float, config: Config
) -> tuple[Alignment, float]:
    """Return the alignment and the tuning that it tells.

    Pitches alone tell a tuning only within a semitone, and none if the intonation is all over it: one near a
    quarter-tone is tried as sharp and as flat, and distances from the score correct it.
    """
    best = align(heard, score, tuning_st=tuning_st, config=config.alignment)
    if abs(tuning_st) > MAX_TUNING_ST:
        other_st = float(tuning_st - np.sign(tuning_st))
        other = align(heard, score, tuning_st=other_st, config=config.alignment)
        if other.cost < best.cost:
            best, tuning_st = other, other_st
    told_st = _told_by(best, heard, score, tuning_st)
    if abs(told_st - tuning_st) > TOLD_ST:
        other = align(heard, score, tuning_st=told_st, config=config.alignment)
        if other.cost <= best.cost:
            return other, told_st
    return best, tuning_st


def _told_by(alignment: Alignment, heard: npt.NDArray[np.void], score: Score, tuning_st: float) -> float:
    """Return the median distance from the score of the notes that are about right, by their length."""
    matched = alignment.notes >= 0
    target = score.notes["pitch_midi"][alignment.notes[matched]] + alignment.octave_st
    away = heard["pitch_midi"][matched] - target
    away -= 12.0 * np.round((away - tuning_st) / 12.0)
    right = np.abs(away - tuning_st) < 1.0
    if right.sum() < FEWEST_TELLING:
        return tuning_st
    order = np.argsort(away[right])
    length = np.cumsum(heard["duration_s"][matched][right][order])
    return float(away[right][order][np.searchsorted(length, 0.5 * length[-1])])


def _fitted(values: Frames, n_frames: int) -> Frames:
    return np.pad(values[:n_frames], (0, max(0, n_frames - len(values))))

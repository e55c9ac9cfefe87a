"""From a recording, and a score where there is one, to an assessment."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from mirkit import checkpoint
from mirkit.assessment import rubric
from mirkit.assessment.config import CATEGORIES, POINTS, ToleranceConfig
from mirkit.assessment.descriptors import describe, names_of
from mirkit.assessment.features import Analysis, analyse
from mirkit.assessment.feedback import bar_table, remarks
from mirkit.assessment.model import Model
from mirkit.assessment.result import ADDED, BAR, HEARD, PLAYED, Assessment, Rating
from mirkit.assessment.score import Score
from mirkit.audio import Audio, sound_wanted
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError
from mirkit.parallel import Progress

__all__ = ["load", "predict"]


def load(name_or_folder: str | os.PathLike[str] = "default") -> Model:
    """Return a model: a bundled one by name, or one from a folder.

    Parameters
    ----------
    name_or_folder : str or Path
        ``default`` is the bundled rubric.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If there is no such model or it is damaged.

    Examples
    --------
    >>> load().labels
    ('musicality', 'tone', 'notes', 'rhythm', 'artistry')
    """
    folder = checkpoint.find("assessment", "default" if str(name_or_folder) == "rubric" else name_or_folder)
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder, task="assessment"))


def predict(
    model: Model,
    audio: Audio,
    *,
    score: Score | None = None,
    transpose_st: float = 0.0,
    tolerance: ToleranceConfig | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Assessment:
    """Return the assessment of a performance.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    audio : Audio
        A recording of one player; any rate, channels are averaged.
    score : Score, optional
        What was to be played; without it only what needs none is rated.
    transpose_st : float
        Added to the score's pitch: -9 for an alto saxophone that plays from a part in written pitch which
        does not say so.
    tolerance : ToleranceConfig, optional
        From where on a note is called out of tune, early, late, short or long; ratings do not depend on it.
    device : str
        ``auto`` or ``cpu``: there is nothing here for a GPU to do.
    progress : callable, optional
        Called with seconds done and seconds in all.

    Returns
    -------
    Assessment
        With a verdict, and without points, where the recording cannot be used or is of something else.

    Raises
    ------
    ParameterError
        If the sound is empty or not finite, or the device is another one.

    Examples
    --------
    >>> silence = Audio(np.zeros((1, 44100), np.float32), 44100)
    >>> predict(load(), silence).verdicts[0][:18]
    'unusable recording'
    """
    if device not in ("auto", "cpu"):
        raise ParameterError(f"device {device!r} cannot be used; assessment runs on the cpu")
    sound_wanted(audio)
    if not audio.samples.shape[1]:
        raise ParameterError("the sound has no samples; give at least half a second")
    if score is not None and transpose_st:
        score = score.shifted(transpose_st)
    analysis = analyse(audio, score, model.config)
    result = _assessment(model, analysis, tolerance or model.config.tolerance)
    if progress is not None:
        progress(round(audio.duration_s), round(audio.duration_s))
    return result


def _assessment(model: Model, analysis: Analysis, tolerance: ToleranceConfig) -> Assessment:
    found, alignment = analysis.account, analysis.alignment
    start_s = analysis.start_s
    notes, added, bars = np.zeros(0, PLAYED), np.zeros(0, ADDED), np.zeros(0, BAR)
    said: tuple[str, ...] = ()
    if found is not None:
        notes, added, bars = found.played.copy(), found.added.copy(), bar_table(found)
        notes["onset_s"] += start_s
        added["onset_s"] += start_s
        said = tuple(", ".join(remarks(note, tolerance)) for note in notes)
    grid = FrameGrid(start_s, analysis.contour.grid.hop_s, analysis.contour.grid.n_frames)
    return Assessment(
        ratings=_ratings(model, analysis),
        descriptors=analysis.measurements,
        notes=notes,
        added=added,
        bars=bars,
        remarks=said,
        verdicts=analysis.verdicts,
        events=_events(analysis),
        tempo=found.tempo if found is not None else np.zeros((0, 2)),
        grid=grid,
        f0_hz=analysis.contour.f0_hz,
        tuning_cents=round(100.0 * analysis.tuning_st, 2),
        octave_st=alignment.octave_st if alignment is not None else 0.0,
        about={"model": model.name, "with_score": analysis.score is not None},
        heard=_heard(analysis),
    )


def _heard(analysis: Analysis) -> npt.NDArray[np.void]:
    notes = np.zeros(len(analysis.heard), HEARD)
    for name in ("onset_s", "duration_s", "pitch_midi", "level_db"):
        notes[name] = analysis.heard[name]
    notes["onset_s"] += analysis.start_s
    tuned = notes["pitch_midi"] - analysis.tuning_st
    notes["cents"] = 100.0 * (tuned - np.round(tuned))
    return notes


def _ratings(model: Model, analysis: Analysis) -> dict[str, Rating]:
    most = dict(zip(CATEGORIES, POINTS, strict=True)) | dict(model.extra.get("most", {}))
    if analysis.verdicts:
        return {name: Rating(None, float(most.get(name, 1.0)), analysis.verdicts[0]) for name in model.labels}
    with_score = analysis.account is not None
    if model.config.network == "rubric":
        return rubric.rate(analysis.measurements, model.config.rubric or rubric.ROWS, with_score=with_score)
    names = names_of(model.config.svr.descriptors)
    if not with_score and model.config.svr.descriptors not in ("E1", "E2"):
        return {
            name: Rating(
                None,
                float(most.get(name, 1.0)),
                f"the model uses {model.config.svr.descriptors}: needs a score",
            )
            for name in model.labels
        }
    values = describe(analysis, model.config.svr.descriptors)
    X = np.array([[values[name] for name in names]])
    ratings = {}
    for label, regression in model.regressions.items():
        top = float(most.get(label, 1.0))
        share = float(regression.predict(X)[0])
        half = (
            float(np.quantile(regression.errors, model.config.svr.interval))
            if len(regression.errors)
            else 0.0
        )
        span = tuple(round(top * float(np.clip(share + side * half, 0.0, 1.0)), 3) for side in (-1, 1))
        rank = float(np.mean(regression.cohort < share)) if len(regression.cohort) else None
        ratings[label] = Rating(round(top * share, 3), top, "", (span[0], span[1]), rank)
    return ratings


def _events(analysis: Analysis) -> tuple[dict[str, Any], ...]:
    found, alignment = analysis.account, analysis.alignment
    if found is None or alignment is None:
        return ()
    events: list[dict[str, Any]] = [
        {
            "kind": "pause",
            "time_s": p.time_s,
            "duration_s": p.duration_s,
            "from_note": p.after_note,
            "to_note": p.after_note + 1,
        }
        for p in found.pauses
    ]
    for kind, jumps in (("restart", alignment.restarts), ("skip", alignment.skips)):
        events += [
            {
                "kind": kind,
                "time_s": j.time_s,
                "duration_s": 0.0,
                "from_note": j.from_note,
                "to_note": j.to_note,
            }
            for j in jumps
        ]
    for event in events:
        event["time_s"] = round(float(event["time_s"]) + analysis.start_s, 3)
        event["duration_s"] = round(float(event["duration_s"]), 3)
    return tuple(sorted(events, key=lambda event: event["time_s"]))

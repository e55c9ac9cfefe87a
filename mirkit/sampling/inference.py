"""From a sample and a song to every occurrence, a verdict, and evidence."""

from __future__ import annotations

import os

import numpy as np

from mirkit import checkpoint
from mirkit.audio import Audio
from mirkit.errors import ParameterError
from mirkit.parallel import Progress
from mirkit.sampling import features
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.config import Config
from mirkit.sampling.examples import find_candidates
from mirkit.sampling.model import Model
from mirkit.sampling.result import Detections, Evidence
from mirkit.sampling.search import normalised_frames, similarity

__all__ = ["load", "predict"]


def load(name_or_folder: str | os.PathLike[str] = "default") -> Model:
    """Return a model: a bundled one by name, or one from a folder.

    Parameters
    ----------
    name_or_folder : str or Path
        ``default`` is the bundled model.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If there is no such model or it is damaged.

    Examples
    --------
    >>> load().config.network
    'lines'
    """
    folder = checkpoint.find("sampling", name_or_folder)
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder, task="sampling"))


def predict(
    model: Model,
    sample: Audio,
    song: Audio,
    *,
    label: str = "sample",
    device: str = "auto",
    progress: Progress | None = None,
) -> Detections:
    """Return where a sample occurs in a song, how it is transposed and stretched, and whether it is there.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    sample, song : Audio
        Any rates and numbers of channels; the sample at least 0.14 s, with something sounding.
    label : str
        Name of the sample in the result.
    device : str
        ``auto`` or ``cpu``: there is nothing here for a GPU to do.
    progress : callable, optional
        Called with steps done and steps in all.

    Returns
    -------
    Detections
        Occurrences in the order of time, and the similarity at the best one's transposition as evidence.

    Raises
    ------
    ParameterError
        If the sample is silent, too short or longer than the song at the fastest tempo, the song is silent,
        or the device is another one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> steps = np.cumsum(np.exp2(rng.integers(0, 24, 20) / 12).repeat(4410) * 2 * np.pi * 220 / 22050)
    >>> song = Audio(np.sin(steps)[np.newaxis].astype(np.float32), 22050)
    >>> found = predict(load(), song.excerpt(1.2, 3.0), song)
    >>> round(float(found.intervals.times_s[found.confidence.argmax(), 0]), 1)
    1.2
    """
    if device not in ("auto", "cpu"):
        raise ParameterError(f"device {device!r} cannot be used; sample detection runs on the cpu")
    settings = model.config
    if sample.duration_s / settings.search.tempo_max > song.duration_s + settings.features.hop_s:
        raise ParameterError(
            f"the sample lasts {sample.duration_s:.1f} s and the song {song.duration_s:.1f} s; a sample is "
            "looked for in something longer"
        )
    found = find_candidates(settings, sample, song)
    if progress is not None:
        progress(1, 2)
    result = model.detections(found, label)
    evidence = _evidence(settings, sample, song, found, model)
    if progress is not None:
        progress(2, 2)
    return Detections(
        result.intervals,
        result.pitch_shift_st,
        result.tempo_ratio,
        result.song_confidence,
        result.threshold,
        evidence,
    )


def _evidence(config: Config, sample: Audio, song: Audio, found: Candidates, model: Model) -> Evidence | None:
    """Return the similarity at the best candidate's transposition, and the paths of what was found."""
    if config.network != "lines" or not len(found):
        return None
    places, _ = model.probabilities(found)
    shift_st = float(found.pitch_shift_st[places.argmax()])
    heard = features.patch(sample, config.features)
    framed = normalised_frames(features.patch(song, config.features))
    matrices = similarity(heard, framed, round(shift_st / config.features.step_st))
    alike = np.abs(found.pitch_shift_st - shift_st) < 0.5
    shown = np.flatnonzero(alike & (places >= model.place_threshold))
    hop_s = config.features.hop_s
    return Evidence(matrices.mean(axis=0), hop_s, hop_s, tuple(found.paths[k] for k in shown), shift_st)

"""From a sample and a song to every occurrence, a verdict, and evidence."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from mirkit import checkpoint
from mirkit.annotation import Intervals
from mirkit.audio import Audio, sound_wanted
from mirkit.errors import ParameterError
from mirkit.parallel import Progress
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.config import Config
from mirkit.sampling.copies import CONFIDENCE, Copy, find_copies
from mirkit.sampling.examples import Patches, find_candidates, patches_of
from mirkit.sampling.model import OVERLAP, Model
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
    sound_wanted(sample)
    sound_wanted(song)
    settings = model.config
    if sample.duration_s / settings.search.tempo_max > song.duration_s + settings.features.hop_s:
        raise ParameterError(
            f"the sample lasts {sample.duration_s:.1f} s and the song {song.duration_s:.1f} s; a sample is "
            "looked for in something longer"
        )
    patches = patches_of(settings, sample, song)
    found = find_candidates(settings, sample, song, patches)
    if progress is not None:
        progress(1, 2)
    result = model.detections(found, label)
    copied = find_copies(sample, song) if settings.network == "lines" else []
    if copied:
        result = _with_copies(result, copied, sample.duration_s, label)
    evidence = _evidence(settings, sample, patches, found, model, copied)
    if progress is not None:
        progress(2, 2)
    return replace(result, evidence=evidence)


def _with_copies(result: Detections, copied: list[Copy], duration_s: float, label: str) -> Detections:
    """Return a result in which copies take the place of whatever was found there."""
    starts_s = np.array([one.start_s for one in copied])
    times_s = np.stack([starts_s, starts_s + duration_s], axis=1)
    old_s = result.intervals.times_s
    shared_s = np.minimum(old_s[:, 1:], times_s[:, 1]) - np.maximum(old_s[:, :1], times_s[:, 0])
    shorter_s = np.minimum(np.diff(old_s, axis=1), duration_s)
    kept = np.flatnonzero((shared_s <= OVERLAP * shorter_s).all(axis=1))  # shared_s: (n_old, n_copies)
    joined = np.concatenate([old_s[kept], times_s])
    order = np.argsort(joined[:, 0], kind="stable")
    confidence, shifts, ratios = (
        np.concatenate([values[kept], np.full(len(copied), new)])[order]
        for values, new in (
            (result.confidence, CONFIDENCE),
            (result.pitch_shift_st, 0.0),
            (result.tempo_ratio, 1.0),
        )
    )
    return replace(
        result,
        intervals=Intervals(joined[order], [label] * len(order), confidence),
        pitch_shift_st=shifts,
        tempo_ratio=ratios,
        song_confidence=max(result.song_confidence, CONFIDENCE),
    )


def _evidence(
    config: Config,
    sample: Audio,
    patches: Patches | None,
    found: Candidates,
    model: Model,
    copied: list[Copy],
) -> Evidence | None:
    """Return the similarity at the best candidate's transposition, and the paths of what was found."""
    if patches is None or not (len(found) or copied):
        return None
    places, _ = model.probabilities(found)
    shift_st = 0.0 if copied else float(found.pitch_shift_st[places.argmax()])
    matrices = similarity(
        patches[0], normalised_frames(patches[1]), round(shift_st / config.features.step_st)
    )
    alike = np.abs(found.pitch_shift_st - shift_st) < 0.5
    shown = np.flatnonzero(alike & (places >= model.place_threshold))
    hop_s = config.features.hop_s
    end_s = sample.duration_s
    paths = [found.paths[k] for k in shown]
    paths += [np.array([[0.0, one.start_s], [end_s, one.start_s + end_s]]) for one in copied]
    return Evidence(matrices.mean(axis=0), hop_s, hop_s, tuple(paths), shift_st)

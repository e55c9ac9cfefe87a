"""From sound to instrument activity with a trained model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch

from mirkit import checkpoint
from mirkit._blas import one_blas_thread
from mirkit._typing import Signal
from mirkit.activity import features
from mirkit.activity.config import FeatureConfig
from mirkit.activity.model import Model, fused
from mirkit.annotation import ActivityAnnotation, Intervals
from mirkit.audio import Audio, sound_wanted
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError
from mirkit.parallel import Progress

__all__ = ["decide", "load", "predict", "stream"]

BATCH_S = 32.0
"""Seconds of windows at a time; bounds memory, and keeps to the processor's caches."""


def load(name_or_folder: str | os.PathLike[str] = "default") -> Model:
    """Return a trained model: a bundled one by name, or one from a folder.

    Parameters
    ----------
    name_or_folder : str or Path
        ``default`` is the bundled model.

    Returns
    -------
    Model
        In evaluation mode, on the CPU.

    Raises
    ------
    CheckpointError
        If there is no such model or it is damaged.

    Examples
    --------
    >>> len(load().labels)
    18
    """
    folder = checkpoint.find("activity", name_or_folder)
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder, task="activity"))


def predict(
    model: Model,
    audio: Audio,
    *,
    hop_s: float | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> ActivityAnnotation:
    """Return how probable each instrument is in each second of a sound.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    audio : Audio
        Any length, rate and number of channels; it is mixed to mono and resampled.
    hop_s : float, optional
        Seconds for each value; None takes the model's own.
    device : str
        ``auto`` takes a GPU where there is one; else ``cpu``, ``cuda``, ``mps``.
    progress : callable, optional
        Called with seconds done and seconds in all.

    Returns
    -------
    ActivityAnnotation
        Probabilities in [0, 1]; the last frame may reach beyond the end of the sound.

    Raises
    ------
    ParameterError
        If the sound is empty, ``hop_s`` is not above 0 or the device does not exist.

    Examples
    --------
    >>> silence = Audio(np.zeros((1, 44100 * 3), np.float32), 44100)
    >>> predict(load(), silence).values.shape
    (18, 3)
    """
    sound_wanted(audio)
    blocks = [audio.mono().resample(model.config.features.sample_rate)]
    return stream(model, blocks, hop_s=hop_s, device=device, progress=progress, duration_s=audio.duration_s)


def stream(
    model: Model,
    blocks: Iterable[Audio],
    *,
    hop_s: float | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    duration_s: float | None = None,
) -> ActivityAnnotation:
    """Return the same as `predict` from blocks of sound, with memory for one block only.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    blocks : iterable of Audio
        Consecutive sound at the model's sample rate, ``model.config.features.sample_rate``.
    hop_s, device, progress
        As for `predict`.
    duration_s : float, optional
        Length of the whole, for ``progress``.

    Returns
    -------
    ActivityAnnotation
    """
    settings = model.config.features
    hop_s = model.config.inference.hop_s if hop_s is None else hop_s
    if not hop_s > 0:
        raise ParameterError(f"hop_s must be above 0, got {hop_s}")
    stride_s = model.config.inference.stride_s * min(1.0, hop_s / settings.label_s)
    stride = max(1, round(stride_s * settings.sample_rate))
    network, where = _on_device(model, device)
    starts: list[np.ndarray] = []
    outputs: list[np.ndarray] = []
    n_samples = 0
    # The products of the features are small: NumPy's BLAS threads would wait for one another and keep
    # torch's from the cores, which more than doubles the time.
    with one_blas_thread():
        for positions, windows, n_samples in _windows(blocks, settings, stride):
            if positions:
                found = _probabilities(network, features.patches(windows, settings), where)
                outputs.append(found.reshape(len(model.labels), -1))
                steps = np.arange(found.shape[2]) * settings.label_length
                starts.append(np.add.outer(positions, steps).ravel())
            if progress is not None:
                total_s = max(duration_s or 0.0, n_samples / settings.sample_rate)
                progress(round(n_samples / settings.sample_rate), round(total_s))
    if n_samples == 0:
        raise ParameterError("the sound has no samples; give at least a fraction of a second")
    probabilities = np.concatenate(outputs, axis=1)  # (n_labels, n_windows * n_steps)
    starts_s = np.concatenate(starts) / settings.sample_rate
    order = np.argsort(starts_s, kind="stable")
    duration_s = n_samples / settings.sample_rate
    return _overlap_average(
        model.labels, probabilities[:, order], starts_s[order], settings.label_s, hop_s, duration_s
    )


def decide(
    model: Model,
    result: ActivityAnnotation,
    *,
    threshold: float | Mapping[str, float] | None = None,
    release: float | None = None,
    min_duration_s: float | None = None,
    end_s: float | None = None,
) -> Intervals:
    """Return when each instrument plays, decided as the model's settings say.

    Parameters
    ----------
    model : Model
        Its thresholds, one for each class, were tuned on validation data and are kept with the weights.
    result : ActivityAnnotation
        From `predict` or `stream`.
    threshold : float or mapping of str to float, optional
        Used instead of the model's thresholds.
    release : float, optional
        In (0, 1]: a stretch begins at the threshold and lasts while values stay at or above this part
        of it.
    min_duration_s : float, optional
        Shorter stretches are left out, seconds.
    end_s : float, optional
        Where the sound ends, which the last frame may overlap, seconds.

    Returns
    -------
    Intervals
        In order of time; scores are mean probabilities.

    Raises
    ------
    ParameterError
        If ``release`` is out of its range or a class has no threshold.

    Examples
    --------
    >>> model = load()
    >>> silence = Audio(np.zeros((1, 44100 * 3), np.float32), 44100)
    >>> len(decide(model, predict(model, silence), threshold=0.99, end_s=3.0))
    0
    """
    settings = model.config.inference
    release = settings.release if release is None else release
    if not 0 < release <= 1:
        raise ParameterError(f"release must lie in (0, 1], got {release}; 1 means no hysteresis")
    if threshold is None:
        threshold = dict(model.thresholds) or settings.threshold
    return result.intervals(
        threshold,
        release=release,
        min_duration_s=settings.min_duration_s if min_duration_s is None else min_duration_s,
        end_s=end_s,
    )


def _windows(
    blocks: Iterable[Audio], settings: FeatureConfig, stride: int
) -> Iterator[tuple[list[int], Signal, int]]:
    """Yield the first samples of some windows, the windows, and how many samples have come so far."""
    length = settings.window_length
    n_most = max(1, int(BATCH_S / settings.window_s))
    kept = np.zeros(0, dtype=np.float32)  # sound that a later window needs, from sample `first` on
    first = position = n_samples = 0
    for block in blocks:
        if block.sample_rate != settings.sample_rate:
            raise ParameterError(
                f"blocks must be at {settings.sample_rate} Hz, got {block.sample_rate}; resample them"
            )
        kept = np.concatenate([kept, block.mono().samples[0]])
        n_samples += block.samples.shape[1]
        while position + length <= n_samples:
            positions = list(range(position, n_samples - length + 1, stride))[:n_most]
            yield positions, np.stack([kept[p - first : p - first + length] for p in positions]), n_samples
            position = positions[-1] + stride
        # One window back suffices, also for the last one, which ends with the sound.
        keep_from = max(first, min(position, n_samples - length))
        kept, first = kept[keep_from - first :], keep_from
    # A sound shorter than a window is heard in as many whole steps as it has, from both its ends.
    length = min(length, max(1, n_samples // settings.label_length) * settings.label_length)
    last = max(0, n_samples - length)
    for start in sorted({0, last}) if position == 0 else [last] * (last > position - stride):
        window = kept[start - first : start - first + length]
        yield [start], np.pad(window, (0, length - len(window)))[np.newaxis], n_samples


def _probabilities(network: torch.nn.Module, patches: np.ndarray, device: torch.device) -> np.ndarray:
    """Return ``(n_labels, n_windows, n_steps)``."""
    with torch.inference_mode():
        logits = network(torch.from_numpy(patches).to(device))
        # A copy: torch's own memory, kept, would lie between its large pieces and make the heap grow
        # with the length of the sound.
        return np.asarray(logits.sigmoid().transpose(0, 1).cpu().numpy().copy())


def _overlap_average(
    labels: tuple[str, ...],
    probabilities: np.ndarray,
    starts_s: np.ndarray,
    label_s: float,
    hop_s: float,
    duration_s: float,
) -> ActivityAnnotation:
    """Return the mean over the steps of all windows that overlap each frame, weighted by how much they do."""
    n_frames = max(1, int(np.ceil(duration_s / hop_s - 1e-6)))
    grid = FrameGrid(0.0, hop_s, n_frames)
    values = np.empty((len(labels), n_frames), dtype=np.float32)
    ends_s = starts_s + label_s
    for k, start_s in enumerate(grid.times_s()):
        first = int(np.searchsorted(ends_s, start_s, side="right"))
        last = int(np.searchsorted(starts_s, start_s + hop_s, side="left"))
        part = slice(min(first, len(starts_s) - 1), max(last, first + 1))
        overlap_s = np.minimum(ends_s[part], start_s + hop_s) - np.maximum(starts_s[part], start_s)
        values[:, k] = np.average(probabilities[:, part], axis=1, weights=np.maximum(overlap_s, 1e-9))
    return ActivityAnnotation(grid, labels, np.clip(values, 0.0, 1.0))


def _on_device(model: Model, device: str) -> tuple[torch.nn.Module, torch.device]:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ParameterError(f"device {device!r} is not available here; use 'cpu' or 'auto'")
    try:
        where = torch.device(device)
        return fused(model.network).to(where), where
    except RuntimeError as error:
        raise ParameterError(f"device {device!r} cannot be used ({error}); use 'cpu' or 'auto'") from error

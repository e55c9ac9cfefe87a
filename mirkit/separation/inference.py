"""From a mixture to its stems with a trained model, in bounded memory whatever the length."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mirkit import checkpoint
from mirkit._typing import LabelFrames
from mirkit.annotation import ActivityAnnotation
from mirkit.audio import Audio, sound_wanted
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError
from mirkit.loop import torch_device
from mirkit.parallel import Progress
from mirkit.separation import features, unmix
from mirkit.separation.config import FeatureConfig, InferenceConfig
from mirkit.separation.model import Model, Part
from mirkit.separation.overlap_add import Piece, stems_of_blocks
from mirkit.separation.result import Separation
from mirkit.separation.wiener import ideal_binary_mask, ideal_ratio_mask, wiener

__all__ = ["bound", "load", "predict", "stream"]

CLASSIFIER_FRAMES = {"iass": 6}
"""How far to either side a classifier looks, where that is finite."""


def load(name_or_folder: str | os.PathLike[str] = "default") -> Model:
    """Return a trained model: a bundled one by name, one from a folder, or published Open-Unmix weights.

    Parameters
    ----------
    name_or_folder : str or Path
        ``default`` is the bundled model. A folder holds a checkpoint of mirkit, or ``separator.json``
        and the other files of Open-Unmix; see `mirkit.separation.unmix.read_folder`.

    Returns
    -------
    Model
        In evaluation mode, on the CPU.

    Raises
    ------
    CheckpointError
        If there is no such model, it is damaged, or weights are missing or left over.
    """
    if unmix.is_folder(Path(name_or_folder)):
        return Model.from_checkpoint(unmix.read_folder(Path(name_or_folder)))
    folder = checkpoint.find("separation", name_or_folder)
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder, task="separation"))


def predict(
    model: Model,
    audio: Audio,
    *,
    targets: Sequence[str] | None = None,
    settings: InferenceConfig | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Separation:
    """Return the stems of a sound; with the residual they sum to it.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    audio : Audio
        Any length, rate and number of channels. The stems have the same.
    targets : sequence of str, optional
        Only these are computed; all of the model's if None.
    settings : InferenceConfig, optional
        Segments, gate and Wiener filter; the model's own if None.
    device : str
        ``auto`` takes a GPU where there is one; else ``cpu``, ``cuda``, ``mps``.
    progress : callable, optional
        Called with seconds done and seconds in all.

    Returns
    -------
    Separation
        The targets in the model's order, and last the residual, ``model.config.residual``.

    Raises
    ------
    ParameterError
        If the sound is empty, a target is unknown, the device does not exist, or the gate's filter is longer
        than the context of a segment allows.

    Examples
    --------
    >>> from mirkit.separation import Config
    >>> model = Model.untrained(Config(targets=("vocals",)))
    >>> silence = Audio(np.zeros((1, 48000), np.float32), 48000)
    >>> {name: stem.samples.shape for name, stem in predict(model, silence).stems.items()}
    {'vocals': (1, 48000), 'other': (1, 48000)}
    """
    sound_wanted(audio)
    pieces = []
    n_done = 0
    for piece in stream(model, [audio], targets=targets, settings=settings, device=device):
        pieces.append(piece)
        n_done += piece.n_samples
        if progress is not None:
            progress(round(n_done / audio.sample_rate), round(audio.duration_s))
    return Separation.joined(pieces)


def stream(
    model: Model,
    blocks: Iterable[Audio],
    *,
    targets: Sequence[str] | None = None,
    settings: InferenceConfig | None = None,
    device: str = "auto",
) -> Iterator[Separation]:
    """Yield the same as `predict` piece by piece, with memory for one segment.

    A moment's estimate is there at the latest when ``model.config.look_ahead_s`` more of the sound
    has come.

    Parameters
    ----------
    model : Model
        From `load` or `train`.
    blocks : iterable of Audio
        Consecutive sound, all of one rate and number of channels.
    targets, settings, device
        As for `predict`.

    Yields
    ------
    Separation
        Consecutive pieces of the stems; a piece's activity is that of the frames that were decided
        with it.

    Raises
    ------
    ParameterError
        If there is no sound, the blocks differ, a target is unknown, the device does not exist, or the gate's
        filter is longer than the context of a segment allows.
    """
    settings = model.config.inference if settings is None else settings
    parts, where = model.parts_for(targets), torch_device(device)
    check_gate(model, settings)
    estimator = _Networks(model, parts, targets, settings, where)
    names, heard = estimator.names, estimator.heard
    for piece in stems_of_blocks(blocks, estimator, len(names), model.config.features, settings, where):
        rate = piece.mixture.sample_rate
        found = {name: Audio(samples, rate) for name, samples in zip(names, piece.stems, strict=True)}
        found[model.config.residual] = Audio(piece.mixture.samples - sum(piece.stems), rate)
        yield Separation(found, _annotated(piece, heard, model.config.features))


def check_gate(model: Model, settings: InferenceConfig) -> None:
    """Raise `ParameterError` if the gate near the ends of a segment would need frames that it cannot see."""
    if settings.gate == "off" or not any(part.has_classifier for part in model.parts):
        return
    half, seen = settings.gate_filter_frames // 2, CLASSIFIER_FRAMES.get(model.config.network, 0)
    if (most := settings.context_frames - seen) < half:
        advice = f"take a filter of {2 * most + 1} frames at most, or" if most >= 0 else "take"
        raise ParameterError(
            f"a gate's filter of {settings.gate_filter_frames} frames looks {half} frames to either side and "
            f"the classifier {seen}, but a segment has {settings.context_frames} frames of context; {advice} "
            f"context_frames of {half + seen} or more"
        )


def bound(
    reference: Separation, kind: Literal["mixture", "binary", "ratio"], *, device: str = "auto"
) -> Separation:
    """Return what a mask made from the truth achieves, or the mixture itself: bounds for a system.

    Parameters
    ----------
    reference : Separation
        True stems.
    kind : {"mixture", "binary", "ratio"}
        The mixture as the estimate of every stem; the ideal binary mask (1 where the stem is louder
        than everything else together); the ideal ratio mask (its share of the energy).
    device : str
        As for `predict`.

    Returns
    -------
    Separation
        The same stems. They sum to the mixture for ratio masks only.

    Raises
    ------
    ParameterError
        If ``kind`` is none of these.

    Examples
    --------
    >>> tone = np.sin(np.arange(44100, dtype=np.float32))[np.newaxis]
    >>> truth = Separation({"vocals": Audio(tone, 44100), "other": Audio(0 * tone, 44100)})
    >>> bool(np.allclose(bound(truth, "ratio").stems["vocals"].samples, tone, atol=1e-5))
    True
    """
    mixture = reference.mixture()
    if kind == "mixture":
        return Separation(dict.fromkeys(reference.stems, mixture))
    masks = {"binary": ideal_binary_mask, "ratio": ideal_ratio_mask}
    if kind not in masks:
        raise ParameterError(f"kind must be 'mixture', 'binary' or 'ratio', got {kind!r}")
    where, grid = torch_device(device), FeatureConfig(sample_rate=mixture.sample_rate)
    stems = {}
    for name, stem in reference.stems.items():
        pair = Audio(np.concatenate([stem.samples, mixture.samples]), mixture.sample_rate)

        def masked(spectra: torch.Tensor, first: int, last: int) -> tuple[torch.Tensor, None]:
            target, whole = spectra[:, :, first:last].chunk(2)
            estimate = masks[kind](target, whole - target) * whole
            return torch.cat([estimate, estimate])[None], None

        found = stems_of_blocks([pair], masked, 1, grid, InferenceConfig(), where)
        samples = np.concatenate([piece.stems[0] for piece in found], axis=1)
        stems[name] = Audio(samples[: len(stem.samples)], mixture.sample_rate)
    return Separation(stems)


class _Networks:
    """The estimator that a model's networks, the gate and the Wiener filter make together."""

    def __init__(
        self,
        model: Model,
        parts: Sequence[Part],
        targets: Sequence[str] | None,
        settings: InferenceConfig,
        where: torch.device,
    ) -> None:
        self._settings, self._n_channels = settings, model.config.n_channels
        self._networks = [part.for_use().to(where) for part in parts]
        outputs = [target for part in parts for target in part.targets]
        self.names = tuple(name for name in outputs if targets is None or name in targets)
        chosen = [outputs.index(name) for name in self.names]
        self._chosen = None if len(chosen) == len(outputs) else chosen  # all: no copy
        # A shared network may give masks that nobody asked for, and one without a classifier no activity.
        self.heard = self.names if all(part.has_classifier for part in parts) else ()
        whole = len(self.names) == len(model.config.targets)
        self._with_residual = settings.wiener_residual or not whole

    @torch.inference_mode()
    def __call__(
        self, spectra: torch.Tensor, first: int, last: int
    ) -> tuple[torch.Tensor, LabelFrames | None]:
        magnitudes = spectra.abs()
        if spectra.shape[0] != self._n_channels:  # the networks see the mean of all channels
            magnitudes = magnitudes.mean(dim=0, keepdim=True).expand(self._n_channels, -1, -1)
        mixture = spectra[:, :, first:last]
        estimates, probabilities = [], []
        for network in self._networks:
            masks, logits = network(magnitudes[None], slice(first, last))
            masks = masks[0]  # (n_targets, n_channels, n_bins, n_frames)
            if spectra.shape[0] != self._n_channels:
                masks = masks.mean(dim=1, keepdim=True)
            if logits is not None:
                found = logits[0].float().sigmoid().cpu().numpy()
                probabilities.append(found[:, first:last])
                weights = torch.from_numpy(features.gate(found, self._settings)[:, first:last])
                masks = masks * weights.to(masks)[:, None, None]
            # A real times a complex array would make the masks complex first.
            product = masks[..., None] * torch.view_as_real(mixture)
            estimates.append(torch.view_as_complex(product))
        stems = torch.cat(estimates) if len(estimates) > 1 else estimates[0]
        activity = np.concatenate(probabilities) if self.heard else None
        if self._chosen is not None:
            stems = stems[self._chosen]
            activity = None if activity is None else activity[self._chosen]
        return self._refined(stems, mixture), activity

    def _refined(self, estimates: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
        """Return the estimates after Wiener filtering, each stretch of frames by itself."""
        settings = self._settings
        n_sources = len(estimates)
        if settings.wiener_iterations == 0 or n_sources + self._with_residual < 2:
            return estimates
        refined = []
        for start in range(0, mixture.shape[-1], settings.wiener_frames):
            frames = slice(start, start + settings.wiener_frames)
            y, x = estimates[..., frames], mixture[..., frames]
            if self._with_residual:
                y = torch.cat([y, (x - y.sum(dim=0))[None]])
            refined.append(wiener(y, x, iterations=settings.wiener_iterations)[:n_sources])
        return torch.cat(refined, dim=-1)


def _annotated(piece: Piece, labels: tuple[str, ...], grid: FeatureConfig) -> ActivityAnnotation | None:
    if piece.activity is None or not labels:
        return None
    frames = FrameGrid(piece.first_frame * grid.hop_s, grid.hop_s, piece.activity.shape[1])
    return ActivityAnnotation(frames, labels, np.clip(piece.activity, 0.0, 1.0))

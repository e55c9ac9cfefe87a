"""Short-time spectra of sound that arrives in pieces, and back: overlap-add with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from mirkit._typing import LabelFrames, Samples
from mirkit.audio import Audio
from mirkit.audio.streaming import Resampler
from mirkit.errors import ParameterError
from mirkit.separation.config import FeatureConfig, InferenceConfig

__all__ = ["Analysis", "Estimator", "Piece", "Synthesis", "stems_of_blocks"]

Estimator = Callable[[torch.Tensor, int, int], tuple[torch.Tensor, LabelFrames | None]]
"""Spectra of the mixture ``(n_channels, n_bins, n_frames)`` and the first and last of the frames that are
wanted, to spectra of the stems ``(n_stems, n_channels, n_bins, last - first)`` and the probabilities of
activity ``(n_stems, last - first)``, if any."""


BLOCK_S = 10.0
"""Longer blocks are cut: what waits is moved at each segment, so its time grows with a block's square."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of the mixture with its stems.

    Parameters
    ----------
    mixture : Audio
        At the rate of the input.
    stems : list of ndarray of shape (n_channels, n_samples)
        As long as the mixture.
    activity : ndarray of shape (n_stems, n_frames), optional
        Probabilities in the frames that were decided with this piece.
    first_frame : int
        Number of the first of these frames.
    """

    mixture: Audio
    stems: list[Samples]
    activity: LabelFrames | None = None
    first_frame: int = 0


def stems_of_blocks(
    blocks: Iterable[Audio],
    estimator: Estimator,
    n_stems: int,
    features: FeatureConfig,
    settings: InferenceConfig,
    device: torch.device,
) -> Iterator[Piece]:
    """Yield the stems of a mixture that comes in blocks; joined they are as long as it.

    Parameters
    ----------
    blocks : iterable of Audio
        Consecutive sound, all of one rate and number of channels, in portions of any length.
    estimator : callable
        See `Estimator`.
    n_stems : int
        Stems that it gives.
    features : FeatureConfig
        Rate, window and hop of the spectra.
    settings : InferenceConfig
        Frames of a segment and of its context. The result does not depend on the blocks.
    device : torch.device
        Where the spectra are.

    Yields
    ------
    Piece

    Raises
    ------
    ParameterError
        If there is no sound or the blocks differ.
    """
    found = _portions(blocks)
    first = next(found, None)
    if first is None:
        raise ParameterError("the sound has no samples; give at least a fraction of a second")
    rate, n_channels = first.sample_rate, first.samples.shape[0]
    inward = Resampler(rate, features.sample_rate, n_channels)
    segments = _Segments(n_channels, estimator, n_stems, features, settings, device)
    outward = [_Outlet(features.sample_rate, rate, n_channels) for _ in range(n_stems)]
    mixture = _Queue()

    def piece(n: int, activity: LabelFrames | None = None, first_frame: int = 0) -> Piece:
        return Piece(
            Audio(mixture.pull(n), rate), [outlet.pull(n) for outlet in outward], activity, first_frame
        )

    def pieces(decided: Iterable[_Segment]) -> Iterator[Piece]:
        for segment in decided:
            for outlet, samples in zip(outward, segment.stems, strict=True):
                outlet.push(samples)
            yield piece(min(outward[0].n_ready, mixture.n_ready), segment.activity, segment.first_frame)

    for block in chain([first], found):
        if (block.sample_rate, block.samples.shape[0]) != (rate, n_channels):
            raise ParameterError(
                f"blocks must all have {n_channels} channels at {rate} Hz like the first, got "
                f"{block.samples.shape[0]} at {block.sample_rate} Hz"
            )
        mixture.push(block.samples)
        yield from pieces(segments.push(inward.push(block.samples)))
    yield from pieces(chain(segments.push(inward.flush()), segments.finish()))
    # The change of rate leaves a rest of a sample or so: it may round the length down.
    for outlet in outward:
        outlet.finish(mixture.n_ready)
    if mixture.n_ready:
        yield piece(mixture.n_ready)


def _portions(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """Yield the same sound in blocks that are neither empty nor long."""
    for block in blocks:
        length = max(1, round(BLOCK_S * block.sample_rate))
        for start in range(0, block.samples.shape[1], length):
            yield Audio(block.samples[:, start : start + length], block.sample_rate)


class Analysis:
    """Spectra of a sound that is pushed piece by piece.

    Frame ``k`` is centred on sample ``k * hop_length``; beyond both ends the sound is mirrored. Whatever
    the pieces, the frames are those of ``torch.stft`` with ``center=True`` on the whole.

    Parameters
    ----------
    n_channels : int
        Channels of the sound.
    features : FeatureConfig
        Window and hop.
    device : torch.device
        Where the spectra are computed.
    """

    def __init__(self, n_channels: int, features: FeatureConfig, device: torch.device) -> None:
        self._n_fft, self._hop = features.n_fft, features.hop_length
        self._window = torch.hann_window(features.n_fft, device=device)
        self._kept = torch.zeros(n_channels, 0, device=device)  # padded sound from frame `_first` on
        self._first = 0
        self._started = self._finished = False
        self.n_samples = 0

    @property
    def n_frames(self) -> int:
        """Frames that are complete: more may come until `finish`, then all."""
        if self._finished:
            return 1 + self.n_samples // self._hop
        if not self._started:
            return 0
        return max(0, self._first + (self._kept.shape[1] - self._n_fft) // self._hop + 1)

    def push(self, samples: torch.Tensor) -> None:
        """Append sound of shape ``(n_channels, n)``."""
        self.n_samples += samples.shape[1]
        self._kept = torch.cat([self._kept, samples.to(self._kept)], dim=1)
        if not self._started and self.n_samples > self._n_fft // 2:
            self._start()

    def _start(self) -> None:
        half = self._n_fft // 2
        if self.n_samples > half:
            head = self._kept[:, 1 : half + 1].flip(1)
        else:  # too short to be mirrored
            head = self._kept.new_zeros(self._kept.shape[0], half)
        self._kept = torch.cat([head, self._kept], dim=1)
        self._started = True

    def finish(self) -> None:
        """Say that the sound is complete."""
        half = self._n_fft // 2
        if not self._started:
            self._start()
        if self.n_samples > half:
            tail = self._kept[:, -half - 1 : -1].flip(1)
        else:
            tail = self._kept.new_zeros(self._kept.shape[0], half)
        self._kept = torch.cat([self._kept, tail], dim=1)
        self._finished = True

    def spectra(self, first: int, last: int) -> torch.Tensor:
        """Return the frames from ``first`` up to ``last``, complex ``(n_channels, n_bins, n_frames)``."""
        start = (first - self._first) * self._hop
        length = (last - first - 1) * self._hop + self._n_fft
        frames = self._kept[:, start : start + length].unfold(1, self._n_fft, self._hop)
        return torch.as_tensor(torch.fft.rfft(frames * self._window).transpose(1, 2))

    def forget(self, first: int) -> None:
        """Give up the memory of what only frames before ``first`` need."""
        if first > self._first:
            # A copy, since a slice would keep the whole alive.
            self._kept = self._kept[:, (first - self._first) * self._hop :].clone()
            self._first = first


class Synthesis:
    """Sound from consecutive spectra of `Analysis`, each weighted with the window once more.

    Parameters
    ----------
    features : FeatureConfig
        Window and hop.
    device : torch.device
        Where the spectra are.
    """

    def __init__(self, features: FeatureConfig, device: torch.device) -> None:
        self._n_fft, self._hop = features.n_fft, features.hop_length
        self._window = torch.hann_window(features.n_fft, device=device)
        self._tail: torch.Tensor | None = None  # what the next frames still add to
        self._weight = torch.zeros(features.n_fft - features.hop_length, device=device)
        self._skip = features.n_fft // 2  # the mirrored sound before the start

    def push(self, spectra: torch.Tensor) -> torch.Tensor:
        """Return the sound ``(n_channels, n)`` that is complete after some more frames."""
        frames = torch.fft.irfft(spectra.transpose(1, 2), n=self._n_fft) * self._window
        total = self._added(frames)
        weight = self._added(self._window.square().expand(1, frames.shape[1], -1))[0]
        if self._tail is not None:
            total[:, : self._tail.shape[1]] += self._tail
        weight[: len(self._weight)] += self._weight
        n_done = frames.shape[1] * self._hop
        self._tail, self._weight = total[:, n_done:].clone(), weight[n_done:].clone()
        return self._cut(total[:, :n_done], weight[:n_done])

    def flush(self) -> torch.Tensor:
        """Return the rest, after the last frame; it goes beyond the end of the sound."""
        if self._tail is None:
            return torch.zeros(0, 0)
        return self._cut(self._tail, self._weight)

    def _cut(self, total: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        # The last samples of the mirrored end have no weight; nobody asks for them.
        done = (total / weight.clamp(min=1e-8))[:, self._skip :]
        self._skip = max(0, self._skip - total.shape[1])
        return done

    def _added(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the sum of overlapping frames ``(n_channels, n_frames, n_fft)``."""
        n_channels, n_frames, _ = frames.shape
        n_parts = self._n_fft // self._hop
        parts = frames.reshape(n_channels, n_frames, n_parts, self._hop)
        total = frames.new_zeros(n_channels, n_frames + n_parts - 1, self._hop)
        for k in range(n_parts):
            total[:, k : k + n_frames] += parts[:, :, k]
        return total.reshape(n_channels, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    stems: list[Samples]
    activity: LabelFrames | None
    first_frame: int


class _Segments:
    """Sound at the rate of the spectra to stems, one segment of frames after the other."""

    def __init__(
        self,
        n_channels: int,
        estimator: Estimator,
        n_stems: int,
        features: FeatureConfig,
        settings: InferenceConfig,
        device: torch.device,
    ) -> None:
        self._estimator, self._settings = estimator, settings
        self._analysis = Analysis(n_channels, features, device)
        self._syntheses = [Synthesis(features, device) for _ in range(n_stems)]
        self._next_frame = self._n_done = 0

    def push(self, samples: Samples) -> Iterator[_Segment]:
        """Yield what can be decided after some more sound."""
        self._analysis.push(torch.from_numpy(np.ascontiguousarray(samples)))
        settings = self._settings
        while self._next_frame + settings.segment_frames + settings.context_frames <= self._analysis.n_frames:
            yield self._decided(self._next_frame + settings.segment_frames)

    def finish(self) -> Iterator[_Segment]:
        """Yield the rest."""
        self._analysis.finish()
        while self._next_frame < self._analysis.n_frames:
            yield self._decided(
                min(self._next_frame + self._settings.segment_frames, self._analysis.n_frames)
            )
        stems = [self._cut(synthesis.flush()) for synthesis in self._syntheses]
        yield _Segment(stems, None, self._next_frame)

    def _decided(self, last: int) -> _Segment:
        first, context = self._next_frame, self._settings.context_frames
        start, end = max(0, first - context), min(last + context, self._analysis.n_frames)
        spectra, activity = self._estimator(self._analysis.spectra(start, end), first - start, last - start)
        done = [synthesis.push(stem) for synthesis, stem in zip(self._syntheses, spectra, strict=True)]
        stems = [self._cut(samples) for samples in done]
        self._n_done += stems[0].shape[1]
        self._analysis.forget(max(0, last - context))
        self._next_frame = last
        return _Segment(stems, activity, first)

    def _cut(self, samples: torch.Tensor) -> Samples:
        """Return samples without the mirrored sound beyond the end."""
        return np.asarray(samples[:, : max(0, self._analysis.n_samples - self._n_done)].cpu())


class _Queue:
    """Samples in, samples out, in other portions."""

    def __init__(self) -> None:
        self._waiting: list[Samples] = []
        self.n_ready = 0

    def push(self, samples: Samples) -> None:
        """Append samples."""
        self._waiting.append(samples)
        self.n_ready += samples.shape[1]

    def pull(self, n: int) -> Samples:
        """Return the next ``n`` samples."""
        joined = np.concatenate(self._waiting, axis=1)
        # A copy of what waits on, or a small rest would keep large blocks alive.
        self._waiting = [joined[:, n:].copy()]
        self.n_ready -= n
        return joined[:, :n]


class _Outlet(_Queue):
    """A queue of samples that change their rate when they enter."""

    def __init__(self, old_rate: int, new_rate: int, n_channels: int) -> None:
        super().__init__()
        self._resampler = Resampler(old_rate, new_rate, n_channels)

    def push(self, samples: Samples) -> None:
        """Append samples at the old rate."""
        super().push(self._resampler.push(samples))

    def finish(self, n_samples: int) -> None:
        """Append what the change of rate holds back, and silence up to ``n_samples`` in all."""
        rest = self._resampler.flush()
        super().push(rest)
        if self.n_ready < n_samples:
            super().push(np.zeros((rest.shape[0], n_samples - self.n_ready), np.float32))

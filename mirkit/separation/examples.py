"""Training excerpts: a mixture, its target stems and their activity, a function of (seed, epoch, index)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from mirkit import audio
from mirkit._files import replacing
from mirkit._typing import Samples
from mirkit.activation import LEVEL_HOP_S, level_activity
from mirkit.audio import Audio
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.parallel import map_all
from mirkit.separation import augmentation, features
from mirkit.separation.config import Config
from mirkit.separation.targets import grouped

__all__ = ["Excerpts", "Row", "Scene", "prepare"]

PCM_STEPS = 32767.0

Key = tuple[int, int]
"""(epoch, index)"""


@dataclass(frozen=True, slots=True)
class Row:
    """Decoded sound of one target of one song, on disk.

    Parameters
    ----------
    path : Path
        Array of shape (2, n_samples), int16.
    n_samples : int
        Its length.
    scale : float
        Value of one step.
    """

    path: Path
    n_samples: int
    scale: float

    def read(self, start: int, length: int) -> Samples:
        """Return a stretch ``(2, length)``, silence beyond the end."""
        # Opened at each call: nothing to hand over to worker processes, and little to do.
        part = np.load(self.path, mmap_mode="r")[:, start : start + length] * np.float32(self.scale)
        return np.pad(part, ((0, 0), (0, length - part.shape[1])))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The targets of one song and the rest of it, decoded.

    Parameters
    ----------
    rows : dict of str to Row
        Targets that occur, and ``other``.
    active : dict of str to ndarray of shape (n_frames,)
        Whether each sounds, every ``hop_s``.
    hop_s : float
        Seconds.
    """

    rows: dict[str, Row]
    active: dict[str, np.ndarray]
    hop_s: float

    @property
    def n_samples(self) -> int:
        """Samples of the longest row."""
        return max(row.n_samples for row in self.rows.values())


def prepare(
    items: Sequence[MultiTrack], config: Config, cache: Path, *, n_jobs: int = 1
) -> tuple[list[Scene], list[str]]:
    """Return the scenes of songs, and what could not be read.

    Every stem is decoded once; the cache makes a second call cheap.

    Parameters
    ----------
    items : sequence of MultiTrack
        Songs with stems.
    config : Config
        Sample rate, targets and taxonomy.
    cache : Path
        Folder for the decoded targets, 176 kB for each second and target at 44.1 kHz.
    n_jobs : int
        Worker processes.

    Returns
    -------
    scenes : list of Scene
        In the order of the items.
    problems : list of str
        One for each song that was left out.
    """
    cache.mkdir(parents=True, exist_ok=True)
    outcomes = map_all(_decode, [(item, config, cache) for item in items], n_jobs=n_jobs)
    scenes = [outcome.result for outcome in outcomes if outcome.result]
    problems = [f"{outcome.item[0].id}: {outcome.error}" for outcome in outcomes if outcome.error]
    if not scenes:
        raise DatasetError("no song could be used; " + ("; ".join(problems[:3]) or "the data set is empty"))
    return scenes, problems


def _decode(job: tuple[MultiTrack, Config, Path]) -> Scene:
    item, config, cache = job
    groups, rate = grouped(item, config).stems, config.features.sample_rate
    if not groups:
        raise DatasetError("no stem of a known instrument")
    files = {
        label: [
            (str(stem.path), stem.stream, stem.path.stat().st_mtime_ns, stem.path.stat().st_size)
            for stem in stems
        ]
        for label, stems in groups.items()
    }
    key = hashlib.sha256(repr((files, rate)).encode()).hexdigest()[:16]
    labels = list(groups)
    paths = [cache / f"{item.id}-{key}-{k}.npy" for k in range(len(labels))]
    summary = cache / f"{item.id}-{key}.npz"
    if not (summary.is_file() and all(path.is_file() for path in paths)):
        scales: list[float] = []
        active = level_activity(_written(groups, paths, rate, scales), rate) > 0
        with replacing(summary) as temporary:
            np.savez(temporary, active=active, scales=scales)
    with np.load(summary) as stored:
        active, scales = stored["active"], stored["scales"].tolist()
    lengths = [int(np.load(path, mmap_mode="r").shape[1]) for path in paths]
    rows = [Row(*row) for row in zip(paths, lengths, scales, strict=True)]
    hop_s = max(1, round(LEVEL_HOP_S * rate)) / rate
    return Scene(dict(zip(labels, rows, strict=True)), dict(zip(labels, active, strict=True)), hop_s)


def _written(
    groups: dict[str, list[Stem]], paths: Sequence[Path], rate: int, scales: list[float]
) -> Iterator[np.ndarray]:
    """Write each group's sound, note its scale, and yield it as mono: one group in memory at a time."""
    for stems, path in zip(groups.values(), paths, strict=True):
        samples = audio.mix(_stereo(stem.audio(rate)) for stem in stems).samples
        scales.append(max(float(np.abs(samples).max(initial=0.0)), 1e-9) / PCM_STEPS)
        with replacing(path) as temporary:
            np.save(temporary, np.rint(samples / np.float32(scales[-1])).astype(np.int16))
        yield samples.mean(axis=0)


def _stereo(sound: Audio) -> Audio:
    if sound.samples.shape[0] == 2:
        return sound
    return Audio(np.repeat(sound.mono().samples, 2, axis=0), sound.sample_rate)


class Excerpts(Dataset[tuple[np.ndarray, np.ndarray, np.ndarray]]):
    """Excerpts for one network: mixture, target stems and their activity.

    Parameters
    ----------
    scenes : sequence of Scene
        From `prepare`.
    config : Config
        Training and feature settings.
    targets : tuple of str
        Stems that the network estimates.
    seed : int
        Same seed, epoch and index: same excerpt.

    Raises
    ------
    DatasetError
        If no scene has any of the targets.
    """

    def __init__(
        self, scenes: Sequence[Scene], config: Config, targets: tuple[str, ...], *, seed: int
    ) -> None:
        self._config, self._targets, self._seed = config, targets, seed
        self._length = round(config.training.excerpt_s * config.features.sample_rate)
        self._members: dict[str, list[Scene]] = {}
        for scene in scenes:
            for label in scene.rows:
                self._members.setdefault(label, []).append(scene)
        self._present = [target for target in targets if target in self._members]
        if not self._present:
            raise DatasetError(
                f"no song holds {' or '.join(targets)}; check the data set's instrument labels"
            )
        # Without excerpts from which the target is absent, songs that lack it have nothing to give.
        with_absent = config.training.absent_share > 0
        self.scenes = [s for s in scenes if with_absent or any(target in s.rows for target in targets)]

    @property
    def n_frames(self) -> int:
        """Frames of an excerpt."""
        grid = self._config.features
        return 1 + (self._length - grid.n_fft) // grid.hop_length

    def __getitem__(self, key: Key) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the excerpt of (epoch, index), for a negative epoch the fixed one of (song, position).

        Returns
        -------
        mixture : ndarray of shape (2, n_samples)
        stems : ndarray of shape (n_targets, 2, n_samples)
        activity : ndarray of shape (n_targets, n_frames)
            0 or 1.
        """
        epoch, index = key
        if epoch < 0:
            scene, start = self.scenes[-epoch - 1], index
            return self._mixed([(label, scene, start) for label in scene.rows], None)
        rng = np.random.default_rng((self._seed, epoch, index))
        return self._mixed(self._drawn(rng), rng)

    def fixed(self, n_each: int) -> list[Key]:
        """Return keys of excerpts of whole songs as they are, spread evenly, at most ``n_each`` a song."""
        keys = []
        for number, scene in enumerate(self.scenes):
            last = max(0, scene.n_samples - self._length)
            n = min(n_each, max(1, scene.n_samples // self._length))
            keys += [(-number - 1, round(start)) for start in np.linspace(0, last, n)]
        return keys

    def _drawn(self, rng: np.random.Generator) -> list[tuple[str, Scene, int]]:
        """Return label, scene and start of each part of the mixture."""
        training = self._config.training
        wanted = self._present[rng.integers(len(self._present))]
        absent = {target for target in self._targets if rng.random() < training.absent_share}
        scene = _one(rng, self.scenes if wanted in absent else self._members[wanted])
        start = self._start(rng, scene, None if wanted in absent else wanted)
        parts = [(label, scene, start) for label in scene.rows]
        if rng.random() < training.random_mix:
            # This song says which parts there are; all except the wanted one come from elsewhere.
            others = [(label, _one(rng, self._members[label])) for label, _, _ in parts if label != wanted]
            parts = [part for part in parts if part[0] == wanted]
            parts += [(label, other, self._start(rng, other, None)) for label, other in others]
        return [part for part in parts if part[0] not in absent]

    def _start(self, rng: np.random.Generator, scene: Scene, sounding: str | None) -> int:
        last = max(0, scene.n_samples - self._length)
        if sounding is not None and rng.random() < self._config.training.seek_active:
            frames = np.flatnonzero(scene.active[sounding])
            if frames.size:
                time_s = frames[rng.integers(frames.size)] * scene.hop_s
                start = round(time_s * self._config.features.sample_rate) - int(rng.integers(self._length))
                return int(np.clip(start, 0, last))
        return int(rng.integers(last + 1))

    def _mixed(
        self, parts: Sequence[tuple[str, Scene, int]], rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        training = self._config.training
        mixture = np.zeros((2, self._length), np.float32)
        stems = np.zeros((len(self._targets), 2, self._length), np.float32)
        activity = np.zeros((len(self._targets), self.n_frames), np.float32)
        speeds: dict[int, float] = {}  # the parts of one song keep their time
        cutoff_hz = self._cutoff(rng)
        for label, scene, start in parts:
            speed = 1.0
            if rng is not None and training.speed:
                speed = speeds.setdefault(id(scene), (1 + training.speed) ** rng.uniform(-1, 1))
            samples = scene.rows[label].read(start, math.ceil(self._length * speed) + 1)
            samples = augmentation.respeeded(samples, speed, self._length)
            if rng is not None:
                samples = samples * np.float32(rng.uniform(training.gain_min, training.gain_max))
                if training.tilt_db or cutoff_hz is not None:
                    samples = augmentation.recoloured(
                        samples,
                        rng,
                        tilt_db=training.tilt_db,
                        sample_rate=self._config.features.sample_rate,
                        cutoff_hz=cutoff_hz,
                    )
                if rng.random() < training.channel_swap:
                    samples = samples[::-1]
            mixture += samples
            if label in self._targets:
                k = self._targets.index(label)
                stems[k] += samples
                activity[k] = np.maximum(activity[k], self._active(scene, label, start, speed, samples))
        if rng is not None and rng.random() < training.mono:
            mixture[:] = mixture.mean(axis=0)
            stems[:] = stems.mean(axis=1, keepdims=True)
        if rng is not None and training.level_db:
            gain = np.float32(10 ** (rng.uniform(-training.level_db, training.level_db) / 20))
            mixture *= gain
            stems *= gain
        return mixture, stems, activity

    def _cutoff(self, rng: np.random.Generator | None) -> float | None:
        if rng is None or rng.random() >= self._config.training.band_limit:
            return None
        return augmentation.cutoff(rng, self._config.features.sample_rate)

    def _active(self, scene: Scene, label: str, start: int, speed: float, samples: Samples) -> np.ndarray:
        """Return 0 or 1 for each frame."""
        grid = self._config.features
        if self._config.training.truth == "confidence":
            return (features.confidence(samples, grid) >= 0.5).astype(np.float32)
        middles = start + speed * (grid.n_fft // 2 + grid.hop_length * np.arange(self.n_frames))
        frames = np.floor(middles / grid.sample_rate / scene.hop_s + 1e-6).astype(int)
        active = scene.active[label]
        return np.where(frames < len(active), active[np.minimum(frames, len(active) - 1)], 0).astype(
            np.float32
        )


def _one(rng: np.random.Generator, scenes: Sequence[Scene]) -> Scene:
    """Return a random scene, longer ones more often: each second counts the same."""
    ends = np.cumsum([scene.n_samples for scene in scenes])
    return scenes[int(np.searchsorted(ends, rng.integers(ends[-1]), side="right"))]

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

__all__ = ["Excerpts", "Part", "Recipe", "Row", "Scene", "prepare"]

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
    song : str
        Its name in the data set.
    """

    rows: dict[str, Row]
    active: dict[str, np.ndarray]
    hop_s: float
    song: str = ""

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
    return Scene(dict(zip(labels, rows, strict=True)), dict(zip(labels, active, strict=True)), hop_s, item.id)


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


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One stem of an excerpt, and what is done to it, in this order.

    Parameters
    ----------
    label : str
        Target, or ``other``.
    scene : Scene
        Song that it comes from.
    start : int
        First sample.
    speed : float
        As `augmentation.respeeded` takes it.
    gain : float
        Factor.
    knots_db : ndarray of shape (KNOTS,) or None
        As `augmentation.recoloured` takes them; None: no equaliser, no cutoff.
    swapped : bool
        Whether left is right.
    """

    label: str
    scene: Scene
    start: int
    speed: float = 1.0
    gain: float = 1.0
    knots_db: np.ndarray | None = None
    swapped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How an excerpt is made.

    Parameters
    ----------
    parts : tuple of Part
        Their sum is the mixture.
    cutoff_hz : float
        Nothing is left above in parts with an equaliser.
    mono : bool
        Whether both channels become their mean.
    gain : float
        Factor of everything.
    """

    parts: tuple[Part, ...]
    cutoff_hz: float = math.inf
    mono: bool = False
    gain: float = 1.0


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
        self.config, self.targets, self._seed = config, targets, seed
        self.n_samples = round(config.training.excerpt_s * config.features.sample_rate)
        members: dict[str, list[Scene]] = {}
        for scene in scenes:
            for label in scene.rows:
                members.setdefault(label, []).append(scene)
        self._present = [target for target in targets if target in members]
        if not self._present:
            raise DatasetError(
                f"no song holds {' or '.join(targets)}; check the data set's instrument labels"
            )
        # Without excerpts from which the target is absent, songs that lack it have nothing to give.
        with_absent = config.training.absent_share > 0
        self.scenes = [s for s in scenes if with_absent or any(target in s.rows for target in targets)]
        # Their parts may still be mixed with those of the others.
        self.sources = scenes if config.training.random_mix > 0 else self.scenes
        self._members = {label: _Choice(found) for label, found in members.items()}
        self._all = _Choice(self.scenes)

    @property
    def n_frames(self) -> int:
        """Frames of an excerpt."""
        grid = self.config.features
        return 1 + (self.n_samples - grid.n_fft) // grid.hop_length

    def __getitem__(self, key: Key) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the excerpt of (epoch, index), for a negative epoch the fixed one of (song, position).

        Returns
        -------
        mixture : ndarray of shape (2, n_samples)
        stems : ndarray of shape (n_targets, 2, n_samples)
        activity : ndarray of shape (n_targets, n_frames)
            0 or 1.
        """
        return self._mixed(self.recipe(key))

    def recipe(self, key: Key) -> Recipe:
        """Return how the excerpt of (epoch, index), or of (song, position), is made."""
        epoch, index = key
        if epoch < 0:
            scene = self.scenes[-epoch - 1]
            return Recipe(tuple(Part(label, scene, index) for label in scene.rows))
        rng = np.random.default_rng((self._seed, epoch, index))
        return self._changed(rng, self._drawn(rng))

    def fixed(self, n_each: int) -> list[Key]:
        """Return keys of excerpts of whole songs as they are, spread evenly, at most ``n_each`` a song."""
        keys = []
        for number, scene in enumerate(self.scenes):
            last = max(0, scene.n_samples - self.n_samples)
            n = min(n_each, max(1, scene.n_samples // self.n_samples))
            keys += [(-number - 1, round(start)) for start in np.linspace(0, last, n)]
        return keys

    def activity(self, recipe: Recipe) -> np.ndarray:
        """Return by level whether each target sounds in each frame, ``(n_targets, n_frames)``."""
        activity = np.zeros((len(self.targets), self.n_frames), np.float32)
        for part in recipe.parts:
            if part.label in self.targets:
                row = activity[self.targets.index(part.label)]
                np.maximum(row, self._active(part), out=row)
        return activity

    def _drawn(self, rng: np.random.Generator) -> list[tuple[str, Scene, int]]:
        """Return label, scene and start of each part of the mixture."""
        training = self.config.training
        wanted = self._present[rng.integers(len(self._present))]
        absent = {target for target in self.targets if rng.random() < training.absent_share}
        scene = (self._all if wanted in absent else self._members[wanted]).draw(rng)
        start = self._start(rng, scene, None if wanted in absent else wanted)
        parts = [(label, scene, start) for label in scene.rows]
        if rng.random() < training.random_mix:
            # This song says which parts there are; all except the wanted one come from elsewhere.
            others = [(label, self._members[label].draw(rng)) for label, _, _ in parts if label != wanted]
            parts = [part for part in parts if part[0] == wanted]
            parts += [(label, other, self._start(rng, other, None)) for label, other in others]
        return [part for part in parts if part[0] not in absent]

    def _start(self, rng: np.random.Generator, scene: Scene, sounding: str | None) -> int:
        last = max(0, scene.n_samples - self.n_samples)
        if sounding is not None and rng.random() < self.config.training.seek_active:
            frames = np.flatnonzero(scene.active[sounding])
            if frames.size:
                time_s = frames[rng.integers(frames.size)] * scene.hop_s
                start = round(time_s * self.config.features.sample_rate) - int(rng.integers(self.n_samples))
                return int(np.clip(start, 0, last))
        return int(rng.integers(last + 1))

    def _changed(self, rng: np.random.Generator, drawn: Sequence[tuple[str, Scene, int]]) -> Recipe:
        """Return the parts with their random changes."""
        training, sample_rate = self.config.training, self.config.features.sample_rate
        speeds: dict[int, float] = {}  # the parts of one song keep their time
        limited = rng.random() < training.band_limit
        cutoff_hz = augmentation.cutoff(rng, sample_rate) if limited else math.inf
        parts = []
        for label, scene, start in drawn:
            speed = 1.0
            if training.speed:
                speed = speeds.setdefault(id(scene), (1 + training.speed) ** rng.uniform(-1, 1))
            gain = rng.uniform(training.gain_min, training.gain_max)
            knots_db = None
            if training.tilt_db or limited:
                knots_db = rng.uniform(-training.tilt_db, training.tilt_db, augmentation.KNOTS)
            swapped = rng.random() < training.channel_swap
            parts.append(Part(label, scene, start, speed, gain, knots_db, swapped))
        mono = rng.random() < training.mono
        level_db = rng.uniform(-training.level_db, training.level_db) if training.level_db else 0.0
        return Recipe(tuple(parts), cutoff_hz, mono, 10 ** (level_db / 20))

    def _mixed(self, recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        by_level = self.config.training.truth == "level"
        mixture = np.zeros((2, self.n_samples), np.float32)
        stems = np.zeros((len(self.targets), 2, self.n_samples), np.float32)
        activity = (
            self.activity(recipe) if by_level else np.zeros((len(self.targets), self.n_frames), np.float32)
        )
        for part in recipe.parts:
            samples = self._sound(part, recipe.cutoff_hz)
            mixture += samples
            if part.label in self.targets:
                k = self.targets.index(part.label)
                stems[k] += samples
                if not by_level:
                    heard = features.confidence(samples, self.config.features) >= 0.5
                    activity[k] = np.maximum(activity[k], heard)
        if recipe.mono:
            mixture[:] = mixture.mean(axis=0)
            stems[:] = stems.mean(axis=1, keepdims=True)
        return mixture * np.float32(recipe.gain), stems * np.float32(recipe.gain), activity

    def _sound(self, part: Part, cutoff_hz: float) -> Samples:
        samples = part.scene.rows[part.label].read(part.start, math.ceil(self.n_samples * part.speed) + 1)
        samples = augmentation.respeeded(samples, part.speed, self.n_samples) * np.float32(part.gain)
        if part.knots_db is not None:
            samples = augmentation.recoloured(
                samples,
                part.knots_db,
                sample_rate=self.config.features.sample_rate,
                cutoff_hz=cutoff_hz,
            )
        return samples[::-1] if part.swapped else samples

    def _active(self, part: Part) -> np.ndarray:
        """Return 0 or 1 for each frame."""
        grid, scene = self.config.features, part.scene
        middles = part.start + part.speed * (grid.n_fft // 2 + grid.hop_length * np.arange(self.n_frames))
        frames = np.floor(middles / grid.sample_rate / scene.hop_s + 1e-6).astype(int)
        active = scene.active[part.label]
        return np.where(frames < len(active), active[np.minimum(frames, len(active) - 1)], 0)


class _Choice:
    """Scenes to draw from, longer ones more often: each second counts the same."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._scenes, self._ends = scenes, np.cumsum([scene.n_samples for scene in scenes])

    def draw(self, rng: np.random.Generator) -> Scene:
        """Return one of them."""
        return self._scenes[int(np.searchsorted(self._ends, rng.integers(self._ends[-1]), side="right"))]

"""Training excerpts: a window of remixed stems and its labels, a function of (seed, epoch, index)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from mirkit._files import replacing
from mirkit.activity import features
from mirkit.activity.config import Config
from mirkit.annotation import Taxonomy
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.parallel import map_all

__all__ = ["Excerpts", "Scene", "prepare"]

SILENT_SHARE = 0.02
"""Excerpts of nothing but noise, so that the network learns what no instrument looks like."""

Key = tuple[int, int]
"""(epoch, index)"""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The stems of one song, decoded and mapped into memory.

    Parameters
    ----------
    samples : ndarray of shape (n_stems, n_samples)
        Mono at the features' sample rate, float16.
    active : ndarray of shape (n_stems, n_frames)
        Whether each stem sounds, every ``hop_s``.
    hop_s : float
        Seconds.
    known : tuple of int or None
        Class of each stem, or None.
    possible : tuple of tuple of int
        Classes that each stem may be.
    song : str
        Its name in the data set.
    """

    samples: np.ndarray
    active: np.ndarray
    hop_s: float
    known: tuple[int | None, ...]
    possible: tuple[tuple[int, ...], ...]
    song: str = ""


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
        Sample rate, taxonomy and kind of truth.
    cache : Path
        Folder for the decoded stems, 44 kB for each second of a stem at 22.05 kHz.
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
    jobs = [(item, config.features.sample_rate, config.training.preset, cache) for item in items]
    outcomes = map_all(_decode, jobs, n_jobs=n_jobs)
    taxonomy = Taxonomy.load(config.taxonomy)
    scenes = [_scene(outcome.result, outcome.item[0], taxonomy) for outcome in outcomes if outcome.result]
    problems = [f"{outcome.item[0].id}: {outcome.error}" for outcome in outcomes if outcome.error]
    if not scenes:
        raise DatasetError("no song could be used; " + ("; ".join(problems[:3]) or "the data set is empty"))
    return scenes, problems


def _decode(job: tuple[MultiTrack, int, str, Path]) -> Path:
    """Write the stems and their activity as arrays; return the stem of the two files' names."""
    item, sample_rate, preset, cache = job
    stat = [
        (str(stem.path), stem.stream, stem.path.stat().st_mtime_ns, stem.path.stat().st_size)
        for stem in item.stems
    ]
    key = hashlib.sha256(repr((stat, sample_rate, preset)).encode()).hexdigest()[:16]
    base = cache / f"{item.id}-{key}"
    if all(path.is_file() for path in _files_of(base)):
        return base
    activity = item.stem_activity(preset)  # type: ignore[arg-type]
    stems = [stem.audio(sample_rate).mono().samples[0] for stem in item.stems]
    samples = np.zeros((len(stems), max(map(len, stems))), dtype=np.float16)
    for row, stem in zip(samples, stems, strict=True):
        row[: len(stem)] = stem
    samples_path, activity_path = _files_of(base)
    with replacing(activity_path) as path:
        np.savez(path, active=activity.binarize().values > 0, hop_s=activity.grid.hop_s)
    with replacing(samples_path) as path:
        np.save(path, samples)
    return base


def _files_of(base: Path) -> tuple[Path, Path]:
    """Return where samples and activity are kept; a song's name may have dots of its own."""
    return base.with_name(f"{base.name}.samples.npy"), base.with_name(f"{base.name}.activity.npz")


def _scene(base: Path, item: MultiTrack, taxonomy: Taxonomy) -> Scene:
    samples_path, activity_path = _files_of(base)
    with np.load(activity_path) as stored:
        active, hop_s = stored["active"], float(stored["hop_s"])
    samples = np.load(samples_path, mmap_mode="r")
    classes = [_classes(stem, taxonomy) for stem in item.stems]
    known, possible = tuple(known for known, _ in classes), tuple(may for _, may in classes)
    return Scene(samples, active, hop_s, known, possible, item.id)


def _classes(stem: Stem, taxonomy: Taxonomy) -> tuple[int | None, tuple[int, ...]]:
    known = {taxonomy.canonical(raw) for raw in stem.instrument}
    possible = {taxonomy.index(label) for raw in stem.instrument for label in taxonomy.possible(raw)}
    label = known.pop() if len(known) == 1 else None
    return (None if label is None else taxonomy.index(label)), tuple(sorted(possible))


class Excerpts(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Excerpts for one data set: log-mel patches with labels in {0, 1, NaN}.

    Each excerpt starts from a class drawn evenly among those that occur, so rare instruments are as
    frequent as common ones, and from one of its stems, the likelier the longer it sounds; the stem is heard
    alone or with others of its song and guests of other songs.

    Parameters
    ----------
    scenes : sequence of Scene
        From `prepare`.
    config : Config
        Features and training settings.
    n_labels : int
        Classes.
    seed : int
        Same seed, epoch and index: same excerpt.
    augment : bool
        Change speed, colour, band and noise floor; off for validation.
    """

    def __init__(
        self, scenes: Sequence[Scene], config: Config, n_labels: int, *, seed: int, augment: bool = True
    ) -> None:
        self._scenes = scenes
        self._config = config
        self._n_labels = n_labels
        self._seed = seed
        self._augment = augment
        self._members: list[list[tuple[int, int]]] = [[] for _ in range(n_labels)]
        for scene_index, scene in enumerate(scenes):
            for stem_index, label in enumerate(scene.known):
                if label is not None and scene.active[stem_index].any():
                    self._members[label].append((scene_index, stem_index))
        self._present = [label for label, members in enumerate(self._members) if members]
        self._sounding = [
            np.cumsum([scenes[k].active[stem].sum() * scenes[k].hop_s for k, stem in members])
            for members in self._members
        ]
        if not self._present:
            raise DatasetError(
                "no stem of the data set sounds and belongs to a class; check its instrument labels"
            )

    @property
    def present(self) -> tuple[int, ...]:
        """Classes that occur."""
        return tuple(self._present)

    def __getitem__(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """Return patch ``(n_mels, n_frames)`` and labels ``(n_labels, n_steps)`` of (epoch, index)."""
        epoch, index = key
        rng = np.random.default_rng((self._seed, epoch, index))
        settings = self._config.features
        if self._augment and rng.random() < SILENT_SHARE:
            mix = (rng.standard_normal(settings.window_length) * 10 ** rng.uniform(-5, -1)).astype(np.float32)
            labels = np.zeros((self._n_labels, settings.n_steps), dtype=np.float32)
        else:
            solo = rng.random() < (
                1.0 if epoch < self._config.training.solo_epochs else self._config.training.solo_share
            )
            mix, labels = self._mix(rng, solo)
        mel_db = features.decibels(mix, settings)
        if self._augment:
            mel_db = _recolour(mel_db, rng, self._config.training.tilt_db)
        return features.standardize(mel_db), labels

    def _mix(self, rng: np.random.Generator, solo: bool) -> tuple[np.ndarray, np.ndarray]:
        training, settings = self._config.training, self._config.features
        speed = rng.uniform(0.95, 1.06) if self._augment else 1.0
        length = round(settings.window_length * speed)
        parts = [self._draw(rng, length)]
        if not solo:
            scene, stem, start = parts[0]
            others = [k for k in range(len(scene.known)) if k != stem]
            parts += [(scene, k, start) for k in others if not self._augment or rng.random() > 0.15]
            if rng.random() < training.guest_share:
                parts += [self._draw(rng, length) for _ in range(rng.integers(1, training.max_guests + 1))]
        spread_db = training.gain_range_db / 2 if self._augment and not solo else 0.0
        sounds = [
            _cut(scene.samples[stem], start, length)
            * np.float32(10 ** (rng.uniform(-spread_db, spread_db) / 20))
            for scene, stem, start in parts
        ]
        mix = np.asarray(np.sum(sounds, axis=0, dtype=np.float32))
        edges = np.linspace(0, length, settings.n_steps + 1).round().astype(int)
        labels = np.stack([self._label(parts, sounds, mix, *pair) for pair in pairwise(edges)], axis=1)
        if length != settings.window_length:  # a change of speed, and so of pitch, of the whole excerpt
            mix = np.interp(np.arange(settings.window_length) * speed, np.arange(length), mix).astype(
                np.float32
            )
        return mix, labels

    def _draw(self, rng: np.random.Generator, length: int) -> tuple[Scene, int, int]:
        """Return a stem of an evenly drawn class and a start at which it sounds."""
        label = self._present[rng.integers(len(self._present))]
        length_s = self._sounding[label]
        scene_index, stem = self._members[label][
            np.searchsorted(length_s, rng.random() * length_s[-1], "right")
        ]
        scene = self._scenes[scene_index]
        frames = np.flatnonzero(scene.active[stem])
        time_s = frames[rng.integers(len(frames))] * scene.hop_s
        start = round(time_s * self._config.features.sample_rate) - int(rng.integers(length))
        return scene, stem, int(np.clip(start, 0, max(0, scene.samples.shape[1] - length)))

    def _label(
        self,
        parts: Sequence[tuple[Scene, int, int]],
        sounds: Sequence[np.ndarray],
        mix: np.ndarray,
        begin: int,
        end: int,
    ) -> np.ndarray:
        """Return 1, 0 or NaN for each class, for the samples from ``begin`` to ``end``.

        A class is unknown where its stem sounds for less than ``min_active_s``, lies more than
        ``audible_db`` below the excerpt, or may be of several classes; further down it is absent.
        """
        training, sample_rate = self._config.training, self._config.features.sample_rate
        labels = np.zeros(self._n_labels, dtype=np.float32)
        mix_db = _level_db(mix[begin:end])
        sure: set[int] = set()
        perhaps: set[int] = set()
        for (scene, stem, start), sound in zip(parts, sounds, strict=True):
            first = int((start + begin) / sample_rate / scene.hop_s)
            n_frames = round((end - begin) / sample_rate / scene.hop_s)
            active_s = scene.active[stem, first : first + n_frames].sum() * scene.hop_s
            if active_s == 0:
                continue
            below_db = _level_db(sound[begin:end]) - mix_db
            if below_db < training.inaudible_db:
                continue
            known = scene.known[stem]
            if known is not None and active_s >= training.min_active_s and below_db >= training.audible_db:
                sure.add(known)
            else:
                perhaps.update(scene.possible[stem])
        labels[list(perhaps)] = np.nan
        labels[list(sure)] = 1.0
        return labels


def _cut(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    part = np.asarray(samples[start : start + length], dtype=np.float32)
    return np.pad(part, (0, length - len(part)))


def _level_db(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-12))


def _recolour(mel_db: np.ndarray, rng: np.random.Generator, tilt_db: float) -> np.ndarray:
    """Return the patch as another room, microphone or codec might have left it."""
    n_mels = mel_db.shape[-2]
    knots = rng.uniform(-tilt_db, tilt_db, 5)
    curve_db = np.interp(np.arange(n_mels), np.linspace(0, n_mels - 1, 5), knots)
    coloured = mel_db + curve_db[:, np.newaxis]
    if rng.random() < 0.2:
        coloured[int(rng.uniform(0.6, 1.0) * n_mels) :] = features.FLOOR_DB
    if rng.random() < 0.1:
        coloured[: int(rng.uniform(0.0, 0.08) * n_mels)] = features.FLOOR_DB
    floor_db = coloured.max() - rng.uniform(35, 95)
    return np.asarray(10 * np.log10(10 ** (coloured / 10) + 10 ** (floor_db / 10)), dtype=np.float32)

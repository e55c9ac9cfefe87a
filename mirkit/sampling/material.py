"""What benchmarks are made of: songs to plant in, and samples cut from songs, loops and one-shots."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mirkit import _config, audio
from mirkit._reading import reading
from mirkit._typing import Signal
from mirkit.data import open_dataset
from mirkit.errors import DatasetError, ParameterError
from mirkit.multitrack import MultiTrack, Stem

__all__ = ["Cut", "Host", "Material", "Source", "cut_sample", "read_sources"]

Type = Literal["one-shot", "drum loop", "melodic loop"]

MIN_LEVEL_DB = -50.0
"""A cut that is quieter than this holds nothing to find."""
MIN_ACTIVE_SHARE = 0.6
"""Share of a cut's tenths of a second that must sound."""


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a list of sources.

    Parameters
    ----------
    name : str
        Named in the tables.
    path : str
        Folder: a data set with stems and tempo (``songs``), or sound files.
    kind : {"songs", "loops", "one-shots"}
        Songs are both planted in and cut from; loops are cut from, one-shots are taken whole.
    split : {"train", "valid", "test"}
        Part of the benchmark; nothing of a source goes into two parts.
    licence : str
        Licence of the sound.
    type : str
        Of loops: ``drum loop`` or ``melodic loop``.
    files : tuple of str
        Glob patterns below ``path``; all sound files by default.
    """

    name: str
    path: str
    kind: Literal["songs", "loops", "one-shots"] = "songs"
    split: Literal["train", "valid", "test"] = "train"
    licence: str = ""
    type: Literal["one-shot", "drum loop", "melodic loop"] = "melodic loop"
    files: tuple[str, ...] = ("*.wav", "*.flac", "*.ogg", "*.aiff")


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A song with stems that samples can be cut from and planted in."""

    song: MultiTrack
    licence: str

    @property
    def tempo_bpm(self) -> float:
        """Tempo, 120 where the data set does not tell it."""
        return float(self.song.metadata.get("tempo_bpm") or 120.0)

    def stems(self, part: str) -> list[Stem]:
        """Return the stems that are ``vocals``, ``drums`` or ``pitched`` (all others)."""
        return [stem for stem in self.song.stems if _part(stem) == part]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A sample as it was cut: mono sound, what it is, and where it comes from; cut at ``start_s`` of that."""

    samples: Signal
    type: Type
    pack: str
    tempo_bpm: float
    licence: str
    origin: str
    start_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All sources of one part of a benchmark."""

    hosts: tuple[Host, ...]
    loops: tuple[tuple[Source, Path], ...]
    one_shots: tuple[tuple[Source, Path], ...]


def read_sources(path: str | os.PathLike[str], split: str) -> Material:
    """Return the sources of one part, from a TOML list ``[[source]]``; paths start at its folder.

    Parameters
    ----------
    path : str or Path
        TOML file, see `Source` for the fields of its entries.
    split : str
        ``train``, ``valid`` or ``test``.

    Returns
    -------
    Material

    Raises
    ------
    DatasetError
        If a folder is missing or the part has no songs.
    ParameterError
        If the file is not such a list.
    """
    path = Path(path)
    with reading(path, ParameterError, "a TOML list of [[source]] entries"):
        entries = [dict(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["source"]]
    sources = [_config.from_dict(Source, entry, f"{path}: source {k}") for k, entry in enumerate(entries)]
    hosts: list[Host] = []
    files: dict[str, list[tuple[Source, Path]]] = {"loops": [], "one-shots": []}
    for source in (one for one in sources if one.split == split):
        folder = path.parent / source.path
        if source.kind == "songs":
            hosts += [Host(song, source.licence) for song in open_dataset(folder, strict=False).items]
        else:
            found = sorted({item for pattern in source.files for item in folder.glob(pattern)})
            if not found:
                raise DatasetError(f"{folder}: no file matches {', '.join(source.files)}")
            files[source.kind] += [(source, item) for item in found]
    if not hosts:
        raise DatasetError(f"{path}: no songs for the part {split!r}; samples need songs to be planted in")
    return Material(tuple(hosts), tuple(files["loops"]), tuple(files["one-shots"]))


def cut_sample(
    material: Material, kind: Type, sample_rate: int, rng: np.random.Generator, *, pack: str | None = None
) -> Cut | None:
    """Return a sample of a type, from any pack or from a given one; None if a try finds none.

    Parameters
    ----------
    material : Material
        Sources of the part.
    kind : {"one-shot", "drum loop", "melodic loop"}
        Type wanted.
    sample_rate : int
        Hz of the result.
    rng : Generator
        Chooses.
    pack : str, optional
        Name of a song or source to take it from.
    """
    if kind == "one-shot":
        return _from_file(material.one_shots, kind, sample_rate, rng, pack)
    files = [entry for entry in material.loops if entry[0].type == kind]
    if pack is None:
        if files and rng.random() < 0.3:
            return _from_file(files, kind, sample_rate, rng, None)
        return _from_song(material.hosts[rng.integers(len(material.hosts))], kind, sample_rate, rng)
    for host in material.hosts:
        if host.song.id == pack:
            return _from_song(host, kind, sample_rate, rng)
    return _from_file(files, kind, sample_rate, rng, pack)


def _from_file(
    files: Sequence[tuple[Source, Path]], kind: Type, sample_rate: int, rng: np.random.Generator,
    pack: str | None,
) -> Cut | None:  # fmt: skip
    files = [entry for entry in files if pack is None or entry[0].name == pack]
    if not files:
        return None
    source, path = files[rng.integers(len(files))]
    samples = _read(path, sample_rate)
    duration_s = len(samples) / sample_rate
    if kind == "one-shot":
        samples = samples[: round(2.5 * sample_rate)]
    elif duration_s > 4.0:  # a part of a long loop, starting on one of its quarters
        wanted_s = float(np.clip(rng.lognormal(np.log(3.6), 0.5), 1.5, duration_s))
        first = round(int(rng.integers(4)) / 4 * max(0.0, duration_s - wanted_s) * sample_rate)
        samples = samples[first : first + round(wanted_s * sample_rate)]
    return _checked(Cut(samples, kind, source.name, 0.0, source.licence, path.name), sample_rate)


def _from_song(host: Host, kind: Type, sample_rate: int, rng: np.random.Generator) -> Cut | None:
    drums, pitched, vocals = (host.stems(part) for part in ("drums", "pitched", "vocals"))
    if kind == "drum loop":
        chosen = drums
    else:
        n_pitched = min(len(pitched), int(rng.integers(1, 4)))
        chosen = [pitched[k] for k in rng.permutation(len(pitched))[:n_pitched]]
        if chosen and rng.random() < 0.4:
            chosen += drums  # most samples of riffs hold drums, too
        if chosen and vocals and rng.random() < 0.15:
            chosen += vocals
    if not chosen:
        return None
    sounds = [_read(stem.path, sample_rate, stem.stream) for stem in chosen]
    length = max(map(len, sounds))
    samples = np.zeros(length, np.float32)
    for sound in sounds:
        samples[: len(sound)] += sound
    beat_s = 60.0 / host.tempo_bpm
    wanted_s = float(np.clip(rng.lognormal(np.log(3.6), 0.55), 0.7, 14.0))
    n_beats = max(1, round(wanted_s / beat_s))
    if n_beats > 3:
        n_beats = 2 * round(n_beats / 2)
    last = int((length / sample_rate - n_beats * beat_s) / beat_s)
    if last < 1:
        return None
    first_s = int(rng.integers(last)) * beat_s
    first = round(first_s * sample_rate)
    samples = samples[first : first + round(n_beats * beat_s * sample_rate)]
    names = "+".join(label for stem in chosen for label in stem.instrument)
    origin = f"{host.song.id} {names} at {first_s:.2f} s"
    cut = Cut(samples, kind, host.song.id, host.tempo_bpm, host.licence, origin, first_s)
    return _checked(cut, sample_rate)


def _checked(cut: Cut, sample_rate: int) -> Cut | None:
    """Return the cut if enough of it sounds."""
    step = sample_rate // 10
    n_steps = len(cut.samples) // step
    if n_steps < 2:
        return None
    levels = np.sqrt((cut.samples[: n_steps * step].reshape(n_steps, step) ** 2).mean(axis=1)) + 1e-9
    level_db = 20 * np.log10(np.sqrt((levels**2).mean()))
    active = (20 * np.log10(levels) > level_db - 30).mean()
    if level_db < MIN_LEVEL_DB or (cut.type != "one-shot" and active < MIN_ACTIVE_SHARE):
        return None
    return cut


def _part(stem: Stem) -> str:
    text = " ".join(stem.instrument)
    if any(word in text for word in ("singer", "vocal", "voice", "speaker", "rapper")):
        return "vocals"
    return "drums" if any(word in text for word in ("drum", "percussion", "tabla")) else "pitched"


@lru_cache(maxsize=64)
def _read(path: Path, sample_rate: int, stream: int = 0) -> Signal:
    samples: Any = audio.read(path, stream=stream, sample_rate=sample_rate).mono().samples[0]
    samples.setflags(write=False)  # shared between calls
    return np.asarray(samples)

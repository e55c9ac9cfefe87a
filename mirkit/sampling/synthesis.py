"""Benchmarks of sample detection: samples planted in songs, transformed, with exact truth.

Proportions follow Sample100 (J. Van Balen, "Automatic recognition of samples in musical audio", 2011):
two thirds riffs, one third beats, few single notes; tempo ratios mostly near 1; many repetitions.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import replacing
from mirkit._typing import Signal
from mirkit.audio import Audio
from mirkit.errors import DatasetError, MissingDependencyError, ParameterError
from mirkit.parallel import Backend, Outcome, Progress, map_all
from mirkit.sampling.material import Cut, Host, Material, Type, cut_sample, read_sources
from mirkit.sampling.pairs import OCCURRENCE_COLUMNS, PAIR_COLUMNS, PairSet, open_pairs

__all__ = ["Treatment", "synthesize", "transform"]

TYPES: dict[Type, float] = {"one-shot": 0.08, "drum loop": 0.32, "melodic loop": 0.60}
"""Share of each type among the samples; counts are rounded, not drawn."""
N_DECOYS = 9
N_SAME_PACK = 2
GAIN_DB = (-12.0, 6.0)
MAX_SHIFT_ST = 6.0
TEMPO_RATIOS = (0.75, 1.35)
UNDER_BOTH_SHARE = 0.6
"""Share of songs chosen among those that have vocals and drums, where there are such songs."""
DETAILS = ("gain_db", "under_vocals", "under_drums", "effects", "split")


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a sample was changed before it was planted.

    Parameters
    ----------
    pitch_shift_st : float
        Semitones up.
    tempo_ratio : float
        Above 1 is faster.
    start, end : float
        Part of the sample that is used, as shares of its length: chopping.
    band : tuple of (str, float)
        Filter: ``lowpass`` or ``highpass`` and its cutoff in Hz; empty for none.
    room : float
        Level of the room, 0 for none.
    room_s : float
        Decay of the room, seconds.
    """

    pitch_shift_st: float = 0.0
    tempo_ratio: float = 1.0
    start: float = 0.0
    end: float = 1.0
    band: tuple[tuple[str, float], ...] = ()
    room: float = 0.0
    room_s: float = 0.5

    def __str__(self) -> str:
        words = [f"{kind} {cutoff:.0f} Hz" for kind, cutoff in self.band]
        if self.room:
            words.append(f"room {self.room_s:.1f} s")
        if self.start > 0 or self.end < 1:
            words.append(f"chop {self.start:.2f}-{self.end:.2f}")
        return ", ".join(words)


def transform(samples: Signal, sample_rate: int, treatment: Treatment, rng: np.random.Generator) -> Signal:
    """Return a sample as a producer would change it: cut, transposed, stretched, filtered, in a room.

    Where transposition and stretch belong together as on a turntable, the sound is resampled; otherwise it
    goes through a spectral stretcher (the package python-stretch).

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
    sample_rate : int
        Hz.
    treatment : Treatment
    rng : Generator
        For the room.

    Returns
    -------
    ndarray of shape (n_samples',)
        The room's tail goes beyond the end of the sample.
    """
    length = len(samples)
    y = samples[round(treatment.start * length) : round(treatment.end * length)].copy()
    y = _stretched(y, sample_rate, treatment.pitch_shift_st, treatment.tempo_ratio)
    fade = min(len(y) // 2, sample_rate // 200)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    y[:fade] *= ramp
    y[len(y) - fade :] *= ramp[::-1]
    from mirkit.data.synthesis import effects

    if treatment.band:
        bands = [(kind, cutoff_hz, 0.0, 0.7) for kind, cutoff_hz in treatment.band]
        y = effects.equalise(y[np.newaxis], sample_rate, bands)[0]
    if treatment.room:
        response = effects.room_response(rng, sample_rate, decay_s=treatment.room_s)
        y = np.pad(y, (0, round(treatment.room_s * sample_rate)))
        y = effects.reverberate(np.stack([y, y]), response, treatment.room).mean(axis=0)
    return np.asarray(y, dtype=np.float32)


def _stretched(y: Signal, sample_rate: int, shift_st: float, ratio: float) -> Signal:
    if shift_st == 0 and ratio == 1:
        return y
    if abs(12 * np.log2(ratio) - shift_st) < 1e-6:
        import soxr

        # Played faster: as if it had been recorded at a higher rate.
        return np.asarray(soxr.resample(y, sample_rate * ratio, sample_rate), np.float32)
    try:
        from python_stretch.Signalsmith import Stretch
    except ImportError as error:
        raise MissingDependencyError(
            "stretching samples needs the package python-stretch: pip install 'mirkit[synthesis]'"
        ) from error
    stretch = Stretch(0)  # its seed
    stretch.preset(1, sample_rate)
    stretch.setTransposeSemitones(float(shift_st))
    stretch.timeFactor = float(ratio)
    wanted = round(len(y) / ratio)
    processed: Any = stretch.process(y[np.newaxis])
    stretched = np.asarray(processed[0], np.float32)[:wanted]
    return np.pad(stretched, (0, wanted - len(stretched)))


def synthesize(
    out: str | os.PathLike[str],
    *,
    sources: str | os.PathLike[str],
    n_queries: dict[str, int],
    duration_s: float = 60.0,
    sample_rate: int = 22050,
    seed: int = 0,
    n_jobs: int = 1,
    backend: Backend = "loky",
    progress: Progress | None = None,
) -> PairSet:
    """Write a benchmark and return it.

    Every query gets one song that holds it and nine that do not: seven that hold other samples, nearest
    in tempo, and two that hold another cut of the same pack, treated in the same ways. All songs are
    edited, so that traces of editing tell nothing.

    Parameters
    ----------
    out : str or Path
        Folder, not there yet.
    sources : str or Path
        TOML list, see `mirkit.sampling.material.Source`.
    n_queries : mapping of str to int
        Part (``train``, ``valid``, ``test``) to number of samples.
    duration_s : float
        Longest song, seconds.
    sample_rate : int
        Hz of all files, which are mono.
    seed : int
        Same seed, same files.
    n_jobs, backend, progress
        See `mirkit.parallel.map_all`.

    Returns
    -------
    PairSet

    Raises
    ------
    DatasetError
        If the sources do not suffice.
    """
    out = Path(out)
    if out.exists():
        raise DatasetError(f"{out}: is already there; give another folder")
    if unknown := set(n_queries) - {"train", "valid", "test"}:
        raise ParameterError(f"n_queries: unknown parts {sorted(unknown)}; wanted train, valid, test")
    with replacing(out, folder=True) as temporary:
        pairs: list[dict[str, Any]] = []
        occurrences: list[dict[str, Any]] = []
        for split, count in n_queries.items():
            material = read_sources(sources, split)
            work = partial(
                _plant, out=temporary, material=material, split=split, duration_s=duration_s,
                sample_rate=sample_rate, seed=seed, n_queries=count,
            )  # fmt: skip
            found = map_all(work, range(count), n_jobs=n_jobs, backend=backend, progress=progress)
            queries = _succeeded(found)
            occurrences += [row for query in queries for row in query["occurrences"]]
            pairs += _pairs(queries, split, np.random.default_rng([seed, len(split)]))
        _write_table(temporary / "pairs.csv", PAIR_COLUMNS, pairs)
        _write_table(temporary / "occurrences.csv", (*OCCURRENCE_COLUMNS, *DETAILS), occurrences)
        origins = ("query", "split", "type", "pack", "licence", "origin", "duration_s", "tempo_bpm")
        rows = list({row["query"]: row for row in pairs}.values())
        _write_table(temporary / "origins.csv", origins, rows)
    return open_pairs(out)


def _succeeded(outcomes: Sequence[Outcome[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    for outcome in outcomes:
        if outcome.error is not None:
            raise DatasetError(f"query {outcome.item}: {outcome.error}")
    return [outcome.result for outcome in outcomes if outcome.result is not None]


def _plant(
    k: int, *, out: Path, material: Material, split: str, duration_s: float, sample_rate: int, seed: int,
    n_queries: int,
) -> dict[str, Any]:  # fmt: skip
    """Write one query, its song, and two songs with another sample of its pack."""
    rng = np.random.default_rng([seed, {"train": 1, "valid": 2, "test": 3}[split], k])
    kind = _type_of(k, n_queries)
    if kind == "one-shot" and not material.one_shots:
        kind = "melodic loop"
    cut = _any_cut(material, kind, sample_rate, rng)
    query = f"{split}-{k:04d}"
    row: dict[str, Any] = {
        "query": query, "split": split, "type": cut.type, "pack": cut.pack, "licence": cut.licence,
        "origin": cut.origin, "duration_s": round(len(cut.samples) / sample_rate, 3), "songs": [],
        "query_path": f"queries/{query}.flac", "occurrences": [],
    }  # fmt: skip
    audio.write(out / row["query_path"], _level(cut.samples, sample_rate))
    shift_st, ratio = _transposition(rng)
    host = _host(material, cut, ratio, rng)
    row["tempo_bpm"] = host.tempo_bpm
    for j, planted in enumerate([cut, *_other_cuts(material, cut, sample_rate, rng)]):
        if j:
            shift_st, ratio = _transposition(rng)
            host = _host(material, cut, ratio, rng, but=host)
        song = f"{query}-song" if j == 0 else f"{query}-pack{j}"
        samples, rows = _song(host, planted, shift_st, ratio, duration_s, sample_rate, rng)
        audio.write(out / "songs" / f"{song}.flac", Audio(samples[np.newaxis], sample_rate))
        row["songs"].append(song)
        if j == 0:
            row["occurrences"] = [{**one, "query": query, "song": song, "split": split} for one in rows]
    return row


def _type_of(k: int, n_queries: int) -> Type:
    """Return the type of the k-th query such that shares hold in any stretch of queries."""
    ends = np.cumsum(list(TYPES.values()))
    position = (k * 0.618034 + 0.5) % 1.0 if n_queries > 1 else 0.5
    return list(TYPES)[int(np.searchsorted(ends / ends[-1], position, side="right"))]


def _any_cut(material: Material, kind: Type, sample_rate: int, rng: np.random.Generator) -> Cut:
    for _ in range(200):
        cut = cut_sample(material, kind, sample_rate, rng)
        if cut is not None:
            return cut
    raise DatasetError(f"no {kind} found in 200 tries; give more sources of that type")


def _other_cuts(material: Material, cut: Cut, sample_rate: int, rng: np.random.Generator) -> list[Cut]:
    """Return cuts of the same pack that do not sound the same."""
    found: list[Cut] = []
    for attempt in range(60):
        # Where a pack has nothing else of this type, a loop of any pack stands in.
        pack = cut.pack if attempt < 40 else None
        other = cut_sample(material, cut.type, sample_rate, rng, pack=pack)
        if (
            other is not None
            and other.origin != cut.origin
            and not _alike(cut.samples, other.samples, sample_rate)
        ):
            found.append(other)
            if len(found) == N_SAME_PACK:
                break
    return found


def _alike(first: Signal, second: Signal, sample_rate: int) -> bool:
    """Return whether one sound holds half a second or more of the other, at any lag."""
    from mirkit.dsp import log_mel

    hop = sample_rate // 40
    patches = []
    for sound in (first, second):
        mel = log_mel(sound, sample_rate, n_fft=1024, hop_length=hop, n_mels=40, floor_db=-60.0)
        centred = mel - mel.mean(axis=0)
        patches.append(centred / (np.linalg.norm(centred, axis=0) + 1e-3))
    similarity = patches[0].T @ patches[1]  # (frames of the first, frames of the second)
    window = min(20, *similarity.shape)
    best = 0.0
    for lag in range(-similarity.shape[0] + window, similarity.shape[1] - window + 1):
        line = np.diagonal(similarity, lag)
        best = max(best, float(np.convolve(line, np.ones(window) / window, "valid").max()))
    return best > 0.93


def _transposition(rng: np.random.Generator) -> tuple[float, float]:
    """Return semitones and tempo ratio: as they are, as on a turntable, or independent of each other."""
    spread = rng.choice([0.0, 0.03, 0.08, 0.17, 0.3], p=[0.3, 0.25, 0.22, 0.13, 0.10])
    ratio = float(np.clip(np.exp(rng.normal(0, spread)), *TEMPO_RATIOS)) if spread else 1.0
    draw = rng.random()
    if draw < 0.33:
        return 0.0, ratio
    if draw < 0.63:
        return 12 * float(np.log2(ratio)), ratio
    return round(float(rng.uniform(-MAX_SHIFT_ST, MAX_SHIFT_ST)), 2), ratio


def _host(
    material: Material, cut: Cut, ratio: float, rng: np.random.Generator, but: Host | None = None
) -> Host:
    hosts = [one for one in material.hosts if one.song.id != cut.pack and one is not but]
    if not hosts:
        raise DatasetError("one song is too few: a sample cut from a song needs another one to be planted in")
    both = [one for one in hosts if one.stems("vocals") and one.stems("drums")]
    if both and rng.random() < UNDER_BOTH_SHARE:
        hosts = both
    if cut.tempo_bpm:
        hosts = sorted(hosts, key=lambda one: _tempo_distance(one.tempo_bpm, cut.tempo_bpm * ratio))[:12]
    return hosts[rng.integers(len(hosts))]


def _tempo_distance(first_bpm: float, second_bpm: float) -> float:
    """Return the distance in octaves, double and half tempo being the same."""
    octaves = np.log2(first_bpm / second_bpm)
    return float(abs(octaves - round(octaves)))


def _song(
    host: Host, cut: Cut, shift_st: float, ratio: float, duration_s: float, sample_rate: int,
    rng: np.random.Generator,
) -> tuple[Signal, list[dict[str, Any]]]:  # fmt: skip
    """Return the song with the sample planted, and a row for each occurrence."""
    mix = host.song.mix(sample_rate).mono().samples[0][: round(duration_s * sample_rate)].copy()
    treatment = _treatment(cut, shift_st, ratio, rng)
    planted = transform(cut.samples, sample_rate, treatment, rng)
    length_s = (treatment.end - treatment.start) * len(cut.samples) / sample_rate / ratio
    starts_s = _starts(len(mix) / sample_rate, length_s, host.tempo_bpm, cut.type, rng)
    gain_db = float(rng.uniform(*GAIN_DB))
    level = _rms(mix) * 10 ** (gain_db / 20) / _rms(planted[: round(length_s * sample_rate)])
    covers = {part: _activity(host, part, sample_rate) for part in ("vocals", "drums")}
    rows = []
    for start_s in starts_s:
        first = round(start_s * sample_rate)
        part = planted[: len(mix) - first]
        mix[first : first + len(part)] += np.float32(level) * part
        under = {
            f"under_{name}": int(active[int(start_s * 10) : int((start_s + length_s) * 10) + 1].mean() > 0.3)
            for name, active in covers.items()
        }
        rows.append({
            "start_s": round(first / sample_rate, 4), "end_s": round(first / sample_rate + length_s, 4),
            "pitch_shift_st": round(shift_st, 4), "tempo_ratio": round(ratio, 5),
            "gain_db": round(gain_db, 2), "effects": str(treatment), **under,
        })  # fmt: skip
    peak = float(np.abs(mix).max())
    return (mix / max(1.0, peak / 0.98)).astype(np.float32), rows


def _treatment(cut: Cut, shift_st: float, ratio: float, rng: np.random.Generator) -> Treatment:
    start, end = 0.0, 1.0
    if cut.type != "one-shot" and len(cut.samples) > 40000 and rng.random() < 0.2:
        share = float(rng.uniform(0.5, 0.9))
        start = float(rng.uniform(0, 1 - share)) if rng.random() < 0.5 else 0.0
        end = start + share
    band: tuple[tuple[str, float], ...] = ()
    draw = rng.random()
    if draw < 0.2:
        band = (("lowpass", float(np.exp(rng.uniform(np.log(1200), np.log(6000))))),)
    elif draw < 0.35:
        band = (("highpass", float(np.exp(rng.uniform(np.log(100), np.log(500))))),)
    room = float(rng.uniform(0.15, 0.5)) if rng.random() < 0.25 else 0.0
    return Treatment(shift_st, ratio, start, end, band, room, float(rng.uniform(0.3, 1.2)))


def _starts(
    song_s: float, length_s: float, tempo_bpm: float, kind: Type, rng: np.random.Generator
) -> list[float]:
    """Return where the sample is planted: 1 to 40 times, on beats, looped without gaps or with them."""
    if length_s >= song_s:
        return [0.0]
    beat_s = 60.0 / tempo_bpm
    wanted = max(1, round(float(np.exp(rng.uniform(0, np.log(40.999))))))
    period_s = length_s if rng.random() < 0.5 else np.ceil(length_s / beat_s - 0.05) * beat_s
    if kind == "one-shot":
        period_s = max(period_s, float(rng.choice([1, 2, 4])) * beat_s)
    room = song_s - length_s
    first_s = round(float(rng.uniform(0, room * 0.6)) / beat_s) * beat_s
    starts: list[float] = []
    at_s = first_s
    while len(starts) < wanted and at_s <= room:
        starts.append(at_s)
        at_s += period_s
        if rng.random() < 0.12:
            at_s += float(rng.choice([4, 8, 16])) * beat_s
    return starts or [float(min(first_s, room))]


def _activity(host: Host, part: str, sample_rate: int) -> np.ndarray:
    """Return for each tenth of a second whether any stem of a part sounds."""
    from mirkit.dsp import frame_rms

    hop = sample_rate // 10
    active = np.zeros(1, dtype=bool)
    for stem in host.stems(part):
        levels = frame_rms(stem.audio(sample_rate).mono().samples[0], frame_length=hop, hop_length=hop)
        active = np.pad(active, (0, max(0, len(levels) - len(active))))
        active[: len(levels)] |= levels > 0.003
    return np.pad(active, (0, 10_000))


def _pairs(queries: Sequence[dict[str, Any]], split: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the pairs of all queries: the song, those with the same pack, and the nearest in tempo."""
    rows = []
    for query in queries:
        songs = [(name, "positive" if k == 0 else "same pack") for k, name in enumerate(query["songs"])]
        others = [other for other in queries if other["pack"] != query["pack"]]
        distances = [
            _tempo_distance(o["tempo_bpm"], query["tempo_bpm"]) + 1e-3 * rng.random() for o in others
        ]
        nearest = [others[k]["songs"][0] for k in np.argsort(distances)[: 1 + N_DECOYS - len(songs)]]
        for song, kind in [*songs, *((name, "decoy") for name in nearest)]:
            rows.append({
                **query, "query_start_s": 0, "query_end_s": 0, "song": song,
                "song_path": f"songs/{song}.flac", "kind": kind, "split": split,
            })  # fmt: skip
    return rows


def _level(samples: Signal, sample_rate: int) -> Audio:
    """Return the sample at an ordinary level."""
    gain = min(0.1 / _rms(samples), 0.98 / (float(np.abs(samples).max()) + 1e-9))
    return Audio((samples * np.float32(gain))[np.newaxis], sample_rate)


def _rms(samples: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)

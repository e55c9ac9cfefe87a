"""Benchmarks of sample detection: samples planted in songs, transformed, with exact truth.

Proportions follow Sample100 (J. Van Balen, "Automatic recognition of samples in musical audio", 2011):
two thirds riffs, one third beats, few single notes; tempo ratios mostly near 1; many repetitions.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import replacing
from mirkit._typing import Signal
from mirkit.audio import Audio
from mirkit.errors import DatasetError, ParameterError
from mirkit.parallel import Backend, Outcome, Progress, map_all
from mirkit.sampling.material import Cut, Host, Material, Type, cut_sample, read_sources
from mirkit.sampling.pairs import PairSet
from mirkit.sampling.planting import draw_transposition, plant, rms
from mirkit.sampling.tables import OCCURRENCE_COLUMNS, PAIR_COLUMNS, open_pairs

__all__ = ["synthesize"]

TYPES: dict[Type, float] = {"one-shot": 0.08, "drum loop": 0.32, "melodic loop": 0.60}
"""Share of each type among the samples; counts are rounded, not drawn."""
N_DECOYS = 9
N_SAME_PACK = 2
UNDER_BOTH_SHARE = 0.6
"""Share of songs chosen among those that have vocals and drums, where there are such songs."""
DETAILS = ("gain_db", "under_vocals", "under_drums", "effects", "split")


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
    in tempo and of other artists as far as these are known, and two that hold another cut of the same
    pack, treated in the same ways. All songs are edited, so that traces of editing tell nothing.

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
            artists = {host.song.id: host.song.artist for host in material.hosts}
            pairs += _pairs(queries, split, artists, np.random.default_rng([seed, len(split)]))
        _write_table(temporary / "pairs.csv", PAIR_COLUMNS, pairs)
        _write_table(temporary / "occurrences.csv", (*OCCURRENCE_COLUMNS, *DETAILS), occurrences)
        origins = ("query", "split", "type", "pack", "licence", "origin", "duration_s", "tempo_bpm", "host")
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
    shift_st, ratio = draw_transposition(rng)
    host = _host(material, cut, ratio, rng)
    row["tempo_bpm"] = host.tempo_bpm
    row["host"] = host.song.id
    for j, planted in enumerate([cut, *_other_cuts(material, cut, sample_rate, rng)]):
        if j:
            shift_st, ratio = draw_transposition(rng)
            host = _host(material, cut, ratio, rng, but=host)
        song = f"{query}-song" if j == 0 else f"{query}-pack{j}"
        samples, rows = plant(host, planted, shift_st, ratio, duration_s, sample_rate, rng)
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
            and not _overlap(cut, other, sample_rate)
            and not _alike(cut.samples, other.samples, sample_rate)
        ):
            found.append(other)
            if len(found) == N_SAME_PACK:
                break
    return found


def _overlap(first: Cut, second: Cut, sample_rate: int) -> bool:
    """Return whether two cuts of one song share a moment, and so perhaps the sound of a stem."""
    if first.pack != second.pack or not first.tempo_bpm:  # files of a pack are told apart by their names
        return False
    first_s, second_s = (len(cut.samples) / sample_rate for cut in (first, second))
    return first.start_s < second.start_s + second_s and second.start_s < first.start_s + first_s


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


def _pairs(
    queries: Sequence[dict[str, Any]], split: str, artists: dict[str, str], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return the pairs of all queries: the song, those with the same pack, and the nearest in tempo."""
    rows = []
    for query in queries:
        songs = [(name, "positive" if k == 0 else "same pack") for k, name in enumerate(query["songs"])]
        others = [other for other in queries if _is_decoy(other, query, artists)]
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


def _is_decoy(other: dict[str, Any], query: dict[str, Any], artists: dict[str, str]) -> bool:
    """Return whether another query's song lacks the sample for certain: its music and its artist's, too."""
    if query["pack"] in (other["pack"], other["host"]):
        return False
    artist = artists.get(query["pack"])
    # Readers give "" for an artist that nobody knows: two of those need not be one and the same.
    return not artist or artist not in (artists[other["host"]], artists.get(other["pack"]))


def _level(samples: Signal, sample_rate: int) -> Audio:
    """Return the sample at an ordinary level."""
    gain = min(0.1 / rms(samples), 0.98 / (float(np.abs(samples).max()) + 1e-9))
    return Audio((samples * np.float32(gain))[np.newaxis], sample_rate)


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)

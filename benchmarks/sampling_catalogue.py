"""The first look at a large catalogue: is the song that holds a sample among those searched exactly.

    mirkit sampling index PAIRS/songs/test-*-song.flac OTHER_SONGS -o INDEX --recursive
    python benchmarks/sampling_catalogue.py INDEX PAIRS [--split test]

Each sample of a part of PAIRS (of ``mirkit sampling synthesize``) is looked up in INDEX. Recall in smaller
catalogues is that of random choices of the songs, computed without drawing them. For larger ones the scores
of the songs without the sample are continued: their highest tenth falls off exponentially, which tells how
many of N other songs would come before the right one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mirkit.sampling import Index, PairSet, SamplePair, open_index, open_pairs, rank

N_FIRST = 20
SMALLER = (100, 300)
LARGER = (10_000, 100_000)
TAIL = 0.1
"""Share of the songs whose scores are continued."""
WITHIN_ST, WITHIN_TEMPO = 3.0, 0.15


class Looked(NamedTuple):
    """One sample in the catalogue."""

    item: SamplePair
    n_before: int
    """Songs without the sample that come before."""
    score: float
    others: np.ndarray
    """Scores of the songs without it."""
    seconds: float


def look(index: Index, item: SamplePair) -> Looked:
    """Return how many songs come before the right one."""
    start = time.perf_counter()
    ranked = rank(index, item.sample_audio())
    seconds = time.perf_counter() - start
    path = str(item.song_path.resolve())
    scores = np.array([one.glimpse.score for one in ranked])
    place = [one.entry.path for one in ranked].index(path)
    return Looked(item, place, float(scores[place]), np.delete(scores, place), seconds)


def recall_in(rows: list[Looked], n_songs: int, n_first: int = N_FIRST) -> float:
    """Return the expected share of right songs among the first of a random choice of the catalogue."""
    from scipy.stats import hypergeom

    n_others = len(rows[0].others)
    return float(np.mean([hypergeom.cdf(n_first - 1, n_others, one.n_before, n_songs - 1) for one in rows]))


def recall_beyond(rows: list[Looked], n_songs: int) -> float:
    """Return the share of right songs that would be among the first of a larger catalogue of such songs."""
    found = []
    for one in rows:
        heard = one.others[np.isfinite(one.others)]
        edge = np.quantile(heard, 1 - TAIL)
        if one.score < edge:
            found.append(False)
            continue
        rate = TAIL * np.exp(-(one.score - edge) / (heard[heard > edge] - edge).mean())
        found.append(rate * n_songs < N_FIRST)
    return float(np.mean(found))


def report(name: str, rows: list[Looked]) -> None:
    """Print one line of the table."""
    if not rows:
        return
    n_songs = len(rows[0].others) + 1
    found = [recall_in(rows, n_songs, n_first) for n_first in (1, 5, N_FIRST, 100)]
    found += [recall_in(rows, n) for n in SMALLER if n < n_songs]
    found += [recall_beyond(rows, n) for n in (n_songs, *LARGER)]
    print(f"{name:26}{len(rows):8d}" + "".join(f"{value:8.2f}" for value in found))


def within(one: Looked) -> bool:
    """Return whether transposition and tempo are within the range that is asked for."""
    truth = one.item.truth
    return bool(
        abs(truth.pitch_shift_st[0]) <= WITHIN_ST and abs(truth.tempo_ratio[0] - 1) <= WITHIN_TEMPO + 1e-9
    )


def measured(index: Index, pairs: PairSet, split: str) -> list[Looked]:
    known = {entry.path for entry in index.entries}
    items = [item for item in pairs.split(split).items if item.kind == "positive"]
    return [look(index, item) for item in items if str(item.song_path.resolve()) in known]


def main() -> None:
    """Print size, time and recall."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path, nargs="?")
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    if options.index is None or options.pairs is None:
        print("skipped: give an index of songs and a folder of pairs")
        return
    index = open_index(options.index)
    n_songs, hours = len(index), sum(entry.duration_s for entry in index.entries) / 3600
    megabytes = sum(path.stat().st_size for path in options.index.rglob("*") if path.is_file()) / 1e6
    rows = measured(index, open_pairs(options.pairs), options.split)
    seconds = float(np.mean([one.seconds for one in rows[1:]]))  # the first one compiles
    print(f"{n_songs} songs, {hours:.1f} h, {megabytes:.0f} MB, {seconds:.1f} s a sample on one core")
    gigabytes, minutes = megabytes * 100 / n_songs, seconds * 100_000 / n_songs / 60
    print(f"100,000 such songs: {gigabytes:.0f} GB, {minutes:.0f} min a sample on one core")
    columns = ["first", "in 5", f"in {N_FIRST}", "in 100"]
    columns += [f"of {n}" for n in SMALLER if n < n_songs]
    columns += [f"p {n}" for n in (n_songs, *LARGER)]
    print(f"{'':26}{'samples':>8}" + "".join(f"{name:>8}" for name in columns))
    near = [one for one in rows if within(one)]
    report("all", rows)
    report(f"within {WITHIN_ST:g} st, {WITHIN_TEMPO:.0%}", near)
    for kind in ("drum loop", "melodic loop", "one-shot"):
        report(f"  {kind}", [one for one in near if one.item.type == kind])
    gains = [(one, float(one.item.details[0]["gain_db"])) for one in near]
    for name, low, high in (("  over 0 dB", 0, 99), ("  -6 to 0 dB", -6, 0), ("  below -6 dB", -99, -6)):
        report(name, [one for one, gain_db in gains if low < gain_db <= high])
    print(f"'of N': in {N_FIRST} of N songs; 'p N': the same, projected")


if __name__ == "__main__":
    main()

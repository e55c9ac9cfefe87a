"""The published method and the preset ``default`` on the same pairs, with the same training.

    python benchmarks/sampling_presets.py PAIRS --keep FOLDER [--presets paper,default] [--test 20]

Of the first samples of each part of PAIRS, types in proportion, three songs are taken: the one that holds
it, one with another cut of its pack, and one more, all cut to 45 s, those with most occurrences. Each
preset gets a forest trained on the same pairs of the part ``train`` and thresholds chosen on the same pairs
of ``valid``; copies in the waveform, which only ``predict`` looks for, are left out. The last row is the
bundled model as it comes. FOLDER keeps the candidates, so that a run that was cut short goes on: the
published method takes some 12 s a pair.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from mirkit import Audio, sampling
from mirkit._files import replacing
from mirkit.sampling import Config, Detections, PairSet, SamplePair, open_pairs
from mirkit.sampling.candidates import Candidates
from mirkit.sampling.examples import Example, find_candidates, labels
from mirkit.sampling.metrics import Scores, evaluate
from mirkit.sampling.training import fit_examples, with_thresholds

SONG_S = 45.0
COLUMNS = (
    "song_precision",
    "song_recall",
    "song_f",
    "song_auc",
    "place_precision",
    "place_recall",
    "place_f",
)
FIELDS = ("times_s", "pitch_shift_st", "tempo_ratio", "X")


def choose(pairs: PairSet, split: str, n_samples: int) -> list[SamplePair]:
    """Return three pairs of each of the first samples, types in proportion."""
    by_query: dict[str, list[SamplePair]] = {}
    for item in pairs.split(split).items:
        by_query.setdefault(item.query, []).append(item)
    by_type: dict[str, list[str]] = {}
    for query in sorted(by_query):
        by_type.setdefault(by_query[query][0].type, []).append(query)
    mixed = sorted((k / len(group), query) for group in by_type.values() for k, query in enumerate(group))
    found: list[SamplePair] = []
    for _, query in mixed[:n_samples]:
        kinds = {kind: [one for one in by_query[query] if one.kind == kind] for kind in ("positive", "decoy")}
        alike = [one for one in by_query[query] if one.kind == "same pack"]
        found += [*kinds["positive"][:1], *alike[:1], *kinds["decoy"]][:3]
    return found


def cut(item: SamplePair) -> tuple[Audio, Detections]:
    """Return the stretch of the song in which most occurrences last a second at least, and the truth."""
    song = item.song_audio()
    starts_s = item.truth.intervals.times_s[:, 0]
    options = [max(0.0, min(float(one) - 2.0, song.duration_s - SONG_S)) for one in starts_s] + [0.0]
    first_s = max(options, key=lambda at: int(((starts_s >= at) & (starts_s < at + SONG_S - 1)).sum()))
    end_s = min(first_s + SONG_S, song.duration_s)
    return song.excerpt(first_s, end_s), item.truth.excerpt(first_s, end_s)


def example(item: SamplePair, config: Config, folder: Path) -> Example:
    """Return the candidates of a pair, found now or kept from an earlier run."""
    kept = folder / f"{item.query}_{item.song}.npz"
    song, truth = cut(item)
    if kept.is_file():
        with np.load(kept) as arrays:
            found = Candidates(**{name: arrays[name] for name in FIELDS}, paths=[])
    else:
        start = time.perf_counter()
        found = find_candidates(config, item.sample_audio(), song)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, **{name: getattr(found, name) for name in FIELDS})
        print(f"  {item.id}: {len(found)} candidates, {time.perf_counter() - start:.1f} s", flush=True)
    y = labels(found, truth, tolerance_s=config.forest.tolerance_s)
    return Example(item.query, found, y, len(truth) > 0)


def compared(parts: dict[str, list[SamplePair]], config: Config, folder: Path) -> Scores:
    """Return the scores of a preset trained on the cut pairs."""
    examples = {split: [example(item, config, folder) for item in items] for split, items in parts.items()}
    truth = {split: [cut(item)[1] for item in items] for split, items in parts.items()}
    model = fit_examples(config, examples["train"])
    model, _ = with_thresholds(model, examples["valid"], truth["valid"])
    return evaluate(truth["test"], [model.detections(one.candidates, one.query) for one in examples["test"]])


def as_it_comes(items: list[SamplePair]) -> Scores:
    """Return the scores of the bundled model."""
    model, cuts = sampling.load(), [cut(item) for item in items]
    found = [
        sampling.predict(model, one.sample_audio(), song) for one, (song, _) in zip(items, cuts, strict=True)
    ]
    return evaluate([truth for _, truth in cuts], found)


def main() -> None:
    """Print a row of measures for each preset, and one for the bundled model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, nargs="?")
    parser.add_argument("--keep", type=Path, help="folder for candidates")
    parser.add_argument("--presets", default="paper,default")
    for split, n in (("train", 20), ("valid", 10), ("test", 20)):
        parser.add_argument(f"--{split}", type=int, default=n, help="samples, of three songs each")
    options = parser.parse_args()
    if options.pairs is None or options.keep is None:
        print("skipped: give a folder of pairs, and one for candidates with --keep")
        return
    pairs = open_pairs(options.pairs)
    parts = {split: choose(pairs, split, getattr(options, split)) for split in ("train", "valid", "test")}
    rows = {
        preset: compared(parts, Config.from_toml(preset), options.keep / preset)
        for preset in options.presets.split(",")
    }
    rows["default, bundled"] = as_it_comes(parts["test"])
    print(f"{len(parts['test'])} pairs" + "".join(f"{name:>17}" for name in COLUMNS))
    for name, scores in rows.items():
        print(f"{name:18}" + "".join(f"{scores.summary[column]:17.3f}" for column in COLUMNS))


if __name__ == "__main__":
    main()

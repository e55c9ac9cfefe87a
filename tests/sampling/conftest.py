"""Songs, samples and pairs made here."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mirkit import Audio, write
from mirkit.sampling.planting import Treatment, transform
from mirkit.sampling.tables import PAIR_COLUMNS

RATE = 22050


def melody(
    seed: int, duration_s: float, *, low: int = 45, high: int = 75, note_s: float = 0.22
) -> np.ndarray:
    """Return plucked notes at random pitches and times, mono."""
    rng = np.random.default_rng(seed)
    y = np.zeros(round(duration_s * RATE), np.float32)
    at_s = 0.0
    while at_s < duration_s - 0.05:
        hz = 440 * 2 ** ((int(rng.integers(low, high)) - 69) / 12)
        length = min(round(note_s * 3 * RATE), len(y) - round(at_s * RATE))
        time_s = np.arange(length) / RATE
        tone = sum(np.sin(2 * np.pi * hz * h * time_s) / h for h in range(1, 5) if hz * h < 9000)
        y[round(at_s * RATE) :][:length] += (tone * np.exp(-5 * time_s)).astype(np.float32)
        at_s += note_s * float(rng.choice([1, 1, 2, 3]))
    return y / np.float32(np.abs(y).max() + 1e-9)


def planted(
    sample: np.ndarray, starts_s: list[float], *, shift_st: float = 0.0, ratio: float = 1.0, seed: int = 99,
    duration_s: float = 20.0, gain: float = 1.0,
) -> Audio:  # fmt: skip
    """Return another melody with a sample in it, transformed."""
    song = 0.5 * melody(seed, duration_s, low=40, high=80, note_s=0.31)
    changed = transform(
        sample, RATE, Treatment(pitch_shift_st=shift_st, tempo_ratio=ratio), np.random.default_rng(0)
    )
    for start_s in starts_s:
        first = round(start_s * RATE)
        part = changed[: len(song) - first]
        song[first : first + len(part)] += np.float32(0.5 * gain) * part
    return Audio(song[np.newaxis], RATE)


def sound(y: np.ndarray) -> Audio:
    return Audio(np.asarray(y, np.float32)[np.newaxis], RATE)


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six samples, each in a song of its own, transformed; every other song is a decoy."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(5)
    pairs, occurrences = [], []
    for k in range(6):
        split = "valid" if k >= 4 else "train"
        sample = melody(k, 2.0)
        shift_st, ratio = float(rng.choice([-2.0, 0.0, 3.0])), float(rng.choice([0.9, 1.0, 1.1]))
        starts_s = [2.5, 7.5]
        song = planted(sample, starts_s, shift_st=shift_st, ratio=ratio, seed=50 + k, duration_s=12.0)
        write(root / f"query{k}.wav", sound(sample))
        write(root / f"song{k}.wav", song)
        occurrences += [
            (f"query{k}", f"song{k}", start_s, start_s + 2.0 / ratio, shift_st, ratio, -3.0)
            for start_s in starts_s
        ]
        for other in range(6):
            if (other >= 4) == (k >= 4):
                kind = "positive" if other == k else "decoy"
                files = (f"query{k}.wav", 0, 0, f"song{other}", f"song{other}.wav")
                pairs.append((split, f"query{k}", *files, kind, "melodic loop"))
    names: tuple[str, ...] = PAIR_COLUMNS
    _table(root / "pairs.csv", names, pairs)
    names = ("query", "song", "start_s", "end_s", "pitch_shift_st", "tempo_ratio", "gain_db")
    _table(root / "occurrences.csv", names, occurrences)
    return root


def _table(path: Path, names: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])

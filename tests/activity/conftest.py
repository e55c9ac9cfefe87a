"""Songs of three sounds that a small network can tell apart, made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mirkit import Audio, write
from mirkit.activity import Config
from mirkit.data import TrackSet, open_dataset

RATE = 8000
TINY = Config.from_dict(
    {
        "features": {"sample_rate": RATE, "n_fft": 512, "hop_length": 256, "n_mels": 24, "fmax_hz": 4000.0},
        "fc": {"hidden": [32]},
        "cnn": {"channels": [8, 16]},
        "crnn": {"channels": [8, 16], "n_time_pools": 1, "hidden": 8},
        "training": {
            "batch_size": 16,
            "epoch_size": 256,
            "validation_size": 128,
            "max_epochs": 5,
            "solo_epochs": 1,
            "learning_rate": 0.01,
        },
    }
)


@pytest.fixture(scope="session")
def tiny() -> Config:
    """Settings that train in a second."""
    return TINY


@pytest.fixture(scope="session")
def make_songs() -> Callable[..., TrackSet]:
    """Return a function that writes songs of a low hum (electric bass), a high tone (flute) and noise."""
    return write_songs


def write_songs(folder: Path, seed: int, *, n_songs: int = 4, artist: str = "") -> TrackSet:
    rng = np.random.default_rng(seed)
    time_s = np.arange(6 * RATE) / RATE
    for k in range(n_songs):
        gates = [np.repeat(rng.random(6) > 0.4, RATE) for _ in range(3)]
        gates[0][:RATE] = gates[1][RATE : 2 * RATE] = gates[2][2 * RATE : 3 * RATE] = True
        hum = sum(np.sin(2 * np.pi * 60 * rng.uniform(0.9, 1.1) * h * time_s) / h for h in range(1, 6))
        sounds = {
            "electric bass": 0.2 * hum,
            "flute": 0.2 * np.sin(2 * np.pi * rng.uniform(900, 1500) * time_s),
            "drum set": 0.1 * rng.standard_normal(len(time_s)),
        }
        song = folder / (f"{artist}{k} - song{k}" if artist else f"song{k}")
        song.mkdir(parents=True)
        for gate, (name, y) in zip(gates, sounds.items(), strict=True):
            write(song / f"{name}.wav", Audio((gate * y).astype(np.float32)[np.newaxis], RATE))
    return open_dataset(folder)

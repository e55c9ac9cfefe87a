"""Small songs in MedleyDB's layout, made of bursts of tones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirkit import audio
from mirkit.audio import Audio

RATE = 8000
INSTRUMENTS = {"S01": "piano", "S02": "drum set", "S03": "female singer"}


def bursts(seed: int, duration_s: float = 6.0, rate: int = RATE) -> np.ndarray:
    """Return tones at irregular times, ``(1, n_samples)``, different for each seed."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate)) / rate
    y = np.zeros_like(time_s)
    for start_s in rng.uniform(0, duration_s - 0.3, size=9):
        inside = (time_s >= start_s) & (time_s < start_s + 0.2)
        y[inside] += 0.2 * np.sin(2 * np.pi * (200 + 150 * seed) * time_s[inside])
    return y[np.newaxis].astype(np.float32)


def write_metadata(song: Path, **changes: Any) -> None:
    """Write the metadata of a song of three stems; keys can be changed or, with None, left out.

    JSON is YAML, too.
    """
    name = song.name
    content: dict[str, Any] = {
        "artist": name.split("_")[0],
        "title": name.split("_")[-1],
        "has_bleed": "no",
        "instrumental": "no",
        "excerpt": "no",
        "mix_filename": f"{name}_MIX.wav",
        "stem_dir": f"{name}_STEMS",
        "raw_dir": f"{name}_RAW",
        "version": 1.2,
        "stems": {
            key: {"component": "", "filename": f"{name}_STEM_{key[1:]}.wav", "instrument": label, "raw": {}}
            for key, label in INSTRUMENTS.items()
        },
    }
    content |= changes
    kept = {key: value for key, value in content.items() if value is not None}
    (song / f"{name}_METADATA.yaml").write_text(json.dumps(kept), encoding="utf-8")


@pytest.fixture
def make_song() -> Callable[..., Path]:
    """A function that makes a faultless song of three stems below a folder and returns its folder."""

    def make(root: Path, name: str = "Artist_Song", **changes: Any) -> Path:
        song = root / name
        (song / f"{name}_STEMS").mkdir(parents=True)
        stems = {key: Audio(bursts(k), RATE) for k, key in enumerate(INSTRUMENTS, start=1)}
        for key, stem in stems.items():
            audio.write(song / f"{name}_STEMS" / f"{name}_STEM_{key[1:]}.wav", stem)
        audio.write(song / f"{name}_MIX.wav", audio.mix(stems.values()))
        write_metadata(song, **changes)
        return song

    return make

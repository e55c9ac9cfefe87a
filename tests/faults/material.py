"""Sounds, a small data set, settings and sources that the runs work on; made anew, always the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from mirkit import Audio, write
from mirkit.data.synthesis.instruments import INSTRUMENTS

EXAMPLES = Path(__file__).parents[2] / "mirkit" / "examples"
RATE = 22050
N_SONGS = 4
ACTIVITY = """\
network = "fc"

[training]
batch_size = 8
epoch_size = 32
validation_size = 16
max_epochs = 4
patience = 4
"""
DRUMS = ("drum set", "drum machine")


def make(folder: Path) -> Path:
    """Write everything into a folder and return it."""
    sounds = folder / "sounds"
    sounds.mkdir(parents=True)
    for path in sorted(EXAMPLES.glob("*.ogg"))[:N_SONGS]:
        shutil.copy(path, sounds)
    for part, seed in (("train", 1), ("valid", 2)):
        _dataset(folder / "songs" / part, seed)
    (folder / "activity.toml").write_text(ACTIVITY, encoding="utf-8")
    _sources(folder)
    return folder


def _sources(folder: Path) -> None:
    """Write tones for whatever has a pitch, bursts of noise for drums, and the list of both."""
    rng = np.random.default_rng(0)
    times_s = np.arange(RATE) / RATE
    for octave in range(1, 7):
        for letter, step in (("C", 0), ("E", 4), ("Gs", 8)):
            f0_hz = 440 * 2 ** ((12 * (octave + 1) + step - 69) / 12)
            tone = sum(
                np.sin(2 * np.pi * k * f0_hz * times_s) / k for k in range(1, 5) if k * f0_hz < RATE / 2.2
            )
            _sound(folder / "notes" / f"thing_{letter}{octave}_forte.wav", tone)
    for name, decay_s in (("kick", 0.1), ("snare", 0.08), ("hat", 0.02), ("tom_lo", 0.2), ("crash", 0.4)):
        _sound(
            folder / "kit" / f"{name}.wav", rng.standard_normal(RATE // 2) * np.exp(-times_s[::2] / decay_s)
        )
    pitched = [name for name in INSTRUMENTS if name not in (*DRUMS, "tabla")]
    listed = {"notes": ("notes", pitched), "kit": ("kit", DRUMS), "tabla": ("model", ["tabla"])}
    lines = [
        f'[[source]]\nname = "{name}"\nfamily = "{name}"\nkind = "{kind}"\npath = "{name}"\nlicence = "CC0"\n'
        f"instruments = {json.dumps(list(labels))}\n"
        for name, (kind, labels) in listed.items()
    ]
    (folder / "sources.toml").write_text("\n".join(lines), encoding="utf-8")


def _sound(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    write(path, Audio((0.2 * samples).astype(np.float32)[np.newaxis], RATE))


def _dataset(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times_s = np.arange(3 * RATE) / RATE
    for k in range(3):
        gate = np.repeat(rng.permutation([1, 1, 1, 0, 0, 0]), RATE // 2)
        hum = sum(np.sin(2 * np.pi * 110 * rng.uniform(0.8, 1.2) * h * times_s) for h in range(1, 5))
        hiss = np.diff(rng.standard_normal(len(times_s) + 1)) * np.roll(gate, RATE // 4)
        song = folder / f"song{k}"
        song.mkdir(parents=True)
        write(song / "piano.wav", Audio((0.1 * gate * hum).astype(np.float32)[np.newaxis], RATE))
        write(song / "violin.wav", Audio((0.1 * hiss).astype(np.float32)[np.newaxis], RATE))

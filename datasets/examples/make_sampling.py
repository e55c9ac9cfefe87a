"""Make the bundled sample and its three songs again: transposed, stretched, and a decoy.

python make_sampling.py SOURCES.toml FOLDER

Two bars of a song of mirkit's own are the sample. Two other songs are built on it, as one builds on a
record: their drums, singer and soloist over the loop. The third has the sample's key and tempo, and nothing
else of it.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit._typing import Signal
from mirkit.audio import Audio
from mirkit.data import open_dataset
from mirkit.data.synthesis.songs import write_song
from mirkit.data.synthesis.sources import Source, read_sources
from mirkit.multitrack import MultiTrack
from mirkit.sampling.planting import Treatment, transform
from mirkit.sampling.tables import OCCURRENCE_COLUMNS, PAIR_COLUMNS

SEED, SECONDS, SAMPLE_RATE = 77, 26.0, 32000
USED = ("FluidR3 GM", "Electric bass notes", "Sonic Pi drums", "speaking woman f0.96", "speaking woman m0.84")
RECORD, BEATS, FIRST_BEAT = ("funk", 5), 8, 16
SONGS = {  # style and number of the song, semitones, beats on which the sample starts
    "transposed": (("pop", 64), 3.0, (8, 16, 24, 36)),
    "stretched": (("rock", 69), 0.0, (4, 12, 28, 36)),
    "decoy": (("funk", 98), 0.0, ()),
}
OVER_IT = ("drum", "singer", "saxophone", "trumpet")
"""Instruments of a song that stay where it is built on the sample."""


def main(sources: str, out: str) -> None:
    """Write the sample, the songs, ``pairs.csv`` and ``occurrences.csv`` into a folder."""
    folder = Path(out)
    folder.mkdir(parents=True)
    used = [source for source in read_sources(Path(sources)) if source.name in USED]
    record = compose(used, *RECORD)
    beat_s = 60.0 / float(record.metadata["tempo_bpm"])
    sample = band(record, but=("singer",))[round(FIRST_BEAT * beat_s * SAMPLE_RATE) :]
    sample = faded(sample[: round(BEATS * beat_s * SAMPLE_RATE)])
    write(folder / "sample.ogg", sample)
    pairs, rows = [], []
    for name, (song, shift_st, beats) in SONGS.items():
        host = compose(used, *song)
        own_s = 60.0 / float(host.metadata["tempo_bpm"])
        mix = band(host, only=OVER_IT if beats else ())
        ratio = 1.0 if shift_st else round(beat_s / own_s, 4)
        loop = transform(sample, SAMPLE_RATE, Treatment(shift_st, ratio), np.random.default_rng(0))
        loop *= rms(mix) / rms(loop)
        for beat in beats:
            first = round(beat * own_s * SAMPLE_RATE)
            part = loop[: len(mix) - first]
            mix[first : first + len(part)] += part
            start_s, end_s = first / SAMPLE_RATE, (first + len(part)) / SAMPLE_RATE
            rows.append(("sample", name, round(start_s, 3), round(end_s, 3), shift_st, ratio))
        write(folder / f"{name}.ogg", faded(mix, 0.05))
        kind = "positive" if beats else "decoy"
        pairs.append(("test", "sample", "sample.ogg", 0, 0, name, f"{name}.ogg", kind, "melodic loop"))
    write_table(folder / "pairs.csv", PAIR_COLUMNS, pairs)
    write_table(folder / "occurrences.csv", OCCURRENCE_COLUMNS, rows)


def compose(sources: list[Source], style: str, number: int) -> MultiTrack:
    """Return a song by its number; its files are in a temporary folder."""
    draft = Path(tempfile.mkdtemp())
    write_song(draft, sources, number, seconds=SECONDS, seed=SEED, sample_rate=SAMPLE_RATE, style=style)
    song: MultiTrack = open_dataset(draft).items[0]
    return song


def band(song: MultiTrack, *, only: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Signal:
    """Return the sum of some stems in mono."""
    kept = [
        stem.audio().mono().samples[0]
        for stem in song.stems
        if (not only or any(word in stem.instrument[0] for word in only))
        and not any(word in stem.instrument[0] for word in but)
    ]
    return np.asarray(np.sum(kept, axis=0), np.float32)


def rms(samples: Signal) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples))))


def faded(samples: Signal, seconds: float = 0.005) -> Signal:
    """Return a sound that starts and ends without a click."""
    length, samples = round(seconds * SAMPLE_RATE), samples.copy()
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    samples[:length] *= ramp
    samples[-length:] *= ramp[::-1]
    return samples


def write_table(path: Path, columns: Sequence[str], rows: list[tuple[object, ...]]) -> None:
    """Write a CSV file with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def write(path: Path, samples: Signal) -> None:
    """Write a sound at an ordinary level."""
    audio.write(path, Audio((0.8 * samples / np.abs(samples).max())[np.newaxis], SAMPLE_RATE))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Make the bundled multitrack again: compose and play a song, keep twelve seconds, in MedleyDB's layout.

python make_multitrack.py SOURCES.toml FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from mirkit import audio
from mirkit.audio import Audio
from mirkit.data import open_dataset
from mirkit.data.synthesis.songs import write_song
from mirkit.data.synthesis.sources import read_sources
from mirkit.data.writing import write_activity, write_metadata
from mirkit.multitrack import MultiTrack

NAME = "Mirkit_EveryoneIn"
SEED, SONG, STYLE = 77, 5, "rock"
START_S, END_S, FADE_S = 12.2, 24.0, 0.05
KEPT = ("key", "metre", "tempo_bpm", "genre", "licences")


def main(sources: str, out: str) -> None:
    """Write the song into ``out/NAME``."""
    folder = Path(out) / NAME
    stem_folder = folder / f"{NAME}_STEMS"
    stem_folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as draft:
        write_song(
            Path(draft),
            read_sources(Path(sources)),
            SONG,
            seconds=END_S,
            seed=SEED,
            sample_rate=44100,
            style=STYLE,
        )
        whole = open_dataset(draft).items[0]
        stems = {}
        for stem in whole.stems:
            file = stem_folder / f"{NAME}_STEM_{stem.id[1:]}.ogg"
            audio.write(file, faded(stem.audio().excerpt(START_S, END_S)))
            made = whole.metadata["stems"][stem.id]
            stems[stem.id] = {"filename": file.name, "instrument": stem.instrument[0]} | {
                key: made[key] for key in ("component", "role", "source")
            }
    content = {key: whole.metadata[key] for key in KEPT} | {
        "artist": "mirkit", "title": NAME.split("_")[1], "composer": ["mirkit"], "origin": "mirkit synthesis",
        "excerpt": "yes", "has_bleed": "no", "instrumental": "no", "mix_filename": "",
        "stem_dir": stem_folder.name, "raw_dir": "", "stems": stems, "version": "1.0",
    }  # fmt: skip
    write_metadata(folder, NAME, content)
    song: MultiTrack = open_dataset(folder).items[0]
    write_activity(folder, song)


def faded(sound: Audio) -> Audio:
    """Return a sound that starts and ends without a click."""
    import numpy as np

    length = round(FADE_S * sound.sample_rate)
    samples = sound.samples.copy()
    samples[:, :length] *= np.linspace(0, 1, length, dtype=np.float32)
    samples[:, -length:] *= np.linspace(1, 0, length, dtype=np.float32)
    return Audio(samples, sound.sample_rate)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Benchmarks are made of songs whose artists are known or not."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from sampling.conftest import melody, sound

from mirkit import write
from mirkit.sampling.synthesis import synthesize


@pytest.mark.parametrize(("artist", "n_decoys"), [("", 2), ("Somebody - ", 0)])
def test_songs_of_unknown_artists_are_decoys_and_those_of_the_same_are_not(artist, n_decoys, tmp_path: Path):
    for k in range(9):
        folder = tmp_path / "songs" / f"{artist}Song {k}"
        folder.mkdir(parents=True)
        for j, name in enumerate(("piano", "drums")):
            write(folder / f"{name}.wav", sound(melody(400 + 2 * k + j, 16.0)))
    (tmp_path / "sources.toml").write_text('[[source]]\nname = "songs"\npath = "songs"\n')
    synthesize(
        tmp_path / "out", sources=tmp_path / "sources.toml", n_queries={"train": 3}, duration_s=12.0, seed=1
    )
    with (tmp_path / "out" / "pairs.csv").open() as file:
        kinds = Counter((row["query"], row["kind"]) for row in csv.DictReader(file))
    decoys = [kinds[f"train-{k:04d}", "decoy"] for k in range(3)]
    assert sum(decoys) >= n_decoys if n_decoys else not any(decoys)

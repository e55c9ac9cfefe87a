"""The bundled models say of the bundled recordings what they said when they were made; see also activity."""

from __future__ import annotations

import numpy as np
import pytest

from mirkit import assessment, examples, read, sampling, separation
from mirkit.data import open_dataset

FOLDER = examples.path(examples.names()[0]).parent


def decibels(power):
    return [round(float(value), 2) for value in 10 * np.log10(np.maximum(power, 3e-5))]


def test_stems_have_the_levels_on_record(golden):
    (song,) = open_dataset(FOLDER / "multitracks").items
    stems = separation.predict(separation.load(), song.mix())
    n = stems.sample_rate
    levels = {}
    for name, stem in stems.stems.items():
        samples = stem.samples
        whole = samples[:, : samples.shape[1] // n * n]
        levels[name] = decibels(
            (whole.reshape(len(samples), -1, n).astype(np.float64) ** 2).mean(axis=(0, 2))
        )
    golden("separation", levels, atol=0.3)


@pytest.mark.parametrize("song", ["transposed", "stretched", "decoy"])
def test_occurrences_are_those_on_record(song, golden):
    folder = FOLDER / "sampling"
    found = sampling.predict(sampling.load(), read(folder / "sample.ogg"), read(folder / f"{song}.ogg"))
    rows = found.rows()
    values = {
        "song_confidence": [round(float(found.song_confidence), 3)],
        "start_s": [round(float(row["start_s"]), 2) for row in rows],
        "pitch_shift_st": [round(float(row["pitch_shift_st"]), 2) for row in rows],
        "tempo_ratio": [round(float(row["tempo_ratio"]), 3) for row in rows],
    }
    golden(f"sampling_{song}", values, atol=0.05)


@pytest.mark.parametrize("student", ["anna", "ben", "carla", "david", "emma", "finn"])
def test_points_are_those_on_record(student, golden):
    folder = FOLDER / "students"
    score = assessment.read_score(folder / "score.musicxml")
    result = assessment.predict(assessment.load(), read(folder / f"{student}.ogg"), score=score)
    status = [str(value) for value in result.notes["status"]]
    values = {name: [round(float(rating.points), 2)] for name, rating in result.ratings.items()}
    values |= {f"notes {kind}": [float(status.count(kind))] for kind in sorted(set(status))}
    golden(f"assessment_{student}", values, atol=0.2)

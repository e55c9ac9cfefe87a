"""Cut a stretch out of each song and gather its stems by separation target, as small files.

    python datasets/synthesised/excerpts.py SONGS OUT --seconds 24 --work CACHE

A data set that travels: where a machine with a GPU is far from the songs, 600 of them shrink from 10 GB to
400 MB. ``OUT`` is a folder of stems (``<song>/vocals.ogg``), which ``mirkit separation train`` takes like any
other. The stretch of a song is the one in which most targets sound, those that few songs have first. Stems of
none of the targets are gathered, too, under the name of an instrument that is none.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from mirkit._files import replacing
from mirkit.data import open_dataset
from mirkit.parallel import map_all
from mirkit.separation import Config
from mirkit.separation.examples import Scene, prepare

REST = "synthesizer"
"""Any class that no target of the taxonomy ``stems6`` has."""

COMPRESSION = 0.8
"""Of Ogg Vorbis as soundfile counts; about 45 kbit/s for a stereo stem."""


@click.command(help=__doc__)
@click.argument("songs", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seconds", default=24.0, show_default=True)
@click.option("--whole", multiple=True, help="Begin of the names of songs that are not cut.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for decoded stems.")
@click.option("--jobs", default=1, show_default=True)
def main(songs: Path, out: Path, seconds: float, whole: tuple[str, ...], work: Path, jobs: int) -> None:
    """Cut, gather, write; what failed goes to stderr."""
    items = open_dataset(songs).items
    scenes, problems = prepare(items, Config(), work, n_jobs=jobs)
    names = [item.id for item in items if not any(text.startswith(f"{item.id}:") for text in problems)]
    weights = _rarity(scenes)
    jobs_ = [
        (scene, out / name, None if name.startswith(whole or ("\0",)) else seconds, weights)
        for name, scene in zip(names, scenes, strict=True)
    ]
    failed = [outcome.error for outcome in map_all(_write, jobs_, n_jobs=jobs) if outcome.error]
    for problem in [*problems, *failed]:
        click.echo(problem, err=True)


def _rarity(scenes: list[Scene]) -> dict[str, float]:
    """Return the weight of each label: one over the songs that have it."""
    labels = [label for scene in scenes for label in scene.rows]
    return {label: 0.0 if label == "other" else 1 / labels.count(label) for label in set(labels)}


def _write(job: tuple[Scene, Path, float | None, dict[str, float]]) -> None:
    import soundfile

    scene, folder, seconds, weights = job
    rate = Config().features.sample_rate
    length = scene.n_samples if seconds is None else round(seconds * rate)
    start = _start(scene, weights, length / rate) if seconds is not None else 0
    folder.mkdir(parents=True, exist_ok=True)
    for label, row in scene.rows.items():
        samples = row.read(min(start, row.n_samples), length)
        if not samples.any():
            continue
        name = REST if label == "other" else label
        with (
            replacing(folder / f"{name}.ogg") as temporary,
            soundfile.SoundFile(
                temporary, "w", rate, 2, "VORBIS", format="OGG", compression_level=COMPRESSION
            ) as file,
        ):
            for first in range(0, length, rate):  # long pieces overflow the encoder's stack
                file.write(samples[:, first : first + rate].T)


def _start(scene: Scene, weights: dict[str, float], seconds: float) -> int:
    """Return the first sample of the stretch with the most activity."""
    n = max(1, round(seconds / scene.hop_s))
    gained = sum(weights[label] * active for label, active in scene.active.items())
    sums = np.cumsum(np.concatenate([[0.0], np.asarray(gained, dtype=np.float64)]))
    if len(sums) <= n + 1:
        return 0
    return round(int(np.argmax(sums[n:] - sums[:-n])) * scene.hop_s * Config().features.sample_rate)


if __name__ == "__main__":
    main()

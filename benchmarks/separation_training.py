r"""Networks for separation on equal terms: same songs, equal excerpts, same schedule, several seeds.

    python benchmarks/separation_training.py SONGS VALIDATION OUT --presets banded,umx-shared,iass-shared \
        --seeds 0,1,2 --excerpts 20000 [--device cuda --resident]

Each preset gives the network and how it is used; excerpts, loss and optimiser are those of ``banded-large``.
What is there is kept. Prints the validation error of each epoch; ``mirkit separation compare`` takes the
models.
"""

from __future__ import annotations

import csv
import time
from dataclasses import replace
from pathlib import Path

import click

from mirkit import separation
from mirkit.data import Dataset, open_dataset
from mirkit.loop import Hardware
from mirkit.separation import Config


@click.command(help=__doc__)
@click.argument("songs", type=click.Path(exists=True, path_type=Path))
@click.argument("validation", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--presets", default="banded,umx-shared,iass-shared", show_default=True)
@click.option("--targets", default="", help="Of presets with a network for each: these only.")
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--excerpts", default=20000, show_default=True, help="In all epochs together.")
@click.option("--epochs", default=6, show_default=True)
@click.option("--batch", default=8, show_default=True)
@click.option("--learning-rate", default=1.5e-3, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--resident", is_flag=True)
@click.option("--jobs", default=1, show_default=True)
def main(
    songs: Path,
    validation: Path,
    out: Path,
    presets: str,
    targets: str,
    seeds: str,
    excerpts: int,
    epochs: int,
    batch: int,
    learning_rate: float,
    device: str,
    resident: bool,
    jobs: int,
) -> None:
    """Train what is not there yet, seed after seed."""
    sets = open_dataset(songs), open_dataset(validation)
    (out / "cache").mkdir(parents=True, exist_ok=True)
    for seed in seeds.split(","):
        for preset in presets.split(","):
            config = _config(preset, len(sets[0].items), excerpts, epochs, batch, learning_rate)
            if targets:
                config = config.replace(targets=tuple(targets.split(",")))
            folder = out / f"{preset}-{seed}"
            if not folder.is_dir():
                start = time.perf_counter()
                _train(config, sets, folder, int(seed), device, resident, jobs)
                click.echo(f"{folder.name}: {time.perf_counter() - start:.0f} s")
            click.echo(f"{folder.name}: " + " ".join(_curve(folder)))


def _config(
    preset: str, n_songs: int, excerpts: int, epochs: int, batch: int, learning_rate: float
) -> Config:
    shared = Config.from_toml("banded-large").training
    return Config.from_toml(preset).replace(
        training=replace(
            shared,
            excerpts_per_song=max(1, round(excerpts / epochs / n_songs)),
            batch_size=batch,
            max_epochs=epochs,
            patience=epochs,
            learning_rate=learning_rate,
            warm_up_steps=excerpts // batch // 10,
            statistics_excerpts=1,
        )
    )


def _train(
    config: Config,
    sets: tuple[Dataset, Dataset],
    folder: Path,
    seed: int,
    device: str,
    resident: bool,
    jobs: int,
) -> None:
    work = folder.with_name(f"{folder.name}-work")
    work.mkdir(exist_ok=True)
    if not (work / "cache").exists():
        (work / "cache").symlink_to((folder.parent / "cache").resolve())  # decoded once for all
    model = separation.train(
        config,
        sets[0],
        validation=sets[1],
        seed=seed,
        name=folder.name,
        folder=work,
        resume=True,
        device=Hardware(device, precision="bf16-mixed"),
        resident=resident,
        n_jobs=jobs,
    )
    model.checkpoint().save(folder)


def _curve(folder: Path) -> list[str]:
    """Return the validation error after each epoch."""
    found = sorted(folder.with_name(f"{folder.name}-work").glob("*/metrics.csv"))
    rows = [row for path in found for row in csv.DictReader(path.open(encoding="utf-8"))]
    return [f"{float(row['valid_separation']):.4f}" for row in rows if row.get("valid_separation")]


if __name__ == "__main__":
    main()

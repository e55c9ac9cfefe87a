"""FC, CNN and CRNN on equal terms: trained on one folder, tested on another.

    python benchmarks/activity_networks.py TRAIN TEST -o FOLDER [--validation FOLDER] [--config default]
        [--epochs 14] [--epoch-size 6400] [--rates 0.0003 0.001 0.003] [--seeds 1 2 3] [--jobs 2]

Every network gets the same: settings, excerpts (they depend on seed, epoch and index alone), number of steps,
and number of settings tried. Each learning rate is tried once, with seed 0; the one with the best validation
average precision is then trained with each of the seeds. TEST decides nothing. Validation songs are those of
--validation, else the part 'valid' of TRAIN, else a tenth of its artists.

Every training is kept in FOLDER, and a second call goes on where the first one stopped. The table is
FOLDER/networks.md: mean and standard deviation over the seeds, on all time scales, with the seconds of a
training and the cost of one example. Without folders there is nothing to measure, and the script says so.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mirkit import activity
from mirkit.activity.evaluation import Evaluation, judge, to_markdown
from mirkit.activity.model import build
from mirkit.activity.training import masked_bce
from mirkit.data import TrackSet, open_dataset
from mirkit.data.splits import entries, make_split

NETWORKS = ("fc", "cnn", "crnn")
COLUMNS = ("auc_macro", "ap_macro", "lrap", "lrap_nonempty", "f1_macro", "f1_macro_fixed", "exact_match")


@dataclass(frozen=True)
class Budget:
    """What each network gets, and where it is kept."""

    config: activity.Config
    train: TrackSet
    validation: TrackSet
    folder: Path
    n_jobs: int


def main() -> None:
    """Train, test, and write the table."""
    import pandas as pd

    options = parsed()
    if options.train is None or options.test is None:
        print("skipped: give a folder of songs to train on and one to test on")
        return
    train, validation = parts(open_dataset(options.train), options.validation)
    budget = Budget(settings(options), train, validation, options.output, options.jobs)
    test = open_dataset(options.test)
    rows, rates = [], {}
    for network in NETWORKS:
        tried = {rate: trained(budget, network, rate, seed=0)["ap"] for rate in options.rates}
        rates[network] = max(tried, key=lambda rate: tried[rate])
        runs = [tested(budget, network, rates[network], seed, test) for seed in options.seeds]
        rows += summary(network, budget, runs)
    text = describe(budget, options, rates) + to_markdown(pd.DataFrame(rows))
    (options.output / "networks.md").write_text(text, encoding="utf-8")
    print(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", nargs="?", type=Path)
    parser.add_argument("test", nargs="?", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("activity-networks"))
    parser.add_argument("--validation", type=Path)
    parser.add_argument("--config", default="default")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--epoch-size", type=int)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.0003, 0.001, 0.003])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1)
    return parser.parse_args()


def settings(options: argparse.Namespace) -> activity.Config:
    """Return the settings that all networks share; no early stop, so that all take the same steps."""
    config = activity.Config.from_toml(options.config)
    max_epochs = options.epochs or config.training.max_epochs
    training = replace(
        config.training,
        max_epochs=max_epochs,
        patience=max_epochs,
        epoch_size=options.epoch_size or config.training.epoch_size,
    )
    return config.replace(training=training)


def parts(songs: TrackSet, validation: Path | None) -> tuple[TrackSet, TrackSet]:
    if validation is not None:
        return songs, open_dataset(validation)
    if "valid" in songs.splits:
        return songs.split("train"), songs.split("valid")
    split = make_split(entries([songs]), {"train": None, "valid": 0.1})
    return songs.select(split["train"]), songs.select(split["valid"])


def trained(budget: Budget, network: str, rate: float, seed: int) -> dict[str, float]:
    """Return validation average precision and seconds of one training, from its record if there is one."""
    name = f"{network}-{rate:g}-{seed}"
    record = budget.folder / f"{name}.json"
    if not record.is_file():
        start = time.perf_counter()
        model = activity.train(
            budget.config.replace(
                network=network, training=replace(budget.config.training, learning_rate=rate)
            ),
            budget.train,
            validation=budget.validation,
            seed=seed,
            name=name,
            folder=budget.folder / f"{name}-work",
            cache=budget.folder / "cache",
            resume=True,
            device="cpu",
            n_jobs=budget.n_jobs,
        )
        model.checkpoint().save(budget.folder / name)
        found = {"ap": model.scores["validation_ap"], "seconds": time.perf_counter() - start}
        record.write_text(json.dumps(found), encoding="utf-8")
        print(f"{name}: validation AP {found['ap']:.3f} after {found['seconds']:.0f} s", flush=True)
    return dict(json.loads(record.read_text(encoding="utf-8")))


def tested(budget: Budget, network: str, rate: float, seed: int, test: TrackSet) -> tuple[float, Evaluation]:
    seconds = trained(budget, network, rate, seed)["seconds"]
    name = f"{network}-{rate:g}-{seed}"
    path = budget.folder / f"{name}-scores.json"
    if not path.is_file():
        judge(budget.folder / name, test, poolings=("max",), n_jobs=budget.n_jobs).write(path)
    return seconds, Evaluation.read(path)


def summary(
    network: str, budget: Budget, runs: list[tuple[float, Evaluation]]
) -> list[dict[str, str | float]]:
    """Return a row for each time scale: mean ± standard deviation over the seeds."""
    n_weights, cost_ms = example_cost(budget.config.replace(network=network))
    rows = []
    for k, scores in enumerate(runs[0][1].scales):
        row: dict[str, str | float] = {"network": network, "clips": scores.scale}
        for column in COLUMNS:
            values = [evaluation.scales[k].summary[column] for _, evaluation in runs]
            row[column] = f"{np.mean(values):.3f} ± {np.std(values):.3f}"
        row["n_weights"] = n_weights
        row["ms an example"] = f"{cost_ms:.2f}"
        row["s a training"] = f"{np.mean([seconds for seconds, _ in runs]):.0f}"
        rows.append(row)
    return rows


def example_cost(config: activity.Config, n_steps: int = 10) -> tuple[int, float]:
    """Return the number of weights, and CPU milliseconds of a training step for one example."""
    import torch

    network = build(config, 18)
    optimizer = torch.optim.AdamW(network.parameters())
    shape = (config.training.batch_size, config.features.n_mels, config.features.n_frames)
    patches, labels = torch.randn(shape), torch.zeros(shape[0], 18, config.features.n_steps)
    for step in range(n_steps + 2):
        if step == 2:  # the first steps allocate
            start = time.process_time()
        optimizer.zero_grad()
        masked_bce(network(patches), labels).backward()
        optimizer.step()
    cost_ms = 1000 * (time.process_time() - start) / n_steps / shape[0]
    return sum(weights.numel() for weights in network.parameters()), cost_ms


def describe(budget: Budget, options: argparse.Namespace, rates: dict[str, float]) -> str:
    training = budget.config.training
    chosen = ", ".join(f"{network} {rate:g}" for network, rate in rates.items())
    return (
        f"Trained on {budget.train.name} ({len(budget.train.items)} songs), chosen on "
        f"{budget.validation.name} ({len(budget.validation.items)}), tested on {options.test.name}; "
        "max-pooled above 1 s.\n\n"
        f"Each training: {training.max_epochs} epochs of {training.epoch_size} excerpts. Learning rates "
        f"tried for each network, once: {', '.join(f'{rate:g}' for rate in options.rates)}; "
        f"chosen: {chosen}. Mean ± standard deviation over the seeds "
        f"{', '.join(map(str, options.seeds))}. F1 and exact match at "
        "thresholds tuned on validation data, F1 fixed at 0.5.\n\n"
    )


if __name__ == "__main__":
    main()

"""Which instruments sound: the classifier inside the separation model against the activity model, per target.

    python benchmarks/activity_of_separation.py SONGS [SONGS ...]

Each second of the songs' summed stems counts; truth is the level of the true stems. The third column is the
mean of both probabilities.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from mirkit import activation, activity, separation
from mirkit.data import open_dataset
from mirkit.separation.targets import truth

CLASSES = {
    "vocals": ("male singer", "female singer"),
    "drums": ("drum set",),
    "bass": ("electric bass", "double bass"),
    "electric guitar": ("clean electric guitar", "distorted electric guitar"),
    "acoustic guitar": ("acoustic guitar",),
    "piano": ("piano",),
}


@click.command(help=__doc__)
@click.argument("songs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(songs: tuple[Path, ...]) -> None:
    """Print one line for each target."""
    heads, model = separation.load("default"), activity.load("default")
    rows: dict[str, list[np.ndarray]] = {target: [] for target in CLASSES}
    for item in (item for folder in songs for item in open_dataset(folder).items):
        true = truth(item, heads.config)
        mixture = true.mixture()
        n_seconds = mixture.samples.shape[1] // mixture.sample_rate
        heard = separation.predict(heads, mixture).activity
        tagged = activity.predict(model, mixture)
        for target, classes in CLASSES.items():
            if target in true.stems:
                level = activation.level_activity(
                    [true.stems[target].samples.mean(axis=0)], mixture.sample_rate
                )
                columns = (
                    _by_second(level[0] > 0, n_seconds),
                    _by_second(heard.values[heard.labels.index(target)], n_seconds),
                    _by_second(
                        np.max([tagged.values[tagged.labels.index(name)] for name in classes], axis=0),
                        n_seconds,
                    ),
                )
                rows[target].append(np.stack(columns))
    for target, found in rows.items():
        click.echo(f"{target:16s} " + _line(np.concatenate(found, axis=1)))


def _by_second(values: np.ndarray, n_seconds: int) -> np.ndarray:
    """Return the largest value of each second, of frames that are evenly spread over all."""
    edges = np.linspace(0, len(values), n_seconds + 1).astype(int)
    return np.array([values[a : max(a + 1, b)].max() for a, b in pairwise(edges)], float)


def _line(columns: np.ndarray) -> str:
    from sklearn.metrics import roc_auc_score

    true, heads, model = columns
    if not 0 < true.mean() < 1:
        return f"{int(true.sum())} of {len(true)} s active: no AUC"
    aucs = [roc_auc_score(true, values) for values in (heads, model, (heads + model) / 2)]
    return (
        f"{int(true.sum())} of {len(true)} s: heads {aucs[0]:.3f} activity {aucs[1]:.3f} mean {aucs[2]:.3f}"
    )


if __name__ == "__main__":
    main()

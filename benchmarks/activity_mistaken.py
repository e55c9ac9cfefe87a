"""What a model mistakes for an instrument: how much better each class is told without the seconds of one stem.

    python benchmarks/activity_mistaken.py DATASET [--song PART_OF_ITS_NAME] [--model default]

For each song and class: the area under the ROC curve over all seconds, and over those in which a stem of other
instruments rests, for the stems that matter most. The model hears the sum of the stems.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from mirkit import MultiTrack, activity
from mirkit.annotation import Taxonomy
from mirkit.data import open_dataset

N_STEMS = 3
"""Stems named for each class."""


@click.command(help=__doc__)
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--song", default="", help="Songs whose name holds this; all by default.")
@click.option("--model", "name", default="default", show_default=True)
def main(dataset: Path, song: str, name: str) -> None:
    """Print a block for each song."""
    model = activity.load(name)
    for item in open_dataset(dataset).items:
        if song in item.id:
            click.echo(item.id)
            for line in lines(item, model):
                click.echo(line)


def lines(item: MultiTrack, model: activity.Model) -> list[str]:
    """Return a line for each class that plays in a song and rests in it."""
    taxonomy = Taxonomy.load(model.config.taxonomy)
    truth = item.activity(taxonomy).pool(1.0, "mean").binarize(0.25)
    heard = activity.predict(model, item.mix(from_stems=True)).pool(1.0, "mean").values
    sounding = item.stem_activity().pool(1.0, "max").values > 0
    n = min(truth.grid.n_frames, heard.shape[1], sounding.shape[1])
    found = []
    for label, true, probability in zip(truth.labels, truth.values[:, :n], heard[:, :n], strict=True):
        everywhere = _auc(true, probability)
        if np.isnan(everywhere):
            continue
        without = [
            (_auc(np.where(row[:n], np.nan, true), probability), " + ".join(stem.instrument))
            for stem, row in zip(item.stems, sounding, strict=True)
            if label not in {taxonomy.canonical(raw) for raw in stem.instrument}
        ]
        best = sorted((one for one in without if one[0] > everywhere), reverse=True)[:N_STEMS]
        rest = "".join(f"; {auc:.3f} without {name}" for auc, name in best)
        found.append(f"  {label}: {everywhere:.3f} in {int(np.nansum(true))} of {n} s{rest}")
    return found


def _auc(true: np.ndarray, probability: np.ndarray) -> float:
    """Return the area under the ROC curve where the truth is known; NaN without both kinds of seconds."""
    from sklearn.metrics import roc_auc_score

    known = np.isfinite(true)
    if len(np.unique(true[known])) < 2:
        return float("nan")
    return float(roc_auc_score(true[known], probability[known]))


if __name__ == "__main__":
    main()

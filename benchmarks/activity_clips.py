"""How well a model names the instrument of recorded solo clips that no bundled model was trained on.

    python benchmarks/activity_clips.py FOLDER [MODEL]

FOLDER holds sound files and ``labels.csv`` with the columns ``file`` and ``instrument``. Without a folder
there is nothing to measure, and the script says so.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from mirkit import Taxonomy, activity, read
from mirkit.activity.measures import label_ranking_average_precision, per_label


def main() -> None:
    """Print AUC, average precision and rank for each class, and over all."""
    if len(sys.argv) < 2:
        print("skipped: give a folder of clips with labels.csv")
        return
    folder = Path(sys.argv[1])
    model = activity.load(sys.argv[2] if len(sys.argv) > 2 else "default")
    taxonomy = Taxonomy.load(model.config.taxonomy)
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [(row["file"], taxonomy.canonical(row["instrument"])) for row in csv.DictReader(file)]
    scores = np.stack([predicted(model, folder / name) for name, _ in rows], axis=1)  # (n_labels, n_clips)
    truth = np.zeros_like(scores)
    for clip, (_, label) in enumerate(rows):
        truth[model.labels.index(label), clip] = 1
    report(model.labels, truth, scores)


def predicted(model: activity.Model, path: Path) -> np.ndarray:
    """Return the mean over the clip's seconds, ``(n_labels,)``."""
    return activity.predict(model, read(path)).values.mean(axis=1)


def report(labels: tuple[str, ...], truth: np.ndarray, scores: np.ndarray) -> None:
    """Print the table."""
    table = per_label(truth, scores, np.full(len(labels), 0.5))
    present = np.flatnonzero(truth.any(axis=1))
    print(f"{'':28}{'clips':>6}{'AUC':>7}{'AP':>7}   most often taken for")
    for row in present:
        clips = truth[row] == 1
        first = [labels[k] for k in scores[:, clips].argmax(axis=0)]
        taken = ", ".join(f"{name} {first.count(name)}" for name in dict.fromkeys(first))
        print(f"{labels[row]:28}{clips.sum():6d}{table['auc'][row]:7.3f}{table['ap'][row]:7.3f}   {taken}")
    hits = truth.argmax(axis=0)
    among = present[scores[present].argmax(axis=0)]
    print(
        f"macro AUC {table['auc'][present].mean():.3f}  AP {table['ap'][present].mean():.3f}  "
        f"LRAP among {len(labels)} {label_ranking_average_precision(truth, scores):.3f}  "
        f"top-1 of {len(present)} {np.mean(among == hits):.3f}  "
        f"top-1 of {len(labels)} {np.mean(scores.argmax(axis=0) == hits):.3f}"
    )


if __name__ == "__main__":
    main()

"""The published protocol on the released descriptors of 394 student auditions.

Prints r of ten-fold cross-validation, the mean of ten shufflings, beside the reference; R2, standard error,
and the models of two years tested on the third. With --outliers, E4 after the removal of 5 %, reported
honestly. Needs the development data beside the checkout:
python benchmarks/assessment_ratings.py [../shared/data]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mirkit.assessment import protocol
from mirkit.assessment.config import SVRConfig

FILES = {"E1": "baseline", "E2": "nonscore", "E3": "score", "E4": "combined"}
CATEGORIES = ("musicality", "notes", "rhythm", "tone")
REFERENCE = {
    "E1": (0.45, 0.09, 0.29, 0.33),
    "E2": (0.55, 0.17, 0.40, 0.39),
    "E3": (0.59, 0.43, 0.55, 0.46),
    "E4": (0.69, 0.40, 0.56, 0.54),
}
PUBLISHED = {"E1": 0.19, "E2": 0.49, "E3": 0.56, "E4": 0.58}


def read(folder: Path, which: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return descriptors, ratings and years."""
    from scipy.io import loadmat

    X, y, years = [], [], []
    for year in (2013, 2014, 2015):
        content = loadmat(folder / f"{FILES[which]}_{year}.mat")
        X.append(content["features"])
        y.append(content["labels"][:, -4:])  # earlier files have one more column in front
        years += [str(year)] * len(X[-1])
    return np.concatenate(X), np.concatenate(y), np.array(years)


def protocol_table(folder: Path, *, outliers: bool) -> None:
    for which in FILES:
        X, y, years = read(folder, which)
        for k, category in enumerate(CATEGORIES):
            shuffled = [protocol.held_out(X, y[:, k], seed=seed).before for seed in range(10)]
            mean = {name: np.mean([found[name] for found in shuffled]) for name in ("r", "r2", "s")}
            spread = np.std([found["r"] for found in shuffled])
            published = f", published {PUBLISHED[which]:.2f}" if category == "musicality" else ""
            print(
                f"{which} {category:<11} n {len(y)}  r {mean['r']:.2f} +- {spread:.2f} "
                f"(reference {REFERENCE[which][k]:.2f}{published})  R2 {mean['r2']:+.2f}  S {mean['s']:.3f}",
                end="",
            )
            by_year = protocol.train_on_two(X, y[:, k], years)
            print("  two years on the third", *(f"{row['r']:.2f}" for row in by_year.values()), flush=True)
            if outliers and which == "E4":
                found = protocol.held_out(X, y[:, k], config=SVRConfig(outlier_share=0.05))
                parts = {"before": found.before, "after": found.after, "on all": found.on_all}
                print(
                    "   outliers removed:",
                    *(f"{name} {row['r']:.2f}" for name, row in parts.items()),
                    flush=True,
                )


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    root = Path(arguments[0] if arguments else "../shared/data") / "assessment"
    protocol_table(root / "fba_alto_sax_middle", outliers="--outliers" in sys.argv)


if __name__ == "__main__":
    main()

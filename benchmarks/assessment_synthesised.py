"""Simulated performances, whose every fault is known: what is heard of them, and what a jury's model learns.

Takes folders that ``mirkit assessment synthesize`` wrote; see the page on assessment for the commands.

python benchmarks/assessment_synthesised.py notes FOLDER...
python benchmarks/assessment_synthesised.py ratings TRAIN TEST
python benchmarks/assessment_synthesised.py sweep FOLDER FIGURE.png
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mirkit import assessment, audio
from mirkit.assessment import protocol
from mirkit.assessment.config import CATEGORIES, Config, SVRConfig
from mirkit.assessment.descriptors import describe, names_of
from mirkit.assessment.examples import Performance, PerformanceTable, load_analysis
from mirkit.assessment.metrics import agreement
from mirkit.assessment.player import FAULTS
from mirkit.assessment.regression import fit
from mirkit.errors import DatasetError
from mirkit.parallel import map_all

MATCH_S = 0.15
"""Added notes found this near to one that sounded are that one."""
MACHINE = SVRConfig(C=0.1)
"""Of 1, 0.5, 0.2 and 0.1 the best for every set by cross-validation of the training folder."""
SETS_COMPARED = ("E1", "E2", "E3", "E4", "E5", "E2+E5", "E4+E5")


def truth_of(recording: Path) -> tuple[list[dict[str, str]], dict]:
    """Return what sounded, a row for each note, and the rest that is known."""
    stem = recording.with_suffix("")
    with Path(f"{stem}.truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads(Path(f"{stem}.truth.json").read_text())


def last_pass(rows: list[dict[str, str]]) -> dict[int, dict[str, str]]:
    """Return the last time that each of the score's notes was played."""
    return {int(row["note"]): row for row in rows if row["status"] in ("correct", "wrong", "again")}


def counted(truth: set[int], said: set[int]) -> np.ndarray:
    return np.array([len(truth & said), len(said - truth), len(truth - said)])


def matched(truth_s: list[float], found_s: list[float]) -> np.ndarray:
    """Return hits, false alarms and misses of times, one to one."""
    from scipy.optimize import linear_sum_assignment

    away = np.abs(np.subtract.outer(truth_s, found_s)) if truth_s and found_s else np.zeros((0, 0))
    pairs = linear_sum_assignment(np.minimum(away, 1.0))
    hits = int((away[pairs] < MATCH_S).sum())
    return np.array([hits, len(found_s) - hits, len(truth_s) - hits])


def heard(item: Performance) -> dict:
    """Return counts and errors of one performance."""
    analysis = load_analysis(item, Config())
    rows, truth = truth_of(Path(item.recording))
    if analysis.account is None or analysis.verdicts:
        return {"verdict": "; ".join(analysis.verdicts) or "nothing heard"}
    played, added, start_s = analysis.account.played, analysis.account.added, analysis.start_s
    last = last_pass(rows)
    counts = {}
    for kind in ("wrong", "missed"):
        true = {k for k, row in last.items() if row["status"] == "wrong"}
        if kind == "missed":
            true = set(truth["missed"]) - set(last)
        counts[kind] = counted(true, set(np.flatnonzero(played["status"] == kind).tolist()))
    onsets = [float(row["onset_s"]) for row in rows if row["status"] in ("added", "repeated")]
    counts["added"] = matched(onsets, (added["onset_s"] + start_s).tolist())
    right = [k for k, row in last.items() if row["status"] != "wrong" and played["status"][k] == "correct"]
    onset_ms = [1000 * (played["onset_s"][k] + start_s - float(last[k]["onset_s"])) for k in right]
    cents = [played["cents"][k] - float(last[k]["cents"]) for k in right]
    return {"counts": counts, "onset_ms": onset_ms, "cents": cents}


def notes(folders: list[str]) -> None:
    for folder in folders:
        items = PerformanceTable.read(folder).items
        found = [row.result for row in map_all(heard, items, n_jobs=1, backend="loky")]
        used = [row for row in found if row and "counts" in row]
        print(f"{folder}: {len(items)} performances, {len(items) - len(used)} refused")
        for row in found:
            if row and "verdict" in row:
                print("  refused:", row["verdict"])
        for kind in ("wrong", "missed", "added"):
            hit, false, lost = sum(row["counts"][kind] for row in used)
            f = 2 * hit / max(2 * hit + false + lost, 1)
            print(f"  {kind:<7} F {f:.3f}  ({hit + lost} in truth, {false} false, {lost} not found)")
        for name in ("onset_ms", "cents"):
            errors = np.abs(np.concatenate([row[name] for row in used]))
            middle, most = np.quantile(errors, [0.5, 0.9])
            print(f"  {name:<9} median |error| {middle:.1f}, nine tenths below {most:.1f}", flush=True)


def described(item: Performance) -> dict[str, float]:
    analysis = load_analysis(item, Config())
    if analysis.verdicts:
        raise DatasetError(analysis.verdicts[0])
    return describe(analysis, "E1+E2+E3+E5")


def table(folder: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[str]]:
    """Return descriptors and ratings by name, and the melodies."""
    items = PerformanceTable.read(folder).items
    found = [row for row in map_all(described, items, n_jobs=1, backend="loky") if row.result is not None]
    print(f"{folder}: {len(items)} performances, {len(items) - len(found)} refused", flush=True)
    X = {name: np.array([row.result[name] for row in found]) for name in found[0].result}
    y = {name: np.array([row.item.ratings[name] for row in found]) for name in CATEGORIES}
    return X, y, [row.item.group for row in found]


def ratings(train: str, test: str) -> None:
    """Train on one folder and test on the other; cross-validation on the first, melodies kept apart."""
    (X, y, groups), (X_test, y_test, _) = table(train), table(test)
    print(f"{'':<6}" + "".join(f"{name:>22}" for name in (*CATEGORIES, "mean")))
    for which in SETS_COMPARED:
        names = [name for part in which.split("+") for name in names_of(part)]
        matrix = np.column_stack([X[name] for name in names])
        new = np.column_stack([X_test[name] for name in names])
        rows = []
        for category in CATEGORIES:
            inner = protocol.held_out(matrix, y[category], groups=groups, config=MACHINE).before["r"]
            estimate = fit(matrix, y[category], MACHINE).predict(new)
            rows.append((agreement(y_test[category], estimate)["r"], inner))
        rows.append(tuple(np.mean(rows, axis=0)))
        cells = (f"{new:.3f} (cv {inner:.3f})" for new, inner in rows)
        print(f"{which:<6}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def rated(item: Performance) -> dict[str, float]:
    result = assessment.predict(assessment.load(), audio.read(item.recording), score=item.read_score())
    shares = {name: rating.share for name, rating in result.ratings.items()}
    return {name: np.nan if share is None else share for name, share in shares.items()}


def sweep(folder: str, figure: str) -> None:
    """Mean rating over players against the amount of one fault."""
    items = PerformanceTable.read(folder).items
    curves = defaultdict(lambda: defaultdict(list))
    for row in map_all(rated, items, n_jobs=1, backend="loky"):
        _, fault, amount = Path(row.item.recording).stem.split("-")
        for category, share in (row.result or {}).items():
            curves[fault, category][int(amount)].append(share)
    print(f"{'fault':<11}" + "".join(f"{name:>22}" for name in CATEGORIES))
    for fault, own in FAULTS.items():
        cells = []
        for category in CATEGORIES:
            means = [np.nanmean(curves[fault, category][amount]) for amount in (0, 50, 100)]
            cells.append(f"{' '.join(f'{mean:.2f}' for mean in means)}{'*' if own == category else ' '}")
        print(f"{fault:<11}" + "".join(f"{cell:>22}" for cell in cells))
    draw(curves, figure)


def draw(curves: dict, figure: str) -> None:
    from matplotlib.figure import Figure

    page = Figure(figsize=(11, 7), layout="constrained")
    axes = page.subplots(3, 5, sharex=True, sharey=True).ravel()
    for axis, (fault, own) in zip(axes, FAULTS.items(), strict=False):
        for k, category in enumerate(CATEGORIES):
            amounts = sorted(curves[fault, category])
            means = [np.nanmean(curves[fault, category][a]) for a in amounts]
            width = 2.5 if category == own else 1.0
            axis.plot(np.array(amounts) / 100, means, color=f"C{k}", linewidth=width, label=category)
        axis.set_title(f"{fault} ({own})", fontsize=10)
        axis.set_ylim(0, 1.03)
    for axis in axes[len(FAULTS) :]:
        axis.axis("off")
    axes[len(FAULTS)].legend(*axes[0].get_legend_handles_labels(), loc="center")
    page.supxlabel("amount of the fault")
    page.supylabel("share of the points")
    page.savefig(figure, dpi=110)


def main() -> None:
    what, *given = sys.argv[1:]
    work = {"notes": lambda: notes(given), "ratings": lambda: ratings(*given), "sweep": lambda: sweep(*given)}
    work[what]()


if __name__ == "__main__":
    main()

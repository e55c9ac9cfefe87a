"""Sung melodies of the MAST collection against the piano that was to be imitated: contours only.

Of each melody the score is the notes of the most typical piano contour. A singer's contour becomes notes,
these are aligned in the best of seven keys, and the price of the alignment is the grade: nothing is
trained. Then a linear nu-SVR on mirkit's own measurements, whose folds keep melodies apart. Needs the
development data beside the checkout:
python benchmarks/assessment_melodies.py [../shared/data]
"""

from __future__ import annotations

import csv
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from mirkit.assessment import measurements, protocol
from mirkit.assessment.alignment import Alignment, align
from mirkit.assessment.feedback import account
from mirkit.assessment.pitch import Contour, tuning_cents
from mirkit.assessment.score import Score
from mirkit.assessment.segmentation import segment
from mirkit.dsp import FrameGrid

HOP_S = 256 / 44100
N_REFERENCES = 15
KEYS_ST = range(-3, 4)
SHORTEST_S = 0.08
"""Shorter notes in a piano's contour are faults of its tracker."""
USED = (
    "correct_share", "wrong_share", "missed_share", "added_share", "rhythm_error", "restart_rate",
    "tempo_wobble", "tempo_drift", "articulation_spread", "intonation_cents", "onset_error_ms",
)  # fmt: skip


def read(archive: zipfile.ZipFile, name: str) -> Contour:
    """Return a contour at mirkit's hop."""
    rows = [line.split() for line in archive.read(name).decode().splitlines() if line.strip()]
    times_s, f0_hz = np.array(rows, float).T
    n_frames = max(2, int(times_s[-1] / HOP_S))
    nearest = np.round(np.arange(n_frames) * HOP_S / (times_s[1] - times_s[0])).astype(int)
    return Contour.from_f0(FrameGrid(0.0, HOP_S, n_frames), f0_hz[np.clip(nearest, 0, len(f0_hz) - 1)])


def score_of(heard: np.ndarray) -> Score:
    """Return notes as a score at 120 quarters a minute, each held up to the next."""
    onset_s = heard["onset_s"] - heard["onset_s"][0]
    length_s = np.append(np.diff(onset_s), heard["duration_s"][-1])
    pitch = np.round(heard["pitch_midi"] - tuning_cents(heard["pitch_midi"]) / 100)
    return Score.from_rows(np.column_stack([2 * onset_s, 2 * length_s, pitch]), tempo_bpm=120.0)


def typical(references: list[np.ndarray]) -> Score:
    """Return the reference to which the others are nearest."""
    scores = [score_of(notes) for notes in references]
    costs = [[align(notes, score).cost for notes in references] for score in scores]
    return scores[int(np.argmin(np.median(costs, axis=1)))]


def best_key(heard: np.ndarray, score: Score, tuning_st: float) -> tuple[Alignment, Score, float]:
    """Return the cheapest alignment, its key and its tuning: singers choose both."""
    found = []
    for shift in KEYS_ST:
        moved = score.shifted(shift)
        found += [
            (align(heard, moved, tuning_st=tuning), moved, float(tuning))
            for tuning in (tuning_st, tuning_st - np.sign(tuning_st))
        ]
    return min(found, key=lambda option: option[0].cost)


def measure(contour: Contour, score: Score) -> dict[str, float]:
    """Return the price of the alignment and mirkit's measurements."""
    heard = segment(contour)
    if not len(heard):
        return {"cost": 1.0}
    alignment, moved, tuning_st = best_key(heard, score, tuning_cents(contour.midi()) / 100)
    silent = np.zeros(contour.grid.n_frames, np.float32)  # no sound, so no flux
    found = account(heard, moved, alignment, contour, silent, tuning_st=tuning_st)
    return measurements.measure(contour, heard, tuning_st, alignment, found) | {"cost": alignment.cost}


def report(
    name: str, estimate: np.ndarray, passed: np.ndarray, grades: np.ndarray, melodies: np.ndarray
) -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score

    graded = np.isfinite(grades)
    apart = [
        roc_auc_score(passed[melodies == m], estimate[melodies == m])
        for m in np.unique(melodies)
        if 0 < passed[melodies == m].mean() < 1
    ]
    within = [
        spearmanr(grades[graded & (melodies == m)], estimate[graded & (melodies == m)]).statistic
        for m in np.unique(melodies)
        if np.ptp(grades[graded & (melodies == m)]) > 0
    ]
    rho = spearmanr(grades[graded], estimate[graded]).statistic
    print(
        f"{name:<34} pass against fail AUC {roc_auc_score(passed, estimate):.3f}, mean within melodies "
        f"{np.mean(apart):.3f}; Spearman with grades {rho:.3f}, mean within melodies {np.mean(within):.3f}"
    )


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data") / "assessment" / "mast_melody"
    with (root / "annotations.csv").open(newline="") as file:
        grades = {
            row["file"].removesuffix(".wav"): float(row["majority_score"])
            for row in csv.DictReader(file)
            if row["majority_score"]
        }
    archive = zipfile.ZipFile(root / "f0.zip")
    melodies: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"ref": [], "per": []})
    for name in archive.namelist():
        group, melody, rest = name.split("_", 2)
        melodies[f"{group}_{melody}"][rest[:3]].append(name)
    rows, passed, given, groups = [], [], [], []
    for melody, names in sorted(melodies.items()):
        notes = [segment(read(archive, name)) for name in names["ref"][:N_REFERENCES]]
        notes = [n[n["duration_s"] > SHORTEST_S] for n in notes]
        score = typical([n for n in notes if len(n) > 2])
        for name in names["per"]:
            rows.append(measure(read(archive, name), score))
            passed.append("pass" in name)
            given.append(grades.get("_".join(name.split(".")[0].split("_")[:3]), np.nan))
            groups.append(melody)
    told, truth, kept_apart = np.array(given), np.array(passed), np.array(groups)
    n_graded = np.isfinite(told).sum()
    print(f"{len(rows)} performances of {len(melodies)} melodies, {truth.sum()} passed, {n_graded} graded")
    cost = np.array([row["cost"] for row in rows])
    report("price of the alignment, untrained", -cost, truth, told, kept_apart)
    X = np.array([[row.get(name, np.nan) for name in ("cost", *USED)] for row in rows])
    learned = protocol.held_out(X, truth.astype(float), n_folds=10, groups=groups).estimates
    report("nu-SVR, melodies kept apart", learned, truth, told, kept_apart)


if __name__ == "__main__":
    main()

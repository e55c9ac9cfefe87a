r"""
Assessment, measure it
======================

Six simulated students play one melody; what each did is known note by note, and a simulated jury gave points. Two
questions: are the errors found, and do the ratings follow the jury's?
"""

# %%
# Every student
# -------------

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mirkit import assessment, examples, read
from mirkit.assessment.metrics import agreement, note_scores
from mirkit.assessment.plots import plot_ratings

model, table = assessment.load(), examples.performances()
results = {
    item.group: assessment.predict(model, read(item.recording), score=item.read_score())
    for item in table.items
}
for name, result in results.items():
    points = {category: rating.points for category, rating in result.ratings.items()}
    print(f"{name:6} {points} {'; '.join(result.verdicts)}")

# %%
# Are the errors found?
# ---------------------
# For wrong and for missed notes: precision is the share of those called so that are, recall the share of
# those that are
# that were called so.


def truth(recording: str) -> dict[str, set[int]]:
    """Return the score's notes that were played wrong, and those that were missed."""
    rows = list(csv.DictReader(Path(recording).with_suffix(".truth.csv").open(encoding="utf-8")))
    return {
        status: {int(row["note"]) for row in rows if row["status"] == status}
        for status in ("wrong", "missed")
    }


def called(result: assessment.Assessment) -> dict[str, set[int]]:
    """Return the same as the assessment has it."""
    return {
        status: {int(n["note"]) for n in result.notes if n["status"] == status}
        for status in ("wrong", "missed")
    }


for item in table.items:
    found = note_scores(truth(item.recording), called(results[item.group]))
    print(item.group, {name: round(value, 2) for name, value in found.items() if np.isfinite(value)})

# %%
# Do the ratings follow the jury?
# -------------------------------
# Pearson's correlation and the coefficient of determination,
#
# .. math:: r = \frac{\sum (a - \bar a)(b - \bar b)}{\sqrt{\sum (a - \bar a)^2 \sum (b - \bar b)^2}}, \qquad
#           R^2 = 1 - \frac{\sum (a - b)^2}{\sum (a - \bar a)^2},
#
# ask different things: r forgives a jury that is stricter throughout, :math:`R^2` does not.

categories = list(model.labels)
rated = {name: np.array([item.ratings[name] for item in table.items]) for name in categories}
given = {
    name: np.array([
        np.nan if result.ratings[name].points is None else result.ratings[name].points / result.ratings[name].most
        for result in results.values()
    ])
    for name in categories
}  # fmt: skip
for name in categories:
    found = agreement(rated[name], given[name])
    print(f"{name:12} r {found['r']:+.2f}, R2 {found['r2']:+.2f}, off by {found['s']:.2f} of the points")
plot_ratings(rated, given)

# %%
# Six players are far too few for a correlation to mean anything; the page of the task has hundreds.
#
# Exercises
# ---------
# 1. *How much does chance give?* Shuffle the jury's ratings a thousand times and see how often its
#    size reaches .8 with six players.
# 2. *One descriptor.* Which single measurement correlates best with the points for notes?
#
# Solution 1
# ~~~~~~~~~~

rng = np.random.default_rng(0)
drawn = [abs(np.corrcoef(rng.permutation(rated["notes"]), given["notes"])[0, 1]) for _ in range(1000)]
print(f"correlation of .8 or more by chance, either sign: {100 * np.mean(np.array(drawn) >= 0.8):.1f} %")

# %%
# Solution 2
# ~~~~~~~~~~

names = list(next(iter(results.values())).descriptors)
values = np.array([[result.descriptors.get(name, np.nan) for name in names] for result in results.values()])
with np.errstate(invalid="ignore"):
    r = np.array([np.corrcoef(rated["notes"], column)[0, 1] for column in values.T])
order = np.argsort(-np.abs(np.nan_to_num(r)))[:5]
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.barh([names[k] for k in order[::-1]], r[order[::-1]])
ax.set(xlim=(-1, 1), xlabel="r with the jury's points for notes")

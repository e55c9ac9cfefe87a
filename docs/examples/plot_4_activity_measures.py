r"""
Activity, measure it
====================

Truth is a matrix of labels and seconds, and so is the estimate. What is a good number? This script measures the bundled
model on the bundled song, second by second and on longer scales, and shows what each measure sees.
"""

# %%
# Truth and estimate on one grid
# ------------------------------

import matplotlib.pyplot as plt
import numpy as np

from mirkit import activity, examples
from mirkit.annotation import Taxonomy

song, model = examples.multitrack(), activity.load()
estimate = activity.predict(model, song.mix())
truth = song.activity(Taxonomy.load(model.config.taxonomy)).align(estimate.grid)
print("labels x seconds:", truth.values.shape, estimate.values.shape)

# %%
# A threshold trades misses for false alarms
# ------------------------------------------
# With true positives TP, false positives FP and misses FN,
#
# .. math:: P = \frac{TP}{TP + FP}, \qquad R = \frac{TP}{TP + FN}, \qquad F = \frac{2 P R}{P + R}

known = ~np.isnan(truth.values)
positive = (truth.values >= 0.5) & known
thresholds = np.linspace(0.02, 0.98, 49)
curves = []
for threshold in thresholds:
    found = (estimate.values >= threshold) & known
    tp, fp, fn = (found & positive).sum(), (found & ~positive & known).sum(), (~found & positive).sum()
    curves.append((tp / max(1, tp + fp), tp / max(1, tp + fn), 2 * tp / max(1, 2 * tp + fp + fn)))

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for values, name in zip(np.array(curves).T, ("precision", "recall", "F"), strict=True):
    ax.plot(thresholds, values, label=name)
ax.set(xlabel="one threshold for all classes", ylabel="all labels and seconds together", ylim=(0, 1))
ax.legend()

# %%
# Measures without a threshold
# ----------------------------
# The area under the ROC curve is the probability that a second with the instrument gets a larger value
# than one
# without; it needs both. Label ranking average precision asks, for each second, whether the instruments
# that play are
# ranked above those that do not.

scores = activity.evaluate([truth], [estimate], thresholds=model.thresholds)
for name in ("auc_macro", "ap_macro", "lrap", "f1_macro", "f1_micro", "exact_match"):
    print(f"{name:12} {scores.summary[name]:.3f}")

# %%
# Twelve seconds of one song are no evaluation: the figures of the bundled model on whole sets of songs,
# and the
# commands behind them, are on the page of the task.
#
# Exercises
# ---------
# 1. *A trivial baseline.* What does LRAP give if every second gets the same ranking, that of how often
#    each instrument
#    plays in this song? (It knows the truth, and still says something about the measure.)
# 2. *Longer windows.* Pool truth and estimate over four seconds by their maximum. Why does recall rise?
#
# Solution 1
# ~~~~~~~~~~

from mirkit import ActivityAnnotation

share = np.nanmean(truth.values, axis=1, keepdims=True).astype(np.float32)
constant = ActivityAnnotation(truth.grid, truth.labels, np.repeat(share, truth.grid.n_frames, axis=1))
print("LRAP of the constant ranking:", round(activity.evaluate([truth], [constant]).summary["lrap"], 3))
print("LRAP of the model:           ", round(scores.summary["lrap"], 3))

# %%
# In a song in which nearly everybody plays most of the time, a ranking that never changes is hard to
# beat: look at
# the baseline before you look at the model.
#
# Solution 2
# ~~~~~~~~~~

for seconds in (1.0, 2.0, 4.0):
    pooled = activity.evaluate([truth], [estimate], window_s=seconds, thresholds=model.thresholds)
    print(f"{seconds:.0f} s: F1 {pooled.summary['f1_micro']:.3f}, LRAP {pooled.summary['lrap']:.3f}")

# %%
# One second above the threshold is enough for the whole window: fewer misses, and false alarms last longer.

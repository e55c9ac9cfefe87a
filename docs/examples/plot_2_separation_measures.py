r"""
Separation, measure it
======================

How good is a separated stem? The error can be too much of other stems, filtering, or noise that nobody played. BSS Eval
takes it apart; simple ratios ask for less and tell less.
"""

# %%
# One number for a song
# ---------------------
#
# .. math:: \mathrm{SDR} = 10 \log_{10} \frac{\|s\|^2}{\|s - \hat s\|^2}
#
# Without a reference point it says little: the mixture itself, taken as an estimate, is the least that a
# system must beat.

import matplotlib.pyplot as plt
import numpy as np

from mirkit import examples, separation
from mirkit.annotation import Taxonomy
from mirkit.separation.bss import bss_eval_target
from mirkit.separation.metrics import sdr, si_sdr

song = examples.multitrack()
true, mix = song.grouped(Taxonomy.load("stems6")), song.mix()
result = separation.predict(separation.load(), mix)
rows = {
    name: (
        sdr(stem.samples, mix.samples),
        sdr(stem.samples, result.stems[name].samples),
        si_sdr(stem.samples, result.stems[name].samples),
    )
    for name, stem in true.items()
}
print(f"{'':16}{'mixture':>9}{'SDR':>9}{'SI-SDR':>9}")
for name, values in rows.items():
    print(f"{name:16}" + "".join(f"{value:8.1f} " for value in values))

# %%
# BSS Eval: what kind of error
# ----------------------------
# The estimate is projected on filtered versions of the target (512 taps), then on those of the other
# sources as well:
# distortion of the target itself (ISR), interference by others (SIR), artifacts (SAR), each second by itself.

drums = true["drums"]
scores = bss_eval_target(drums.samples, mix.samples - drums.samples, result.stems["drums"].samples)
fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
for name, values in scores.items():
    ax.plot(np.arange(len(values)) + 0.5, values, "o-", label=name.upper())
ax.set(xlabel="second", ylabel="dB", title="drums, a value for each second; none while they are silent")
ax.legend(ncols=4)

# %%
# Silence has no ratio
# --------------------
# Where a target is silent, no ratio to it exists, and everything in its stem is leakage. For the first
# four seconds only
# the voice sings:

for name, stem in result.stems.items():
    if name in true and name != "vocals":
        quiet = stem.excerpt(0.0, 4.0).samples
        leak_db = 10 * np.log10(np.mean(quiet**2) / np.mean(mix.excerpt(0.0, 4.0).samples ** 2) + 1e-12)
        print(f"{name:16} leaks {leak_db:6.1f} dB")

# %%
# Exercises
# ---------
# 1. *Gain.* Halve the estimate of the vocals. Which measures change?
# 2. *Median or mean?* Compare both over the seconds of the drums' SDR. Which would you put into a table?
#
# Solution 1
# ~~~~~~~~~~

vocals = result.stems["vocals"].samples
for factor in (1.0, 0.5):
    print(
        f"x {factor}: SDR {sdr(true['vocals'].samples, factor * vocals):.1f} dB, "
        f"SI-SDR {si_sdr(true['vocals'].samples, factor * vocals):.1f} dB"
    )

# %%
# SI-SDR finds the best gain first: it cannot tell that a stem is too soft.
#
# Solution 2
# ~~~~~~~~~~

print("median", np.nanmedian(scores["sdr"]).round(2), "mean", np.nanmean(scores["sdr"]).round(2))

# %%
# The field reports the median over seconds, then over songs: a few seconds in which a stem is nearly
# silent would rule
# the mean.

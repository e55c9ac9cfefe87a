r"""
Sampling, see the idea
======================

A producer takes two bars of a record, moves them up, and plays drums over them. Where are they? The published way
(S. Gururani and A. Lerch, ISMIR 2017) learns templates :math:`W` from the sample, looks for their activations
:math:`H` in the song beside free templates that explain the rest, and follows paths through the distances :math:`D`
between both. This script makes each of these matrices.
"""

# %%
# Sample and song
# ---------------

import matplotlib.pyplot as plt
import numpy as np

from mirkit import examples, sampling
from mirkit.dsp import stft
from mirkit.report import player
from mirkit.sampling.dtw import subsequence_dtw, trace
from mirkit.sampling.nmf import partially_fixed_nmf, sample_templates, transposed
from mirkit.sampling.published import correlation_distance

pair = examples.pairs().items[0]
sample, song = pair.sample_audio(), pair.song_audio()
print(pair.song, pair.truth.rows()[0])
player(sample, title="The sample")

# %%
player(song.excerpt(0.0, 14.0), title="The song: drums alone, then the sample three semitones up")

# %%
# V = W H: templates of the sample
# --------------------------------
# :math:`V` is a magnitude spectrogram. Non-negative matrix factorisation writes it as templates (columns
# of :math:`W`)
# times activations in time (rows of :math:`H`).

HOP, RATE, N_FFT = 2048, 22050, 4096


def magnitudes(sound):
    """Return a magnitude spectrogram, shape (n_bins, n_frames)."""
    return np.abs(stft(sound.mono().resample(RATE).samples[0], n_fft=N_FFT, hop_length=HOP))


V_sample, V = magnitudes(sample), magnitudes(song)
W, H_sample = sample_templates(V_sample, 10)

fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, values, title in zip(
    axes,
    (V_sample[:400], W[:400], H_sample),
    ("V, the sample", "W, templates", "H, activations"),
    strict=True,
):
    ax.imshow(np.log1p(20 * values / values.max()), origin="lower", aspect="auto", cmap="magma")
    ax.set(title=title)
axes[0].set(ylabel="bin")

# %%
# Partially fixed NMF: what of the song do they explain?
# ------------------------------------------------------
# The templates are moved up by a hypothesis of the transposition and held fixed; twenty more adapt and
# take up the drums
# and all that is not the sample: :math:`V \approx W H + W' H'`. Then each frame of the sample's
# activations is
# compared with each frame of the song's, :math:`D = 1 - \mathrm{correlation}`, and the cheapest path from
# the first row
# to the last that ends in each column is found (subsequence DTW).


N_ITERATIONS = 20  # the preset asks for up to 300; the idea shows with fewer


def distances(shift_st: float) -> np.ndarray:
    """Return D for a transposition."""
    H, _, _ = partially_fixed_nmf(
        V,
        transposed(W, shift_st),
        n_free=20,
        n_iterations=N_ITERATIONS,
        tolerance=1e-3,
        rng=np.random.default_rng(0),
    )
    return correlation_distance(H_sample, H)


fig, axes = plt.subplots(2, 2, figsize=(12, 5), layout="constrained", sharex=True)
for column, shift_st in enumerate((0.0, 3.0)):
    D = distances(shift_st)
    ends = subsequence_dtw(D, with_steps=True)
    cost = ends.cost / ends.length
    path = trace(ends, int(cost.argmin()))
    axes[0, column].imshow(D, origin="lower", aspect="auto", cmap="gray")
    axes[0, column].plot(path[:, 1], path[:, 0], color="#e0552b", linewidth=2)
    axes[0, column].set(title=f"D at {shift_st:+.0f} st, cheapest path", ylabel="frame of the sample")
    axes[1, column].plot(cost)
    axes[1, column].set(xlabel="frame of the song", ylabel="cost of a cell", ylim=(0, 1))
    print(
        f"{shift_st:+.0f} st: least cost of a cell {cost.min():.3f}, from {path[0, 1] * HOP / RATE:.2f} s on"
    )

# %%
# At three semitones the path is straight and cheap, and its beginning is one of the true ones:

print("true beginnings:", pair.truth.intervals.times_s[:, 0].round(2))

# %%
# The quicker way
# ---------------
# The bundled model does without NMF: a sample keeps its speed, so only straight lines need to be summed,
# for every
# transposition, tempo and start. A forest judges the best of them.

result = sampling.predict(sampling.load(), sample, song)
sampling.plot(result, title="the bundled model")

# %%
# Exercises
# ---------
# 1. *Which transposition?* Compute the least cost for every semitone from -5 to 5 and plot it.
# 2. *The decoy.* What is the least cost in the song that has the sample's key and tempo, but not the sample?
#
# Solution 1
# ~~~~~~~~~~

shifts = np.arange(-5, 6)
costs = []
for shift_st in shifts:
    ends = subsequence_dtw(distances(float(shift_st)))
    costs.append(float((ends.cost / ends.length).min()))
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.bar(shifts, costs)
ax.set(xlabel="semitones", ylabel="least cost of a cell")
print("cheapest:", shifts[int(np.argmin(costs))], "semitones")

# %%
# Solution 2
# ~~~~~~~~~~

V = magnitudes(examples.pairs().items[2].song_audio())
ends = subsequence_dtw(distances(0.0))
print("decoy, untransposed:", round(float((ends.cost / ends.length).min()), 3))

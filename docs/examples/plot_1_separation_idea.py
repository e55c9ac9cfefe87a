r"""
Separation, see the idea
========================

A mixture is a sum of stems. Its spectrogram is full of cells in which one stem is far louder than the rest: keep the cells
of one stem, and transform back. This script makes the mask that a perfect listener would choose, and the one that the
bundled network chooses.
"""

# %%
# Stems and their sum
# -------------------

import matplotlib.pyplot as plt
import numpy as np

from mirkit import examples, separation
from mirkit.annotation import Taxonomy
from mirkit.dsp import stft
from mirkit.report import player

true = examples.multitrack().grouped(Taxonomy.load("stems6"))
mix = examples.multitrack().mix()
player(true, title="The true stems")

# %%
# Spectrograms
# ------------
# :math:`X` is the short-time spectrum of the mixture, :math:`S_j` that of stem :math:`j`; :math:`X =
# \sum_j S_j`, but the
# magnitudes :math:`V = |X|` only nearly add up, since phases differ.


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Return the spectrum of the mean of the channels, shape (n_bins, n_frames)."""
    return stft(samples.mean(axis=0), n_fft=4096, hop_length=1024)


X, S = spectrum(mix.samples), spectrum(true["vocals"].samples)
V = np.abs(X)
print(
    "how far the magnitudes are from adding up:",
    round(
        float(np.abs(V - sum(np.abs(spectrum(stem.samples)) for stem in true.values())).sum() / V.sum()), 3
    ),
)

# %%
# Masks
# -----
# The ideal binary mask keeps the cells in which the target is louder than everything else, the ideal
# ratio mask takes the
# target's share of the energy:
#
# .. math:: M = \frac{|S|^2}{|S|^2 + |X - S|^2}
#
# The network has to guess it from :math:`V` alone.

M_binary = (np.abs(S) > np.abs(X - S)).astype(float)
M_ratio = np.abs(S) ** 2 / (np.abs(S) ** 2 + np.abs(X - S) ** 2 + 1e-12)
result = separation.predict(separation.load(), mix)
M_network = np.minimum(1, np.abs(spectrum(result.stems["vocals"].samples)) / (V + 1e-9))

fig, axes = plt.subplots(4, 1, figsize=(10, 9), sharex=True, layout="constrained")
top = 500  # bins, up to 5.4 kHz
for ax, values, title in zip(
    axes,
    (20 * np.log10(V + 1e-3), M_binary, M_ratio, M_network),
    ("V, dB", "ideal binary mask of the vocals", "ideal ratio mask", "the network's"),
    strict=True,
):
    ax.imshow(
        values[:top],
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, mix.duration_s, 0, top * mix.sample_rate / 4096 / 1000),
    )
    ax.set(title=title, ylabel="kHz")
axes[-1].set(xlabel="s")

# %%
# Listen
# ------
# What the network took apart. The stems and the rest sum to the mixture, sample by sample.

sum_of_stems = np.sum([stem.samples for stem in result.stems.values()], axis=0)
print("largest deviation from the mixture:", float(np.abs(sum_of_stems - mix.samples).max()))
player(dict(result.stems), title="What the network found")

# %%
# Exercises
# ---------
# 1. *The limit of masks.* Apply the ideal binary and ratio masks to :math:`X` and compute the SDR in the
#    domain of the
#    spectrum. Why is it finite although the masks knew everything?
# 2. *What if the phase were known?* Use :math:`\mathrm{Re}(S / X)` as a mask that may exceed one.
#
# Solution 1
# ~~~~~~~~~~


def sdr_db(estimate: np.ndarray) -> float:
    """Return the energy of the true spectrum over that of the error, dB."""
    return round(float(10 * np.log10((np.abs(S) ** 2).sum() / (np.abs(S - estimate) ** 2).sum())), 1)


for name, M in (("binary", M_binary), ("ratio", M_ratio), ("network", M_network), ("none at all", 1.0)):
    print(f"{name:12} {sdr_db(M * X):6.1f} dB")

# %%
# A real mask keeps the mixture's phase, and in cells that stems share no single number is right for both.
#
# Solution 2
# ~~~~~~~~~~

print(f"phase-sensitive {sdr_db(np.real(S / (X + 1e-9)) * X):.1f} dB")

# %%
# It is the best real mask, and the target of the bundled network's training.

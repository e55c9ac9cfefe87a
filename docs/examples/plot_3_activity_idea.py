r"""
Activity, see the idea
======================

Which instruments play in a second? A network looks at a log-mel patch of that second and gives a probability for each
class. This script follows a song through every stage: waveform, log-mel spectrogram, standardised patches, logits,
probabilities, decisions.
"""

# %%
# The song
# --------
# The bundled multitrack has a voice alone, then a band. Its stems tell the truth: a stem is active where
# its level is
# within 50 dB of the mix's peak.

import matplotlib.pyplot as plt
import numpy as np

from mirkit import activity, examples
from mirkit.annotation import Taxonomy
from mirkit.dsp import log_mel
from mirkit.report import player

song = examples.multitrack()
mix = song.mix()
player(mix, title="The mix")

# %%
# From sound to patches
# ---------------------
# The logarithm makes soft and loud comparable, mel bands are fine where pitch is, coarse above. Each
# second then loses
# its own mean and deviation, so that neither level nor the colour of the whole recording matters.

model = activity.load()
mono = mix.mono().resample(22050)
V = log_mel(mono.samples[0], mono.sample_rate, n_fft=2048, hop_length=512, n_mels=96)  # (n_mels, n_frames)
n_frames = 22050 // 512  # a second
patches = [V[:, k : k + n_frames] for k in range(0, V.shape[1] - n_frames, n_frames)]
standardised = [(patch - patch.mean()) / patch.std() for patch in patches]

fig, axes = plt.subplots(2, 1, figsize=(10, 5), sharex=True, layout="constrained")
axes[0].imshow(V, origin="lower", aspect="auto", cmap="magma")
axes[0].set(title="log-mel spectrogram V", ylabel="mel band")
axes[1].imshow(np.hstack(standardised), origin="lower", aspect="auto", cmap="magma")
for k in range(1, len(patches)):
    axes[1].axvline(k * n_frames - 0.5, color="white", linewidth=0.6)
axes[1].set(title="each second standardised by itself", ylabel="mel band", xlabel="frame")

# %%
# Probabilities and decisions
# ---------------------------
# The network's logits :math:`z_c` become probabilities by :math:`p_c = 1 / (1 + e^{-z_c})`, for each
# class on its own:
# several instruments may play at once, so they do not sum to one. Each class has its own threshold, tuned
# on songs
# that took no part in the training.

result = activity.predict(model, mix)
truth = song.activity(Taxonomy.load(model.config.taxonomy)).pool(1.0, "max")
top = np.argsort(-result.values.mean(axis=1))[:8]

fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for ax, values, title in ((axes[0], result.values, "probability"), (axes[1], truth.values, "truth")):
    ax.imshow(values[top], aspect="auto", vmin=0, vmax=1, cmap="Purples")
    ax.set(title=title, xlabel="second", yticks=range(len(top)), yticklabels=[result.labels[k] for k in top])

# %%
# The same as the command line draws it: ribbons over the waveform, the red line is the decision.

activity.plot(result)

# %%
# Exercises
# ---------
# 1. *Do levels matter?* Make the song 20 dB softer and compare the probabilities.
# 2. *What does the voice sound like?* Predict the first four seconds, where it is alone, and name the
#    three most
#    probable classes.
#
# Solution 1
# ~~~~~~~~~~
# Standardising takes the level away, up to the floor of the logarithm.

from mirkit import Audio

soft = activity.predict(model, Audio(0.1 * mix.samples, mix.sample_rate))
print("largest change of a probability:", np.abs(soft.values - result.values).max().round(4))

# %%
# Solution 2
# ~~~~~~~~~~

alone = activity.predict(model, mix.excerpt(0.0, 4.0)).values.mean(axis=1)
for k in np.argsort(-alone)[:3]:
    print(f"{result.labels[k]:20} {alone[k]:.2f}")

r"""
Assessment, see the idea
========================

A student plays a melody. Which notes were right, which late, which missing? This script goes from the sound to the pitch
contour, from the contour to notes, and from notes to the score.
"""

# %%
# The performance
# ---------------

import matplotlib.pyplot as plt
import numpy as np

from mirkit import assessment, examples, read
from mirkit.assessment.dtw import folded, warp
from mirkit.report import player

item = examples.performances().items[5]
sound, score = read(item.recording), item.read_score()
player(sound, title=f"{item.group} plays the theme of Beethoven's ninth symphony")

# %%
# The contour
# -----------
# In each frame a sound repeats itself after its period. McLeod's normalised square difference
#
# .. math:: n'(\tau) = \frac{2 \sum_t x_t x_{t+\tau}}{\sum_t (x_t^2 + x_{t+\tau}^2)}
#
# is 1 for a perfect repetition; the period is chosen among its peaks, over all frames together, by a
# Viterbi path.

analysis = assessment.analyse(sound, score)
contour = analysis.contour
times_s = contour.grid.times_s()
midi = np.where(contour.voiced, contour.midi(), np.nan)

fig, axes = plt.subplots(3, 1, figsize=(11, 7), sharex=True, layout="constrained")
for ax, values, name in zip(
    axes, (midi, contour.clarity, contour.level_db), ("pitch (MIDI)", "clarity", "level, dB"), strict=True
):
    ax.plot(times_s, values, linewidth=0.9)
    ax.set(ylabel=name)
for note in analysis.heard:
    axes[0].axvspan(note["onset_s"], note["onset_s"] + note["duration_s"], color="#4a56d2", alpha=0.12)
axes[0].set(ylim=(56, 76), title="contour, and the notes heard in it")
axes[-1].set(xlabel="s")

# %%
# Score and contour: the matrix D and a path
# ------------------------------------------
# The published descriptors align the score's notes with the frames of the contour by dynamic time
# warping: :math:`D` holds
# the distance of each note's pitch from each frame's, octaves taken out, and the path is the cheapest one
# through it.

frames = contour.midi()[contour.voiced] - analysis.tuning_st
notes = score.notes["pitch_midi"]
D = folded(notes[:, np.newaxis] - frames[np.newaxis])
path = warp(notes, frames)

fig, ax = plt.subplots(figsize=(11, 4), layout="constrained")
ax.imshow(D, origin="lower", aspect="auto", cmap="magma_r")
for note, (first, last) in enumerate(zip(path.first, path.last, strict=True)):
    ax.plot([first, last], [note, note], color="#3fc4b8", linewidth=2)
ax.set(xlabel="voiced frame", ylabel="note of the score", title="D (dark is far) and the cheapest path")

# %%
# Such a path must give every note some frames, even one that was never played. mirkit's feedback
# therefore aligns notes
# with notes, where one may be missing, another added, and the player may go back:

for index, note in zip(analysis.alignment.notes[:12], analysis.heard, strict=False):
    written = "added" if index < 0 else f"note {index} of the score, {notes[index]:.0f}"
    print(f"{note['onset_s']:5.2f} s, heard {note['pitch_midi']:.2f}: {written}")

# %%
# The result
# ----------

result = assessment.predict(assessment.load(), sound, score=score)
assessment.plot(result, title=item.group)

# %%
for name, rating in result.ratings.items():
    print(f"{name:12}{rating.points:5.1f} of {rating.most:2.0f}  {rating.reason}")

# %%
# Exercises
# ---------
# 1. *Tuning.* Tune the recording down by a third of a semitone (resample it). Do the remarks change?
# 2. *The wrong score.* Transpose the score by one semitone. What does mirkit say, and why not "every note
#    is wrong"?
#
# Solution 1
# ~~~~~~~~~~

from mirkit import Audio

ratio = 2 ** (1 / 36)
lower = Audio(sound.samples, round(sound.sample_rate / ratio)).resample(sound.sample_rate)
again = assessment.predict(assessment.load(), lower, score=score)
print(
    f"tuning {result.tuning_cents:.0f} cents, then {again.tuning_cents:.0f} cents;",
    "notes right:",
    result.descriptors["correct_share"],
    again.descriptors["correct_share"],
)

# %%
# The player's own tuning is taken out first. (The tempo fell by 2 %, which nobody is told off for, either.)
#
# Solution 2
# ~~~~~~~~~~

wrong = assessment.predict(assessment.load(), sound, score=score.shifted(1))
print("; ".join(wrong.verdicts) or {name: rating.points for name, rating in wrong.ratings.items()})

"""Solo violin: onsets of aligned notes against those of the data, and what was heard of the notes.

The movements have repeats in the recordings and in the note lists alike. Reference onsets were made by a
machine on a 32 ms grid. bwv1002 mov6 has single notes; the other two have double stops, of which the upper
note counts. One list may be shifted as a whole against its recording (mov6: it begins at 1.12 s, where
the file is digital silence; the first note sounds at 2.10 s): the median difference is told, then taken
off. Needs the development data beside the checkout:
python benchmarks/assessment_violin.py [../shared/data]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit.assessment import Score, analyse

TICKS = 24
"""A quarter note."""


def truth(stem: Path) -> tuple[Score, np.ndarray]:
    """Return the score, and when its notes start in the recording."""
    written = np.loadtxt(f"{stem}_SCORE.csv", delimiter=",", skiprows=1)
    played = np.loadtxt(f"{stem}_ALIGN.csv", delimiter=",", skiprows=1)
    rows = np.column_stack([written[:, 0] / TICKS, (written[:, 1] - written[:, 0]) / TICKS, written[:, 2]])
    score = Score.from_rows(rows)
    # of notes that start together, the score keeps the highest
    start_s = {}
    for onset, at in zip(rows[:, 0], played[:, 0], strict=True):
        start_s.setdefault(round(float(onset), 4), float(at))
    return score, np.array([start_s[round(float(b), 4)] for b in score.notes["onset_beat"]])


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data") / "solo" / "bach_violin"
    for path in sorted(root.glob("*.mp3")):
        score, start_s = truth(path.with_suffix(""))
        sound = audio.read(path)
        began = time.perf_counter()
        found = analyse(sound, score)
        took_s = time.perf_counter() - began
        if found.account is None:
            print(f"{path.stem}: nothing was heard")
            continue
        played = found.account.played
        late_ms = 1000 * (played["onset_s"] + found.start_s - start_s)
        there = np.isfinite(late_ms)
        shift_ms = float(np.median(late_ms[there]))
        error_ms = np.abs(late_ms - shift_ms)
        low, middle, high = np.quantile(error_ms[there], [0.25, 0.5, 0.9])
        print(f"{path.stem}: {sound.duration_s:.0f} s, {len(played)} notes, ", end="")
        print(f"right {np.mean(played['status'] == 'correct'):.1%}, not found {1 - there.mean():.1%}")
        print(
            f"  onsets later by {shift_ms:+.0f} ms as a whole; beyond that off by {middle:.0f} ms, ", end=""
        )
        print(f"a quarter by less than {low:.0f}, nine tenths by less than {high:.0f}, ", end="")
        print(f"within 100 ms {np.mean(error_ms[there] < 100):.1%}")
        print(f"  {sound.duration_s / took_s:.0f} x real time; {'; '.join(found.verdicts) or 'no verdict'}")


if __name__ == "__main__":
    main()

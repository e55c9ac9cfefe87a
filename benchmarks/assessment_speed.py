"""From a file and its score to the written report, and the same chain with librosa's pYIN at the same hop.

A minute of a computed melody, its score as MusicXML. Both chains run once to warm up (imports, numba), then
are timed on the same files; the machine's threads are what the environment allows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from mirkit import assessment, audio
from mirkit.assessment import features, plots
from mirkit.assessment.config import PitchConfig
from mirkit.assessment.pitch import ANALYSIS_RATE, Contour
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid

RATE = 44100
SECONDS = 60
STEPS = "CDEFGAB"
WARM_UP_S = 4


def melody(n_notes: int) -> list[tuple[int, int]]:
    """Return letter and octave of the notes of a wandering line."""
    rng = np.random.default_rng(0)
    steps = np.clip(np.cumsum(rng.integers(-2, 3, n_notes)) + 32, 28, 42)
    return [(int(step) % 7, int(step) // 7) for step in steps]


def write(folder: Path, seconds: int) -> tuple[Path, Path]:
    """Write half-second notes and their score."""
    notes = melody(2 * seconds)
    y = np.zeros(seconds * RATE)
    time_s = np.arange(RATE // 2) / RATE
    shape = np.minimum(1.0, np.minimum(time_s, 0.48 - time_s).clip(0) / 0.02)
    for k, (letter, octave) in enumerate(notes):
        hz = 440.0 * 2.0 ** (((0, 2, 4, 5, 7, 9, 11)[letter] + 12 * (octave + 1) - 69) / 12)
        tone = sum(np.sin(2 * np.pi * m * hz * time_s) / m for m in range(1, 9))
        y[k * RATE // 2 : (k + 1) * RATE // 2] = 0.2 * shape * tone
    audio.write(folder / f"{seconds}.wav", Audio(y[np.newaxis].astype(np.float32), RATE))
    bars = ""
    for first in range(0, len(notes), 4):
        inside = "".join(
            f"<note><pitch><step>{STEPS[letter]}</step><octave>{octave}</octave></pitch>"
            "<duration>1</duration><type>quarter</type></note>"
            for letter, octave in notes[first : first + 4]
        )
        head = "<attributes><divisions>1</divisions></attributes>" if not first else ""
        bars += f'<measure number="{1 + first // 4}">{head}{inside}</measure>'
    text = (
        '<?xml version="1.0"?><score-partwise><part-list><score-part id="P1"><part-name>Solo</part-name>'
        f'</score-part></part-list><part id="P1">{bars}</part></score-partwise>'
    )
    (folder / f"{seconds}.musicxml").write_text(text)
    return folder / f"{seconds}.wav", folder / f"{seconds}.musicxml"


def pyin(sound: Audio, config: PitchConfig, *, fmin_hz: float, fmax_hz: float) -> Contour:
    """Return librosa's contour at the same hop, on the same grid."""
    import librosa

    y = sound.mono().resample(ANALYSIS_RATE).samples[0]
    hop_length = round(config.hop_length * ANALYSIS_RATE / config.sample_rate)
    f0_hz, _, _ = librosa.pyin(
        y, fmin=fmin_hz, fmax=min(fmax_hz, ANALYSIS_RATE / 4), sr=ANALYSIS_RATE, hop_length=hop_length
    )
    hop_s = config.hop_length / config.sample_rate
    n_frames = max(1, int(np.ceil(sound.duration_s / hop_s - 1e-9)))
    padded = np.pad(np.nan_to_num(f0_hz), (0, n_frames))[:n_frames]
    level = librosa.feature.rms(y=y, frame_length=1024, hop_length=hop_length)[0]
    plain = Contour.from_f0(FrameGrid(0.0, hop_s, n_frames), padded)
    level_db = 20 * np.log10(np.maximum(np.pad(level, (0, n_frames))[:n_frames], 1e-6))
    return Contour(plain.grid, plain.f0_hz, plain.clarity, level_db.astype(np.float32))


def chain(sound: Path, score: Path, out: Path, *, figure: bool) -> None:
    """From files to files."""
    result = assessment.predict(assessment.load(), audio.read(sound), score=assessment.read_score(score))
    result.write(out)
    if figure:
        plots.save(assessment.plot(result), out / "performance.png")
    right = (result.notes["status"] == "correct").mean()
    if right < 0.9:
        raise SystemExit(f"only {right:.0%} of the notes were right: the chain does not do its work")


def timed(work: Callable[[], None], n: int) -> float:
    taken = []
    for _ in range(n):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = write(folder, WARM_UP_S), write(folder, SECONDS)
        chain(*short, folder / "out", figure=True)
        own_s = timed(lambda: chain(*long, folder / "out", figure=False), 3)
        drawn_s = timed(lambda: chain(*long, folder / "out", figure=True), 2)
        with mock.patch.object(features, "track", pyin):
            chain(*short, folder / "out", figure=False)
            peer_s = timed(lambda: chain(*long, folder / "out", figure=False), 1)
    print(
        f"{SECONDS} s and a MusicXML score to JSON and CSV: {own_s:.2f} s, {SECONDS / own_s:.0f} x real time"
    )
    print(f"with the figure: {drawn_s:.2f} s, {SECONDS / drawn_s:.0f} x real time")
    print(f"with librosa's pYIN, no figure: {peer_s:.2f} s; mirkit is {peer_s / own_s:.0f} x faster")


if __name__ == "__main__":
    main()

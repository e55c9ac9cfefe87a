"""The rows of `peers`: how the input is made, what mirkit does with it, and what the peer does."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RATE = 44100
Work = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """A comparison. ``ours`` and ``peer`` load what they need and return the work to be timed."""

    unit: str
    amount: float
    peer_name: str
    prepare: Callable[[Path, int], None]
    ours: Callable[[Path], Work]
    peer: Callable[[Path], Work]
    remark: str = ""
    grows: bool = True

    def described(self, times: int) -> str:
        """Return the size of the input."""
        return f"{self.amount * times:g} {self.unit}" if self.amount else self.unit


def recording(folder: Path, seconds: float, channels: int = 2) -> None:
    """Write the bundled recordings, one after the other, until there is enough."""
    import numpy as np

    from mirkit import audio, examples

    sounds = [
        audio.read(examples.path(name), sample_rate=RATE).mono().samples[0] for name in examples.names()
    ]
    mono = np.resize(np.concatenate(sounds), round(seconds * RATE))
    samples = np.stack([np.roll(mono, 200 * k) for k in range(channels)])
    audio.write(folder / "song.flac", audio.Audio(samples, RATE))


# Separation: the same random weights in both, since what they have learnt costs nothing.


def separation_input(folder: Path, times: int) -> None:
    from separation import make_models

    recording(folder, 15 * times)
    make_models(folder)


def separate(folder: Path) -> Work:
    from mirkit import audio, separation

    model = separation.load(folder / "umx")

    def work() -> None:
        names = (*model.config.targets, model.config.residual)
        with audio.stem_writer(folder / "ours", names, RATE, 2) as writer:
            for piece in separation.stream(model, audio.blocks(folder / "song.flac"), device="cpu"):
                writer.write(piece.stems)

    return work


def separate_by_openunmix(folder: Path) -> Work:
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # for files only, which are not touched here
    import openunmix.utils
    import soundfile
    import torch

    targets = ["vocals", "drums", "bass", "other"]
    separator = openunmix.utils.load_separator(str(folder / "umx"), targets=targets, niter=1).eval()
    (folder / "peer").mkdir()

    def work() -> None:
        samples, _ = soundfile.read(folder / "song.flac", dtype="float32")
        with torch.inference_mode():
            estimates = separator(torch.from_numpy(samples.T.copy())[None])[0]
        for target, estimate in zip(targets, estimates, strict=True):
            soundfile.write(folder / "peer" / f"{target}.wav", estimate.numpy().T, RATE, subtype="FLOAT")

    return work


# BSS Eval


def sources(folder: Path, seconds: float, n_channels: int) -> None:
    """Write sources coloured like music, with the noise floor of 16 bits that data sets have, and estimates."""
    import numpy as np

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4, n_channels, round(seconds * RATE)))
    smooth = noise.copy()
    for lag in range(1, 9):
        smooth[..., lag:] += noise[..., :-lag]
    references = np.round(0.02 * smooth * 32768) / 32768
    mixture = references.sum(axis=0)
    estimates = 0.8 * references + 0.1 * mixture + 0.001 * rng.standard_normal(references.shape)
    np.savez(folder / "sources.npz", references=references, estimates=estimates)


def loaded(folder: Path) -> tuple[Any, Any]:
    import numpy as np

    content = np.load(folder / "sources.npz")
    return content["references"], content["estimates"]


def score(folder: Path) -> Work:
    from mirkit.separation.bss import bss_eval

    references, estimates = loaded(folder)
    return lambda: bss_eval(references, estimates)


def score_by_museval(folder: Path) -> Work:
    import museval

    references, estimates = (given.transpose(0, 2, 1) for given in loaded(folder))
    return lambda: museval.evaluate(references, estimates, win=RATE, hop=RATE, mode="v4")


def score_whole(folder: Path) -> Work:
    from mirkit.separation.bss import bss_eval

    references, estimates = loaded(folder)
    return lambda: bss_eval(references, estimates, window_length=None)


def score_by_fast_bss_eval(folder: Path) -> Work:
    import fast_bss_eval
    import torch  # its way through NumPy does not work with NumPy 2

    references, estimates = (torch.from_numpy(given[:, 0].copy()) for given in loaded(folder))
    return lambda: fast_bss_eval.bss_eval_sources(references, estimates, compute_permutation=False)


# Sample detection


def distances(folder: Path, times: int) -> None:
    import numpy as np

    np.save(folder / "distances.npy", np.random.default_rng(0).random((97, times * 60 * 22050 // 1024)))


def align(folder: Path) -> Work:
    import numpy as np

    from mirkit.sampling.dtw import subsequence_dtw

    matrix = np.load(folder / "distances.npy")
    return lambda: subsequence_dtw(matrix)


def align_by_librosa(folder: Path) -> Work:
    import librosa
    import numpy as np

    matrix, steps = np.load(folder / "distances.npy"), np.array([[1, 1], [1, 0], [0, 1]])

    def work(distances: np.ndarray = matrix) -> object:
        return librosa.sequence.dtw(C=distances, subseq=True, step_sizes_sigma=steps, backtrack=False)

    work(matrix[:4, :8])  # compiling, where nothing is cached yet, is part of the process, not of the work
    return work


def spectra(folder: Path, times: int) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.3, 1, (2049, 30)), rng.gamma(0.3, 1, (30, times * 15 * 22050 // 1024))
    np.savez(folder / "nmf.npz", V=(W @ H).astype(np.float32), W=W[:, :10].astype(np.float32))


def factorise(folder: Path) -> Work:
    import numpy as np

    from mirkit.sampling.nmf import partially_fixed_nmf

    given = np.load(folder / "nmf.npz")
    rng = np.random.default_rng(0)
    return lambda: partially_fixed_nmf(
        given["V"], given["W"], n_free=20, n_iterations=100, tolerance=0.0, rng=rng
    )


def factorise_by_sklearn(folder: Path) -> Work:
    import numpy as np
    from sklearn.decomposition import NMF

    V = np.load(folder / "nmf.npz")["V"]
    model = NMF(
        30, solver="mu", beta_loss="kullback-leibler", init="random", tol=0, max_iter=100, random_state=0
    )
    return lambda: model.fit_transform(V)


# Activity and assessment


def one_minute(folder: Path, times: int) -> None:
    recording(folder, 60 * times)


def detect(folder: Path) -> Work:
    from mirkit import activity, audio

    model = activity.load()
    rate = model.config.features.sample_rate
    return lambda: activity.stream(model, audio.blocks(folder / "song.flac", sample_rate=rate), device="cpu")


def decode_and_log_mel(folder: Path) -> Work:
    from activity import decode_and_log_mel

    return lambda: decode_and_log_mel(folder / "song.flac")


def line_of_notes(folder: Path, times: int) -> None:
    from assessment_speed import write

    write(folder, 8 * times)
    (folder / f"{8 * times}.wav").rename(folder / "line.wav")


def track(folder: Path) -> Work:
    from mirkit import audio
    from mirkit.assessment.pitch import track

    return lambda: track(audio.read(folder / "line.wav"), fmin_hz=100.0, fmax_hz=1500.0)


def track_by_librosa(folder: Path) -> Work:
    from assessment_speed import pyin

    from mirkit import audio
    from mirkit.assessment.config import PitchConfig

    return lambda: pyin(audio.read(folder / "line.wav"), PitchConfig(), fmin_hz=100.0, fmax_hz=1500.0)


# Start-up and the data engine


def nothing(folder: Path, times: int) -> None:
    """Need no input."""


def started(*arguments: str) -> Callable[[Path], Work]:
    def side(_: Path) -> Work:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    return side


BANK = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")


def bank(folder: Path, times: int) -> None:
    lines = ["[[source]]", 'name = "TimGM6mb"', 'family = "timgm"', 'kind = "soundfont"', f'path = "{BANK}"']
    (folder / "sources.toml").write_text("\n".join([*lines, 'licence = "GPL-2"']) + "\n")
    (folder / "times").write_text(str(times))


def synthesise(folder: Path) -> Work:
    import shutil

    from mirkit.data.synthesis import synthesize

    n_songs = int((folder / "times").read_text())

    def work() -> None:
        shutil.rmtree(folder / "songs", ignore_errors=True)
        done = synthesize(
            folder / "songs", sources=folder / "sources.toml", n_songs=n_songs, seconds=15, seed=5,
            trainable_only=False, style="chamber", pieces=0.0,
        )  # fmt: skip
        if failed := [one.error for one in done if one.error]:
            raise SystemExit(failed[0])

    return work


def play_by_fluidsynth(folder: Path) -> Work:
    """Play the same notes with the same synthesiser, all parts at once: no stems, no mix, no labels."""
    import fluidsynth
    import numpy as np
    import soundfile

    from mirkit.data.synthesis import compose

    n_songs = int((folder / "times").read_text())
    synth = fluidsynth.Synth(samplerate=float(RATE))
    synth.program_select(0, synth.sfload(str(BANK)), 0, 0)

    def work() -> None:
        for k in range(n_songs):
            score = compose(np.random.default_rng([5, k]), duration_s=15, style="chamber")
            for part in score.parts:
                for note in part.notes:
                    synth.noteon(0, int(note["pitch_midi"]), 90)
                    synth.noteoff(0, int(note["pitch_midi"]))
            samples = synth.get_samples(15 * RATE).reshape(-1, 2)
            soundfile.write(folder / f"{k}.flac", samples, RATE)

    return work


ROWS = {
    "four stems": Row("s of stereo, FLAC to WAV", 15, "openunmix, same weights", separation_input, separate, separate_by_openunmix),
    "BSS Eval v4": Row("s, 4 stereo sources", 5, "museval", lambda folder, times: sources(folder, 5 * times, 2), score, score_by_museval),
    "BSS Eval, whole signal": Row(
        "s, 4 mono sources", 5, "fast_bss_eval", lambda folder, times: sources(folder, 5 * times, 1), score_whole, score_by_fast_bss_eval,
    ),
    "subsequence DTW": Row("min of song, sample of 4.5 s", 1, "librosa", distances, align, align_by_librosa),
    "partially fixed NMF": Row(
        "s of song, 100 iterations, rank 30", 15, "scikit-learn, nothing fixed", spectra, factorise, factorise_by_sklearn,
    ),
    "activity of 18 instruments": Row("min of stereo FLAC", 1, "decoding and log-mel alone", one_minute, detect, decode_and_log_mel,
        "the peer is no system but the floor: reading the file and one log-mel spectrogram, without any network."),
    "pitch contour": Row("s at a hop of 5.8 ms", 8, "librosa pYIN", line_of_notes, track, track_by_librosa),
    "start, mirkit --help": Row("", 0, "import librosa, one feature", nothing, started("-m", "mirkit", "--help"),
                                started("-c", "import librosa; librosa.feature.melspectrogram"), grows=False),
    "start, import mirkit": Row("", 0, "import sklearn.ensemble", nothing, started("-c", "import mirkit"),
                                started("-c", "import sklearn.ensemble"), grows=False),
}  # fmt: skip
if os.environ.get("MIRKIT_BENCH_SYNTHESIS", "1") == "1" and BANK.is_file():
    ROWS["synthesised songs"] = Row(
        "songs of 15 s, 1 core",
        1,
        "FluidSynth alone, one stream",
        bank,
        synthesise,
        play_by_fluidsynth,
        "the peer is a floor, too: it plays the notes into one file; stems, effects, mix, labels and MIDI are left out.",
    )

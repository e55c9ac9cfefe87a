"""Speed and memory of separation against Open-Unmix's own classes, and of BSS Eval against museval.

Every row is a process of its own, so that peak memory is its own too. The networks have random weights,
the same for both: what they cost does not depend on what they have learnt. The peers are not needed to
use mirkit; rows without their package are left out.

    python benchmarks/separation.py [--seconds 60] [--score-seconds 30]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

RATE = 44100
TARGETS = ("vocals", "drums", "bass", "other")


def openunmix_package() -> types.ModuleType:
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # for files only, which are not touched here
    import openunmix.utils

    return openunmix


def predict_with_mirkit(folder: Path, model: str) -> float:
    """Return seconds of separating the file and writing the stems."""
    from mirkit import audio, separation

    loaded = separation.load(folder / model)
    start = time.perf_counter()
    names = (*loaded.config.targets, loaded.config.residual)
    with audio.stem_writer(folder / f"out-{model}", names, RATE, 2) as writer:
        for piece in separation.stream(loaded, audio.blocks(folder / "song.wav"), device="cpu"):
            writer.write(piece.stems)
    return time.perf_counter() - start


def predict_with_bundled(folder: Path, times: int) -> float:
    """Return seconds of the bundled model's six targets, FLAC in and FLAC out, for a song of any length."""
    from mirkit import audio, separation

    loaded = separation.load("default")
    start = time.perf_counter()
    names = (*loaded.config.targets, loaded.config.residual)
    out = folder / f"out-bundled-{times}"
    with audio.stem_writer(out, names, RATE, 2, suffix=".flac", subtype="PCM_16") as writer:
        for piece in separation.stream(loaded, audio.blocks(folder / f"song-{times}.flac"), device="cpu"):
            writer.write(piece.stems)
    return time.perf_counter() - start


def predict_with_openunmix(folder: Path) -> float:
    package = openunmix_package()
    import soundfile
    import torch

    separator = package.utils.load_separator(str(folder / "umx"), targets=list(TARGETS), niter=1).eval()
    start = time.perf_counter()
    samples, _ = soundfile.read(folder / "song.wav", dtype="float32")
    with torch.inference_mode():
        estimates = separator(torch.from_numpy(samples.T.copy())[None])[0]
    (folder / "out-peer").mkdir()
    for target, estimate in zip(TARGETS, estimates, strict=True):
        soundfile.write(folder / "out-peer" / f"{target}.wav", estimate.numpy().T, RATE, subtype="FLOAT")
    return time.perf_counter() - start


def stems(folder: Path) -> tuple[object, object]:
    import numpy as np

    content = np.load(folder / "sources.npz")
    return content["references"], content["estimates"]


def score_with_mirkit(folder: Path) -> float:
    import numpy as np

    from mirkit.separation.bss import bss_eval

    references, estimates = stems(folder)
    start = time.perf_counter()
    scores = bss_eval(references, estimates)
    seconds = time.perf_counter() - start
    np.savez(folder / "scores-mirkit.npz", **scores)
    return seconds


def score_with_museval(folder: Path) -> float:
    import museval
    import numpy as np

    references, estimates = (sources.transpose(0, 2, 1) for sources in stems(folder))
    start = time.perf_counter()
    found = museval.evaluate(references, estimates, win=RATE, hop=RATE, mode="v4")
    seconds = time.perf_counter() - start
    np.savez(folder / "scores-museval.npz", **dict(zip(("sdr", "isr", "sir", "sar"), found, strict=True)))
    return seconds


ROWS: dict[str, Callable[[Path], float]] = {
    "mirkit, umx, 4 targets": lambda folder: predict_with_mirkit(folder, "umx"),
    "openunmix, 4 targets": predict_with_openunmix,
    "mirkit, iass, 1 target": lambda folder: predict_with_mirkit(folder, "iass"),
    "mirkit, bundled, 6 targets": lambda folder: predict_with_bundled(folder, 1),
    "the same, 4 times the song": lambda folder: predict_with_bundled(folder, 4),
    "the same, 16 times": lambda folder: predict_with_bundled(folder, 16),
    "mirkit, BSS Eval v4": score_with_mirkit,
    "museval, BSS Eval v4": score_with_museval,
}
PREDICT, LENGTHS, SCORE = list(ROWS)[:4], list(ROWS)[3:6], list(ROWS)[6:]
TIMES = (1, 4, 16)


def make_models(folder: Path) -> None:
    import torch

    from mirkit.separation import Config, Model

    torch.manual_seed(0)
    Model.untrained(Config(targets=("vocals",))).checkpoint().save(folder / "iass")
    umx = Model.untrained(Config(network="umx", targets=TARGETS))
    (folder / "umx").mkdir()
    general = {"nfft": 4096, "nhop": 1024, "sample_rate": float(RATE), "nb_channels": 2}
    (folder / "umx" / "separator.json").write_text(json.dumps(general))
    for part in umx.parts:
        arguments = {"args": {"nfft": 4096, "nb_channels": 2, "hidden_size": 512}}
        (folder / "umx" / f"{part.name}.json").write_text(json.dumps(arguments))
        torch.save(part.network.state_dict(), folder / "umx" / f"{part.name}.pth")


def make_sounds(folder: Path, seconds: float, score_seconds: float) -> None:
    import numpy as np

    from mirkit import audio

    rng = np.random.default_rng(0)
    block = audio.Audio(0.2 * rng.standard_normal((2, RATE)), RATE)
    files = {"song.wav": 1} | {f"song-{times}.flac": times for times in TIMES}
    for name, times in files.items():
        with audio.writer(folder / name, RATE, 2) as file:
            for _ in range(round(seconds) * times):
                file.write(block)
    # Coloured like music, with the noise floor of 16 bits that WAV data sets have.
    noise = rng.standard_normal((4, 2, round(score_seconds * RATE)))
    smooth = noise.copy()
    for lag in range(1, 9):
        smooth[..., lag:] += noise[..., :-lag]
    references = np.round(0.02 * smooth * 32768) / 32768
    estimates = (
        0.8 * references + 0.1 * references.sum(axis=0) + 0.001 * rng.standard_normal(references.shape)
    )
    np.savez(folder / "sources.npz", references=references, estimates=estimates)


def measured(row: str, folder: Path) -> tuple[float, float] | None:
    """Return seconds and peak memory in MB of one row, run in a process of its own."""
    command = [sys.executable, __file__, "--row", row, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{row:26}not run: {done.stderr.strip().splitlines()[-1]}")
        return None
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def largest_difference(folder: Path) -> float:
    import numpy as np

    ours, theirs = (np.load(folder / f"scores-{name}.npz") for name in ("mirkit", "museval"))
    return max(float(np.nanmax(np.abs(ours[name] - theirs[name]))) for name in ours)


def table(
    title: str, rows: list[str], folder: Path, lengths_s: float | list[float]
) -> dict[str, tuple[float, float]]:
    lengths = dict(
        zip(rows, lengths_s if isinstance(lengths_s, list) else [lengths_s] * len(rows), strict=True)
    )
    print(f"\n{title}\n{'':26}{'peak memory':>12}{'times real time':>17}{'time / first':>14}")
    results = {row: found for row in rows if (found := measured(row, folder)) is not None}
    first_s = next(iter(results.values()))[0]
    for row, (spent_s, megabytes) in results.items():
        print(f"{row:26}{megabytes:9.0f} MB{lengths[row] / spent_s:17.1f}{spent_s / first_s:14.2f}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the song to separate")
    parser.add_argument("--score-seconds", type=float, default=30.0, help="length of the stems to score")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        seconds = ROWS[options.row](options.folder)
        return print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_models(folder)
        make_sounds(folder, options.seconds, options.score_seconds)
        table(f"{options.seconds:g} s of stereo, files in, stems out", PREDICT, folder, options.seconds)
        song_s = [times * options.seconds for times in TIMES]
        table("FLAC in, FLAC out, by length", LENGTHS, folder, song_s)
        title = f"BSS Eval v4 of {options.score_seconds:g} s, 4 stereo sources"
        if len(table(title, SCORE, folder, options.score_seconds)) == len(SCORE):
            print(f"largest difference of a score: {largest_difference(folder):.1e} dB")
    return None


if __name__ == "__main__":
    main()

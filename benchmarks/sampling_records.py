"""A sample 3.5 semitones higher and slower by a seventh, in songs that no model has seen.

    python benchmarks/sampling_records.py SONGS [--samples 8] [--decoys 20] [--gain 0]

SONGS holds a folder of sound files for each album, or game, or artist. Samples of 4.5 s are cut out of songs,
changed, planted three times in a song of another folder, and looked for there and in songs of further folders
that hold nothing of them. Songs are cut to a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mirkit import Audio, audio, read, sampling
from mirkit.annotation import Intervals
from mirkit.sampling import Detections
from mirkit.sampling.planting import Treatment, rms, transform

SHIFT_ST, TEMPO = 3.5, 0.85
SAMPLE_S, SONG_S = 4.5, 60.0
STARTS_S = (7.3, 24.1, 45.9)
RATE = 44100
SUFFIXES = {".ogg", ".flac", ".mp3", ".opus", ".wav"}


def songs_of(folder: Path, rng: np.random.Generator) -> list[tuple[str, Path]]:
    """Return the songs of a minute or more as folder and path, in turn from each folder."""
    albums = []
    for album in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(path for path in album.rglob("*") if path.suffix.lower() in SUFFIXES)
        found = [path for path in paths if lasts(path)]
        albums.append([(album.name, found[k]) for k in rng.permutation(len(found))])
    longest = max(map(len, albums), default=0)
    return [album[k] for k in range(longest) for album in albums if k < len(album)]


def lasts(path: Path) -> bool:
    return path.stat().st_size > 250_000 and (audio.info(path).duration_s or 0.0) >= SONG_S


def minute(path: Path) -> Audio:
    return read(path, duration_s=SONG_S).mono().resample(RATE)


def cut(path: Path, rng: np.random.Generator) -> np.ndarray:
    """Return a sample from the louder half of a song."""
    y = minute(path).samples[0]
    length = round(SAMPLE_S * RATE)
    firsts = rng.integers(0, len(y) - length, 16)
    loud = sorted(firsts, key=lambda first: -rms(y[first : first + length]))[:8]
    first = int(rng.choice(loud))
    return y[first : first + length].copy()


def planted(sample: np.ndarray, path: Path, gain_db: float) -> tuple[Audio, Detections]:
    """Return a song with the changed sample in it, and the truth."""
    y = minute(path).samples[0].copy()
    treatment = Treatment(pitch_shift_st=SHIFT_ST, tempo_ratio=TEMPO)
    changed = transform(sample, RATE, treatment, np.random.default_rng(0))
    changed *= np.float32(rms(y) * 10 ** (gain_db / 20) / rms(changed))
    times_s = [(start_s, start_s + len(changed) / RATE) for start_s in STARTS_S]
    for start_s in STARTS_S:
        y[round(start_s * RATE) :][: len(changed)] += changed
    n = len(times_s)
    truth = Detections(Intervals(times_s, ["sample"] * n), [SHIFT_ST] * n, [TEMPO] * n, 1.0)
    return Audio((y / np.abs(y).max())[np.newaxis], RATE), truth


def main() -> None:
    """Print a line for each sample and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path, nargs="?")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--decoys", type=int, default=20)
    parser.add_argument("--gain", type=float, default=0.0, help="dB over the song")
    options = parser.parse_args()
    if options.songs is None:
        print("skipped: give a folder of songs")
        return
    rng = np.random.default_rng(0)
    model, songs = sampling.load(), songs_of(options.songs, rng)
    references, estimates = [], []
    for k in range(options.samples):
        album, source = songs[k]
        host_album, host = next(one for one in songs[k + 1 :] if one[0] != album)
        others = [path for name, path in songs if name not in (album, host_album)]
        sample = cut(source, rng)
        song, truth = planted(sample, host, options.gain)
        heard = Audio(sample[np.newaxis], RATE)
        found = sampling.predict(model, heard, song)
        references.append(truth)
        estimates.append(found)
        wrong = 0
        for at in rng.permutation(len(others))[: options.decoys]:
            estimates.append(sampling.predict(model, heard, minute(others[at])))
            references.append(Detections.none())
            wrong += estimates[-1].present
        shifts = ", ".join(
            f"{start_s:.1f} s {shift_st:+.1f} st x {ratio:.2f}"
            for (start_s, _), shift_st, ratio in zip(
                found.intervals.times_s, found.pitch_shift_st, found.tempo_ratio, strict=True
            )
        )
        print(
            f"{source.name} in {host.name}: {'found' if found.present else 'MISSED'} "
            f"({found.song_confidence:.0%}) {shifts}; {wrong} of {options.decoys} others wrong",
            flush=True,
        )
    summary = sampling.evaluate(references, estimates).summary
    print(", ".join(f"{name} {value:.3f}" for name, value in summary.items()))


if __name__ == "__main__":
    main()

"""How synthesised classes sound beside recorded ones: mean log-mel spectra, distances, spectrogram pictures.

    python benchmarks/synthesis_sound.py SONGS --references references.csv -o docs/images

SONGS is a folder that `mirkit data synthesize` filled. references.csv has the columns ``label,path``:
recordings of single instruments, files or folders. Printed is a table with the distance of every class; the
weakest come first.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from mirkit import audio
from mirkit.annotation import Taxonomy
from mirkit.data import open_dataset
from mirkit.dsp import log_mel

SAMPLE_RATE, N_FFT, HOP_LENGTH, N_MELS = 22050, 2048, 1024, 64
LIMIT_S = 240.0
PICTURE_S = 30.0
SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".opus"}


@click.command()
@click.argument("songs", type=click.Path(path_type=Path, exists=True))
@click.option("--references", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("docs/images"))
def main(songs: Path, references: Path | None, output: Path) -> None:
    """Draw one picture per style and compare each class with recordings."""
    output.mkdir(parents=True, exist_ok=True)
    items = [song for song in open_dataset(songs).items if song.metadata.get("origin") == "mirkit synthesis"]
    _pictures(items, output)
    if references is None:
        return
    taxonomy = Taxonomy.load("instruments18")
    ours, theirs = _synthesised(items, taxonomy), _recorded(references)
    rows = []
    for label in taxonomy.labels:
        if label in ours and label in theirs:
            distance_db = float(np.sqrt(np.mean((ours[label] - theirs[label]) ** 2)))
            correlation = float(np.corrcoef(ours[label], theirs[label])[0, 1])
            rows.append((label, distance_db, correlation))
    click.echo("| class | distance of the mean log-mel, dB | correlation |\n|---|---|---|")
    for label, distance_db, correlation in sorted(rows, key=lambda row: -row[1]):
        click.echo(f"| {label} | {distance_db:.1f} | {correlation:.2f} |")
    _curves(ours, theirs, [row[0] for row in rows], output / "synthesis_classes.png")


def _mean_shape(y: np.ndarray) -> tuple[np.ndarray, int]:
    """Sum of the loud frames' log-mel spectra, each with its own mean taken away, and their number."""
    mel_db = log_mel(
        y, SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS, fmin_hz=40.0, floor_db=-100.0
    )
    level = mel_db.max(axis=0)
    loud = mel_db[:, level > level.max() - 30]
    loud = np.maximum(loud, loud.max(axis=0) - 60)  # what lies deeper is noise or the recording's floor
    return (loud - loud.mean(axis=0)).sum(axis=1), loud.shape[1]


def _synthesised(items, taxonomy) -> dict[str, np.ndarray]:
    total: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(N_MELS))
    frames: dict[str, int] = defaultdict(int)
    for song in items:
        for stem in song.stems:
            label = taxonomy.canonical(stem.instrument[0])
            if label is None or frames[label] * HOP_LENGTH / SAMPLE_RATE > LIMIT_S:
                continue
            y = stem.audio(SAMPLE_RATE).mono().samples[0]
            if np.abs(y).max() > 1e-3:
                shape, n = _mean_shape(y)
                total[label] += shape
                frames[label] += n
    return {label: total[label] / frames[label] for label in total}


def _recorded(references: Path) -> dict[str, np.ndarray]:
    total: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(N_MELS))
    frames: dict[str, int] = defaultdict(int)
    with references.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        path = Path(row["path"]).expanduser()
        for file in [f for f in sorted(path.iterdir()) if f.suffix in SOUNDS] if path.is_dir() else [path]:
            try:
                recording = audio.read(file, sample_rate=SAMPLE_RATE)
            except OSError as error:
                click.echo(f"skipped: {error}", err=True)
                continue
            y = recording.mono().samples[0][: int(LIMIT_S * SAMPLE_RATE)]
            shape, n = _mean_shape(y)
            total[row["label"]] += shape / max(n, 1) * min(n, 200)  # a long file does not outweigh the others
            frames[row["label"]] += min(n, 200)
    return {label: total[label] / frames[label] for label in total}


def _curves(ours, theirs, labels, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 6, figsize=(13, 6), sharex=True, sharey=True)
    for ax, label in zip(axes.flat, labels, strict=False):
        ax.plot(theirs[label], color="0.2", label="recorded")
        ax.plot(ours[label], color="tab:orange", label="synthesised")
        ax.set_title(label, fontsize=9)
    axes[0, 0].legend(fontsize=7)
    figure.supxlabel("mel band")
    figure.supylabel("dB around the frame's mean")
    figure.tight_layout()
    _save(figure, path)


def _pictures(items, output: Path) -> None:
    """One song per style, the one with most instruments: its spectrogram above its activity."""
    import matplotlib.pyplot as plt

    styles: dict[str, list] = defaultdict(list)
    for song in items:
        styles[song.metadata["genre"]].append(song)
    for style, members in sorted(styles.items()):
        song = max(members, key=lambda song: (len(song.stems), song.id))
        y = song.mix(SAMPLE_RATE).mono().samples[0][: int(PICTURE_S * SAMPLE_RATE)]
        mel_db = log_mel(y, SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=96, floor_db=-90.0)
        activity = song.stem_activity()
        shown = activity.grid.times_s() < len(y) / SAMPLE_RATE
        figure, (top, low) = plt.subplots(2, 1, figsize=(9, 4.2), height_ratios=[3, 2], layout="constrained")
        extent = (0, len(y) / SAMPLE_RATE, 0, 96)
        top.imshow(mel_db, origin="lower", aspect="auto", extent=extent, vmin=mel_db.max() - 70, cmap="magma")
        top.set(
            ylabel="mel band",
            xticks=[],
            title=f"{style}: {song.metadata['key']}, "
            f"{song.metadata['tempo_bpm']} bpm, {song.metadata['metre']}",
        )
        names = [stem.instrument[0] for stem in song.stems]
        low.imshow(
            activity.values[:, shown],
            aspect="auto",
            interpolation="nearest",
            cmap="Greys",
            extent=(0, len(y) / SAMPLE_RATE, len(names) - 0.5, -0.5),
        )
        low.set(yticks=range(len(names)), xlabel="time, s")
        low.set_yticklabels(names, fontsize=7)
        _save(figure, output / f"synthesis_{style}.png")


def _save(figure, path: Path) -> None:
    """Write a picture of few colours, a third of the size."""
    import matplotlib.pyplot as plt
    from PIL import Image

    drawing = io.BytesIO()
    figure.savefig(drawing, dpi=75)
    plt.close(figure)
    Image.open(drawing).convert("RGB").quantize(96).save(path, optimize=True)


if __name__ == "__main__":
    main()

"""How fast songs are synthesised on one core, effects and files included.

    python benchmarks/synthesis.py SOURCES.toml [--songs 24] [--pieces 1 --stems 8]

Cost is processor time of this process, which neighbours on the machine disturb little. Songs differ in
their number of stems; ``--stems`` takes only those with so many parts (eight and
more are found among existing pieces). Peak memory is that of the whole run.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path

import click
import numpy as np

from mirkit.data.synthesis import read_sources
from mirkit.data.synthesis.composer import compose
from mirkit.data.synthesis.notes import Score
from mirkit.data.synthesis.pieces import compose_from_pieces
from mirkit.data.synthesis.songs import write_song
from mirkit.data.synthesis.sources import Source, usable

SEED = 78


@click.command()
@click.argument("sources", type=click.Path(path_type=Path, exists=True))
@click.option("--songs", "n_songs", default=24, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--style")
@click.option("--pieces", default=0.0, show_default=True, help="Share of existing pieces.")
@click.option("--stems", "n_wanted", type=int)
def main(
    sources: Path, n_songs: int, seconds: float, style: str | None, pieces: float, n_wanted: int | None
) -> None:
    """Print the speed by number of stems."""
    chosen = usable(read_sources(sources), split="train", trainable_only=True)
    score = partial(composed, chosen, seconds, style, pieces)
    indices = (k for k in count() if n_wanted in (None, len(score(k).parts)))
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for index in islice(indices, n_songs + 4):  # the first songs load banks and recordings
            start_s = time.process_time()
            song = write_song(
                Path(folder),
                chosen,
                index,
                seconds=seconds,
                seed=SEED,
                sample_rate=44100,
                style=style,
                pieces=pieces,
            )
            costs.append((len(list(song.glob("*_STEMS/*"))), time.process_time() - start_s))
    n_stems, cost_s = np.array(costs[4:]).T
    print("| stems | songs | x real time |\n|---|---|---|")
    for n in sorted(set(n_stems)):
        chosen_s = cost_s[n_stems == n]
        print(f"| {n:.0f} | {len(chosen_s)} | {seconds / chosen_s.mean():.1f} |")
    print(f"| all, {n_stems.mean():.1f} on average | {len(cost_s)} | {seconds / cost_s.mean():.1f} |")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def composed(
    sources: Sequence[Source], seconds: float, style: str | None, pieces: float, index: int
) -> Score:
    """Return the score of the song of this number, as `write_song` draws it."""
    rng = np.random.default_rng([SEED, index])
    piece = compose_from_pieces(rng, sources, duration_s=seconds, share=0.0 if style else pieces)
    return piece or compose(rng, duration_s=seconds, style=style)


if __name__ == "__main__":
    main()

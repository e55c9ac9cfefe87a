"""How fast songs are synthesised on one core, effects and files included.

    python benchmarks/synthesis.py SOURCES.toml [--songs 24]

Cost is processor time of this process, which neighbours on the machine disturb little. Songs differ in
their number of stems; a line through (stems, cost) tells what a song of eight stems costs. Peak memory is
that of the whole run.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from mirkit.data.synthesis import read_sources
from mirkit.data.synthesis.songs import write_song
from mirkit.data.synthesis.sources import usable


@click.command()
@click.argument("sources", type=click.Path(path_type=Path, exists=True))
@click.option("--songs", "n_songs", default=24, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--style")
def main(sources: Path, n_songs: int, seconds: float, style: str | None) -> None:
    """Print the speed by number of stems."""
    chosen = usable(read_sources(sources), split="train", trainable_only=True)
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for index in range(n_songs + 4):  # the first songs load banks and recordings
            start_s = time.process_time()
            song = write_song(
                Path(folder), chosen, index, seconds=seconds, seed=78, sample_rate=44100, style=style
            )
            costs.append((len(list(song.glob("*_STEMS/*"))), time.process_time() - start_s))
    n_stems, cost_s = np.array(costs[4:]).T
    slope_s, fixed_s = np.polyfit(n_stems, cost_s, 1)
    print("| stems | songs | x real time |\n|---|---|---|")
    for n in sorted(set(n_stems)):
        chosen_s = cost_s[n_stems == n]
        print(f"| {n:.0f} | {len(chosen_s)} | {seconds / chosen_s.mean():.1f} |")
    print(f"| all, {n_stems.mean():.1f} on average | {len(cost_s)} | {seconds / cost_s.mean():.1f} |")
    print(f"| 8, by the line | | {seconds / (fixed_s + 8 * slope_s):.1f} |")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()

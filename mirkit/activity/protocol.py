"""The protocol of the ISMIR 2018 paper on data sets that a user has: split, train, evaluate, compare."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirkit._files import write_json
from mirkit._reading import reading
from mirkit.activity.config import Config
from mirkit.activity.evaluation import Evaluation, judge
from mirkit.activity.training import train
from mirkit.data import TrackSet, read_split
from mirkit.data.splits import check_split, entries, make_split, write_split
from mirkit.errors import DatasetError, ParameterError
from mirkit.multitrack import MultiTrack

__all__ = ["TEST_SHARE", "artist_split", "run_protocol"]

TEST_SHARE = 100 / 461
"""Of the paper's 461 songs, 100 tested."""

ARGUMENTS = "arguments.json"
"""What the results in a folder are of."""


def artist_split(
    datasets: Sequence[TrackSet],
    path: str | os.PathLike[str],
    *,
    test: float = TEST_SHARE,
    valid: float = 0.1,
    keep_bleed: bool = False,
    seed: int = 0,
) -> dict[str, TrackSet]:
    """Return parts for training, validation and testing of which no two share an artist.

    Parameters
    ----------
    datasets : sequence of TrackSet
        Data sets with different names, such as MedleyDB and Mixing Secrets.
    path : str or Path
        File that keeps the split; if it is there, it is read and checked instead of made.
    test, valid : float
        Shares of the songs; the rest is for training.
    keep_bleed : bool
        Also use songs whose stems hold sound of each other, which makes their truth wrong.
    seed : int
        Same seed, same split.

    Returns
    -------
    dict of str to TrackSet
        ``train``, ``valid``, ``test``.

    Raises
    ------
    DatasetError
        If parts share an artist, or a data set has no songs without bleed.
    """
    songs = [song for song in entries(datasets) if keep_bleed or not song.bleed]
    path = Path(path)
    kept = path.is_file()
    shares = {"train": None, "valid": valid, "test": test}
    split = read_split(path) if kept else make_split(songs, shares, seed=seed)
    if missing := {"train", "valid", "test"} - set(split):
        raise DatasetError(
            f"{path}: no part {', '.join(sorted(missing))}; remove the file to make a new split"
        )
    check_split(split, songs)
    parts = {part: _joined(part, datasets, split[part]) for part in ("train", "valid", "test")}
    if not kept:  # not before it has turned out to be of use: it would be read at the next call
        write_split(path, split)
    return parts


def _joined(part: str, datasets: Sequence[TrackSet], keys: Sequence[str]) -> TrackSet:
    items: list[MultiTrack] = []
    for dataset in datasets:
        own = [key for key in keys if len(datasets) == 1 or key.startswith(f"{dataset.name}/")]
        songs = dataset.select(own).items
        # Two data sets may hold a song of one name.
        items += (
            songs if len(datasets) == 1 else [replace(song, id=f"{dataset.name} {song.id}") for song in songs]
        )
    if not items:
        raise DatasetError(f"the part {part!r} has no songs; give more songs, or ask for a larger share")
    name = "+".join(dataset.name for dataset in datasets)
    return TrackSet(f"{name}, {part}", "joined", datasets[0].root, tuple(items))


def run_protocol(
    datasets: Sequence[TrackSet],
    folder: str | os.PathLike[str],
    configs: Mapping[str, Config],
    *,
    test: float = TEST_SHARE,
    valid: float = 0.1,
    keep_bleed: bool = False,
    seed: int = 0,
    device: str = "auto",
    n_jobs: int = 1,
    progress: bool = False,
) -> list[Evaluation]:
    """Split data sets by artist, train networks on them and evaluate each on all time scales.

    What is done is kept in the folder, so that an interrupted run goes on where it stopped:
    ``split.json``, a checkpoint and ``<name>-scores.json`` for each network. Results of other arguments,
    which ``arguments.json`` tells, are refused; further networks may be added.

    Parameters
    ----------
    datasets : sequence of TrackSet
        From `mirkit.data.open_dataset`.
    folder : str or Path
        For all results; also for the cache of decoded stems, which is removed at the end.
    configs : mapping of str to Config
        Name to settings of each network; truth and clips are those of its ``training.preset``.
    test, valid, keep_bleed
        As for `artist_split`.
    seed : int
        Of the split and of every training.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    n_jobs : int
        Processes that decode, make excerpts and evaluate.
    progress : bool
        Show bars on stderr.

    Returns
    -------
    list of Evaluation
        One for each network, on the test songs.

    Raises
    ------
    DatasetError
        If the split leaks or a part is empty.
    ParameterError
        If the results in the folder are of other arguments.
    """
    folder = Path(folder)
    arguments = {
        "datasets": [dataset.name for dataset in datasets],
        "test": test,
        "valid": valid,
        "keep_bleed": keep_bleed,
        "seed": seed,
        "configs": {name: config.to_dict() for name, config in configs.items()},
    }
    arguments = _with_earlier(arguments, folder / ARGUMENTS)
    parts = artist_split(
        datasets, folder / "split.json", test=test, valid=valid, keep_bleed=keep_bleed, seed=seed
    )
    write_json(folder / ARGUMENTS, arguments)
    found = []
    for name, config in configs.items():
        scores = folder / f"{name}-scores.json"
        if not scores.is_file():
            if not (folder / name / "config.json").is_file():
                model = train(
                    config,
                    parts["train"],
                    validation=parts["valid"],
                    seed=seed,
                    name=name,
                    folder=folder / f"{name}-work",
                    cache=folder / "cache",
                    resume=True,
                    device=device,
                    n_jobs=n_jobs,
                    progress=progress,
                )
                model.checkpoint().save(folder / name)
            judge(
                folder / name,
                parts["test"],
                preset=config.training.preset,
                # The clips of the paper count an instrument as soon as one frame of it is active.
                rule="any" if config.training.min_active_s == 0 else "fraction",
                device=device,
                n_jobs=n_jobs,
            ).write(scores)
        found.append(Evaluation.read(scores))
    shutil.rmtree(folder / "cache", ignore_errors=True)
    return found


def _with_earlier(arguments: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return arguments together with the networks of an earlier call, whose other arguments are the same."""
    if not path.is_file():
        return arguments
    with reading(path, ParameterError, "the arguments of an earlier call"):
        kept = json.loads(path.read_text(encoding="utf-8"))
        earlier = dict(kept["configs"])
    given = json.loads(json.dumps(arguments))  # tuples as lists
    differing = [
        f"{name} {json.dumps(kept.get(name))}, now {json.dumps(value)}"
        for name, value in given.items()
        if name != "configs" and kept.get(name) != value
    ]
    differing += [
        f"other settings of {name!r}"
        for name, settings in given["configs"].items()
        if earlier.get(name, settings) != settings
    ]
    if differing:
        raise ParameterError(
            f"{path.parent}: holds results of other arguments ({'; '.join(differing)}); give the same, or "
            "another folder"
        )
    return {**given, "configs": {**earlier, **given["configs"]}}

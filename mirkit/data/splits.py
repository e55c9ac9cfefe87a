"""Parts for training and testing that share no artist, also across data sets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._files import write_json
from mirkit._reading import reading
from mirkit.data.artists import Entry, artist_groups, leaks, title_of
from mirkit.data.dataset import TrackSet
from mirkit.errors import DatasetError, ParameterError

__all__ = ["check_split", "entries", "make_split", "read_track_list", "write_split"]

Split = Mapping[str, Sequence[str]]
Size = int | float | None

N_TRIES = 200


def entries(datasets: Sequence[TrackSet]) -> list[Entry]:
    """Return an entry for each song of one or several data sets.

    Parameters
    ----------
    datasets : sequence of TrackSet
        Data sets of different names.

    Returns
    -------
    list of Entry

    Raises
    ------
    DatasetError
        If two data sets have the same name.
    """
    names = [dataset.name for dataset in datasets]
    if len(set(names)) < len(names):
        raise DatasetError(f"data sets split together need different folder names, got {names}; rename one")
    return [
        Entry(
            f"{dataset.name}/{item.id}" if len(datasets) > 1 else item.id,
            item.artist,
            str(item.metadata.get("title") or "") or title_of(item.id),
            item.instruments,
            bool(item.metadata.get("has_bleed", False)),
            _families(item.metadata),
        )
        for dataset in datasets
        for item in dataset.items
    ]


def _families(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """What binds a synthesised song to others: families of sounds, and the piece that it is an excerpt of."""
    piece = metadata.get("piece")
    bound = [f"piece {piece['digest']}"] if isinstance(piece, dict) and "digest" in piece else []
    return tuple(map(str, [*(metadata.get("families") or ()), *bound]))


def read_track_list(path: str | Path) -> list[Entry]:
    """Return the entries of a CSV file of tracks, for splits without the audio at hand.

    Parameters
    ----------
    path : str or Path
        Columns ``dataset, track_id, artist, has_bleed, instruments`` (separated by ``|``), in any order.

    Returns
    -------
    list of Entry

    Raises
    ------
    DatasetError
        If the file cannot be read or lacks a column.
    """
    wanted = ("dataset", "track_id", "artist", "has_bleed", "instruments")
    with (
        reading(path, DatasetError, "a track list in CSV"),
        Path(path).open(encoding="utf-8-sig", newline="") as file,
    ):
        rows = list(csv.DictReader(file))
    if not rows or any(row.get(column) is None for row in rows for column in wanted):
        raise DatasetError(f"{path}: not a track list; wanted rows under the header {','.join(wanted)}")
    several = len({row["dataset"] for row in rows}) > 1
    return [
        Entry(
            f"{row['dataset']}/{row['track_id']}" if several else row["track_id"],
            row["artist"],
            title_of(row["track_id"]),
            tuple(label for label in row["instruments"].split("|") if label),
            row["has_bleed"].strip().lower() == "yes",
        )
        for row in rows
    ]


def write_split(path: str | Path, split: Split) -> None:
    """Write a split as JSON ``{"train": [keys], "valid": [...], "test": [...]}``."""
    write_json(path, {name: list(keys) for name, keys in split.items()})


def make_split(
    songs: Sequence[Entry], sizes: Mapping[str, Size], *, seed: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return parts of given sizes of which no two share an artist.

    Of many random assignments of whole artists the one is kept whose parts have the most similar
    shares of songs with each instrument.

    Parameters
    ----------
    songs : sequence of Entry
        Songs to distribute; their order does not matter.
    sizes : mapping of str to int, float or None
        Part to number of songs, fraction of all songs (below 1), or None for all that remain. A number
        is met exactly; a fraction only as far as whole artists allow. Whatever does not fit into the other
        parts is in the part of size None; without one, songs beyond the sizes are in no part.
    seed : int
        Same seed, same split.

    Returns
    -------
    dict of str to tuple of str
        Part to sorted keys.

    Raises
    ------
    ParameterError
        If the sizes ask for more songs than there are.
    DatasetError
        If whole artists cannot make up the numbers asked for, or a part with a fraction above 0 would be
        empty because no artist has as few songs as that: nobody wants to find that out when testing.

    Examples
    --------
    >>> songs = [Entry(f"song {k}", artist, str(k)) for k, artist in enumerate("AABCD")]
    >>> {part: len(keys) for part, keys in make_split(songs, {"train": None, "test": 2}).items()}
    {'train': 3, 'test': 2}
    """
    ordered = sorted(songs, key=lambda song: song.key)
    if twice := [one.key for one, other in pairwise(ordered) if one.key == other.key]:
        raise DatasetError(f"songs occur twice: {_listed(twice)}; give each data set once")
    if not ordered:
        raise DatasetError("there are no songs to split; give data sets with songs")
    groups = artist_groups(ordered)
    targets = _targets(sizes, len(ordered))
    rest = next((part for part, size in sizes.items() if size is None), None)
    has = _instrument_matrix(ordered)
    best: dict[str, list[int]] = {}
    for spread in (False, True):
        rng = np.random.default_rng(seed)
        orders = (rng.permutation(len(groups)) for _ in range(N_TRIES))
        tries = (_assign(order, groups, targets, rest, spread=spread) for order in orders)
        best = min(tries, key=lambda parts: _cost(parts, targets, has))
        if all(best[part] for part in targets if targets[part]):
            break
    _check_parts(best, sizes, targets, groups)
    return {part: tuple(sorted(ordered[k].key for k in best[part])) for part in sizes}


def _check_parts(
    parts: Mapping[str, list[int]],
    sizes: Mapping[str, Size],
    targets: Mapping[str, int],
    groups: list[list[int]],
) -> None:
    """Raise an error if a part is not what was asked for."""
    n_songs, fewest = sum(map(len, groups)), min(map(len, groups))
    for part, target in targets.items():
        size, found = sizes[part], len(parts[part])
        if isinstance(size, int) and not isinstance(size, bool) and found != target:
            raise DatasetError(
                f"whole artists make up {found} songs for {part!r}, not {target}; "
                "ask for that number, for a fraction, or for fewer songs"
            )
        if target and len(groups) == 1 and found < n_songs:
            raise DatasetError(
                f"no song is free for {part!r}: all are bound together by artists or families of sounds; "
                "give more artists, or synthesise each part from families of its own"
            )
        if size and not found:
            raise DatasetError(
                f"{part!r} would be empty: {size} of {n_songs} songs is {target}, and no artist that is free "
                f"for it has so few (the fewest that stay together: {fewest}); "
                "ask for a larger share, or give more artists"
            )


def check_split(split: Split, songs: Sequence[Entry]) -> None:
    """Raise an error if two parts share a song, an artist or a family of sounds; else return nothing.

    Artists are compared by normalised names (`mirkit.data.artists.artist_keys`), so the same song in
    two data sets, such as MUSDB18 and MedleyDB, is found. Songs without an artist are compared by title.

    Parameters
    ----------
    split : mapping of str to sequence of str
        Part to keys.
    songs : sequence of Entry
        What is known about the songs.

    Raises
    ------
    DatasetError
        Naming the artists and songs on both sides, or the keys that belong to no song.
    """
    known = {song.key: song for song in songs}
    if missing := sorted({key for keys in split.values() for key in keys} - set(known)):
        raise DatasetError(f"the split names songs that are not there: {_listed(missing)}")
    parts = {part: [known[key] for key in keys] for part, keys in split.items()}
    found = [
        leak for one, other in combinations(parts, 2) for leak in leaks(one, parts[one], other, parts[other])
    ]
    if found:
        raise DatasetError(f"the split leaks ({len(found)} times): {_listed(found, '; ')}")


def _targets(sizes: Mapping[str, Size], n_songs: int) -> dict[str, int]:
    """Return the number of songs of each part, smallest part first and the rest last."""
    targets: dict[str, int] = {}
    for part, size in sizes.items():
        if size is not None and not (size >= 0 and (isinstance(size, int) or size < 1)):
            raise ParameterError(
                f"size of {part!r} must be a number of songs or a fraction below 1, got {size}"
            )
        if size is not None:
            targets[part] = size if isinstance(size, int) else round(size * n_songs)
    spare = n_songs - sum(targets.values())
    # Rounding up each of several fractions may ask for a song too many.
    if -len(sizes) < spare < 0 and not any(isinstance(size, int) for size in sizes.values()):
        targets[max(targets, key=lambda part: targets[part])] += spare
        spare = 0
    rest = [part for part, size in sizes.items() if size is None]
    if spare < 0 or len(rest) > 1 or not sizes:
        raise ParameterError(
            f"sizes {dict(sizes)} need {sum(targets.values())} songs and there are {n_songs}; "
            "ask for fewer, and for the rest in one part at most"
        )
    targets |= dict.fromkeys(rest, spare)
    return dict(sorted(targets.items(), key=lambda item: (sizes[item[0]] is None, item[1])))


def _assign(
    order: np.ndarray,
    groups: list[list[int]],
    targets: Mapping[str, int],
    rest: str | None,
    *,
    spread: bool,
) -> dict[str, list[int]]:
    """Fill the parts, smallest first, with the groups that still fit in the given order, then the rest.

    ``spread`` gives each part one group before any is filled, where few groups are small enough.
    """
    parts: dict[str, list[int]] = {part: [] for part in targets}
    left = [groups[k] for k in order]
    for one_each in (True, False) if spread else (False,):
        for part, target in targets.items():
            later: list[list[int]] = []
            for group in left:
                fits = part == rest or len(parts[part]) + len(group) <= target
                if fits and not (one_each and (parts[part] or part == rest)):
                    parts[part] += group
                else:
                    later.append(group)
            left = later
    return parts


def _instrument_matrix(songs: Sequence[Entry]) -> np.ndarray:
    """Return which song has which instrument, bool ``(n_songs, n_instruments)``."""
    labels = sorted({label for song in songs for label in song.instruments})
    return np.array([[label in song.instruments for label in labels] for song in songs], dtype=bool)


def _cost(
    parts: Mapping[str, list[int]], targets: Mapping[str, int], has: np.ndarray
) -> tuple[int, int, float]:
    """Return how bad an assignment is: parts left empty, then songs missing, then unlike instruments."""
    empty = sum(targets[part] > 0 and not members for part, members in parts.items())
    # The rest may hold more than its target, which must not hide what the others lack.
    missing = sum(max(0, targets[part] - len(members)) for part, members in parts.items())
    used = [members for members in parts.values() if members]
    shares = [np.abs(has[members].mean(axis=0) - has.mean(axis=0)).sum() for members in used]
    return empty, missing, float(sum(shares))


def _listed(texts: Iterable[str], separator: str = ", ", limit: int = 10) -> str:
    texts = list(texts)
    more = f"{separator}and {len(texts) - limit} more" if len(texts) > limit else ""
    return separator.join(texts[:limit]) + more

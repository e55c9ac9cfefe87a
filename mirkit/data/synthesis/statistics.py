"""What is in a synthesised set: prevalence, textures, form, tempo, loudness."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirkit.annotation import Taxonomy
from mirkit.errors import DatasetError

REAL_SHARES = {
    "acoustic guitar": 0.252, "clean electric guitar": 0.335, "distorted electric guitar": 0.46,
        "electric bass": 0.689,
    "double bass": 0.068, "drum set": 0.886, "tabla": 0.02, "piano": 0.247, "electronic organ": 0.072,
    "synthesizer": 0.337, "violin": 0.094, "cello": 0.05, "flute": 0.022, "clarinet": 0.046,
        "saxophone": 0.048,
    "trumpet": 0.039, "male singer": 0.569, "female singer": 0.223,
}  # fmt: skip
"""Share of the 457 bleed-free songs of MedleyDB and Mixing Secrets that have each class, from their
metadata."""


def describe(folder: str | os.PathLike[str], *, taxonomy: str = "instruments18") -> dict[str, Any]:
    """Return the statistics of a folder that `synthesize` filled.

    Parameters
    ----------
    folder : path
    taxonomy : str
        Classes to count.

    Returns
    -------
    dict
        Plain values for JSON: ``n_songs``, ``hours``, ``classes`` (share of songs, active hours),
        ``n_classes``
        (songs by number of classes), ``styles``, ``pieces`` (songs by family of the piece),
        ``families``, ``keys``, and mean, deviation and quartiles of ``tempo_bpm``, ``section_s``,
        ``rms_db``.

    Raises
    ------
    DatasetError
        If there is no song.
    """
    songs = [_read(path) for path in sorted(Path(folder).glob("*/*_METADATA.yaml"))]
    if not songs:
        raise DatasetError(f"{os.fspath(folder)}: no */*_METADATA.yaml; give a folder that synthesize filled")
    classes = Taxonomy.load(taxonomy)
    lengths_s = [song["sections"][-1]["end_s"] for song in songs]
    has: Counter[str] = Counter()
    active_s: Counter[str] = Counter()
    textures: Counter[int] = Counter()
    for song, length_s in zip(songs, lengths_s, strict=True):
        shares = _shares(song["stems"].values(), classes)
        has.update(shares)
        textures[len(shares)] += 1
        active_s.update({label: share * length_s for label, share in shares.items()})
    sections_s = [s["end_s"] - s["start_s"] for song in songs for s in song["sections"]]
    return {
        "n_songs": len(songs),
        "hours": round(sum(lengths_s) / 3600, 3),
        "classes": {
            label: {"songs": round(has[label] / len(songs), 3), "active_hours": round(active_s[label] / 3600,
                3),
                    "real_songs": REAL_SHARES.get(label)}
            for label in classes.labels
        },
        "n_classes": dict(sorted(textures.items())),
        "styles": _by(songs, "genre"),
        "pieces": dict(Counter(song["piece"]["family"] for song in songs if song.get("piece")).most_common()),
        "families": dict(Counter(f for song in songs for f in song["families"]).most_common()),
        "keys": dict(Counter(song["key"] for song in songs).most_common()),
        "metres": dict(Counter(song["metre"] for song in songs).most_common()),
        "tempo_bpm": _summary([song["tempo_bpm"] for song in songs]),
        "section_s": _summary(sections_s),
        "rms_db": _summary([song["rms_db"] for song in songs]),
    }  # fmt: skip


def to_markdown(statistics: Mapping[str, Any]) -> str:
    """Return the statistics as text with a table of classes.

    Examples
    --------
    >>> row = {"songs": 0.5, "active_hours": 0.02, "real_songs": 0.022}
    >>> print(to_markdown({"n_songs": 2, "hours": 0.1, "classes": {"flute": row}}).splitlines()[4])
    | flute | 0.50 | 0.02 | 0.02 |
    """
    lines = [f"{statistics['n_songs']} songs, {statistics['hours']} hours", ""]
    lines += ["| class | songs | active hours | songs in real sets |", "|---|---|---|---|"]
    for label, row in statistics["classes"].items():
        real = "-" if row["real_songs"] is None else f"{row['real_songs']:.2f}"
        lines.append(f"| {label} | {row['songs']:.2f} | {row['active_hours']:.2f} | {real} |")
    lines.append("")
    for name, value in statistics.items():
        if name not in {"n_songs", "hours", "classes"}:
            lines.append(f"- {name}: {', '.join(f'{key} {v}' for key, v in value.items())}")
    return "\n".join(lines) + "\n"


def check_families(parts: Mapping[str, Iterable[str | os.PathLike[str]]]) -> None:
    """Raise if songs of different parts share a family of sounds, or a piece.

    Parameters
    ----------
    parts : mapping of str to iterable of path
        Part's name to song folders.

    Raises
    ------
    DatasetError
        Naming the families and the parts; sounds from one source on both sides would flatter every test.
    """
    sides: dict[str, set[str]] = {}
    for part, folders in parts.items():
        for folder in folders:
            for path in Path(folder).glob("*_METADATA.yaml"):
                song = _read(path)
                piece = song.get("piece")
                names = [*song["families"], *([f"piece {piece['name']} {piece['digest']}"] if piece else [])]
                for name in names:
                    sides.setdefault(name, set()).add(part)
    leaks = [f"{family} ({', '.join(sorted(s))})" for family, s in sorted(sides.items()) if len(s) > 1]
    if leaks:
        raise DatasetError(
            f"parts share families of sounds: {'; '.join(leaks)}; render each part from its own families"
        )


def _read(path: Path) -> dict[str, Any]:
    from mirkit.data.metadata import read_yaml

    song = read_yaml(path)
    if missing := sorted({"families", "sections", "tempo_bpm", "key", "rms_db", "stems"} - set(song)):
        raise DatasetError(f"{path}: lacks {missing}; only songs that synthesize wrote can be described")
    return song


def _shares(stems: Iterable[Mapping[str, Any]], classes: Taxonomy) -> dict[str, float]:
    """The largest active share of each class that a song has."""
    shares: dict[str, float] = {}
    for stem in stems:
        label = classes.canonical(stem["instrument"])
        if label:
            shares[label] = max(shares.get(label, 0.0), float(stem["active_share"]))
    return shares


def _by(songs: Sequence[Mapping[str, Any]], key: str) -> dict[str, int]:
    return dict(Counter(song[key] for song in songs).most_common())


def _summary(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    found = {"mean": np.mean(values), "sd": np.std(values), "q25": low, "median": middle, "q75": high}
    return {name: round(float(value), 2) for name, value in found.items()}

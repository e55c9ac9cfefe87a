"""What is in a synthesised set: prevalence, textures, form, tempo, loudness, beside the real sets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirkit.annotation import Taxonomy
from mirkit.errors import DatasetError

REAL_SHARES = {
    "acoustic guitar": 0.252, "clean electric guitar": 0.335, "distorted electric guitar": 0.46,
    "electric bass": 0.689, "double bass": 0.068, "drum set": 0.886, "tabla": 0.02, "piano": 0.247,
    "electronic organ": 0.072, "synthesizer": 0.337, "violin": 0.094, "cello": 0.05, "flute": 0.022,
    "clarinet": 0.046, "saxophone": 0.048, "trumpet": 0.039, "male singer": 0.569, "female singer": 0.223,
}  # fmt: skip
"""Share of the 457 bleed-free songs of MedleyDB and Mixing Secrets that have each class, from metadata."""
REAL_N_CLASSES = {0: 0.018, 1: 0.02, 2: 0.057, 3: 0.166, 4: 0.258, 5: 0.223, 6: 0.158, 7: 0.083, 8: 0.017}
"""Share of the same songs by how many of the 18 classes they have; 8 stands for 8 and more."""
RAREST_SHARE = 0.17


def target_share(real_share: float) -> float:
    """Return the share of songs that the composer aims at for a class.

    Flatter than in real sets, so that rare classes can be learned: the geometric mean of the real share and
    one quarter, and at least one song in six.

    Examples
    --------
    >>> round(target_share(0.886), 2), target_share(0.02)
    (0.47, 0.17)
    """
    return max(RAREST_SHARE, float(np.sqrt(0.25 * real_share)))


def describe(folder: str | os.PathLike[str], *, taxonomy: str = "instruments18") -> dict[str, Any]:
    """Return the statistics of a folder that `synthesize` filled.

    Parameters
    ----------
    folder : path
        Holds the songs' folders.
    taxonomy : str
        Classes to count.

    Returns
    -------
    dict
        Plain values for JSON: ``n_songs``, ``hours``, ``classes`` (share of songs, target, active hours,
        share in real sets), ``n_classes`` (share of songs by number of classes), ``simultaneous`` (share of
        time by number of instruments that sound), ``keys``, ``metres``, ``tempo_bpm``, ``section_s``,
        ``rms_db`` (mean, deviation, quartiles), ``pieces`` (songs by family of the piece), and ``styles`` and
        ``families`` with the same for each.

    Raises
    ------
    DatasetError
        If there is no song.
    """
    songs = [_read(path) for path in sorted(Path(folder).glob("*/*_METADATA.yaml"))]
    if not songs:
        raise DatasetError(f"{os.fspath(folder)}: no */*_METADATA.yaml; give a folder that synthesize filled")
    classes = Taxonomy.load(taxonomy)
    for song in songs:
        song["shares"] = _shares(song["stems"].values(), classes)
    n_classes = Counter(len(song["shares"]) for song in songs)
    return {
        "n_songs": len(songs),
        "hours": round(sum(map(_length_s, songs)) / 3600, 3),
        "classes": {label: _class(songs, label) for label in classes.labels},
        "n_classes": {str(n): round(count / len(songs), 3) for n, count in sorted(n_classes.items())},
        "simultaneous": _simultaneous(songs),
        "keys": dict(Counter(song["key"] for song in songs).most_common()),
        "metres": dict(Counter(song["metre"] for song in songs).most_common()),
        **_spreads(songs),
        "pieces": dict(Counter(song["piece"]["family"] for song in songs if song.get("piece")).most_common()),
        "styles": _by(songs, lambda song: [song["genre"]]),
        "families": _by(songs, lambda song: song["families"]),
    }


def to_markdown(statistics: Mapping[str, Any]) -> str:
    """Return the statistics as text with tables: classes, textures, styles, families.

    Parameters
    ----------
    statistics : mapping
        From `describe`.
    """
    lines = [f"{statistics['n_songs']} songs, {statistics['hours']} hours", ""]
    lines += ["| class | songs | target | off target | active hours | songs in real sets |"]
    lines += ["|---|---|---|---|---|---|"]
    for label, row in statistics["classes"].items():
        aim = ["-", "-", "-"]
        if row["target"] is not None:
            aim = [
                f"{row['target']:.2f}",
                f"{row['songs'] / row['target'] - 1:+.0%}",
                f"{row['real_songs']:.2f}",
            ]
        lines.append(
            f"| {label} | {row['songs']:.2f} | {aim[0]} | {aim[1]} | {row['active_hours']:.2f} | {aim[2]} |"
        )
    lines += ["", "| classes in a song | share of songs | in real sets |", "|---|---|---|"]
    for n, share in statistics["n_classes"].items():
        lines.append(f"| {n} | {share:.2f} | {REAL_N_CLASSES.get(int(n), 0):.2f} |")
    lines += ["", "| instruments at a time | share of time |", "|---|---|"]
    lines += [f"| {n} | {share:.2f} |" for n, share in statistics["simultaneous"].items()]
    for name in ("styles", "families"):
        lines += ["", f"| {name} | songs | classes in a song | tempo, bpm | section, s | RMS, dB |"]
        lines += ["|---|---|---|---|---|---|"]
        for key, row in statistics[name].items():
            spread = [f"{row[k]['median']:.0f} ({row[k]['q25']:.0f} to {row[k]['q75']:.0f})" for k in SPREADS]
            lines.append(f"| {key} | {row['n_songs']} | {row['n_classes']:.1f} | {' | '.join(spread)} |")
    lines.append("")
    for name in ("pieces", "keys", "metres", *SPREADS):
        lines.append(f"- {name}: {', '.join(f'{key} {value}' for key, value in statistics[name].items())}")
    return "\n".join(lines) + "\n"


SPREADS = ("tempo_bpm", "section_s", "rms_db")


def _read(path: Path) -> dict[str, Any]:
    from mirkit.data.metadata import read_yaml

    song = read_yaml(path)
    needed = {"families", "sections", "tempo_bpm", "key", "rms_db", "stems", "simultaneous"}
    if missing := sorted(needed - set(song)):
        raise DatasetError(f"{path}: lacks {missing}; only songs that synthesize wrote can be described")
    return song


def _length_s(song: Mapping[str, Any]) -> float:
    return float(song["sections"][-1]["end_s"])


def _shares(stems: Iterable[Mapping[str, Any]], classes: Taxonomy) -> dict[str, float]:
    """The largest active share of each class that a song has."""
    shares: dict[str, float] = {}
    for stem in stems:
        label = classes.canonical(stem["instrument"])
        if label:
            shares[label] = max(shares.get(label, 0.0), float(stem["active_share"]))
    return shares


def _class(songs: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    real = REAL_SHARES.get(label)
    having = [song for song in songs if label in song["shares"]]
    active_s = sum(song["shares"][label] * _length_s(song) for song in having)
    return {
        "songs": round(len(having) / len(songs), 3),
        "target": None if real is None else round(target_share(real), 3),
        "active_hours": round(active_s / 3600, 3),
        "real_songs": real,
    }


def _simultaneous(songs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Share of the time by how many instruments sound, over songs of different lengths."""
    total: Counter[int] = Counter()
    for song in songs:
        for n, share in enumerate(song["simultaneous"]):
            total[n] += share * _length_s(song)
    whole = sum(total.values()) or 1.0
    return {str(n): round(seconds / whole, 3) for n, seconds in sorted(total.items())}


def _spreads(songs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    return {
        "tempo_bpm": _summary([song["tempo_bpm"] for song in songs]),
        "section_s": _summary([s["end_s"] - s["start_s"] for song in songs for s in song["sections"]]),
        "rms_db": _summary([song["rms_db"] for song in songs]),
    }


def _by(
    songs: Sequence[Mapping[str, Any]], keys: Callable[[Mapping[str, Any]], Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """The same figures for each style or family, most frequent first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for song in songs:
        for key in keys(song):
            groups.setdefault(key, []).append(song)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        key: {
            "n_songs": len(members),
            "n_classes": round(float(np.mean([len(song["shares"]) for song in members])), 2),
            **_spreads(members),
        }
        for key, members in ordered
    }


def _summary(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    found = {"mean": np.mean(values), "sd": np.std(values), "q25": low, "median": middle, "q75": high}
    return {name: round(float(value), 2) for name, value in found.items()}

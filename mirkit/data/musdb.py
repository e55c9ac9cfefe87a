"""MUSDB18 (``.stem.mp4``) and MUSDB18-HQ (folders of wav files)."""

from __future__ import annotations

from pathlib import Path

from mirkit.data.dataset import Problem, TrackSet
from mirkit.data.folder import PARTS, artist_and_title, is_hidden, read_songs
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem

__all__ = ["VALIDATION", "is_musdb", "read_musdb"]

STREAMS = ("mixture", "drums", "bass", "other", "vocals")
SUFFIX = ".stem.mp4"
SUBSETS = ("train", "test")

VALIDATION = (
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)
"""The 14 songs of ``train`` that are kept for validation; also in ``datasets/musdb18/split.json``."""


def is_musdb(root: Path) -> bool:
    """Return whether a folder has a ``train`` or ``test`` part in one of MUSDB's forms."""
    return any(_coded_files(root / subset) or _song_folders(root / subset) for subset in SUBSETS)


def read_musdb(root: str | Path) -> TrackSet:
    """Return the songs of MUSDB18 or MUSDB18-HQ.

    Parameters
    ----------
    root : str or Path
        Folder with ``train`` and ``test``, or one of the two. Validation songs may also lie in ``valid``,
        ``validation`` or ``val``.

    Returns
    -------
    TrackSet
        Ids are ``Artist - Title``. Parts are ``train`` (without the 14 validation songs), ``valid``
        and ``test``. No audio is opened. Songs whose files cannot be told apart by name are listed in
        ``problems``.

    Raises
    ------
    DatasetError
        If there is neither ``train`` nor ``test`` with songs.
    """
    root = Path(root)
    if not is_musdb(root):
        raise DatasetError(f"{root}: no songs; wanted train/*{SUFFIX} or train/<song>/mixture.wav, or test")
    items: list[MultiTrack] = []
    problems: list[Problem] = []
    splits: dict[str, list[str]] = {"valid": [], "train": [], "test": []}
    for folder, part in PARTS.items():
        songs, faults = _songs(root / folder)
        items += songs
        problems += faults
        for song in songs:
            kept = part == "train" and song.id in VALIDATION
            splits["valid" if kept else part].append(song.id)
    ordered = tuple(sorted(items, key=lambda item: item.id))
    named = {part: tuple(sorted(ids)) for part, ids in splits.items() if ids}
    return TrackSet(root.resolve().name, "musdb", root, ordered, named, tuple(problems))


def _songs(folder: Path) -> tuple[list[MultiTrack], tuple[Problem, ...]]:
    songs, problems = read_songs(_song_folders(folder))
    return [_coded(path) for path in _coded_files(folder)] + list(songs.values()), problems


def _coded_files(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"*{SUFFIX}") if not is_hidden(folder, path)]


def _song_folders(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("*/mixture.wav") if not is_hidden(folder, path)]


def _coded(path: Path) -> MultiTrack:
    name = path.name.removesuffix(SUFFIX)
    artist, title = artist_and_title(name)
    stems = tuple(Stem(label, (label,), path, stream) for stream, label in enumerate(STREAMS) if stream > 0)
    return MultiTrack(name, artist, stems, path, metadata={"title": title})

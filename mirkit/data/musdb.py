"""MUSDB18 (``.stem.mp4``) and MUSDB18-HQ (folders of wav files)."""

from __future__ import annotations

from pathlib import Path

from mirkit.data.dataset import TrackSet
from mirkit.data.folder import artist_and_title, song_of
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
    subsets = [root / subset for subset in SUBSETS]
    return any(any(subset.glob(f"*{SUFFIX}")) or any(subset.glob("*/mixture.wav")) for subset in subsets)


def read_musdb(root: str | Path) -> TrackSet:
    """Return the songs of MUSDB18 or MUSDB18-HQ.

    Parameters
    ----------
    root : str or Path
        Folder with ``train`` and ``test``, or one of the two.

    Returns
    -------
    TrackSet
        Ids are ``Artist - Title``. Parts are ``train`` (without the 14 validation songs), ``valid``
        and ``test``. No audio is opened.

    Raises
    ------
    DatasetError
        If there is neither ``train`` nor ``test`` with songs.
    """
    root = Path(root)
    if not is_musdb(root):
        raise DatasetError(f"{root}: no songs; wanted train/*{SUFFIX} or train/<song>/mixture.wav, or test")
    items: list[MultiTrack] = []
    splits: dict[str, tuple[str, ...]] = {}
    for subset in SUBSETS:
        songs = _songs(root / subset)
        items += songs
        ids = sorted(song.id for song in songs)
        if subset == "train":
            splits["valid"] = tuple(name for name in ids if name in VALIDATION)
            ids = [name for name in ids if name not in VALIDATION]
        splits[subset] = tuple(ids)
    ordered = tuple(sorted(items, key=lambda item: item.id))
    return TrackSet(
        root.resolve().name, "musdb", root, ordered, {part: ids for part, ids in splits.items() if ids}
    )


def _songs(folder: Path) -> list[MultiTrack]:
    coded = [_coded(path) for path in folder.glob(f"*{SUFFIX}")]
    return coded + [song_of(path.parent) for path in folder.glob("*/mixture.wav")]


def _coded(path: Path) -> MultiTrack:
    name = path.name.removesuffix(SUFFIX)
    artist, title = artist_and_title(name)
    stems = tuple(Stem(label, (label,), path, stream) for stream, label in enumerate(STREAMS) if stream > 0)
    return MultiTrack(name, artist, stems, path, metadata={"title": title})

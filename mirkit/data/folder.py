"""Any folder of songs with one file for each stem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mirkit.data.dataset import Problem, TrackSet
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem

__all__ = [
    "AUDIO_SUFFIXES",
    "PARTS",
    "artist_and_title",
    "instrument_of",
    "is_hidden",
    "read_folder",
    "read_songs",
    "song_of",
    "songs_with_audio",
]

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".m4a", ".mp4"})
PARTS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "test": "test"}
MIXES = frozenset({"mix", "mixture"})


def read_folder(root: str | Path) -> TrackSet:
    """Return the songs of a folder ``<song>/<instrument>.wav``.

    The name of a stem is its instrument, without leading or trailing numbers (``02_piano`` is a
    piano); ``mix`` or ``mixture`` is the mix. A song named ``Artist - Title`` has that artist. Songs may lie
    in ``train``, ``valid`` and ``test`` folders, and the folder may itself be one song.

    Parameters
    ----------
    root : str or Path
        Folder.

    Returns
    -------
    TrackSet
        No audio is opened. Songs whose files cannot be told apart by name are listed in ``problems``.

    Raises
    ------
    DatasetError
        If there is no sound file in it.
    """
    root = Path(root)
    folders = songs_with_audio(root)
    if not folders:
        raise DatasetError(f"{root}: no sound files; wanted <song>/<instrument>.wav")
    songs, problems = read_songs(folders)
    splits: dict[str, list[str]] = {}
    for path, song in songs.items():
        if path.parent != root.parent and path.parent.name in PARTS:
            splits.setdefault(PARTS[path.parent.name], []).append(song.id)
    items = sorted(songs.values(), key=lambda item: item.id)
    named = {part: tuple(sorted(ids)) for part, ids in splits.items()}
    return TrackSet(root.resolve().name, "folder", root, tuple(items), named, problems)


def read_songs(folders: Iterable[Path]) -> tuple[dict[Path, MultiTrack], tuple[Problem, ...]]:
    """Return the songs by their folders, and the problems of those that cannot be used."""
    songs: dict[Path, MultiTrack] = {}
    problems: list[Problem] = []
    for path in folders:
        try:
            songs[path] = song_of(path)
        except DatasetError as error:
            problems.append(Problem(str(path), "metadata", str(error).removeprefix(f"{path.name}: ")))
    return songs, tuple(problems)


def is_hidden(root: Path, path: Path) -> bool:
    """Return whether a path below a folder starts with a dot somewhere, as macOS's ``._song`` does."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def songs_with_audio(root: Path) -> list[Path]:
    """Return the folders that hold sound files: ``root`` itself, or those in it and in its parts."""
    if any(_audio_files(root)):
        return [root]
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    songs = [path for path in below if any(_audio_files(path))]
    for part in below:
        if part.name in PARTS:
            songs += [path for path in sorted(part.iterdir()) if path.is_dir() and any(_audio_files(path))]
    return songs


def _audio_files(path: Path) -> Iterator[Path]:
    files = (file for file in sorted(path.iterdir()) if file.suffix.lower() in AUDIO_SUFFIXES)
    return (file for file in files if not file.name.startswith(".") and file.is_file())


def song_of(path: Path) -> MultiTrack:
    """Return the song in a folder whose files are its stems."""
    files = list(_audio_files(path))
    mix = next((file for file in files if file.stem.lower() in MIXES), None)
    stems = tuple(Stem(file.stem, (instrument_of(file.stem),), file) for file in files if file != mix)
    artist, title = artist_and_title(path.absolute().name)
    return MultiTrack(path.absolute().name, artist, stems, mix, metadata={"title": title})


def instrument_of(stem_name: str) -> str:
    """Return the instrument that a file name names.

    Examples
    --------
    >>> instrument_of("02_electric_bass"), instrument_of("violin 2"), instrument_of("808")
    ('electric bass', 'violin', '808')
    """
    words = re.sub(r"[\s_]+", " ", stem_name).strip()
    return re.sub(r"^\d+[ .-]*|[ .-]*\d+$", "", words) or words


def artist_and_title(name: str) -> tuple[str, str]:
    """Return the artist and the title in ``Artist - Title``; the artist is empty if there is none.

    Examples
    --------
    >>> artist_and_title("Music Delta - 80s Rock"), artist_and_title("demo")
    (('Music Delta', '80s Rock'), ('', 'demo'))
    """
    artist, dash, title = name.partition(" - ")
    return (artist.strip(), title.strip()) if dash else ("", name.strip())

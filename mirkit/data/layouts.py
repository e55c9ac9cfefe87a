"""Which layout a folder has, and the reader for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mirkit._reading import reading
from mirkit.data.dataset import TrackSet
from mirkit.data.folder import read_folder, songs_with_audio
from mirkit.data.medleydb import metadata_files, read_medleydb
from mirkit.data.musdb import is_musdb, read_musdb
from mirkit.data.slakh import is_slakh, read_slakh
from mirkit.errors import DatasetError

__all__ = ["LAYOUTS", "open_dataset", "read_split"]

LAYOUTS = """\
medleydb, mixing_secrets  <song>/<song>_METADATA.yaml beside <song>_STEMS/ and <song>_MIX.wav
musdb                     train/, test/, valid/ of *.stem.mp4, or of <song>/mixture.wav and its four stems
slakh                     [train/]TrackNNNNN/metadata.yaml beside stems/SNN.flac and mix.flac
folder                    <song>/<instrument>.wav"""


def open_dataset(path: str | Path, *, strict: bool = True) -> TrackSet:
    """Return the songs of a folder, whichever layout it has; ``layout`` says which was seen.

    Parts that the folder defines (``train/``, ``test/``) or that a ``split.json`` in it names are
    available by `TrackSet.split`.

    Parameters
    ----------
    path : str or Path
        Folder of a data set.
    strict : bool
        Raise an error if the metadata or the files of a song cannot be used. Otherwise such songs are
        left out and named in ``problems``.

    Returns
    -------
    TrackSet
        No audio is opened.

    Raises
    ------
    DatasetError
        If it is no folder, its layout is not known, or (``strict``) a song's metadata is faulty.
    """
    root = Path(path)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder of a data set")
    reader = _reader(root)
    if reader is None:
        raise DatasetError(f"{root}: no layout recognised; known are\n{LAYOUTS}")
    found = reader(root)
    if strict and found.problems:
        more = f" ({len(found.problems)} songs in all)" if len(found.problems) > 1 else ""
        raise DatasetError(f"{found.problems[0]}{more}; 'mirkit data validate {root}' lists every fault")
    if (root / "split.json").is_file():
        found = replace(found, splits={**found.splits, **read_split(root / "split.json")})
    return found


def _reader(root: Path) -> Callable[[Path], TrackSet] | None:
    if metadata_files(root):
        return read_medleydb
    if is_slakh(root):
        return read_slakh
    if is_musdb(root):
        return read_musdb
    return read_folder if songs_with_audio(root) else None


def read_split(path: str | Path) -> Mapping[str, tuple[str, ...]]:
    """Return the parts of a split file, JSON ``{"train": [ids], "valid": [...], "test": [...]}``.

    Parameters
    ----------
    path : str or Path
        File, as `mirkit.data.splits.write_split` writes it.

    Returns
    -------
    mapping of str to tuple of str

    Raises
    ------
    DatasetError
        If the file is not such a mapping.
    """
    with reading(path, DatasetError, "a split in JSON"):
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    listed = isinstance(content, dict) and all(isinstance(ids, list) for ids in content.values())
    if not listed or not all(isinstance(name, str) for ids in content.values() for name in ids):
        raise DatasetError(
            f'{path}: not a split; wanted {{"train": ["id", ...], "valid": [...], "test": [...]}}'
        )
    return {name: tuple(ids) for name, ids in content.items()}

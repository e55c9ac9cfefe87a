"""Inputs to result folders: finding sound files, naming results, recording how they were made."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mirkit
from mirkit.errors import AudioError, MirkitError
from mirkit.parallel import Shard

if TYPE_CHECKING:
    from mirkit.multitrack import MultiTrack

SUFFIXES = frozenset(
    {
        ".wav",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aiff",
        ".aif",
        ".aifc",
        ".w64",
        ".rf64",
        ".caf",
        ".au",
    }
    | {".m4a", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".mov"}
)
"""Files taken from a folder; a file that is named is tried whatever its suffix."""


MODEL = "config.json"
"""What tells the folder of a model from others."""
Version = tuple[int, int, int, int]
"""Device, inode, size and time of change: what tells one state of a file from another."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file, and the folder for its results: all that a worker needs to know of the batch."""

    path: Path
    folder: Path

    def __str__(self) -> str:
        return str(self.path)


def sound_files(inputs: Sequence[Path], *, recursive: bool) -> list[Path]:
    """Return files as they are and the sound files of folders; missing ones stay, to fail by name."""
    found: dict[Path, None] = {}
    for path in inputs:
        if not path.is_dir():
            found[path] = None
            continue
        inside = sorted(path.rglob("*") if recursive else path.iterdir())
        sounds = [
            item for item in inside if item.suffix.lower() in SUFFIXES and not item.name.startswith(".")
        ]
        found |= dict.fromkeys(sounds or [path])
    return list(found)


def result_folders(inputs: Sequence[Path], output: Path) -> dict[Path, Path]:
    """Return a folder below ``output`` for each input, named after the file, with no name used twice."""
    stems = Counter(path.stem for path in inputs)
    folders: dict[Path, Path] = {}
    taken: set[str] = set()
    for path in inputs:
        name = path.stem if stems[path.stem] == 1 else path.name
        while name in taken:
            name += "_"
        taken.add(name)
        folders[path] = output / name
    return folders


def batch(inputs: Sequence[Path], output: Path, shard: Shard | None) -> list[Input]:
    """Return the inputs with their folders, or a shard of them: names are the same in all shards."""
    folders = result_folders(inputs, output)
    items = [Input(path, folders[path]) for path in inputs]
    return items if shard is None else shard.of(items)


def check_input(path: Path) -> Version:
    """Return which version of a file is read; `AudioError` for what cannot be a sound file."""
    if path.is_dir():
        raise AudioError(f"{path}: no sound files in this folder; give files, or --recursive to look deeper")
    if not path.exists():
        raise AudioError(f"{path}: no such file or folder")
    return _version(path)


def _version(path: Path) -> Version:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_existing(path: Path, existing: str, *, mark: str | None = None) -> bool:
    """Return whether to go on: False to skip; `MirkitError` if the output is there and must not be.

    A folder is a result if it holds the file ``mark``. Another one, unless it is empty, is neither taken for
    finished nor replaced: nobody wants to lose a folder that only has the name of a sound file.
    """
    if not path.exists():
        check_writable(path)
        return True
    if path.is_dir():
        if not any(path.iterdir()):
            return True
        if mark is None or not (path / mark).is_file():
            holds = f"does not hold {mark}" if mark else "is a folder"
            raise MirkitError(f"{path}: is already there and {holds}; give another --output")
    if existing == "overwrite":
        return True
    if existing == "skip":
        return False
    raise MirkitError(f"{path}: is already there; use --existing overwrite or skip, or another --output")


def skipped(path: Path, *, as_json: bool = False) -> None:
    """Say that a single result is left as it is."""
    told = {"output": str(path), "skipped": True}
    click.echo(json.dumps(told) if as_json else f"{path}: already there, skipped")


def check_writable(path: Path) -> None:
    """Raise before any work if nothing can be written there."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise MirkitError(f"{path}: cannot be written, {folder} is a file; give another --output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise MirkitError(f"{path}: cannot be written, {folder} is read-only; give another --output")


def note_unknown_instruments(songs: Iterable[MultiTrack]) -> None:
    """Say which instruments no taxonomy knows: they may be any class, so they count as unknown."""
    from mirkit.data.validation import unknown_instruments

    found = {raw: song.id for song, _, raw in unknown_instruments(songs)}
    for raw, song in sorted(found.items()):
        click.echo(f"note: {song}: instrument {raw!r} is not known and may be any; is it misspelt?", err=True)


def run_record(path: Path, version: Version, arguments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the content of ``run.json``: what made a result, from what.

    `AudioError` if the file is not the version any more that `check_input` saw: nobody knows then what the
    result is of.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _version(path) != version:
        raise AudioError(f"{path}: was changed while it was being read; run again when it is complete")
    return {
        "mirkit_version": mirkit.__version__,
        "input": {"path": str(path), "sha256": digest},
        "arguments": dict(arguments),
        **more,
    }


def check_folder(path: Path) -> None:
    """Raise a usage error if an output folder cannot be one."""
    if path.exists() and not path.is_dir():
        raise click.UsageError(f"--output {path} is a file; give a folder")

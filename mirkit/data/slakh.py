"""Slakh2100, Slakh2100-redux and BabySlakh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirkit.data.dataset import Problem, TrackSet
from mirkit.data.folder import PARTS
from mirkit.data.metadata import inside, read_yaml, text
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem

__all__ = ["instrument_of_program", "is_slakh", "read_slakh"]

# Last General MIDI program (from 0) of each run -> source label. Where a program does not tell one
# of MedleyDB's instruments, the label is one that the taxonomies call ambiguous or outside.
PROGRAMS = {
    3: "piano", 5: "electric piano", 6: "harpsichord", 7: "clavinet", 8: "bell", 9: "glockenspiel",
    10: "bell", 11: "vibraphone", 12: "marimba", 13: "xylophone", 14: "bell", 15: "dulcimer",
    18: "electronic organ", 19: "pipe organ", 20: "harmonium", 21: "accordion", 22: "harmonica",
    23: "bandoneon", 25: "acoustic guitar", 28: "clean electric guitar", 30: "distorted electric guitar",
    31: "electric guitar", 32: "double bass", 37: "electric bass", 39: "bass synth", 40: "violin",
    41: "viola", 42: "cello", 43: "double bass", 45: "string section", 46: "harp", 47: "timpani",
    51: "string section", 54: "choir", 55: "sample", 56: "trumpet", 57: "trombone", 58: "tuba", 59: "trumpet",
    60: "french horn", 61: "brass section", 63: "synthesizer", 64: "soprano saxophone", 65: "alto saxophone",
    66: "tenor saxophone", 67: "baritone saxophone", 68: "oboe", 69: "english horn", 70: "bassoon",
    71: "clarinet", 72: "piccolo", 73: "flute", 74: "recorder", 75: "panpipes", 77: "bamboo flute",
    78: "whistle", 79: "recorder", 103: "synthesizer", 104: "sitar", 105: "banjo", 107: "oud", 108: "kalimba",
    109: "bagpipe", 110: "violin", 111: "oboe", 112: "bell", 113: "cowbell", 115: "woodblock", 116: "taiko",
    118: "toms", 127: "fx/processed sound",
}  # fmt: skip


def instrument_of_program(program: int) -> str:
    """Return the source label of a General MIDI program.

    Parameters
    ----------
    program : int
        0 to 127.

    Returns
    -------
    str
        In MedleyDB's vocabulary where it has the instrument.

    Examples
    --------
    >>> instrument_of_program(0), instrument_of_program(33), instrument_of_program(81)
    ('piano', 'electric bass', 'synthesizer')
    """
    return next((label for last, label in PROGRAMS.items() if program <= last), "Unlabeled")


def is_slakh(root: Path) -> bool:
    """Return whether a folder holds ``TrackNNNNN/metadata.yaml``, in parts or not."""
    return bool(_metadata_files(root))


def read_slakh(root: str | Path) -> TrackSet:
    """Return the songs of Slakh2100 or one of its variants.

    Parameters
    ----------
    root : str or Path
        Folder of ``TrackNNNNN`` folders, or of ``train``, ``validation``, ``test`` (and ``omitted``).

    Returns
    -------
    TrackSet
        Songs made from the same MIDI file have the same artist, the file's hash, so a split by artist
        keeps them together. Stems that the data set marks as not rendered are left out. No audio is
        opened.

    Raises
    ------
    DatasetError
        If there is no ``TrackNNNNN/metadata.yaml``.
    """
    root = Path(root)
    files = _metadata_files(root)
    if not files:
        raise DatasetError(f"{root}: no Track*/metadata.yaml; wanted [train/]TrackNNNNN/metadata.yaml")
    items: list[MultiTrack] = []
    problems: list[Problem] = []
    splits: dict[str, list[str]] = {}
    for path in files:
        try:
            items.append(_song(root, path))
        except DatasetError as error:
            problems.append(Problem(str(path), "metadata", str(error).removeprefix(f"{path}: ")))
            continue
        part = path.parent.parent.name
        if part in PARTS and path.parent.parent != root:
            splits.setdefault(PARTS[part], []).append(path.parent.name)
    ordered = tuple(sorted(items, key=lambda item: item.id))
    named = {part: tuple(sorted(ids)) for part, ids in splits.items()}
    return TrackSet(root.resolve().name, "slakh", root, ordered, named, tuple(problems))


def _metadata_files(root: Path) -> list[Path]:
    return sorted(root.glob("Track*/metadata.yaml")) + sorted(root.glob("*/Track*/metadata.yaml"))


def _song(root: Path, path: Path) -> MultiTrack:
    metadata = read_yaml(path)
    entries = metadata.get("stems")
    if not isinstance(entries, dict):
        raise DatasetError(f"{path}: 'stems' is missing or no mapping; wanted 'stems: {{S00: ...}}'")
    folder = path.parent
    suffix = ".wav" if (folder / "mix.wav").exists() else ".flac"  # BabySlakh is wav
    stems = tuple(
        Stem(text(key), (_instrument(entry),), inside(root, folder / "stems" / f"{key}{suffix}"))
        for key, entry in entries.items()
        if isinstance(entry, dict) and entry.get("audio_rendered", True)
    )
    artist = text(metadata.get("UUID")) or folder.name
    return MultiTrack(folder.name, artist, stems, folder / f"mix{suffix}", metadata=metadata)


def _instrument(entry: dict[str, Any]) -> str:
    if entry.get("is_drum"):
        return "drum set"
    program = entry.get("program_num")
    return instrument_of_program(program) if isinstance(program, int) else text(entry.get("inst_class"))

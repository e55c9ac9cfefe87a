"""MedleyDB and every data set in its layout, such as Mixing Secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirkit.data.dataset import Problem, TrackSet
from mirkit.data.folder import is_hidden
from mirkit.data.metadata import OutsideError, inside, read_yaml, text
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem

__all__ = ["metadata_files", "read_medleydb"]

METADATA = "_METADATA.yaml"
CONFIDENCE = "_ACTIVATION_CONF.lab"
SOURCE_ID = "_SOURCEID.lab"

# Where metadata lies in the releases and the annotation repositories; the first found wins.
METADATA_PLACES = ("Metadata", "metadata", ".", "*", "Audio/*", "*/*", "*/*/*", "*/*/*/*")
ANNOTATION_PLACES = (
    "Annotations/Activation_Confidence/v2",
    "Annotations/Activation_Confidence/original",
    "Annotations/Activation_Confidence",
    "Annotations",
    "annotations",
)
AUDIO_PLACES = ("Audio", ".", "V1", "V2", "Audio/V1", "Audio/V2", "Medley_Format/Audio")
MIX_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a")


def read_medleydb(root: str | Path) -> TrackSet:
    """Return the songs of a folder in MedleyDB's layout.

    Understood are the releases (``Audio/<ID>/<ID>_METADATA.yaml`` with ``<ID>_STEMS`` and
    ``<ID>_MIX.wav``), trees with the metadata in a ``Metadata`` and the labels in an ``Annotations``
    folder, one folder for each song, a single song's folder, and a flat folder of annotations
    without audio. Mixing Secrets, which keeps the names of the raw files, is recognised by the
    ``origin`` of its songs and gets the layout name ``mixing_secrets``.

    Parameters
    ----------
    root : str or Path
        Folder.

    Returns
    -------
    TrackSet
        No audio is opened. Songs whose metadata cannot be used are listed in ``problems``.

    Raises
    ------
    DatasetError
        If there is no ``*_METADATA.yaml`` at all.
    """
    root = Path(root)
    files = metadata_files(root)
    if not files:
        raise DatasetError(f"{root}: no *{METADATA}; wanted MedleyDB's layout, <song>/<song>{METADATA}")
    items: list[MultiTrack] = []
    problems: list[Problem] = []
    for name, path in sorted(files.items()):
        try:
            items.append(_song(root, name, path))
        except DatasetError as error:
            kind = "escape" if isinstance(error, OutsideError) else "metadata"
            problems.append(Problem(str(path), kind, str(error).removeprefix(f"{path}: ")))
    secrets = sum(item.metadata.get("origin") == "Mixing Secrets" for item in items)
    layout = "mixing_secrets" if 2 * secrets > len(items) else "medleydb"
    return TrackSet(root.resolve().name, layout, root, tuple(items), problems=tuple(problems))


def metadata_files(root: Path) -> dict[str, Path]:
    """Return the metadata file of each song id below a folder."""
    files: dict[str, Path] = {}
    for place in METADATA_PLACES:
        for path in sorted(root.glob(f"{place}/*{METADATA}")):
            if not is_hidden(root, path):
                files.setdefault(path.name.removesuffix(METADATA), path)
    return files


def _song(root: Path, name: str, path: Path) -> MultiTrack:
    metadata = read_yaml(path)
    if not isinstance(metadata.get("stems"), dict) or not metadata["stems"]:
        raise DatasetError(
            f"{path}: 'stems' is missing or no mapping; wanted 'stems: {{S01: {{filename: ...}}}}'"
        )
    folder = _audio_folder(root, name, path)
    stem_folder = folder / (text(metadata.get("stem_dir")) or f"{name}_STEMS")
    raw_folder = folder / (text(metadata.get("raw_dir")) or f"{name}_RAW")
    stems = tuple(
        _stem(root, path, text(key), entry, stem_folder, raw_folder)
        for key, entry in metadata["stems"].items()
    )
    return MultiTrack(
        id=name,
        artist=text(metadata.get("artist")),
        stems=stems,
        mix_path=_mix(root, folder, text(metadata.get("mix_filename"))),
        activity_path=annotation_file(root, name, path.parent, folder),
        metadata={**metadata, "metadata_path": str(path)},
    )


def _stem(root: Path, path: Path, key: str, entry: Any, stem_folder: Path, raw_folder: Path) -> Stem:
    if not isinstance(entry, dict) or not text(entry.get("filename")):
        raise DatasetError(f"{path}: stem {key} has no 'filename'")
    instrument = entry.get("instrument")
    labels = instrument if isinstance(instrument, list) else [instrument]
    file = inside(root, stem_folder / text(entry["filename"]))
    if not file.exists():  # Mixing Secrets: most stems are raw files under their own name
        raw = inside(root, raw_folder / text(entry["filename"]))
        file = raw if raw.exists() else file
    return Stem(key, tuple(text(label) for label in labels if text(label)), file)


def _mix(root: Path, folder: Path, filename: str) -> Path | None:
    if not filename:
        return None
    path = inside(root, folder / filename)
    # Mixing Secrets' mixes are mp3
    others = (inside(root, path.with_suffix(suffix)) for suffix in MIX_SUFFIXES)
    return path if path.exists() else next((other for other in others if other.exists()), path)


def _audio_folder(root: Path, name: str, metadata_path: Path) -> Path:
    beside = metadata_path.parent
    if (beside / f"{name}_STEMS").is_dir() or beside.name == name:
        return beside
    return next((root / place / name for place in AUDIO_PLACES if (root / place / name).is_dir()), beside)


def annotation_file(root: Path, name: str, *beside: Path, suffix: str = CONFIDENCE) -> Path | None:
    """Return the annotation of a song: beside its metadata or audio, or in an annotation folder."""
    places = [*beside, *(root / place for place in ANNOTATION_PLACES)]
    return next(
        (place / f"{name}{suffix}" for place in places if (place / f"{name}{suffix}").is_file()), None
    )

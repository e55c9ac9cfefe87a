"""From a folder of raw tracks to a multitrack in MedleyDB's layout, as Mixing Secrets was made."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import replacing, write_text
from mirkit.activation import CONFIDENCE_HOP_S, CONFIDENCE_RATE, activation_confidence
from mirkit.annotation import ActivityAnnotation, Taxonomy
from mirkit.audio import Audio
from mirkit.data.folder import AUDIO_SUFFIXES, MIXES, artist_and_title
from mirkit.data.medleydb import CONFIDENCE, METADATA, SOURCE_ID
from mirkit.data.raw_names import MERGED, instrument_of_raw, merged_stem, words_of
from mirkit.dsp import FrameGrid
from mirkit.errors import DatasetError

__all__ = ["Annotated", "annotate", "check_target", "song_id"]

BLOCK_S = 10.0
TAXONOMIES = ("instruments18", "stems6")


@dataclass(frozen=True, slots=True)
class Annotated:
    """What `annotate` made.

    Parameters
    ----------
    id : str
        Song id, also the name of the folder.
    folder : Path
        The multitrack.
    n_stems : int
        Number of stems.
    unmapped : tuple of str
        Labels guessed from file names that no bundled taxonomy knows.
    """

    id: str
    folder: Path
    n_stems: int
    unmapped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A stem to be made: one raw file as it is, or several averaged."""

    id: str
    filename: str
    instrument: tuple[str, ...]
    raws: tuple[Path, ...]
    merged: bool


def annotate(
    folder: str | Path,
    output: str | Path,
    *,
    artist: str | None = None,
    title: str | None = None,
    instruments: Mapping[str, str | Sequence[str]] | None = None,
    has_bleed: bool = False,
) -> Annotated:
    """Return what was made of a folder of raw tracks: a multitrack with metadata and activity labels.

    The rule of Mixing Secrets: raw tracks of the drum kit are averaged into one stem, likewise those
    of synthesizers, loops and sound effects; every other raw track is a stem under its own name.
    Written are ``<ID>_METADATA.yaml``, ``<ID>_STEMS``, ``<ID>_RAW`` (the tracks that were averaged), the
    mix if the folder has one (``mix.*``, ``mixture.*``), ``<ID>_ACTIVATION_CONF.lab`` and
    ``<ID>_SOURCEID.lab``. The folder appears complete or not at all. Audio is streamed.

    Parameters
    ----------
    folder : str or Path
        Raw tracks, named ``NN_Name.wav``.
    output : str or Path
        Folder in which ``<ID>`` is made; an existing ``<ID>`` is replaced if it holds
        ``<ID>_METADATA.yaml`` or nothing.
    artist, title : str, optional
        By default those of a folder name ``Artist - Title`` or ``Artist_Title``.
    instruments : mapping of str to str or sequence of str, optional
        Raw file name, with or without suffix, to its source labels, where the name does not tell them: a
        name never tells male from female singers.
    has_bleed : bool
        Whether the raw tracks hold sound of each other.

    Returns
    -------
    Annotated

    Raises
    ------
    DatasetError
        If the folder has no sound files, ``instruments`` names a file that is not there, or ``<ID>`` is
        something else that would be lost: the raw tracks themselves, a folder around them, or what this
        function did not make.
    AudioError
        If a raw track cannot be read.
    """
    folder = Path(folder)
    files = _sound_files(folder)
    mix = next((file for file in files if file.stem.lower() in MIXES), None)
    raws = [file for file in files if file != mix]
    if not raws:
        raise DatasetError(f"{folder}: no raw tracks; wanted sound files named NN_Name.wav")
    artist, title = _names(folder, artist, title)
    name = song_id(folder, artist=artist, title=title)
    check_target(folder, Path(output) / name)
    plans, unmapped = _plans(name, raws, instruments or {})
    with replacing(Path(output) / name, folder=True) as song:
        stems, merged = song / f"{name}_STEMS", song / f"{name}_RAW"
        stems.mkdir()
        merged.mkdir()
        for plan in plans:
            _write_stem(plan, stems, merged)
        mix_filename = f"{name}_MIX{mix.suffix.lower()}" if mix else ""
        if mix:
            shutil.copyfile(mix, song / mix_filename)
        metadata = _metadata(name, artist, title, plans, mix_filename, has_bleed)
        _write_annotations(song, name, stems, plans)
        _write_yaml(song / f"{name}{METADATA}", metadata)
    return Annotated(name, Path(output) / name, len(plans), tuple(unmapped))


def song_id(folder: str | Path, *, artist: str | None = None, title: str | None = None) -> str:
    """Return the id that `annotate` gives a song, in MedleyDB's spelling ``ArtistName_SongTitle``.

    Parameters
    ----------
    folder : str or Path
        Raw tracks.
    artist, title : str, optional
        By default those of the folder's name.

    Returns
    -------
    str

    Examples
    --------
    >>> song_id("The Band - Let's go"), song_id("raw", artist="Liz Nelson", title="Rainfall")
    ('TheBand_LetsGo', 'LizNelson_Rainfall')
    """
    artist, title = _names(Path(folder), artist, title)
    return f"{_camel(artist)}_{_camel(title)}" if artist else _camel(title)


def check_target(folder: str | Path, target: str | Path) -> None:
    """Raise an error if a multitrack cannot take its place without loss; else return nothing.

    Parameters
    ----------
    folder : str or Path
        Raw tracks.
    target : str or Path
        The multitrack that is to be made of them, ``<output>/<ID>``.

    Raises
    ------
    DatasetError
        If ``target`` is the folder of the raw tracks or holds it, is a file, or holds files but not its
        own metadata.
    """
    folder, target = Path(folder), Path(target)
    if not target.exists():
        return
    whole = folder.resolve()
    if any(target.samefile(one) for one in (whole, *whole.parents) if one.exists()):
        raise DatasetError(
            f"{target}: the multitrack of {folder} would replace its raw tracks; give another output folder"
        )
    if not target.is_dir():
        raise DatasetError(f"{target}: is a file; move it, or give another output folder")
    if any(target.iterdir()) and not (target / f"{target.name}{METADATA}").is_file():
        raise DatasetError(
            f"{target}: is already there and does not hold {target.name}{METADATA}, so it is no multitrack "
            "made here; give another output folder"
        )


def _sound_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give a folder of raw tracks")
    files = (file for file in folder.iterdir() if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file())
    return sorted(file for file in files if not file.name.startswith("."))


def _names(folder: Path, artist: str | None, title: str | None) -> tuple[str, str]:
    name = folder.absolute().name
    guessed = artist_and_title(name if " - " in name else name.replace("_", " - ", 1))
    return guessed[0] if artist is None else artist, guessed[1] if title is None else title


def _camel(name: str) -> str:
    """Return ``LetMeGo`` for ``Let me go!``, the spelling of MedleyDB's ids."""
    words = re.findall(r"\w+", name.replace("'", "").replace("_", " "))
    return "".join(word[0].upper() + word[1:] for word in words) or "Untitled"


def _plans(
    name: str, raws: Sequence[Path], instruments: Mapping[str, str | Sequence[str]]
) -> tuple[list[_Plan], list[str]]:
    if wrong := sorted(set(instruments) - {raw.name for raw in raws} - {raw.stem for raw in raws}):
        raise DatasetError(
            f"{raws[0].parent}: labels are given for {', '.join(wrong)}, which are not among the files"
        )
    taxonomies = tuple(Taxonomy.load(one) for one in TAXONOMIES)
    groups: dict[str, list[Path]] = {stem: [] for stem in MERGED}
    plans: list[tuple[str, tuple[str, ...], list[Path], bool]] = []
    unmapped: set[str] = set()
    for raw in raws:
        given = instruments.get(raw.name, instruments.get(raw.stem))
        group = None if given is not None else merged_stem(raw.stem)
        if group is not None:
            groups[group].append(raw)
            continue
        label, known = instrument_of_raw(raw.stem, taxonomies)
        labels = (label,) if given is None else (given,) if isinstance(given, str) else tuple(given)
        if given is None and not known:
            unmapped.add(label)
        plans.append((raw.name, labels, [raw], False))
    merged = [
        (f"{name}_STEM_{stem}.wav", (MERGED[stem][0],), members, True)
        for stem, members in groups.items()
        if members
    ]
    numbered = enumerate([*merged, *plans], start=1)
    stems = [
        _Plan(f"S{k:02d}", file, labels, tuple(members), many)
        for k, (file, labels, members, many) in numbered
    ]
    return stems, sorted(unmapped)


def _write_stem(plan: _Plan, stems: Path, merged: Path) -> None:
    if not plan.merged:
        audio.info(plan.raws[0])  # refuse what is no sound file before it is copied
        shutil.copyfile(plan.raws[0], stems / plan.filename)
        return
    infos = [audio.info(raw) for raw in plan.raws]
    rate, n_channels = infos[0].sample_rate, max(one.n_channels for one in infos)
    if odd := [
        raw.name for raw, one in zip(plan.raws, infos, strict=True) if one.n_channels not in (1, n_channels)
    ]:
        raise DatasetError(
            f"{plan.raws[0].parent}: {', '.join(odd)} cannot be averaged with {n_channels} channels; "
            "convert all to the same number"
        )
    with audio.writer(stems / plan.filename, rate, n_channels) as writer:
        for block in _average(plan.raws, rate, n_channels):
            writer.write(block)
    for raw in plan.raws:
        shutil.copyfile(raw, merged / raw.name)


def _average(raws: Sequence[Path], sample_rate: int, n_channels: int) -> Iterator[Audio]:
    """Yield the sum of files divided by their number, block by block; shorter files end in silence."""
    sources = [audio.blocks(raw, block_s=BLOCK_S, sample_rate=sample_rate) for raw in raws]
    for row in zip_longest(*sources):
        blocks = [block.samples for block in row if block is not None]
        total = np.zeros((n_channels, max(block.shape[1] for block in blocks)), dtype=np.float32)
        for block in blocks:
            total[:, : block.shape[1]] += block  # mono spreads to all channels
        total /= len(raws)
        yield Audio(total, sample_rate)


def _write_annotations(song: Path, name: str, stems: Path, plans: Sequence[_Plan]) -> None:
    from mirkit.annotation.formats import source_id, write_activation_confidence, write_source_id

    mono = (
        audio.read(stems / plan.filename, sample_rate=CONFIDENCE_RATE).mono().samples[0] for plan in plans
    )
    values = activation_confidence(mono)
    grid = FrameGrid(0.0, CONFIDENCE_HOP_S, values.shape[1])
    confidence = ActivityAnnotation(grid, tuple(plan.id for plan in plans), values)
    write_activation_confidence(song / f"{name}{CONFIDENCE}", confidence)
    instruments = {plan.id: plan.instrument for plan in plans}
    write_source_id(song / f"{name}{SOURCE_ID}", source_id(confidence, instruments))


def _metadata(
    name: str, artist: str, title: str, plans: Sequence[_Plan], mix_filename: str, has_bleed: bool
) -> dict[str, Any]:
    return {
        "album": "",
        "artist": artist,
        "composer": [],
        "excerpt": "no",
        "genre": "",
        "has_bleed": "yes" if has_bleed else "no",
        "instrumental": "no" if any(_sung(plan) for plan in plans) else "yes",
        "mix_filename": mix_filename,
        "origin": "",
        "producer": [],
        "raw_dir": f"{name}_RAW",
        "stem_dir": f"{name}_STEMS",
        "stems": {plan.id: _stem_entry(plan) for plan in plans},
        "title": title,
        "version": "1.0",
        "website": [],
    }


def _sung(plan: _Plan) -> bool:
    return any(Taxonomy.load("stems6").canonical(label) == "vocals" for label in plan.instrument)


def _stem_entry(plan: _Plan) -> dict[str, Any]:
    # MedleyDB writes a list only where there are several.
    labels: Any = plan.instrument[0] if len(plan.instrument) == 1 else list(plan.instrument)
    raw = {
        f"R{k:02d}": {
            "filename": path.name,
            "instrument": " ".join(words_of(path.stem)) if plan.merged else labels,
        }
        for k, path in enumerate(plan.raws, start=1)
    }
    return {"component": "", "filename": plan.filename, "instrument": labels, "raw": raw}


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    import yaml

    # A list used twice would be written as an alias, which readers may refuse; copies are written out.
    plain = json.loads(json.dumps(content))
    write_text(path, yaml.safe_dump(plain, allow_unicode=True, sort_keys=True))

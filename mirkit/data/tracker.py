"""Tracker modules and LMMS projects to multitracks in MedleyDB's layout, one stem for each instrument.

Their stems are true ones: the parts of a finished piece, whose sum is the mix. What the instruments are is
known only where a table says so (``datasets/tracker/labels.yaml``); every other stem is ``Unlabeled``, which
the taxonomies take to be any of their classes. So while such a stem sounds, a class is either known to be
active, by a stem with a label, or unknown; it is known to be silent only where every stem that sounds has a
label.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import audio
from mirkit._files import replacing
from mirkit._typing import Samples
from mirkit.annotation import Taxonomy
from mirkit.data import lmms, openmpt
from mirkit.data.metadata import read_yaml, text
from mirkit.data.openmpt import Module, Slot
from mirkit.data.validation import SILENCE_PEAK
from mirkit.data.writing import FULL_SCALE, quantised, write_activity, write_metadata, write_stems
from mirkit.errors import DatasetError
from mirkit.multitrack import MultiTrack, Stem

__all__ = ["UNLABELED", "Converted", "Listed", "convert", "read_labels", "song_id", "songs_in"]

UNLABELED = "Unlabeled"
"""Source label of a stem whose instrument nobody has named; the taxonomies know it as any class."""

SAMPLE_RATE = 44100
PEAK = 10 ** (-3 / 20)
"""Peak of the mix or of its loudest stem: 3 dB below full scale, since modules that vary the level of their
notes at random may come out louder when they are played again."""

TAXONOMIES = ("instruments18", "stems6")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the table says about a file.

    Parameters
    ----------
    file, package : str
        Name of the file and of the package that holds it.
    artist, licence : str
        Composer, or the package; licence of the package or of the file.
    stems : mapping of int to tuple of str
        Number of an instrument to its source labels; instruments that are missing are not named.
    """

    file: str
    package: str = ""
    artist: str = ""
    licence: str = "unknown"
    stems: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Converted:
    """What `convert` made.

    Parameters
    ----------
    id : str
    folder : Path
    n_stems, n_labelled : int
        Stems that sound, and those of them that have a label.
    duration_s : float
    stems_to_mix_db : float or None
        Energy of the player's own mix over that of its difference from the sum of the stems; None where there
        is no such mix.
    """

    id: str
    folder: Path
    n_stems: int
    n_labelled: int
    duration_s: float
    stems_to_mix_db: float | None


@dataclass(frozen=True, slots=True)
class _Song:
    """An opened module or project: its instruments, and the sound of one of them or of all."""

    title: str
    artist: str
    format: str
    duration_s: float
    slots: tuple[Slot, ...]
    sound: Callable[[int], Samples]
    whole: Callable[[], Samples] | None


def convert(
    path: str | Path,
    output: str | Path,
    *,
    labels: Mapping[str, Listed] | None = None,
    seconds: float = 180.0,
) -> Converted:
    """Return what was made of a tracker module or an LMMS project: a multitrack in MedleyDB's layout.

    Each instrument that sounds becomes a stem with the level and the effects that it has in the piece; the
    mix is the sum of the stems, exactly, in integers of 16 bits at 44.1 kHz. One gain for all brings the
    loudest of them to 3 dB below full scale. The folder appears complete or not at all.

    Parameters
    ----------
    path : str or Path
        ``.xm``, ``.s3m``, ``.it``, ``.mod`` ... or ``.mmp``, ``.mmpz``.
    output : str or Path
        Folder in which ``<id>`` is made; an existing ``<id>`` is replaced.
    labels : mapping of str to Listed, optional
        From `read_labels`. A file that is not in it has no labels.
    seconds : float
        Longer songs are cut there.

    Returns
    -------
    Converted

    Raises
    ------
    DatasetError
        If the file cannot be read, nothing in it sounds, or the table names an instrument that it has not.
    MissingDependencyError
        If libopenmpt or LMMS is not installed.
    """
    path = Path(path)
    digest = _sha256(path)
    listed = _listed(labels or {}, digest) or Listed(path.name)
    name = song_id(path, labels)
    with _opened(path, seconds) as song:
        if wrong := sorted(set(listed.stems) - {slot.number for slot in song.slots}):
            raise DatasetError(f"{path}: the table labels instruments {wrong}, which it has not")
        survey = _survey(path, song)
        with replacing(Path(output) / name, folder=True) as folder:
            files = write_stems(
                folder,
                name,
                (song.sound(slot.number) for slot in survey.slots),
                sample_rate=SAMPLE_RATE,
                n_samples=survey.n_samples,
                gain=survey.gain,
            )
            instruments = [listed.stems.get(slot.number, (UNLABELED,)) for slot in survey.slots]
            stems = tuple(
                Stem(f"S{k:02d}", labels_, folder / f"{name}_STEMS" / file)
                for k, (labels_, file) in enumerate(zip(instruments, files, strict=True), start=1)
            )
            shares = write_activity(folder, MultiTrack(name, listed.artist, stems))
            metadata = _metadata(name, song, listed, survey, stems, shares)
            metadata["module"] = {"file": path.name, "sha256": digest, "format": song.format}
            metadata["excerpt"] = "yes" if song.duration_s > seconds else "no"
            write_metadata(folder, name, metadata)
    n_labelled = sum(one != (UNLABELED,) for one in instruments)
    duration_s = survey.n_samples / SAMPLE_RATE
    return Converted(name, Path(output) / name, len(stems), n_labelled, duration_s, survey.stems_to_mix_db)


def song_id(path: str | Path, labels: Mapping[str, Listed] | None = None) -> str:
    """Return the id that `convert` gives a song: its package and file, or the file alone if it is not listed.

    Examples
    --------
    >>> song_id("music/big_march-2.xm")
    'BigMarch2'
    """
    path = Path(path)
    listed = _listed(labels, _sha256(path)) if labels else None
    own = _camel(path.stem)
    return f"{_camel(re.sub('-(data|common)$', '', listed.package))}_{own}" if listed else own


def songs_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Return the tracker modules and LMMS projects of a folder, sorted.

    Files of other kinds may bear a module's suffix; only what libopenmpt recognises is taken.
    """
    files = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(
        file
        for file in files
        if not file.name.startswith(".")
        and file.is_file()
        and (file.suffix.lower() in lmms.SUFFIXES or _is_module(file))
    )


def _is_module(file: Path) -> bool:
    return file.suffix.lower() in openmpt.SUFFIXES and openmpt.recognised(file)


def read_labels(path: str | Path) -> dict[str, Listed]:
    """Return a table of labels: the first digits of a file's SHA-256 to what is known about it.

    Parameters
    ----------
    path : str or Path
        YAML with ``packages`` (name to ``{licence}``) and ``songs``: a list of mappings with ``file``,
        ``sha256`` (12 digits or more), ``package``, and if wanted ``artist``, ``licence`` and ``stems``
        (number to one source label, or a list of them where the stem is one of several or holds several).

    Returns
    -------
    dict of str to Listed

    Raises
    ------
    DatasetError
        If the file is not such a table, a label is in no bundled taxonomy, or a song occurs twice.
    """
    path = Path(path)
    content = read_yaml(path)
    packages = content.get("packages") or {}
    table: dict[str, Listed] = {}
    taxonomies = tuple(Taxonomy.load(name) for name in TAXONOMIES)
    for song in content.get("songs") or ():
        try:
            digits, package = str(song["sha256"]), text(song.get("package"))
            licence = song.get("licence") or packages.get(package, {}).get("licence")
            stems = {
                int(number): (given,) if isinstance(given, str) else tuple(map(str, given))
                for number, given in (song.get("stems") or {}).items()
            }
            artist = text(song.get("artist")) or package
            listed = Listed(text(song["file"]), package, artist, text(licence) or "unknown", stems)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{path}: {song} is no song ({error!r}); wanted file, sha256, package and stems"
            ) from error
        if not re.fullmatch(r"[0-9a-f]{12,64}", digits):
            raise DatasetError(f"{path}: {listed.file}: sha256 {digits!r} is not 12 to 64 digits in quotes")
        if digits in table:
            raise DatasetError(f"{path}: {listed.file} and {table[digits].file} are the same file; keep one")
        for label in {label for labels in stems.values() for label in labels}:
            if all(taxonomy.unmapped([label]) for taxonomy in taxonomies):
                raise DatasetError(f"{path}: {listed.file}: no taxonomy knows {label!r}; is it misspelt?")
        table[digits] = listed
    return table


def _listed(labels: Mapping[str, Listed], digest: str) -> Listed | None:
    return next((one for digits, one in labels.items() if digest.startswith(digits)), None)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def _camel(name: str) -> str:
    words = re.findall(r"[^\W_]+", name)
    return "".join(word[0].upper() + word[1:] for word in words) or "Untitled"


@contextmanager
def _opened(path: Path, seconds: float) -> Iterator[_Song]:
    if path.suffix.lower() in lmms.SUFFIXES:
        with tempfile.TemporaryDirectory(prefix="mirkit-lmms-") as folder:
            tracks = lmms.render_tracks(path, Path(folder), sample_rate=SAMPLE_RATE)
            slots = tuple(Slot(number, name) for number, (name, _) in tracks.items())

            def sound(number: int) -> Samples:
                read = audio.read(tracks[number][1], duration_s=seconds).samples
                return np.repeat(read, 2, axis=0) if len(read) == 1 else read

            duration_s = max(audio.info(file).duration_s or 0.0 for _, file in tracks.values())
            yield _Song(path.stem, "", "lmms", duration_s, slots, sound, None)
        return
    with Module(path) as module:
        yield _Song(
            module.title or path.stem,
            module.artist,
            module.format,
            module.duration_s,
            module.slots,
            lambda number: module.render({number}, seconds=seconds, sample_rate=SAMPLE_RATE),
            lambda: module.render(seconds=seconds, sample_rate=SAMPLE_RATE),
        )


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a first pass over the stems found: which of them sound, how long and how loud they are."""

    slots: tuple[Slot, ...]
    n_samples: int
    gain: float
    stems_to_mix_db: float | None


def _survey(path: Path, song: _Song) -> _Survey:
    """Render everything once, keeping only the sum: rendering is cheap, memory for all stems is not."""
    whole = song.whole() if song.whole is not None else None
    total = np.zeros((2, 0 if whole is None else whole.shape[1]), np.float32)
    peaks: dict[Slot, float] = {}
    for slot in song.slots:
        stem = song.sound(slot.number)
        peaks[slot] = float(np.abs(stem).max(initial=0.0))
        total = np.pad(total, [(0, 0), (0, max(0, stem.shape[1] - total.shape[1]))])
        total[:, : stem.shape[1]] += stem
    loudest = max([*peaks.values(), float(np.abs(total).max(initial=0.0))], default=0.0)
    if not loudest > 0:
        raise DatasetError(f"{path}: nothing in it sounds; there are no stems to make")
    gain = PEAK / loudest
    kept = tuple(
        slot
        for slot, peak in peaks.items()
        if float(quantised(np.full((1, 1), peak, np.float32), gain)[0, 0]) / (FULL_SCALE + 1) >= SILENCE_PEAK
    )
    return _Survey(kept, total.shape[1], gain, None if whole is None else _agreement_db(whole, total))


def _agreement_db(whole: Samples, total: Samples) -> float:
    difference = np.pad(whole, [(0, 0), (0, total.shape[1] - whole.shape[1])]) - total
    energy, rest = (float(np.sum(np.square(y, dtype=np.float64))) for y in (whole, difference))
    # No rest at all would be infinitely many dB, which JSON has no word for.
    return round(10 * float(np.log10(max(energy, 1e-30) / max(rest, 1e-20 * energy, 1e-30))), 1)


def _metadata(
    name: str,
    song: _Song,
    listed: Listed,
    survey: _Survey,
    stems: Sequence[Stem],
    shares: Sequence[float],
) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {
        stem.id: {
            "component": "",
            "filename": stem.path.name,
            "instrument": stem.instrument[0] if len(stem.instrument) == 1 else list(stem.instrument),
            "number": slot.number,
            "name": slot.name,
            "active_share": share,
            "raw": {},
        }
        for stem, slot, share in zip(stems, survey.slots, shares, strict=True)
    }
    return {
        "album": "", "artist": listed.artist or song.artist, "composer": [listed.artist or song.artist],
        "genre": "", "has_bleed": "no", **_instrumental(stems),
        "mix_filename": f"{name}_MIX.flac", "origin": f"{listed.package or 'unknown package'}: {listed.file}",
        "producer": [], "raw_dir": "", "stem_dir": f"{name}_STEMS", "stems": entries, "title": song.title,
        "version": "1.0", "website": [], "licence": listed.licence, "use": "test only",
        "gain_db": round(20 * float(np.log10(survey.gain)), 2), "stems_to_mix_db": survey.stems_to_mix_db,
    }  # fmt: skip


def _instrumental(stems: Sequence[Stem]) -> dict[str, str]:
    """Return the metadata key if it is known: somebody sings, or no stem can be a voice."""
    taxonomy = Taxonomy.load("stems6")
    if any({taxonomy.canonical(raw) for raw in stem.instrument} == {"vocals"} for stem in stems):
        return {"instrumental": "no"}
    possible = {label for stem in stems for raw in stem.instrument for label in taxonomy.possible(raw)}
    return {} if "vocals" in possible else {"instrumental": "yes"}

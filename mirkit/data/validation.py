"""Every fault in the files of a data set, found by decoding all of them once, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from mirkit.annotation import Taxonomy
from mirkit.data.alignment import RATE_HZ, misaligned
from mirkit.data.dataset import Problem, TrackSet
from mirkit.data.medleydb import SOURCE_ID, annotation_file
from mirkit.data.metadata import inside
from mirkit.data.scan import Scan, scan
from mirkit.errors import AnnotationError, AudioError, DatasetError
from mirkit.multitrack import MultiTrack, Stem
from mirkit.parallel import Backend, Progress, map_all

__all__ = ["KINDS", "check_song", "validate"]

KINDS = {
    "metadata": "the metadata cannot be read or contradicts itself",
    "escape": "a path leaves the data set's folder",
    "missing": "a file that the metadata names is not there",
    "unreadable": "a file is empty, of another format or damaged",
    "truncated": "a file ends before its header says",
    "silent": "nothing above -80 dB of full scale",
    "nonfinite": "NaN or infinite samples",
    "rate": "the sample rate differs from the song's other files",
    "misaligned": "length or timing differs from the song's other files",
    "label": "an instrument that no bundled taxonomy knows",
    "annotation": "an activity or source-id file is malformed or does not fit the song",
}
"""What each kind of `mirkit.data.Problem` means."""

SILENCE_PEAK = 1e-4  # -80 dB: dither of 16 bit stays below
LENGTH_TOLERANCE_S = 0.1  # codecs pad by less
ANNOTATION_TOLERANCE_S = 1.0
WITHOUT_COLUMN = frozenset({"Main System", "Unlabeled"})  # MedleyDB has none for some of these
DECODING = {"truncated": "truncated", "a sample is": "nonfinite"}  # words in the error -> kind
TAXONOMIES = ("instruments18", "stems6")


def validate(
    dataset: TrackSet, *, n_jobs: int = 1, backend: Backend = "loky", progress: Progress | None = None
) -> list[Problem]:
    """Return every fault found in a data set's metadata, annotations and sound files.

    Parameters
    ----------
    dataset : TrackSet
        As from ``open_dataset(path, strict=False)``, which keeps songs with faulty metadata as problems.
    n_jobs : int
        Songs checked at the same time.
    backend : {"loky", "dask", "ray"}
        joblib backend.
    progress : callable, optional
        Called after each song.

    Returns
    -------
    list of Problem
        Sorted by path; empty if all is well. Sounds are read in blocks, one file at a time.
    """
    check = partial(check_song, dataset.root)
    found = list(dataset.problems)
    for outcome in map_all(check, dataset.items, n_jobs=n_jobs, backend=backend, progress=progress):
        if outcome.result is None:
            found.append(Problem(str(dataset.root), "metadata", f"{outcome.item.id}: {outcome.error}"))
        else:
            found += outcome.result
    return sorted(set(found))


def check_song(root: Path, song: MultiTrack) -> list[Problem]:
    """Return the faults of one song.

    Parameters
    ----------
    root : Path
        Folder that no path may leave.
    song : MultiTrack
        Song.

    Returns
    -------
    list of Problem
    """
    found = [*_labels(song), *_twice(song)]
    scans: dict[Stem, Scan] = {}
    mix = [Stem("the mix", (), song.mix_path)] if song.mix_path is not None else []
    for stem in [*mix, *song.stems]:
        scanned, problems = _check_file(root, stem)
        found += problems
        if scanned is not None:
            scans[stem] = scanned
    found += [*_rates(scans), *_lengths(scans)]
    # The sum of the stems means nothing if one of them is missing.
    if mix and len(scans) == len(song.stems) + 1 > 1:
        found += _timing(scans)
    duration_s = max((one.duration_s for one in scans.values()), default=None)
    return [*found, *_confidence(song, duration_s), *_source_id(root, song, duration_s)]


def _check_file(root: Path, stem: Stem) -> tuple[Scan | None, list[Problem]]:
    path = str(stem.path)
    try:
        inside(root, stem.path)
    except DatasetError as error:
        return None, [Problem(path, "escape", str(error).removeprefix(f"{path}: "))]
    if not stem.path.is_file():
        return None, [Problem(path, "missing", f"{stem.id} names it; add the file or correct the metadata")]
    try:
        scanned = scan(stem.path, stem.stream)
    except AudioError as error:
        message = " ".join(str(error).removeprefix(f"{path}: ").split())
        kind = next((kind for words, kind in DECODING.items() if words in message), "unreadable")
        return None, [Problem(path, kind, message)]
    if scanned.peak < SILENCE_PEAK:
        message = f"peak {scanned.peak:.1g}; remove {stem.id} or fetch the file again"
        return scanned, [Problem(path, "silent", message)]
    return scanned, []


def unknown_instruments(songs: Iterable[MultiTrack]) -> Iterator[tuple[MultiTrack, Stem, str]]:
    """Yield song, stem and instrument for each instrument that no bundled taxonomy knows."""
    taxonomies = [Taxonomy.load(name) for name in TAXONOMIES]
    for song in songs:
        for stem in song.stems:
            for raw in stem.instrument:
                if all(taxonomy.unmapped([raw]) for taxonomy in taxonomies):
                    yield song, stem, raw


def _labels(song: MultiTrack) -> Iterator[Problem]:
    for stem in song.stems:
        if not stem.instrument:
            yield Problem(
                str(stem.path), "label", f"{stem.id} has no instrument; write 'Unlabeled' if it is unknown"
            )
    for _, stem, raw in unknown_instruments([song]):
        message = f"{stem.id}: no taxonomy knows the instrument {raw!r}; is it misspelt?"
        yield Problem(str(stem.path), "label", message)


def _twice(song: MultiTrack) -> Iterator[Problem]:
    seen: dict[tuple[Path, int], str] = {}
    for stem in song.stems:
        first = seen.setdefault((stem.path, stem.stream), stem.id)
        if first != stem.id:
            yield Problem(str(stem.path), "metadata", f"is the file of both {first} and {stem.id}")


def _rates(scans: dict[Stem, Scan]) -> Iterator[Problem]:
    rates = [one.sample_rate for one in scans.values()]
    usual = max(rates, key=rates.count, default=0)
    for stem, one in scans.items():
        if one.sample_rate != usual:
            yield Problem(
                str(stem.path), "rate", f"{one.sample_rate} Hz, the song's other files have {usual} Hz"
            )


def _lengths(scans: dict[Stem, Scan]) -> Iterator[Problem]:
    usual_s = median([one.duration_s for one in scans.values()] or [0.0])
    for stem, one in scans.items():
        if abs(one.duration_s - usual_s) > LENGTH_TOLERANCE_S:
            yield Problem(
                str(stem.path),
                "misaligned",
                f"lasts {one.duration_s:.3f} s, the song's other files {usual_s:.3f} s",
            )


def _timing(scans: dict[Stem, Scan]) -> Iterator[Problem]:
    """Yield a problem for the mix if all stems are off against it, else for each stem that is off."""
    (mix, *stems), (of_mix, *of_stems) = list(scans), [one.coarse for one in scans.values()]
    for k, lag_length in misaligned(of_mix, of_stems):
        stem, other = (mix, "the sum of the stems") if k is None else (stems[k], "the mix")
        lag_s = lag_length / RATE_HZ
        way = "early" if lag_s > 0 else "late"
        yield Problem(str(stem.path), "misaligned", f"is {abs(lag_s):.3f} s too {way} against {other}")


def _confidence(song: MultiTrack, duration_s: float | None) -> Iterator[Problem]:
    from mirkit.annotation.formats import read_activation_confidence

    path = song.activity_path
    if path is None:
        return
    try:
        confidence = read_activation_confidence(path)
    except AnnotationError as error:
        yield Problem(str(path), "annotation", str(error).removeprefix(f"{path}: "))
        return
    columns = set(confidence.labels)
    needed = {stem.id for stem in song.stems if not WITHOUT_COLUMN & set(stem.instrument)}
    if missing := sorted(needed - columns):
        yield Problem(str(path), "annotation", f"no column for {', '.join(missing)}")
    if surplus := sorted(columns - {stem.id for stem in song.stems}):
        yield Problem(str(path), "annotation", f"columns {', '.join(surplus)} belong to no stem")
    if duration_s is not None and abs(confidence.grid.end_s - duration_s) > ANNOTATION_TOLERANCE_S:
        yield Problem(
            str(path), "annotation", f"ends at {confidence.grid.end_s:.1f} s, the audio at {duration_s:.1f} s"
        )


def _source_id(root: Path, song: MultiTrack, duration_s: float | None) -> Iterator[Problem]:
    from mirkit.annotation.formats import read_source_id

    places: Sequence[Path] = [stem.path.parent.parent for stem in song.stems[:1]]
    places = [*places, *([song.activity_path.parent] if song.activity_path else [])]
    path = annotation_file(root, song.id, *places, suffix=SOURCE_ID)
    if path is None:
        return
    try:
        intervals = read_source_id(path)
    except AnnotationError as error:
        yield Problem(str(path), "annotation", str(error).removeprefix(f"{path}: "))
        return
    if foreign := sorted(set(intervals.labels) - set(song.instruments)):
        yield Problem(str(path), "annotation", f"no stem holds {', '.join(foreign)}")
    end_s = float(intervals.times_s.max(initial=0.0))
    if duration_s is not None and end_s > duration_s + ANNOTATION_TOLERANCE_S:
        yield Problem(str(path), "annotation", f"ends at {end_s:.1f} s, the audio at {duration_s:.1f} s")

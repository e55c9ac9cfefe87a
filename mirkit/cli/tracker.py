"""``mirkit data tracker``: multitracks of tracker modules and LMMS projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch
from mirkit.cli import _options as options
from mirkit.errors import DatasetError

if TYPE_CHECKING:
    from mirkit.data.tracker import Converted, Listed
    from mirkit.parallel import Backend


@click.command("tracker")
@options.inputs
@options.output("tracker")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML table of what the instruments are; without it every stem is Unlabeled.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=180.0,
    show_default=True,
    help="Cut longer songs there.",
)
@options.recursive
@options.existing
@options.as_json
@options.parallel
@options.progress
def command(
    inputs: tuple[Path, ...],
    output: Path,
    labels_file: Path | None,
    seconds: float,
    recursive: bool,
    existing: options.Existing,
    as_json: bool,
    n_jobs: int,
    backend: Backend,
    progress: options.ProgressStyle,
) -> None:
    """Make a multitrack of each tracker module and LMMS project in INPUTS, one stem for each instrument.

    The folders are in MedleyDB's layout; the mix is the exact sum of the stems. Modules need libopenmpt,
    projects the program lmms.
    """
    from mirkit.data.tracker import read_labels
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    labels = read_labels(labels_file) if labels_file else {}
    paths = _songs(inputs, recursive=recursive)
    names = _names(paths, labels)
    make = partial(_convert, output=output, labels=labels, names=names, seconds=seconds, existing=existing)
    report = options.reporter(progress, "songs")
    outcomes = map_all(make, paths, n_jobs=n_jobs, backend=backend, progress=report)
    options.finish(outcomes, as_json=as_json, line=_line, entry=_entry)


def _songs(inputs: Sequence[Path], *, recursive: bool) -> list[Path]:
    """Return files as they are and the songs of folders; an empty folder stays, to fail by name."""
    from mirkit.data.tracker import songs_in

    found: dict[Path, None] = {}
    for path in inputs:
        inside = songs_in(path, recursive=recursive) if path.is_dir() else [path]
        found |= dict.fromkeys(inside or [path])
    return list(found)


def _names(paths: Sequence[Path], labels: Mapping[str, Listed]) -> dict[Path, str]:
    """Return the ids of those songs whose id no other song has."""
    from mirkit.data.tracker import song_id

    names = {path: song_id(path, labels) for path in paths if path.is_file()}
    counts = Counter(names.values())
    return {path: name for path, name in names.items() if counts[name] == 1}


def _convert(
    path: Path,
    *,
    output: Path,
    labels: Mapping[str, Listed],
    names: Mapping[Path, str],
    seconds: float,
    existing: options.Existing,
) -> Converted:
    from mirkit.data.tracker import Converted, convert

    if path.is_dir():
        raise DatasetError(f"{path}: no modules or projects in this folder; --recursive looks deeper")
    if not path.exists():
        raise DatasetError(f"{path}: no such file")
    if path not in names:
        raise DatasetError(
            f"{path}: another input would get the same id; rename one, or convert it elsewhere"
        )
    from mirkit.data.medleydb import METADATA

    folder = output / names[path]
    if not _batch.check_existing(folder, existing, mark=f"{names[path]}{METADATA}"):
        return Converted(names[path], folder, 0, 0, 0.0, None)
    return convert(path, output, labels=labels, seconds=seconds)


def _line(done: Converted) -> str:
    if not done.n_stems:
        return f"{done.folder}: kept"
    agreement = "" if done.stems_to_mix_db is None else f", sum to the mix {done.stems_to_mix_db:.0f} dB"
    stems = f"{done.n_stems} stems, {done.n_labelled} with a label"
    return f"{done.folder}: {done.duration_s:.0f} s, {stems}{agreement}"


def _entry(done: Converted) -> dict[str, Any]:
    return {
        "id": done.id,
        "folder": str(done.folder),
        "duration_s": round(done.duration_s, 3),
        "n_stems": done.n_stems,
        "n_labelled": done.n_labelled,
        "stems_to_mix_db": done.stems_to_mix_db,
    }

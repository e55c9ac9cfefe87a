"""``mirkit sampling`` on catalogues: index, search."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options, _sampling_results
from mirkit.errors import ParameterError

if TYPE_CHECKING:
    from mirkit.parallel import Outcome
    from mirkit.sampling import Detections
    from mirkit.sampling.shortlist import Ranked

FILE = "ranking.csv"
RECORD = "run.json"
COLUMNS = (
    "path", "rank", "score", "present", "song_confidence", "n_occurrences", "start_s", "pitch_shift_st",
    "tempo_ratio", "folder",
)  # fmt: skip


@click.command()
@_options.inputs
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Folder of the index; one that is there is added to.")  # fmt: skip
@_options.recursive
@_options.parallel
@_options.shard
@_options.progress
@_options.as_json
def index(
    inputs: tuple[Path, ...],
    output: Path,
    recursive: bool,
    n_jobs: int,
    backend: Any,
    shard: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Add sound files, folders of them, and other indexes to an index.

    What is there already is passed over, so a run that was cut short goes on where it stopped; a second copy
    of a sound is named and kept once, and a file that was renamed takes the place of its former name. Other
    indexes are merged in; merged into a new one, an index is tidied.
    With --shard each part needs an index of its own; merge them afterwards.
    """
    from mirkit.parallel import Outcome
    from mirkit.sampling import catalogue, indexing

    merged = [path for path in inputs if catalogue.is_index(path)]
    paths = _batch.sound_files([path for path in inputs if path not in merged], recursive=recursive)
    if shard is not None:
        paths = shard.of(paths)
    outcomes: list[Outcome[Any, Any]] = []
    if merged:
        n_new = indexing.merge_indexes(output, merged)
        outcomes.append(Outcome(merged[0], {"merged": [str(one) for one in merged], "n_new": n_new}, None))
    outcomes += indexing.add_to_index(
        output, paths, n_jobs=n_jobs, backend=backend, progress=_options.reporter(progress, "sounds")
    )
    n_sounds = len(catalogue.open_index(output))
    results = [one.result for one in outcomes if one.result is not None]
    if not as_json:
        added = [one for one in results if not isinstance(one, dict)]
        copies = [one for one in added if one.status.startswith("same as")]
        for one in copies:
            click.echo(f"{one.path}: {one.status}, kept once")
        n_new = sum(one.status == "added" for one in added)
        n_new += sum(one["n_new"] for one in results if isinstance(one, dict))
        click.echo(f"{output}: {n_new} sounds added, {n_sounds} in all")
    _options.finish(outcomes, as_json=as_json, line=None, entry=_index_entry)


def _index_entry(done: Any) -> dict[str, Any]:
    return done if isinstance(done, dict) else {"input": str(done.path), "status": done.status}


@dataclass(frozen=True)
class _Checked:
    """One sound of the short list after the exact search."""

    rank: int
    ranked: Ranked
    result: Detections
    folder: str


@dataclass(frozen=True)
class _Searched:
    """What one query became."""

    path: Path
    folder: Path
    n_sounds: int
    checked: list[_Checked] | None
    failures: list[str]


@click.command()
@click.argument("index_folder", metavar="INDEX", type=click.Path(path_type=Path))
@_options.inputs
@_options.output("mirkit-search")
@click.option("--role", type=click.Choice(["sample", "song"]), default="sample", show_default=True,
              help="What INPUTS are: samples to look for in indexed songs, or songs to look in for indexed "
              "samples.")  # fmt: skip
@click.option("--first", "n_first", type=click.IntRange(min=1), default=20, show_default=True,
              help="So many sounds that fit best at a first look are searched exactly.")  # fmt: skip
@click.option("--start", "start_s", type=click.FloatRange(min=0), default=0.0, show_default=True,
              help="Where in each input to begin, seconds.")  # fmt: skip
@click.option("--end", "end_s", type=click.FloatRange(min=0, min_open=True),
              help="Where to end; the end of the file by default.")  # fmt: skip
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--figure/--no-figure", default=True, show_default=True, help="Draw evidence.png.")
@_options.recursive
@_options.existing
@_options.parallel
@_options.shard
@_options.progress
@_options.as_json
def search(
    index_folder: Path,
    inputs: tuple[Path, ...],
    output: Path,
    role: Any,
    n_first: int,
    start_s: float,
    end_s: float | None,
    model: str,
    figure: bool,
    recursive: bool,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Search an INDEX for samples, or for what a song was made of.

    For each input a folder with ranking.csv, and a folder as that of predict for each sound that holds the
    sample (or is held by the song). Sounds that could not be searched are listed in run.json; --existing skip
    takes such a result for unfinished.
    """
    from mirkit import checkpoint
    from mirkit.parallel import map_all
    from mirkit.sampling import catalogue

    _batch.check_folder(output)
    if end_s is not None and end_s <= start_s:
        raise click.UsageError(f"--end {end_s:g} must be later than --start {start_s:g}")
    opened = catalogue.open_index(index_folder)
    weights = checkpoint.sha256(checkpoint.find("sampling", model))
    items = _batch.batch(_batch.sound_files(inputs, recursive=recursive), output, shard)
    options = {
        "index": str(index_folder), "role": role, "first": n_first, "start_s": start_s, "end_s": end_s,
        "figure": figure, "model": model,
    }  # fmt: skip
    work = partial(
        _search_file,
        index=opened,
        weights=weights,
        existing=existing,
        options=options,
        n_jobs=n_jobs,
        backend=backend,
        progress=progress,
    )
    outcomes = map_all(work, items)  # the jobs share the work on each input
    _options.finish(
        outcomes, as_json=as_json, line=_line, entry=_entry, lacking=lambda result: result.failures
    )


def _search_file(
    item: _batch.Input, index: Any, weights: str, existing: str, options: dict[str, Any],
    n_jobs: int, backend: Any, progress: Any,
) -> _Searched:  # fmt: skip
    from mirkit._files import replacing, write_json, write_text
    from mirkit.parallel import map_all
    from mirkit.sampling import shortlist

    path, folder = item.path, item.folder
    version = _batch.check_input(path)
    if existing == "skip" and _is_incomplete(folder):
        existing = "overwrite"
    if not _batch.check_existing(folder, existing, mark=FILE):
        return _Searched(path, folder, len(index), None, [])
    sound = _sampling_results.excerpt(path, options["start_s"], options["end_s"])
    ranked = shortlist.rank(
        index,
        sound,
        role=options["role"],
        n_jobs=n_jobs,
        backend=backend,
        progress=_options.reporter(progress, "parts of the index"),
    )
    best = [one for one in ranked[: options["first"]] if one.glimpse.score > float("-inf")]
    with replacing(folder, folder=True) as temporary:
        names = _batch.result_folders([Path(one.entry.path) for one in best], Path())
        work = partial(_check, query=path, room=temporary, names=names, options=options)
        outcomes = map_all(
            work,
            list(enumerate(best, start=1)),
            n_jobs=n_jobs,
            backend=backend,
            progress=_options.reporter(progress, "sounds"),
        )
        checked = sorted(
            (one.result for one in outcomes if one.result is not None),
            key=lambda one: (-one.result.song_confidence, one.rank),
        )
        failures = [one.error for one in outcomes if one.error is not None]
        write_text(temporary / FILE, _table(checked))
        record = _batch.run_record(
            path, version, options, model={"name": options["model"], "sha256": weights}, n_sounds=len(index),
            failures=failures,
        )  # fmt: skip
        write_json(temporary / RECORD, record)
    return _Searched(path, folder, len(index), checked, failures)


def _is_incomplete(folder: Path) -> bool:
    """Return whether a result says of itself that sounds failed, so that it is not done yet."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no result of ours, or a damaged one: not to be replaced unasked
        return False
    return isinstance(record, dict) and bool(record.get("failures"))


def _check(
    item: tuple[int, Ranked], query: Path, room: Path, names: dict[Path, Path], options: dict[str, Any]
) -> _Checked:
    """Search one sound of the short list exactly, and write what is found."""
    from dataclasses import replace

    from mirkit import audio, sampling

    rank, ranked = item
    sound = _sampling_results.excerpt(query, options["start_s"], options["end_s"])
    path = Path(ranked.entry.path)
    _batch.check_input(path)
    other = audio.read(path)
    sample, song = (sound, other) if options["role"] == "sample" else (other, sound)
    first, second = (query, path) if options["role"] == "sample" else (path, query)
    try:
        result = sampling.predict(_sampling_results.model(options["model"]), sample, song, label=first.stem)
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    folder = names[path]
    if result.present:
        heading = f"{first.name} in {second.name}"
        _sampling_results.write(room / folder, sample, song, result, title=heading, figure=options["figure"])
    return _Checked(rank, ranked, replace(result, evidence=None), str(folder) if result.present else "")


def _rows(checked: list[_Checked]) -> list[dict[str, Any]]:
    rows = []
    for one in checked:
        found, first = one.result, one.ranked.glimpse
        row: dict[str, Any] = {
            "path": one.ranked.entry.path,
            "rank": one.rank,
            "score": round(first.score, 3),
            "present": found.present,
            "song_confidence": round(float(found.song_confidence), 4),
            "n_occurrences": len(found),
            "start_s": round(first.start_s, 2),
            "pitch_shift_st": round(first.pitch_shift_st, 2),
            "tempo_ratio": round(first.tempo_ratio, 3),
            "folder": one.folder,
        }
        if len(found):
            best = found.rows()[int(found.confidence.argmax())]
            row |= {name: best[name] for name in ("start_s", "pitch_shift_st", "tempo_ratio")}
        rows.append(row)
    return rows


def _table(checked: list[_Checked]) -> str:
    import csv
    import io

    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(_rows(checked))
    return text.getvalue()


def _line(done: _Searched) -> str:
    if done.checked is None:
        return f"{done.folder}: already there, skipped"
    found = [one for one in done.checked if one.result.present]
    looked = f"{done.n_sounds} sounds, {len(done.checked)} searched exactly"
    if done.failures:
        looked += f", {len(done.failures)} failed"
    if not found:
        return f"{done.folder}: not found ({looked})"
    named = ", ".join(
        f"{Path(one.ranked.entry.path).name} ({one.result.song_confidence:.0%}, {len(one.result)} x)"
        for one in found
    )
    return f"{done.folder}: {named} ({looked})"


def _entry(done: _Searched) -> dict[str, Any]:
    entry = {"input": str(done.path), "folder": str(done.folder), "skipped": done.checked is None}
    return (
        entry if done.checked is None else entry | {"n_sounds": done.n_sounds, "sounds": _rows(done.checked)}
    )


COMMANDS = (index, search)

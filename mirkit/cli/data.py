"""``mirkit data``: look at data sets, check them, split them, build them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, synthesize, tracker
from mirkit.cli import _options as options
from mirkit.errors import DatasetError

if TYPE_CHECKING:
    from mirkit.data import Problem, TrackSet
    from mirkit.data.artists import Entry
    from mirkit.data.builder import Annotated
    from mirkit.parallel import Backend, Shard


@click.group("data")
def command() -> None:
    """Data sets: list, validate, split, annotate, synthesize, tracker."""


command.add_command(synthesize.command)
command.add_command(tracker.command)


@command.command("list")
@options.inputs
@options.as_json
def list_(inputs: tuple[Path, ...], as_json: bool) -> None:
    """Say what is in each data set folder INPUTS: layout, songs, stems, parts, instruments."""
    from mirkit.data import open_dataset
    from mirkit.parallel import map_all

    outcomes = map_all(open_dataset, inputs)
    options.finish(outcomes, as_json=as_json, line=_described, entry=_description)


def _description(dataset: TrackSet) -> dict[str, Any]:
    counts = Counter(label for song in dataset.items for label in song.instruments)
    return {
        "name": dataset.name,
        "folder": str(dataset.root),
        "layout": dataset.layout,
        "n_songs": len(dataset.items),
        "n_stems": sum(len(song.stems) for song in dataset.items),
        "parts": {part: len(ids) for part, ids in dataset.splits.items()},
        "songs_with": dict(counts.most_common()),
        "songs": [song.id for song in dataset.items],
    }


def _described(dataset: TrackSet) -> str:
    found = _description(dataset)
    parts = ", ".join(f"{part} {n}" for part, n in found["parts"].items())
    instruments = ", ".join(f"{label} {n}" for label, n in list(found["songs_with"].items())[:8])
    line = f"{found['folder']}: {found['layout']}, {found['n_songs']} songs, {found['n_stems']} stems"
    return (
        line + (f"; parts {parts}" if parts else "") + (f"; songs with {instruments}" if instruments else "")
    )


@command.command("validate")
@options.inputs
@options.as_json
@options.parallel
@options.progress
def validate_(
    inputs: tuple[Path, ...], as_json: bool, n_jobs: int, backend: Backend, progress: options.ProgressStyle
) -> None:
    """Name every faulty file in the data set folders INPUTS; exit code 1 if there is one."""
    from mirkit.data import open_dataset
    from mirkit.data.validation import validate
    from mirkit.parallel import map_all

    def check(folder: Path) -> tuple[TrackSet, list[Problem]]:
        dataset = open_dataset(folder, strict=False)
        report = options.reporter(progress, f"checking {folder}")
        return dataset, validate(dataset, n_jobs=n_jobs, backend=backend, progress=report)

    outcomes = map_all(check, inputs)
    options.finish(outcomes, as_json=as_json, line=_verdict, entry=_verdict_entry)
    if any(outcome.result is not None and outcome.result[1] for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _verdict(result: tuple[TrackSet, list[Problem]]) -> str:
    dataset, problems = result
    summary = (
        f"{dataset.root}: {dataset.layout}, {len(dataset.items)} songs, {len(problems) or 'no'} problems"
    )
    return "\n".join([*map(str, problems), summary])


def _verdict_entry(result: tuple[TrackSet, list[Problem]]) -> dict[str, Any]:
    dataset, problems = result
    listed = [{"path": one.path, "kind": one.kind, "message": one.message} for one in problems]
    return {
        "folder": str(dataset.root),
        "layout": dataset.layout,
        "n_songs": len(dataset.items),
        "problems": listed,
    }


@command.command("split")
@options.inputs
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("split.json"),
    show_default=True, help="File for the split; as split.json in a data set's folder it is found by itself.",
)  # fmt: skip
@click.option(
    "--size", "sizes", multiple=True, metavar="PART=N", default=("train=rest", "valid=0.1", "test=0.1"),
    show_default=True, help="Number of songs, fraction of all, or 'rest'; repeat for each part.",
)  # fmt: skip
@click.option("--without-bleed", is_flag=True, help="Leave out songs whose stems hold sound of each other.")
@click.option(
    "--check",
    "to_check",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check this split, write nothing.",
)
@options.seed
@options.existing
@options.as_json
def split_(
    inputs: tuple[Path, ...],
    output: Path,
    sizes: tuple[str, ...],
    without_bleed: bool,
    to_check: Path | None,
    seed: int,
    existing: options.Existing,
    as_json: bool,
) -> None:
    """Distribute the songs of INPUTS, data set folders or CSV track lists; no two parts share an artist."""
    from mirkit.data import read_split
    from mirkit.data.splits import check_split, make_split, write_split
    from mirkit.parallel import Outcome

    if to_check is not None:
        parts = read_split(to_check)
        check_split(parts, _entries(inputs))
        made = _Split(to_check, parts, "; no artist in two parts")
    elif not _batch.check_existing(output, existing):
        made = _Split(output, read_split(output), "; kept", skipped=True)
    else:
        songs = [song for song in _entries(inputs) if not (without_bleed and song.bleed)]
        parts = make_split(songs, dict(map(_size, sizes)), seed=seed)
        check_split(parts, songs)
        write_split(output, parts)
        made = _Split(output, parts, f"; of {len(songs)} songs")
    options.finish([Outcome(made.file, made, None)], as_json=as_json, line=str, entry=_Split.entry)


@dataclass(frozen=True)
class _Split:
    """What became of a split, for people and for machines."""

    file: Path
    parts: Mapping[str, Sequence[str]]
    told: str
    skipped: bool = False

    def __str__(self) -> str:
        sizes = ", ".join(f"{part} {len(keys)}" for part, keys in self.parts.items())
        return f"{self.file}: {sizes}{self.told}"

    def entry(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        sizes = {part: len(keys) for part, keys in self.parts.items()}
        return {"file": str(self.file), "parts": sizes, "skipped": self.skipped}


def _entries(inputs: Sequence[Path]) -> list[Entry]:
    from mirkit.data import open_dataset
    from mirkit.data.splits import entries, read_track_list

    lists = [path for path in inputs if path.suffix.lower() == ".csv"]
    datasets = [open_dataset(path) for path in inputs if path not in lists]
    return [*entries(datasets), *(song for path in lists for song in read_track_list(path))]


def _size(text: str) -> tuple[str, int | float | None]:
    part, _, size = text.partition("=")
    try:
        if not part or not size:
            raise ValueError
        return part, None if size == "rest" else int(size) if size.isdigit() else float(size)
    except ValueError:
        raise click.BadParameter(
            f"{text!r}; wanted PART=N, such as test=100, valid=0.1 or train=rest"
        ) from None


@command.command("annotate")
@options.inputs
@options.output("multitracks")
@click.option("--artist", help="By default from the folder's name, 'Artist - Title' or 'Artist_Title'.")
@click.option("--title", help="By default from the folder's name.")
@click.option(
    "--labels", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file of lines '\"13_LeadVox.wav\" = \"male singer\"' for what the file names do not tell.",
)  # fmt: skip
@click.option("--bleed", is_flag=True, help="The tracks hold sound of each other.")
@options.existing
@options.as_json
@options.parallel
@options.shard
@options.progress
def annotate_(
    inputs: tuple[Path, ...],
    output: Path,
    artist: str | None,
    title: str | None,
    labels: Path | None,
    bleed: bool,
    existing: options.Existing,
    as_json: bool,
    n_jobs: int,
    backend: Backend,
    shard: Shard | None,
    progress: options.ProgressStyle,
) -> None:
    """Make a multitrack in MedleyDB's layout of each folder of raw tracks INPUTS (files NN_Name.wav)."""
    from mirkit.parallel import map_all

    _batch.check_folder(output)
    inputs = tuple(dict.fromkeys(inputs))
    if len(inputs) > 1 and (artist or title or labels):
        raise click.UsageError("--artist, --title and --labels belong to one song; give one folder")
    instruments = _labels(labels) if labels else {}
    make = partial(
        _annotate,
        output=output,
        artist=artist,
        title=title,
        taken=_taken(inputs, artist, title),
        instruments=instruments,
        bleed=bleed,
        existing=existing,
    )
    report = options.reporter(progress, "annotating")
    folders = inputs if shard is None else shard.of(inputs)
    outcomes = map_all(make, folders, n_jobs=n_jobs, backend=backend, progress=report)
    for outcome in outcomes:
        if outcome.result is not None and outcome.result.unmapped:
            names = ", ".join(outcome.result.unmapped)
            click.echo(f"{outcome.item}: no taxonomy knows {names}; name them in a --labels file", err=True)
    options.finish(outcomes, as_json=as_json, line=_annotated, entry=_annotated_entry)


def _taken(inputs: Sequence[Path], artist: str | None, title: str | None) -> frozenset[str]:
    """Return the ids that several folders would get: one would replace the other, or pass for it."""
    from mirkit.data.builder import song_id

    counts = Counter(song_id(folder, artist=artist, title=title) for folder in inputs if folder.is_dir())
    return frozenset(name for name, count in counts.items() if count > 1)


def _annotate(
    folder: Path,
    *,
    output: Path,
    artist: str | None,
    title: str | None,
    taken: frozenset[str],
    instruments: dict[str, Any],
    bleed: bool,
    existing: options.Existing,
) -> Annotated:
    from mirkit.data.builder import Annotated, annotate, check_target, song_id
    from mirkit.data.medleydb import METADATA

    name = song_id(folder, artist=artist, title=title)
    if name in taken:
        raise DatasetError(
            f"{folder}: another input would get the same id {name}; rename one, or annotate it elsewhere"
        )
    check_target(folder, output / name)
    if not _batch.check_existing(output / name, existing, mark=f"{name}{METADATA}"):
        return Annotated(name, output / name, 0, ())
    return annotate(folder, output, artist=artist, title=title, instruments=instruments, has_bleed=bleed)


def _labels(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DatasetError(f"{path}: not readable as TOML ({error})") from error


def _annotated(result: Annotated) -> str:
    return f"{result.folder}: {f'{result.n_stems} stems' if result.n_stems else 'kept'}"


def _annotated_entry(result: Annotated) -> dict[str, Any]:
    return {
        "id": result.id,
        "folder": str(result.folder),
        "n_stems": result.n_stems,
        "unmapped": list(result.unmapped),
    }

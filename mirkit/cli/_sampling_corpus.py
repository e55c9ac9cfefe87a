"""``mirkit sampling`` on data sets: train, evaluate, synthesize."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.sampling import Detections, SamplePair, Scores


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option("--config", "config_name", default="default", show_default=True, help="Preset or TOML file.")
@click.option("--validation", type=click.Path(path_type=Path),
              help="Pairs to choose thresholds on, else the part 'valid'.")  # fmt: skip
@click.option("--name", help="Name of the model; that of the folder by default.")
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True), help="Markdown that describes the model."
)
@_options.seed
@_options.existing
@_options.parallel
@_options.progress
def train(
    dataset: Path,
    output: Path,
    config_name: str,
    validation: Path | None,
    name: str | None,
    card: Path | None,
    seed: int,
    existing: str,
    n_jobs: int,
    backend: Any,
    progress: Any,
) -> None:
    """Train a model on pairs of samples and songs, and keep it as a folder."""
    from mirkit import sampling

    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        _batch.skipped(output)
        return
    model = sampling.train(
        sampling.Config.from_toml(config_name),
        sampling.open_pairs(dataset),
        validation=sampling.open_pairs(validation) if validation else None,
        name=name or output.name,
        card=card.read_text(encoding="utf-8")
        if card
        else f"# {name or output.name}\n\nTrained on {dataset.name}.\n",
        seed=seed,
        n_jobs=n_jobs,
        backend=backend,
        progress=_options.reporter(progress, "pairs"),
    )
    model.checkpoint().save(output)
    summary = model.scores["validation"]
    found = f"F {_number(summary['song_f'])} of songs, {_number(summary['place_f'])} of places"
    click.echo(f"{output}: validation {found}")
    for problem in model.dataset["not_used"]:
        click.echo(f"error: {problem}", err=True)
    if model.dataset["not_used"]:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--split", help="Part of the data set; all pairs by default.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for all figures.")
@_options.existing
@_options.parallel
@_options.progress
@_options.as_json
def evaluate(
    dataset: Path,
    model: str,
    split: str | None,
    output: Path | None,
    existing: str,
    n_jobs: int,
    backend: Any,
    progress: Any,
    as_json: bool,
) -> None:
    """Compare what a model finds with the truth: songs and places, by type and transformation."""
    from mirkit import sampling
    from mirkit._files import write_json
    from mirkit.parallel import map_all

    if output is not None and not _batch.check_existing(output, existing):
        _batch.skipped(output, as_json=as_json)
        return
    pairs = sampling.open_pairs(dataset)
    items = pairs.split(split).items if split else pairs.items
    sampling.load(model)  # fails early if there is no such model
    report = _options.reporter(progress, "pairs")
    outcomes = map_all(partial(_found, model=model), items, n_jobs=n_jobs, backend=backend, progress=report)
    done = [(one.item, one.result) for one in outcomes if one.result is not None]
    scores = sampling.evaluate([item.truth for item, _ in done], [result for _, result in done])
    content = {
        "model": model,
        "dataset": pairs.name,
        "split": split,
        **scores.to_json(),
        "groups": _groups([item for item, _ in done], [result for _, result in done]),
    }
    for item, row in zip((item for item, _ in done), content["items"], strict=True):
        row |= {"pair": item.id, "kind": item.kind, "type": item.type}
    if output is not None:
        write_json(output, content)
    if as_json:
        click.echo(json.dumps(content, indent=1))
    else:
        click.echo(", ".join(f"{name} {_number(value)}" for name, value in content["summary"].items()))
        for group, row in content["groups"].items():
            click.echo(f"  {group}: " + ", ".join(f"{name} {_number(value)}" for name, value in row.items()))
    failures = [(one.item.id, one.error) for one in outcomes if one.error is not None]
    for name, error in failures:
        click.echo(f"error: {name}: {error}", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _found(item: SamplePair, model: str) -> Detections:
    from dataclasses import replace

    from mirkit import sampling

    result = sampling.predict(sampling.load(model), item.sample_audio(), item.song_audio(), label=item.query)
    return replace(result, evidence=None)


def _groups(items: list[SamplePair], results: list[Detections]) -> dict[str, dict[str, float | None]]:
    """Return recall of songs and of places by type, transposition, tempo and level."""
    groups: dict[str, list[int]] = {}
    for k, item in enumerate(items):
        if not len(item.truth):
            continue
        shift, ratio = abs(item.truth.pitch_shift_st[0]), item.truth.tempo_ratio[0]
        keys = [f"type {item.type or 'unknown'}", f"shift {_bin(shift, (0.01, 1, 3))} st"]
        keys.append(f"tempo change {_bin(abs(ratio - 1), (0.01, 0.05, 0.15))}")
        if item.details and "gain_db" in item.details[0]:
            keys.append(f"gain {_bin(float(item.details[0]['gain_db']), (-6, 0))} dB")
        for key in keys:
            groups.setdefault(key, []).append(k)
    found: dict[str, dict[str, float | None]] = {}
    from mirkit import sampling

    for key in sorted(groups):
        mine = groups[key]
        summary = sampling.evaluate([items[k].truth for k in mine], [results[k] for k in mine]).to_json()[
            "summary"
        ]
        found[key] = {
            "n": len(mine),
            "song_recall": summary["song_recall"],
            "place_recall": summary["place_recall"],
        }
    return found


def _bin(value: float, edges: tuple[float, ...]) -> str:
    """Return the stretch between two edges that holds a value; "unknown" for NaN."""
    if value != value:  # NaN alone is not itself
        return "unknown"
    for low, high in zip((None, *edges), (*edges, None), strict=True):
        if high is None:
            return f"over {low:g}"
        if value <= high:
            return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"
    raise AssertionError


def read_scores(path: Path) -> Scores:
    """Return the scores that `evaluate` wrote."""
    from mirkit.errors import AnnotationError
    from mirkit.sampling import Scores as Read

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        summary = {name: float("nan") if v is None else float(v) for name, v in content["summary"].items()}
        return Read(summary, content["items"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(f"{path}: no scores of mirkit sampling evaluate ({error})") from error


@click.command()
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--sources", type=click.Path(path_type=Path, exists=True), required=True,
              help="TOML list of songs, loops and one-shots with their parts.")  # fmt: skip
@click.option("--train", "n_train", type=click.IntRange(min=0), default=100, show_default=True,
              help="Samples of each part; each makes ten pairs.")  # fmt: skip
@click.option("--valid", "n_valid", type=click.IntRange(min=0), default=50, show_default=True)
@click.option("--test", "n_test", type=click.IntRange(min=0), default=80, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=10), default=60.0, show_default=True,
              help="Longest song.")  # fmt: skip
@_options.seed
@_options.parallel
@_options.progress
def synthesize(
    output: Path,
    sources: Path,
    n_train: int,
    n_valid: int,
    n_test: int,
    seconds: float,
    seed: int,
    n_jobs: int,
    backend: Any,
    progress: Any,
) -> None:
    """Fill the folder OUT with samples planted in songs, with exact truth."""
    from mirkit.sampling.synthesis import synthesize as build

    counts = {"train": n_train, "valid": n_valid, "test": n_test}
    found = build(
        output,
        sources=sources,
        n_queries={name: count for name, count in counts.items() if count},
        duration_s=seconds,
        seed=seed,
        n_jobs=n_jobs,
        backend=backend,
        progress=_options.reporter(progress, "samples"),
    )
    click.echo(f"{output}: {len(found.items)} pairs of {len({item.query for item in found.items})} samples")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


COMMANDS = (train, evaluate, synthesize)

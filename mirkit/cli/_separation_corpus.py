"""The commands of ``mirkit separation`` that work on data sets: train, evaluate, compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.multitrack import MultiTrack
    from mirkit.parallel import Outcome
    from mirkit.separation import Model, Scores, Separation
    from mirkit.separation.config import InferenceConfig

TABLE = "table.csv"
BOUNDS = {"mixture": "mixture", "ideal binary mask": "binary", "ideal ratio mask": "ratio"}
"""Systems that need no model: what none should fall below, and what no mask can surpass."""


@dataclass(frozen=True)
class System:
    """Something that separates: a model with settings of inference, or a bound.

    Parameters
    ----------
    name : str
        In tables and figures.
    model : str
        Bundled model or folder; of a bound, the model whose targets it is asked for.
    bound : str
        Kind of bound, empty for a model.
    settings : InferenceConfig, optional
        In place of the model's own.
    """

    name: str
    model: str
    bound: str = ""
    settings: InferenceConfig | None = None


@lru_cache(maxsize=8)
def loaded(name_or_folder: str) -> Model:
    """Return a model, read once."""
    from mirkit import separation

    return separation.load(name_or_folder)


@lru_cache(maxsize=8)
def weights_sha256(name_or_folder: str) -> Any:
    """Return the hash of a model's weights, or those of the files of an Open-Unmix folder."""
    from mirkit import checkpoint
    from mirkit.separation import unmix

    folder = Path(name_or_folder)
    if unmix.is_folder(folder):
        return unmix.sha256(folder)
    return checkpoint.sha256(checkpoint.find("separation", name_or_folder))


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the model.")
@click.option("--config", "config_name", default="default", show_default=True, help="Preset or TOML file.")
@click.option("--targets", type=_options.NAMES, help="Train these only; all of the settings' by default.")
@click.option(
    "--validation", type=click.Path(path_type=Path), help="Data set to stop by, else the part 'valid'."
)
@click.option("--name", help="Name of the model; that of the folder by default.")
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True), help="Markdown file that describes the model."
)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for the state of the training.")
@click.option("--resume", is_flag=True, help="Go on from the state in --work; what is done is kept.")
@click.option("--start", help="Bundled model by name, or a folder, whose weights to begin with.")
@click.option("--resident", is_flag=True, help="Keep all songs in the device's memory; for GPUs.")
@click.option("--devices", "n_devices", type=click.IntRange(min=0), default=0, show_default=True,
              help="GPUs, or processes on the CPU, of each machine; 0 is Lightning's choice.")  # fmt: skip
@click.option("--nodes", "n_nodes", type=click.IntRange(min=1), default=1, show_default=True,
              help="Machines that run this command together.")  # fmt: skip
@click.option("--strategy", default="auto", show_default=True, help="Lightning's: auto, ddp, fsdp, ...")
@click.option("--precision", type=click.Choice(["32-true", "16-mixed", "bf16-mixed"]), default="32-true",
              show_default=True)  # fmt: skip
@_options.seed
@_options.existing
@_options.parallel
@_options.device
@_options.progress
def train(
    dataset: Path,
    output: Path,
    config_name: str,
    targets: tuple[str, ...] | None,
    validation: Path | None,
    name: str | None,
    card: Path | None,
    work: Path | None,
    resume: bool,
    start: str | None,
    resident: bool,
    n_devices: int,
    n_nodes: int,
    strategy: str,
    precision: Any,
    seed: int,
    existing: str,
    n_jobs: int,
    backend: str,  # noqa: ARG001  # one shape for all commands; training decodes on this machine
    device: str,
    progress: str,
) -> None:
    """Train a model on the stems of a data set, and keep it as a folder."""
    from mirkit import loop, separation
    from mirkit.data import open_dataset

    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        click.echo(f"{output}: already there, skipped")
        return
    config = separation.Config.from_toml(config_name)
    model = separation.train(
        config.replace(targets=targets) if targets else config,
        open_dataset(dataset),
        validation=open_dataset(validation) if validation else None,
        seed=seed,
        name=name or output.name,
        folder=work or output.with_name(output.name + "-work"),
        resume=resume,
        start=loaded(start) if start else None,
        device=loop.Hardware(device, n_devices, n_nodes, strategy, precision),
        resident=resident,
        n_jobs=n_jobs,
        progress=progress != "none",
    )
    if not loop.is_first_process():  # of several, one writes
        return
    text = (
        card.read_text(encoding="utf-8")
        if card
        else f"# {model.name}\n\nTrained on {model.dataset['name']}.\n"
    )
    replace(model, card=text).checkpoint().save(output)
    reached = ", ".join(f"{part} {loss:.4g}" for part, loss in model.scores["validation_loss"].items())
    click.echo(f"{output}: validation error {reached}")


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--model", default="default", show_default=True, help="Bundled model by name, or a folder.")
@click.option("--split", help="Part of the data set; all songs by default.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for all figures.")
@click.option(
    "--work", type=click.Path(path_type=Path), help="Folder for each song's scores; done songs are kept."
)
@_options.existing
@_options.parallel
@_options.shard
@_options.device
@_options.progress
@_options.as_json
def evaluate(
    dataset: Path,
    model: str,
    split: str | None,
    output: Path | None,
    work: Path | None,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Separate the songs of a data set and compare with their stems.

    With --shard only a part of the songs is scored, into --work; a run without it then gathers them.
    """
    from mirkit._files import write_json

    _check_shard(shard, work)
    if output and not _batch.check_existing(output, existing):
        click.echo(f"{output}: already there, skipped")
        return
    loaded(model)
    system = System(model, model)
    outcomes = _judged(dataset, split, [system], work, device, n_jobs, backend, shard, progress)
    scores = None if shard else _by_system(outcomes).get(system.name)
    if scores is not None:
        if output:
            write_json(output, scores.to_json())
        click.echo(json.dumps(scores.to_json(), indent=1) if as_json else _table({model: scores}).to_string())
    _report_failures(outcomes)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--model", "models", multiple=True, required=True,
    help="Bundled model or folder, or LABEL=FOLDER; give as many as you like.",
)  # fmt: skip
@click.option(
    "--gates", type=_options.NAMES, default="hard,off", show_default=True,
    help="Variants of each model that has a classifier: hard, soft, off.",
)  # fmt: skip
@click.option("--bounds/--no-bounds", default=True, show_default=True, help="Mixture and ideal masks, too.")
@click.option("--split", help="Part of the data set; all songs by default.")
@_options.output("mirkit-compare")
@click.option(
    "--work", type=click.Path(path_type=Path), help="Folder for each song's scores; done songs are kept."
)
@_options.existing
@_options.parallel
@_options.shard
@_options.device
@_options.progress
@_options.as_json
def compare(
    dataset: Path,
    models: tuple[str, ...],
    gates: tuple[str, ...],
    bounds: bool,
    split: str | None,
    output: Path,
    work: Path | None,
    existing: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    device: str,
    progress: Any,
    as_json: bool,
) -> None:
    """Compare models with one another, with and without their gate, and with what masks can reach.

    Writes scores.json (every song), table.csv and table.md (medians over songs), sdr.png and
    leakage.png. With --shard only a part of the songs is scored, into --work; a run without it then gathers
    them.
    """
    from mirkit._files import replacing

    _check_shard(shard, work)
    _batch.check_folder(output)
    if not _batch.check_existing(output, existing, mark=TABLE):
        click.echo(f"{output}: already there, skipped")
        return
    if wrong := set(gates) - {"hard", "soft", "off"}:
        raise click.UsageError(f"--gates: {', '.join(sorted(wrong))}; known are hard, soft, off")
    systems = _systems(models, gates, bounds)
    outcomes = _judged(dataset, split, systems, work, device, n_jobs, backend, shard, progress)
    found = {} if shard else _by_system(outcomes)
    if found:
        ordered = {system.name: found[system.name] for system in systems if system.name in found}
        with replacing(output, folder=True) as temporary:
            _write_comparison(temporary, ordered)
        table = _table(ordered)
        content = {name: scores.to_json() for name, scores in ordered.items()}
        click.echo(json.dumps(content, indent=1) if as_json else f"{table.to_string()}\n{output}")
    _report_failures(outcomes)


def _check_shard(shard: Any, work: Path | None) -> None:
    if shard and work is None:
        raise click.UsageError("--shard needs --work, the folder where the parts' scores meet")


def _systems(models: Sequence[str], gates: Sequence[str], bounds: bool) -> list[System]:
    """Return the bounds and each model's variants, in the order of a table."""
    pairs = []
    for given in models:
        label, equals, folder = given.partition("=")
        pairs.append((label, folder) if equals else (Path(given).name, given))
    systems = [System(name, pairs[0][1], kind) for name, kind in BOUNDS.items()] if bounds else []
    for label, folder in pairs:
        model = loaded(folder)
        if not model.has_classifier:
            systems.append(System(label, folder))
            continue
        for gate in gates:
            settings = replace(model.config.inference, gate=gate)  # type: ignore[arg-type]  # checked above
            systems.append(System(f"{label}, {'no' if gate == 'off' else gate} gate", folder, "", settings))
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        raise click.UsageError("--model: two have one name; give labels, as in --model ours=FOLDER")
    return systems


def _judged(
    dataset: Path,
    split: str | None,
    systems: Sequence[System],
    work: Path | None,
    device: str,
    n_jobs: int,
    backend: Any,
    shard: Any,
    progress: Any,
) -> list[Outcome[Any, dict[str, Any]]]:
    """Return for each song the scores of each system as plain values."""
    from mirkit.data import open_dataset
    from mirkit.parallel import map_all

    songs = open_dataset(dataset)
    items = (songs.split(split) if split else songs).items
    _batch.note_unknown_instruments(items)
    return map_all(
        partial(_judge, systems=tuple(systems), work=work, device=device),
        shard.of(items) if shard else items,
        n_jobs=n_jobs,
        backend=backend,
        progress=_options.reporter(progress, "songs"),
    )


def _judge(item: MultiTrack, systems: Sequence[System], work: Path | None, device: str) -> dict[str, Any]:
    """Return system to scores of one song; kept in ``work`` by what they depend on."""
    from mirkit._files import write_json

    found: dict[str, Any] = {}
    truths: dict[str, Separation] = {}
    for system in systems:
        kept = None if work is None else work / f"{item.id}-{_fingerprint(item, system)}.json"
        if kept is not None and kept.is_file():
            found[system.name] = json.loads(kept.read_text(encoding="utf-8"))
            continue
        if system.model not in truths:
            truths.clear()  # one song's stems at a time
            truths[system.model] = _truth(item, system.model)
        found[system.name] = _score(item.id, truths[system.model], system, device).to_json()
        if kept is not None:
            write_json(kept, found[system.name])
    return found


def _fingerprint(item: MultiTrack, system: System) -> str:
    """Return a hash of what scores depend on: stems, weights, settings, version."""
    import hashlib

    import mirkit

    stat = [(str(stem.path), stem.stream, stem.path.stat().st_mtime_ns) for stem in item.stems]
    settings = None if system.settings is None else asdict(system.settings)
    content = (stat, system.bound, weights_sha256(system.model), settings, mirkit.__version__)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _truth(item: MultiTrack, model: str) -> Separation:
    from mirkit.separation.targets import truth

    return truth(item, loaded(model).config)


def _score(song: str, reference: Separation, system: System, device: str) -> Scores:
    from mirkit import separation

    targets = [name for name in loaded(system.model).config.targets if name in reference.stems]
    if system.bound:
        estimate = separation.bound(reference, system.bound, device=device)  # type: ignore[arg-type]
    else:
        estimate = separation.predict(
            loaded(system.model), reference.mixture(), settings=system.settings, device=device
        )
    stems = {name: estimate.stems[name] for name in targets}
    return separation.evaluate([reference], [separation.Separation(stems, estimate.activity)], names=[song])


def _by_system(outcomes: Sequence[Outcome[Any, dict[str, Any]]]) -> dict[str, Scores]:
    from mirkit.separation import Scores

    songs = [outcome.result for outcome in outcomes if outcome.result]
    names = dict.fromkeys(name for song in songs for name in song)
    return {
        name: Scores.joined([Scores.from_json(song[name]) for song in songs if name in song])
        for name in names
    }


def _table(systems: Mapping[str, Scores]) -> Any:
    """Return medians over songs: a row for each target and system."""
    import pandas as pd

    rows = [
        {"target": target, "system": name, **{m: values[target] for m, values in scores.summary.items()}}
        for name, scores in systems.items()
        for target in scores.targets
    ]
    frame = pd.DataFrame(rows)
    order = {target: k for k, target in enumerate(dict.fromkeys(frame["target"]))}
    frame = frame.sort_values("target", key=lambda column: column.map(order), kind="stable")
    return frame.set_index(["target", "system"]).round(2)


def _write_comparison(folder: Path, systems: Mapping[str, Scores]) -> None:
    from mirkit import _figures
    from mirkit._files import write_json, write_text
    from mirkit.separation import plots

    write_json(folder / "scores.json", {name: scores.to_json() for name, scores in systems.items()})
    table = _table(systems).reset_index()
    write_text(folder / TABLE, table.to_csv(index=False))
    cells = [["-" if value != value else str(value) for value in row] for row in table.values.tolist()]
    lines = [list(table.columns), ["---"] * len(table.columns), *cells]
    write_text(folder / "table.md", "".join(f"| {' | '.join(line)} |\n" for line in lines))
    for measure in ("sdr", "leakage_db"):
        _figures.save(
            plots.plot_scores(systems, measure=measure), folder / f"{measure.removesuffix('_db')}.png"
        )


def _report_failures(outcomes: Sequence[Outcome[Any, Any]]) -> None:
    failures = [outcome for outcome in outcomes if outcome.error]
    for outcome in failures:
        click.echo(f"error: {outcome.item.id}: {outcome.error}", err=True)
    if failures:
        click.echo(f"{len(failures)} of {len(outcomes)} songs failed", err=True)
        raise click.exceptions.Exit(1)

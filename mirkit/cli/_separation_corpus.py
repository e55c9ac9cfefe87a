"""The commands of ``mirkit separation`` that work on data sets: train, evaluate, compare."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mirkit.cli import _batch, _options
from mirkit.cli import _separation_scoring as _scoring


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
    from mirkit._files import place_for_folder
    from mirkit.data import open_dataset

    _batch.check_folder(output)
    place_for_folder(output)  # before hours of work
    if not _batch.check_existing(output, existing, mark=_batch.MODEL):
        _batch.skipped(output)
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
        start=_scoring.loaded(start) if start else None,
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
        _batch.skipped(output, as_json=as_json)
        return
    _scoring.loaded(model)
    system = _scoring.System(model, model)
    outcomes = _scoring.judged(dataset, split, [system], work, device, n_jobs, backend, shard, progress)
    scores = None if shard else _scoring.by_system(outcomes).get(system.name)
    if scores is not None:
        if output:
            write_json(output, scores.to_json())
        click.echo(
            json.dumps(scores.to_json(), indent=1) if as_json else _scoring.table({model: scores}).to_string()
        )
    _scoring.report_failures(outcomes)


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
    from mirkit._files import place_for_folder, replacing

    _check_shard(shard, work)
    _batch.check_folder(output)
    place_for_folder(output)  # before hours of work
    if not _batch.check_existing(output, existing, mark=_scoring.TABLE):
        _batch.skipped(output, as_json=as_json)
        return
    if wrong := set(gates) - {"hard", "soft", "off"}:
        raise click.UsageError(f"--gates: {', '.join(sorted(wrong))}; known are hard, soft, off")
    systems = _scoring.systems_of(models, gates, bounds)
    outcomes = _scoring.judged(dataset, split, systems, work, device, n_jobs, backend, shard, progress)
    found = {} if shard else _scoring.by_system(outcomes)
    if found:
        ordered = {system.name: found[system.name] for system in systems if system.name in found}
        with replacing(output, folder=True) as temporary:
            _scoring.write_comparison(temporary, ordered)
        table = _scoring.table(ordered)
        content = {name: scores.to_json() for name, scores in ordered.items()}
        click.echo(json.dumps(content, indent=1) if as_json else f"{table.to_string()}\n{output}")
    _scoring.report_failures(outcomes)


def _check_shard(shard: Any, work: Path | None) -> None:
    if shard and work is None:
        raise click.UsageError("--shard needs --work, the folder where the parts' scores meet")

"""``mirkit models``: the trained models that come with mirkit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mirkit.cli import _options


@click.group("models")
def command() -> None:
    """Bundled models: what there is, what each is, and whether it is undamaged."""


def _folders() -> dict[str, Path]:
    from importlib import resources

    root = Path(str(resources.files("mirkit") / "models"))
    return {path.parent.name: path.parent for path in sorted(root.glob("*/config.json"))}


def _entry(name: str, folder: Path) -> dict[str, Any]:
    from mirkit import checkpoint

    loaded = checkpoint.Checkpoint.load(folder)
    return {
        "model": name,
        "task": loaded.task,
        "network": loaded.config.get("network"),
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "sha256": checkpoint.sha256(folder),
        "scores": dict(loaded.scores),
    }


@command.command("list")
@_options.as_json
def list_models(as_json: bool) -> None:
    """List the bundled models; all work offline."""
    entries = [_entry(name, folder) for name, folder in _folders().items()]
    if as_json:
        click.echo(json.dumps(entries, indent=1))
        return
    for entry in entries:
        click.echo(
            f"{entry['model']}  {entry['network']}  {entry['bytes'] / 1e6:.1f} MB  "
            f"sha256 {entry['sha256'][:12]}"
        )


@command.command("show")
@click.argument("model")
def show(model: str) -> None:
    """Print the card of a model: a bundled one by name, or a folder."""
    from mirkit.checkpoint import Checkpoint

    click.echo(Checkpoint.load(_folders().get(model, Path(model))).card)


@command.command("verify")
@click.argument("models", nargs=-1)
@_options.as_json
def verify(models: tuple[str, ...], as_json: bool) -> None:
    """Load models and compare their weights with the hashes on record; all bundled ones by default."""
    from mirkit.parallel import map_all

    outcomes = map_all(_verified, models or tuple(_folders()))
    _options.finish(
        outcomes, as_json=as_json, line=lambda entry: f"{entry['model']}: as published", entry=dict
    )


def _verified(name: str) -> dict[str, Any]:
    from importlib import resources

    from mirkit.errors import CheckpointError

    folder = _folders().get(name, Path(name))
    entry = _entry(name, folder)
    published = json.loads((resources.files("mirkit") / "models" / "sha256.json").read_text(encoding="utf-8"))
    if name in published and published[name] != entry["sha256"]:
        raise CheckpointError(f"{folder}: weights differ from the published ones; install mirkit anew")
    return entry

"""``mirkit models``: the trained models that come with mirkit, and public ones that it can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mirkit.cli import _options


@click.group("models")
def command() -> None:
    """Bundled and public models: what there is, what each is, and whether it is undamaged."""


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


def _public() -> dict[str, Any]:
    """Return the weights that others publish and mirkit can use: name to where they are and on what terms."""
    from importlib import resources

    listed = (resources.files("mirkit") / "models" / "public.json").read_text(encoding="utf-8")
    return dict(json.loads(listed))


@command.command("list")
@_options.as_json
def list_models(as_json: bool) -> None:
    """List the bundled models, which all work offline, and public weights to fetch yourself."""
    entries = [_entry(name, folder) for name, folder in _folders().items()]
    public = _public()
    if as_json:
        elsewhere = [{"model": name, "bundled": False, **entry} for name, entry in public.items()]
        click.echo(json.dumps([{**entry, "bundled": True} for entry in entries] + elsewhere, indent=1))
        return
    for entry in entries:
        click.echo(
            f"{entry['model']}  {entry['network']}  {entry['bytes'] / 1e6:.1f} MB  "
            f"sha256 {entry['sha256'][:12]}"
        )
    click.echo("Published elsewhere; mirkit fetches nothing, 'mirkit models show NAME' tells how:")
    for name, entry in public.items():
        click.echo(f"{name}  {entry['network']}  {entry['megabytes']} MB  {entry['licence']}")


@command.command("show")
@click.argument("model")
def show(model: str) -> None:
    """Print the card of a model: a bundled one or a public one by name, or a folder."""
    from mirkit.checkpoint import Checkpoint

    if model in _public() and not Path(model).is_dir():
        click.echo(_how_to_get(model, _public()[model]))
        return
    click.echo(Checkpoint.load(_folders().get(model, Path(model))).card)


def _how_to_get(name: str, entry: dict[str, Any]) -> str:
    """Return what public weights are, where their files lie, and what to put beside them."""
    targets = [file.partition("-")[0].partition("_")[0] for file in entry["files"]]
    return "\n".join(
        [
            f"{name}: Open-Unmix for {', '.join(targets)}, {entry['megabytes']} MB",
            f"licence: {entry['licence']}",
            f"trained on: {entry['data']}",
            f"published scores: {entry['scores']}",
            "",
            f"Fetch these into a folder {name}/ (the digits in a name are the start of the file's sha256):",
            *(f"  {entry['url']}{file}" for file in entry["files"]),
            "Where they are missing, write beside them",
            f"  separator.json: {json.dumps(entry['separator'])}",
            *(f"  {target}.json: {json.dumps({'args': entry['args']})}" for target in targets),
            f"Then, without any network: mirkit models verify {name}/",
            f"                           mirkit separation predict SONG --model {name}/",
        ]
    )


@command.command("verify")
@click.argument("models", nargs=-1)
@_options.as_json
def verify(models: tuple[str, ...], as_json: bool) -> None:
    """Load models and compare their weights with the hashes on record; all bundled ones by default.

    A folder of Open-Unmix weights is compared with the hashes in the names of its files.
    """
    from mirkit.parallel import map_all

    outcomes = map_all(_verified, models or tuple(_folders()))
    _options.finish(
        outcomes, as_json=as_json, line=lambda entry: f"{entry['model']}: as published", entry=dict
    )


def _verified(name: str) -> dict[str, Any]:
    from importlib import resources

    from mirkit.errors import CheckpointError

    folder = _folders().get(name, Path(name))
    if (folder / "separator.json").is_file():
        from mirkit import separation
        from mirkit.separation import unmix

        model = separation.load(folder)
        return {"model": name, "task": "separation", "network": "umx", "targets": list(model.config.targets),
                "sha256": unmix.sha256(folder)}  # fmt: skip
    entry = _entry(name, folder)
    published = json.loads((resources.files("mirkit") / "models" / "sha256.json").read_text(encoding="utf-8"))
    if name in published and published[name] != entry["sha256"]:
        raise CheckpointError(f"{folder}: weights differ from the published ones; install mirkit anew")
    return entry

"""``mirkit models``: the trained models that come with mirkit, and public ones that it can use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from mirkit.cli import _options


@click.group("models")
def command() -> None:
    """Bundled and public models: what there is, what each is, and whether it is undamaged."""


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Return the names that a shell may complete."""
    from mirkit import checkpoint

    return [name for name in (*_folders(), *checkpoint.public()) if name.startswith(incomplete)]


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
        "licence": _licence(loaded.card),
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "sha256": checkpoint.sha256(folder),
        "scores": dict(loaded.scores),
    }


def _licence(card: str) -> str:
    """Return the licence that a card names, or where to look for it."""
    section = card.partition("## Licence")[2].partition("\n## ")[0]
    named = re.search(r"\b(MIT|BSD|Apache-2\.0|CC0|CC BY(?:-[A-Z]+)*(?: \d\.\d)?)\b", section)
    return named[1] if named else "see the card"


@command.command("list")
@_options.as_json
def list_models(as_json: bool) -> None:
    """List the bundled models, which all work offline, and public weights to fetch yourself."""
    from mirkit import checkpoint

    entries = [_entry(name, folder) for name, folder in _folders().items()]
    public = checkpoint.public()
    if as_json:
        elsewhere = [{"model": name, "bundled": False, **entry} for name, entry in public.items()]
        click.echo(json.dumps([{**entry, "bundled": True} for entry in entries] + elsewhere, indent=1))
        return
    click.echo("Bundled; 'mirkit models show NAME' prints the card, --model takes its name:")
    for entry in entries:
        click.echo(
            f"  {entry['model']:20}{entry['network'] or '':8}{entry['bytes'] / 1e6:6.1f} MB  "
            f"{entry['licence']:5}sha256 {entry['sha256'][:12]}"
        )
    click.echo("Published elsewhere; mirkit fetches nothing, 'mirkit models show NAME' tells how:")
    for name, entry in public.items():
        click.echo(f"  {name:20}{entry['network']:8}{entry['megabytes']:6} MB  {entry['licence']}")


@command.command("show")
@click.argument("model", shell_complete=_names)
def show(model: str) -> None:
    """Print the card of a model: a bundled one or a public one by name, or a folder."""
    from mirkit import checkpoint

    public = checkpoint.public()
    if model in public and not Path(model).is_dir():
        click.echo(_how_to_get(model, public[model]))
        return
    click.echo(checkpoint.Checkpoint.load(_folder(model)).card)


def _folder(model: str) -> Path:
    """Return the folder of a bundled model or one that is given; `CheckpointError` if it is neither."""
    from mirkit import checkpoint
    from mirkit.errors import CheckpointError

    folder = _folders().get(model, Path(model))
    if not folder.is_dir():
        named = ", ".join((*_folders(), *checkpoint.public()))
        raise CheckpointError(f"no model {model!r}: neither a folder nor one of {named}")
    return folder


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
@click.argument("models", nargs=-1, shell_complete=_names)
@_options.as_json
def verify(models: tuple[str, ...], as_json: bool) -> None:
    """Load models and compare their weights with the hashes on record; all bundled ones by default.

    A folder is compared with the bundled model of its task and name, if there is one. A folder of Open-Unmix
    weights is compared with the hashes in the names of its files.
    """
    from mirkit.parallel import map_all

    outcomes = map_all(_verified, models or tuple(_folders()))
    _options.finish(outcomes, as_json=as_json, line=_verdict, entry=dict)


def _verdict(entry: dict[str, Any]) -> str:
    if entry["compared_with"] == "published":
        return f"{entry['model']}: as published"
    if entry["compared_with"] == "file names":
        return f"{entry['model']}: as the names of its files say; none of them is on record"
    hashes = entry["sha256"]
    told = (
        ", ".join(f"{file} {digest}" for file, digest in hashes.items()) if type(hashes) is dict else hashes
    )
    return f"{entry['model']}: loads; no hash is on record to compare with, sha256 {told}"


def _verified(name: str) -> dict[str, Any]:
    from mirkit.errors import CheckpointError

    folder = _folder(name)
    if (folder / "separator.json").is_file():
        return _verified_unmix(name, folder)
    entry = _entry(name, folder)
    published = _published(name, folder)
    if published not in (None, entry["sha256"]):
        raise CheckpointError(
            f"{folder}: weights differ from the published ones of that name, sha256 {entry['sha256']}; "
            "install mirkit anew, or give a model of your own another name"
        )
    return entry | {"compared_with": published and "published"}


def _published(name: str, folder: Path) -> str | None:
    """Return the hash on record of a bundled model, or of the one whose task and name a folder claims."""
    from importlib import resources

    listed = json.loads((resources.files("mirkit") / "models" / "sha256.json").read_text(encoding="utf-8"))
    bundled = _folders()
    if name not in bundled:
        claimed = _claim(folder)
        name = next((one for one, path in bundled.items() if _claim(path) == claimed), "")
    return dict(listed).get(name)


def _claim(folder: Path) -> tuple[str, str]:
    """Return the task and name that a model gives itself."""
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return content["task"], content["name"]


def _verified_unmix(name: str, folder: Path) -> dict[str, Any]:
    """Return what is known of a folder of Open-Unmix weights; loading compares them with their names."""
    from mirkit import checkpoint, separation
    from mirkit.separation import unmix

    model, hashes = separation.load(folder), unmix.sha256(folder)
    compared_with = (
        "file names" if all(re.search(r"[-_][0-9a-f]{8}\.pth$", file) for file in hashes) else None
    )
    if any(set(hashes) <= set(entry["files"]) for entry in checkpoint.public().values()):
        compared_with = "published"
    return {"model": name, "task": "separation", "network": "umx", "targets": list(model.config.targets),
            "sha256": hashes, "compared_with": compared_with}  # fmt: skip

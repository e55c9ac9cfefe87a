"""Songs of a data set separated by several systems and scored: models, their gates, and bounds."""

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


def systems_of(models: Sequence[str], gates: Sequence[str], bounds: bool) -> list[System]:
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


def judged(
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
    """Return a hash of what scores depend on: stems and their labels, weights, settings, version."""
    import hashlib

    import mirkit

    stems = [
        (stem.id, stem.instrument, str(stem.path), stem.stream, stem.path.stat().st_mtime_ns)
        for stem in item.stems
    ]
    config = loaded(system.model).config.to_dict()
    settings = None if system.settings is None else asdict(system.settings)
    content = (stems, system.bound, weights_sha256(system.model), config, settings, mirkit.__version__)
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


def by_system(outcomes: Sequence[Outcome[Any, dict[str, Any]]]) -> dict[str, Scores]:
    from mirkit.separation import Scores

    songs = [outcome.result for outcome in outcomes if outcome.result]
    names = dict.fromkeys(name for song in songs for name in song)
    return {
        name: Scores.joined([Scores.from_json(song[name]) for song in songs if name in song])
        for name in names
    }


def table(systems: Mapping[str, Scores]) -> Any:
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


def write_comparison(folder: Path, systems: Mapping[str, Scores]) -> None:
    from mirkit import _figures
    from mirkit._files import write_json, write_text
    from mirkit.separation import plots

    write_json(folder / "scores.json", {name: scores.to_json() for name, scores in systems.items()})
    medians = table(systems).reset_index()
    write_text(folder / TABLE, medians.to_csv(index=False))
    cells = [["-" if value != value else str(value) for value in row] for row in medians.values.tolist()]
    lines = [list(medians.columns), ["---"] * len(medians.columns), *cells]
    write_text(folder / "table.md", "".join(f"| {' | '.join(line)} |\n" for line in lines))
    for measure in ("sdr", "leakage_db"):
        _figures.save(
            plots.plot_scores(systems, measure=measure), folder / f"{measure.removesuffix('_db')}.png"
        )


def report_failures(outcomes: Sequence[Outcome[Any, Any]]) -> None:
    failures = [outcome for outcome in outcomes if outcome.error]
    for outcome in failures:
        click.echo(f"error: {outcome.item.id}: {outcome.error}", err=True)
    if failures:
        click.echo(f"{len(failures)} of {len(outcomes)} songs failed", err=True)
        raise click.exceptions.Exit(1)

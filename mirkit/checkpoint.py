"""Trained models on disk: a folder of JSON, safetensors and a card; no torch, no pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from mirkit._files import replacing, write_json
from mirkit._reading import reading
from mirkit.errors import CheckpointError

__all__ = ["FORMAT", "Checkpoint", "bundled", "check_arrays", "find", "sha256"]

FORMAT = "mirkit.checkpoint/1"

_KEYS = {
    "format": str,
    "mirkit_version": str,
    "task": str,
    "name": str,
    "config": dict,
    "labels": list,
    "dataset": dict,
    "seed": int,
    "extra": dict,
}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model as plain values: what to build, its weights, and what is known about it.

    Parameters
    ----------
    task : str
        Task package that can load it, such as ``activity``.
    name : str
        Name of the model.
    config : mapping
        The task's `Config` as plain values.
    labels : tuple of str
        Classes in the order of the outputs.
    arrays : mapping of str to ndarray
        Named weights.
    card : str
        Markdown: purpose, data and licence, training, limits.
    scores : mapping
        Held-out measures when it was saved.
    dataset : mapping
        Name and hash of the training data.
    seed : int
        Seed of the training.
    extra : mapping
        What else inference needs, such as thresholds for each class.
    """

    task: str
    name: str
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]
    card: str
    scores: Mapping[str, Any]
    dataset: Mapping[str, Any]
    seed: int
    extra: Mapping[str, Any]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder, whole or not at all; an older one of that name is replaced."""
        from safetensors import numpy as safetensors

        import mirkit

        config = {
            "format": FORMAT,
            "mirkit_version": mirkit.__version__,
            "task": self.task,
            "name": self.name,
            "config": dict(self.config),
            "labels": list(self.labels),
            "dataset": dict(self.dataset),
            "seed": self.seed,
            "extra": dict(self.extra),
        }
        with replacing(folder, folder=True) as temporary:
            write_json(temporary / "config.json", config)
            write_json(temporary / "scores.json", dict(self.scores))
            (temporary / "card.md").write_text(self.card, encoding="utf-8")
            contiguous = {key: np.asarray(array, order="C") for key, array in self.arrays.items()}
            safetensors.save_file(contiguous, temporary / "weights.safetensors")

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, task: str | None = None) -> Checkpoint:
        """Return the checkpoint in a folder.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.
        task : str, optional
            Refuse a model of any other task.

        Returns
        -------
        Checkpoint

        Raises
        ------
        CheckpointError
            If a file is missing or damaged, the format is another one, a key is unknown or missing,
            or the task differs.
        """
        folder = Path(folder)
        content = _read_json(folder / "config.json")
        if content.get("format") != FORMAT:
            raise CheckpointError(
                f"{folder}: format is {content.get('format')!r}, this mirkit reads {FORMAT!r}"
            )
        if wrong := sorted(set(_KEYS) ^ set(content)):
            raise CheckpointError(f"{folder / 'config.json'}: keys {wrong} are missing or not known")
        for key, kind in _KEYS.items():
            if not isinstance(content[key], kind):
                raise CheckpointError(
                    f"{folder / 'config.json'}: {key} must be {kind.__name__}, got {content[key]!r}"
                )
        if not all(isinstance(label, str) for label in content["labels"]):
            raise CheckpointError(
                f"{folder / 'config.json'}: labels must be texts, got {content['labels']!r}"
            )
        if task is not None and content["task"] != task:
            raise CheckpointError(f"{folder}: is a model for {content['task']!r}, not for {task!r}")
        with reading(folder / "card.md", CheckpointError, "a text about the model"):
            card = (folder / "card.md").read_text(encoding="utf-8")
        return cls(
            task=content["task"],
            name=content["name"],
            config=content["config"],
            labels=tuple(content["labels"]),
            arrays=_read_arrays(folder / "weights.safetensors"),
            card=card,
            scores=_read_json(folder / "scores.json"),
            dataset=content["dataset"],
            seed=content["seed"],
            extra=content["extra"],
        )


def check_arrays(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise `CheckpointError` unless there are exactly the weights that a network wants.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights of a checkpoint.
    wanted : mapping of str to tuple of int
        Name to shape.

    Raises
    ------
    CheckpointError
        Naming the weights that are missing, left over or of another shape.
    """
    for names, fault in ((set(wanted) - set(arrays), "missing"), (set(arrays) - set(wanted), "left over")):
        if names:
            listed = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            raise CheckpointError(f"weights are {fault}: {listed}; the file does not belong to this config")
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise CheckpointError(f"weight {name} has shape {arrays[name].shape}, wanted {shape}")


def bundled(task: str) -> dict[str, Path]:
    """Return the models that come with mirkit for a task.

    Parameters
    ----------
    task : str
        Such as ``activity``.

    Returns
    -------
    dict of str to Path
        Name, without the task, to folder.
    """
    root = Path(str(resources.files("mirkit") / "models"))
    folders = sorted(path.parent for path in root.glob("*/config.json"))
    return {path.name.removeprefix(f"{task}-"): path for path in folders if path.name.startswith(f"{task}-")}


def public() -> dict[str, Any]:
    """Return the weights that others publish and mirkit can use.

    Returns
    -------
    dict of str to dict
        Name to where they are and on what terms.
    """
    listed = (resources.files("mirkit") / "models" / "public.json").read_text(encoding="utf-8")
    return dict(json.loads(listed))


def find(task: str, name_or_folder: str | os.PathLike[str]) -> Path:
    """Return the folder of a bundled model by name, or a folder as it is.

    Parameters
    ----------
    task : str
        Such as ``activity``.
    name_or_folder : str or Path
        Name of a bundled model, with or without the task before it, or a folder that `Checkpoint.save`
        wrote.

    Returns
    -------
    Path

    Raises
    ------
    CheckpointError
        If it is neither.
    """
    models = bundled(task)
    name = str(name_or_folder).removeprefix(f"{task}-")
    if name in models:
        return models[name]
    if (Path(name_or_folder) / "config.json").is_file():
        return Path(name_or_folder)
    if name in public():
        raise CheckpointError(
            f"no model {name!r} here: its weights are published elsewhere; 'mirkit models show {name}' tells "
            "which files to put into a folder, and --model takes that folder"
        )
    raise CheckpointError(
        f"no model {str(name_or_folder)!r}: neither a folder with config.json "
        f"nor a bundled {task} model ({', '.join(models) or 'none'})"
    )


def sha256(folder: str | os.PathLike[str]) -> str:
    """Return the hash of a model's weights file, by which results name it.

    Parameters
    ----------
    folder : str or Path
        Folder of a checkpoint.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256((Path(folder) / "weights.safetensors").read_bytes()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    with reading(path, CheckpointError, "a file of a mirkit model folder"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {type(content).__name__}, wanted an object with named values")
    return content


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors import numpy as safetensors

    try:
        with reading(path, CheckpointError, "a safetensors file"):
            return safetensors.load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: cannot be read as safetensors ({error})") from error

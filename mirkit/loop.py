"""The one wrapper around the Lightning Trainer: early stopping, best weights, resuming."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.utils.data import Sampler

from mirkit._blas import one_blas_thread
from mirkit._files import write_json
from mirkit.errors import CheckpointError, ParameterError

if TYPE_CHECKING:
    from lightning import LightningModule
    from torch.utils.data import DataLoader

    from mirkit.multitrack import MultiTrack

__all__ = [
    "EpochSampler",
    "Hardware",
    "accelerators",
    "begin",
    "fingerprint",
    "fit",
    "is_first_process",
    "torch_device",
]

STARTED = "started.json"
"""What a training is of, beside its state."""

STATE = ("best.ckpt", "last.ckpt")
"""The trainer's own state, by which it goes on."""


def torch_device(name: str = "auto") -> torch.device:
    """Return a device that is there.

    Parameters
    ----------
    name : str
        ``auto`` takes a GPU where there is one; else ``cpu``, ``cuda``, ``mps``.

    Returns
    -------
    torch.device

    Raises
    ------
    ParameterError
        If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(f"device {name!r} cannot be used ({reason}); use 'cpu' or 'auto'") from error
    return device


def accelerators() -> dict[str, str]:
    """Return what there is beside the CPU: kind to its devices, or ``none``.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> sorted(accelerators())
    ['cuda', 'mps']
    """
    properties = [torch.cuda.get_device_properties(k) for k in range(torch.cuda.device_count())]
    cuda = ", ".join(f"{one.name} ({one.total_memory / 1e9:.0f} GB)" for one in properties)
    return {"cuda": cuda or "none", "mps": "there" if torch.backends.mps.is_available() else "none"}


Precision = Literal["32-true", "16-mixed", "bf16-mixed"]


class EpochSampler(Sampler[tuple[int, int]]):
    """Indices together with the number of the epoch, so that an example can depend on both.

    The trainer calls `set_epoch` at the start of each epoch, also after a resumed start, and worker
    processes need no state of their own. Where several processes train together, each takes its share
    of the indices.

    Parameters
    ----------
    n_examples : int
        Examples in an epoch.
    """

    def __init__(self, n_examples: int) -> None:
        self._n_examples = n_examples
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Give all following keys this epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Return (epoch, index) in order: examples are random draws, so the order need not be."""
        rank, n_processes = _rank()
        return iter([(self._epoch, rank + k * n_processes) for k in range(len(self))])

    def __len__(self) -> int:
        return self._n_examples // _rank()[1]


def _rank() -> tuple[int, int]:
    """Return the number of this process and how many train together."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def is_first_process() -> bool:
    """Return whether this process is the one that writes results, of those that train together."""
    return all(
        os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "RANK", "SLURM_PROCID")
    )


def fingerprint(items: Iterable[MultiTrack], used: Collection[str]) -> str:
    """Return a hash of the songs that a training hears: their stems and the sizes of the files.

    Parameters
    ----------
    items : iterable of MultiTrack
        Songs of the data set.
    used : collection of str
        Names of those that could be read; the files of the others may not be there.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    lines = sorted(
        f"{item.id} {stem.id} {stem.path.stat().st_size}"
        for item in items
        if item.id in used
        for stem in item.stems
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def begin(folder: Path, started: Mapping[str, Any], *, resume: bool, results: tuple[str, ...] = ()) -> None:
    """Note in a folder what a training is of; what another one left there is refused or removed.

    Parameters
    ----------
    folder : Path
        Of the training's state; made if it is not there.
    started : mapping of str to plain values
        All that the weights depend on, such as settings, seed and data.
    resume : bool
        Whether to go on from the state in the folder; if not, it is removed, or a later resumed start
        would go on from it.
    results : tuple of str
        Folders of finished models that are part of the state.

    Raises
    ------
    CheckpointError
        If the state that is to be gone on from is of another training.
    """
    note, wanted = folder / STARTED, json.loads(json.dumps(started))
    if resume and note.is_file():
        kept = json.loads(note.read_text(encoding="utf-8"))
        if differing := sorted(
            key for key in kept.keys() | wanted.keys() if kept.get(key) != wanted.get(key)
        ):
            raise CheckpointError(
                f"{folder}: was trained with other settings (not the same: {', '.join(differing)}); resume "
                "with the same, or start anew in another folder"
            )
    if not is_first_process():  # of several, one writes
        return
    if not resume:
        for name in STATE:
            (folder / name).unlink(missing_ok=True)
        for name in results:
            shutil.rmtree(folder / name, ignore_errors=True)
    write_json(note, wanted)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What to train on; each is Lightning's flag of about the same name.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    n_devices : int
        GPUs, or processes on the CPU, of each machine; 0 takes all GPUs where ``device`` is ``auto``, else
        one.
    n_nodes : int
        Machines; each runs the same command, under SLURM, torchrun or Lightning's own variables.
    strategy : str
        Such as ``auto``, ``ddp`` or ``fsdp``.
    precision : {"32-true", "16-mixed", "bf16-mixed"}
        Of the networks' arithmetic.

    Examples
    --------
    >>> Hardware("cuda", n_devices=4, n_nodes=2, strategy="ddp").n_nodes
    2
    """

    device: str = "auto"
    n_devices: int = 0
    n_nodes: int = 1
    strategy: str = "auto"
    precision: Precision = "32-true"


def fit(
    module: LightningModule,
    train: DataLoader[object],
    validation: DataLoader[object],
    *,
    folder: Path,
    seed: int,
    max_epochs: int,
    patience: int,
    monitor: str,
    mode: Literal["min", "max"],
    device: str | Hardware = "auto",
    gradient_clip: float | None = 1.0,
    resume: bool = False,
    progress: bool = False,
) -> float:
    """Train a module and leave it with its best weights.

    Parameters
    ----------
    module : LightningModule
        Changed in place.
    train, validation : DataLoader
        Batches.
    folder : Path
        For ``last.ckpt`` and ``best.ckpt`` (the trainer's own state, not a model to share) and
        ``metrics.csv``.
    seed : int
        Each step draws its random numbers (dropout) from this and its own number, so a resumed
        training gives the same weights as one that was not interrupted.
    max_epochs, patience : int
        Stop after so many epochs, or so many without improvement.
    monitor : str
        Logged quantity that decides.
    mode : {"min", "max"}
        Which way is better.
    device : str or Hardware
        ``auto``, ``cpu``, ``cuda`` or ``mps``; or these with numbers of devices and machines.
    gradient_clip : float, optional
        Largest norm of a step's gradient; None does not clip.
    resume : bool
        Go on from ``last.ckpt`` if it is there.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    float
        Best value of the monitored quantity.
    """
    import contextlib
    import logging
    import sys
    import warnings

    from lightning import Trainer
    from lightning.pytorch.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    # Its hints and advertisements are not for the users of this package; real faults raise.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    keep = ModelCheckpoint(
        folder, "best", monitor=monitor, mode=mode, save_last=True, enable_version_counter=False
    )
    # At each step, since what the trainer itself draws between steps differs after a resumed start.
    reseed = LambdaCallback(
        on_train_batch_start=lambda trainer, *_: torch.manual_seed(seed * 1_000_003 + trainer.global_step)
    )
    hardware = device if isinstance(device, Hardware) else Hardware(device)
    on_cpu = torch_device(hardware.device).type == "cpu"
    trainer = Trainer(
        accelerator={"cuda": "gpu"}.get(hardware.device, hardware.device),
        devices=hardware.n_devices or ("auto" if hardware.device == "auto" else 1),
        num_nodes=hardware.n_nodes,
        strategy=hardware.strategy,
        precision=hardware.precision,
        use_distributed_sampler=False,  # EpochSampler knows its share
        max_epochs=max_epochs,
        callbacks=[reseed, keep, EarlyStopping(monitor, mode=mode, patience=patience)],
        logger=CSVLogger(folder, name="", version=""),
        log_every_n_steps=10,
        deterministic=on_cpu,  # on GPUs at half the speed, and not for every layer
        benchmark=not on_cpu,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=gradient_clip,
    )
    last = folder / "last.ckpt"
    state_path = last if resume and last.is_file() else None
    with (
        warnings.catch_warnings(),
        one_blas_thread(),
        contextlib.redirect_stdout(sys.stderr),  # its bar would land among a command's results
    ):
        # NumPy's BLAS threads would fight with torch's over the cores, at ten times the cost of the
        # small products that features need.
        warnings.filterwarnings("ignore", module="lightning")
        trainer.fit(module, train, validation, ckpt_path=state_path, weights_only=True)
    if keep.best_model_score is None:
        raise CheckpointError(f"{folder}: training ended before one epoch was complete; nothing was kept")
    state = torch.load(keep.best_model_path, weights_only=True)["state_dict"]  # noqa: TID251  # our own file
    module.load_state_dict(state)
    return float(keep.best_model_score)

"""The one wrapper around the Lightning Trainer: early stopping, best weights, resuming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch.utils.data import Sampler

from mirkit.errors import CheckpointError, ParameterError

if TYPE_CHECKING:
    from lightning import LightningModule
    from torch.utils.data import DataLoader

__all__ = ["EpochSampler", "fit", "torch_device"]


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


class EpochSampler(Sampler[tuple[int, int]]):
    """Indices together with the number of the epoch, so that an example can depend on both.

    The trainer calls `set_epoch` at the start of each epoch, also after a resumed start, and worker
    processes need no state of their own.

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
        return iter([(self._epoch, index) for index in range(self._n_examples)])

    def __len__(self) -> int:
        return self._n_examples


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
    device: str = "auto",
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
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    resume : bool
        Go on from ``last.ckpt`` if it is there.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    float
        Best value of the monitored quantity.
    """
    import logging
    import warnings

    from lightning import Trainer
    from lightning.pytorch.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger
    from threadpoolctl import threadpool_limits

    # Its hints and advertisements are not for the users of this package; real faults raise.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    keep = ModelCheckpoint(
        folder, "best", monitor=monitor, mode=mode, save_last=True, enable_version_counter=False
    )
    # At each step, since what the trainer itself draws between steps differs after a resumed start.
    reseed = LambdaCallback(
        on_train_batch_start=lambda trainer, *_: torch.manual_seed(seed * 1_000_003 + trainer.global_step)
    )
    trainer = Trainer(
        accelerator={"cuda": "gpu"}.get(device, device),
        devices="auto" if device == "auto" else 1,
        max_epochs=max_epochs,
        callbacks=[reseed, keep, EarlyStopping(monitor, mode=mode, patience=patience)],
        logger=CSVLogger(folder, name="", version=""),
        log_every_n_steps=10,
        deterministic=True,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
    )
    last = folder / "last.ckpt"
    state_path = last if resume and last.is_file() else None
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        # NumPy's BLAS threads would fight with torch's over the cores, at ten times the cost of the
        # small products that features need.
        warnings.filterwarnings("ignore", module="lightning")
        trainer.fit(module, train, validation, ckpt_path=state_path, weights_only=True)
    if keep.best_model_score is None:
        raise CheckpointError(f"{folder}: training ended before one epoch was complete; nothing was kept")
    state = torch.load(keep.best_model_path, weights_only=True)["state_dict"]  # noqa: TID251  # our own file
    module.load_state_dict(state)
    return float(keep.best_model_score)

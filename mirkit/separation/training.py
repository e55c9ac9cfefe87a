"""Training: excerpts, MSE of masked magnitudes and cross-entropy of activity, early stopping."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate

from mirkit import checkpoint
from mirkit.loop import EpochSampler, Hardware, begin, fingerprint, fit, is_first_process, torch_device
from mirkit.separation import features
from mirkit.separation.config import Config
from mirkit.separation.examples import Excerpts, Scene, prepare
from mirkit.separation.losses import Batch, losses, spectra_of
from mirkit.separation.model import Model, Part, build, part_name, replace_weights
from mirkit.separation.resident import Drawn, Resident

if TYPE_CHECKING:
    from lightning import LightningModule

    from mirkit.data import Dataset
    from mirkit.multitrack import MultiTrack

__all__ = ["train"]

FINISHED = "model"
"""Folder of a network that is done, beside the state of its training."""


def train(
    config: Config,
    dataset: Dataset,
    *,
    validation: Dataset | None = None,
    seed: int = 0,
    name: str = "unnamed",
    folder: Path | None = None,
    resume: bool = False,
    start: Model | None = None,
    device: str | Hardware = "auto",
    resident: bool = False,
    n_jobs: int = 1,
    progress: bool = False,
) -> Model:
    """Train the networks of a model on the stems of a data set, one after the other.

    Parameters
    ----------
    config : Config
        Networks, targets and settings.
    dataset : Dataset
        Songs to learn from: all of them if ``validation`` is given, else its part ``train``.
    validation : Dataset, optional
        Songs for early stopping; the part ``valid`` of ``dataset`` if None.
    seed : int
        Same seed, same weights (on the CPU).
    name : str
        Name of the model.
    folder : Path, optional
        Where the cache of decoded stems and the state of the training are kept; temporary if None.
    resume : bool
        Go on from the state in ``folder``: networks that are done are taken from there.
    start : Model, optional
        Begin with the weights of this model, which has the same networks and targets, to refine it on
        other songs.
    device : str or Hardware
        ``auto``, ``cpu``, ``cuda`` or ``mps``, or these with numbers of devices and machines.
    resident : bool
        Keep all songs in the device's memory and make the excerpts there, see `mirkit.separation.resident`:
        half a gigabyte for an hour of each stem at 44.1 kHz, and a GPU is kept busy.
    n_jobs : int
        Processes that decode and make excerpts.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Model
        With the weights that did best on the validation songs.

    Raises
    ------
    DatasetError
        If the data set has no such parts, no song can be used, or none holds a target.
    CheckpointError
        If the weights of ``start`` do not fit, or what is to be resumed had other settings, songs, seed or
        weights to start from.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="mirkit-") as temporary:
            return train(
                config,
                dataset,
                validation=validation,
                seed=seed,
                name=name,
                folder=Path(temporary),
                start=start,
                device=device,
                resident=resident,
                n_jobs=n_jobs,
                progress=progress,
            )
    from lightning import seed_everything

    train_items, valid_items = _items(dataset, validation)
    scenes, problems = prepare(train_items, config, folder / "cache", n_jobs=n_jobs)
    valid_scenes, valid_problems = prepare(valid_items, config, folder / "cache", n_jobs=n_jobs)
    # Before hours of training: later a file may have gone.
    learnt = fingerprint(train_items, {scene.song for scene in scenes})
    about = {
        "seed": seed,
        "dataset": learnt,
        "validation": fingerprint(valid_items, {scene.song for scene in valid_scenes}),
        "start": None if start is None else _weights_sha256(start),
    }
    # All before the first: a network that waits for its turn must not keep what an earlier run left.
    for group in config.groups:
        settings = config.replace(targets=group).to_dict()
        begin(folder / part_name(group), {"config": settings, **about}, resume=resume, results=(FINISHED,))
    done: list[Model] = []
    for group in config.groups:
        seed_everything(seed, workers=True, verbose=False)  # each network as if it were the only one
        part = Part(group, build(config, group))
        if start is not None:
            weights = start.checkpoint().arrays
            own_weights = {key: weights[key] for key in weights if key.startswith(f"{part.name}/")}
            replace_weights(Model((part,), config.replace(targets=group)), own_weights)
        own = folder / part.name
        model = _finished(own) if resume else None
        if model is None:
            loss = _fitted(
                part,
                config,
                scenes,
                valid_scenes,
                own,
                seed=seed,
                device=device if isinstance(device, Hardware) else Hardware(device),
                resident=resident,
                resume=resume,
                fresh=start is None,
                n_jobs=n_jobs,
                progress=progress,
            )
            model = Model((part,), config.replace(targets=group), scores={"validation_loss": loss}, seed=seed)
            if is_first_process():
                model.checkpoint().save(own / FINISHED)
        done.append(model)
    best = {model.parts[0].name: model.scores["validation_loss"] for model in done}
    return Model(
        parts=tuple(part for model in done for part in model.parts),
        config=config,
        name=name,
        scores={"validation_loss": best, "not_used": problems + valid_problems},
        dataset={"name": dataset.name, "sha256": learnt, "n_songs": len(scenes)},
        seed=seed,
    )


def _finished(folder: Path) -> Model | None:
    """Return a network that an earlier run has finished."""
    if not (folder / FINISHED).is_dir():
        return None
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder / FINISHED, task="separation"))


def _weights_sha256(model: Model) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(model.checkpoint().arrays.items()):
        digest.update(name.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _fitted(
    part: Part,
    config: Config,
    scenes: Sequence[Scene],
    valid_scenes: Sequence[Scene],
    folder: Path,
    *,
    seed: int,
    device: Hardware,
    resident: bool,
    resume: bool,
    fresh: bool,
    n_jobs: int,
    progress: bool,
) -> float:
    """Train one network in place and return its best validation loss."""
    training = config.training
    excerpts = Excerpts(scenes, config, part.targets, seed=seed)
    checked = Excerpts(valid_scenes, config, part.targets, seed=0)
    sounds = [Resident(excerpts), Resident(checked)] if resident else []
    examples = [Drawn(*pair) for pair in zip((excerpts, checked), sounds, strict=True)] if resident else None
    if fresh and not (resume and (folder / "last.ckpt").is_file()):
        _set_statistics(part.network, config, _mixtures(excerpts, sounds[0] if sounds else None, device))
    n_examples = len(excerpts.scenes) * training.excerpts_per_song
    loaders: list[DataLoader[Any]] = [
        DataLoader(
            examples[0] if examples else excerpts,
            batch_size=min(training.batch_size, n_examples),
            sampler=EpochSampler(n_examples),
            num_workers=n_jobs if n_jobs > 1 else 0,
            persistent_workers=n_jobs > 1,
            drop_last=True,
        ),
        DataLoader(
            examples[1] if examples else checked,
            batch_size=training.batch_size,
            sampler=checked.fixed(training.validation_excerpts),
        ),
    ]
    loss = fit(
        _module(part.network, config, sounds),
        *loaders,
        folder=folder,
        seed=seed,
        max_epochs=training.max_epochs,
        patience=training.patience,
        monitor="valid_separation",
        mode="min",
        device=device,
        gradient_clip=training.gradient_clip or None,
        resume=resume,
        progress=progress,
    )
    part.network.cpu().eval()
    return loss


def _set_statistics(network: nn.Module, config: Config, mixtures: Iterable[torch.Tensor]) -> None:
    """Give the network the mean and deviation of each frequency over mixtures ``(..., 2, n_samples)``."""
    spectra = (spectra_of(mixture, config).abs().mean(dim=-3) for mixture in mixtures)
    if (compress := getattr(network, "compress", None)) is not None:
        spectra = (compress(values) for values in spectra)
    by_bin = (values.movedim(-2, 0).flatten(start_dim=1) for values in spectra)
    mean, deviation = features.bin_statistics(values.cpu().numpy() for values in by_bin)
    n_bins = config.features.n_input_bins
    with torch.no_grad():
        network.input_mean.copy_(torch.from_numpy(-mean[:n_bins]))  # type: ignore[operator]
        network.input_scale.copy_(torch.from_numpy(1.0 / deviation[:n_bins]))  # type: ignore[operator]


def _mixtures(excerpts: Excerpts, sound: Resident | None, hardware: Hardware) -> Iterator[torch.Tensor]:
    """Return mixtures of whole songs as they are."""
    keys = excerpts.fixed(excerpts.config.training.statistics_excerpts)
    if sound is None:
        yield from (torch.from_numpy(excerpts[key][0]) for key in keys)
        return
    device, drawn = torch_device(hardware.device), Drawn(excerpts, sound)
    for first in range(0, len(keys), 32):
        batch = default_collate([drawn[key] for key in keys[first : first + 32]])
        yield sound({name: values.to(device) for name, values in batch.items()})[0]


def _items(dataset: Dataset, validation: Dataset | None) -> tuple[Sequence[MultiTrack], Sequence[MultiTrack]]:
    if validation is not None:
        return dataset.items, validation.items
    return dataset.split("train").items, dataset.split("valid").items


def _module(network: nn.Module, config: Config, sounds: Sequence[Resident]) -> LightningModule:
    """Return the network as Lightning wants it; defined here because importing Lightning takes seconds.

    Where songs are in the device's memory, ``sounds`` makes excerpts for training and for validation there.
    """
    from lightning import LightningModule

    class SeparationModule(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def on_after_batch_transfer(self, batch: Any, _: int) -> Batch:
            return sounds[0 if self.trainer.training else 1](batch) if sounds else batch

        def training_step(self, batch: Batch, _: int) -> torch.Tensor:
            separation, activity = losses(self.network, config, batch)
            self.log_dict(
                {"train_separation": separation, "train_bce": activity}, on_epoch=True, on_step=False
            )
            return separation + config.training.bce_weight * activity

        def validation_step(self, batch: Batch, _: int) -> None:
            separation, activity = losses(self.network, config, batch)
            # Every process sees all validation excerpts, so there is nothing to gather.
            self.log_dict({"valid_separation": separation, "valid_bce": activity}, batch_size=len(batch[0]))

        def configure_optimizers(self) -> Any:
            training = config.training
            optimizer = torch.optim.Adam(
                self.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
            )
            if training.schedule == "cosine":
                schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.factor)
                return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer,
                factor=training.plateau_factor,
                patience=training.plateau_patience,
                cooldown=training.plateau_cooldown,
            )
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": plateau, "monitor": "valid_separation"},
            }

        def factor(self, step: int) -> float:
            """Return the learning rate at a step, of the largest one."""
            n_warm_up = config.training.warm_up_steps
            if step < n_warm_up:
                return (step + 1) / n_warm_up
            n_steps = max(1.0, float(self.trainer.estimated_stepping_batches) - n_warm_up)
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - n_warm_up) / n_steps)))

    return SeparationModule()

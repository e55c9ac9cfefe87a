"""Training: excerpts, MSE of masked magnitudes and cross-entropy of activity, early stopping."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from mirkit import checkpoint
from mirkit._files import write_json
from mirkit.errors import CheckpointError
from mirkit.loop import EpochSampler, Hardware, fit, is_first_process
from mirkit.separation import features
from mirkit.separation.config import Config
from mirkit.separation.examples import Excerpts, Scene, prepare
from mirkit.separation.model import Model, Part, build, replace_weights

if TYPE_CHECKING:
    from lightning import LightningModule

    from mirkit.data import Dataset
    from mirkit.multitrack import MultiTrack

__all__ = ["losses", "train"]

STARTED = "started.json"
"""Settings and seed of a training, beside its state."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Mixtures ``(batch, 2, n_samples)``, stems ``(batch, n_targets, 2, n_samples)``, activity."""


def losses(network: nn.Module, config: Config, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Return the two parts of the loss: separation and activity.

    Hung and Lerch, ISMIR 2020: the mean squared error between masked and true magnitudes, and the binary
    cross-entropy of the frames' activity; they are added with ``config.training.bce_weight``. The gate
    is not applied.

    With ``config.training.loss`` ``phase`` instead, for the spectra *S* of a target and *X* of the mixture
    and its mask *M*, the squared error *M* \|X\| - Re(*S X** / \|X\|): what is at a right angle to the
    mixture no real mask can change (H. Erdogan et al., "Phase-sensitive and recognition-boosted speech
    separation using deep recurrent neural networks", ICASSP 2015). Divided by \|X\|, so that loud bins
    count in proportion to their magnitude, not their energy, and soft passages are learned, too; a weight
    that depends on the mixture only leaves the best mask as it is. Averaged over all targets and the rest.

    Parameters
    ----------
    network : Module
        From `build`.
    config : Config
        Spectra and channels.
    batch : tuple of Tensor
        Mixtures of shape (batch, 2, n_samples), stems of shape (batch, n_targets, 2, n_samples),
        activity of shape (batch, n_targets, n_frames).

    Returns
    -------
    separation, activity : Tensor
        Scalars; the latter 0 without a classifier.

    Examples
    --------
    >>> config = Config(targets=("vocals",))
    >>> silence = torch.zeros(1, 2, 8192), torch.zeros(1, 1, 2, 8192), torch.zeros(1, 1, 5)
    >>> losses(build(config, ("vocals",)).eval(), config, silence)[0].item()
    0.0
    """
    mixture, stems, activity = batch
    spectra = _spectra(mixture, config)
    magnitudes = _seen(spectra.abs(), config)
    masks, logits = network(magnitudes)
    if config.training.loss == "phase":
        separation = _phase_error(masks, spectra, stems, config)
    else:
        separation = functional.mse_loss(
            masks * magnitudes[:, None], _seen(_spectra(stems, config).abs(), config)
        )
    if logits is None:
        return separation, separation.new_zeros(())
    return separation, functional.binary_cross_entropy_with_logits(logits.float(), activity)


def _phase_error(
    masks: torch.Tensor, mixture: torch.Tensor, stems: torch.Tensor, config: Config
) -> torch.Tensor:
    """Return the error of a real mask, see `losses`; up to the bandwidth, beyond which nothing is known."""
    bins = slice(0, config.features.n_input_bins)
    mixture, masks = mixture[..., bins, :], masks[..., bins, :].float()
    magnitude = mixture.abs()
    direction = mixture.conj() / magnitude.clamp(min=1e-8)
    wanted = magnitude.new_zeros(*stems.shape[:3], *magnitude.shape[-2:])
    sounding = stems.abs().amax(dim=(2, 3)) > 0  # silent stems cost nothing
    if sounding.any():
        item = sounding.nonzero()[:, 0]
        wanted[sounding] = (_spectra(stems[sounding], config)[..., bins, :] * direction[item]).real
    error = masks * magnitude[:, None] - wanted
    if error.shape[1] > 1:  # the rest's error is the opposite of the sum
        error = torch.cat([error, error.sum(dim=1, keepdim=True)], dim=1)
    level = magnitude.mean(dim=(1, 2, 3)).clamp(min=1e-5)[:, None, None, None]
    weights = 1.0 / (level * (magnitude + 0.1 * level))
    return (error.square().mean(dim=1) * weights).mean()


def _seen(magnitudes: torch.Tensor, config: Config) -> torch.Tensor:
    """Return ``(..., n_channels, n_bins, n_frames)`` with the channels that the network sees."""
    return magnitudes.mean(dim=-3, keepdim=True) if config.n_channels == 1 else magnitudes


def _spectra(samples: torch.Tensor, config: Config) -> torch.Tensor:
    """Return ``(..., n_bins, n_frames)`` of ``(..., n_samples)``."""
    grid = config.features
    window = torch.hann_window(grid.n_fft, device=samples.device)
    spectra = torch.stft(
        samples.reshape(-1, samples.shape[-1]),
        grid.n_fft,
        grid.hop_length,
        window=window,
        center=False,
        return_complex=True,
    )
    return spectra.reshape(*samples.shape[:-1], grid.n_bins, -1)


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
        If the weights of ``start`` do not fit.
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
                n_jobs=n_jobs,
                progress=progress,
            )
    from lightning import seed_everything

    train_items, valid_items = _items(dataset, validation)
    scenes, problems = prepare(train_items, config, folder / "cache", n_jobs=n_jobs)
    valid_scenes, valid_problems = prepare(valid_items, config, folder / "cache", n_jobs=n_jobs)
    done: list[Model] = []
    for group in config.groups:
        seed_everything(seed, workers=True, verbose=False)  # each network as if it were the only one
        part = Part(group, build(config, group))
        if start is not None:
            weights = start.checkpoint().arrays
            own_weights = {key: weights[key] for key in weights if key.startswith(f"{part.name}/")}
            replace_weights(Model((part,), config.replace(targets=group)), own_weights)
        own = folder / part.name
        model = _finished(own, config.replace(targets=group), seed) if resume else None
        if model is None:
            loss = _fitted(
                part, config, scenes, valid_scenes, own, seed, device, resume, start is None, n_jobs, progress
            )
            model = Model((part,), config.replace(targets=group), scores={"validation_loss": loss}, seed=seed)
            if is_first_process():
                model.checkpoint().save(own / "model")
        done.append(model)
    best = {model.parts[0].name: model.scores["validation_loss"] for model in done}
    return Model(
        parts=tuple(part for model in done for part in model.parts),
        config=config,
        name=name,
        scores={"validation_loss": best, "not_used": problems + valid_problems},
        dataset={"name": dataset.name, "sha256": _fingerprint(train_items), "n_songs": len(scenes)},
        seed=seed,
    )


def _finished(folder: Path, config: Config, seed: int) -> Model | None:
    """Return a network that an earlier run has finished; `CheckpointError` if its settings were others."""
    started = {"config": config.to_dict(), "seed": seed}
    if (folder / STARTED).is_file() and json.loads((folder / STARTED).read_text("utf-8")) != json.loads(
        json.dumps(started)
    ):
        raise CheckpointError(
            f"{folder}: was trained with other settings or another seed; resume with the same, or start anew "
            "in another folder"
        )
    if not (folder / "model").is_dir():
        return None
    return Model.from_checkpoint(checkpoint.Checkpoint.load(folder / "model", task="separation"))


def _fitted(
    part: Part,
    config: Config,
    scenes: Sequence[Scene],
    valid_scenes: Sequence[Scene],
    folder: Path,
    seed: int,
    device: str | Hardware,
    resume: bool,
    fresh: bool,
    n_jobs: int,
    progress: bool,
) -> float:
    """Train one network in place and return its best validation loss."""
    training = config.training
    started = {"config": config.replace(targets=part.targets).to_dict(), "seed": seed}
    write_json(folder / STARTED, started)
    excerpts = Excerpts(scenes, config, part.targets, seed=seed)
    checked = Excerpts(valid_scenes, config, part.targets, seed=0)
    if fresh and not (resume and (folder / "last.ckpt").is_file()):
        _set_statistics(part.network, excerpts, config)
    n_examples = len(excerpts.scenes) * training.excerpts_per_song
    loaders: list[DataLoader[Any]] = [
        DataLoader(
            excerpts,
            batch_size=min(training.batch_size, n_examples),
            sampler=EpochSampler(n_examples),
            num_workers=n_jobs if n_jobs > 1 else 0,
            persistent_workers=n_jobs > 1,
            drop_last=True,
        ),
        DataLoader(
            checked, batch_size=training.batch_size, sampler=checked.fixed(training.validation_excerpts)
        ),
    ]
    loss = fit(
        _module(part.network, config),
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


def _set_statistics(network: nn.Module, excerpts: Excerpts, config: Config) -> None:
    """Give the network the mean and deviation of each frequency over the mixtures."""
    keys = excerpts.fixed(config.training.statistics_excerpts)
    spectra = (features.magnitudes(excerpts[key][0], config.features) for key in keys)
    if (compress := getattr(network, "compress", None)) is not None:
        spectra = (compress(torch.from_numpy(values)).numpy() for values in spectra)
    mean, deviation = features.bin_statistics(spectra)
    n_bins = config.features.n_input_bins
    with torch.no_grad():
        network.input_mean.copy_(torch.from_numpy(-mean[:n_bins]))  # type: ignore[operator]
        network.input_scale.copy_(torch.from_numpy(1.0 / deviation[:n_bins]))  # type: ignore[operator]


def _items(dataset: Dataset, validation: Dataset | None) -> tuple[Sequence[MultiTrack], Sequence[MultiTrack]]:
    if validation is not None:
        return dataset.items, validation.items
    return dataset.split("train").items, dataset.split("valid").items


def _fingerprint(items: Sequence[MultiTrack]) -> str:
    lines = sorted(f"{item.id} {stem.id} {stem.path.stat().st_size}" for item in items for stem in item.stems)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _module(network: nn.Module, config: Config) -> LightningModule:
    """Return the network as Lightning wants it; defined here because importing Lightning takes seconds."""
    from lightning import LightningModule

    class SeparationModule(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

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

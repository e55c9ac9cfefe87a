"""Training: excerpts, masked binary cross-entropy, early stopping, thresholds from validation data."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from mirkit.activity import measures
from mirkit.activity.config import Config
from mirkit.activity.examples import Excerpts, Scene, prepare
from mirkit.activity.model import Model, build
from mirkit.annotation import Taxonomy
from mirkit.errors import DatasetError
from mirkit.loop import EpochSampler, Hardware, begin, fingerprint, fit

if TYPE_CHECKING:
    from lightning import LightningModule

    from mirkit.data import Dataset
    from mirkit.multitrack import MultiTrack

__all__ = ["masked_bce", "train", "tuned"]


def masked_bce(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross-entropy over the labels that are known (not NaN).

    Examples
    --------
    >>> masked_bce(torch.zeros(1, 2), torch.tensor([[1.0, float("nan")]])).item().__round__(4)
    0.6931
    """
    known = ~labels.isnan()
    losses = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


def train(
    config: Config,
    dataset: Dataset,
    *,
    validation: Dataset | None = None,
    seed: int = 0,
    name: str = "unnamed",
    folder: Path | None = None,
    cache: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    n_jobs: int = 1,
    progress: bool = False,
) -> Model:
    """Train a network on the stems of a data set.

    Parameters
    ----------
    config : Config
        Network and settings.
    dataset : Dataset
        Songs to learn from: all of them if ``validation`` is given, else its part ``train``.
    validation : Dataset, optional
        Songs for early stopping and thresholds; the part ``valid`` of ``dataset`` if None.
    seed : int
        Same seed, same weights (on the CPU).
    name : str
        Name of the model.
    folder : Path, optional
        Where the state of the training is kept; temporary if None.
    cache : Path, optional
        Where the decoded stems are kept, which several trainings may share; ``folder / "cache"`` if None.
    resume : bool
        Go on from the state in ``folder``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
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
        If the data set has no such parts, no song can be used, or in the validation songs every class is
        always present or always absent.
    CheckpointError
        If what is to be resumed had other settings, songs or seed.
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
                cache=cache,
                device=device,
                n_jobs=n_jobs,
                progress=progress,
            )
    from lightning import seed_everything

    seed_everything(seed, workers=True, verbose=False)
    labels = Taxonomy.load(config.taxonomy).labels
    train_items, valid_items = _items(dataset, validation)
    cache = folder / "cache" if cache is None else cache
    scenes, problems = prepare(train_items, config, cache, n_jobs=n_jobs)
    valid_scenes, valid_problems = prepare(valid_items, config, cache, n_jobs=n_jobs)
    # Before hours of training: later a file may have gone.
    learnt = fingerprint(train_items, {scene.song for scene in scenes})
    checked = fingerprint(valid_items, {scene.song for scene in valid_scenes})
    about = {"config": config.to_dict(), "seed": seed, "dataset": learnt, "validation": checked}
    valid_loader = _validation_loader(valid_scenes, config, labels, n_jobs)
    begin(folder, about, resume=resume)
    module = _module(config, len(labels), seed)
    best = fit(
        module,
        _train_loader(scenes, config, len(labels), seed, n_jobs),
        valid_loader,
        folder=folder,
        seed=seed,
        max_epochs=config.training.max_epochs,
        patience=config.training.patience,
        monitor="valid_ap",
        mode="max",
        device=Hardware(device, precision=config.training.precision),
        resume=resume,
        progress=progress,
    )
    network: torch.nn.Module = module.network.cpu().eval()  # type: ignore[union-attr]
    thresholds, scores = _tuned(network, valid_loader, labels)
    return Model(
        network=network,
        config=config,
        labels=labels,
        name=name,
        thresholds=thresholds,
        scores={**scores, "validation_ap": best, "not_used": problems + valid_problems},
        dataset={"name": dataset.name, "sha256": learnt, "n_songs": len(scenes)},
        seed=seed,
    )


def tuned(
    network: torch.nn.Module,
    config: Config,
    validation: Dataset,
    labels: Sequence[str],
    *,
    cache: Path | None = None,
    n_jobs: int = 1,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the thresholds that give the best F1 on validation songs, and measures there.

    Parameters
    ----------
    network : Module
        Trained.
    config : Config
        Its settings.
    validation : Dataset
        All of its songs are used.
    labels : sequence of str
        Classes.
    cache : Path, optional
        Where the decoded stems are kept; temporary if None.
    n_jobs : int
        Processes that decode and make excerpts.

    Returns
    -------
    thresholds : dict of str to float
    scores : dict
        ``validation_ap``, ``validation_auc``: means over classes.
    """
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="mirkit-") as temporary:
            return tuned(network, config, validation, labels, cache=Path(temporary), n_jobs=n_jobs)
    scenes, problems = prepare(validation.items, config, cache, n_jobs=n_jobs)
    thresholds, scores = _tuned(network, _validation_loader(scenes, config, labels, n_jobs), labels)
    return thresholds, {**scores, "not_used": problems}


def _tuned(
    network: torch.nn.Module, loader: DataLoader[Any], labels: Sequence[str]
) -> tuple[dict[str, float], dict[str, Any]]:
    reference, estimate = _run(network, loader)
    limits = measures.best_thresholds(reference, estimate)
    table = measures.per_label(reference, estimate, limits)
    thresholds = {label: round(float(limit), 4) for label, limit in zip(labels, limits, strict=True)}
    return thresholds, {f"validation_{key}": float(np.nanmean(table[key])) for key in ("ap", "auc")}


def _items(dataset: Dataset, validation: Dataset | None) -> tuple[Sequence[MultiTrack], Sequence[MultiTrack]]:
    if validation is not None:
        return dataset.items, validation.items
    return dataset.split("train").items, dataset.split("valid").items


def _train_loader(
    scenes: Sequence[Scene], config: Config, n_labels: int, seed: int, n_jobs: int
) -> DataLoader[Any]:
    excerpts = Excerpts(scenes, config, n_labels, seed=seed, augment=config.training.augment)
    return DataLoader(
        excerpts,
        batch_size=config.training.batch_size,
        sampler=EpochSampler(config.training.epoch_size),
        num_workers=n_jobs if n_jobs > 1 else 0,
        persistent_workers=n_jobs > 1,
        drop_last=True,
    )


def _validation_loader(
    scenes: Sequence[Scene], config: Config, labels: Sequence[str], n_jobs: int
) -> DataLoader[Any]:
    """Return batches of the validation excerpts, made once: each epoch hears the same."""
    # Mixes only, without augmentation, whatever the seed of the training.
    excerpts = Excerpts(scenes, config, len(labels), seed=0, augment=False)
    keys = [(config.training.solo_epochs, index) for index in range(config.training.validation_size)]
    making = DataLoader(excerpts, batch_size=64, sampler=keys, num_workers=n_jobs if n_jobs > 1 else 0)
    patches, truths = zip(*making, strict=True)
    truth = torch.cat(truths)
    flat = _by_label(truth)
    if not ((flat == 1).any(axis=1) & (flat == 0).any(axis=1)).any():
        present = ", ".join(labels[k] for k in excerpts.present)
        raise DatasetError(
            f"no class is in some and not in others of {len(keys)} validation excerpts (there: {present}), "
            "so they cannot tell good from bad; give songs in which instruments come and go"
        )
    return DataLoader(TensorDataset(torch.cat(patches), truth), batch_size=64)


def _run(network: torch.nn.Module, loader: DataLoader[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and probabilities, ``(n_labels, n_seconds)``."""
    truths, outputs = [], []
    with torch.inference_mode():
        for patches, labels in loader:
            outputs.append(_by_label(network(patches).sigmoid()))
            truths.append(_by_label(labels))
    return np.concatenate(truths, axis=1), np.concatenate(outputs, axis=1)


def _by_label(values: torch.Tensor) -> np.ndarray:
    """Return ``(n_labels, n_excerpts * n_steps)`` of ``(n_excerpts, n_labels, n_steps)``."""
    return values.transpose(0, 1).flatten(start_dim=1).cpu().numpy()


def _shortened(
    patches: torch.Tensor, labels: torch.Tensor, config: Config, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return some batches cut to fewer steps, so that the network knows short sounds, too."""
    n_all = labels.shape[-1]
    if n_all == 1 or not config.training.augment or rng.random() >= config.training.short_share:
        return patches, labels
    n_steps = int(rng.integers(1, n_all))
    n_frames = 1 + n_steps * config.features.label_length // config.features.hop_length
    patches = patches[..., :n_frames] - patches[..., :n_frames].mean(dim=(-2, -1), keepdim=True)
    deviation = patches.std(dim=(-2, -1), keepdim=True).clamp(min=1e-3)
    return patches / deviation, labels[..., :n_steps]


def _module(config: Config, n_labels: int, seed: int) -> LightningModule:
    """Return the network as Lightning wants it; defined here because importing Lightning takes seconds."""
    from lightning import LightningModule

    class ActivityModule(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = build(config, n_labels)
            self._outputs: list[tuple[np.ndarray, np.ndarray]] = []

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
            rng = np.random.default_rng((seed, self.current_epoch, index))
            patches, labels = _shortened(*batch, config, rng)
            loss = masked_bce(self.network(patches).float(), labels)
            self.log("train_loss", loss, on_epoch=True, on_step=False)
            return loss

        def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
            patches, labels = batch
            logits = self.network(patches).float()
            self.log("valid_loss", masked_bce(logits, labels))
            self._outputs.append((_by_label(labels), _by_label(logits.sigmoid())))

        def on_validation_epoch_end(self) -> None:
            reference = np.concatenate([truth for truth, _ in self._outputs], axis=1)
            estimate = np.concatenate([score for _, score in self._outputs], axis=1)
            self._outputs.clear()
            table = measures.per_label(reference, estimate, np.full(n_labels, 0.5))
            self.log("valid_ap", float(np.nanmean(table["ap"])))
            self.log("valid_auc", float(np.nanmean(table["auc"])))

        def configure_optimizers(self) -> Any:
            settings = config.training
            optimizer = torch.optim.AdamW(
                self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
            )
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.max_epochs)
            return {"optimizer": optimizer, "lr_scheduler": schedule}

    return ActivityModule()

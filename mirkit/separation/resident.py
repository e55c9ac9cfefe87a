"""Excerpts made on the device that trains: all songs in its memory, a batch at a time.

Reading, mixing and filtering in worker processes cannot keep up with a GPU. Here they only draw how excerpts
are made; the sound never leaves the device. The excerpts are those of `Excerpts`, up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from mirkit.errors import ParameterError
from mirkit.separation import augmentation
from mirkit.separation.examples import Excerpts, Key, Row

__all__ = ["Drawn", "Resident"]

Tensors = Mapping[str, torch.Tensor]

ABSENT = -1


class Drawn(Dataset[dict[str, np.ndarray]]):
    """The recipes of excerpts as arrays of one size, which can be put into batches.

    Parameters
    ----------
    excerpts : Excerpts
        To draw.
    resident : Resident
        Where their sound is.
    """

    def __init__(self, excerpts: Excerpts, resident: Resident) -> None:
        self._excerpts, self._labels, self._places = excerpts, resident.labels, resident.places

    def __getitem__(self, key: Key) -> dict[str, np.ndarray]:
        """Return the recipe of an excerpt: numbers for each label, and for all."""
        recipe = self._excerpts.recipe(key)
        n = len(self._labels)
        found: dict[str, np.ndarray] = {
            "first": np.full(n, ABSENT, np.int64),
            "start": np.zeros(n, np.int64),
            "length": np.zeros(n, np.int64),
            "step": np.zeros(n, np.float32),
            "speed": np.ones(n, np.float64),
            "knots_db": np.zeros((n, augmentation.KNOTS), np.float32),
            "swapped": np.zeros(n, np.bool_),
        }
        for part in recipe.parts:
            k, row = self._labels.index(part.label), part.scene.rows[part.label]
            found["first"][k] = self._places[row.path]
            found["start"][k], found["length"][k] = part.start, row.n_samples
            found["step"][k], found["speed"][k] = row.scale * part.gain, part.speed
            if part.knots_db is not None:
                found["knots_db"][k] = part.knots_db
            found["swapped"][k] = part.swapped
        return found | {
            "cutoff_hz": np.asarray(recipe.cutoff_hz, np.float32),
            "mono": np.asarray(recipe.mono),
            "gain": np.asarray(recipe.gain, np.float32),
            "activity": self._excerpts.activity(recipe),
        }


class Resident:
    """The sound of all scenes in the memory of a device.

    Parameters
    ----------
    excerpts : Excerpts
        Whose sources and settings; all rows that can be drawn are kept, 4 bytes for each sample of both
        channels.

    Raises
    ------
    ParameterError
        If the settings want activity by confidence, which follows from each excerpt's sound.
    """

    def __init__(self, excerpts: Excerpts) -> None:
        config = excerpts.config
        if config.training.truth != "level":
            raise ParameterError(
                f"songs in the device's memory need training.truth 'level', not {config.training.truth!r}; "
                "change it, or train without --resident"
            )
        self._n_samples, self._targets = excerpts.n_samples, excerpts.targets
        self._sample_rate = config.features.sample_rate
        self._coloured = config.training.tilt_db > 0 or config.training.band_limit > 0
        self.places: dict[Path, int] = {}
        # Songs say which parts there are; the parts may come from others.
        self._rows: dict[str, list[Row]] = {label: [] for scene in excerpts.scenes for label in scene.rows}
        for scene in excerpts.sources:
            for label, row in scene.rows.items():
                if label in self._rows:
                    self._rows[label].append(row)
        self.labels = sorted(self._rows)
        for rows in self._rows.values():
            first = 0
            for row in rows:
                self.places[row.path] = first
                first += row.n_samples
        self._sound: list[torch.Tensor] = []
        self._hats = torch.empty(0)

    def __call__(self, batch: Tensors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the excerpts of a batch of `Drawn`, on the batch's device.

        Returns
        -------
        mixture : Tensor of shape (batch, 2, n_samples)
        stems : Tensor of shape (batch, n_targets, 2, n_samples)
        activity : Tensor of shape (batch, n_targets, n_frames)
        """
        device = batch["gain"].device
        if not self._sound or self._sound[0].device != device:
            self._load(device)
        n_batch, n = len(batch["gain"]), self._n_samples
        mixture = torch.zeros(n_batch, 2, n, device=device)
        stems = torch.zeros(n_batch, len(self._targets), 2, n, device=device)
        for k, label in enumerate(self.labels):
            items = (batch["first"][:, k] != ABSENT).nonzero()[:, 0]
            if not len(items):
                continue
            samples = self._part(k, batch, items)
            mixture[items] += samples
            if label in self._targets:
                stems[items, self._targets.index(label)] = samples
        mono = batch["mono"][:, None, None]
        gain = batch["gain"][:, None, None]
        mixture = torch.where(mono, mixture.mean(dim=1, keepdim=True), mixture) * gain
        stems = torch.where(mono[:, None], stems.mean(dim=2, keepdim=True), stems) * gain[:, None]
        return mixture, stems, batch["activity"]

    def _load(self, device: torch.device) -> None:
        """Copy every row to the device, one after the other."""
        self._sound = []
        for label in self.labels:
            rows = self._rows[label]
            sound = torch.empty(2, sum(row.n_samples for row in rows), dtype=torch.int16, device=device)
            first = 0
            for row in rows:
                samples = np.array(np.load(row.path, mmap_mode="r")[:, : row.n_samples])
                sound[:, first : first + row.n_samples] = torch.from_numpy(samples).to(device)
                first += row.n_samples
            self._sound.append(sound)

    def _part(self, k: int, batch: Tensors, items: torch.Tensor) -> torch.Tensor:
        """Return ``(n_items, 2, n_samples)`` of one label."""
        speed, start = batch["speed"][items, k, None], batch["start"][items, k, None]
        positions = torch.arange(self._n_samples, device=items.device) * speed
        before = positions.long()
        weight = (positions - before).float()
        samples = self._read(k, batch, items, start + before) * (1 - weight)
        samples += self._read(k, batch, items, start + before + 1) * weight
        samples = samples.transpose(0, 1) * batch["step"][items, k, None, None]
        if self._coloured:
            samples = self._recoloured(samples, batch["knots_db"][items, k], batch["cutoff_hz"][items])
        return torch.where(batch["swapped"][items, k, None, None], samples.flip(1), samples)

    def _read(self, k: int, batch: Tensors, items: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        """Return ``(2, n_items, n_samples)``, silence beyond the end of a row."""
        first, length = batch["first"][items, k, None], batch["length"][items, k, None]
        found = self._sound[k][:, first + torch.minimum(at, length - 1)]
        return found.float() * (at < length)

    def _recoloured(
        self, samples: torch.Tensor, knots_db: torch.Tensor, cutoff_hz: torch.Tensor
    ) -> torch.Tensor:
        """Return what `augmentation.recoloured` makes of each item."""
        from scipy import fft

        size = fft.next_fast_len(samples.shape[-1], real=True)
        hz, knots = augmentation.equaliser_axis(size, self._sample_rate)
        if self._hats.device != samples.device or len(self._hats) != len(hz):
            hats = np.stack([np.interp(np.log(hz), knots, row) for row in np.eye(len(knots))], axis=1)
            self._hats = torch.from_numpy(hats.astype(np.float32)).to(samples.device)
        gain = 10 ** ((self._hats * knots_db[:, None]).sum(dim=-1) / 20)
        gain = gain * (torch.from_numpy(hz).to(samples.device) <= cutoff_hz[:, None])
        spectra = torch.fft.rfft(samples, size) * gain[:, None]
        return torch.as_tensor(torch.fft.irfft(spectra, size)[..., : samples.shape[-1]])

"""Fixtures of separation: tiny settings, and the packages that it is measured against."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from conftest import skip_or_fail

from mirkit.separation import Config, Model

TINY = Config.from_dict(
    {
        "targets": ["vocals", "piano"],
        "features": {"sample_rate": 8000, "n_fft": 256, "hop_length": 64, "bandwidth_hz": 3500.0},
        "iass": {"channels": [4, 6], "classifier_channels": [4, 4]},
        "umx": {"hidden_size": 16, "n_layers": 2, "n_channels": 2},
        "banded": {
            "regions": [[14, 1], [20, 5]],
            "channels": [4, 6],
            "latent_size": 12,
            "n_layers": 1,
        },
        "inference": {
            "segment_frames": 40,
            "context_frames": 20,
            "gate_filter_frames": 5,
            "wiener_frames": 20,
        },
    }
)


def untrained(config: Config, seed: int = 0) -> Model:
    """Return a model whose outputs differ between targets, frames and frequencies."""
    torch.manual_seed(seed)
    model = Model.untrained(config)
    for part in model.parts:
        for module in part.network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.running_mean, -0.3, 0.3)
                torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model


@pytest.fixture
def tiny() -> Config:
    return TINY


@pytest.fixture
def model() -> Model:
    return untrained(TINY)


def required(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):  # museval imports stempeg, which wants ffmpeg
        skip_or_fail(f"the package {name}")
        raise


@pytest.fixture(scope="session")
def openunmix() -> Iterator[ModuleType]:
    """The published package; it wants torchaudio only for files, which the tests do not use."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "torchaudio"}
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    try:
        required("openunmix")
        required("openunmix.model")
        required("openunmix.filtering")
        yield required("openunmix")
    finally:
        del sys.modules["torchaudio"]
        sys.modules.update(before)

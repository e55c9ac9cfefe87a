"""Train a small network on its share of each batch, and keep the first step's gradients and the loss.

``python tests/separation/two_processes.py DATA BATCH 1 OUT`` is one process; with 2 and half the batch, under
``python -m torch.distributed.run --standalone --nproc-per-node 2``, it is two.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import nn

from mirkit import separation
from mirkit.data import open_dataset
from mirkit.loop import Hardware, is_first_process
from mirkit.separation import training
from mirkit.separation.config import Config

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def main(data: Path, batch_size: int, n_processes: int, out: Path) -> None:
    """Train without what a process draws or measures by itself: dropout, statistics of a batch."""
    make = training._module
    gradients: dict[str, torch.Tensor] = {}

    def watched(network, *arguments):
        module = make(network, *arguments)

        def freeze() -> None:
            for layer in network.modules():
                if isinstance(layer, NORMS):
                    layer.eval()
                elif isinstance(layer, nn.LSTM):
                    layer.dropout = 0.0

        def keep() -> None:
            if not gradients:
                found = {name: value.grad for name, value in network.named_parameters()}
                gradients.update({name: grad.clone() for name, grad in found.items() if grad is not None})

        module.on_train_epoch_start = freeze
        module.on_after_backward = keep
        return module

    training._module = watched
    settings = json.loads((data / "config.json").read_text("utf-8"))
    settings["training"]["batch_size"] = batch_size
    model = separation.train(
        Config.from_dict(settings),
        open_dataset(data / "train"),
        validation=open_dataset(data / "valid"),
        folder=out.parent / f"{out.stem}-work",
        device=Hardware("cpu", n_devices=n_processes, strategy="ddp" if n_processes > 1 else "auto"),
    )
    if is_first_process():
        torch.save({"gradients": gradients, "loss": model.scores["validation_loss"]}, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))

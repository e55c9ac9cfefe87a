"""What the machine allows for the two heaviest kernels, and how far mirkit is from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SIZE = 2048
SECONDS = 20.0
EXPLANATION = """\
The bytes of the network are what its layers read and write if each hands on a whole array; those of the
factorisation what is left if everything but its products were one pass. The gap of the network is in its narrow
layers: a convolution of 16 to 64 channels fills the processor's units less than a large product does, and copies
its input first. The gap of the factorisation is in its passes: NumPy writes a whole array for every division,
product and sum; fewer and in-place ones were taken where they changed nothing."""


def best(work: Callable[[], Any], n: int = 5) -> float:
    taken = []
    for _ in range(n):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def rates() -> tuple[float, float]:
    """Return operations a second of a large matrix product, and bytes a second of a large copy."""
    import torch

    a, b = torch.rand(SIZE, SIZE), torch.rand(SIZE, SIZE)
    operations = 2 * SIZE**3 / best(lambda: a @ b)
    c = torch.rand(1 << 26)
    d = torch.empty_like(c)
    return operations, 2 * c.numel() * 4 / best(lambda: d.copy_(c))


def counted(network: Any, batch: Any) -> tuple[float, float, float]:
    """Return operations, least bytes (weights and what every layer reads and writes) and seconds of a pass."""
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    n_bytes, n_recurrent = 0.0, 0.0

    def note(layer: Any, given: Any, out: Any) -> None:
        nonlocal n_bytes, n_recurrent
        tensors = [
            value for value in (*given, out if torch.is_tensor(out) else out[0]) if torch.is_tensor(value)
        ]
        n_bytes += 4.0 * sum(value.numel() for value in tensors)
        n_bytes += 4.0 * sum(value.numel() for value in layer.parameters(recurse=False))
        if isinstance(layer, nn.LSTM | nn.GRU):  # one fused call, which the counter does not look into
            n_steps = tensors[0].shape[0] * tensors[0].shape[1]
            matrices = [value for name, value in layer.named_parameters() if name.startswith("weight")]
            n_recurrent += 2.0 * n_steps * sum(value.numel() for value in matrices)

    leaves = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(note) for layer in leaves]
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            network(batch)
        for hook in hooks:
            hook.remove()
        seconds = best(lambda: network(batch))
    return counter.get_total_flops() + n_recurrent, n_bytes, seconds


def factorisation() -> tuple[float, float, float]:
    """Return operations, least bytes and seconds of an iteration of the partially fixed NMF."""
    import numpy as np

    from mirkit.sampling.nmf import partially_fixed_nmf

    n_bins, n_frames, rank, n_iterations = 2049, round(SECONDS * 22050 / 1024), 30, 50
    rng = np.random.default_rng(0)
    V, W = rng.random((n_bins, n_frames), np.float32), rng.random((n_bins, 10), np.float32)

    def work() -> None:
        partially_fixed_nmf(V, W, n_free=rank - 10, n_iterations=n_iterations, tolerance=0.0, rng=rng)

    n_operations = 2.0 * n_bins * n_frames * (3 * rank + rank - 10)  # four products
    n_bytes = 4.0 * n_bins * n_frames * 2 * 2  # V is read and the ratio written, twice, if all else is fused
    return n_operations, n_bytes, best(work, 3) / n_iterations


def limits() -> dict[str, Any]:
    """Return the figures and a paragraph."""
    from mirkit import separation

    operations_rate, bytes_rate = rates()
    kernels = {
        "network of six stems": _six_stems(separation),
        "an iteration of the published NMF": factorisation(),
    }
    found: dict[str, Any] = {"operations_per_s": operations_rate, "bytes_per_s": bytes_rate}
    lines = [
        f"A product of two matrices of {SIZE} rows runs at {operations_rate / 1e9:.0f} · 10⁹ operations a second here, a large "
        f"copy at {bytes_rate / 1e9:.1f} GB/s. For {SECONDS:g} s of music:\n",
        "| kernel | operations, 10⁹ | GB read and written | least seconds | seconds | share of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for name, (n_operations, n_bytes, seconds) in kernels.items():
        least = n_operations / operations_rate, n_bytes / bytes_rate
        found[name] = {"operations": n_operations, "bytes": n_bytes, "seconds": seconds, "least_s": least}
        lines.append(
            f"| {name} | {n_operations / 1e9:.2f} | {n_bytes / 1e9:.3f} | {least[0]:.3f} for operations, {least[1]:.3f} for bytes "
            f"| {seconds:.3f} | {max(least) / seconds:.0%} |"
        )
    return {**found, "text": "\n".join(lines) + "\n\n" + EXPLANATION}


def _six_stems(separation: Any) -> tuple[float, ...]:
    """Return the same of the bundled network, in segments as long as in use, without their overlap."""
    import torch

    model = separation.load()
    features, n_frames = model.config.features, model.config.inference.segment_frames
    seconds = n_frames * features.hop_length / features.sample_rate
    network = model.parts[0].for_use()
    return tuple(
        SECONDS / seconds * value for value in counted(network, torch.rand(1, 2, features.n_bins, n_frames))
    )

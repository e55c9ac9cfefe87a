"""A ProTracker module of two instruments and a silent one, written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

NAMES = ("sine", "noise", "never played")
ROW_S = 6 * 2.5 / 125
"""Six ticks of a fiftieth of a second at ProTracker's tempo 125: 0.12 s a row."""
PERIOD = 428
"""Amiga period of C-2."""


def tiny_module(
    path: Path, *, names: Sequence[str] = NAMES, rows: dict[int, tuple[int, ...]] | None = None
) -> Path:
    """Write a module of four channels and one pattern; rows: row to the samples that start in it.

    By default the sine starts in rows 0 and 32, the noise in rows 16 and 32.
    """
    rows = {0: (1,), 16: (2,), 32: (1, 2)} if rows is None else rows
    sine = np.round(100 * np.sin(2 * np.pi * np.arange(8192) / 32)).astype(np.int8)
    noise = np.random.default_rng(7).integers(-90, 90, 4096).astype(np.int8)
    sounds = [sine, noise, sine[:64]]
    headers = b""
    for k in range(31):
        name = names[k].encode("latin-1") if k < len(names) else b""
        length = len(sounds[k]) // 2 if k < len(sounds) else 0
        headers += name.ljust(22, b"\0") + struct.pack(">HBBHH", length, 0, 64, 0, 1)
    pattern = b""
    for row in range(64):
        cells = [_cell(sample) for sample in rows.get(row, ())]
        pattern += b"".join(cells).ljust(16, b"\0")
    title = b"tiny song".ljust(20, b"\0")
    orders = bytes([1, 127]) + bytes(128)
    path.write_bytes(title + headers + orders + b"M.K." + pattern + b"".join(y.tobytes() for y in sounds))
    return path


def _cell(sample: int) -> bytes:
    return bytes([(sample & 0xF0) | PERIOD >> 8, PERIOD & 0xFF, (sample & 0x0F) << 4, 0])

"""Files changed at random: bits, pieces, numbers, words of the format, pieces of other files."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

Case = Mapping[str, bytes]
"""File name, relative to the folder that is read, to content."""

MOST_BYTES = 200_000
NUMBERS = (
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"-Infinity",
    b"9" * 25,
    b"9" * 5000,
    b"1e-320",
    b"2147483648",
    b"0x7f",
)
TEXTS = (b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b"../../../etc/passwd", b"/etc/passwd",
         b"A" * 3000, "\u202e\U0001f600".encode(), b"\xed\xa0\x80", b"CON", b"%s%n", b"*", b"null", b"true")  # fmt: skip
DEEP = (b"[" * 5000, b'{"a":' * 3000, b"(" * 3000, b"<a>" * 3000, b"- " * 3000)


def mutated(
    case: Case, others: Sequence[Case], words: Sequence[bytes], rng: np.random.Generator
) -> dict[str, bytes]:
    """Return a case of which one file, rarely several, was changed one to five times."""
    changed = dict(case)
    names = sorted(changed)
    for _ in range(1 + (rng.random() < 0.1)):
        name = names[rng.integers(len(names))]
        content = changed[name]
        for _ in range(int(rng.integers(1, 6))):
            content = _change(content, name, others, words, rng)[:MOST_BYTES]
        changed[name] = content
    if rng.random() < 0.02 and len(names) > 1:
        del changed[names[rng.integers(len(names))]]
    return changed


def _change(
    content: bytes, name: str, others: Sequence[Case], words: Sequence[bytes], rng: np.random.Generator
) -> bytes:
    n_bytes = len(content)
    # headers come first in most formats: half of all changes are made there
    most = n_bytes if rng.random() < 0.5 else min(n_bytes, 256)
    at = int(rng.integers(most + 1))
    length = int(rng.integers(1, 1 + min(64, max(1, n_bytes - at))))
    head, middle, tail = content[:at], content[at : at + length], content[at + length :]
    kind = int(rng.integers(12))
    if kind == 0 and tail:  # one bit
        return head + bytes([tail[0] ^ 1 << int(rng.integers(8))]) + tail[1:]
    if kind == 1:  # bytes at random
        return head + rng.bytes(length) + tail
    if kind == 2:
        return head + tail
    if kind == 3:
        return head  # truncated
    if kind == 4:
        return head + middle * int(rng.integers(2, 40)) + tail
    if kind == 5:
        return head + _number(rng) + content[at + 4 :]
    if kind == 6:
        return _other_number(content, rng)
    if kind == 7 and words:
        return head + words[rng.integers(len(words))] + tail
    if kind == 8:
        return head + TEXTS[rng.integers(len(TEXTS))] + middle + tail
    if kind == 9 and others:
        other = others[rng.integers(len(others))].get(name, b"")
        cut = int(rng.integers(len(other) + 1))
        return head + other[cut:]
    if kind == 10 and words:
        old, new = (words[rng.integers(len(words))] for _ in range(2))
        return content.replace(old, new, 1 if rng.random() < 0.7 else -1) if old else content
    if rng.random() < 0.05:
        return head + DEEP[rng.integers(len(DEEP))] + tail
    return head + middle[::-1] + tail


def _number(rng: np.random.Generator) -> bytes:
    value = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)[rng.integers(9)]
    return struct.pack("<I" if rng.random() < 0.5 else ">I", value)


def _other_number(content: bytes, rng: np.random.Generator) -> bytes:
    """Return text with another number in the place of one of its numbers."""
    digits = [k for k, byte in enumerate(content[:20000]) if 48 <= byte < 58]
    if not digits:
        return content
    first = last = digits[rng.integers(len(digits))]
    while last < len(content) and (48 <= content[last] < 58 or content[last] == 46):
        last += 1
    return content[:first] + NUMBERS[rng.integers(len(NUMBERS))] + content[last:]

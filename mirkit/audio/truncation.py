"""Sound files that end before their own headers say: found from a few reads, without decoding.

Decoders return what is left of a truncated file as if nothing had happened, so the check is ours.
Sources: the headers of RIFF/RF64 (EBU Tech 3306), AIFF 1.3, Ogg (RFC 3533), ISO base media (14496-12),
Matroska (RFC 9559) and MPEG audio (11172-3), and the Xing/Info tag in the first frame of an mp3.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_TAIL_LENGTH = 1 << 16  # bytes; the largest Ogg page is 65307, the largest mp3 frame 2881
_UNKNOWN_SIZE = 0xFFFFFFFF  # written by encoders that cannot seek back


def missing_bytes(path: Path) -> int:
    """Return how many bytes a sound file lacks at its end, at least; 0 if none or not known."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        magic = file.read(12)
        if magic[:4] in (b"RIFF", b"RF64"):
            return max(0, _chunks_end(file, "<", b"data") - size)
        if magic[:4] == b"FORM" and magic[8:11] == b"AIF":
            return max(0, _chunks_end(file, ">", b"SSND") - size)
        if magic[:4] == b"OggS":
            return max(0, _ogg_end(file, size) - size)
        if magic[4:8] == b"ftyp":
            return max(0, _boxes_end(file, size) - size)
        if magic[:4] == b"\x1aE\xdf\xa3":
            return max(0, _segment_end(file) - size)
        if is_mp3(magic):
            return _mp3_missing(file, size)
    return 0


def is_mp3(magic: bytes) -> bool:
    """Tell if a file that starts with these bytes is MPEG audio or starts with an ID3 tag."""
    return magic[:3] == b"ID3" or _frame_length(magic[:4]) > 0


def _chunks_end(file: BinaryIO, order: str, wanted: bytes) -> int:
    """Return where the chunk with the samples says that it ends; 0 if it does not say."""
    position, long_size = 12, 0
    while True:
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return 0
        name, size = header[:4], int(struct.unpack(order + "I", header[4:])[0])
        if name == b"ds64":
            body = file.read(16)
            long_size = struct.unpack("<8xQ", body)[0] if len(body) == 16 else 0
        if name == wanted:
            size = long_size if size == _UNKNOWN_SIZE else size
            return position + 8 + size if size else 0
        position += 8 + size + size % 2


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Return where the last top-level box of an mp4 says that it ends."""
    position = 0
    while position < size:
        file.seek(position)
        length, _, long_length = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        length = long_length if length == 1 else length
        if length < 8:  # 0: up to the end of the file; or garbage, which the decoder judges
            return 0
        position += length
    return position


def _segment_end(file: BinaryIO) -> int:
    """Return where a Matroska or WebM file's segment says that it ends; 0 if it does not say."""
    file.seek(4)
    file.seek(_vint(file)[0], os.SEEK_CUR)  # the rest of the EBML header
    if file.read(4) != b"\x18S\x80g":
        return 0
    length, known = _vint(file)
    return file.tell() + length if known else 0


def _vint(file: BinaryIO) -> tuple[int, bool]:
    """Return an EBML number, and whether it is not the pattern for "unknown"."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first and first[0] else 1
    digits = int.from_bytes(first + file.read(width - 1), "big")
    ones = (1 << 7 * width) - 1
    return digits & ones, digits & ones != ones


def _ogg_end(file: BinaryIO, size: int) -> int:
    """Return where the last page says that it ends."""
    start = max(0, size - _TAIL_LENGTH)
    file.seek(start)
    tail = file.read()
    page = tail.rfind(b"OggS")
    # The capture pattern may also occur inside a page: a page has version 0 and a known flag byte.
    while page >= 0 and not (tail[page + 4 : page + 5] == b"\0" and tail[page + 5 : page + 6] < b"\x08"):
        page = tail.rfind(b"OggS", 0, page)
    if page < 0 or page + 27 > len(tail):
        return size + (page >= 0)
    n_segments = tail[page + 26]
    segments = tail[page + 27 : page + 27 + n_segments]
    return start + page + 27 + n_segments + sum(segments) + (len(segments) < n_segments)


_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_KBITS = {  # by (MPEG 1?, layer bits): 3 is layer I, 2 layer II, 1 layer III
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame_length(header: bytes) -> int:
    """Return the bytes of the MPEG audio frame that starts with a header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kbit_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 0 or kbit_index in (0, 15) or rate_index == 3:
        return 0
    bits_per_s = 1000 * _KBITS[version == 3, layer][kbit_index - 1]
    rate_hz = _RATES_HZ[version][rate_index]
    if layer == 3:
        return (12 * bits_per_s // rate_hz + padding) * 4
    frame_samples = 576 if layer == 1 and version != 3 else 1152
    return frame_samples // 8 * bits_per_s // rate_hz + padding


def xing_tag(path: Path) -> tuple[int, int, int] | None:
    """Return what an mp3's Xing or Info tag says.

    Returns
    -------
    tuple of int or None
        Byte position of the first frame, number of frames, number of bytes (0 for what the tag leaves out).
    """
    with path.open("rb") as file:
        return _xing(file)


def _xing(file: BinaryIO) -> tuple[int, int, int] | None:
    first = _first_frame(file)
    file.seek(first)
    frame = file.read(200)
    found = [at for at in (frame.find(b"Xing"), frame.find(b"Info")) if at > 0]
    if not found or len(frame) < found[0] + 16:
        return None
    flags, *values = struct.unpack(">III", frame[found[0] + 4 : found[0] + 16])
    n_frames = values.pop(0) if flags & 1 else 0
    return first, n_frames, values.pop(0) if flags & 2 else 0


def _first_frame(file: BinaryIO) -> int:
    """Return where the first frame starts, behind ID3v2 tags."""
    position = 0
    while True:
        file.seek(position)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            break
        # a "syncsafe" number: seven bits a byte
        position += 10 + sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return position


def _mp3_missing(file: BinaryIO, size: int) -> int:
    xing = _xing(file)
    # Some writers count an ID3 tag in, so less than that is left to the decoder to notice.
    if xing is not None and xing[2] > size:
        return xing[2] - size
    start = max(_first_frame(file), size - _TAIL_LENGTH)
    file.seek(start)
    tail = file.read()
    position = _chain_start(tail)
    if position < 0:
        return 0
    while length := _frame_length(tail[position : position + 4]):
        position += length
    return max(0, position - len(tail))


def _chain_start(tail: bytes, n_frames: int = 4) -> int:
    """Return where a run of frames starts, which no chance pattern in the sound would make; -1 if none."""
    start = tail.find(b"\xff")
    while start >= 0:
        position = start
        for _ in range(n_frames):
            length = _frame_length(tail[position : position + 4])
            if not length:
                break
            position += length
        else:
            return start
        start = tail.find(b"\xff", start + 1)
    return -1

"""Small files of every kind that mirkit reads, whole ones and hostile ones, made here."""

from __future__ import annotations

import io
import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit.audio import Audio

MARKER = "MIRKIT_FUZZ_MARKER"
"""Environment variable with the file that hostile input tries to make."""


class Trap:
    """What a pickle would run: it makes the marker file."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f'touch "${MARKER}"',)


def files_of(make: Callable[[Path], object]) -> dict[str, bytes]:
    """Return the files that a function writes into a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


def tone(rate: int = 8000, n_channels: int = 2, duration_s: float = 0.3) -> Audio:
    """Return a short rising tone."""
    time_s = np.arange(round(rate * duration_s)) / rate
    y = 0.3 * np.sin(2 * np.pi * (300 + 400 * time_s) * time_s)
    return Audio(np.tile(y, (n_channels, 1)).astype(np.float32), rate)


def sounds() -> list[dict[str, bytes]]:
    """Return a sound in every container: file name ``sound`` with the suffix of its format."""
    import soundfile

    def encode(folder: Path) -> None:
        for suffix in (".wav", ".flac", ".aiff", ".ogg", ".mp3"):
            audio.write(folder / f"sound{suffix}", tone(16000 if suffix == ".mp3" else 8000))
        audio.write(folder / "sound.opus", tone(48000, 1))
        for name, subtype in (("RF64", "PCM_16"), ("W64", "PCM_16"), ("CAF", "ALAC_16"), ("AU", "ULAW"),
                              ("WAV", "IMA_ADPCM"), ("WAVEX", "FLOAT"), ("AIFF", "PCM_U8")):  # fmt: skip
            path = folder / f"sound.{name.lower()}"
            soundfile.write(path, tone().samples.T, 8000, format=name, subtype=subtype)
        for suffix, codec in ((".m4a", "aac"), (".webm", "libopus"), (".mka", "libopus"), (".aac", "aac"),
                              (".mov", "pcm_s16le"), (".avi", "ac3")):  # fmt: skip
            _encode(folder / f"sound_av{suffix}", codec)

    return [{name: content} for name, content in files_of(encode).items()]


def _encode(path: Path, codec: str) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000, layout="stereo")
        samples = np.ascontiguousarray(tone(48000).samples)
        if codec in ("pcm_s16le", "libopus"):
            samples = np.ascontiguousarray((samples.T.reshape(1, -1) * 32767).astype(np.int16))
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        else:
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def odd_sounds() -> list[dict[str, bytes]]:
    """Return headers that promise what no file holds."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 1, 2, 2, 16)  # one sample a second
    huge = b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + form + b"data" + struct.pack("<I", 0xFFFFFFFF)
    wide = struct.pack("<IHHIIHH", 16, 1, 255, 0x7FFFFFFF, 0xFFFFFFFF, 510, 16)
    return [
        {"sound.wav": huge + bytes(20000)},
        {"sound.wav": b"RIFF" + struct.pack("<I", 5000) + b"WAVEfmt " + wide + b"data" + struct.pack("<I", 4590) + bytes(4590)},
        {"sound.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100)},
        {"sound.ogg": b"OggS" + bytes(23) + b"\xff" + b"\xff" * 255},
        {"sound.m4a": struct.pack(">I4s", 1, b"ftyp") + b"\xff" * 8 + bytes(50)},
        {"sound.raw": bytes(1000)}, {"sound.wav": b"#EXTM3U\nfile:///etc/passwd\n"},
        {"sound.m3u8": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"},
        {"sound.wav": b"ffconcat version 1.0\nfile /etc/passwd\n"},
    ]  # fmt: skip


ENTITIES = (
    b'<?xml version="1.0"?>\n<!DOCTYPE score-partwise [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>\n'
    b"<score-partwise><movement-title>&d;</movement-title></score-partwise>"
)
EXTERNAL = (
    b'<?xml version="1.0"?>\n<!DOCTYPE score-partwise [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n'
    b"<score-partwise><movement-title>&x;</movement-title></score-partwise>"
)
REMOTE = (
    b'<?xml version="1.0"?>\n<!DOCTYPE score-partwise SYSTEM "http://127.0.0.1:9/evil.dtd">\n'
    b"<score-partwise></score-partwise>"
)


def musicxml(n_notes: int = 3) -> bytes:
    """Return a part of one bar."""
    notes = "".join(
        f"<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>"
        for step in "CDE"[:n_notes]
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="3.1"><part-list><score-part id="P1">'
        "<part-name>Flute</part-name></score-part></part-list><part id=\"P1\"><measure number=\"1\"><attributes>"
        "<divisions>1</divisions><key><fifths>0</fifths></key><time><beats>3</beats><beat-type>4</beat-type></time>"
        "<transpose><chromatic>-2</chromatic></transpose><clef><sign>G</sign><line>2</line></clef></attributes>"
        f"{notes}<barline><repeat direction=\"backward\"/></barline></measure></part></score-partwise>"
    ).encode()  # fmt: skip


def archive(members: dict[str, bytes]) -> bytes:
    """Return a compressed zip archive."""
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return room.getvalue()


CONTAINER = (
    b'<?xml version="1.0"?><container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'
)


def scores() -> list[dict[str, bytes]]:
    """Return scores as files ``score`` of each format."""
    index = {"META-INF/container.xml": CONTAINER}
    bomb = archive({**index, "score.xml": musicxml() + b" " * 200_000_000})
    lying = bomb.replace(struct.pack("<I", 200_000_000 + len(musicxml())), struct.pack("<I", 1000))
    return [
        {"score.musicxml": musicxml()},
        {"score.mxl": archive({**index, "score.xml": musicxml()})},
        {"score.mxl": archive({"META-INF/container.xml": CONTAINER.replace(b"score.xml", b"../../../../etc/passwd"), "../../evil.xml": musicxml()})},
        {"score.mxl": bomb}, {"score.mxl": lying},
        {"score.mxl": archive({**index, "score.xml": ENTITIES})},
        {"score.xml": ENTITIES}, {"score.musicxml": EXTERNAL}, {"score.xml": REMOTE},
        {"score.xml": ENTITIES.decode().encode("utf-16")},
        {"score.musicxml": b"<a>" * 20_000},
        {"score.abc": b"X:1\nT:Scale\nM:3/4\nL:1/4\nQ:1/4=100\nK:Dmaj\nA B c|:d2 e/2f/2:|[1 g3:|[2 a3|]\n"},
        {"score.krn": b"**kern\n*M3/4\n*k[f#]\n=1\n4c\n8d\n8e\n4g\n=2\n2.cc\n==\n*-\n"},
        {"score.mid": midi()},
        {"score.csv": b"onset_beat,duration_beat,pitch_midi,bar,grace\n0,1,60,1,0\n1,1,62,1,0\n2,2,64,1,1\n"},
    ]  # fmt: skip


def midi() -> bytes:
    """Return a type 1 file of two tracks."""
    conductor = b"\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x03\x02\x18\x08\0\xff\x59\x02\xff\x00\0\xff\x2f\0"
    notes = b"\0\xff\x03\x04tune\0\xc0\x05\0\xb0\x40\x7f" + b"".join(
        bytes([0, 0x90, p, 80, 48, 0x80, p, 0]) for p in (60, 62, 64, 65)
    )
    tracks = [conductor, notes + b"\0\xb0\x40\0\0\xf0\x03\x01\x02\xf7\0\xff\x2f\0"]
    return b"MThd" + struct.pack(">IHHH", 6, 1, 2, 48) + b"".join(
        b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks
    )  # fmt: skip


YAML_TRICKS = (
    b'!!python/object/apply:os.system ["touch $' + MARKER.encode() + b'"]\n',
    b'stems: !!python/object/new:os.system ["touch $' + MARKER.encode() + b'"]\n',
    b"a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nstems: [*c, *c]\n",
    b"stems: " + b"[" * 10000, b"a: &a [*a]\nstems: *a\n", b"? [a]\n: b\n", b"---\na: 1\n---\nb: 2\n",
    b"stems: {S01: {filename: ../../../../../etc/passwd, instrument: piano}}\n",
    b"stems: {S01: {filename: /etc/passwd, instrument: [piano, {a: b}]}}\nexcerpt: 2024-02-30\n",
    b"labels: {piano: 3}\n", b"labels: {1: [piano], null: [2.5]}\nambiguous: [a]\n", b"<<: {a: 1}\nstems: {}\n",
)  # fmt: skip
JSON_TRICKS = (
    b"[" * 100_000, b'{"format":' * 5000, b"NaN", b'{"format": 1e999}', b"\xff\xfe{\0}\0", b'"\\ud800"', b"1" * 6000,
    b'{"a": "' + b"x" * 100_000 + b'"}', b"[]", b"null", b"",
)  # fmt: skip
TOML_TRICKS = (
    b"a = " + b"[" * 5000,
    b"source = 1\n",
    b"[[source]]\n",
    b"source = [1, 2]\n",
    b"a=1979-13-45\n",
    b"a.b=1\na=2\n",
)
CSV_TRICKS = (
    b"a" * 200_000, b'start_s,end_s,label,score\n"' + b"x" * 140_000, b"start_s,a\n0,\0\n1,2\n", b"\xef\xbb\xbftime,S01\n0,1\n",
    b"start_s,a,a\n0,1,2\n1,2,3\n", b"start_s,\n0,1\n1,1\n", b"start_s,a\n1e308,0\n-1e308,0\n", b"start_s,a\ninf,0\ninf,1\n",
    b"start_s,end_s,label,score\n5,1,a,2\n", b"start_s,end_s,label,score\nnan,nan,a,nan\n",
)  # fmt: skip


def tensors(header: bytes, body: bytes = b"") -> bytes:
    """Return a safetensors file with this header."""
    return struct.pack("<Q", len(header)) + header + body


TENSOR_TRICKS = (
    struct.pack("<Q", 1 << 62), tensors(b"{}"), tensors(b"[" * 5000),
    tensors(json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode(), bytes(4)),
    tensors(json.dumps({"a": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}}).encode()),
    tensors(json.dumps({"a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}).encode(), bytes(2)),
    tensors(json.dumps({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode(), bytes(2)),
    tensors(json.dumps({"a": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]}}).encode(), bytes(8)),
    tensors(json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}).encode(), bytes(4)),
)  # fmt: skip

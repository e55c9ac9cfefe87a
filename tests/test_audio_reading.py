"""Sound in: alignment, parts, streams, blocks and what is done with unusable files."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit import audio
from mirkit.audio import Audio
from mirkit.errors import AudioError, ParameterError

RATE = 44100


def tone(
    duration_s: float = 1.0, *, n_channels: int = 2, sample_rate: int = RATE, peak: float = 0.5
) -> Audio:
    """A sweep that differs between the channels: misplaced samples and swapped channels show."""
    times_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    swept = [np.sin(2 * np.pi * (200 + 150 * k + 100 * times_s) * times_s) for k in range(n_channels)]
    return Audio(peak * np.stack(swept), sample_rate)


def encode(path: Path, sounds: list[Audio], codec: str) -> Path:
    """Write one stream for each sound with FFmpeg's encoders, packets interleaved in time."""
    import av

    with av.open(str(path), "w") as container:
        rate = sounds[0].sample_rate
        layout = {1: "mono", 2: "stereo"}[sounds[0].samples.shape[0]]
        streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in sounds]
        packets = []
        for stream, sound in zip(streams, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples), "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            packets += [*stream.encode(frame), *stream.encode(None)]
        container.mux(sorted(packets, key=lambda packet: packet.pts * packet.time_base))
    return path


def joined(blocks: list[Audio]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks], axis=1)


def level_db(error: np.ndarray, reference: np.ndarray) -> float:
    return 10 * np.log10((np.mean(error**2) + 1e-30) / np.mean(reference**2))


def with_a_gap(path: Path) -> np.ndarray:
    """Write Ogg Opus whose time stamps skip half a frame after the first second; return what is in it."""
    import av

    sound = tone(4.0, sample_rate=48000).samples.astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000, layout="stereo")
        for first in range(0, sound.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(sound[:, first : first + 960].copy(), "fltp", "stereo")
            frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
            frame.pts = first + 488 * (first >= 48000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return sound


def test_opus_whose_time_stamps_have_a_gap_is_no_damaged_file(tmp_path: Path) -> None:
    sound = with_a_gap(tmp_path / "a.opus")
    found = audio.read(tmp_path / "a.opus").samples
    assert abs(found.shape[1] - sound.shape[1]) < 960
    n = min(found.shape[1], sound.shape[1])
    assert level_db(found[:, :n] - sound[:, :n], sound[:, :n]) < -15
    part = audio.read(tmp_path / "a.opus", start_s=2.0, duration_s=1.0).samples
    np.testing.assert_array_equal(part, found[:, 96000 : 96000 + part.shape[1]])


# --- reading parts, streams and blocks ----------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 5 s in every kind of container."""
    folder = tmp_path_factory.mktemp("formats")
    sound = tone(5.0)
    paths = {suffix: folder / f"a.{suffix}" for suffix in ("wav", "flac", "ogg", "mp3", "aiff")}
    for path in paths.values():
        audio.write(path, sound)
    stems = [Audio(sound.samples * gain, RATE) for gain in (1.0, 0.5, 0.25, 0.125, 0.0625)]
    return paths | {
        "m4a": encode(folder / "a.m4a", [sound], "aac"),
        "alac": encode(folder / "alac.m4a", [sound], "alac"),
        "aac": encode(folder / "a.aac", [sound], "aac"),
        "webm": encode(folder / "a.webm", [tone(5.0, sample_rate=48000)], "libopus"),
        "cbr.mp3": encode(folder / "cbr.mp3", [sound], "libmp3lame"),
        "stem.mp4": encode(folder / "a.stem.mp4", stems, "aac"),
    }


KINDS = ["wav", "flac", "ogg", "mp3", "aiff", "m4a", "alac", "aac", "webm", "cbr.mp3", "stem.mp4"]
# FFmpeg's AAC decoder fills noise bands from a generator whose state depends on where it started.
TOLERANCES = {"m4a": 3e-3, "aac": 3e-3, "stem.mp4": 3e-3}


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_sound_is_aligned(files: dict[str, Path], kind: str) -> None:
    back = audio.read(files[kind])
    sound = tone(5.0, sample_rate=back.sample_rate)
    n_samples = sound.samples.shape[1]
    start = 1024 if kind == "aac" else 0  # raw AAC does not tell the encoder's delay
    # Raw AAC ends with whole frames; mp4 rounds its duration to milliseconds.
    limit = {"aac": 2048, "m4a": 44, "stem.mp4": 44}.get(kind, 0)
    assert 0 <= back.samples.shape[1] - n_samples <= limit
    error = back.samples[:, start : start + n_samples] - sound.samples[:, : back.samples.shape[1] - start]
    assert level_db(error, sound.samples) < -25


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start_s", [0.0, 0.01, 1.2345, 3.7])
def test_a_part_is_the_part_of_the_whole(files: dict[str, Path], kind: str, start_s: float) -> None:
    whole = audio.read(files[kind])
    part = audio.read(files[kind], start_s=start_s, duration_s=0.7)
    first = round(start_s * whole.sample_rate)
    expected = whole.samples[:, first : first + round(0.7 * whole.sample_rate)]
    assert part.samples.shape == expected.shape
    assert np.abs(part.samples - expected).max() <= TOLERANCES.get(kind, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_beyond_the_end_stops_there(files: dict[str, Path], kind: str) -> None:
    whole = audio.read(files[kind])
    part = audio.read(files[kind], start_s=4.5, duration_s=60.0)
    assert part.samples.shape[1] == whole.samples.shape[1] - round(4.5 * whole.sample_rate)
    with pytest.raises(AudioError, match=r"a\..*start_s=6 lies beyond|.*mp3.*lies beyond|alac.*lies beyond"):
        audio.read(files[kind], start_s=6.0)
    with pytest.raises(AudioError, match="lies beyond the end"):
        list(audio.blocks(files[kind], start_s=6.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [None, 16000, 48000])
def test_blocks_join_to_what_read_returns(files: dict[str, Path], kind: str, rate: int | None) -> None:
    whole = audio.read(files[kind], sample_rate=rate)
    found = list(audio.blocks(files[kind], sample_rate=rate, block_s=0.37))
    lengths = {block.samples.shape[1] for block in found[:-1]}
    assert lengths == {round(0.37 * whole.sample_rate)}
    assert 0 < found[-1].samples.shape[1] <= round(0.37 * whole.sample_rate)
    assert all(block.samples.flags.c_contiguous and block.sample_rate == whole.sample_rate for block in found)
    assert np.array_equal(joined(found), whole.samples)


@settings(max_examples=25, deadline=None)
@given(
    n_samples=st.integers(1, 300000),
    block_s=st.floats(0.001, 0.5),
    rates=st.tuples(*2 * [st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])]),
    start=st.floats(0, 0.9),
)
def test_blocks_equal_read_at_any_rate(
    tmp_path_factory: pytest.TempPathFactory,
    n_samples: int,
    block_s: float,
    rates: tuple[int, int],
    start: float,
) -> None:
    import soxr

    path = tmp_path_factory.mktemp("any") / "a.wav"
    noise = np.random.default_rng(n_samples).uniform(-1, 1, (2, n_samples))
    audio.write(path, Audio(noise, rates[0]))
    options = {"sample_rate": rates[1], "start_s": int(start * n_samples) / rates[0]}
    whole = audio.read(path, **options).samples
    part = audio.read(path, start_s=options["start_s"])
    assert abs(whole.shape[1] - part.duration_s * rates[1]) <= 0.5 + 1e-9
    assert np.array_equal(part.resample(rates[1]).samples, whole)
    if rates[0] != rates[1]:
        at_once = soxr.resample(part.samples.T, *rates, quality="HQ").T
        assert at_once.shape == whole.shape
        np.testing.assert_allclose(whole, at_once, atol=1e-6)
    found = list(audio.blocks(path, block_s=block_s, **options))
    assert all(block.samples.shape[1] for block in found)
    if whole.shape[1]:
        assert np.array_equal(joined(found), whole)


def test_streams_are_decoded_together(files: dict[str, Path]) -> None:
    streams = audio.read_streams(files["stem.mp4"])
    assert audio.info(files["stem.mp4"]).n_streams == len(streams) == 5
    assert len({stream.samples.shape for stream in streams}) == 1
    sound = tone(5.0).samples
    for number, stream in enumerate(streams):
        gain = 0.5**number
        error = stream.samples[:, : sound.shape[1]] - gain * sound
        assert level_db(error, gain * sound) < -25
        assert np.array_equal(stream.samples, audio.read(files["stem.mp4"], stream=number).samples)
    later = audio.read_streams(files["stem.mp4"], start_s=3.0, duration_s=1.0, sample_rate=22050)
    assert {stream.samples.shape for stream in later} == {(2, 22050)}


def test_read_streams_of_one_stream_and_shorter_ones(tmp_path: Path, files: dict[str, Path]) -> None:
    assert len(audio.read_streams(files["wav"])) == 1
    path = encode(tmp_path / "two.m4a", [tone(1.0), tone(0.5)], "alac")
    first, second = audio.read_streams(path)
    assert first.samples.shape == second.samples.shape == (2, RATE)
    assert not second.samples[:, RATE // 2 :].any()


def test_content_decides_not_the_suffix(tmp_path: Path, files: dict[str, Path]) -> None:
    for kind in ("wav", "mp3", "m4a", "ogg"):
        for suffix in (".mp3", ".wav", ".dat"):
            renamed = tmp_path / f"renamed{suffix}"
            renamed.write_bytes(files[kind].read_bytes())
            assert np.array_equal(audio.read(renamed).samples, audio.read(files[kind]).samples)


# --- unusable input ------------------------------------------------------------------------------------


def without_xing(content: bytes) -> bytes:
    """The frames of an mp3 without the one that holds the length tag."""
    return content[content.find(b"\xff\xfb", 200) :]


def undecodable(aac: bytes) -> bytes:
    """Raw AAC whose second half keeps its frame headers, but not what they announce."""
    broken = bytearray(aac)
    start = 0
    while start < len(broken):
        length = int.from_bytes(broken[start + 3 : start + 6], "big") >> 5 & 0x1FFF
        if start > len(broken) // 2:
            broken[start + 7 : start + length] = b"\xff" * (length - 7)
        start += length
    return bytes(broken)


def broken_files(folder: Path, files: dict[str, Path]) -> dict[str, tuple[bytes, str]]:
    """Name -> content and the error that it must give."""
    import soundfile

    content = {kind: path.read_bytes() for kind, path in files.items()}
    samples = np.zeros((2, RATE), np.float32)
    samples[1, 22050] = np.nan
    soundfile.write(folder / "nan.wav", samples.T, RATE, subtype="FLOAT")
    samples[0, 11025] = -np.inf
    soundfile.write(folder / "inf.wav", samples.T, RATE, subtype="FLOAT")
    soundfile.write(folder / "zero.wav", np.zeros((0, 2)), RATE)
    wav = content["wav"]
    no_channels = wav[:22] + struct.pack("<H", 0) + wav[24:]
    moov = content["m4a"].find(b"moov")
    return {
        "text.wav": (b"these are words\n" * 500, "not a sound file"),
        "text.mp3": (b"these are words\n" * 500, "not a sound file"),
        "playlist.wav": (b"#EXTM3U\n#EXTINF:1,\nother.aac\n" * 20, "not a sound file"),
        "noise.mp3": (np.random.default_rng(0).bytes(9000), "not a sound file|damaged|no samples"),
        "raw.raw": (bytes(4000), "not a sound file|no samples|damaged"),
        "empty.flac": (b"", r"empty \(0 bytes\)"),
        "header.wav": ((folder / "zero.wav").read_bytes(), "no samples"),
        "riff.wav": (b"RIFF", "not a sound file"),
        "channels.wav": (no_channels, "no channels"),
        "nan.wav": ((folder / "nan.wav").read_bytes(), r"nan, the first at 0\.500 s"),
        "inf.wav": ((folder / "inf.wav").read_bytes(), r"-inf, the first at 0\.250 s"),
        "cut.wav": (wav[: len(wav) // 2], "truncated"),
        "cut1.wav": (wav[:-1], "truncated, at least 1 bytes"),
        "cut.aiff": (content["aiff"][:-100], "truncated, at least 100 bytes"),
        "cut.flac": (content["flac"][: len(content["flac"]) // 2], "damaged|truncated"),
        "cut.ogg": (content["ogg"][: len(content["ogg"]) // 2], "truncated"),
        "cut.mp3": (content["mp3"][: len(content["mp3"]) // 2], "truncated"),
        "cut10.mp3": (content["cbr.mp3"][:-10], "truncated"),
        "cut.untagged.mp3": (without_xing(content["cbr.mp3"])[:-10], "truncated, at least 10 bytes"),
        "undecodable.aac": (undecodable(content["aac"]), r"damaged near 2\.\d+ s in stream 0"),
        "cut.m4a": (content["m4a"][: moov + 50], "truncated"),
        "cut1.alac": (content["alac"][:-1], "truncated, at least 1 bytes"),
        "nomoov.m4a": (content["m4a"][: moov - 4], "not a sound file"),
        "cut.webm": (content["webm"][:-1], "truncated, at least 1 bytes"),
    }


BROKEN = [
    "text.wav", "text.mp3", "playlist.wav", "noise.mp3", "raw.raw", "empty.flac", "header.wav", "riff.wav",
    "channels.wav", "nan.wav", "inf.wav", "cut.wav", "cut1.wav", "cut.aiff", "cut.flac", "cut.ogg", "cut.mp3",
    "cut10.mp3", "cut.untagged.mp3", "undecodable.aac", "cut.m4a", "cut1.alac",
    "nomoov.m4a", "cut.webm",
]  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_unusable_files_give_one_clear_error(
    tmp_path: Path, files: dict[str, Path], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content, message = broken_files(tmp_path, files)[name]
    path = tmp_path / f"broken {name}"
    path.write_bytes(content)
    capfd.readouterr()
    for attempt in (audio.read, audio.read_streams, lambda p: list(audio.blocks(p, sample_rate=16000))):
        with pytest.raises(AudioError, match=message) as caught:
            attempt(path)
        assert str(caught.value).startswith(f"{path}: ")
    assert capfd.readouterr() == ("", "")  # libraries in C stay silent


def test_every_broken_file_is_tried(tmp_path: Path, files: dict[str, Path]) -> None:
    assert sorted(broken_files(tmp_path, files)) == sorted(BROKEN)


@pytest.mark.parametrize("attempt", [audio.info, audio.read, lambda path: list(audio.blocks(path))])
def test_missing_files_and_folders(tmp_path: Path, attempt) -> None:
    with pytest.raises(AudioError, match=r"absent\.wav: no such file"):
        attempt(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="is a folder"):
        attempt(tmp_path)


def test_mp3_that_lacks_whole_frames_is_noticed_without_decoding(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    content = files["cbr.mp3"].read_bytes()
    path = tmp_path / "cut.mp3"
    for n_bytes in (1, 40, 200, 416, 417, 418, 419, 835, 836, 2000):  # frames have 417 or 418 bytes
        path.write_bytes(content[:-n_bytes])
        with pytest.raises(AudioError, match="truncated, at least"):
            audio.info(path)


def test_mp3_with_tags_and_without_length_tag_is_whole(tmp_path: Path, files: dict[str, Path]) -> None:
    frames = without_xing(files["cbr.mp3"].read_bytes())
    plain = tmp_path / "plain.mp3"
    plain.write_bytes(frames)
    assert audio.info(plain).n_samples is None
    # An ID3v2 tag of 20 bytes in front, an ID3v1 tag of 128 behind
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20) + frames + b"TAG" + bytes(125))
    assert np.array_equal(audio.read(tagged).samples, audio.read(plain).samples)


def test_mp3_too_short_for_ffmpeg_to_recognise_is_read(tmp_path: Path) -> None:
    noise = 0.3 * np.random.default_rng(1).standard_normal((1, 700))
    audio.write(tmp_path / "a.mp3", Audio(noise, 22050))
    back = audio.read(tmp_path / "a.mp3")
    assert (back.samples.shape, back.sample_rate) == ((1, 700), 22050)


def test_wav_of_unknown_length_is_read(tmp_path: Path, files: dict[str, Path]) -> None:
    content = bytearray(files["wav"].read_bytes())
    data = content.find(b"data")
    content[4:8] = content[data + 4 : data + 8] = b"\xff\xff\xff\xff"  # as programs that write to a pipe do
    (tmp_path / "piped.wav").write_bytes(content)
    assert np.array_equal(audio.read(tmp_path / "piped.wav").samples, audio.read(files["wav"]).samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_s": -1.0}, "start_s must be 0 or more seconds, got -1.0"),
        ({"start_s": float("nan")}, "got nan"),
        ({"duration_s": 0.0}, "duration_s must be above 0"),
        ({"duration_s": float("inf")}, "got inf"),
        ({"sample_rate": 0}, "sample_rate"),
    ],
)
def test_read_and_blocks_refuse_arguments_at_once(
    files: dict[str, Path], options: dict, message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        audio.read(files["wav"], **options)
    with pytest.raises(ParameterError, match=message):
        audio.blocks(files["wav"], **options)


def test_no_such_stream_and_block_length(files: dict[str, Path]) -> None:
    with pytest.raises(AudioError, match=r"a\.wav: has no audio stream 1; its streams are 0 to 0"):
        audio.read(files["wav"], stream=1)
    with pytest.raises(ParameterError, match="block_s"):
        audio.blocks(files["wav"], block_s=0.0)


def test_real_mp3_is_read_in_parts(shared: Path) -> None:
    paths = sorted((shared / "solo" / "bach_violin").glob("*.mp3"))
    assert paths
    for path in paths:
        part = audio.read(path, start_s=20.0, duration_s=0.5)
        longer = audio.read(path, duration_s=20.5)
        assert np.array_equal(part.samples, longer.samples[:, -part.samples.shape[1] :])


def test_a_header_that_promises_more_than_any_memory_takes_none(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    audio.write(path, tone(0.1, n_channels=8))
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the top bits of the number of samples: 2 ** 36 - 2 ** 32 more
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"damaged|truncated"):
        audio.read(path)

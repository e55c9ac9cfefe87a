"""Sound in and out: the value, formats, gains, writing and mixing."""

from __future__ import annotations

import subprocess
import sys
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


def level_db(error: np.ndarray, reference: np.ndarray) -> float:
    return 10 * np.log10((np.mean(error**2) + 1e-30) / np.mean(reference**2))


# --- the value -------------------------------------------------------------------------------------


def test_audio_keeps_float32_and_shape() -> None:
    sound = Audio(np.ones((2, 10), np.float64), 8000)
    assert sound.samples.dtype == np.float32
    assert sound.duration_s == 10 / 8000


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(4, np.float32), 8000, r"got \(4,\); use samples\[np.newaxis\] for mono"),
        (np.zeros((0, 4), np.float32), 8000, r"got \(0, 4\)"),
        (np.zeros((1, 4), np.int16), 8000, "got int16; divide integers"),
        (np.zeros((1, 4), np.float32), 0, "above 0, got 0"),
        (np.zeros((1, 4), np.float32), 44100.5, r"whole number of Hz above 0, got 44100\.5"),
        (np.zeros((1, 4), np.float32), float("nan"), "got nan"),
        (np.zeros((1, 4), np.float32), "44100", "got 44100"),
    ],
)
def test_audio_refuses(samples: np.ndarray, rate: float, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Audio(samples, rate)


def test_mono_is_the_mean() -> None:
    sound = Audio(np.array([[1.0, 0.0], [0.0, 0.5]], np.float32), 8000)
    assert sound.mono().samples.tolist() == [[0.5, 0.25]]


def test_excerpt_is_a_view_and_stops_at_the_end() -> None:
    sound = tone(1.0)
    part = sound.excerpt(0.5, 2.0)
    assert part.samples.shape == (2, RATE // 2)
    assert np.shares_memory(part.samples, sound.samples)
    assert sound.excerpt(0.0, float("inf")).samples.shape == sound.samples.shape


@pytest.mark.parametrize(("start_s", "end_s"), [(-0.1, 1.0), (0.5, 0.4), (float("nan"), 1.0), (1.5, 2.0)])
def test_excerpt_refuses(start_s: float, end_s: float) -> None:
    with pytest.raises(ParameterError, match="start_s"):
        tone(1.0).excerpt(start_s, end_s)


@pytest.mark.parametrize("rate", [8000, 22050, 48000, 192000])
def test_resample_keeps_length_and_level(rate: int) -> None:
    sound = tone(1.0)
    before = sound.samples.copy()
    changed = sound.resample(rate)
    assert changed.samples.shape == (2, rate)
    assert changed.samples.flags.c_contiguous
    reference = tone(1.0, sample_rate=rate).samples
    inner = slice(rate // 10, -rate // 10)
    assert level_db((changed.samples - reference)[:, inner], reference) < -90  # soxr HQ: about -120 dB
    assert np.array_equal(sound.samples, before)


# --- formats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_channels", [1, 2, 6, 8])
@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize(
    ("suffix", "subtype", "step"),
    [(".wav", None, 0.0), (".wav", "PCM_16", 2**-16), (".wav", "PCM_24", 2**-24), (".flac", None, 2**-24)],
)
def test_lossless_round_trip(
    tmp_path: Path, suffix: str, subtype: str | None, step: float, rate: int, n_channels: int
) -> None:
    sound = tone(0.1, n_channels=n_channels, sample_rate=rate)
    path = tmp_path / f"Ünïcode 絆 'name'{suffix}"
    assert audio.write(path, sound, subtype=subtype) == 1.0
    back = audio.read(path)
    assert back.sample_rate == rate
    assert back.samples.flags.c_contiguous
    assert np.abs(back.samples - sound.samples).max() <= step  # half a step: rounded, not cut off
    if step:  # what integers hold is kept exactly from then on
        audio.write(path, back, subtype=subtype)
        assert np.array_equal(audio.read(path).samples, back.samples)


def test_integers_are_rounded_without_bias(tmp_path: Path, rng: np.random.Generator) -> None:
    sound = Audio(rng.uniform(-0.5, 0.5, (1, 50000)), RATE)
    audio.write(tmp_path / "a.wav", sound, subtype="PCM_16")
    error = (audio.read(tmp_path / "a.wav").samples - sound.samples) * 2**15
    assert abs(error.mean()) < 0.01  # steps; cutting off would give -0.5


@pytest.mark.parametrize(("suffix", "rate"), [(".ogg", 44100), (".opus", 48000), (".mp3", 44100)])
def test_lossy_round_trip_is_aligned_and_of_equal_length(tmp_path: Path, suffix: str, rate: int) -> None:
    sound = tone(2.3, sample_rate=rate)
    audio.write(tmp_path / f"a{suffix}", sound)
    back = audio.read(tmp_path / f"a{suffix}")
    assert back.samples.shape == sound.samples.shape
    assert (
        level_db(back.samples - sound.samples, sound.samples) < -25
    )  # one sample off: about -20 dB at 1 kHz
    assert audio.info(tmp_path / f"a{suffix}") == audio.AudioInfo(rate, 2, sound.samples.shape[1], 1)


def test_float_files_keep_what_is_beyond_full_scale(tmp_path: Path) -> None:
    sound = tone(0.1, peak=3.0)
    assert audio.write(tmp_path / "a.wav", sound) == 1.0
    assert np.array_equal(audio.read(tmp_path / "a.wav").samples, sound.samples)


@pytest.mark.parametrize("name", ["a.flac", "a.aiff", "a.mp3", "a.ogg"])
def test_other_files_are_scaled_not_clamped(tmp_path: Path, name: str) -> None:
    sound = tone(0.5, peak=2.0)
    gain = audio.write(tmp_path / name, sound)
    assert gain == pytest.approx(0.5, abs=1e-3)
    back = audio.read(tmp_path / name).samples
    assert level_db(back - gain * sound.samples, gain * sound.samples) < -25


def test_stems_share_one_gain(tmp_path: Path) -> None:
    loud, soft = tone(0.1, peak=4.0), tone(0.1, peak=0.4)
    gain = audio.write_stems(tmp_path, {"loud": loud, "soft": soft}, suffix=".flac")
    assert gain == pytest.approx(0.25, abs=1e-3)
    back = audio.read(tmp_path / "loud.flac").samples + audio.read(tmp_path / "soft.flac").samples
    assert np.abs(back - gain * (loud.samples + soft.samples)).max() < 2**-22
    assert audio.write_stems(tmp_path, {"loud": loud, "soft": soft}) == 1.0


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "copy.wav"])
@pytest.mark.parametrize("subtype", ["PCM_16", None])
def test_writer_equals_write(tmp_path: Path, name: str, subtype: str | None) -> None:
    sound = tone(1.0, peak=1.5)
    with audio.writer(tmp_path / name, RATE, 2, subtype=subtype) as file:
        for start in range(10):
            file.write(sound.excerpt(start / 10, (start + 1) / 10))
    gain = audio.write(tmp_path / "whole" / name, sound, subtype=subtype)
    assert file.gain == gain
    assert file.n_samples == RATE
    assert np.array_equal(audio.read(tmp_path / name).samples, audio.read(tmp_path / "whole" / name).samples)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "whole"])


def test_stem_writer_shares_one_gain(tmp_path: Path) -> None:
    loud, soft = tone(0.2, peak=2.0), tone(0.2, peak=0.5)
    with audio.stem_writer(tmp_path, ["loud", "soft"], RATE, 2, subtype="PCM_16") as stems:
        for part in ((0.0, 0.1), (0.1, 0.2)):
            stems.write({"loud": loud.excerpt(*part), "soft": soft.excerpt(*part)})
    assert stems.gain == pytest.approx(0.5, abs=1e-3)
    back = audio.read(tmp_path / "soft.wav").samples
    assert np.abs(back - stems.gain * soft.samples).max() < 2**-15


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_floating_point_file_does_not_tell_when_it_was_written(tmp_path: Path, name: str) -> None:
    sound = tone(0.2)
    audio.write(tmp_path / name, sound, subtype="FLOAT")
    content = (tmp_path / name).read_bytes()
    peak = content.index(b"PEAK")  # name, size, version, seconds since 1970, each channel's peak
    assert content[peak + 8 : peak + 12] in (b"\1\0\0\0", b"\0\0\0\1")
    assert content[peak + 12 : peak + 16] == bytes(4)
    assert content[peak + 16 : peak + 20] != bytes(4)
    assert np.array_equal(audio.read(tmp_path / name).samples, sound.samples)


def test_streamed_wav_has_a_plain_header_while_it_fits(tmp_path: Path) -> None:
    with audio.writer(tmp_path / "a.wav", RATE, 2) as file:
        file.write(tone(0.1))
    import soundfile

    content = (tmp_path / "a.wav").read_bytes()
    assert content[:4] == b"RIFF"
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    assert soundfile.info(tmp_path / "a.wav").frames == 4410


def test_long_wav_gets_a_64_bit_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirkit.audio.encoding._WAV_LIMIT", 1000)  # instead of writing four gigabytes
    sound = tone(0.1)
    audio.write(tmp_path / "a.wav", sound)
    with audio.writer(tmp_path / "b.wav", RATE, 2) as file:
        file.write(sound)
    for name in ("a.wav", "b.wav"):
        assert (tmp_path / name).read_bytes()[:4] == b"RF64"
        assert np.array_equal(audio.read(tmp_path / name).samples, sound.samples)


# --- mixing --------------------------------------------------------------------------------------------


def test_mix_adds_pads_and_widens() -> None:
    mono, stereo = Audio(np.ones((1, 3)), 8000), Audio(np.ones((2, 5)), 8000)
    for order in ([mono, stereo], [stereo, mono]):
        assert audio.mix(iter(order)).samples.tolist() == [[2, 2, 2, 1, 1]] * 2
    assert audio.mix([mono, mono], gains_db=[20.0, float("-inf")]).samples.tolist() == [[10, 10, 10]]
    assert mono.samples.tolist() == [[1, 1, 1]]


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    gains=st.lists(st.floats(-40, 20), min_size=4),
)
def test_mix_is_the_sum_in_any_order(lengths: list[int], gains: list[float]) -> None:
    noise = np.random.default_rng(0)
    sounds = [Audio(noise.uniform(-1, 1, (2, length)), 8000) for length in lengths]
    gains = gains[: len(sounds)]
    forward = audio.mix(sounds, gains).samples
    backward = audio.mix(sounds[::-1], gains[::-1]).samples
    assert forward.shape == (2, max(lengths))
    np.testing.assert_allclose(forward, backward, atol=1e-5)


@pytest.mark.parametrize(
    ("sounds", "gains", "message"),
    [
        ([], None, "no sounds"),
        ([Audio(np.ones((1, 3)), 8000), Audio(np.ones((1, 3)), 16000)], None, "16000 Hz.*resample first"),
        ([Audio(np.ones((2, 3)), 8000), Audio(np.ones((3, 3)), 8000)], None, "3 channels"),
        ([Audio(np.ones((2, 3)), 8000)], [0.0, 1.0], "2 values for 1 sounds"),
        ([Audio(np.ones((2, 3)), 8000)], [], "0 values for 1 sounds"),
    ],
)
def test_mix_refuses(sounds: list[Audio], gains: list[float] | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        audio.mix(sounds, gains)


# --- what cannot be written ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sound", "subtype", "error", "message"),
    [
        ("a.xyz", tone(0.1), None, AudioError, r"cannot write \.xyz; use one of \.wav"),
        ("a", tone(0.1), None, AudioError, "a file without suffix"),
        ("a.wav", tone(0.1), "PCM_8", ParameterError, "subtype must be one of FLOAT, PCM_16, PCM_24"),
        ("a.mp3", tone(0.1, n_channels=6), None, AudioError, "cannot hold 6 channels at 44100 Hz"),
        ("a.opus", tone(0.1), None, AudioError, "cannot hold 2 channels at 44100 Hz"),
        ("a.mp3", tone(0.1, sample_rate=192000), None, AudioError, "at 192000 Hz"),
        ("a.wav", Audio(np.zeros((1, 0), np.float32), 8000), None, AudioError, "no samples"),
        ("a.wav", Audio(np.array([[0.0, np.nan]]), 1), None, AudioError, r"nan, the first at 1\.000 s"),
        ("folder.wav", tone(0.1), None, AudioError, "is a folder"),
    ],
)
def test_write_refuses_and_leaves_nothing(
    tmp_path: Path, name: str, sound: Audio, subtype: str | None, error: type[Exception], message: str
) -> None:
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(error, match=message):
        audio.write(tmp_path / name, sound, subtype=subtype)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.wav"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_failing_writer_keeps_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"old")
    blocks = [tone(0.1), tone(0.1, n_channels=1)]
    message = "opened for 2 channels at 44100 Hz, got 1"
    with pytest.raises(ParameterError, match=message), audio.writer(path, RATE, 2) as file:
        any(map(file.write, blocks))
    with pytest.raises(AudioError, match="no samples came"), audio.writer(path, RATE, 2):
        pass
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_of_the_callers_own_code_pass_unchanged(tmp_path: Path) -> None:
    def fail(_: Audio) -> None:
        raise FileNotFoundError("somewhere else")

    with pytest.raises(FileNotFoundError, match="somewhere else"), audio.writer(tmp_path / "a.wav", RATE, 2):
        fail(tone(0.1))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AudioError, match=r"file/a\.wav: cannot be written"):
        audio.write(tmp_path / "file" / "a.wav", tone(0.1))


def test_stems_are_written_all_or_none(tmp_path: Path) -> None:
    stems = {"good": tone(0.1), "bad": tone(0.1, n_channels=6)}
    with pytest.raises(AudioError, match=r"bad\.mp3: .* 6 channels"):
        audio.write_stems(tmp_path, stems, suffix=".mp3")
    assert not list(tmp_path.iterdir())
    for name in ("../out", "", "a/b", ".."):
        with pytest.raises(ParameterError, match="usable as a file name"):
            audio.write_stems(tmp_path / "in", {name: tone(0.1)})
    with pytest.raises(ParameterError, match="no stems"):
        audio.write_stems(tmp_path, {})


def test_stem_writer_refuses_uneven_blocks(tmp_path: Path) -> None:
    sound = tone(0.1)
    for blocks, message in (
        ({"a": sound}, r"\['a', 'b'\] was wanted, got \['a'\]"),
        ({"a": sound, "b": sound.excerpt(0, 0.05)}, "differ in length"),
    ):
        stems = audio.stem_writer(tmp_path, ["a", "b"], RATE, 2)
        with pytest.raises(ParameterError, match=message), stems as file:
            file.write(blocks)
    assert not list(tmp_path.iterdir())


def test_import_is_light() -> None:
    code = (
        "import sys, mirkit.audio; heavy = {'soundfile', 'av', 'soxr', 'scipy', 'librosa'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The data engine's sounds: renderers, voices, effects, mixer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st

from mirkit.data.synthesis import effects, harmony, models, recorded, rhythm, singing, soundfont, vocoder
from mirkit.data.synthesis.mixer import active_rms, mix_down
from mirkit.data.synthesis.notes import Part, note_array
from mirkit.data.synthesis.performance import Performance, perform, render_phrases
from mirkit.data.synthesis.sources import Source
from mirkit.errors import DatasetError, MirkitError, ParameterError

RATE = 22050


def f0_of(y: np.ndarray, sample_rate: int = RATE) -> float:
    """Fundamental of a steady tone in Hz: the spectrum's peak, refined."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 18))
    return float(np.argmax(spectrum) * sample_rate / (1 << 18))


def hz(pitch_midi: float) -> float:
    return float(440 * 2 ** ((pitch_midi - 69) / 12))


def write_tone(path: Path, f0_hz: float, seconds: float = 1.0) -> None:
    import soundfile

    soundfile.write(path, 0.3 * np.sin(2 * np.pi * f0_hz * np.arange(int(seconds * RATE)) / RATE), RATE)


def speech(f0_hz: float = 120.0, n_syllables: int = 6, formant_hz: float = 700.0) -> np.ndarray:
    """Syllables: a hiss, then a pulse train through one resonance, 0.3 s each."""
    rng = np.random.default_rng(1)
    times_s = np.arange(int(0.3 * RATE)) / RATE
    pulses = (np.diff(np.floor(times_s * f0_hz), prepend=0) > 0).astype(float)
    vowel = effects.equalise(
        pulses[np.newaxis].astype(np.float32),
        RATE,
        [("peak", formant_hz, 14.0, 1.5), ("lowpass", 3000.0, 0.0, 0.7)],
    )[0]
    level = np.clip(np.minimum((times_s - 0.05) / 0.03, (0.27 - times_s) / 0.03), 0, 1)
    hiss = 0.02 * rng.standard_normal(len(times_s)) * (times_s < 0.05)
    return np.tile(vowel * level + hiss, n_syllables).astype(np.float32)


# --- recorded notes and drums ---------------------------------------------------------------------


def test_the_nearest_tone_is_repitched(tmp_path: Path) -> None:
    write_tone(tmp_path / "flute_A4_forte.wav", 440.0)
    write_tone(tmp_path / "flute_C6_forte.wav", hz(84))
    library = recorded.tones(str(tmp_path))
    notes = note_array([(0.5, 0.4, 71, 90), (1.2, 0.4, 82, 90), (2.0, 0.4, 60, 90)])
    y = recorded.render_tones(np.random.default_rng(0), library, notes, duration_s=3.0, sample_rate=RATE)[0]
    for at_s, pitch in ((0.55, 71), (1.25, 82)):
        piece = y[int(at_s * RATE) : int((at_s + 0.25) * RATE)]
        assert abs(12 * np.log2(f0_of(piece) / hz(pitch))) < 0.1
    assert np.abs(y[int(1.9 * RATE) :]).max() == 0  # C4 is more than 3 st from either recording


def test_onsets_are_within_20_ms(tmp_path: Path) -> None:
    write_tone(tmp_path / "thing_A4.wav", 440.0)
    notes = note_array([(0.5, 0.3, 69, 90), (1.5, 0.3, 70, 90)])
    rng = np.random.default_rng(0)
    rendered = {"tones": recorded.render_tones(rng, recorded.tones(str(tmp_path)), notes, duration_s=2.5,
                                               sample_rate=RATE)}  # fmt: skip
    for model in ("organ", "bass"):
        rendered[model] = models.render_model(rng, model, notes, duration_s=2.5, sample_rate=RATE)
    for name, y in rendered.items():
        for onset_s in (0.5, 1.5):
            piece = np.abs(y[0, int((onset_s - 0.2) * RATE) : int((onset_s + 0.2) * RATE)])
            first_s = np.flatnonzero(piece > 0.1 * piece.max())[0] / RATE - 0.2
            assert abs(first_s) < 0.02, f"{name} starts {first_s:.3f} s from its note"


def test_note_names() -> None:
    names = ["cello_As2_1_forte_arco-normal.ogg", "a3_f_rr1.ogg", "pizz_bb1_fa.ogg", "D#4v10.ogg", "Gs5.ogg"]
    found = [recorded.NOTE_NAME.search(name) for name in names]
    assert [match.groups() for match in found if match] == [
        ("A", "s", "2"), ("a", None, "3"), ("b", "b", "1"), ("D", "#", "4"), ("G", "s", "5"),
    ]  # fmt: skip


def test_a_folder_without_note_names_is_refused(tmp_path: Path) -> None:
    write_tone(tmp_path / "hello.wav", 440.0, 0.1)
    with pytest.raises(DatasetError, match="note name such as A4"):
        recorded.tones(str(tmp_path))
    with pytest.raises(DatasetError, match="named like a kit"):
        recorded.hits(str(tmp_path), "kit")


def test_drums_that_a_kit_lacks_fall_to_relatives(tmp_path: Path) -> None:
    write_tone(tmp_path / "crash.wav", 3000.0, 0.2)
    write_tone(tmp_path / "kick.wav", 60.0, 0.2)
    kit = recorded.hits(str(tmp_path), "kit")
    notes = note_array([(0.1, 0.1, rhythm.RIDE, 100), (0.6, 0.1, rhythm.TAMBOURINE, 100)])
    y = recorded.render_hits(np.random.default_rng(0), kit, notes, duration_s=1.0, sample_rate=RATE)
    assert y.shape == (2, RATE)
    assert np.abs(y[:, : RATE // 2]).max() > 0.1  # the crash stands in for the ride
    assert np.abs(y[:, RATE // 2 :]).max() == 0  # nothing stands in for the tambourine


def test_phrases_fill_their_spans_only(tmp_path: Path) -> None:
    write_tone(tmp_path / "violin.wav", 500.0, 4.0)
    spans = np.array([[0.5, 1.5], [2.0, 2.5]])
    y = render_phrases(np.random.default_rng(0), str(tmp_path), "", spans, duration_s=3.0, sample_rate=RATE)[
        0
    ]
    sounding = np.abs(y) > 0.01
    assert sounding[int(0.6 * RATE) : int(1.4 * RATE)].mean() > 0.9
    assert not sounding[: int(0.5 * RATE)].any()
    assert not sounding[int(1.5 * RATE) + 1 : int(2.0 * RATE)].any()
    assert not sounding[int(2.5 * RATE) + 1 :].any()


# --- computed instruments -------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["synthesizer", "bass", "organ", "tabla"])
@pytest.mark.parametrize("seed", range(3))
def test_models_play_in_tune_and_stay_finite(model: str, seed: int) -> None:
    notes = note_array([(0.1, 0.8, 62, 90)])
    y = models.render_model(np.random.default_rng(seed), model, notes, duration_s=1.2, sample_rate=RATE)
    assert y.shape == (1, round(1.2 * RATE))
    assert np.isfinite(y).all()
    assert np.abs(y).max() > 0.01
    if model in {"organ", "bass"}:
        f0_hz = vocoder.fundamental(y[0, int(0.4 * RATE) : int(0.8 * RATE)], RATE)
        ratio = float(np.median(f0_hz[f0_hz > 0])) / hz(62)
        nearest = 2 ** round(np.log2(ratio))  # an organ's sub-octave drawbar or a bell may lead
        third = ratio / 3 if ratio > 2.5 else ratio
        assert min(abs(ratio / nearest - 1), abs(third - 1)) < 0.05


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ParameterError, match="model must be"):
        models.render_model(np.random.default_rng(0), "kazoo", note_array([]), duration_s=1, sample_rate=RATE)


# --- voices ---------------------------------------------------------------------------------------


def test_resynthesis_keeps_spectrum_and_pitch() -> None:
    y = speech()
    voice = vocoder.analyse(y, RATE, bandwidth_hz=RATE / 2)
    voiced = voice.f0_hz > 0
    assert abs(np.median(voice.f0_hz[voiced]) - 120) < 1.5
    noise = np.where(voiced[:, None], 0.05, 1.0) * np.ones((1, vocoder.N_FFT // 2 + 1))
    again = vocoder.resynthesise(np.random.default_rng(0), voice.log_envelope, voice.f0_hz, noise, RATE)
    second = vocoder.analyse(again, RATE, bandwidth_hz=RATE / 2)
    assert abs(np.median(second.f0_hz[second.f0_hz > 0]) - 120) < 2
    loud = voiced[: len(second.level)] & (second.f0_hz[: len(voiced)] > 0)
    band = slice(int(200 / RATE * vocoder.N_FFT), int(3000 / RATE * vocoder.N_FFT))
    error_db = 4.343 * np.abs(voice.log_envelope[loud][:, band] - second.log_envelope[loud][:, band])
    assert np.median(error_db) < 3.0  # 1.5 here, 2.3 over a spoken sentence


def test_formants_scale() -> None:
    voice = vocoder.analyse(speech(), RATE, bandwidth_hz=RATE / 2)
    mean = voice.log_envelope[voice.f0_hz > 0].mean(axis=0, keepdims=True)
    moved = vocoder.scale_formants(mean, 1.2)
    assert np.argmax(moved) / np.argmax(mean) == pytest.approx(1.2, abs=0.04)


def test_a_voice_sings_the_notes(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "voice.wav", 0.5 * speech(), RATE)
    pitches = [57, 60, 64, 62]
    notes = note_array([(0.3 + 0.7 * k, 0.6, pitch, 90) for k, pitch in enumerate(pitches)])
    who = singing.singer("Ann", 1.0)

    def sung() -> np.ndarray:
        where = str(tmp_path / "voice.wav")
        return singing.sing(np.random.default_rng(3), where, notes, who, duration_s=3.5, sample_rate=RATE)

    y = sung()
    assert y.shape == (1, round(3.5 * RATE))
    assert (y == sung()).all()
    f0_hz = vocoder.fundamental(y[0], RATE)
    for k, pitch in enumerate(pitches):
        middle = f0_hz[
            round((0.3 + 0.7 * k + 0.25) / vocoder.HOP_S) : round((0.3 + 0.7 * k + 0.5) / vocoder.HOP_S)
        ]
        middle = middle[middle > 0]
        assert len(middle) > 20
        assert abs(12 * np.log2(np.median(middle) / hz(pitch))) < 0.6  # vibrato and drift are part of singing
    assert np.abs(y[0, -int(0.3 * RATE) :]).max() < 0.01 * np.abs(y).max()


def test_a_voice_keeps_time_for_a_minute(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "voice.wav", 0.5 * speech(), RATE)
    onsets_s = np.array([1.0, 30.0, 58.0])
    notes = note_array([(onset_s, 0.8, 60, 90) for onset_s in onsets_s])
    y = singing.sing(
        np.random.default_rng(3), str(tmp_path / "voice.wav"), notes, singing.singer("Ann", 1.0),
        duration_s=60.0, sample_rate=RATE,
    )[0]  # fmt: skip
    loud = np.abs(y) > 0.02 * np.abs(y).max()
    begins_s = [np.flatnonzero(loud[round((s - 0.3) * RATE) :])[0] / RATE - 0.3 for s in onsets_s]
    assert np.ptp(begins_s) < 0.012  # all syllables are alike


def test_pitch_and_level_of_a_voice_are_of_one_time() -> None:
    times_s = np.arange(24 * RATE) / RATE
    tone = np.sin(2 * np.pi * 200 * times_s) + 0.5 * np.sin(2 * np.pi * 400 * times_s)
    y = np.where((times_s >= 22.0) & (times_s < 22.5), tone, 0.0).astype(np.float32)
    voice = vocoder.analyse(y, RATE, bandwidth_hz=RATE / 2)
    voiced, loud = np.flatnonzero(voice.f0_hz > 0), np.flatnonzero(voice.level > 0.5)
    assert abs(voiced[0] - loud[0]) <= 4
    assert abs(voiced[-1] - loud[-1]) <= 4


def test_what_is_no_recording_is_passed_over_or_named(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "voice.wav", 0.5 * speech(), RATE)
    (tmp_path / "LICENCE.txt").write_text("free")
    assert singing.material(str(tmp_path), "", RATE)[1]
    with pytest.raises(DatasetError, match="no sound file"):
        render_phrases(
            np.random.default_rng(0), str(tmp_path), "violin", np.array([[0.0, 1.0]]), duration_s=1.0,
            sample_rate=RATE,
        )  # fmt: skip
    (tmp_path / "noise.wav").write_bytes(b"no sound at all")
    with pytest.raises(MirkitError, match=r"noise\.wav"):
        singing.material(str(tmp_path), "noise", RATE)


def test_noise_is_no_voice(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(RATE), RATE)
    with pytest.raises(DatasetError, match="no syllable"):
        singing.material(str(tmp_path / "noise.wav"), "", RATE)


# --- sound fonts ----------------------------------------------------------------------------------


def sound_bank() -> str:
    places = [*sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"))]
    wheel = importlib.util.find_spec("pretty_midi")
    if wheel and wheel.origin:
        places += sorted(Path(wheel.origin).parent.glob("*.sf2"))
    if not places:
        skip_or_fail("a sound bank: apt install timgm6mb-soundfont or pip install pretty_midi")
    return str(places[-1])


@pytest.fixture
def bank() -> str:
    try:
        import fluidsynth  # noqa: F401
    except ImportError as error:
        skip_or_fail(f"FluidSynth ({error}): apt install libfluidsynth3 and pip install 'mirkit[synthesis]'")
    return sound_bank()


def test_presets_are_listed(bank: str) -> None:
    found = soundfont.presets(bank)
    assert (0, 0) in found
    assert (128, 0) in found


def test_a_file_that_is_no_bank_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sf2").write_bytes(b"no bank at all")
    with pytest.raises(DatasetError, match="not a sound font"):
        soundfont.presets(str(tmp_path / "a.sf2"))


def test_a_bank_plays_in_tune_and_leaves_nothing_behind(bank: str) -> None:
    rng = np.random.default_rng(0)
    with soundfont.Synths(RATE) as synths:
        drums = note_array([(0.1 * k, 0.1, 49, 120) for k in range(9)])
        soundfont.render(rng, synths, bank, drums, program=0, bank=128, duration_s=1.0)
        silent = soundfont.render(rng, synths, bank, drums[:0], program=0, duration_s=1.0)
        assert np.abs(silent).max() == 0
        flute = soundfont.render(
            rng, synths, bank, note_array([(0.1, 0.8, 69, 100)]), program=73, duration_s=1.0, sustained=False
        )
        assert flute.shape == (2, RATE)
        assert abs(12 * np.log2(f0_of(flute[0, RATE // 3 : 2 * RATE // 3]) / 440)) < 0.3


def test_a_key_that_is_struck_again_sounds_again(bank: str) -> None:
    organ = Part("electronic organ", "pad", note_array([(0.1, 0.91, 60, 100), (1.0, 0.8, 60, 100)]))
    source = Source("bank", "bank", "soundfont", bank, "GPL-2")
    with soundfont.Synths(RATE) as synths:
        played = perform(np.random.default_rng(0), organ, source, synths, duration_s=2.0)
    assert played is not None
    first, second = (np.abs(played.samples[:, round(s * RATE) :][:, : RATE // 2]).mean() for s in (0.3, 1.2))
    assert second > 0.5 * first
    assert played.part.notes["duration_s"][0] < 0.9


def test_what_was_played_before_does_not_matter(bank: str) -> None:
    def violin() -> np.ndarray:
        notes = note_array([(0.1, 0.5, 69, 100), (0.6, 0.3, 71, 90)])
        with soundfont.Synths(RATE) as synths:
            return soundfont.render(
                np.random.default_rng(1), synths, bank, notes, program=40, duration_s=1.0, sustained=True
            )

    first = violin()
    with soundfont.Synths(RATE) as synths:
        soundfont.render(
            np.random.default_rng(0), synths, bank, note_array([(0, 1, 50, 90)]), program=90, duration_s=1.0
        )
    assert (violin() == first).all()


def test_distortion_goes_through_an_amplifier(bank: str) -> None:
    source = Source("bank", "bank", "soundfont", bank, "GPL-2")
    part = Part("distorted electric guitar", "power", note_array([(0.1, 0.8, 45, 100), (0.1, 0.8, 52, 100)]))
    presets = set()
    for seed in range(12):
        with soundfont.Synths(RATE) as synths:
            played = perform(np.random.default_rng(seed), part, source, synths, duration_s=1.0)
        assert played is not None
        presets.add(played.preset.split()[0] == "amplified")
    assert presets == {True, False}


# --- effects and mixer ----------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), gain_db=st.floats(-20, 40))
def test_the_limiter_keeps_every_sample_below_the_ceiling(seed: int, gain_db: float) -> None:
    y = np.random.default_rng(seed).standard_normal(5000).astype(np.float32) * np.float32(
        10 ** (gain_db / 20)
    )
    gain = effects.limiter_gain(np.abs(y), RATE, 0.9)
    assert np.abs(y * gain).max() <= 0.9 * (1 + 1e-5)
    assert gain.max() <= 1 + 1e-6


def test_reverberation_is_convolution() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2, 150_000)).astype(np.float32)
    response = rng.standard_normal((2, 900)).astype(np.float32) / 30
    wet = np.stack([np.convolve(y.mean(axis=0), side)[: y.shape[1]] for side in response])
    assert np.abs(effects.reverberate(y, response, 0.5) - (y + 0.5 * wet)).max() < 1e-4


@pytest.mark.parametrize(
    ("kind", "tone_hz", "gain_db"),
    [("peak", 1000.0, 6.0), ("highpass", 1000.0, -3.0), ("lowpass", 1000.0, -3.0), ("lowshelf", 100.0, 6.0),
     ("highshelf", 8000.0, 6.0)],
)  # fmt: skip
def test_filters_have_their_gain(kind: str, tone_hz: float, gain_db: float) -> None:
    y = np.sin(2 * np.pi * tone_hz * np.arange(RATE) / RATE)[np.newaxis].astype(np.float32)
    filtered = effects.equalise(y, RATE, [(kind, 1000.0, 6.0, 0.7071)])
    measured = 20 * np.log10(filtered[0, RATE // 2 :].std() / y[0, RATE // 2 :].std())
    assert measured == pytest.approx(gain_db, abs=0.3)


def test_filters_ring_out_to_exact_silence() -> None:
    # what is left of a ringing filter, denormal numbers, takes some processors seventy times as long
    y = np.random.default_rng(0).standard_normal((2, 5 * RATE)).astype(np.float32)
    y[:, RATE:] = 0.0
    given = y.copy()
    bands = [("highpass", 80.0, 0.0, 0.7), ("peak", 500.0, 3.0, 1.0), ("lowpass", 8000.0, 0.0, 0.7)]
    filtered = effects.equalise(y, RATE, bands)
    assert np.array_equal(y, given)
    assert np.abs(filtered[:, RATE : RATE + 200]).max() > 1e-3  # it rings
    assert not filtered[:, 3 * RATE :].any()
    assert np.abs(filtered[filtered != 0]).min() > 1e-16
    assert not effects.equalise(np.zeros_like(y), RATE, bands).any()
    loud = filtered[:, :RATE]
    quiet = effects.equalise(y * np.float32(1e-4), RATE, bands)[:, :RATE]  # and quiet sound is not touched
    np.testing.assert_allclose(quiet, loud * 1e-4, rtol=0, atol=1e-4 * 1e-3)


def test_compression_evens_levels_out() -> None:
    y = np.sin(np.arange(2 * RATE) / 5).astype(np.float32)
    y[:RATE] *= 0.1
    even = effects.compress(y[np.newaxis], RATE, threshold_db=-20, ratio=4.0)[0]

    def step_db(x: np.ndarray) -> float:
        return float(20 * np.log10(x[-RATE // 2 :].std() / x[RATE // 4 : RATE // 2].std()))

    assert step_db(y) == pytest.approx(20, abs=0.2)
    assert step_db(even) == pytest.approx(5, abs=1)  # 20 dB above the threshold become 5


def test_an_amplifier_adds_harmonics() -> None:
    y = 0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)[np.newaxis].astype(np.float32)
    loud = effects.amplifier(y, RATE, np.random.default_rng(0))[0]
    spectrum = np.abs(np.fft.rfft(loud[: RATE // 2 * 2] * np.hanning(RATE)))
    assert spectrum[600] > 0.05 * spectrum[200]  # 1 Hz a bin: the third harmonic


def test_stems_stay_below_full_scale_and_differ_with_the_seed() -> None:
    rng = np.random.default_rng(0)
    source = Source("a", "a", "model", "organ", "own")
    parts = [Part(name, role, note_array([(0, 1, 60, 90)])) for name, role in
             (("piano", "keys"), ("electric bass", "bass"), ("male singer", "lead"))]  # fmt: skip
    played = [
        Performance(p, source, rng.standard_normal((1, RATE)).astype(np.float32), "", True) for p in parts
    ]
    stems = mix_down(np.random.default_rng(1), played, sample_rate=RATE)
    assert all(stem.shape == (2, RATE) for stem in stems)
    assert np.abs(np.sum(stems, axis=0)).max() <= 10 ** (-1 / 20) + 1e-3
    assert -30 < 20 * np.log10(active_rms(np.sum(stems, axis=0), RATE)) < -8
    other = mix_down(np.random.default_rng(2), played, sample_rate=RATE)
    assert not np.allclose(stems[0], other[0])


# --- harmony --------------------------------------------------------------------------------------


@given(root=st.integers(0, 11), previous=st.integers(0, 11))
def test_voicings_move_little(root: int, previous: int) -> None:
    def triad(pc: int) -> harmony.Chord:
        return harmony.Chord((pc, (pc + 4) % 12, (pc + 7) % 12), 0, 4)

    first = harmony.nearest_voicing(triad(previous), (), 52, 76)
    second = harmony.nearest_voicing(triad(root), first, 52, 76)
    assert {p % 12 for p in second} == set(triad(root).pitch_classes)
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) <= 5


def test_guitar_fingerings_are_playable() -> None:
    for root in range(12):
        chord = harmony.Chord((root, (root + 3) % 12, (root + 7) % 12), 0, 4)
        pitches = harmony.guitar_voicing(chord)
        assert 3 <= len(pitches) <= 6
        assert {p % 12 for p in pitches} <= set(chord.pitch_classes)
        assert list(pitches) == sorted(pitches)

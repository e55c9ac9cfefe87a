"""Sing a melody with a recorded voice: syllables of speech or song, the composer's pitch and time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from mirkit._typing import Samples
from mirkit.data.synthesis import recorded
from mirkit.data.synthesis.notes import Notes
from mirkit.data.synthesis.vocoder import HOP_S, Voice, analyse, hop_length, resynthesise, scale_formants
from mirkit.errors import DatasetError

MAX_MATERIAL_S = 24.0
SILENT = -40.0
"""Natural logarithm of a power that nobody hears."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """Frames of one syllable; ``below_db`` is how far it is below the usual loudness."""

    start: int
    vowel_start: int
    vowel_end: int
    end: int
    below_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Singer:
    """A voice's habits, the same in every song it sings."""

    formant_scale: float
    vibrato_hz: float
    vibrato_st: float
    breath: float
    noise_from_hz: float
    tilt_db: float
    ring_db: float
    """Singer's formant, near 3 kHz."""
    glide_s: float


def singer(name: str, formant_scale: float) -> Singer:
    """Return the habits that belong to a singer's name.

    Examples
    --------
    >>> singer("Ann", 1.0) == singer("Ann", 1.0), singer("Ann", 1.0) == singer("Bea", 1.0)
    (True, False)
    """
    rng = np.random.default_rng(list(name.encode()))
    return Singer(
        formant_scale, float(rng.uniform(4.7, 6.6)), float(rng.uniform(0.05, 0.7)), float(rng.uniform(0.02,
            0.2)),
        float(rng.uniform(3500, 8000)), float(rng.uniform(-6, 3)), float(rng.uniform(-2, 9)),
            float(rng.uniform(0.03, 0.12)),
    )  # fmt: skip


@lru_cache(maxsize=20)
def material(where: str, pattern: str, sample_rate: int) -> tuple[Voice, tuple[Syllable, ...]]:
    """Return the analysed recordings of a voice and their syllables.

    Raises
    ------
    DatasetError
        If there is no recording or no syllable in it.
    """
    files = recorded.files(where, pattern)
    pieces, room_s, bandwidth_hz = [], MAX_MATERIAL_S, sample_rate / 2
    for file in files:
        mono, rate = recorded.read_mono(file, sample_rate)
        bandwidth_hz = min(bandwidth_hz, rate / 2)
        mono = _busiest(mono, round(min(room_s, MAX_MATERIAL_S / min(len(files), 3)) * sample_rate))
        pieces.append(mono / max(float(np.abs(mono).max()), 1e-6))
        room_s -= len(mono) / sample_rate
        if room_s < 1:
            break
    voice = analyse(np.concatenate(pieces).astype(np.float32), sample_rate, bandwidth_hz=bandwidth_hz)
    syllables = find_syllables(voice)
    if not syllables:
        raise DatasetError(f"{where}: no syllable found; is this a voice?")
    return voice, syllables


def _busiest(y: np.ndarray, length: int) -> np.ndarray:
    """The stretch of the given length with most sound."""
    if len(y) <= length:
        return y
    busy = np.cumsum(np.abs(y) > 0.05 * np.abs(y).max())
    starts = np.arange(0, len(y) - length, length // 8)
    return y[(s := int(starts[np.argmax(busy[starts + length] - busy[starts])])) : s + length]


def find_syllables(voice: Voice) -> tuple[Syllable, ...]:
    """Return syllables: loud voiced peaks, bounded by the dips of the level between them."""
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    level_db = uniform_filter1d(20 * np.log10(voice.level + 1e-4), 9)
    voiced = voice.f0_hz > 0
    peaks, _ = find_peaks(np.where(voiced, level_db, -80), height=-30, prominence=2.0, distance=16)
    if not len(peaks):
        return ()
    bounds = [
        0,
        *(int(a + np.argmin(level_db[a:b])) for a, b in pairwise(peaks)),
        len(level_db),
    ]
    found = []
    usual_db = float(np.median(level_db[peaks]))
    for peak, start, end in zip(peaks, bounds[:-1], bounds[1:], strict=True):
        steady = voiced & (level_db > level_db[peak] - 5)
        first = last = int(peak)
        while first > start and steady[first - 1]:
            first -= 1
        while last < end - 1 and steady[last + 1]:
            last += 1
        if last - first >= 6:
            found.append(
                Syllable(
                    max(start, first - 36), first, last, min(end, last + 30), usual_db - float(level_db[peak])
                )
            )
    return tuple(found)


def sing(
    rng: np.random.Generator, where: str, notes: Notes, who: Singer, *, pattern: str = "", duration_s: float,
    sample_rate: int,
) -> Samples:  # fmt: skip
    """Return a melody sung with the syllables of a recorded voice.

    Vowels fall on the notes' onsets, their consonants just before; vowels are held by moving back and forth
    in
    their steady part. The pitch glides, overshoots, drifts and vibrates as singers' pitch does (Saitou et
    al. 2007,
    "Speech-to-singing synthesis").

    Returns
    -------
    ndarray of shape (1, n_samples)
    """
    voice, syllables = material(where, pattern, sample_rate)
    hop_s = hop_length(sample_rate) / sample_rate  # notes must not drift away from the others' in a minute
    n_frames = round(duration_s / hop_s)
    source, gain_db = _plan(rng, notes, syllables, n_frames, hop_s)
    f0_hz = _melody_f0(rng, notes, who, n_frames, hop_s)
    sounding = source >= 0
    frames = np.maximum(source, 0)
    log_envelope = scale_formants(
        voice.log_envelope[frames], who.formant_scale * float(rng.uniform(0.985, 1.015))
    )
    log_envelope += _colour(who, log_envelope.shape[1], sample_rate)
    log_envelope += (gain_db * np.log(10) / 10)[:, None].astype(np.float32)
    log_envelope[~sounding] = SILENT
    voiced = sounding & (voice.f0_hz[frames] > 0)
    f0_hz = np.where(voiced, f0_hz, 0)
    frequency_hz = np.linspace(0, sample_rate / 2, log_envelope.shape[1], dtype=np.float32)
    share = who.breath + (1 - who.breath) / (1 + np.exp(-(frequency_hz - who.noise_from_hz) / 900))
    noise = np.where(voiced[:, None], np.minimum(share, 0.98), 1.0).astype(np.float32)
    noise[~sounding] = 0
    out = resynthesise(rng, log_envelope, f0_hz, noise, sample_rate)
    result = np.zeros((1, round(duration_s * sample_rate)), np.float32)
    result[0, : len(out)] = out[: result.shape[1]]
    return result


def _plan(
    rng: np.random.Generator, notes: Notes, syllables: tuple[Syllable, ...], n_frames: int, hop_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which frame of the recording sounds when (-1 is silence), and how loud."""
    source = np.full(n_frames, -1)
    gain_db = np.zeros(n_frames)
    k = int(rng.integers(len(syllables)))
    middle = float(np.median(notes["pitch_midi"])) if len(notes) else 60.0
    for index, note in enumerate(notes):
        first = round(float(note["onset_s"]) / hop_s)
        last = min(round(float(note["onset_s"] + note["duration_s"]) / hop_s), n_frames)
        if first >= n_frames or last - first < 4:
            continue
        joined = index > 0 and first > 0 and source[first - 1] >= 0
        melisma = joined and rng.random() < 0.2
        if not melisma:
            k = (k + 1) % len(syllables) if rng.random() < 0.8 else int(rng.integers(len(syllables)))
        syllable = syllables[k]
        loudness_db = (float(note["velocity"]) - 96) / 4 + 0.7 * syllable.below_db
        loudness_db += 0.6 * (float(note["pitch_midi"]) - middle)  # high tones are sung louder
        if not melisma:
            lead = min(syllable.vowel_start - syllable.start, first, 26)
            if joined:
                lead = min(lead, 14)
            source[first - lead : first] = np.arange(syllable.vowel_start - lead, syllable.vowel_start)
            gain_db[first - lead : first] = loudness_db
        source[first:last] = _held(rng, syllable, last - first)
        shape = np.minimum(1.0, 0.35 + np.arange(last - first) / 12) if not joined else np.ones(last - first)
        fade = np.minimum(1.0, (np.arange(last - first, 0, -1)) / 10)
        swell_db = 3 * np.sin(np.pi * np.linspace(0.1, 0.9, last - first)) - 3
        gain_db[first:last] = loudness_db + 20 * np.log10(shape * fade) + swell_db
        tail = min(syllable.end - syllable.vowel_end, n_frames - last, 16)
        source[last : last + tail] = np.arange(syllable.vowel_end, syllable.vowel_end + tail)
        gain_db[last : last + tail] = gain_db[last - 1] - np.arange(tail)
    return source, gain_db


def _held(rng: np.random.Generator, syllable: Syllable, n_frames: int) -> np.ndarray:
    """A path through the steady part: once if it is long enough, else slowly to and fro."""
    width = syllable.vowel_end - syllable.vowel_start
    if n_frames <= width:
        return syllable.vowel_start + np.arange(n_frames)
    rate_hz = rng.uniform(0.4, 1.5) * np.exp(0.3 * np.cumsum(rng.standard_normal(n_frames)) * HOP_S**0.5)
    path = 0.5 - 0.5 * np.cos(2 * np.pi * np.cumsum(rate_hz) * HOP_S)
    return syllable.vowel_start + np.round(path * width).astype(int)


def _melody_f0(
    rng: np.random.Generator, notes: Notes, who: Singer, n_frames: int, hop_s: float
) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import lfilter

    pitch = np.zeros(n_frames)
    vibrato = np.zeros(n_frames)
    previous = float(notes["pitch_midi"][0]) if len(notes) else 60.0
    cursor = 0
    for note in notes:
        first = min(round(float(note["onset_s"]) / hop_s), n_frames)
        last = min(round(float(note["onset_s"] + note["duration_s"]) / hop_s) + 20, n_frames)
        pitch[cursor:first] = previous
        previous = float(note["pitch_midi"])
        pitch[first:last] = previous
        cursor = max(cursor, last)
        times_s = np.arange(last - first) * hop_s
        grow = np.clip((times_s - rng.uniform(0.12, 0.4)) / 0.4, 0, 1)
        rate_hz = who.vibrato_hz * float(rng.uniform(0.94, 1.06))
        vibrato[first:last] = (
            who.vibrato_st * rng.uniform(0.4, 1.1) * grow * np.sin(2 * np.pi * rate_hz * times_s)
        )
        if rng.random() < 0.3:  # scooped from below
            pitch[first:last] -= rng.uniform(0.5, 2.0) * np.exp(-times_s / rng.uniform(0.03, 0.09))
    pitch[cursor:] = previous
    smooth = gaussian_filter1d(pitch, max(who.glide_s / hop_s / 2, 1))
    drift = lfilter([0.02], [1, -0.98], rng.standard_normal(n_frames)) * 1.2
    jitter = gaussian_filter1d(rng.standard_normal(n_frames), 1) * 0.04
    return np.asarray(440 * 2 ** ((smooth + vibrato + drift + jitter - 69) / 12))


def _colour(who: Singer, n_bins: int, sample_rate: int) -> np.ndarray:
    """The singer's tilt and ring, as a logarithm of power."""
    frequency_hz = np.linspace(1, sample_rate / 2, n_bins)
    octaves = np.clip(np.log2(frequency_hz / 500), -1, 4)
    gain_db = who.tilt_db * octaves / 2 + who.ring_db * np.exp(-(((frequency_hz - 3000) / 600) ** 2))
    return np.asarray(gain_db * np.log(10) / 10, np.float32)

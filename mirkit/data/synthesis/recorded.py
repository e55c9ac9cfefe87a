"""Render notes with recorded ones: single tones by pitch, drum hits, tabla strokes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit._typing import Samples, Signal
from mirkit.data.synthesis import rhythm
from mirkit.data.synthesis.effects import vary_pitch
from mirkit.data.synthesis.notes import Notes
from mirkit.errors import DatasetError

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
NOTE_NAME = re.compile(r"(?:^|_)([A-Ga-g])(s|b|#)?(-?\d)(?:v\d+)?(?=[_.])")
DYNAMICS = (
    ("molto-pianissimo", 0.1), ("pianissimo", 0.2), ("mezzo-piano", 0.5), ("mezzo-forte", 0.65),
        ("fortissimo", 0.95),
    ("forte", 0.8), ("piano", 0.35), ("_pp", 0.2), ("_ff", 0.95), ("_mf", 0.65), ("_mp", 0.5), ("_p", 0.35),
        ("_f", 0.8),
    ("_m", 0.6),
)  # fmt: skip
MAX_SHIFT_ST = 3.0
MAX_TONE_S = 10.0
"""No tone is held longer; what is loaded stays in memory."""
SUFFIXES = {".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3", ".opus"}

# file name to General MIDI drum key, first match wins
DRUM_WORDS: tuple[tuple[str, int], ...] = (
    (r"kick|bass ?drum|^bd|_bd_|86335", 36), (r"stick|rim|16336", 37), (r"clap|29800", 39),
    (r"snare|^sn_|124382|25671", 38), (r"pedal|156272", 44),
        (r"open|104227|hat_(cats|hier|len|mess|noiz|psych)", 46),
    (r"closed|hat|116973", 42), (r"ride|cup|15590", 51), (r"crash|splash|cymbal_(hard|soft)|124101", 49),
    (r"tom_?lo|low tom|99930|floor", 41), (r"tom_?mid|middle tom|99931", 45), (r"tom_?hi|high tom|101450",
        48),
    (r"cowbell|122557", 56), (r"tamb", 54), (r"shak|cabasa|maracas", 70),
)  # fmt: skip
TABLA_WORDS: tuple[tuple[str, int], ...] = (
    (r"ghe|dhec", rhythm.GHE), (r"ke\d", rhythm.KE), (r"na(_o|_s)?\.", rhythm.NA), (r"tas", rhythm.TAS),
    (r"tun", rhythm.TUN), (r"te(_m|_ne|\d)", rhythm.TE), (r"re\.", rhythm.RE),
)  # fmt: skip
FALLBACK = {
    rhythm.TIN: (rhythm.TUN, rhythm.NA), rhythm.OPEN: (rhythm.CLOSED,), rhythm.PEDAL: (rhythm.CLOSED,),
    rhythm.RIDE: (rhythm.CRASH, rhythm.CLOSED), rhythm.CRASH: (rhythm.RIDE, rhythm.OPEN),
        rhythm.CLAP: (rhythm.SNARE,),
    rhythm.STICK: (rhythm.SNARE,), rhythm.HIGH_TOM: (rhythm.MID_TOM, rhythm.LOW_TOM),
        rhythm.SHAKER: (rhythm.CLOSED,),
    rhythm.MID_TOM: (rhythm.LOW_TOM, rhythm.HIGH_TOM), rhythm.LOW_TOM: (rhythm.MID_TOM,),
    rhythm.TAMBOURINE: (rhythm.SHAKER, rhythm.CLOSED),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tone:
    """A recorded note: file, MIDI pitch, loudness rank in [0, 1]."""

    path: str
    pitch_midi: float
    dynamic: float


@lru_cache(maxsize=256)
def tones(folder: str, pattern: str = "", shift_st: float = 0.0) -> tuple[Tone, ...]:
    """Return the recorded notes of a folder, pitch and dynamic read from the file names.

    Parameters
    ----------
    folder : str
    pattern : str
        Regular expression that a file name must match.
    shift_st : float
        Added to the pitch in the name, for libraries that count octaves differently.

    Raises
    ------
    DatasetError
        If no file has a pitch in its name.
    """
    found = []
    for path in sorted(Path(folder).iterdir()):
        named = NOTE_NAME.search(path.name)
        if path.suffix.lower() not in SUFFIXES or not named or not re.search(pattern, path.name):
            continue
        letter, accidental, octave = named.groups()
        pitch = (
            STEPS[letter.lower()] + {"s": 1, "#": 1, "b": -1, None: 0}[accidental] + 12 * (int(octave) + 1)
        )
        dynamic = next((value for word, value in DYNAMICS if word in path.name), 0.6)
        found.append(Tone(str(path), pitch + shift_st, dynamic))
    if not found:
        raise DatasetError(
            f"{folder}: no sound file has a note name such as A4 or Cs3 in its name; check the folder"
        )
    return tuple(found)


RATES = range(4000, 384_001)
"""Sample rates that recordings of notes may have: a header that lies asks for gigabytes."""


@lru_cache(maxsize=2048)
def load(path: str, sample_rate: int) -> Signal:
    """Return a recording as mono from its onset on, at peak 1, cut after `MAX_TONE_S`."""
    mono, _ = read_mono(path, sample_rate)
    loud = np.flatnonzero(np.abs(mono) > 0.03)
    start = max(int(loud[0]) - round(0.004 * sample_rate), 0)
    return mono[start : start + round(MAX_TONE_S * sample_rate)]


def read_mono(path: str | Path, sample_rate: int) -> tuple[Signal, int]:
    """Return a recording as mono at the wanted rate and at peak 1, and the rate that the file has.

    Raises
    ------
    DatasetError
        If it is silent, not finite, or of a rate that no sound has.
    """
    recording = audio.read(path)
    if recording.sample_rate not in RATES:
        raise DatasetError(f"{path}: {recording.sample_rate} Hz; wanted {RATES.start} to {RATES.stop - 1} Hz")
    mono = recording.mono().resample(sample_rate).samples[0]
    peak = float(np.abs(mono).max(initial=0.0))
    if not 0 < peak < np.inf:
        raise DatasetError(f"{path}: the recording is silent or holds no finite numbers; remove it")
    return np.asarray(mono / peak, np.float32), recording.sample_rate


def files(where: str, pattern: str) -> list[Path]:
    """Return the recording at a path, or those in a folder whose names hold a pattern.

    Raises
    ------
    DatasetError
        If there is none.
    """
    path = Path(where)
    if path.is_file():
        return [path]
    found = sorted(
        one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and re.search(pattern, one.name)
    )
    if not found:
        raise DatasetError(f"{where}: no sound file whose name matches {pattern!r}; check folder and pattern")
    return found


@lru_cache(maxsize=256)
def _shifted(path: str, sample_rate: int, shift_st: float) -> Signal:
    """The recording played faster or slower, pitch and time together."""
    sound = load(path, sample_rate)
    if abs(shift_st) < 0.02:
        return sound
    import soxr

    ratio = 2 ** (shift_st / 12)
    return np.asarray(soxr.resample(sound, sample_rate * ratio, sample_rate, quality="HQ"), np.float32)


def render_tones(
    rng: np.random.Generator, library: tuple[Tone, ...], notes: Notes, *, duration_s: float, sample_rate: int,
    release_s: float = 0.08, tune_st: float = 0.0, vibrato: bool = False,
) -> Samples:  # fmt: skip
    """Return notes played with the nearest recorded tones, mono.

    Notes without a tone within 3 st fall silent.

    Parameters
    ----------
    rng : Generator
        Picks among equally good recordings.
    library : tuple of Tone
    notes : ndarray of `NOTE`
    duration_s : float
    sample_rate : int
    release_s : float
        Fade after a note's end.
    tune_st : float
        Detuning of the whole instrument.
    vibrato : bool
        Let the pitch of each tone scoop, drift and vibrate.
    """
    out = np.zeros(round((duration_s + 8) * sample_rate), np.float32)
    pitches = np.array([tone.pitch_midi for tone in library])
    dynamics = np.array([tone.dynamic for tone in library])
    for note in notes:
        distance = np.abs(pitches - note["pitch_midi"])
        if distance.min() > MAX_SHIFT_ST:
            continue
        # a far recording or a wrong dynamic both cost; noise varies the choice
        loudness = note["velocity"] / 127
        cost = (
            distance
            + 3 * np.abs(dynamics - loudness)
            + rng.uniform(0, 1.2, len(pitches))
            + 99 * (distance > MAX_SHIFT_ST)
        )
        tone = library[int(np.argmin(cost))]
        shift_st = round(float(note["pitch_midi"]) - tone.pitch_midi, 2) + tune_st
        sound = _shifted(tone.path, sample_rate, round(shift_st, 2))
        if vibrato:
            length = round((float(note["duration_s"]) + release_s) * sample_rate * 1.15)
            sound = vary_pitch(sound[:length], _vibrato(rng, min(length, len(sound)), sample_rate))
        _add(out, sound, note, sample_rate, release_s, (0.15 + loudness) ** 1.5)
    return out[np.newaxis, : round(duration_s * sample_rate)]


def _vibrato(rng: np.random.Generator, n_samples: int, sample_rate: int) -> np.ndarray:
    times_s = np.arange(n_samples) / sample_rate
    rate_hz, width_st = rng.uniform(4.5, 6.8), rng.uniform(0.05, 0.5)
    grow = np.clip((times_s - rng.uniform(0.05, 0.3)) / 0.4, 0, 1)
    scoop_st = -rng.uniform(0, 1.5) * np.exp(-times_s / rng.uniform(0.03, 0.1))
    return 2 ** ((width_st * grow * np.sin(2 * np.pi * rate_hz * times_s) + scoop_st) / 12)


def _add(out: Signal, sound: Signal, note: np.void, sample_rate: int, release_s: float, gain: float) -> None:
    start = round(float(note["onset_s"]) * sample_rate)
    held, tail = round(float(note["duration_s"]) * sample_rate), round(release_s * sample_rate)
    piece = sound[: held + tail]
    gains = np.full(len(piece), gain, np.float32)
    if len(piece) > held:
        gains[held:] *= np.linspace(1, 0, len(piece) - held, dtype=np.float32)
    room = len(out) - start
    out[start : start + len(piece)] += (piece * gains)[:room]


@lru_cache(maxsize=64)
def hits(folder: str, kind: str, pattern: str = "") -> dict[int, tuple[str, ...]]:
    """Return the hits of a drum kit (``"kit"``) or a tabla (``"tabla"``): key to files.

    Hydrogen's ``drumkit.xml`` names the files where there is one; otherwise the file names tell.
    """
    words = TABLA_WORDS if kind == "tabla" else DRUM_WORDS
    names = _kit_names(Path(folder))
    found: dict[int, list[str]] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in SUFFIXES or not re.search(pattern, path.name):
            continue
        name = names.get(path.name, path.name).lower()
        key = next((key for word, key in words if re.search(word, name)), None)
        if key is not None:
            found.setdefault(key, []).append(str(path))
    if not found:
        raise DatasetError(
            f"{folder}: no file is named like a {kind}'s stroke (kick, snare, hat …); check the folder"
        )
    return {key: tuple(paths) for key, paths in found.items()}


def _kit_names(folder: Path) -> dict[str, str]:
    listing = folder / "drumkit.xml"
    if not listing.exists():
        return {}
    names, current = {}, ""
    for line in listing.read_text("utf-8", "replace").splitlines():
        if name := re.search(r"<name>(.*?)</name>", line):
            current = name[1]
        elif file := re.search(r"<filename>(.*?)</filename>", line):
            names[file[1]] = current
    return names


def render_hits(
    rng: np.random.Generator, kit: dict[int, tuple[str, ...]], notes: Notes, *, duration_s: float,
        sample_rate: int,
    tune_st: float = 0.0,
) -> Samples:  # fmt: skip
    """Return drum notes played with recorded hits, stereo; each drum has its place."""
    out = np.zeros((2, round((duration_s + 8) * sample_rate)), np.float32)
    place = {key: float(rng.uniform(-0.5, 0.5)) * (key not in (36, 38)) for key in range(128)}
    chosen: dict[int, tuple[str, ...]] = {}
    for note in notes:
        key = round(float(note["pitch_midi"]))
        key = next((k for k in (key, *FALLBACK.get(key, ())) if k in kit), -1)
        if key < 0:
            continue
        if key not in chosen:  # a kit has one snare, not all of a folder's
            pick = rng.permutation(len(kit[key]))[: 1 if len(kit[key]) > 3 else 3]
            chosen[key] = tuple(kit[key][int(k)] for k in pick)
        files = chosen[key]
        sound = _shifted(files[int(rng.integers(len(files)))], sample_rate, round(tune_st, 1))
        start = round(float(note["onset_s"]) * sample_rate)
        piece = sound[: out.shape[1] - start] * np.float32((note["velocity"] / 127) ** 1.6)
        angle = (place[key] + 1) * np.pi / 4
        out[0, start : start + len(piece)] += piece * np.float32(np.cos(angle) * np.sqrt(2))
        out[1, start : start + len(piece)] += piece * np.float32(np.sin(angle) * np.sqrt(2))
    return out[:, : round(duration_s * sample_rate)]

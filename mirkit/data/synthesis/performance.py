"""Turn each part into sound: choose a source for it and let the source's renderer play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mirkit._typing import Samples, Signal, TimeSpans
from mirkit.data.synthesis import effects, models, recorded, singing, soundfont
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.notes import Notes, Part, restruck
from mirkit.data.synthesis.sources import Source

DRUM_KITS = {"drum set": (0, 1, 8, 16, 32, 40), "drum machine": (24, 25, 26)}
RECORDED_SHARE = 0.55
"""How often a part with a fitting recorded source uses it rather than the song's sound bank."""


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A part, who played it, and its dry sound.

    ``scored`` tells whether the sound follows the part's notes: recorded phrases do not.
    """

    part: Part
    source: Source
    samples: Samples
    preset: str
    scored: bool


def song_bank(rng: np.random.Generator, sources: Sequence[Source]) -> Source | None:
    """Return the General MIDI bank that the song mostly uses."""
    banks = [s for s in sources if s.kind == "soundfont" and not s.instruments]
    if not banks:
        return None
    weights = np.array([s.weight for s in banks])
    return banks[int(rng.choice(len(banks), p=weights / weights.sum()))]


def choose_source(
    rng: np.random.Generator, instrument: str, sources: Sequence[Source], bank: Source | None
) -> Source | None:
    """Return who plays an instrument, or None if nobody can."""
    special = [s for s in sources if instrument in s.instruments]
    general = bank if bank and _bank_presets(bank, instrument) else None
    if special and (general is None or rng.random() < RECORDED_SHARE):
        weights = np.array([s.weight for s in special])
        return special[int(rng.choice(len(special), p=weights / weights.sum()))]
    return general


def perform(
    rng: np.random.Generator, part: Part, source: Source, synths: soundfont.Synths, *, duration_s: float
) -> Performance | None:
    """Return a part played by a source, or None if not a single note could be."""
    sample_rate = synths.sample_rate
    part = replace(part, notes=restruck(part.notes))
    sound, preset = _render(rng, part, source, synths, duration_s)
    if sound is None or float(np.abs(sound).max(initial=0)) < 1e-4:
        return None
    if part.instrument == "distorted electric guitar" and preset.startswith("amplified"):
        sound = effects.amplifier(sound, sample_rate, rng)
    return Performance(part, source, sound, preset, source.kind != "phrases")


def _render(
    rng: np.random.Generator, part: Part, source: Source, synths: soundfont.Synths, duration_s: float
) -> tuple[Samples | None, str]:
    where, sample_rate = source.path, synths.sample_rate
    tune_st = float(rng.normal(0, 0.06))
    if source.kind == "soundfont":
        amplified = part.instrument == "distorted electric guitar" and rng.random() < 0.65
        name = "clean electric guitar" if amplified else part.instrument
        found = _bank_presets(source, name)
        bank, program = found[int(rng.integers(len(found)))]
        sound = soundfont.render(
            rng, synths, where, part.notes, program=program, bank=bank, duration_s=duration_s,
            sustained=INSTRUMENTS[part.instrument].sustained and _monophonic(part.notes),
        )  # fmt: skip
        return sound, f"{'amplified ' if amplified else ''}{bank}:{program}"
    if source.kind == "notes":
        library = recorded.tones(where, source.pattern, source.shift_st)
        sound = recorded.render_tones(
            rng, library, part.notes, duration_s=duration_s, sample_rate=sample_rate, tune_st=tune_st,
            vibrato="singer" in part.instrument, release_s=float(rng.uniform(0.05, 0.15)),
        )  # fmt: skip
        return sound, ""
    if source.kind in {"kit", "tabla"}:
        kit = recorded.hits(where, source.kind, source.pattern)
        tune_st = float(rng.uniform(-2, 2))
        sound = recorded.render_hits(
            rng, kit, part.notes, duration_s=duration_s, sample_rate=sample_rate, tune_st=tune_st
        )
        return sound, ""
    if source.kind == "model":
        return models.render_model(
            rng, where, part.notes, duration_s=duration_s, sample_rate=sample_rate
        ), where
    if source.kind == "voice":
        who = singing.singer(source.name, source.formant)
        notes = part.notes[np.concatenate([[True], np.diff(part.notes["onset_s"]) > 0.05])]
        return singing.sing(
            rng, where, notes, who, pattern=source.pattern, duration_s=duration_s, sample_rate=sample_rate
        ), f"formants {source.formant}"  # fmt: skip
    spans = active_spans(part.notes, gap_s=0.8)
    return render_phrases(rng, where, source.pattern, spans, duration_s=duration_s, sample_rate=sample_rate,
                          shift_st=source.shift_st), ""  # fmt: skip


@lru_cache(maxsize=512)
def _bank_presets(source: Source, instrument: str) -> tuple[tuple[int, int], ...]:
    if source.instruments and instrument not in source.instruments:
        return ()
    there = soundfont.presets(source.path)
    if instrument in DRUM_KITS:
        return tuple((128, kit) for kit in DRUM_KITS[instrument] if (128, kit) in there)
    return tuple((0, program) for program in INSTRUMENTS[instrument].programs if (0, program) in there)


def _monophonic(notes: Notes) -> bool:
    return bool((np.diff(notes["onset_s"]) > 0.02).all())


def active_spans(notes: Notes, *, gap_s: float) -> TimeSpans:
    """Return the stretches in which notes sound, gaps shorter than ``gap_s`` closed.

    Returns
    -------
    ndarray of shape (n, 2)
        Seconds.
    """
    spans: list[list[float]] = []
    for note in notes:
        start, end = float(note["onset_s"]), float(note["onset_s"] + note["duration_s"])
        if spans and start <= spans[-1][1] + gap_s:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([start, end])
    return np.array(spans, float).reshape(-1, 2)


@lru_cache(maxsize=12)
def _recording(path: str, sample_rate: int) -> Signal:
    return recorded.read_mono(path, sample_rate)[0]


def render_phrases(
    rng: np.random.Generator, where: str, pattern: str, spans: TimeSpans, *, duration_s: float,
        sample_rate: int,
    shift_st: float = 0.0,
) -> Samples:  # fmt: skip
    """Return excerpts of recordings laid into the given stretches, pitch and time varied together."""
    import soxr

    files = recorded.files(where, pattern)
    out = np.zeros((1, round(duration_s * sample_rate)), np.float32)
    recording = _recording(str(files[int(rng.integers(len(files)))]), sample_rate)
    ratio = 2 ** ((shift_st + float(rng.uniform(-1.5, 1.5))) / 12)
    fade = round(0.02 * sample_rate)
    for start_s, end_s in spans:
        first, last = round(start_s * sample_rate), min(round(end_s * sample_rate), out.shape[1])
        length = min(round((last - first) * ratio), len(recording) - 1)
        if last - first < 4 * fade:
            continue
        piece = _lively(rng, recording, length)
        piece = soxr.resample(piece, sample_rate * ratio, sample_rate, quality="HQ")[: last - first].astype(
            np.float32
        )
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        out[0, first : first + len(piece)] += piece
    return out


def _lively(rng: np.random.Generator, recording: Signal, length: int) -> Signal:
    """An excerpt that is not mostly silence, the best of some."""
    starts = rng.integers(0, len(recording) - length, 24)
    loudness = [float(np.mean(np.abs(recording[s : s + length : 31]) > 0.03)) for s in starts]
    start = int(starts[int(np.argmax(loudness))])
    return recording[start : start + length].copy()

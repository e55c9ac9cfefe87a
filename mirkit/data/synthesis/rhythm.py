"""Drum set and tabla patterns, in beats."""

from __future__ import annotations

import numpy as np

Event = tuple[float, float, float, float]
"""Onset in beats, length in beats, pitch, velocity."""

KICK, STICK, SNARE, CLAP, CLOSED, PEDAL, OPEN = 36, 37, 38, 39, 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM, CRASH, RIDE, TAMBOURINE, SHAKER = 41, 45, 48, 49, 51, 54, 70

# A bar in sixteenths: X accent, x hit, o ghost. Patterns of twelve steps serve 3/4 (and, in eighths, 6/8
# twice).
GROOVES: dict[str, tuple[dict[int, str], ...]] = {
    "rock": (
        {KICK: "X.......X.x.....", SNARE: "....X.......X...", CLOSED: "X.x.X.x.X.x.X.x."},
        {KICK: "X..x....X..x....", SNARE: "....X.......X..o", CLOSED: "x.x.x.x.x.x.x.x."},
        {KICK: "X.x...x.X.......", SNARE: "....X..o.o..X...", RIDE: "X.x.X.x.X.x.X.x."},
        {KICK: "X...X...X...X...", SNARE: "....X.......X...", OPEN: "X...X...X...X..."},
    ),
    "pop": (
        {KICK: "X.....x.X.......", SNARE: "....X.......X...", CLOSED: "x.x.x.x.x.x.x.x."},
        {KICK: "X..x..x...x.....", CLAP: "....X.......X...", CLOSED: "x.xxx.x.x.xxx.x."},
        {
            KICK: "X.......x.x.....",
            STICK: "....X.......X...",
            CLOSED: "x.x.x.x.x.x.x.x.",
            SHAKER: "oxoxoxoxoxoxoxox",
        },
    ),
    "funk": (
        {KICK: "X..x..x...x..x..", SNARE: "....X..o.o..X..o", CLOSED: "x.xxx.xxx.xxx.xx"},
        {KICK: "X.x.......x..x..", SNARE: "....X..o.oo.X.o.", CLOSED: "xxxxxxxxxxxxxxxx"},
    ),
    "disco": (
        {
            KICK: "X...X...X...X...",
            SNARE: "....X.......X...",
            OPEN: "..x...x...x...x.",
            CLOSED: "xx.xxx.xxx.xxx.x",
        },
    ),
    "electronic": (
        {
            KICK: "X...X...X...X...",
            CLAP: "....X.......X...",
            OPEN: "..x...x...x...x.",
            CLOSED: "x..xx..xx..xx..x",
        },
        {KICK: "X.....x...x.....", SNARE: "....X.......X...", CLOSED: "x.xxx.xxx.xxxoxo"},
        {KICK: "X.........X.....", SNARE: "....X..o.o..X...", CLOSED: "x.x.x.x.x.x.x.x."},
        {KICK: "X...X...X...X...", CLOSED: "..x...x...x...x.", STICK: "...x..x....x..x."},
    ),
    "jazz": (
        {
            RIDE: "X...x.x.X...x.x.",
            PEDAL: "....x.......x...",
            KICK: "o.......o.......",
            SNARE: "......o......o..",
        },
        {RIDE: "X...x.x.X...x.x.", PEDAL: "....x.......x...", SNARE: "o....o....o....o"},
    ),
    "ballad": (
        {KICK: "X.......x.......", STICK: "....x.......x...", CLOSED: "x...x...x...x..."},
        {KICK: "X..........x....", SNARE: "........X.......", CLOSED: "x.x.x.x.x.x.x.x."},
    ),
    "latin": ({KICK: "X..xX..xX..xX..x", STICK: "x..x..x...x.x...", CLOSED: "x.xxx.xxx.xxx.xx"},),
    "three": (
        {KICK: "X...........", SNARE: "....x...x...", CLOSED: "x.x.x.x.x.x."},
        {KICK: "X.....x.....", SNARE: "......X.....", CLOSED: "x.x.x.x.x.x."},
        {RIDE: "X...x.x.x...", PEDAL: "....x...x...", KICK: "o..........."},
    ),
}
STRENGTH = {"X": 108, "x": 84, "o": 46}

# Theka: one matra (beat) each; two bols in a beat are joined by a hyphen.
THEKAS: dict[str, tuple[str, ...]] = {
    "teental": (
        "dha",
        "dhin",
        "dhin",
        "dha",
        "dha",
        "dhin",
        "dhin",
        "dha",
        "dha",
        "tin",
        "tin",
        "na",
        "na",
        "dhin",
        "dhin",
        "dha",
    ),
    "keherwa": ("dha-ge", "na-ti", "na-ke", "dhin-na"),
    "dadra": ("dha", "dhin", "na", "dha", "tin", "na"),
    "rupak": ("tin", "tin", "na", "dhin", "na", "dhin", "na"),
    "jhaptal": ("dhin", "na", "dhin", "dhin", "na", "tin", "na", "dhin", "dhin", "na"),
}
# Strokes as keys for the tabla renderer: bass drum (bayan) 60-62, treble drum (dayan) 64-75.
GHE, KE, NA, TIN, TUN, TE, RE, TAS = 60, 62, 64, 66, 68, 70, 72, 74
BOLS = {
    "dha": (GHE, NA), "dhin": (GHE, TIN), "na": (NA,), "tin": (TIN,), "tun": (TUN,), "ge": (GHE,),
    "ke": (KE,), "ti": (TE,), "te": (TE,), "re": (RE,), "ta": (NA,), "ki": (KE,),
}  # fmt: skip


def drum_bars(
    rng: np.random.Generator, groove: str, start_beat: float, n_bars: int, beats_per_bar: int, energy: float
) -> list[Event]:
    """Return a drum part: one groove, a crash at the start when loud, a fill in the last bar."""
    grooves = GROOVES["three" if beats_per_bar == 3 else groove]
    pattern = grooves[rng.integers(len(grooves))]
    events: list[Event] = []
    level = 0.72 + 0.3 * energy
    for bar in range(n_bars):
        first = start_beat + bar * beats_per_bar
        fill = bar == n_bars - 1 and n_bars > 1 and rng.random() < 0.3 + 0.5 * energy
        fill_from = beats_per_bar - (1 if rng.random() < 0.5 else 2)
        for key, steps in pattern.items():
            for step, mark in enumerate(steps):
                if mark == "." or (fill and step / 4 >= fill_from and key != KICK):
                    continue
                if mark == "o" and rng.random() < 0.4:
                    continue
                events.append((first + step / 4, 0.25, key, STRENGTH[mark] * level + rng.normal(0, 5)))
        if fill:
            events += _fill(rng, first + fill_from, beats_per_bar - fill_from, level)
    if energy > 0.55 and rng.random() < 0.8:
        events.append((start_beat, 1.0, CRASH, 112 * level))
    return events


def _fill(rng: np.random.Generator, start: float, n_beats: float, level: float) -> list[Event]:
    drums = (SNARE, HIGH_TOM, MID_TOM, LOW_TOM) if rng.random() < 0.7 else (SNARE, SNARE, SNARE, LOW_TOM)
    n_steps = round(n_beats * 4)
    steps = [k for k in range(n_steps) if rng.random() < 0.85]
    return [(start + k / 4, 0.25, drums[min(4 * k // n_steps, 3)], (70 + 8 * k) * level) for k in steps]


def drum_solo(rng: np.random.Generator, start_beat: float, n_bars: int, beats_per_bar: int) -> list[Event]:
    """Return a drum solo: toms, snare and cymbals over a foot hi-hat."""
    events: list[Event] = []
    for step in range(n_bars * beats_per_bar * 4):
        beat = start_beat + step / 4
        if step % 8 == 4:
            events.append((beat, 0.25, PEDAL, 70))
        if step % 4 == 0 or rng.random() < 0.45:
            key = rng.choice([SNARE, SNARE, HIGH_TOM, MID_TOM, LOW_TOM, KICK, RIDE])
            events.append((beat, 0.25, float(key), float(rng.integers(60, 118))))
        if step % (beats_per_bar * 16) == 0:
            events.append((beat, 1.0, CRASH, 110))
    return events


def tabla_cycles(
    rng: np.random.Generator, theka: str, start_beat: float, n_beats: int, density: float
) -> list[Event]:
    """Return theka cycles with rolls (``te-re-ki-ta``) and variations put in as ``density`` grows."""
    bols = THEKAS[theka]
    events: list[Event] = []
    for beat in range(n_beats):
        syllables = bols[beat % len(bols)].split("-")
        if rng.random() < 0.15 + 0.4 * density:
            syllables = list(
                rng.choice(["te-re-ke-ta", "dha-te", "na-na", "dha-ti-te", "ke-te-ta-ke"]).split("-")
            )
        for k, syllable in enumerate(syllables):
            accent = 100 if beat % len(bols) == 0 and k == 0 else 82
            for key in BOLS[syllable]:
                length = 1 / len(syllables)
                events.append((start_beat + beat + k * length, length, key, accent + float(rng.normal(0, 9))))
    return events

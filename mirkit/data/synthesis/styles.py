"""The styles as data: tempo, harmony, rhythm and who plays what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SAX = {"alto saxophone": 0.4, "tenor saxophone": 0.4, "soprano saxophone": 0.15, "baritone saxophone": 0.05}


@dataclass(frozen=True, slots=True)
class Role:
    """A place in the band: what is played, by whom (weights), how often the place is filled."""

    name: str
    players: Mapping[str, float]
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Style:
    """How music of one kind is composed."""

    name: str
    tempo_bpm: tuple[float, float]
    roles: tuple[Role, ...]
    modes: tuple[str, ...] = ("major", "minor")
    progressions: tuple[tuple[int, ...], ...] = ((0, 4, 5, 3), (0, 3, 4, 3), (5, 3, 0, 4), (0, 5, 3, 4))
    n_tones: int = 3
    metres: tuple[int, ...] = (4,)
    swing: tuple[float, float] = (0.5, 0.5)
    grooves: tuple[str, ...] = ("pop",)
    bass: tuple[str, ...] = ("pop",)
    jitter_s: float = 0.008
    weight: float = 1.0


def saxes(weight: float) -> dict[str, float]:
    """Return the saxophones, together with the given weight."""
    return {name: weight * share for name, share in SAX.items()}


SINGERS = {"male singer": 0.55, "female singer": 0.45}
JAZZ = ((1, 4, 0, 0), (0, 5, 1, 4), (1, 4, 2, 5), (0, 3, 2, 5, 1, 4, 0, 0), (5, 1, 4, 0))

STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            "rock", (90, 170),
            (
                Role("drums", {"drum set": 1}),
                Role("bass", {"electric bass": 1}, 0.97),
                Role("power", {"distorted electric guitar": 1}, 0.9),
                Role("guitar", {"clean electric guitar": 0.5, "acoustic guitar": 0.5}, 0.55),
                Role("keys", {"electronic organ": 0.65, "piano": 0.2, "synthesizer": 0.15}, 0.45),
                Role("lead", {"male singer": 0.6, "female singer": 0.4}, 0.85),
                Role("solo", {"distorted electric guitar": 0.5, "trumpet": 0.2, **saxes(0.3)}, 0.5),
            ),
            modes=("major", "minor", "mixolydian", "dorian", "minor"),
            progressions=((0, 6, 3, 0), (0, 3, 4, 3), (0, 5, 6, 0), (0, 0, 3, 4), (0, 2, 3, 5)),
            grooves=("rock",), bass=("rock", "pop"), weight=2.3,
        ),
        Style(
            "pop", (80, 130),
            (
                Role("drums", {"drum set": 0.65, "drum machine": 0.35}, 0.95),
                Role("bass", {"electric bass": 0.7, "bass synth": 0.3}, 0.95),
                Role("keys", {"piano": 0.5, "synthesizer": 0.35, "electric piano": 0.15}, 0.85),
                Role("guitar", {"clean electric guitar": 0.45, "acoustic guitar": 0.35,
                    "distorted electric guitar": 0.2}, 0.75),
                Role("pad", {"synthesizer": 0.6, "string section": 0.2, "electronic organ": 0.2}, 0.4),
                Role("lead", SINGERS, 0.95),
                Role("solo", {"trumpet": 0.3, "flute": 0.2, "violin": 0.2, **saxes(0.3)}, 0.45),
            ),
            progressions=((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (3, 4, 2, 5), (0, 3, 5, 4)),
            grooves=("pop", "pop", "disco", "ballad"), bass=("pop", "disco", "rock"),
        ),
        Style(
            "jazz", (80, 220),
            (
                Role("drums", {"drum set": 1}, 0.85),
                Role("bass", {"double bass": 0.85, "electric bass": 0.15}, 0.97),
                Role("comp", {"piano": 0.6, "clean electric guitar": 0.25, "electronic organ": 0.15}, 0.95),
                Role("lead", {"trumpet": 0.25, "clarinet": 0.22, "flute": 0.1, "female singer": 0.1,
                              "male singer": 0.05, "vibraphone": 0.05, **saxes(0.3)}),
                Role("solo", {"trumpet": 0.25, "clarinet": 0.15, "clean electric guitar": 0.15,
                    "trombone": 0.08,
                              "violin": 0.07, **saxes(0.3)}, 0.75),
            ),
            modes=("major", "minor", "dorian"), progressions=JAZZ, n_tones=4, swing=(0.6, 0.68), metres=(4,
                4, 4, 3),
            grooves=("jazz",), bass=("walking",), jitter_s=0.012, weight=2.4,
        ),
        Style(
            "songwriter", (66, 120),
            (
                Role("strum", {"acoustic guitar": 0.8, "piano": 0.2}),
                Role("bass", {"double bass": 0.45, "electric bass": 0.55}, 0.55),
                Role("drums", {"drum set": 1}, 0.4),
                Role("counter", {"cello": 0.5, "violin": 0.15, "accordion": 0.05, "electronic organ": 0.3},
                    0.65),
                Role("lead", SINGERS, 0.95),
                Role("solo", {"violin": 0.2, "flute": 0.3, "harmonica": 0.1, "clarinet": 0.2,
                    "trumpet": 0.2}, 0.45),
            ),
            metres=(4, 4, 3), grooves=("ballad", "pop"), bass=("ballad", "pop"), jitter_s=0.012, weight=1.4,
        ),
        Style(
            "chamber", (56, 132),
            (
                Role("lead", {"violin": 0.35, "flute": 0.2, "clarinet": 0.45}),
                Role("solo", {"clarinet": 0.5, "flute": 0.25, "violin": 0.15, "oboe": 0.1, "viola": 0.05},
                    0.85),
                Role("counter", {"cello": 0.6, "viola": 0.1, "bassoon": 0.15, "french horn": 0.15}, 0.85),
                Role("bassline", {"cello": 0.55, "double bass": 0.45}, 0.8),
                Role("accompaniment", {"piano": 0.7, "harp": 0.2, "harpsichord": 0.1}, 0.4),
                Role("voice", {"female singer": 0.6, "male singer": 0.4}, 0.12),
            ),
            modes=("major", "minor", "major", "dorian"),
            progressions=((0, 4, 0, 3), (0, 3, 1, 4), (0, 5, 1, 4), (0, 1, 4, 0), (0, 2, 3, 4)),
            metres=(4, 3, 4), jitter_s=0.014, weight=1.5,
        ),
        Style(
            "funk", (92, 126),
            (
                Role("drums", {"drum set": 0.9, "drum machine": 0.1}),
                Role("bass", {"electric bass": 0.85, "bass synth": 0.15}),
                Role("stab", {"clean electric guitar": 1}, 0.8),
                Role("keys", {"electronic organ": 0.6, "electric piano": 0.2, "piano": 0.1,
                    "synthesizer": 0.1}, 0.8),
                Role("horns", {"trumpet": 0.45, "brass section": 0.1, **saxes(0.45)}, 0.6),
                Role("lead", {**SINGERS, "trumpet": 0.15, "flute": 0.1, **saxes(0.15)}, 0.9),
            ),
            modes=("dorian", "mixolydian", "minor"), progressions=((0, 0, 3, 3), (0, 3, 0, 4), (1, 4, 0, 0),
                (0, 6, 3, 0)),
            n_tones=4, swing=(0.5, 0.56), grooves=("funk", "disco"), bass=("funk", "disco"), jitter_s=0.006,
                weight=1.4,
        ),
        Style(
            "electronic", (84, 150),
            (
                Role("drums", {"drum machine": 1}, 0.95),
                Role("bass", {"bass synth": 0.85, "electric bass": 0.15}, 0.9),
                Role("pad", {"synthesizer": 1}, 0.85),
                Role("arpeggio", {"synthesizer": 0.7, "piano": 0.3}, 0.6),
                Role("lead", {"synthesizer": 0.4, "female singer": 0.3, "male singer": 0.15, "flute": 0.05,
                              "violin": 0.1}, 0.9),
                Role("tabla", {"tabla": 1}, 0.12),
            ),
            modes=("minor", "dorian", "minor", "major", "phrygian"), grooves=("electronic", "disco"),
            progressions=((0, 5, 2, 6), (0, 0, 5, 6), (0, 3, 5, 4), (5, 6, 0, 0)), bass=("electronic",),
                jitter_s=0.0,
            weight=0.8,
        ),
        Style(
            "tabla", (56, 150),
            (
                Role("tabla", {"tabla": 1}),
                Role("drone", {"synthesizer": 0.5, "sitar": 0.25, "cello": 0.25}, 0.6),
                Role("lead", {"violin": 0.28, "flute": 0.25, "male singer": 0.17, "female singer": 0.15,
                    "sitar": 0.1,
                              "clarinet": 0.05}),
                Role("solo", {"violin": 0.25, "flute": 0.25, "saxophone": 0.0, "cello": 0.2,
                    "acoustic guitar": 0.2,
                              "piano": 0.1}, 0.4),
                Role("bass", {"electric bass": 0.6, "double bass": 0.4}, 0.25),
            ),
            modes=("dorian", "bhairav", "lydian", "major", "mixolydian", "phrygian"), progressions=((0, 0, 0,
                0),),
            jitter_s=0.009, weight=3.2,
        ),
        Style(
            "latin", (90, 140),
            (
                Role("drums", {"drum set": 1}, 0.85),
                Role("bass", {"electric bass": 0.5, "double bass": 0.5}, 0.97),
                Role("guitar", {"acoustic guitar": 0.85, "clean electric guitar": 0.15}, 0.75),
                Role("comp", {"piano": 0.8, "electronic organ": 0.2}, 0.6),
                Role("lead", {"female singer": 0.3, "male singer": 0.25, "flute": 0.2, "trumpet": 0.1,
                    **saxes(0.15)}),
                Role("solo", {"flute": 0.25, "trumpet": 0.35, "clarinet": 0.1, **saxes(0.2),
                    "accordion": 0.1}, 0.55),
            ),
            progressions=((0, 1, 4, 0), (0, 5, 1, 4), (0, 3, 4, 0)), n_tones=4, grooves=("latin",),
                bass=("latin",),
            weight=0.8,
        ),
    )
}  # fmt: skip

BALANCE: dict[str, float] = {
    "drum set": 0.66,
    "drum machine": 0.66,
    "bass synth": 4.24,
    "saxophone": 2.6,
    "electric bass": 1.99,
    "male singer": 5.0,
    "female singer": 4.9,
    "distorted electric guitar": 5.43,
    "clean electric guitar": 5.04,
    "acoustic guitar": 4.37,
    "piano": 3.14,
    "synthesizer": 4.24,
    "double bass": 2.86,
    "tabla": 6.1,
    "electronic organ": 1.92,
    "violin": 4.6,
    "cello": 4.01,
    "flute": 4.5,
    "clarinet": 5.78,
    "trumpet": 4.4,
}
"""Log odds of a lineup for having an instrument, fitted so that the shares of songs meet `target_share`."""


def balance(instruments: Iterable[str]) -> float:
    """Return the log odds of a lineup by what it has of the rarer classes.

    Examples
    --------
    >>> balance(["drum set", "alto saxophone"]) == balance(["drum set"]) + balance(["tenor saxophone"])
    True
    """
    classes = {"saxophone" if "saxophone" in name else name for name in instruments}
    return sum(BALANCE.get(name, 0.0) for name in sorted(classes))

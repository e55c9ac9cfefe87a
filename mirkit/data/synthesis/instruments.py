"""What the composer and the renderers know of each instrument: range, programs, class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instrument:
    """Playing range in MIDI pitch, General MIDI programs, and whether tones are held and shaped."""

    low: int
    high: int
    programs: tuple[int, ...] = ()
    sustained: bool = False


INSTRUMENTS: dict[str, Instrument] = {
    # the 18 classes, by source labels of MedleyDB's taxonomy
    "acoustic guitar": Instrument(40, 79, (24, 25)),
    "clean electric guitar": Instrument(40, 82, (26, 27, 27, 28)),
    "distorted electric guitar": Instrument(40, 86, (29, 30)),
    "electric bass": Instrument(28, 55, (33, 33, 34, 35, 36, 37)),
    "double bass": Instrument(28, 57, (32,)),
    "drum set": Instrument(35, 81),
    "drum machine": Instrument(35, 81),
    "tabla": Instrument(60, 75),
    "piano": Instrument(28, 100, (0, 0, 0, 1, 2, 3)),
    "electronic organ": Instrument(36, 91, (16, 17, 18), True),
    "synthesizer": Instrument(
        36, 91, (50, 51, 62, 63, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 92, 93, 94, 95), True
    ),
    "bass synth": Instrument(28, 52, (38, 39), True),
    "violin": Instrument(55, 93, (40,), True),
    "cello": Instrument(36, 72, (42,), True),
    "flute": Instrument(60, 93, (73,), True),
    "clarinet": Instrument(50, 86, (71,), True),
    "soprano saxophone": Instrument(58, 84, (64,), True),
    "alto saxophone": Instrument(50, 80, (65,), True),
    "tenor saxophone": Instrument(45, 74, (66,), True),
    "baritone saxophone": Instrument(37, 67, (67,), True),
    "trumpet": Instrument(54, 82, (56, 56, 56, 59), True),
    "male singer": Instrument(43, 67, (), True),
    "female singer": Instrument(55, 77, (), True),
    # outside the classes: what a recogniser must not take for one of them
    "electric piano": Instrument(36, 88, (4, 5)),
    "vibraphone": Instrument(53, 89, (11,)),
    "marimba": Instrument(48, 91, (12,)),
    "glockenspiel": Instrument(72, 100, (9,)),
    "harpsichord": Instrument(36, 86, (6,)),
    "accordion": Instrument(48, 88, (21,), True),
    "harmonica": Instrument(60, 88, (22,), True),
    "harp": Instrument(36, 96, (46,)),
    "banjo": Instrument(48, 79, (105,)),
    "sitar": Instrument(45, 76, (104,)),
    "viola": Instrument(48, 81, (41,), True),
    "trombone": Instrument(40, 70, (57,), True),
    "french horn": Instrument(41, 74, (60,), True),
    "tuba": Instrument(28, 53, (58,), True),
    "oboe": Instrument(58, 88, (68,), True),
    "bassoon": Instrument(34, 70, (70,), True),
    "piccolo": Instrument(74, 100, (72,), True),
    "string section": Instrument(40, 86, (48, 49), True),
    "brass section": Instrument(45, 79, (61,), True),
}

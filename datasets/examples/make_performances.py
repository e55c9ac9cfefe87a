"""Make the bundled performances again: six simulated students play one melody, a simulated jury gives points.

python make_performances.py FluidR3_GM.sf2 FOLDER

The melody is the theme of the finale of Beethoven's ninth symphony (1824).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from mirkit import audio
from mirkit.assessment import Score
from mirkit.assessment.config import CATEGORIES, POINTS
from mirkit.assessment.player import Rendition, amounts, perform
from mirkit.assessment.sounding import LEAD_S, Bank, render
from mirkit.assessment.synthesis import PROGRAMS, jury
from mirkit.audio import Audio

SAMPLE_RATE, TEMPO_BPM = 32000, 112.0
STEPS = "F F G A A G F E D D E F F. E/ E= F F G A A G F E D D E F E. D/ D="
PITCHES_MIDI = {"D": 62, "E": 64, "F": 66, "G": 67, "A": 69}
LENGTHS = {"": 1.0, ".": 1.5, "/": 0.5, "=": 2.0}
PLAYERS = {  # instrument, octaves up, skill in musicality, tone, notes, rhythm, artistry
    "anna": ("flute", 1, (2.5, 2.5, 2.8, 2.5, 2.0)),
    "ben": ("clarinet", 0, (0.8, 1.2, -0.8, 0.6, 0.8)),
    "carla": ("violin", 1, (0.5, 1.0, 1.5, -1.6, 0.5)),
    "david": ("trumpet", 0, (1.0, -1.8, 1.5, 1.0, 0.3)),
    "emma": ("oboe", 0, (-1.6, 1.0, 1.2, 0.8, 0.2)),
    "finn": ("alto saxophone", 0, (-1.2, -1.0, -1.0, -1.2, -1.5)),
}
SEED = 4


def main(bank: str, out: str) -> None:
    """Write recordings, the score, the truth and the table with the points into a folder."""
    folder = Path(out)
    folder.mkdir(parents=True)
    rows = melody()
    score = Score.from_rows(rows, tempo_bpm=TEMPO_BPM)
    score.write(folder / "score.csv")
    (folder / "score.musicxml").write_text(musicxml(rows), encoding="utf-8")
    table = []
    for k, (name, (instrument, octaves, levels)) in enumerate(PLAYERS.items()):
        rng = np.random.default_rng((SEED, k))
        skill = dict(zip(CATEGORIES, levels, strict=True))
        program, low_midi, high_midi = PROGRAMS[instrument]
        voice = Bank(bank, program, instrument, low_midi, high_midi)
        done = perform(rng, score.shifted(12 * octaves), amounts(rng, skill), tempo_bpm=TEMPO_BPM)
        sound = render(rng, done, voice, sample_rate=SAMPLE_RATE, tuning_cents=rng.normal(0, 8), snr_db=40.0,
                       room_s=0.3)  # fmt: skip
        audio.write(folder / f"{name}.ogg", Audio(np.asarray(sound.samples, np.float32), SAMPLE_RATE))
        write_truth(folder / f"{name}.truth.csv", done)
        points = jury(np.random.default_rng((SEED, k, 1)), skill)
        given = {f"{one}/{most:g}": points[one] for one, most in zip(CATEGORIES, POINTS, strict=True)}
        table.append({"recording": f"{name}.ogg", "score": "score.csv", "group": name} | given)
    write_table(folder / "performances.csv", list(table[0]), [list(row.values()) for row in table])


def melody() -> list[tuple[float, float, int]]:
    """Return onset and length in quarters, and pitch."""
    rows, onset = [], 0.0
    for step in STEPS.split():
        length = LENGTHS[step[1:]]
        rows.append((onset, length, PITCHES_MIDI[step[0]]))
        onset += length
    return rows


def write_truth(path: Path, done: Rendition) -> None:
    """Write what sounded: a row for each note, times as in the recording; and the notes that did not."""
    notes = done.notes.copy()
    notes["onset_s"] += LEAD_S - notes["onset_s"].min()
    rows = [
        [round(value, 4) if isinstance(value, float) else value for value in row] for row in notes.tolist()
    ]
    missed = [[note, "missed", "", "", "", "", "", ""] for note in done.missed]
    write_table(path, list(notes.dtype.names or ()), sorted(rows + missed, key=lambda row: row[0]))


def write_table(path: Path, columns: list[str], rows: list[list[object]]) -> None:
    """Write a CSV file with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


def musicxml(rows: list[tuple[float, float, int]]) -> str:
    """Return the melody as MusicXML, four quarters to the bar, in D major."""
    kinds = {0.5: "<type>eighth</type>", 1.0: "<type>quarter</type>", 1.5: "<type>quarter</type><dot/>",
             2.0: "<type>half</type>"}  # fmt: skip
    names = {pitch: step for step, pitch in PITCHES_MIDI.items()}
    head = (
        "<attributes><divisions>2</divisions><key><fifths>2</fifths></key><time><beats>4</beats>"
        "<beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>"
        f'<direction><direction-type><words>Allegro</words></direction-type><sound tempo="{TEMPO_BPM:g}"/>'
        "</direction>"
    )
    bars: dict[int, list[str]] = {}
    for onset, length, pitch in rows:
        alter = "<alter>1</alter>" if names[pitch] == "F" else ""
        bars.setdefault(int(onset // 4), []).append(
            f"<note><pitch><step>{names[pitch]}</step>{alter}<octave>4</octave></pitch>"
            f"<duration>{round(2 * length)}</duration>{kinds[length]}</note>"
        )
    measures = "\n".join(
        f'<measure number="{bar + 1}">{"" if bar else head}{"".join(notes)}</measure>'
        for bar, notes in bars.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<score-partwise version="4.0">\n'
        "<work><work-title>Theme from the ninth symphony</work-title></work>\n"
        '<identification><creator type="composer">Ludwig van Beethoven</creator></identification>\n'
        '<part-list><score-part id="P1"><part-name>Melody</part-name></score-part></part-list>\n'
        f'<part id="P1">\n{measures}\n</part>\n</score-partwise>\n'
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Every reader of mirkit by name: what it reads from a folder, from which seeds, with which words."""

from __future__ import annotations

import hashlib
import json
import pickle  # noqa: TID251  # to write what must not be read
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mirkit import activity, assessment, audio, sampling, separation
from mirkit.annotation import ActivityAnnotation, Intervals, Taxonomy, formats
from mirkit.checkpoint import Checkpoint
from mirkit.data import open_dataset
from mirkit.dsp import FrameGrid
from tests.fuzz import seeds as made
from tests.fuzz.mutation import Case

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Reader:
    """How to read a folder, what to start from, how often."""

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], Sequence[Case]]
    words: tuple[bytes, ...] = ()
    weight: float = 1.0


def only(folder: Path) -> Path:
    """Return the one file in a folder."""
    return next(iter(sorted(folder.iterdir())))


def named(name: str, *contents: bytes) -> list[Case]:
    """Return cases of one file each."""
    return [{name: content} for content in contents]


def words_of(*contents: bytes) -> tuple[bytes, ...]:
    """Return the words of texts, as a dictionary of the format."""
    return tuple(
        sorted({word for content in contents for word in re.findall(rb"[\w.]{2,24}|[^\w\s]+", content)})
    )


GRID = FrameGrid(0.0, 0.5, 4)
ACTIVITY = ActivityAnnotation(GRID, ("piano", "voice"), np.linspace(0, 1, 8).reshape(2, 4).astype(np.float32))
INTERVALS = Intervals(np.array([[0.0, 1.0], [0.5, 2.25]]), ["piano", "voice"], np.array([1.0, 0.5]))


# --- sound ---------------------------------------------------------------------------------------


def read_sound(folder: Path) -> object:
    path = only(folder)
    audio.info(path)
    if path.stat().st_size % 3 == 0:  # one way or the other, the same for the same file
        return sum(block.samples.sum() for block in audio.blocks(path, sample_rate=16000))
    return audio.read(path, start_s=0.05) if path.stat().st_size % 3 == 1 else audio.read_streams(path)


SOUND_WORDS = (b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"RF64", b"ds64", b"FORM", b"AIFC", b"COMM", b"SSND", b"fLaC", b"OggS",
               b"\x01vorbis", b"OpusHead", b"ID3\x04", b"Xing", b"Info", b"\xff\xfb\x90\x64", b"ftyp", b"moov", b"mdat", b"stsz",
               b"stco", b"esds", b"\x1aE\xdf\xa3", b"\x18S\x80g", b"caff", b"desc", b".snd", b"riff", b"fact", b"smpl")  # fmt: skip


# --- annotations, tables, settings ---------------------------------------------------------------


def text_readers() -> list[Reader]:
    def written(write: Callable[[Path], object], tricks: Sequence[bytes]) -> Callable[[], list[Case]]:
        def cases() -> list[Case]:
            (content,) = made.files_of(write).values()
            return named("file.jams", content, *tricks)

        return cases

    def confidence(folder: Path) -> None:
        formats.write_activation_confidence(folder / "a", ACTIVITY)

    pairs: list[tuple[str, Callable[[Path], object], Callable[[Path], object], Sequence[bytes]]] = [
        ("activation_confidence", formats.read_activation_confidence, confidence, made.CSV_TRICKS),
        ("source_id", formats.read_source_id, lambda f: formats.write_source_id(f / "a", INTERVALS), made.CSV_TRICKS),
        ("lab", formats.read_lab, lambda f: formats.write_lab(f / "a", INTERVALS), (b"1 2 a\n2 1 b\n", b"nan nan\n")),
        ("audacity", formats.read_audacity, lambda f: formats.write_audacity(f / "a", INTERVALS), (b"\\\t1\t2\n", b"1\t2")),
        ("intervals_csv", formats.read_intervals_csv, lambda f: formats.write_intervals_csv(f / "a", INTERVALS), made.CSV_TRICKS),
        ("activity_csv", formats.read_activity_csv, lambda f: formats.write_activity_csv(f / "a", ACTIVITY), made.CSV_TRICKS),
        ("jams", formats.read_jams, lambda f: formats.write_jams(f / "a", INTERVALS, 3.0), made.JSON_TRICKS),
    ]  # fmt: skip
    words = words_of(
        b'time start_s end_s label score start_time end_time instrument_label S01 piano "tag_open" { } [ ] , : \t namespace data value'
    )
    return [
        Reader(
            name,
            lambda folder, read=read: read(only(folder)),
            written(write, tricks),
            words,
            0.3 if name == "jams" else 1.0,
        )
        for name, read, write, tricks in pairs
    ]


def read_taxonomy(folder: Path) -> object:
    return Taxonomy.load(only(folder)).possible("piano")


TAXONOMY = b"labels:\n  keys: [piano, 'electric piano']\n  voice: [singer]\nambiguous: {lead: any, pad: [keys]}\noutside: [noise]\n"


def read_config(folder: Path) -> object:
    tasks = {"activity": activity, "assessment": assessment, "sampling": sampling, "separation": separation}
    path = only(folder)
    return tasks[path.stem].Config.from_toml(path)


def config_seeds() -> list[Case]:
    root = TESTS.parent / "mirkit"
    files = sorted(root.glob("*/configs/*.toml"))
    listed = [(f"{path.parents[1].name}.toml", path.read_bytes()) for path in files]
    listed += [(f"{task}.toml", trick) for task in ("activity", "sampling") for trick in made.TOML_TRICKS]
    return [{name: content} for name, content in listed]


def dataset_words() -> tuple[bytes, ...]:
    return words_of(
        b"stems: S01: filename: instrument: artist: mix_filename: stem_dir: raw_dir: .. / ../ [ ] { } , has_bleed yes no !!str & * | > - ?"
    )


def read_songs(folder: Path) -> object:
    found = open_dataset(folder, strict=False)
    for item in found.items:
        if item.activity_path is not None:
            formats.read_activation_confidence(item.activity_path)
    return [found.split(name) for name in found.splits]


def song_seeds() -> list[Case]:
    metadata = json.dumps(
        {
            "artist": "A", "title": "B", "has_bleed": "no", "mix_filename": "A_B_MIX.wav", "stem_dir": "A_B_STEMS", "raw_dir": "A_B_RAW",
            "stems": {"S01": {"filename": "A_B_STEM_01.wav", "instrument": "piano", "raw": {}}, "S02": {"filename": "c.wav", "instrument": ["viola", "flute"]}},
        }
    ).encode()  # fmt: skip
    lab = b"time,S01,S02\n0.0,0.1,0.9\n0.0464,0.8,0.2\n"
    split = b'{"train": ["A_B"], "test": []}'
    medley = {"A_B/A_B_METADATA.yaml": metadata, "A_B/A_B_ACTIVATION_CONF.lab": lab, "split.json": split}
    slakh = b"UUID: 1a2b\nstems:\n  S00: {audio_rendered: true, program_num: 33, is_drum: false, inst_class: Bass}\n  S01: {is_drum: true}\n"
    found: list[Case] = [medley, {"train/Track00001/metadata.yaml": slakh}]
    found += [{"A_B/A_B_METADATA.yaml": trick} for trick in made.YAML_TRICKS]
    return found + [{**medley, "split.json": trick} for trick in made.JSON_TRICKS]


# --- results -------------------------------------------------------------------------------------


def result_seeds() -> list[Case]:
    stems = {"voice": made.tone(n_channels=1), "other": made.tone(n_channels=1)}
    melody = made.tone(22050, 1, 1.5)

    def assess(folder: Path) -> None:
        assessment.predict(
            assessment.load(), melody, score=assessment.Score.from_rows([(0, 1, 62), (1, 1, 66)])
        ).write(folder)

    detections = sampling.Detections(INTERVALS, np.zeros(2), np.ones(2), 0.9)
    cases = [
        made.files_of(separation.Separation(stems, ACTIVITY).write),
        made.files_of(ACTIVITY.write),
        made.files_of(assess),
        {**made.files_of(detections.write), "evidence.npz": evidence()},
    ]
    with_trap = {**made.files_of(detections.write), "evidence.npz": evidence(trap=True)}
    return [
        *cases,
        with_trap,
        *(
            {name: trick}
            for trick in made.JSON_TRICKS
            for name in ("activity.json", "separation.json", "assessment.json")
        ),
    ]


def evidence(*, trap: bool = False) -> bytes:
    """Return the archive beside a detection; with a trap, one whose array is a pickle."""
    import io

    room = io.BytesIO()
    parts: dict[str, Any] = {
        "numbers": np.array([1.0, 0.1, 0.1, 0.0]), "path_lengths": np.array([2]),
        "path_points": np.zeros((2, 2), np.int64), "similarity": np.zeros((3, 4), np.int8),
    }  # fmt: skip
    if trap:
        parts["numbers"] = np.array([made.Trap()], dtype=object)
    np.savez_compressed(room, **parts)
    return room.getvalue()


def read_result(folder: Path) -> object:
    kinds = {
        "separation.json": separation.Separation,
        "assessment.json": assessment.Assessment,
        "detections.json": sampling.Detections,
    }
    present = {path.name for path in folder.iterdir()}
    found = [kind.read(folder) for name, kind in kinds.items() if name in present]
    if not found or "activity.json" in present:
        found.append(ActivityAnnotation.read(folder))
    return found


def read_scores(folder: Path) -> object:
    from mirkit.activity.evaluation import Evaluation

    return Evaluation.read(only(folder))


def scores_seeds() -> list[Case]:
    from mirkit.activity.evaluation import Evaluation

    values = np.linspace(0, 1, 8).reshape(2, 4)
    truth = ActivityAnnotation(GRID, ("piano", "voice"), (values > 0.4).astype(np.float32))
    (content,) = made.files_of(
        lambda f: Evaluation("m", (activity.evaluate([truth], [ACTIVITY]),), {}).write(f / "a.json")
    ).values()
    return named("scores.json", content, *made.JSON_TRICKS)


# --- tables of pairs, performances, tracks, sources ----------------------------------------------


def pair_seeds() -> list[Case]:
    from mirkit.sampling.tables import OCCURRENCE_COLUMNS, PAIR_COLUMNS

    values = {"query": "q", "song": "s", "query_path": "q.wav", "song_path": "s.wav", "split": "train", "start_s": "1.5", "end_s": "2.5",
              "pitch_shift_st": "2", "tempo_ratio": "1.1", "query_start_s": "0", "query_end_s": "1", "kind": "planted", "type": "drum loop"}  # fmt: skip
    tables = [
        ",".join(columns) + "\n" + ",".join(values.get(c, "") for c in columns) + "\n"
        for columns in (PAIR_COLUMNS, OCCURRENCE_COLUMNS)
    ]
    good = {"pairs.csv": tables[0].encode(), "occurrences.csv": tables[1].encode()}
    return [good, *({**good, name: trick} for name in good for trick in made.CSV_TRICKS)]


def read_performances(folder: Path) -> object:
    table = assessment.PerformanceTable.read(folder)
    return table.validate(), table.split("2024")


PERFORMANCES = b"recording,score,group,part,transpose,tone/15,rhythm\na.wav,a.musicxml,2024,1,-2,12,0.5\nb.wav,,2024,,,,\n"


def read_tracks(folder: Path) -> object:
    from mirkit.data.splits import make_split, read_track_list

    return make_split(read_track_list(only(folder)), {"train": 0.5, "test": None})


TRACKS = b"dataset,track_id,artist,has_bleed,instruments\nm,A_B,A,no,piano|violin\nm,C_D,C,yes,drum set\nn,E_F,E,no,\n"


def read_source_list(folder: Path) -> object:
    from mirkit.data.synthesis.sources import read_sources
    from mirkit.sampling.material import read_sources as read_material

    path = only(folder)
    return read_material(path, "train") if b"loops" in path.read_bytes() else read_sources(path)


SOURCES = b"""[[source]]
name = "a"
family = "f"
kind = "notes"
path = "."
licence = "CC0"
instruments = ["flute"]
split = "train"
shift_st = 1.5
"""
LOOPS = b"""[[source]]
kind = "songs"
path = "."
licence = "MIT"
split = "train"
[[source]]
kind = "loops"
path = "."
licence = "MIT"
files = ["*.wav", "../*"]
"""


def read_labels(folder: Path) -> object:
    from mirkit.data.tracker import read_labels as read

    return read(only(folder))


LABELS = b"packages: {p: {licence: MIT}}\nsongs:\n- {file: a.xm, sha256: 0123456789abcdef, package: p, stems: {1: piano, 2: [violin, viola]}}\n"


# --- music ---------------------------------------------------------------------------------------


def read_score(folder: Path) -> object:
    return assessment.read_score(only(folder))


def read_music(folder: Path) -> object:
    from mirkit.data.synthesis.notation import read_notation

    return read_notation(only(folder))


def read_midi(folder: Path) -> object:
    from mirkit.data.synthesis.midi import read_midi as read

    return read(only(folder).read_bytes())


def read_wad(folder: Path) -> object:
    from mirkit.data.synthesis.midi import wad_lumps

    return wad_lumps(only(folder))


def wad_seeds() -> list[Case]:
    import struct

    content = (
        struct.pack("<4sii", b"PWAD", 2, 20)
        + b"MThd...."
        + struct.pack("<ii8sii8s", 12, 8, b"D_MAP01", 12, 8, b"D_MAP02")
    )
    return named("music.wad", content, struct.pack("<4sii", b"IWAD", 0x7FFFFFFF, 12))


def module_seeds() -> list[Case]:
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny_module", TESTS / "data" / "tiny_module.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (content,) = made.files_of(lambda folder: module.tiny_module(folder / "tiny.mod")).values()
    return named("tiny.mod", content, content[:500])


def read_module(folder: Path) -> object:
    from mirkit.data.openmpt import Module

    with Module(only(folder)) as module:
        return module.title, module.duration_s, module.slots, module.render(seconds=0.5, sample_rate=8000)


def recorded_seeds() -> list[Case]:
    return [
        {"flute_A4.wav": case["sound.wav"]}
        for case in [*made.sounds(), *made.odd_sounds()]
        if "sound.wav" in case
    ]


def read_recorded(folder: Path) -> object:
    from mirkit.data.synthesis.recorded import load

    load.cache_clear()
    return load(str(only(folder)), 16000)


# --- models --------------------------------------------------------------------------------------


def tiny_models() -> dict[str, dict[str, bytes]]:
    """Return a small model of each task as files."""
    import importlib.util
    import sys

    sys.path.insert(0, str(TESTS))

    def settings(task: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"{task}_conftest", TESTS / task / "conftest.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.TINY

    listed = {
        "separation": separation.Model.untrained(settings("separation")).checkpoint(),
        "assessment": assessment.load().checkpoint(),
    }
    config = activity.Config.from_dict({**settings("activity").to_dict(), "network": "fc"})
    from mirkit.activity.model import build

    network = build(config, 2)
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    extra = {"thresholds": {"piano": 0.5, "voice": 0.5}}
    listed["activity"] = Checkpoint(
        "activity", "tiny", config.to_dict(), ("piano", "voice"), arrays, "# tiny\n", {}, {}, 0, extra
    )
    found = {task: made.files_of(checkpoint.save) for task, checkpoint in listed.items()}
    bundled = TESTS.parent / "mirkit" / "models" / "sampling-default"
    found["sampling"] = {path.name: path.read_bytes() for path in bundled.iterdir()}
    return found


def model_seeds(task: str) -> list[Case]:
    good = tiny_models()[task]
    sizes = (b"1000000000", b"-3", b"0", b"2.5", b'"a"', b"[]", b"null", b"1e99")
    wild = [
        {
            **good,
            "config.json": re.sub(
                rb'("[a-z_]+"): [0-9]+,', rb"\1: " + size + b",", good["config.json"], count=n
            ),
        }
        for size in sizes
        for n in (3, 9)
    ]
    tricks = [{**good, "weights.safetensors": trick} for trick in made.TENSOR_TRICKS]
    pickled = {**good, "weights.safetensors": pickle.dumps(made.Trap())}
    return [good, *wild, *tricks, pickled, *({**good, "config.json": trick} for trick in made.JSON_TRICKS)]


def read_model(folder: Path, task: str) -> object:
    module = {"activity": activity, "assessment": assessment, "sampling": sampling, "separation": separation}[
        task
    ]
    return module.load(folder)


def unmix_seeds() -> list[Case]:
    """Return a public Open-Unmix folder of one target, and pickles in its place."""
    import torch

    from mirkit.separation.config import FeatureConfig, UMXConfig
    from mirkit.separation.unmix import OpenUnmix

    features = FeatureConfig(sample_rate=8000, n_fft=64, hop_length=16, bandwidth_hz=3500.0)
    network = OpenUnmix(UMXConfig(hidden_size=4, n_layers=3), features, ("vocals",))

    def save(folder: Path, content: object, **options: Any) -> None:
        torch.save(content, folder / "vocals.pth", **options)

    general = json.dumps({"nfft": 64, "nhop": 16, "sample_rate": 8000.0, "nb_channels": 2}).encode()
    arguments = json.dumps(
        {"args": {"nfft": 64, "nb_channels": 2, "hidden_size": 4, "bandwidth": 3500}}
    ).encode()
    texts = {"separator.json": general, "vocals.json": arguments}
    state = network.state_dict()
    contents = [
        made.files_of(lambda folder: save(folder, state)),
        made.files_of(lambda folder: save(folder, state, _use_new_zipfile_serialization=False)),
        made.files_of(lambda folder: save(folder, made.Trap())),
        made.files_of(
            lambda folder: save(folder, {**state, "x": made.Trap()}, _use_new_zipfile_serialization=False)
        ),
        {"vocals.pth": pickle.dumps(made.Trap())},
        {
            "vocals.pth": made.archive(
                {"archive/data.pkl": pickle.dumps(made.Trap()), "archive/version": b"3\n"}
            )
        },
        {"vocals.pth": made.archive({"archive/data.pkl": bytes(100_000_000)})},
    ]
    found: list[Case] = [{**texts, **content} for content in contents]
    digest = hashlib.sha256(contents[0]["vocals.pth"]).hexdigest()[:8]
    found.append({**texts, f"vocals-{digest}.pth": contents[0]["vocals.pth"]})
    huge = texts["vocals.json"].replace(b'"hidden_size": 4', b'"hidden_size": 4000000000')
    found += [
        {**found[0], "vocals.json": huge},
        *({**found[0], "separator.json": trick} for trick in made.JSON_TRICKS),
    ]
    return found


XML_WORDS = words_of(made.musicxml(), made.ENTITIES, b"<!DOCTYPE <!ENTITY <![CDATA[ ]]> <chord/> <rest/> <grace/> <tie type='start'/> <backup> <forward> <ending> <segno/>")  # fmt: skip
MIDI_WORDS = (
    b"MThd",
    b"MTrk",
    b"\xff\x51\x03",
    b"\xff\x58\x04",
    b"\xff\x59\x02",
    b"\xff\x2f\0",
    b"\xf0",
    b"\xff\xff\xff\x7f",
    b"\x90",
    b"\xc0",
    b"\xff\x7f",
)
MODEL_WORDS = words_of(
    b'{ } [ ] : , "F32" "F16" "I64" "BF16" shape dtype data_offsets network targets labels thresholds extra __metadata__ null true'
)


def _readers() -> dict[str, Reader]:
    listed = [
        Reader("sound", read_sound, lambda: [*made.sounds(), *made.odd_sounds()], SOUND_WORDS, 6),
        *text_readers(),
        Reader("taxonomy", read_taxonomy, lambda: named("t.yaml", TAXONOMY, *made.YAML_TRICKS), words_of(TAXONOMY), 0.7),
        Reader("config", read_config, config_seeds, words_of(*(content for case in config_seeds()[:9] for content in case.values())), 1),
        Reader("dataset", read_songs, song_seeds, dataset_words(), 2),
        Reader("result", read_result, result_seeds, words_of(b'{ } [ ] : , format labels values grid n_frames hop_s stems null true "../x"'), 1.5),
        Reader("scores", read_scores, scores_seeds, words_of(b"{ } [ ] : , format scales summary labels null"), 0.7),
        Reader("pairs", lambda folder: sampling.open_pairs(folder), pair_seeds, words_of(b"query song query_path start_s end_s pitch_shift_st , \" nan inf"), 1),
        Reader("performances", read_performances, lambda: named("performances.csv", PERFORMANCES, *made.CSV_TRICKS), words_of(PERFORMANCES), 1),
        Reader("track_list", read_tracks, lambda: named("tracks.csv", TRACKS, *made.CSV_TRICKS), words_of(TRACKS), 0.5),
        Reader("sources", read_source_list, lambda: named("sources.toml", SOURCES, LOOPS, *made.TOML_TRICKS), words_of(SOURCES, LOOPS), 1),
        Reader("tracker_labels", read_labels, lambda: named("labels.yaml", LABELS, *made.YAML_TRICKS), words_of(LABELS), 0.5),
        Reader("score", read_score, made.scores, XML_WORDS, 0.4),
        Reader("notation", read_music, lambda: [case for case in made.scores() if ".mid" not in next(iter(case)) and ".csv" not in next(iter(case))], XML_WORDS, 0.3),
        Reader("midi", read_midi, lambda: named("a.mid", made.midi()), MIDI_WORDS, 2),
        Reader("wad", read_wad, wad_seeds, (b"PWAD", b"IWAD", b"MThd"), 0.5),
        Reader("module", read_module, module_seeds, (b"M.K.", b"8CHN", b"FLT4", b"IMPM", b"Extended Module: "), 0.5),
        Reader("recorded", read_recorded, recorded_seeds, SOUND_WORDS, 0.3),
        *(Reader(f"model_{task}", partial(read_model, task=task), partial(model_seeds, task), MODEL_WORDS, weight)
          for task, weight in (("activity", 1), ("assessment", 1), ("sampling", 0.5), ("separation", 1))),
        Reader("open_unmix", lambda folder: separation.load(folder), unmix_seeds, MODEL_WORDS, 1),
    ]  # fmt: skip
    return {reader.name: reader for reader in listed}


READERS = _readers()

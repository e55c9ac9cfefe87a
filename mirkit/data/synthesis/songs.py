"""Write synthesised songs as MedleyDB-layout multitracks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mirkit._files import replacing
from mirkit._typing import LabelFrames, Samples
from mirkit.activation import (
    CONFIDENCE_HOP_S,
    CONFIDENCE_RATE,
    LEVEL_HOP_S,
    activation_confidence,
    level_activity,
)
from mirkit.annotation import ActivityAnnotation, formats
from mirkit.data.synthesis.composer import compose
from mirkit.data.synthesis.instruments import INSTRUMENTS
from mirkit.data.synthesis.mixer import mix_down
from mirkit.data.synthesis.notes import Score
from mirkit.data.synthesis.performance import Performance, choose_source, perform, song_bank
from mirkit.data.synthesis.pieces import check_pieces, compose_from_pieces, credits_of
from mirkit.data.synthesis.soundfont import Synths
from mirkit.data.synthesis.sources import Source, read_sources, usable
from mirkit.data.writing import write_flac
from mirkit.dsp import FrameGrid
from mirkit.errors import DatasetError, ParameterError
from mirkit.parallel import Backend, Outcome, Progress, Shard, map_all

FULL_SCALE = 32767


def synthesize(
    out: str | os.PathLike[str],
    *,
    sources: str | os.PathLike[str] | Sequence[Source],
    n_songs: int,
    seconds: float = 30.0,
    seed: int = 0,
    split: str = "train",
    trainable_only: bool = True,
    sample_rate: int = 44100,
    style: str | None = None,
    pieces: float = 0.25,
    n_jobs: int = 1,
    backend: Backend = "loky",
    shard: Shard | None = None,
    progress: Progress | None = None,
) -> list[Outcome[int, Path]]:
    """Write synthesised multitracks; return what became of each.

    Song ``k`` depends on the seed and ``k`` alone: not on ``n_jobs``, nor on which songs exist already; those
    are kept, so an interrupted run goes on where it stopped.

    Parameters
    ----------
    out : path
        Folder for the songs, one folder each, in MedleyDB's layout.
    sources : path or sequence of Source
        The list of sound sources (see `read_sources`).
    n_songs : int
        Songs 0 to ``n_songs`` - 1.
    seconds : float
        Length of each song.
    seed : int
        Same seed, same songs.
    split : {"train", "valid", "test"}
        Which side's sources play.
    trainable_only : bool
        Leave out sources whose licence forbids training a model that is given away.
    sample_rate : int
        Hz.
    style : str, optional
        Only this style.
    pieces : float
        Share of the songs that are excerpts of listed pieces, 0 to 1; a style, or a list without
        pieces, makes it 0.
    n_jobs : int
        Songs rendered at the same time.
    backend : {"loky", "dask", "ray"}
        See `mirkit.parallel.map_all`.
    shard : Shard, optional
        Only this part of the songs.
    progress : callable, optional
        Called after each song.

    Returns
    -------
    list of Outcome
        Song number to its folder, or to the error.

    Raises
    ------
    DatasetError
        If the list of sources is wrong or nothing in it may be used.
    ParameterError
        If a number is out of range.
    """
    if n_songs < 1 or seconds < 3 or not 0 <= pieces <= 1:
        raise ParameterError(
            f"need n_songs >= 1, seconds >= 3 and pieces in 0 to 1, got {n_songs}, {seconds} and {pieces}"
        )
    listed = read_sources(Path(sources)) if isinstance(sources, str | os.PathLike) else tuple(sources)
    chosen = usable(listed, split=split, trainable_only=trainable_only)
    check_pieces(listed)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    job = partial(
        write_song,
        folder,
        chosen,
        seconds=seconds,
        seed=seed,
        sample_rate=sample_rate,
        style=style,
        pieces=pieces,
    )
    songs = range(n_songs) if shard is None else shard.of(range(n_songs))
    return map_all(job, songs, n_jobs=n_jobs, backend=backend, progress=progress)


def write_song(
    folder: Path,
    sources: Sequence[Source],
    index: int,
    *,
    seconds: float,
    seed: int,
    sample_rate: int,
    style: str | None,
    pieces: float = 0.0,
) -> Path:
    """Compose, play, mix and write one song; return its folder, untouched if it is there already."""
    if existing := sorted(folder.glob(f"*_{seed}x{index:05d}")):
        return existing[0]
    rng = np.random.default_rng([seed, index])
    taken = compose_from_pieces(rng, sources, duration_s=seconds, share=0.0 if style else pieces)
    score = taken or compose(rng, duration_s=seconds, style=style)
    performances = play(rng, score, sources, sample_rate=sample_rate)
    stems = mix_down(rng, performances, sample_rate=sample_rate)
    artist = "".join(filter(str.isalnum, f"{performances[0].source.family} {score.style}".title()))
    song_id = f"{artist}_{seed}x{index:05d}"
    with replacing(folder / song_id, folder=True) as draft:
        _write(draft, song_id, artist, score, performances, stems, sample_rate)
    return folder / song_id


def _write(
    draft: Path,
    song_id: str,
    artist: str,
    score: Score,
    performances: Sequence[Performance],
    stems: Sequence[Samples],
    sample_rate: int,
) -> None:
    import yaml

    (draft / f"{song_id}_STEMS").mkdir()
    (draft / f"{song_id}_MIDI").mkdir()
    written = _write_audio(draft, song_id, stems, sample_rate)
    values = _write_activity(draft, song_id, written, sample_rate, performances)
    for k, performance in enumerate(performances, 1):
        _write_midi(draft / f"{song_id}_MIDI" / f"{song_id}_STEM_{k:02d}.mid", performance, score)
    metadata = _metadata(song_id, artist, score, performances)
    for stem, row, samples in zip(metadata["stems"].values(), values, written, strict=True):
        stem |= {"active_share": round(float(row.mean()), 3), "rms_db": _rms_db(samples)}
    metadata["simultaneous"] = _simultaneous(values, performances)
    metadata["rms_db"] = _rms_db(np.asarray(written).sum(axis=0, dtype=np.int32))
    text = yaml.safe_dump(metadata, sort_keys=True, allow_unicode=True)
    (draft / f"{song_id}_METADATA.yaml").write_text(text, "utf-8")


def play(
    rng: np.random.Generator, score: Score, sources: Sequence[Source], *, sample_rate: int
) -> list[Performance]:
    """Return every part of a score played by a source that can; parts that nobody can play are left out.

    Raises
    ------
    DatasetError
        If no part can be played.
    """
    bank = song_bank(rng, sources)
    performances = []
    with Synths(sample_rate) as synths:
        for part in score.parts:
            for choice in (sources, ()):  # a recording may lack every note of a part; the bank has them all
                source = choose_source(rng, part.instrument, choice, bank)
                done = source and perform(rng, part, source, synths, duration_s=score.duration_s)
                if done:
                    performances.append(done)
                    break
    if not performances:
        players = sorted({part.instrument for part in score.parts})
        raise DatasetError(f"no source plays any of {players}; add a sound bank or folders for them")
    return performances


def _write_audio(
    folder: Path, song_id: str, stems: Sequence[Samples], sample_rate: int
) -> list[npt.NDArray[np.int16]]:
    """Write stems in 16 bits and the mix as the sum of their integers; return them."""
    whole = [np.rint(stem * FULL_SCALE).astype(np.int16) for stem in stems]
    names = [f"{song_id}_STEMS/{song_id}_STEM_{k:02d}.flac" for k in range(1, len(whole) + 1)]
    total = np.asarray(np.sum(whole, axis=0, dtype=np.int32), np.int16)  # the limiter leaves 1 dB of room
    for name, samples in zip([*names, f"{song_id}_MIX.flac"], [*whole, total], strict=True):
        write_flac(folder / name, samples, sample_rate)
    return whole


def _write_activity(
    folder: Path,
    song_id: str,
    stems: Sequence[npt.NDArray[np.int16]],
    sample_rate: int,
    performances: Sequence[Performance],
) -> LabelFrames:
    """Write activity by both presets and MedleyDB's source ids; return the stems' activity by level."""
    import soxr

    mono = [stem.mean(axis=0, dtype=np.float32) / (FULL_SCALE + 1) for stem in stems]
    ids = tuple(f"S{k:02d}" for k in range(1, len(stems) + 1))
    values = level_activity(mono, sample_rate)
    hop_s = max(1, round(LEVEL_HOP_S * sample_rate)) / sample_rate
    activity = ActivityAnnotation(FrameGrid(0.0, hop_s, values.shape[1]), ids, values)
    formats.write_intervals_csv(folder / f"{song_id}_ACTIVITY.csv", activity.intervals())
    if sample_rate != CONFIDENCE_RATE:
        mono = [soxr.resample(y, sample_rate, CONFIDENCE_RATE, quality="HQ").astype(np.float32) for y in mono]
    confidence = activation_confidence(mono)
    published = ActivityAnnotation(
        FrameGrid(0.0, CONFIDENCE_HOP_S, confidence.shape[1]), ids, np.clip(confidence, 0, 1)
    )
    formats.write_activation_confidence(folder / f"{song_id}_ACTIVATION_CONF.lab", published)
    instruments = {key: [p.part.instrument] for key, p in zip(ids, performances, strict=True)}
    formats.write_source_id(folder / f"{song_id}_SOURCEID.lab", formats.source_id(published, instruments))
    return values


def _write_midi(path: Path, performance: Performance, score: Score) -> None:
    import mido

    part = performance.part
    drums = part.instrument in {"drum set", "drum machine"}
    ticks = 480 * score.tempo_bpm / 60
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(score.tempo_bpm)))
    track.append(mido.MetaMessage("track_name", name=part.instrument))
    if not performance.scored:
        track.append(mido.MetaMessage("text", text="recorded phrases: the notes are not known"))
    programs = INSTRUMENTS[part.instrument].programs
    channel = 9 if drums else 0
    if programs and not drums:
        track.append(mido.Message("program_change", program=programs[0], channel=channel))
    events = []
    for note in part.notes if performance.scored else part.notes[:0]:
        key = min(max(round(float(note["pitch_midi"])), 0), 127)
        start, end = float(note["onset_s"]), float(note["onset_s"] + note["duration_s"])
        events += [(round(start * ticks), 1, key, int(note["velocity"])), (round(end * ticks), 0, key, 0)]
    now = 0
    for tick, on, key, velocity in sorted(events):
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, note=key, velocity=velocity, time=tick - now, channel=channel))
        now = tick
    mido.MidiFile(ticks_per_beat=480, tracks=[track]).save(path)


def _simultaneous(values: LabelFrames, performances: Sequence[Performance]) -> list[float]:
    """Share of the frames in which 0, 1, 2 ... different instruments sound."""
    names = [p.part.instrument for p in performances]
    active = [
        values[[k for k, n in enumerate(names) if n == name]].any(axis=0) for name in sorted(set(names))
    ]
    counts = np.bincount(np.sum(active, axis=0), minlength=len(active) + 1)
    return [round(float(share), 4) for share in counts / counts.sum()]


def _rms_db(samples: npt.NDArray[Any]) -> float:
    power = float(np.mean((samples / (FULL_SCALE + 1)) ** 2))
    return round(10 * float(np.log10(max(power, 1e-12))), 2)


def _metadata(song_id: str, artist: str, score: Score, performances: Sequence[Performance]) -> dict[str, Any]:
    stems: dict[str, Any] = {}
    for k, performance in enumerate(performances, 1):
        stems[f"S{k:02d}"] = {
            "component": {"bass": "bass", "lead": "melody"}.get(performance.part.role, ""),
            "filename": f"{song_id}_STEM_{k:02d}.flac",
            "instrument": performance.part.instrument,
            "midi": f"{song_id}_STEM_{k:02d}.mid",
            "role": performance.part.role,
            "source": {"name": performance.source.name, "family": performance.source.family,
                       "licence": performance.source.licence, "preset": performance.preset},
            "raw": {},
        }  # fmt: skip
    singers = any("singer" in p.part.instrument for p in performances)
    credit = credits_of(score)
    from_piece = set(credit.pop("licences", ()))
    return {
        "album": "", "artist": artist, "composer": ["mirkit"], "excerpt": "no", "genre": score.style,
        "has_bleed": "no", "instrumental": "no" if singers else "yes", "mix_filename": f"{song_id}_MIX.flac",
        "origin": "mirkit synthesis", "producer": ["mirkit"], "raw_dir": "", "stem_dir": f"{song_id}_STEMS",
        "stems": stems, "title": song_id.split("_")[1], "version": "1.0", "website": [],
        "key": score.key, "metre": score.metre, "tempo_bpm": score.tempo_bpm,
        "families": sorted({p.source.family for p in performances}),
        "licences": sorted({f"{p.source.name}: {p.source.licence}" for p in performances} | from_piece),
        "sections": [{"name": s.name, "start_s": s.start_s, "end_s": s.end_s} for s in score.sections],
    } | credit  # fmt: skip

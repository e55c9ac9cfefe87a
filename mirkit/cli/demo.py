"""``mirkit demo``: every task on what comes with mirkit, as one page to listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _batch, _options

if TYPE_CHECKING:
    from mirkit.annotation import ActivityAnnotation
    from mirkit.audio import Audio
    from mirkit.report import Section


@click.command("demo")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("mirkit-demo.html"), show_default=True,
    help="HTML file; replaced if it is there.",
)  # fmt: skip
@_options.progress
def command(output: Path, progress: Any) -> None:
    """Run every task on the bundled examples and make one page to listen to; it needs no network."""
    from mirkit.report import Page

    if output.suffix.lower() not in {".html", ".htm"}:
        raise click.UsageError(f"--output {output}: wanted a name that ends in .html")
    _batch.check_writable(output)
    report = _options.reporter(progress, "tasks")
    sections: list[Section] = []
    for done, task in enumerate(TASKS, 1):
        sections.extend(task())
        if report is not None:
            report(done, len(TASKS))
    Page(sections, title="mirkit demo").write(output)
    size_mb = output.stat().st_size / 1e6
    click.echo(
        f"{output}: {len(sections)} results, {size_mb:.1f} MB. Open it in a browser.\n"
        "Your own music: mirkit separation predict SONG.mp3 -o stems && mirkit report stems\n"
        "What the models are, and what they are not: mirkit models list"
    )


def _separation() -> Iterator[Section]:
    from mirkit import examples, separation
    from mirkit.annotation import Taxonomy
    from mirkit.report import Deck, Track
    from mirkit.separation.metrics import sdr
    from mirkit.separation.report import describe

    song, model = examples.multitrack(), separation.load()
    mixture = song.mix()
    result = separation.predict(model, mixture)
    true = song.grouped(Taxonomy.load("stems6"))
    scores = {
        "SDR of the mixture": {name: sdr(stem.samples, mixture.samples) for name, stem in true.items()},
        "SDR": {name: sdr(stem.samples, result.stems[name].samples) for name, stem in true.items()},
    }
    truth = Deck([Track(name, stem) for name, stem in true.items()], name="The true stems, to compare")
    facts = {"model": model.name, "song": "composed and played by mirkit; no stem of it trained the model"}
    yield describe(result, title="A song into its instruments", facts=facts, scores_db=scores, more=[truth])


def _activity() -> Iterator[Section]:
    from mirkit import activity, examples
    from mirkit.activity.report import describe
    from mirkit.annotation import Taxonomy

    model, song = activity.load(), examples.multitrack()
    played, truth = song.mix(), song.activity(Taxonomy.load(model.config.taxonomy))
    recorded, known = _one_after_another(truth.labels)
    for title, sound, true in (
        ("Who plays when", played, truth),
        ("Four recordings, one after another", recorded, known),
    ):
        result = activity.predict(model, sound)
        decided = activity.decide(model, result, end_s=sound.duration_s)
        facts = {"model": model.name}
        yield describe(result, audio=sound, intervals=decided, truth=true, title=title, facts=facts)


def _one_after_another(labels: tuple[str, ...]) -> tuple[Audio, ActivityAnnotation]:
    """Return the bundled recordings of single instruments as one, and what is to be heard in them."""
    import numpy as np

    from mirkit import examples, read
    from mirkit.annotation import ActivityAnnotation
    from mirkit.audio import Audio
    from mirkit.dsp import FrameGrid

    rate, most_s = 44100, 9.0
    sounds = [read(examples.path(name)).mono().resample(rate) for name in RECORDED]
    parts = [sound.excerpt(0.0, min(most_s, sound.duration_s)).samples[0] for sound in sounds]
    starts_s = np.cumsum([0, *(len(part) for part in parts)]) / rate
    grid = FrameGrid(0.0, 0.1, round(starts_s[-1] / 0.1))
    values = np.zeros((len(labels), grid.n_frames), np.float32)
    for label, start_s, end_s in zip(RECORDED.values(), starts_s[:-1], starts_s[1:], strict=True):
        values[labels.index(label), grid.index(start_s) : grid.index(end_s)] = 1.0
    return Audio(np.concatenate(parts)[np.newaxis], rate), ActivityAnnotation(grid, labels, values)


RECORDED = {
    "acoustic_guitar_chords": "acoustic guitar",
    "tabla": "tabla",
    "electric_guitar": "clean electric guitar",
    "sung_scale": "male singer",
}
"""Recording to what plays in it."""


def _sampling() -> Iterator[Section]:
    from mirkit import examples, sampling
    from mirkit.sampling.report import describe

    model = sampling.load()
    for pair in examples.pairs().items:
        sample, song = pair.sample_audio(), pair.song_audio()
        result = sampling.predict(model, sample, song)
        yield describe(
            result,
            sample=sample,
            song=song,
            truth=pair.truth,
            title=SONGS[pair.song],
            facts={"model": model.name},
        )


SONGS = {
    "transposed": "A sample, three semitones up",
    "stretched": "The same sample, faster",
    "decoy": "A song in the same key and tempo, without it",
}


def _assessment() -> Iterator[Section]:
    from mirkit import assessment, examples, read
    from mirkit.assessment.report import describe

    model = assessment.load()
    for item in examples.performances().items:
        if item.group not in TAKES:
            continue
        sound = read(item.recording)
        result = assessment.predict(model, sound, score=item.read_score())
        facts = {"model": model.name, "score": "theme of Beethoven's ninth symphony"}
        yield describe(result, audio=sound, title=TAKES[item.group], facts=facts)


TAKES = {"anna": "A performance over its score", "finn": "The same melody, with much to say about it"}

TASKS: tuple[Callable[[], Iterator[Section]], ...] = (_separation, _activity, _sampling, _assessment)

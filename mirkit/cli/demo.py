"""``mirkit demo``: every task on what comes with mirkit, as one page to listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirkit.cli import _options

if TYPE_CHECKING:
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
    from mirkit import activity, examples, read
    from mirkit.activity.report import describe
    from mirkit.annotation import Taxonomy

    model, song = activity.load(), examples.multitrack()
    sounds = {"Who plays when": song.mix()}
    sounds |= {name.replace("_", " ").capitalize(): read(examples.path(name)) for name in examples.names()}
    truth = song.activity(Taxonomy.load(model.config.taxonomy))
    for title, sound in sounds.items():
        result = activity.predict(model, sound)
        yield describe(
            result,
            audio=sound,
            intervals=activity.decide(model, result, end_s=sound.duration_s),
            truth=truth if title == "Who plays when" else None,
            title=title,
            facts={"model": model.name},
        )


def _assessment() -> Iterator[Section]:
    from mirkit import assessment, examples, read
    from mirkit.assessment.report import describe

    model, sound = assessment.load(), read(examples.path("sung_scale"))
    scale = assessment.Score.from_rows([(beat, 1, 60 + step) for beat, step in enumerate(C_MAJOR_ST)])
    result = assessment.predict(model, sound, score=scale)
    facts = {"model": model.name, "score": "C major up to the octave, which the singer leaves out"}
    yield describe(result, audio=sound, title="A sung scale against its score", facts=facts)


C_MAJOR_ST = (0, 2, 4, 5, 7, 9, 11, 12)

TASKS: tuple[Callable[[], Iterator[Section]], ...] = (_separation, _activity, _assessment)

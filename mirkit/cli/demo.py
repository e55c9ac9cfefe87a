"""``mirkit demo``: the first answer, on recordings that come with mirkit."""

from __future__ import annotations

from pathlib import Path

import click

from mirkit.cli import _options, activity


@click.command("demo")
@_options.output("mirkit-demo")
@_options.progress
@click.pass_context
def command(context: click.Context, output: Path, progress: str) -> None:
    """Find the instruments in the bundled recordings, and say what to open."""
    from mirkit import examples

    recordings = tuple(examples.path(name) for name in examples.names())
    context.invoke(
        activity.predict, inputs=recordings, output=output, existing="overwrite", progress=progress
    )
    figures = ", ".join(str(output / path.stem / "timeline.png") for path in recordings)
    click.echo(
        f"Open {figures}.\n"
        "Beside each: activity.csv (a probability for each second), intervals.csv, labels.txt for Audacity.\n"
        "Your own music: mirkit activity predict SONG.mp3\n"
        "What the model is, and what it is not: mirkit models show activity-default"
    )

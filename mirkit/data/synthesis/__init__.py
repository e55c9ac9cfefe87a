"""Labelled multitracks in any amount: compose, perform with sound banks and recordings, mix, write.

The steps are separate: `compose` makes a `Score` out of a seed; a renderer for each kind of source
(`Source`) plays
its parts; the mixer makes stems whose sum is the mix; `synthesize` does all of it and writes MedleyDB's
layout.
"""

from __future__ import annotations

from mirkit.data.synthesis.composer import compose
from mirkit.data.synthesis.notes import NOTE, Part, Score, Section
from mirkit.data.synthesis.songs import synthesize
from mirkit.data.synthesis.sources import Source, read_sources
from mirkit.data.synthesis.statistics import describe, to_markdown

__all__ = [
    "NOTE",
    "Part",
    "Score",
    "Section",
    "Source",
    "compose",
    "describe",
    "read_sources",
    "synthesize",
    "to_markdown",
]

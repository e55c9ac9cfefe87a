"""What sounds when: label vocabularies, activity on a frame grid, labelled intervals, their files."""

from __future__ import annotations

from mirkit.annotation.activity import ACTIVE, ActivityAnnotation, Pooling
from mirkit.annotation.intervals import Intervals
from mirkit.annotation.taxonomy import Taxonomy

__all__ = ["ACTIVE", "ActivityAnnotation", "Intervals", "Pooling", "Taxonomy"]

"""Data sets: readers for their layouts, splits by artist, checks, and the builder of new ones."""

from __future__ import annotations

from mirkit.data.dataset import Dataset, Problem, TrackSet
from mirkit.data.layouts import open_dataset, read_split

__all__ = ["Dataset", "Problem", "TrackSet", "open_dataset", "read_split"]

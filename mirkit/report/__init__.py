"""Pages to listen to: results as one HTML file with player, pictures and tables, for any browser, offline.

Each task describes its result as a `Section` (``mirkit/<task>/report.py``); sections make a `Page`.
"""

from mirkit.report.description import (
    Action,
    Clip,
    Deck,
    Matrix,
    Note,
    Panel,
    Path,
    Pitch,
    Region,
    Ribbons,
    Row,
    Section,
    Table,
    Track,
)
from mirkit.report.page import Page, player

__all__ = [
    "Action",
    "Clip",
    "Deck",
    "Matrix",
    "Note",
    "Page",
    "Panel",
    "Path",
    "Pitch",
    "Region",
    "Ribbons",
    "Row",
    "Section",
    "Table",
    "Track",
    "player",
]

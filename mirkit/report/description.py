"""What a page shows, as plain values: sounds on one clock, and what lies under the same time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mirkit._typing import LabelFrames, Times
from mirkit.audio import Audio
from mirkit.dsp import FrameGrid
from mirkit.errors import ParameterError

__all__ = [
    "Action",
    "Clip",
    "Deck",
    "Matrix",
    "Note",
    "Panel",
    "Path",
    "Pitch",
    "Region",
    "Ribbons",
    "Row",
    "Section",
    "Table",
    "Track",
]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A sound of a deck: all tracks of a deck start together.

    Parameters
    ----------
    name : str
        Shown beside the waveform and read out by screen readers.
    audio : Audio
        More than two channels are mixed to mono.
    original : bool
        What the other tracks came from: heard instead of them, never with them.
    muted : bool
        Silent until it is asked for.
    activity : tuple of FrameGrid and ndarray, optional
        How active the track is, in [0, 1], one value a frame; a strip below the waveform.

    Examples
    --------
    >>> Track("vocals", Audio(np.zeros((1, 8000), np.float32), 8000)).original
    False
    """

    name: str
    audio: Audio
    original: bool = False
    muted: bool = False
    activity: tuple[FrameGrid, np.ndarray] | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a deck that is marked on its waveforms.

    Parameters
    ----------
    start_s, end_s : float
        Seconds.
    label : str
        A few characters.
    good : bool
        Marked as a find, else as a fault.
    """

    start_s: float
    end_s: float
    label: str
    good: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Ribbons:
    """A row for each label, darker where its value is larger.

    Parameters
    ----------
    labels : tuple of str
        Names of the rows.
    grid : FrameGrid
        Times of the frames.
    values : ndarray of shape (n_labels, n_frames)
        In [0, 1]; NaN is unknown.
    spans : sequence of tuple of float, float and str
        Start, end and label of what was decided, drawn as a line under the row.
    name : str
        Heading.

    Raises
    ------
    ParameterError
        If the shape of the values does not fit labels and grid.

    Examples
    --------
    >>> Ribbons(("piano",), FrameGrid(0.0, 1.0, 2), np.array([[0.1, 0.9]]), [(1.0, 2.0, "piano")]).labels
    ('piano',)
    """

    labels: tuple[str, ...]
    grid: FrameGrid
    values: LabelFrames
    spans: Sequence[tuple[float, float, str]] = ()
    name: str = "activity"

    def __post_init__(self) -> None:
        wanted = (len(self.labels), self.grid.n_frames)
        if self.values.shape != wanted:
            raise ParameterError(
                f"values must have shape (n_labels, n_frames) = {wanted}, got {self.values.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A line through a matrix.

    Parameters
    ----------
    times_s : ndarray of shape (n_points, 2)
        Time along the columns, time along the rows, seconds.
    label : str
        A few characters at its end.
    good : bool
        A find, else a candidate that was refused.
    """

    times_s: np.ndarray
    label: str
    good: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A picture whose columns lie on the deck's time axis: small values are dark.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Finite; such as distances.
    rows, columns : FrameGrid
        Times of the axes.
    paths : sequence of Path
        Lines on it.
    name : str
        Heading.
    row_name : str
        What the vertical axis is the time of.

    Raises
    ------
    ParameterError
        If the shape of the values does not fit the axes.
    """

    values: np.ndarray
    rows: FrameGrid
    columns: FrameGrid
    paths: Sequence[Path] = ()
    name: str = "distance"
    row_name: str = ""

    def __post_init__(self) -> None:
        wanted = (self.rows.n_frames, self.columns.n_frames)
        if self.values.shape != wanted:
            raise ParameterError(
                f"values must have shape (n_rows, n_columns) = {wanted}, got {self.values.shape}"
            )


@dataclass(frozen=True, slots=True)
class Note:
    """A note as a box over time and pitch.

    Parameters
    ----------
    onset_s, duration_s : float
        Seconds on the deck's time axis.
    pitch_midi : float
        60 is middle C.
    fault : str
        What is wrong with it; empty if nothing is.
    """

    onset_s: float
    duration_s: float
    pitch_midi: float
    fault: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Pitch:
    """A pitch contour over the notes of a score.

    Parameters
    ----------
    times_s : ndarray of shape (n_points,)
        Seconds.
    pitch_midi : ndarray of shape (n_points,)
        NaN where there is no pitch.
    notes : sequence of Note
        What should sound.
    name : str
        Heading.

    Raises
    ------
    ParameterError
        If times and pitches differ in number.
    """

    times_s: Times
    pitch_midi: np.ndarray
    notes: Sequence[Note] = ()
    name: str = "pitch"

    def __post_init__(self) -> None:
        if self.times_s.shape != self.pitch_midi.shape or self.times_s.ndim != 1:
            raise ParameterError(
                f"times_s and pitch_midi must have one shape (n_points,), got {self.times_s.shape} "
                f"and {self.pitch_midi.shape}"
            )


Panel = Ribbons | Matrix | Pitch
"""What can lie below the waveforms of a deck."""


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """Tracks with one clock, and panels on the same time axis.

    Parameters
    ----------
    tracks : sequence of Track
        All of one sample rate; shorter ones end in silence. None for panels without sound.
    panels : sequence of Ribbons, Matrix or Pitch
        Below the waveforms.
    regions : sequence of Region
        Marked on the waveforms.
    name : str
        Heading; needed where a section has several decks.

    Raises
    ------
    ParameterError
        If the tracks differ in rate, or there is neither a track nor a panel.

    Examples
    --------
    >>> sound = Audio(np.zeros((1, 16000), np.float32), 8000)
    >>> Deck([Track("song", sound)]).duration_s
    2.0
    """

    tracks: Sequence[Track] = ()
    panels: Sequence[Panel] = ()
    regions: Sequence[Region] = ()
    name: str = ""

    def __post_init__(self) -> None:
        rates = sorted({track.audio.sample_rate for track in self.tracks})
        if len(rates) > 1:
            raise ParameterError(f"tracks of a deck must have one sample rate, got {rates}; resample first")
        if not self.tracks and not self.panels:
            raise ParameterError("a deck needs a track or a panel")

    @property
    def duration_s(self) -> float:
        """Length of the longest track, or of the panels if there is no track."""
        if self.tracks:
            return max(track.audio.duration_s for track in self.tracks)
        return max(_end_s(panel) for panel in self.panels)


def _end_s(panel: Panel) -> float:
    if isinstance(panel, Ribbons):
        return panel.grid.end_s
    if isinstance(panel, Matrix):
        return panel.columns.end_s
    ends = [note.onset_s + note.duration_s for note in panel.notes]
    return float(max([*ends, *panel.times_s[-1:]], default=0.0))


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a deck to play.

    Parameters
    ----------
    deck : int
        Number of the deck within its section.
    start_s, end_s : float
        Seconds.
    """

    deck: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Action:
    """A button in a table: what it plays, one clip after the other.

    Parameters
    ----------
    label : str
        Text of the button.
    clips : tuple of Clip
        Played in turn.
    """

    label: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    cells : tuple of str
        One for each column.
    actions : tuple of Action
        Buttons at the end of the row.
    """

    cells: tuple[str, ...]
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text with buttons that play what they speak of.

    Parameters
    ----------
    name : str
        Heading.
    columns : tuple of str
        Headings of the columns.
    rows : sequence of Row
        With as many cells as columns.
    folded : bool
        Shown when asked for.

    Raises
    ------
    ParameterError
        If a row has another number of cells than there are columns.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ParameterError(
                    f"table {self.name!r}: a row has {len(row.cells)} cells for {len(self.columns)} columns"
                )


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One result: a heading, some facts, decks and tables.

    Parameters
    ----------
    task : str
        Small heading, such as ``separation``.
    title : str
        Heading, such as the name of the song.
    decks : sequence of Deck
        What can be heard.
    tables : sequence of Table
        Below the decks.
    facts : mapping of str to str
        Shown in one line: model, length and the like.
    text : str
        A sentence or two on what to look and listen for.

    Examples
    --------
    >>> silence = Track("song", Audio(np.zeros((1, 8000), np.float32), 8000))
    >>> Section("separation", "A song", [Deck([silence])]).title
    'A song'
    """

    task: str
    title: str
    decks: Sequence[Deck] = ()
    tables: Sequence[Table] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

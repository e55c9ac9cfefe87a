"""Who made a song: artist names normalised, so that they agree across data sets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Entry", "artist_groups", "artist_keys", "leaks", "title_of"]

# Spellings under which the same artist appears in different data sets, after `_key`.
ALIASES = {
    "musicdeltamultitracks": "musicdelta",
    "caitlinmichelleremmel": "brandonwebster",
    "cameronmitchellware": "brandonwebster",
    "mountaineeringcluborchestra": "mountaineeringclub",
}
NOBODY = frozenset({"", "unknown", "various", "variousartists", "na", "none"})
JOINED = re.compile(r"\s*(?:[&,;/+]|\bfeat(?:uring)?\b\.?|\bft\b\.?)\s*", re.IGNORECASE)
AND = re.compile(r"\b[Aa]nd\b|(?<=[a-z])And(?=[A-Z])|&")
MIX_RESCUE = re.compile(r"MR\d{4}_(.+)")  # Mixing Secrets' ids from that series name the artist last


@dataclass(frozen=True, slots=True)
class Entry:
    """What a split needs to know of a song.

    Parameters
    ----------
    key : str
        Name in the split file: the song's id, preceded by its data set and a slash where several
        data sets are split together.
    artist, title : str
        Empty if unknown.
    instruments : tuple of str
        Source labels.
    bleed : bool
        Whether stems hold sound of each other.
    families : tuple of str
        Families of sounds and pieces in a synthesised song; like artists, they bind songs together.
    """

    key: str
    artist: str
    title: str
    instruments: tuple[str, ...] = ()
    bleed: bool = False
    families: tuple[str, ...] = ()


def artist_keys(artist: str, key: str = "") -> frozenset[str]:
    """Return the normalised names of the artists of a song; two songs with one in common belong together.

    Parameters
    ----------
    artist : str
        As a data set writes it; several names joined by ``&``, commas or ``feat.`` count each.
    key : str
        The song's key: ``MR1210_JamesMay`` in Mixing Secrets names its artist there.

    Returns
    -------
    frozenset of str
        Empty if the artist is unknown.

    Examples
    --------
    >>> artist_keys("The Clara Berry and Wooldog") == artist_keys("ClaraBerryAndWooldog")
    True
    >>> sorted(artist_keys("Liz Nelson & Jennifer Davies"))
    ['jenniferdavies', 'liznelson', 'liznelsonjenniferdavies']
    """
    whole = [artist]
    if match := MIX_RESCUE.fullmatch(key.rpartition("/")[2]):
        whole.append(match.group(1))
    # Parts of a few letters, as of AC/DC, tell nobody apart.
    parts = {part for part in map(_key, JOINED.split(artist)) if len(part) > 3}
    keys = ({_key(name) for name in whole} | parts) - NOBODY
    return frozenset(ALIASES.get(name, name) for name in keys)


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", AND.sub(" ", name)).casefold()
    key = "".join(letter for letter in plain if letter.isalnum())
    return key[3:] if key.startswith("the") and len(key) > 5 else key


def title_of(name: str) -> str:
    """Return the title in ``Artist_Title`` or ``Artist - Title``.

    Examples
    --------
    >>> title_of("LizNelson_Rainfall"), title_of("Music Delta - 80s Rock")
    ('Rainfall', '80s Rock')
    """
    return re.split(r" - |_", name, maxsplit=1)[-1]


def artist_groups(songs: Sequence[Entry]) -> list[list[int]]:
    """Return the indices of songs that must stay together, one list for each group.

    Parameters
    ----------
    songs : sequence of Entry
        Songs; those without an artist go with all songs of the same title.

    Returns
    -------
    list of list of int
        Every index once.
    """
    root = list(range(len(songs)))

    def find(k: int) -> int:
        while root[k] != k:
            root[k] = root[root[k]]  # halving the path keeps it short
            k = root[k]
        return k

    first: dict[str, int] = {}
    for k, song in enumerate(songs):
        bonds = artist_keys(song.artist, song.key) | {f"family {name}" for name in song.families}
        for key in sorted(bonds):
            root[find(k)] = find(first.setdefault(key, k))
    named: dict[str, list[int]] = {}
    for k, song in enumerate(songs):
        named.setdefault(_key(song.title), []).append(k)
    for title, members in named.items():
        if title and any(not artist_keys(songs[k].artist, songs[k].key) for k in members):
            for k in members:
                root[find(k)] = find(members[0])
    groups: dict[int, list[int]] = {}
    for k in range(len(songs)):
        groups.setdefault(find(k), []).append(k)
    return list(groups.values())


def leaks(one: str, left: Sequence[Entry], other: str, right: Sequence[Entry]) -> Iterator[str]:
    """Yield a sentence for each song of one part that is linked to a song of another.

    Parameters
    ----------
    one, other : str
        Names of the parts.
    left, right : sequence of Entry
        Their songs.

    Yields
    ------
    str
        Names both songs and the artist, or says that it is the same song.
    """
    songs = [*left, *right]
    for group in artist_groups(songs):
        here = [songs[k] for k in group if k < len(left)]
        there = [songs[k] for k in group if k >= len(left)]
        for song in here if there else []:
            same = [match for match in there if _key(match.title) == _key(song.title) != ""]
            kin = [match for match in there if set(song.families) & set(match.families)]
            match = (same or kin or there)[0]
            what = "the same song" if same else f"artist {song.artist or match.artist!r}"
            if kin and not same:
                what = f"family of sounds {min(set(song.families) & set(match.families))!r}"
            yield f"{what}: {song.key!r} in {one!r}, {match.key!r} in {other!r}"

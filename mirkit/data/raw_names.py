"""What the file name of a raw track tells about its instrument."""

from __future__ import annotations

import re

from mirkit.annotation import Taxonomy

__all__ = ["MERGED", "instrument_of_raw", "merged_stem", "words_of"]

MERGED = {
    "drums": (
        "drum set",
        (
            "kick",
            "snare",
            "overhead",
            "tom",
            "drum",
            "hat",
            "cymbal",
            "sharedown",
            "ride",
            "crash",
            "cowbell",
            "sticks",
        ),
    ),
    "synth": ("synthesizer", ("synth",)),
    "loop": ("drum machine", ("loop",)),
    "sfx": ("fx/processed sound", ("sfx",)),
}
"""Mixing Secrets' rule: stem -> its instrument, and the parts of raw names that put a raw track into it."""

# Words of engineers -> labels of MedleyDB, or labels that the taxonomies call ambiguous.
SYNONYMS = {
    "acoustic gtr": "acoustic guitar", "ac gtr": "acoustic guitar", "aco gtr": "acoustic guitar",
    "elec gtr": "electric guitar", "electric gtr": "electric guitar", "nylon gtr": "acoustic guitar",
    "bass di": "electric bass", "bass amp": "electric bass", "bass mic": "electric bass",
    "bass pod": "electric bass", "bass guitar": "electric bass", "bass gtr": "electric bass",
    "upright bass": "double bass", "synth bass": "bass synth", "sub": "subbass",
    "vox": "vocalists", "vocal": "vocalists", "vocals": "vocalists", "lead vox": "vocalists",
    "lead double": "vocalists", "backing vox": "vocalists", "bgv": "vocalists", "bvs": "vocalists",
    "female vox": "female singer", "male vox": "male singer", "rap": "male rapper",
    "perc": "auxiliary percussion", "percussion": "auxiliary percussion", "tamb": "tambourine",
    "strings": "string section", "brass": "brass section", "horns": "horn section",
    "violins": "violin section", "violas": "viola section", "cellos": "cello section",
    "rhodes": "electric piano", "wurli": "electric piano", "elec piano": "electric piano",
    "organ": "electronic organ", "hammond": "electronic organ",
    "uke": "ukulele", "ukelele": "ukulele", "fx": "fx/processed sound", "noise": "fx/processed sound",
}  # fmt: skip


def merged_stem(raw_name: str) -> str | None:
    """Return which stem of several raw tracks a raw track belongs to, if any.

    Parameters
    ----------
    raw_name : str
        File name without suffix, such as ``03_SnareUp``.

    Returns
    -------
    str or None
        A key of `MERGED`, or None for a stem of its own.

    Examples
    --------
    >>> merged_stem("03_SnareUp"), merged_stem("12_Synth2"), merged_stem("05_BassDI")
    ('drums', 'synth', None)
    """
    name = raw_name.lower()
    return next((stem for stem, (_, parts) in MERGED.items() if any(part in name for part in parts)), None)


def instrument_of_raw(raw_name: str, taxonomies: tuple[Taxonomy, ...]) -> tuple[str, bool]:
    """Return the source label of a raw track and whether a taxonomy knows it.

    Numbers are left out, then words from the end (``DI``, ``Mic``, ``DT``) until the rest is known.

    Parameters
    ----------
    raw_name : str
        File name without suffix, such as ``08_ElecGtr3DT``.
    taxonomies : tuple of Taxonomy
        Vocabularies.

    Returns
    -------
    label : str
        In lower case; all words if none is known.
    known : bool

    Examples
    --------
    >>> known = (Taxonomy.load("instruments18"),)
    >>> instrument_of_raw("04_ViolinDI2", known), instrument_of_raw("09_Thing", known)
    (('violin', True), ('thing', False))
    """
    words = words_of(raw_name)
    for n_words in range(len(words), 0, -1):
        for joint in (" ", ""):
            name = joint.join(words[:n_words])
            label = SYNONYMS.get(name, name)
            if any(not taxonomy.unmapped([label]) for taxonomy in taxonomies):
                return label, True
    return " ".join(words) or raw_name.lower(), False


def words_of(raw_name: str) -> list[str]:
    """Return the words of a name in camel case or with separators, in lower case, without numbers.

    Examples
    --------
    >>> words_of("08_ElecGtr3DT"), words_of("11_lead-vox 2")
    (['elec', 'gtr', 'dt'], ['lead', 'vox'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+", raw_name)]

"""Label vocabularies: which source labels mean which class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from mirkit._reading import read_plain_yaml, reading
from mirkit.errors import AnnotationError, ParameterError

__all__ = ["Taxonomy"]


def _normalise(raw: str) -> str:
    return re.sub(r"[\s_\-]+", " ", raw).strip().casefold()


@dataclass(frozen=True, slots=True, eq=False)
class Taxonomy:
    """A fixed list of classes and the source labels that mean each of them.

    Parameters
    ----------
    name : str
        Identifies the taxonomy in checkpoints and results.
    labels : tuple of str
        Classes in their fixed order.
    aliases : mapping of str to str
        Source label to class; case, underscores and hyphens do not matter. Every class is its own alias.
    ambiguous : mapping of str to tuple of str
        Source label to the classes of which it is one, nobody knows which: those classes become
        unknown (NaN) while the label sounds.
    outside : frozenset of str
        Source labels known to be none of the classes.

    Raises
    ------
    AnnotationError
        If a class is listed twice or an alias points to a class that does not exist.

    Examples
    --------
    >>> taxonomy = Taxonomy.load("instruments18")
    >>> taxonomy.canonical("Tenor_Saxophone"), taxonomy.canonical("kazoo"), taxonomy.index("piano")
    ('saxophone', None, 7)
    """

    name: str
    labels: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise AnnotationError(f"taxonomy {self.name!r} lists a class twice: {list(self.labels)}")
        aliases = {_normalise(raw): label for raw, label in self.aliases.items()}
        aliases |= {_normalise(label): label for label in self.labels}
        ambiguous = {_normalise(raw): tuple(labels) for raw, labels in self.ambiguous.items()}
        named = set(aliases.values()).union(*ambiguous.values())
        if wrong := sorted(named - set(self.labels)):
            raise AnnotationError(f"taxonomy {self.name!r} maps to {wrong}, which are not among its classes")
        if twice := sorted(set(aliases) & set(ambiguous)):
            raise AnnotationError(
                f"taxonomy {self.name!r} calls {twice} both an alias and ambiguous; keep one"
            )
        object.__setattr__(self, "aliases", MappingProxyType(aliases))
        object.__setattr__(self, "ambiguous", MappingProxyType(ambiguous))
        object.__setattr__(self, "outside", frozenset(_normalise(raw) for raw in self.outside))

    @classmethod
    def load(cls, name_or_file: str | Path) -> Taxonomy:
        """Return a bundled taxonomy by name (``instruments18``, ``stems6``) or one from a YAML file.

        Parameters
        ----------
        name_or_file : str or Path
            Name, or path of a file with the keys ``labels`` (class to list of source labels),
            ``ambiguous`` (source label to list of classes) and ``outside`` (list).

        Returns
        -------
        Taxonomy

        Raises
        ------
        AnnotationError
            If there is no such taxonomy or its keys are not these.
        """
        bundled = resources.files("mirkit") / "taxonomies" / f"{name_or_file}.yaml"
        source = bundled if bundled.is_file() else Path(name_or_file)
        if not source.is_file():
            raise AnnotationError(
                f"no taxonomy {str(name_or_file)!r}; use 'instruments18', 'stems6' or the path of a YAML file"
            )
        with reading(str(source), AnnotationError, "a taxonomy 'labels: {class: [source label, ...]}'"):
            content = read_plain_yaml(Path(str(source)), AnnotationError)
            aliases = {raw: label for label, raws in content["labels"].items() for raw in raws or ()}
            every = tuple(content["labels"])
            ambiguous = {
                raw: every if labels == "any" else tuple(labels)
                for raw, labels in content.get("ambiguous", {}).items()
            }
            outside = frozenset(content.get("outside", ()))
            return cls(Path(str(name_or_file)).stem, every, aliases, ambiguous, outside)

    def canonical(self, raw: str) -> str | None:
        """Return the class of a source label, or None if it is outside, ambiguous or not known."""
        return self.aliases.get(_normalise(raw))

    def possible(self, raw: str) -> tuple[str, ...]:
        """Return the classes that a source label may be: one, several, none, or all if it is not known."""
        label, name = self.canonical(raw), _normalise(raw)
        if label is not None:
            return (label,)
        return () if name in self.outside else self.ambiguous.get(name, self.labels)

    def index(self, label: str) -> int:
        """Return the position of a class; `ParameterError` if it is none."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise ParameterError(
                f"{label!r} is not a class of {self.name!r}; its classes are {', '.join(self.labels)}"
            ) from None

    def unmapped(self, raws: Iterable[str]) -> list[str]:
        """Return the source labels about which the taxonomy says nothing, sorted."""
        known = (self.aliases, self.ambiguous, self.outside)
        return sorted({raw for raw in raws if not any(_normalise(raw) in names for names in known)})

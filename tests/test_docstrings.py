"""Every public function and class is documented as numpydoc wants it, with an example."""

from __future__ import annotations

import importlib
import inspect

import pytest
from numpydoc.validate import validate

MODULES = (
    "mirkit",
    "mirkit.activity",
    "mirkit.annotation",
    "mirkit.annotation.formats",
    "mirkit.activation",
    "mirkit.assessment",
    "mirkit.assessment.alignment",
    "mirkit.assessment.descriptors",
    "mirkit.assessment.dtw",
    "mirkit.assessment.metrics",
    "mirkit.assessment.pitch",
    "mirkit.assessment.plots",
    "mirkit.assessment.protocol",
    "mirkit.assessment.regression",
    "mirkit.assessment.score",
    "mirkit.assessment.segmentation",
    "mirkit.audio",
    "mirkit.checkpoint",
    "mirkit.data",
    "mirkit.dsp",
    "mirkit.examples",
    "mirkit.multitrack",
    "mirkit.parallel",
    "mirkit.separation",
    "mirkit.separation.bss",
    "mirkit.separation.metrics",
    "mirkit.separation.plots",
    "mirkit.separation.unmix",
    "mirkit.separation.wiener",
)

REQUIRED = {
    "GL08": "no docstring",
    "PR01": "parameters not documented",
    "PR02": "unknown parameters documented",
    "PR03": "wrong order of parameters",
    "RT01": "no Returns section",
    "SS01": "no summary",
    "SS06": "summary longer than a line",
}

BRIEF = ("read_", "write_", "to_", "save")
"""Names that say all: one line is enough for a reader or writer of a format."""


def public_objects() -> dict[str, object]:
    """Return name to object for functions and classes of the public modules."""
    found: dict[str, object] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in module.__all__:
            thing = getattr(module, attribute)
            if getattr(thing, "_is_protocol", False):  # says what others must have; takes nothing itself
                continue
            documented = inspect.isfunction(thing) or inspect.isclass(thing)
            if documented and thing.__module__.startswith("mirkit"):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


OBJECTS = public_objects()


def test_there_is_something_to_check():
    assert len(OBJECTS) > 50


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_docstrings_are_complete(name):
    required = set(REQUIRED)
    if name.rpartition(".")[2].startswith(BRIEF):
        required -= {"PR01", "RT01"}
    docstring = inspect.getdoc(OBJECTS[name]) or ""
    if "Yields\n" in docstring:
        required.discard("RT01")
    if inspect.isclass(OBJECTS[name]) and "made by `" in docstring:  # nobody calls it
        required.discard("PR01")
    errors = [(code, text) for code, text in validate(name)["errors"] if code in required]
    assert errors == []

"""Pages that are made from the package: the reference from its modules, the models from their cards."""

from __future__ import annotations

import importlib
import inspect
import json
import shutil
from importlib import resources
from pathlib import Path

MODULES = {
    "Sound and time": ("mirkit.audio", "mirkit.dsp", "mirkit.multitrack", "mirkit.examples"),
    "Annotations and data": (
        "mirkit.annotation", "mirkit.annotation.formats", "mirkit.activation", "mirkit.data",
    ),
    "Separation": (
        "mirkit.separation", "mirkit.separation.metrics", "mirkit.separation.bss",
        "mirkit.separation.wiener", "mirkit.separation.unmix", "mirkit.separation.plots",
    ),
    "Activity": ("mirkit.activity", "mirkit.activity.metrics", "mirkit.activity.plots"),
    "Sampling": (
        "mirkit.sampling", "mirkit.sampling.nmf", "mirkit.sampling.dtw", "mirkit.sampling.search",
        "mirkit.sampling.plots",
    ),
    "Assessment": (
        "mirkit.assessment", "mirkit.assessment.pitch", "mirkit.assessment.segmentation",
        "mirkit.assessment.alignment", "mirkit.assessment.dtw", "mirkit.assessment.descriptors",
        "mirkit.assessment.metrics", "mirkit.assessment.plots",
    ),
    "Pages, models, jobs": ("mirkit.report", "mirkit.checkpoint", "mirkit.parallel", "mirkit.errors"),
}  # fmt: skip


def write_reference(folder: Path) -> None:
    """Write a page for each module with a table of its public names, and a page of all modules."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for heading, names in MODULES.items():
        parts += [heading, "-" * len(heading), "", ".. toctree::", "   :maxdepth: 1", ""]
        parts += [f"   {name}" for name in names] + [""]
        for name in names:
            _write(folder / f"{name}.rst", _module_page(name))
    _write(folder / "index.rst", "\n".join(["Reference", "=========", "", *parts]))


def _module_page(name: str) -> str:
    module = importlib.import_module(name)
    public = [one for one in getattr(module, "__all__", ()) if not inspect.ismodule(getattr(module, one))]
    if not public:  # the errors
        public = [one for one, thing in vars(module).items() if inspect.isclass(thing)]
    callables = [one for one in public if callable(getattr(module, one))]
    lines = [name, "=" * len(name), "", inspect.getdoc(module) or "", "", f".. currentmodule:: {name}", ""]
    lines += [".. autosummary::", "   :toctree: names", "", *(f"   {one}" for one in callables), ""]
    return "\n".join(lines)


def write_cards(page: Path) -> None:
    """Write the cards of the bundled models, and what is known of public weights."""
    root = Path(str(resources.files("mirkit") / "models"))
    parts = [
        "# Models and their cards", "",
        "`mirkit models list` names them, `mirkit models show NAME` prints a card, `mirkit models verify` compares "
        "the weights with the published hashes. All bundled models work offline. Public weights are the work of "
        "others: mirkit reads them once you have fetched them, and fetches nothing itself.", "",
    ]  # fmt: skip
    for card in sorted(root.glob("*/card.md")):
        text = card.read_text(encoding="utf-8").strip().splitlines()
        # One level down, to be part of this page.
        parts += [f"#{line}" if line.startswith("#") else line for line in text] + [""]
    parts += [
        "## Public weights",
        "",
        "| name | trained on | licence | published scores |",
        "|---|---|---|---|",
    ]
    for name, entry in json.loads((root / "public.json").read_text(encoding="utf-8")).items():
        parts.append(f"| `{name}` | {entry['data']} | {entry['licence']} | {entry['scores']} |")
    _write(page, "\n".join(parts) + "\n")


def write_static(docs: Path) -> None:
    """Lay out the demo's page and pictures: those that ``make docs`` has just made, or else the kept ones."""
    made, static = docs / "_generated" / "pictures", docs / "_generated" / "static"
    static.mkdir(parents=True, exist_ok=True)
    made.mkdir(parents=True, exist_ok=True)
    for kept in (docs / "images").glob("demo_*.png"):
        if not (made / kept.name).is_file():
            shutil.copy(kept, made / kept.name)
    if (made / "demo.html").is_file():
        shutil.copy(made / "demo.html", static / "demo.html")


def _write(path: Path, text: str) -> None:
    """Write a page unless it is the same already, which would have Sphinx read it anew."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")

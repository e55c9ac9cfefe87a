"""Settings of the documentation: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "_ext")]

from generate import write_cards, write_reference, write_static

import mirkit

project = "mirkit"
author = "The mirkit developers"
copyright = f"2026, {author}"  # noqa: A001  # Sphinx's name
version = release = mirkit.__version__

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
templates_path = ["_templates"]
exclude_patterns = ["_build", "_ext", "_templates", "examples", "images/*.md", "**/README.md"]
default_role = "literal"

write_reference(HERE / "_generated" / "reference")
write_cards(HERE / "_generated" / "models.md")
write_static(HERE)
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

myst_enable_extensions = ["attrs_inline", "dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
math_numfig = False
html_math_renderer = "mathml"

html_theme = "furo"
html_title = f"mirkit {version}"
html_static_path = ["_static", "_generated/static"]
html_css_files = ["mirkit.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#5a3ff0", "color-brand-content": "#5a3ff0"},
    "dark_css_variables": {"color-brand-primary": "#a48dff", "color-brand-content": "#a48dff"},
}
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib|<class 'list'>",  # what ax.set and ax.plot return is no result
    "min_reported_time": 0,
    "show_memory": False,
}

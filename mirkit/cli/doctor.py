"""``mirkit doctor``: what is installed and what is missing."""

from __future__ import annotations

import ctypes.util
import json
import platform
import sys
from importlib import metadata, util

import click

import mirkit
from mirkit.cli import _options

OPTIONAL = {
    "jams": ("JAMS files", "pip install 'mirkit[jams]'"),
    "fluidsynth": ("rendering with sound banks", "pip install 'mirkit[synthesis]'"),
    "music21": ("scores as pieces to play", "pip install 'mirkit[scores]'"),
}
LIBRARIES = {
    "fluidsynth": ("rendering with sound banks", "install libfluidsynth3 with the system's package manager"),
    "openmpt": ("tracker modules", "install libopenmpt0 with the system's package manager"),
}


@click.command("doctor")
@_options.as_json
def command(as_json: bool) -> None:
    """Report versions, optional parts and what to do about missing ones; exit 1 if a required one lacks."""
    required = _required()
    missing = [name for name, version in required.items() if version is None]
    optional = {
        f"package {name}": (util.find_spec(name) is not None, *more) for name, more in OPTIONAL.items()
    }
    optional |= {
        f"library {name}": (ctypes.util.find_library(name) is not None, *more)
        for name, more in LIBRARIES.items()
    }
    if as_json:
        content = {
            "mirkit": mirkit.__version__,
            "python": platform.python_version(),
            "required": required,
            "optional": {name: found for name, (found, *_) in optional.items()},
        }
        click.echo(json.dumps(content, indent=1))
    else:
        click.echo(f"mirkit {mirkit.__version__}, Python {platform.python_version()}, {platform.platform()}")
        for name, version in required.items():
            click.echo(f"  {name} {version or 'MISSING: pip install --upgrade mirkit'}")
        for name, (found, purpose, remedy) in optional.items():
            click.echo(f"  {name}, for {purpose}: {'found' if found else f'missing; {remedy}'}")
    if missing:
        sys.exit(1)


def _required() -> dict[str, str | None]:
    """Return the version of each package that mirkit requires, None where it is absent."""
    found: dict[str, str | None] = {}
    for requirement in metadata.requires("mirkit") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.split(">")[0].split("<")[0].split("=")[0].split(";")[0].strip()
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found

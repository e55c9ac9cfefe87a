"""``mirkit doctor``: what is installed, what is missing, and where things are."""

from __future__ import annotations

import ctypes.util
import json
import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata, resources, util
from pathlib import Path
from typing import Any

import click

import mirkit
from mirkit.cli import _options

OPTIONAL = {
    "jams": ("JAMS files", "pip install 'mirkit[jams]'"),
    "fluidsynth": ("rendering with sound banks", "pip install 'mirkit[synthesis]'"),
    "music21": ("MusicXML and MIDI scores", "pip install 'mirkit[scores]'"),
}
LIBRARIES = {
    "fluidsynth": ("rendering with sound banks", "install libfluidsynth3 with the system's package manager"),
    "openmpt": ("tracker modules", "install libopenmpt0 with the system's package manager"),
}


@click.command("doctor")
@_options.as_json
def command(as_json: bool) -> None:
    """Report versions, decoders, devices, where things are, and what to do about what is missing.

    The exit code is 1 if a required package is missing.
    """
    required = _required()
    found: dict[str, Any] = {
        "mirkit": mirkit.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "required": required,
        "optional": _optional(),
        "decoders": _decoders(),
        "devices": _devices(),
        "places": _places(),
    }
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))
    if None in required.values():
        sys.exit(1)


def _lines(found: dict[str, Any]) -> list[str]:
    remedies = {f"package {name}": more for name, more in OPTIONAL.items()}
    remedies |= {f"library {name}": more for name, more in LIBRARIES.items()}
    lines = [f"mirkit {found['mirkit']}, Python {found['python']}, {found['platform']}", "required"]
    for name, version in found["required"].items():
        lines.append(f"  {name} {version or 'MISSING: pip install --upgrade mirkit'}")
    lines.append("optional")
    for name, there in found["optional"].items():
        purpose, remedy = remedies[name]
        lines.append(f"  {name}, for {purpose}: {'found' if there else f'missing; {remedy}'}")
    for part in ("decoders", "devices", "places"):
        lines += [part, *(f"  {name}: {value}" for name, value in found[part].items())]
    return lines


def _optional() -> dict[str, bool]:
    packages = {f"package {name}": util.find_spec(name) is not None for name in OPTIONAL}
    return packages | {f"library {name}": ctypes.util.find_library(name) is not None for name in LIBRARIES}


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


def _decoders() -> dict[str, str]:
    """Return which library reads which formats; a text with the remedy where it cannot be loaded."""
    found = {}
    try:
        import soundfile

        found["wav, flac, ogg, opus, mp3, aiff"] = f"libsndfile {soundfile.__libsndfile_version__}"
    except (ImportError, OSError) as error:
        found["wav, flac, ogg, opus, mp3, aiff"] = (
            f"MISSING ({error}); pip install --force-reinstall soundfile"
        )
    try:
        import av

        codec = ".".join(map(str, av.library_versions["libavcodec"]))
        found["m4a, mp4, webm, .stem.mp4"] = f"FFmpeg's libavcodec {codec} in PyAV {av.__version__}"
    except (ImportError, OSError) as error:
        found["m4a, mp4, webm, .stem.mp4"] = f"MISSING ({error}); pip install --force-reinstall av"
    return found


def _devices() -> dict[str, str]:
    """Return what networks can run on; ``auto`` is the one that is chosen unless another is asked for."""
    threads = f"{os.cpu_count()} logical cores"
    try:
        from mirkit import loop
    except ImportError as error:
        return {"cpu": threads, "networks": f"MISSING ({error}); pip install --force-reinstall torch"}
    return {"cpu": threads, **loop.accelerators(), "auto": str(loop.torch_device("auto"))}


def _places() -> dict[str, str]:
    """Return folders; mirkit keeps no cache of its own and fetches nothing."""
    root = Path(str(resources.files("mirkit")))
    free_gb = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    return {
        "python": sys.executable,
        "mirkit": str(root),
        "models": str(root / "models"),
        "examples": str(root / "examples"),
        "temporary files": f"{tempfile.gettempdir()} ({free_gb:.1f} GB free)",
    }

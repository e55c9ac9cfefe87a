"""LMMS projects rendered track by track with the program ``lmms``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mirkit.errors import DatasetError, MissingDependencyError

__all__ = ["SUFFIXES", "render_tracks"]

SUFFIXES = frozenset({".mmp", ".mmpz"})
TIMEOUT_S = 3600.0


def render_tracks(project: Path, folder: Path, *, sample_rate: int = 44100) -> dict[int, tuple[str, Path]]:
    """Render every track of a project that is not muted.

    LMMS takes its samples from where it is installed. Plug-ins with random phases make each rendering a
    little different; the whole song is rendered, whatever its length.

    Parameters
    ----------
    project : Path
        ``.mmp`` or ``.mmpz``.
    folder : Path
        Existing folder for the files, 32-bit float.
    sample_rate : int
        Hz, 44100 or more.

    Returns
    -------
    dict of int to (str, Path)
        Number, from 1 in LMMS's order, to the track's name and file.

    Raises
    ------
    MissingDependencyError
        If the program ``lmms`` is not there.
    DatasetError
        If it renders nothing.
    """
    program = shutil.which("lmms")
    if program is None:
        raise MissingDependencyError(
            "LMMS projects need the program lmms: apt-get install --no-install-recommends lmms lmms-common"
        )
    if not project.is_file():
        raise DatasetError(f"{project}: no such file")
    command = [program, "--allowroot", "rendertracks", str(project.absolute()), "-o", str(folder.absolute())]
    options = ["-f", "wav", "-a", "-s", str(sample_rate), "-x", "1", "-i", "linear"]
    with tempfile.TemporaryDirectory(prefix="mirkit-lmms-") as home:  # LMMS writes a configuration
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": home}
        try:
            done = subprocess.run(
                [*command, *options], env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DatasetError(f"{project}: lmms did not end within {TIMEOUT_S:.0f} s") from error
    tracks = {}
    for file in folder.glob("*.wav"):
        if found := re.fullmatch(r"(\d+)_(.*)", file.stem, flags=re.DOTALL):
            tracks[int(found[1])] = (found[2], file)
    if done.returncode != 0 or not tracks:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise DatasetError(
            f"{project}: lmms ended with code {done.returncode} and {len(tracks)} tracks; it said: {said}"
        )
    return dict(sorted(tracks.items()))

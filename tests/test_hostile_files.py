"""Files from strangers: damaged ones are refused with a message, and none executes anything."""

from __future__ import annotations

import contextlib
import io
import os
import pickle  # noqa: TID251  (to make what must not be loaded)
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from mirkit.errors import MirkitError
from tests.fuzz.child import write
from tests.fuzz.readers import READERS

ROOT = Path(__file__).parents[1]


def test_every_reader_withstands_changed_files(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "600", "--seed", "7", "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(name in done.stdout for name in READERS)
    assert " 0 failures" in done.stdout


class Touch:
    """Unpickled, makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.open, (str(self.marker), os.O_CREAT)


def payloads(marker: Path) -> dict[str, bytes]:
    """Return content that makes the marker if anything executes it."""
    pickled = pickle.dumps(Touch(marker))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:  # as torch.save writes
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/version", "3\n")
    array = io.BytesIO()
    array.write(b"\x93NUMPY\x01\x00")  # an array of objects is a pickle
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    array.write(len(header).to_bytes(2, "little") + header + pickled)
    call = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    return {
        "pickle": pickled,
        "torch": archive.getvalue(),
        "numpy": array.getvalue(),
        "yaml": f"a: !!python/object/apply:os.open ['{marker}', {os.O_CREAT}]\n".encode(),
        "python": call.encode(),
        "xml": f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a><!-- {call} -->'.encode(),
    }


def test_the_payloads_do_what_they_are_for(tmp_path):
    marker = tmp_path / "marker"
    pickle.loads(payloads(marker)["pickle"])  # noqa: S301  (that is the point)
    assert marker.exists()


@pytest.mark.parametrize("name", sorted(READERS))
def test_reading_executes_nothing(name, tmp_path):
    marker = tmp_path / "marker"
    seed = READERS[name].seeds()[0]
    for kind, content in payloads(marker).items():
        for file in seed:
            folder = tmp_path / "input"
            write({**seed, file: content}, folder)
            with contextlib.suppress(MirkitError):
                READERS[name].read(folder)
            assert not marker.exists(), f"{kind} in {file}"

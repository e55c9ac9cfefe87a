"""Jobs on a Dask and on a Ray cluster: real schedulers and two workers on this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirkit import cluster
from mirkit.cli import _batch
from mirkit.errors import AudioError, MirkitError
from mirkit.parallel import Shard, map_all

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "mirkit" / "examples"
RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}  # nobody else reaches a cluster of a test
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **RAY}


def length(path: Path) -> int:
    """Give the number of bytes of a file; some kill the process that looks at them."""
    if path.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name == "deadly once" and not path.with_suffix(".seen").exists():
        path.with_suffix(".seen").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if path.name == "damaged":
        raise AudioError(f"{path}: damaged")
    return path.stat().st_size


def where(_: int) -> tuple[str, int]:
    time.sleep(0.1)
    return str(Path.cwd()), os.getpid()


def started(command: list[str], pattern: str, log: Path) -> tuple[subprocess.Popen, str]:
    """Start a process and wait for a line of its output."""
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, stdout=file, stderr=file)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return process, found[1]
        time.sleep(0.1)
    process.terminate()
    raise AssertionError(log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def dask_address(tmp_path_factory):
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    scheduler, address = started(
        ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        r"Scheduler at:\s+(tcp://\S+)", folder / "scheduler.log",
    )  # fmt: skip
    workers, _ = started(
        ["-m", "distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard",
         "--local-directory", str(folder)],
        r"(Registered to)", folder / "workers.log",
    )  # fmt: skip
    yield address
    for process in (workers, scheduler):
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def ray_address(tmp_path_factory):
    pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("ray")
    head, address = started(
        ["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "2", "--port", "0",
         "--include-dashboard", "false", "--object-store-memory", "100000000"],
        r"--address='([\d.:]+)'", folder / "head.log",
    )  # fmt: skip
    yield address
    head.terminate()
    head.wait(60)


@pytest.fixture
def backend(request, monkeypatch):
    """Give the name of a backend whose cluster is running and named in the environment."""
    name = request.param
    if name == "dask":
        import dask

        address = request.getfixturevalue("dask_address")
        with dask.config.set({"scheduler-address": address}):
            yield name
        cluster._dask_at(address).close()
        cluster._dask_at.cache_clear()
    else:
        variables = {**RAY, "RAY_ADDRESS": request.getfixturevalue("ray_address")}
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        import ray

        yield name
        ray.shutdown()


both = pytest.mark.parametrize("backend", ["dask", "ray"], indirect=True)


@both
def test_a_cluster_gives_what_this_machine_gives(backend, tmp_path, monkeypatch):
    files = [tmp_path / f"{k}" for k in range(30)]
    for k, path in enumerate(files):
        path.write_bytes(bytes(k))
    files[7:7] = [tmp_path / "damaged", tmp_path / "nowhere"]
    seen = []
    here = map_all(length, files)
    there = map_all(length, files, n_jobs=2, backend=backend, progress=lambda *step: seen.append(step))
    assert there == here
    assert seen == [(k, 32) for k in range(1, 33)]
    monkeypatch.chdir(tmp_path)
    folders, processes = zip(*(one.result for one in map_all(where, range(20), backend=backend)), strict=True)
    assert set(folders) == {str(tmp_path)}
    assert len(set(processes) - {os.getpid()}) == 2


@both
def test_a_killed_worker_loses_nothing(backend, tmp_path):
    files = [tmp_path / f"{k}" for k in range(8)]
    files[3] = tmp_path / "deadly once"
    files[5] = tmp_path / "deadly"
    for k, path in enumerate(files):
        path.write_bytes(bytes(k))
    outcomes = map_all(length, files, n_jobs=2, backend=backend)
    assert [one.result for one in outcomes] == [0, 1, 2, 3, 4, None, 6, 7]
    assert outcomes[5].error == f"{tmp_path / 'deadly'}: 4 workers died on it, perhaps for lack of memory"


@both
def test_a_folder_that_workers_do_not_see_is_named(backend, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "elsewhere")
    (outcome,) = map_all(length, [tmp_path], backend=backend)
    assert f"has no folder {tmp_path / 'elsewhere'}" in outcome.error


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_command_writes_the_same_on_a_cluster(name, request, tmp_path):
    variable = {"dask": "DASK_SCHEDULER_ADDRESS", "ray": "RAY_ADDRESS"}[name]
    environment = {**ENVIRONMENT, variable: request.getfixturevalue(f"{name}_address")}
    files = [str(EXAMPLES.relative_to(ROOT) / f"{name}.ogg") for name in ("sung_scale", "tabla")]
    command = [sys.executable, "-m", "mirkit", "activity", "predict", *files, "missing.wav"]
    for arguments in (["-o", tmp_path / "here"], ["-o", tmp_path / "there", "--backend", name]):
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert done.stderr.strip().endswith("missing.wav: no such file or folder\n1 of 3 inputs failed")
    here = {path.relative_to(tmp_path / "here"): path for path in (tmp_path / "here").rglob("*.csv")}
    assert len(here) >= len(files)
    for name_, path in here.items():
        assert (tmp_path / "there" / name_).read_bytes() == path.read_bytes()


def test_a_cluster_that_does_not_answer_is_named(monkeypatch):
    pytest.importorskip("distributed")
    import dask

    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:9"}),
        pytest.raises(MirkitError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"),
    ):
        map_all(length, [ROOT], backend="dask")


def test_a_package_that_is_missing_is_named(monkeypatch):
    for name in ("dask", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=re.escape(f"pip install 'mirkit[{name}]'")):
            map_all(length, [ROOT], backend=name)


def test_shards_hold_each_item_once():
    items = list(range(23))
    parts = [Shard(i, 5).of(items) for i in range(1, 6)]
    assert sorted(item for part in parts for item in part) == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert Shard(3, 3).of(["a"]) == []


def test_shards_of_a_batch_share_the_names_of_its_folders(tmp_path):
    files = [
        tmp_path / name for name in ("a/song.wav", "b/song.wav", "b/song.flac", "c/other.wav", "c/song_.wav")
    ]
    whole = _batch.batch(files, tmp_path, None)
    parts = [_batch.batch(files, tmp_path, Shard(i, 3)) for i in (1, 2, 3)]
    assert {item for part in parts for item in part} == set(whole)
    assert len({item.folder for item in whole}) == len(files)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "1/-2"])
def test_a_shard_that_is_none_is_refused(text, tmp_path):
    command = [sys.executable, "-m", "mirkit", "activity", "predict", ".", "-o", tmp_path, f"--shard={text}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert text in done.stderr

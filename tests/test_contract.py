"""What every task promises: the same modules, verbs, first parameters, results and commands."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys

import pytest

from mirkit import checkpoint

MODULES = ("config", "features", "examples", "model", "training", "inference", "metrics", "plots")

TASKS = {
    "activity": {
        "train": ("config", "dataset"),
        "predict": ("model", "audio"),
        "evaluate": ("references", "estimates"),
        "plot": ("result",),
        "show": ("result",),
        "load": ("name_or_folder",),
    },
    "assessment": {
        "train": ("config", "dataset"),
        "predict": ("model", "audio"),
        "evaluate": ("references", "estimates"),
        "plot": ("result",),
        "show": ("result",),
        "load": ("name_or_folder",),
    },
    "sampling": {
        "train": ("config", "dataset"),
        "predict": ("model", "sample", "song"),
        "evaluate": ("references", "estimates"),
        "plot": ("result",),
        "show": ("result",),
        "load": ("name_or_folder",),
    },
    "separation": {
        "train": ("config", "dataset"),
        "predict": ("model", "audio"),
        "evaluate": ("references", "estimates"),
        "plot": ("result",),
        "show": ("result",),
        "load": ("name_or_folder",),
    },
}

BUNDLED = [task for task in TASKS if checkpoint.bundled(task)]

COMMANDS = {"predict", "train", "evaluate", "plot"}

HEAVY = (
    "numpy",
    "torch",
    "librosa",
    "scipy",
    "sklearn",
    "matplotlib",
    "pandas",
    "lightning",
    "soundfile",
    "av",
    "yaml",
)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_the_eight_modules(task):
    for name in MODULES:
        module = importlib.import_module(f"mirkit.{task}.{name}")
        assert module.__all__, name


@pytest.mark.parametrize("task", TASKS)
def test_verbs_have_the_same_first_parameters_and_the_rest_by_name(task):
    package = importlib.import_module(f"mirkit.{task}")
    for verb, expected in TASKS[task].items():
        parameters = list(inspect.signature(getattr(package, verb)).parameters.values())
        positional = tuple(p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY)
        assert positional == expected, verb
        assert not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters), verb


@pytest.mark.parametrize("task", TASKS)
def test_settings_need_no_arguments_and_survive_json(task):
    config_type = importlib.import_module(f"mirkit.{task}").Config
    config = config_type()
    assert config_type.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("task", TASKS)
def test_command_group_has_the_verbs_and_each_shows_its_help(task):
    from click.testing import CliRunner

    group = importlib.import_module(f"mirkit.cli.{task}").command
    assert set(group.commands) >= COMMANDS
    for name in group.commands:
        result = CliRunner().invoke(group, [name, "--help"])
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("task", BUNDLED)
def test_a_bundled_model_loads_and_has_a_card_with_its_licence(task):
    model = importlib.import_module(f"mirkit.{task}").load()
    assert "licence" in model.card.lower()


def loaded_after(code: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after some code."""
    check = f"{code}\nimport sys\nprint('LOADED', *(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return set(done.stdout.strip().splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "code",
    [
        "import mirkit",
        "import mirkit.cli",
        "from mirkit.cli import root; root.main(['--help'], standalone_mode=False)",
    ],
)
def test_importing_and_help_load_nothing_heavy(code):
    assert loaded_after(code) == set()


@pytest.mark.parametrize(
    "name", ["audio", "annotation", "activation", "dsp", "multitrack", "checkpoint", "parallel", "data"]
)
def test_shared_modules_load_numpy_at_most(name):
    assert loaded_after(f"import mirkit.{name}") <= {"numpy"}


@pytest.mark.parametrize("task", TASKS)
def test_task_packages_and_their_commands_load_nothing_heavy(task):
    assert loaded_after(f"import mirkit.{task}, mirkit.cli.{task}") <= {"numpy"}


def test_every_public_name_exists():
    import mirkit

    for name in mirkit.__all__:
        assert getattr(mirkit, name) is not None

"""Fixtures that all tests share; every sound is made here or in the test itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


def skip_or_fail(reason: str) -> None:
    """Skip for a missing optional part; fail where everything is required to be there."""
    if os.environ.get("MIRKIT_REQUIRE_ALL") == "1":
        pytest.fail(f"required, but missing: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Development data beside the checkout; tests that use it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the development data beside the checkout is absent")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(440)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/*.json")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Return a check of plain values against ``tests/golden/<name>.json``."""

    def check(name: str, values: dict[str, list[float]], *, atol: float) -> None:
        path = ROOT / "tests" / "golden" / f"{name}.json"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        stored = json.loads(path.read_text(encoding="utf-8"))
        assert set(stored) == set(values)
        for key, expected in stored.items():
            np.testing.assert_allclose(values[key], expected, atol=atol, err_msg=key)

    return check

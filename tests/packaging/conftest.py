from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from tests.packaging.wheels import ROOT, Environment, build_wheel


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of every package of the workspace, by the name of its folder.

    They are built once, however many processes run the tests.
    """
    run = tmp_path_factory.getbasetemp()
    into = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "wheels"
    into.mkdir(exist_ok=True)
    folders = [ROOT / "core", *(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
    with (into / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        return {folder.name: _built(folder, into / folder.name) for folder in folders}


def _built(folder: Path, into: Path) -> Path:
    return next(into.glob("*.whl"), None) or build_wheel(folder, into)


@pytest.fixture(scope="session")
def core_alone(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment.create(tmp_path_factory.mktemp("core") / "venv")
    environment.install(wheels["core"])
    return environment


@pytest.fixture
def with_openai(core_alone: Environment, wheels: dict[str, Path]) -> Environment:
    # to find out that there is nothing to do takes pip seconds
    if "batchyard_openai" not in core_alone.distributions():
        core_alone.install(wheels["openai"])
    return core_alone

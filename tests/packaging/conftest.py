from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.wheels import ROOT, Environment, build_wheel


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of every package of the workspace, by the name of its folder."""
    into = tmp_path_factory.mktemp("wheels")
    folders = [ROOT / "core", *(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
    return {folder.name: build_wheel(folder, into) for folder in folders}


@pytest.fixture(scope="session")
def core_alone(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment.create(tmp_path_factory.mktemp("core") / "venv")
    environment.install(wheels["core"])
    return environment


@pytest.fixture
def with_openai(core_alone: Environment, wheels: dict[str, Path]) -> Environment:
    core_alone.install(wheels["openai"])
    return core_alone

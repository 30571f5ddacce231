"""Each thing that goes wrong in providers turns the kit red, and what is sound stays green."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.templates.defects import DEFECTS, Defect
from tests.templates.projects import Project, made

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return made("provider", tmp_path_factory.mktemp("sound") / "pigeon")


def test_the_sound_one_is_green(sound: Project) -> None:
    done = sound.pytest()
    assert done.returncode == 0, done.stdout[-3000:]


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len({one.name for one in DEFECTS}) == len(DEFECTS) >= 25


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name.replace(" ", "-"))
def test_the_kit_turns_red(defect: Defect, sound: Project, tmp_path: Path) -> None:
    folder = tmp_path / "pigeon"
    shutil.copytree(sound.folder, folder)
    project = Project(folder, sound.name)
    path = project.package / defect.file
    path.write_text(defect.planted(path.read_text("utf-8")), encoding="utf-8")
    done = project.pytest("-rf", "--tb=no", "-k", defect.noticed)
    assert done.returncode == 1, done.stdout[-3000:]
    failed = re.findall(r"(?m)^FAILED \S+::(test_\w+)", done.stdout)
    assert any(name.startswith(defect.noticed) for name in failed), done.stdout[-3000:]

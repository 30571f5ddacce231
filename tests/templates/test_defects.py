"""Each thing that goes wrong in providers turns the kit red, and what is sound stays green."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from batchyard.testing import EndToEndSuite
from tests.templates.defects import DEFECTS, END_TO_END, Defect
from tests.templates.projects import Project, made

pytestmark = pytest.mark.slow

RULES = sorted(
    {name for name in dir(EndToEndSuite) if name.startswith("test_")}
    - {"test_no_test_is_overridden_but_as_an_expected_failure"}
)


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
    turns_red(defect, defect.noticed, sound, tmp_path / "pigeon")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_end_to_end_suite_turns_red(
    rule: str, sound: Project, tmp_path: Path
) -> None:
    (defect,) = (one for one in DEFECTS if one.name == END_TO_END[rule])
    turns_red(defect, rule, sound, tmp_path / "pigeon")


def test_every_rule_of_the_end_to_end_suite_has_a_defect() -> None:
    assert set(END_TO_END) == set(RULES)


def turns_red(defect: Defect, rule: str, sound: Project, folder: Path) -> None:
    shutil.copytree(sound.folder, folder)
    project = Project(folder, sound.name)
    path = project.package / defect.file
    path.write_text(defect.planted(path.read_text("utf-8")), encoding="utf-8")
    done = project.pytest("-rf", "--tb=no", "-k", rule)
    assert done.returncode == 1, done.stdout[-3000:]
    failed = re.findall(r"(?m)^FAILED \S+::(test_\w+)", done.stdout)
    assert any(name.startswith(rule) for name in failed), done.stdout[-3000:]

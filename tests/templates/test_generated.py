"""What `batchyard plugins new` writes is a whole project, for any name that can be one."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from batchyard.errors import InputError
from batchyard.templates import KINDS, generate, rendered
from tests.templates.projects import NAMES, made

WHOLE = {"README.md", "CHANGELOG.md", "pyproject.toml", ".gitignore", ".github/workflows/ci.yml"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_has_package_tests_and_workflow(kind: str) -> None:
    files = rendered(kind, "my_service")
    assert set(files) >= WHOLE
    assert {"src/batchyard_my_service/__init__.py", "src/batchyard_my_service/py.typed"} <= set(
        files
    )
    assert any(path.startswith("tests/test_") for path in files)
    assert [path for path, text in files.items() if "{{" in text and "workflows" not in path] == []
    about = tomllib.loads(files["pyproject.toml"])["project"]
    assert about["name"] == "batchyard-my-service"
    points = [point for group in about["entry-points"].values() for point in group.items()]
    assert {name for name, _ in points} == {"my_service"}
    assert {value.partition(":")[0].partition(".")[0] for _, value in points} == {
        "batchyard_my_service"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_its_code_is_clean(kind: str, tmp_path: Path) -> None:
    generate(kind, NAMES[kind], tmp_path / "new")
    ruff = [sys.executable, "-m", "ruff"]
    checks = [
        [*ruff, "check", "--isolated", "--select", "E,F,B,UP,SIM,RET", "--line-length", "100"],
        [*ruff, "format", "--isolated", "--check", "--line-length", "100"],
    ]
    for check in checks:
        done = subprocess.run(
            [*check, "--no-cache", tmp_path / "new"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *("", "Pigeon", "7up", "a-b", "a b", "../x", "é", "a\n", "x" * 41),
        # what no package can be called, and what Python reads as something else
        *("a_", "_a", "a__b", "class", "none"),
    ],
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be a plugin's name"):
        rendered("sink", name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("provider", one) for one in ("batch", "settings", "emulator", "value_error")),
        *(("sink", "path"), ("gate", "verdict"), ("prices", "rates")),
    ],
)
def test_a_name_that_its_own_code_has_for_something_else_is_refused(kind: str, name: str) -> None:
    with pytest.raises(InputError, match="its class would be called"):
        rendered(kind, name)
    assert rendered(kind, f"my_{name}")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        generate("sink", "table", tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["precious"]


def test_the_suite_of_a_small_one_is_green_and_reports(tmp_path: Path) -> None:
    project = made("prices", tmp_path / "new", "house_two")
    report = tmp_path / "report.json"
    options = ["-p", "batchyard.testing.plugin", f"--batchyard-report={report}"]
    done = project.pytest(*options)
    assert done.returncode == 0, done.stdout
    found = json.loads(report.read_text())
    assert found["passed"] is True
    assert found["counts"] == {"passed": 8, "failed": 0, "skipped": 0}
    assert {one["suite"] for one in found["rules"]} == {"TestHouseTwo"}
    assert "it knows what it must" in {one["title"] for one in found["rules"]}

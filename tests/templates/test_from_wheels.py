"""Third parties: generated outside, built, and installed beside core's wheel and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.packaging.conftest import wheels
from tests.packaging.wheels import Environment, build_wheel
from tests.templates.projects import NAMES

__all__ = ["wheels"]

pytestmark = pytest.mark.slow

LINE = json.dumps(
    {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "wing-1", "messages": [{"role": "user", "content": "Hello"}]},
    }
)


@pytest.fixture(scope="module")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A clean environment with core's wheel and what its extra for tests brings."""
    made = Environment.create(tmp_path_factory.mktemp("third") / "venv")
    made.install(Path(f"{wheels['core']}[testing]"))
    return made


@pytest.fixture(scope="module")
def projects(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plugin of each kind, made by the installed command, and installed from its wheel."""
    folder = tmp_path_factory.mktemp("projects")
    for kind, name in NAMES.items():
        done = environment.run("batchyard", "plugins", "new", name, "--kind", kind, cwd=folder)
        assert done.returncode == 0, done.stderr
    made = {kind: folder / f"batchyard-{name}" for kind, name in NAMES.items()}
    environment.install(*(build_wheel(one, folder / "wheels" / one.name) for one in made.values()))
    return made


@pytest.mark.parametrize("kind", NAMES)
def test_its_suite_is_green(kind: str, environment: Environment, projects: dict[str, Path]) -> None:
    done = environment.run("python", "-m", "pytest", "-q", "tests", cwd=projects[kind])
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.usefixtures("projects")
def test_the_doctor_finds_all_of_them_well(environment: Environment) -> None:
    done = environment.run("batchyard", "plugins", "doctor", "--json")
    found = json.loads(done.stdout)
    theirs = {one["name"]: one for one in found["plugins"] if one["name"] in NAMES.values()}
    assert set(theirs) == set(NAMES.values())
    assert all(one["ok"] and one["warning"] is None for one in theirs.values())
    assert {one["contract"] for one in theirs.values()} == {">=1.1,<2"}


def test_the_command_finds_that_it_keeps_the_contract(
    environment: Environment, projects: dict[str, Path], tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    own = str(projects["provider"] / "tests" / "test_conformance.py")
    done = environment.run("batchyard", "conformance", "pigeon", own, "--report", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["subject"] == "pigeon"
    assert found["package"] == "batchyard-pigeon 0.1.0"
    assert {"TestInstalled", "TestEndToEnd", "TestPigeon"} == {
        one["suite"] for one in found["rules"]
    }


@pytest.mark.usefixtures("projects")
def test_it_serves_the_gateway(environment: Environment, tmp_path: Path) -> None:
    said = tmp_path / "emulated", tmp_path / "served"
    with _process(environment, said[0], "emulate", "pigeon", "--json"):
        variables = json.loads(_line(said[0], r"^(\{.*\})$"))["environment"]
        own = {
            **variables,
            "BATCHYARD_LEDGER__URL": str(tmp_path / "ledger.db"),
            "BATCHYARD_LEDGER__POLL_FIRST": "0.2",
        }
        with (
            _process(environment, said[1], "serve", "--port", "0", **own),
            httpx.Client(base_url=_line(said[1], r"Serving at (\S+)$"), timeout=60) as http,
        ):
            form = {"file": ("in.jsonl", LINE.encode(), "application/jsonl")}
            file = http.post("files", files=form, data={"purpose": "batch"}).json()
            order = {
                "input_file_id": file["id"],
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            }
            batch = http.post("batches", json=order).json()
            until = time.monotonic() + 60
            while batch["status"] != "completed" and time.monotonic() < until:
                batch = http.get(f"batches/{batch['id']}").json()
            result = http.get(f"files/{batch['output_file_id']}/content").json()
    body = result["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "Coo, Hello"
    assert body["usage"]["total_tokens"] > 0


@contextmanager
def _process(
    environment: Environment, says: Path, *arguments: str, **variables: str
) -> Iterator[None]:
    """A command that is left running; what it says goes to a file, which is never full."""
    plain = {name: one for name, one in os.environ.items() if not name.startswith("BATCHYARD_")}
    with says.open("w") as file:
        process = subprocess.Popen(
            [environment.folder / "bin" / "batchyard", *arguments],
            env={**plain, **variables, "PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _line(says: Path, pattern: str) -> str:
    """What the first line that fits has, once it is there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := re.search(pattern, says.read_text(), re.MULTILINE):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(says.read_text())

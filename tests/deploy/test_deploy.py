"""What `deploy/` says is so, as far as it can be seen without a container runtime."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from batchyard.config import GatewaySettings, LedgerSettings
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def instructions(name: str) -> list[str]:
    whole = CONTAINERFILE.replace("\\\n", " ")
    return [one[len(name) + 1 :] for one in whole.splitlines() if one.startswith(f"{name} ")]


@pytest.mark.parametrize("service", ["gateway", "worker"])
def test_a_service_runs_a_command_that_there_is(compose: dict[str, Any], service: str) -> None:
    command = [*compose["services"][service]["command"], "--help"]
    done = subprocess.run(
        [sys.executable, "-m", "batchyard", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {f"BATCHYARD_GATEWAY__{name.upper()}" for name in GatewaySettings.model_fields}
    known |= {f"BATCHYARD_LEDGER__{name.upper()}" for name in LedgerSettings.model_fields}
    known |= {"BATCHYARD_MASTER_KEY", "BATCHYARD_CONFIG", "BATCHYARD_DEFAULT_ACCOUNT"}
    texts = [CONTAINERFILE, *(path.read_text("utf-8") for path in DEPLOY.iterdir())]
    named = {one for text in texts for one in re.findall(r"\bBATCHYARD_\w+", text)}
    assert named <= known
    assert {"BATCHYARD_LEDGER__URL", "BATCHYARD_LEDGER__STORE"} <= set(
        compose["services"]["worker"]["environment"]
    )


def test_what_has_to_be_set_is_in_the_example(compose: dict[str, Any]) -> None:
    example = (DEPLOY / ".env.example").read_text("utf-8")
    there = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    wanted = set(re.findall(r"\$\{(\w+):\?", str(compose)))
    assert wanted
    assert wanted <= set(there)
    assert not any(there.values())


def test_volumes_and_services_that_are_named_are_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"]


def test_the_image_runs_as_nobody_in_particular_and_checks_itself() -> None:
    assert instructions("USER") == ["10001"]
    (check,) = instructions("HEALTHCHECK")
    command = yaml.safe_load(check.partition("CMD ")[2])
    compile(command[2], "healthcheck", "exec")
    assert "/readyz" in command[2]
    assert not re.search(r"(?i)(api_key|password|master_key)=", CONTAINERFILE.partition("#")[0])


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for one in instructions("COPY"):
        source = shlex.split(one)[0]
        if not source.startswith("--"):
            assert (ROOT / source).exists()
            assert f"!{Path(source).parts[0]}" in kept


def test_the_image_holds_the_locked_versions(tmp_path: Path) -> None:
    (pins, install) = instructions("RUN")[1:3]
    lock = tmp_path / "requirements" / "dev.txt"
    lock.parent.mkdir()
    lock.write_bytes((ROOT / "requirements" / "dev.txt").read_bytes())
    subprocess.run(["/bin/sh", "-c", pins], cwd=tmp_path, check=True)
    constraints = (tmp_path / "constraints.txt").read_text("utf-8").splitlines()
    names = {one.partition("==")[0] for one in constraints}
    assert {"uvicorn", "starlette", "sqlalchemy", "asyncpg", "hatchling", "uvloop"} <= names
    assert len(constraints) == lock.read_text("utf-8").count("==") - sum(
        one.count("==") - 1 for one in constraints
    )
    folders = [one.partition("[")[0] for one in shlex.split(install)[2:]]
    assert all((ROOT / one / "pyproject.toml").is_file() for one in folders)

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.style.repository import PACKAGES, ROOT, project

LOCK = ROOT / "requirements" / "dev.txt"
OURS = {project(package)["name"] for package in PACKAGES}


def locked() -> dict[str, str]:
    """Return the pins that count on this Python and system."""
    pins: dict[str, str] = {}
    for match in re.finditer(r"(?m)^(\S+==\S+(?: ; [^\\\n]+)?)", LOCK.read_text("utf-8")):
        requirement = Requirement(match.group(1))
        if requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix(
                "=="
            )
    return pins


def tools() -> list[str]:
    lines = (ROOT / "requirements" / "dev.in").read_text("utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def asked(package: Path) -> list[str]:
    table = project(package)
    extras = table.get("optional-dependencies", {}).values()
    return [*table["dependencies"], *(line for extra in extras for line in extra)]


@pytest.mark.parametrize("source", [*PACKAGES, ROOT / "requirements"], ids=lambda path: path.name)
def test_the_lock_satisfies_whoever_asks(source: Path) -> None:
    pins = locked()
    wanted = tools() if source.name == "requirements" else asked(source)
    requirements = [Requirement(line) for line in wanted]
    unmet = [
        f"{requirement}, locked: {pins.get(canonicalize_name(requirement.name))}: run `make lock`"
        for requirement in requirements
        if requirement.name not in OURS
        if pins.get(canonicalize_name(requirement.name), "0") not in requirement.specifier
    ]
    assert unmet == []

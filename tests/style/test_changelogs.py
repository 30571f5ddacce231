from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.style.repository import PACKAGES, project


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_changelog_begins_with_the_packages_version(package: Path) -> None:
    text = (package / "CHANGELOG.md").read_text("utf-8")
    head = re.search(r"(?m)^## (\S+) - (\d{4}-\d{2}-\d{2}|unreleased)$", text)
    assert head is not None
    assert head.group(1) == project(package)["version"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_installed_version_is_the_declared_one(package: Path) -> None:
    table = project(package)
    assert version(table["name"]) == table["version"]

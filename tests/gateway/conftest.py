from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.site import Site, gateway
from tests.ledger.conftest import sqlite_template

__all__ = ["site", "sqlite_template"]


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway without keys over SQLite and OpenAI's emulator; one for a file of tests."""
    folder = tmp_path_factory.mktemp("gateway")
    url = folder / "ledger.db"
    shutil.copy(sqlite_template, url)
    with gateway(folder, str(url)) as made:
        yield made

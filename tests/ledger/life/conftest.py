from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard.testing import ManualClock
from tests.ledger.life.place import Place


@pytest.fixture
def place(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    made = Place(database_url, tmp_path, clock)
    yield made
    made.close()

from __future__ import annotations

from pathlib import Path

import pytest

from batchyard.ledger.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")

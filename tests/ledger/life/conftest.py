from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard.testing import ManualClock
from tests.ledger.life.place import Place

# what these are about is decided above the database: `make test` tries them on SQLite,
# and `make test-all` on Postgres too
ABOVE = frozenset(
    {
        "test_budgets",
        "test_creating",
        "test_exactly_once",
        "test_hostile_values",
        "test_lost_replies",
        "test_no_room",
        "test_odd_results",
        "test_reading",
        "test_repricing",
        "test_routing",
        "test_taking_over",
        "test_to_the_end",
        "test_troubled_providers",
        "test_two_jobs",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in ABOVE and "[postgres" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def place(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    made = Place(database_url, tmp_path, clock)
    yield made
    made.close()

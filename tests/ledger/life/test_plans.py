"""How SQLite finds rows: a ledger with many unfinished jobs must not be read whole for a few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.ledger.life.place import SQLITE, Place, created, follow

pytestmark = pytest.mark.anyio

NAMED = re.compile(r"\b(jobs|batches)\.(id|batch_id|provider_batch_id) IN \(\?")
"""Of a statement about rows whose ids are given."""

SEARCHED = re.compile(r"\b(state|phase)=\?|SCAN (jobs|batches)\b")
"""Of a plan that goes through all rows of a kind."""


@contextmanager
def asked() -> Iterator[dict[str, Any]]:
    """Statements, and what each was first given."""
    found: dict[str, Any] = {}

    def note(
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        many: bool,  # noqa: FBT001 - the signature is SQLAlchemy's
    ) -> None:
        found.setdefault(statement, parameters[0] if many else parameters)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@SQLITE
async def test_rows_whose_ids_are_given_are_looked_up_by_them(place: Place) -> None:
    place.emulate(time_scale=10)  # they are seen unchanged, too
    async with place.open() as ledger:
        with asked() as found:
            for _ in range(6):  # as many as are looked at by a list
                await created(ledger, 1)
            await follow(ledger)
        named = {one: given for one, given in found.items() if NAMED.search(one)}
        assert any("provider_batch_id IN" in one for one in named)
        assert any(one.startswith("UPDATE jobs") for one in named)
        assert any(one.startswith("UPDATE batches") for one in named)
        async with ledger.parts.db.writing() as connection:
            for statement, given in named.items():
                steps = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
                plan = "; ".join(step["detail"] for step in steps.mappings())
                assert not SEARCHED.search(plan), f"{statement}\n{plan}"

"""A walk over a list, while others add to it and take away from it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchyard.config import LedgerSettings
from batchyard.ledger import Ledger, Setup
from batchyard.ledger.tables import batches, files
from batchyard.models import Page, PageRequest
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from tests.ledger.life.place import NOBODY

STEP = st.sampled_from(["insert", "insert later", "delete", "page"])


def file_row(number: int, at: float) -> dict[str, object]:
    return {
        "id": f"file-{number:04}",
        "owner": NOBODY.owner,
        "tags": [],
        "purpose": "batch",
        "filename": "in.jsonl",
        "bytes": 0,
        "models": {},
        "created_at": at,
    }


def batch_row(number: int, at: float, provider: str) -> dict[str, object]:
    return {
        "id": f"batch_{number:04}",
        "owner": NOBODY.owner,
        "tags": [],
        "account": provider,
        "provider": provider,
        "endpoint": "/v1/x",
        "completion_window": "24h",
        "models": {},
        "phase": "open",
        "status": "validating",
        "errors": [],
        "created_at": at,
    }


async def walk(
    ledger: Ledger, steps: list[str], times: list[int], *, of_files: bool, ascending: bool
) -> tuple[list[str], set[str]]:
    """What a walk in pages of two saw, and what was there all the time."""
    db, table = ledger.parts.db, files if of_files else batches
    places = iter(range(1000))
    new: set[str] = set()

    async def insert(at: float) -> str:
        number = next(places)
        providers = ("openai", "azure", "vertex")
        row = file_row(number, at) if of_files else batch_row(number, at, providers[number % 3])
        async with db.writing() as connection:
            await connection.execute(table.insert().values(**row))
        return str(row["id"])

    there = [await insert(at) for at in times]
    always, seen, after, more = set(there), [], None, True
    for step in [*steps, *["page"] * 60]:
        if step.startswith("insert"):
            # what is written now has the time of now, or that of when its transaction began
            new.add(await insert(2000.0 if step == "insert" else float(len(new) % 5)))
        elif step == "delete" and of_files and there:
            gone = there.pop(len(there) // 2)
            always.discard(gone)
            await ledger.delete_file(gone)
        elif more:
            request = PageRequest(after, 2, "asc" if ascending else None)
            page: Page[object] = await (
                ledger.list_files(request) if of_files else ledger.list_batches(request)  # type: ignore[assignment]  # pages of either
            )
            seen += [one.id for one in page.data]  # type: ignore[attr-defined]  # files and batches have one
            more = page.has_more
            after = page.last_id
    assert not more
    return seen, always


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(STEP, max_size=12),
    times=st.lists(st.integers(0, 5), max_size=9),
    kind=st.sampled_from(["batches", "files", "files from the oldest on"]),
)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_walk_yields_each_id_once(
    database: str,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[str],
    times: list[int],
    kind: str,
) -> None:
    folder = tmp_path_factory.mktemp("walk")
    of_files, ascending = kind != "batches", kind.endswith("on")
    if database == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        url = str(shutil.copy(template, folder / "ledger.db"))
    else:
        url = request.getfixturevalue("postgres_url")

    async def main() -> tuple[list[str], set[str]]:
        settings_ = LedgerSettings(url=url, store=folder / "store")
        async with Ledger(settings_, Setup(registry=Registry({}), clock=ManualClock(1000))) as it:
            async with it.parts.db.writing() as connection:
                await connection.execute(files.delete())
                await connection.execute(batches.delete())
            return await walk(it, steps, times, of_files=of_files, ascending=ascending)

    seen, always = asyncio.run(main())
    assert len(seen) == len(set(seen))
    assert always <= set(seen)

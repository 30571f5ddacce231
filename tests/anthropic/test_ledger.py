"""Batches in tracked mode: what a worker finds that has not the folder of the one before it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard.ledger.tables import jobs
from batchyard.testing import ManualClock
from tests.anthropic.lines import chat_line, jsonl
from tests.ledger.conftest import sqlite_template
from tests.ledger.life.place import Place, change, created, follow, job_of

__all__ = ["sqlite_template"]

pytestmark = pytest.mark.anyio

LONG = "documents/" + "ü" * 40


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(sqlite_template: Path, tmp_path: Path) -> Iterator[Place]:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    made = Place(str(tmp_path / "ledger.db"), tmp_path, ManualClock())
    yield made
    made.close()


def worker(place: Place, name: str) -> Any:
    """One with a folder of its own."""
    return place.setup(accounts=[place.served("anthropic", folder=str(place.folder / name))])


def lines() -> bytes:
    return jsonl(chat_line("a b"), chat_line(LONG), chat_line("bad", max_tokens=10**6))


@pytest.mark.parametrize("sends", [0, 1])
async def test_a_worker_that_has_not_the_file_uploads_it_again(place: Place, sends: int) -> None:
    emulator = place.emulate("anthropic")
    emulator.faults.add("POST /v1/messages/batches 429")
    async with place.open(worker(place, "first")) as ledger:
        batch = await created(ledger, lines())

        async def is_uploaded() -> bool:
            job = await job_of(ledger, batch.id)
            return job.state == "uploaded" and job.sends == 1

        await follow(ledger, is_uploaded)
        # as if the worker had died before its first send, or after it
        await change(ledger, jobs, (await job_of(ledger, batch.id)).id, sends=sends)
    shutil.rmtree(place.folder / "first")
    async with place.open(worker(place, "second")) as ledger:
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert (done.status, done.errors) == ("completed", None)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 2, "error": 1}
        assert receipt.proof.complete
        assert len(emulator.batches) == 1


async def test_a_worker_elsewhere_reads_the_results_and_what_was_uploaded_goes(
    place: Place,
) -> None:
    place.emulate("anthropic", time_scale=1)
    async with place.open(worker(place, "first")) as ledger:
        batch = await created(ledger, lines(), metadata={"team": "search"})

        async def is_tracked() -> bool:
            return (await job_of(ledger, batch.id)).state == "tracking"

        await follow(ledger, is_tracked)
    async with place.open(worker(place, "second")) as ledger:
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert (done.status, done.metadata) == ("completed", {"team": "search"})
        # an id that cannot be read back was in the batch's state
        assert (await ledger.receipt(batch.id)).proof.complete

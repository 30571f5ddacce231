"""What a read of a batch that runs sets off, and what it does not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from batchyard.errors import NotFoundError
from batchyard.ledger.recently import Recently
from tests.ledger.life.place import Place, created, follow, job_of, reached

pytestmark = pytest.mark.anyio


async def test_many_who_ask_for_an_old_picture_cause_one_look(place: Place) -> None:
    place.emulate(time_scale=100.0)
    async with place.open(poll_first=50, poll_most=60) as ledger:
        batch = await created(ledger)
        await follow(ledger, reached(ledger, batch.id, "in_progress"))
        place.clock.advance(20)
        later = (await job_of(ledger, batch.id)).next_at
        assert later is not None
        assert later > place.clock.now()
        await ledger.retrieve_batch(batch.id)
        first = (await job_of(ledger, batch.id)).next_at
        assert first == place.clock.now()
        place.clock.advance(1)
        await ledger.retrieve_batch(batch.id)
        assert (await job_of(ledger, batch.id)).next_at == first


async def test_an_id_with_any_characters_is_not_found(place: Place) -> None:
    async with place.open() as ledger:
        for name in ("batch_\x00", "batch_\ud800", "'; --", "x" * 100_000):
            with pytest.raises(NotFoundError):
                await ledger.retrieve_batch(name)
            with pytest.raises(NotFoundError):
                await ledger.retrieve_file(name)


async def test_a_read_sees_what_another_process_has_just_committed(place: Place) -> None:
    async with place.open() as ledger, place.open() as other:
        batch = await created(ledger)
        assert (await other.retrieve_batch(batch.id)).status == "validating"
        await ledger.cancel_batch(batch.id)
        assert (await other.retrieve_batch(batch.id)).status != "validating"


async def test_a_read_is_answered_while_somebody_holds_the_whole_database(
    sqlite_url: str, tmp_path: Path
) -> None:
    from batchyard.testing import ManualClock  # noqa: PLC0415 - this test has a place of its own

    place = Place(sqlite_url, tmp_path, ManualClock())
    try:
        async with place.open() as ledger:
            batch = await created(ledger)
            with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as writer:
                writer.execute("BEGIN IMMEDIATE")
                assert (await ledger.retrieve_batch(batch.id)).id == batch.id
                writer.rollback()
    finally:
        place.close()


def test_what_is_remembered_is_bounded_and_forgotten_in_time() -> None:
    asked = Recently(5.0)
    assert asked.first("a", 0.0)
    assert not asked.first("a", 4.9)
    assert asked.first("a", 5.0)
    for number in range(20_000):
        asked.first(str(number), 6.0)
    assert len(asked._since) == 10_000

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from batchyard.ledger.database import (
    Database,
    live_leases,
    release_lease,
    renew_lease,
    take_lease,
)
from batchyard.testing import ManualClock

pytestmark = pytest.mark.anyio


async def test_one_holds_a_lease_until_it_runs_out(database: Database, clock: ManualClock) -> None:
    assert await take_lease(database, "poll/a", "one", 10) == 1
    clock.advance(9.9)
    assert await take_lease(database, "poll/a", "two", 10) is None
    clock.advance(0.1)
    assert await take_lease(database, "poll/a", "two", 10) == 2


async def test_a_lease_that_is_renewed_lasts(database: Database, clock: ManualClock) -> None:
    assert await take_lease(database, "poll/a", "one", 10) == 1
    clock.advance(9)
    assert await renew_lease(database, "poll/a", "one", 1, 10)
    clock.advance(9)
    assert await take_lease(database, "poll/a", "two", 10) is None


async def test_a_lease_that_another_has_taken_cannot_be_renewed(
    database: Database, clock: ManualClock
) -> None:
    await take_lease(database, "poll/a", "one", 10)
    clock.advance(10)
    await take_lease(database, "poll/a", "two", 10)
    assert not await renew_lease(database, "poll/a", "one", 1, 10)
    await release_lease(database, "poll/a", "one", 1)
    assert await live_leases(database, "poll/") == ["poll/a"]


async def test_the_holder_takes_it_again_and_fences_itself(database: Database) -> None:
    assert await take_lease(database, "poll/a", "one", 10) == 1
    assert await take_lease(database, "poll/a", "one", 10) == 2
    assert not await renew_lease(database, "poll/a", "one", 1, 10)


async def test_a_lease_that_is_released_is_free_and_its_epoch_goes_on(database: Database) -> None:
    await take_lease(database, "poll/a", "one", 10)
    await release_lease(database, "poll/a", "one", 1)
    assert await live_leases(database, "poll/") == []
    assert await take_lease(database, "poll/a", "two", 10) == 2


async def test_the_leases_that_are_held_are_found_by_the_start_of_their_names(
    database: Database, clock: ManualClock
) -> None:
    await take_lease(database, "poll/over", "one", 1)
    clock.advance(2)
    for name in ("poll/b", "poll/a", "Poll/c", "poll%d", "worker/e"):
        await take_lease(database, name, "one", 10)
    assert await live_leases(database, "poll/") == ["poll/a", "poll/b"]
    assert await live_leases(database, "poll%") == ["poll%d"]


async def test_of_many_who_ask_at_once_one_gets_it(
    database: Database, another: Callable[[], Database]
) -> None:
    async with another() as other:
        asked = (
            take_lease(db, "poll/a", f"worker-{number}", 10)
            for number in range(10)
            for db in (database, other)
        )
        # each worker asks twice, and may have it twice
        epochs = [epoch for epoch in await asyncio.gather(*asked) if epoch is not None]
    assert sorted(epochs) in ([1], [1, 2])

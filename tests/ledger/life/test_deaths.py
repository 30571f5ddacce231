"""Processes die between any two steps, and others go on with what they find."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event
from tests.ledger.life.mortal import Doom, Killed, MortalDriver, bury, doomed
from tests.ledger.life.place import (
    Place,
    books,
    created,
    follow,
    job_of,
    made_at,
    told,
    types_told,
)

pytestmark = pytest.mark.anyio


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    events: list[Event] = field(default_factory=list)

    @hookimpl
    async def deliver(self, event: Event) -> None:
        self.events.append(event)

    def of(self, batch_id: str) -> list[str]:
        """Ids of the batch's events, each where it was delivered first."""
        mine = [one for one in self.events if isinstance(one, BatchEvent)]
        return list(dict.fromkeys(one.id for one in mine if one.batch.id == batch_id))


async def die(place: Place, doom: Doom, kept: Kept) -> str:
    """Let a process create a batch and follow it until it dies; the batch's id."""
    setup = place.setup(accounts=[place.served(driver=MortalDriver)], sinks={"kept": kept})
    async with place.open(setup) as ledger:
        batch = await created(ledger)
        doomed(ledger, doom)
        try:
            await follow(ledger)
        except Killed:
            await bury(doom)
        return batch.id


@pytest.mark.parametrize("first", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_wherever_a_process_dies_another_brings_its_batch_to_the_same_end(
    place: Place, first: int
) -> None:
    emulator = place.emulate(time_scale=0.1)
    kept = Kept()
    # the steps are the same on both, so that some are enough on the slower one
    stride = 2 if place.url.startswith("sqlite") else 6
    number = first
    totals = [0, 0]
    while True:
        doom = Doom(number)
        batch_id = await die(place, doom, kept)
        # all leases of the dead run out
        place.clock.advance(200)
        async with place.open(place.setup(sinks={"kept": kept})) as ledger:
            await follow(ledger)
            done = await ledger.retrieve_batch(batch_id)
            where = f"died at step {number}: {doom.steps[-1]}"
            assert done.status == "completed", where
            (receipt,) = await ledger.receipts(batch_id)
            assert receipt.proof.complete, where
            totals[0] += receipt.usage.input_tokens
            totals[1] += receipt.usage.output_tokens
            types = await types_told(ledger, batch_id)
            assert types[0] == "acreate_batch", where
            assert types[-1] == "batch_success", where
            assert types.count("acreate_batch") == types.count("batch_success") == 1, where
            ids = [one.id for one in await told(ledger, batch_id)]
            assert kept.of(batch_id) == ids, where
            job = await job_of(ledger, batch_id)
            assert [one.id for one in made_at(emulator)][-1] == job.provider_batch_id, where
        if not doom.dead:
            break
        number += stride
    # one batch at the provider for each, one file, and its own books agree
    assert len(made_at(emulator)) == len(emulator.requests.matching("POST", "/v1/batches"))
    assert len(made_at(emulator)) == (number - first) // stride + 1
    assert tuple(totals) == books(emulator)
    assert number > 15

"""``batchyard reprice``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._ledgers import on_ledger
from batchyard.cli._options import Where, debug_option, json_option, with_ledger
from batchyard.cli._output import echo, emit, note
from batchyard.cli._receipts import cost_of, dollars
from batchyard.cli._times import day_option
from batchyard.errors import BatchyardError

if TYPE_CHECKING:
    from batchyard.ledger import Ledger
    from batchyard.models import Receipt

__all__ = ["command"]

PAGE = 500
"""Settlements that are read at a time."""


@dataclass(slots=True)
class Tally:
    """What came of it.  ``difference`` is of those whose cost is known before and after."""

    looked_at: int = 0
    repriced: int = 0
    failed: int = 0
    difference: Decimal = Decimal(0)

    def record(self) -> dict[str, Any]:
        return {
            "looked_at": self.looked_at,
            "repriced": self.repriced,
            "failed": self.failed,
            "difference": f"{self.difference:f}",
        }


@click.command("reprice", short_help="Price settled batches anew.")
@click.argument("batch_id", required=False)
@click.option("--unpriced", is_flag=True, help="Those of whose cost a part was not known.")
@day_option("--since", help="Those that were settled from this day on, or this moment; UTC.")
@with_ledger
@json_option
@debug_option
def command(
    where: Where, batch_id: str | None, unpriced: bool, since: datetime | None, as_json: bool
) -> None:
    """Price the batch BATCH_ID anew, or those that are chosen, at the prices known today.

    The time of price stays that of their lines.  What was settled stays as it
    was; the difference is a record of its own, and an event: batch_repriced.
    Exit code 1 says that one could not be priced.
    """
    if (batch_id is not None) == bool(unpriced or since):
        raise click.UsageError("Name a batch, or choose by --unpriced and --since.")

    async def repriced(ledger: Ledger) -> Tally:
        tally = Tally()
        if batch_id is not None:
            await ledger.receipt(batch_id)  # that it is there, and settled
            await _reprice(ledger, batch_id, tally, quiet=as_json)
        else:
            async for one in _chosen(ledger, since, unpriced=unpriced):
                await _reprice(ledger, one, tally, quiet=as_json)
        await ledger.outbox.flush()
        return tally

    tally = on_ledger(where, repriced)
    if as_json:
        emit(tally.record())
    else:
        changed = f", by {dollars(tally.difference)} USD" if tally.difference else ""
        echo(f"{tally.repriced} of {tally.looked_at} repriced{changed}")
    if tally.failed:
        raise SystemExit(EXIT_ERROR)


async def _chosen(ledger: Ledger, since: datetime | None, *, unpriced: bool) -> AsyncIterator[str]:
    """Batches by when they were settled: a page at a time, and none that is settled meanwhile."""
    from batchyard.ledger.query import Wanted, settlements

    first = None if since is None else since.timestamp()
    now, after = ledger.parts.now(), None
    while True:
        wanted = Wanted(since=first, until=now, after=after, limit=PAGE)
        page = await settlements(ledger.parts.db, wanted, kind=None if unpriced else "settlement")
        for row in page.rows:
            if not unpriced or row.state == "unpriced":
                yield row.batch_id
        after = page.next
        if after is None:
            return


async def _reprice(ledger: Ledger, batch_id: str, tally: Tally, *, quiet: bool) -> None:
    tally.looked_at += 1
    try:
        changed = await ledger.reprice(batch_id)
    except BatchyardError as error:
        # its account may be configured elsewhere; the others are none of its business
        tally.failed += 1
        note(f"{batch_id}: {error.message}")
        return
    if changed is None:
        return
    tally.repriced += 1
    tally.difference += changed.cost or 0
    if not quiet:
        echo(f"{batch_id}  {await _now(ledger, changed)}")


async def _now(ledger: Ledger, changed: Receipt) -> str:
    whole = await ledger.receipt(changed.batch_id)
    by = "" if changed.cost is None else f" ({'+' if changed.cost > 0 else ''}{changed.cost:f})"
    return f"{cost_of(whole)}{by}"

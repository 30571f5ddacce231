"""What batches really came to, in place of what was reserved for them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Boolean, bindparam, case, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.tables import reservations
from batchyard.models import Receipt
from batchyard.prices import nanos

__all__ = ["true_up"]


async def true_up(connection: AsyncConnection, receipts: Sequence[Receipt]) -> None:
    """Count the batches of *receipts*, whole ones, as what they cost; also over a limit.

    What cost nothing gives its reservations back.  What has no known cost counts
    as what was reserved, or as the known part where that is more.
    """
    rows = [
        {
            "batch": one.batch_id,
            "known": one.cost is not None,
            "cost": max(nanos(one.priced_cost) or 0, 0),
        }
        for one in receipts
    ]
    if not rows:
        return
    cost, known = bindparam("cost", type_=BigInteger), bindparam("known", type_=Boolean)
    least = case((reservations.c.reserved_nanos > cost, reservations.c.reserved_nanos), else_=cost)
    statement = (
        update(reservations)
        .where(reservations.c.batch_id == bindparam("batch"))
        .values(
            nanos=case((known, cost), else_=least),
            state=case((known & (cost == 0), "released"), else_="settled"),
        )
    )
    await connection.execute(statement, rows)

"""Reserving: as much as is left, however many ask at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, insert, select

from batchyard.errors import BudgetExceededError
from batchyard.hookspecs import Reservation
from batchyard.ledger.parts import Parts, Transaction
from batchyard.ledger.tables import budgets, reservations
from batchyard.prices import nanos

__all__ = ["reserve"]


async def reserve(
    parts: Parts, tx: Transaction, batch_id: str, wanted: Sequence[Reservation]
) -> None:
    """Make all of the reservations, or raise :class:`BudgetExceededError`.

    Each budget has a row, which is locked until the transaction ends: of two that
    want the last of it, one sees what the other has taken.
    """
    if not wanted:
        return
    now = tx.now()
    # in one order, so that two that want the same do not wait for each other
    names = sorted({one.budget for one in wanted})
    rows = [{"name": name, "created_at": now} for name in names]
    new = parts.db.insert(budgets).values(rows).on_conflict_do_nothing()
    await tx.connection.execute(new)
    locked = select(budgets.c.name).where(budgets.c.name.in_(names)).order_by(budgets.c.name)
    await tx.connection.execute(locked.with_for_update())
    booked: dict[str, int] = {}
    for one in wanted:
        amount = nanos(one.amount) or 0
        await _check(tx, one, amount)
        booked[one.budget] = max(amount, booked.get(one.budget, 0))
    made = [
        {
            "batch_id": batch_id,
            "budget": name,
            "at": now,
            "state": "reserved",
            "reserved_nanos": amount,
            "nanos": amount,
        }
        for name, amount in booked.items()
    ]
    await tx.connection.execute(insert(reservations), made)


async def _check(tx: Transaction, wanted: Reservation, amount: int) -> None:
    query = select(func.coalesce(func.sum(reservations.c.nanos), 0)).where(
        reservations.c.budget == wanted.budget, reservations.c.at >= wanted.since
    )
    used = int((await tx.connection.execute(query)).scalar_one())
    limit = nanos(wanted.limit) or 0
    if used + amount > limit:
        raise BudgetExceededError(wanted.budget, limit=limit, used=used, asked=amount)

"""Which accounts have jobs in a state for which something is due."""

from __future__ import annotations

from sqlalchemy import Select, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.ledger.states import JobState
from batchyard.ledger.tables import jobs

__all__ = ["accounts_due"]


async def accounts_due(connection: AsyncConnection, state: JobState, now: float) -> list[str]:
    """Those that have a job in that state whose time has come, by their names."""
    found = await connection.execute(_DUE, {"state": state, "now": now})
    return list(found.scalars())


def _due() -> Select[str]:
    """From one account to the next by the index.

    Not by a ``DISTINCT``, which would read the row of every job in that state.
    """
    mine = jobs.c.state == bindparam("state")
    first = select(func.min(jobs.c.account).label("account")).where(mine)
    found = first.cte("accounts", recursive=True)
    following = select(func.min(jobs.c.account)).where(mine, jobs.c.account > found.c.account)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.account.is_not(None)))
    due = mine & (jobs.c.account == found.c.account) & (jobs.c.next_at <= bindparam("now"))
    return select(found.c.account).where(exists().where(due)).order_by(found.c.account)


_DUE = _due()

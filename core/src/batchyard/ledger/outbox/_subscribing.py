"""Which subscriptions there are: those of the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from batchyard.errors import ConfigError
from batchyard.hookspecs import ListenerSpec
from batchyard.ledger.database import Database
from batchyard.ledger.tables import subscriptions

__all__ = ["Subscription", "subscribe"]

HOOKS = tuple(one for one in vars(ListenerSpec) if one[0] != "_" and one != "request_sent")
"""The hooks whose events are kept."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A sink as it is configured.  ``hooks`` are those it is for; all, where there are none."""

    name: str
    sink: str
    hooks: tuple[str, ...] = ()


async def subscribe(
    db: Database, configured: Sequence[Subscription], *, whole: bool = True
) -> None:
    """Make the ledger's subscriptions what is *configured*.

    A new one, and one that was away, gets the events from now on.  One that is
    gone gets no more; what was on its way to it stays, and goes on when it is
    configured again.  Without *whole* the others are left as they are: for a
    process whose configuration is not the one that holds for the ledger.

    Raises :class:`ConfigError` for a hook that does not exist.
    """
    for one in configured:
        _check(one)
    async with db.reading() as connection:
        known = {
            row.name: Subscription(row.name, row.sink, tuple(row.hooks))
            for row in await connection.execute(select(subscriptions).where(subscriptions.c.active))
        }
    wanted = {one.name: one for one in configured}
    if known == (wanted if whole else known | wanted):
        return  # as it mostly is: nobody has to wait for the write
    async with db.writing() as connection:
        if whole:
            gone = subscriptions.c.active & subscriptions.c.name.not_in(wanted)
            await connection.execute(update(subscriptions).where(gone).values(active=False))
        for one in configured:
            values = {"sink": one.sink, "hooks": list(one.hooks), "active": True}
            row = db.insert(subscriptions).values(
                name=one.name, created_at=db.clock.now(), **values
            )
            await connection.execute(
                row.on_conflict_do_update(index_elements=["name"], set_=values)
            )


def _check(subscription: Subscription) -> None:
    for hook in subscription.hooks:
        if hook not in HOOKS:
            close = difflib.get_close_matches(hook, HOOKS, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f": {', '.join(HOOKS)}"
            raise ConfigError(
                f"sink {subscription.name!r}: there is no event {hook!r}{hint}", param="hooks"
            )

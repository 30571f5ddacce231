"""The accounts that the ledger's jobs run at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from batchyard.drivers import AsyncDriver
from batchyard.effects import Plan
from batchyard.errors import ConfigError
from batchyard.models import Call, Event
from batchyard.registry import Account

__all__ = ["Accounts", "Served"]

T = TypeVar("T")

ABSENT = 60.0
"""Seconds after which a missing account is looked for again: it may be configured by then."""


MOST_ABSENT = 100


@dataclass(frozen=True, slots=True)
class Served:
    """An account with what its plans run on.  ``prices`` are its own, by model."""

    account: Account
    driver: AsyncDriver
    prices: Mapping[str, Any] = field(default_factory=dict)

    async def run(self, plan: Plan[T]) -> T:
        return await self.driver.run(plan)

    def call(
        self,
        request_id: str,
        *,
        batch: str | None = None,
        marker: str | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
    ) -> Call:
        name = self.account.name
        return Call(name, request_id, timeout, max_retries, marker=marker, batch=batch)


class Accounts:
    """Accounts by name, each made when it is first asked for.

    ``make`` makes one of a name, and raises
    :class:`~batchyard.errors.ConfigError` where none is configured; ``default``
    names the one that is taken where none is asked for.
    """

    def __init__(self, make: Callable[[str | None], Served], *, default: str | None = None) -> None:
        self._make = make
        self._default = default
        self._served: dict[str, Served] = {}
        self._absent: dict[str, float] = {}

    def get(self, name: str | None = None) -> Served:
        """The account; without a name, the default one."""
        wanted = name if name is not None else self._default
        if wanted is not None and wanted in self._served:
            return self._served[wanted]
        try:
            made = self._make(wanted)
        except ConfigError:
            if wanted is not None:
                self._miss(wanted)
            raise
        if wanted is None:
            self._default = made.account.name
        return self._served.setdefault(made.account.name, made)

    def _miss(self, name: str) -> None:
        """Note it, and forget the others of long ago: users may ask for any name."""
        self._absent = {one: self._absent[one] for one in self.absent[-MOST_ABSENT:]}
        self._absent[name] = time.monotonic()

    @property
    def made(self) -> tuple[str, ...]:
        """Those that were asked for, or given, so far."""
        return tuple(self._served)

    def known(self, name: str) -> Served | None:
        """The account, if it is made already."""
        return self._served.get(name)

    @property
    def absent(self) -> tuple[str, ...]:
        """Accounts that this process has not, as it has just found: their work is others'."""
        lately = time.monotonic() - ABSENT
        return tuple(name for name, since in self._absent.items() if since > lately)

    def add(self, served: Served) -> None:
        """An account that is not configured, such as one made of a client's arguments."""
        self._served[served.account.name] = served
        self._default = self._default or served.account.name

    def tell(self, event: Event) -> None:
        """Tell the listeners of the event's account, if this process has it.

        What is of no account, such as a staged file, is told at the default one.
        """
        try:
            served = self.get(event.account or None)
        except ConfigError:
            return  # made by another process, of settings that are not here
        served.account.tell(event)

    async def close(self) -> None:
        """Let the listeners hear what they were told, and close the connections."""
        for served in self._served.values():
            try:
                await asyncio.to_thread(served.account.flush)
            except RuntimeError:
                # as the interpreter ends there are no more threads, and nobody else needs the loop
                served.account.flush()
            await served.driver.close()

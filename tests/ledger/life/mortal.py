"""Processes that die between two steps, as if by ``kill -9``: nothing is tidied up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from batchyard.drivers import AsyncDriver
from batchyard.effects import Plan, Stream
from batchyard.ledger import Ledger

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: no handler of an ``Exception`` sees this."""


class Doom:
    """Death at step number *at* (from 0): a transaction, or a call of a provider.

    Once dead, whatever else was under way dies at its next step.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self.steps: list[str] = []
        self.dead = False

    def step(self, what: str) -> None:
        if not self.dead:
            self.steps.append(what)
            self.dead = len(self.steps) > self._at
        if self.dead:
            raise Killed(what)


class MortalDriver(AsyncDriver):
    """Dies before a call, and so after what was written down before it."""

    doom: Doom | None = None

    async def run(self, plan: Plan[T]) -> T:
        try:
            self._step(getattr(plan, "__qualname__", "a call"))
        except Killed:
            plan.close()
            raise
        return await super().run(plan)

    async def stream(self, stream: Stream[T]) -> AsyncIterator[T]:
        self._step("stream")
        async for item in super().stream(stream):
            yield item

    def _step(self, what: str) -> None:
        if self.doom is not None:
            self.doom.step(what)


def doomed(ledger: Ledger, doom: Doom) -> None:
    """Have the ledger's process die at a step: before a transaction, or before a call."""
    database: Any = ledger.parts.db
    writing = database.writing

    @asynccontextmanager
    async def mortal() -> AsyncIterator[AsyncConnection]:
        doom.step("transaction")
        async with writing() as connection:
            yield connection

    database.writing = mortal
    for served in ledger.parts.accounts._served.values():
        if isinstance(served.driver, MortalDriver):
            served.driver.doom = doom


async def bury(doom: Doom) -> None:
    """Have all end that was under way when the process died, each at its next step."""
    doom.dead = True
    others = asyncio.all_tasks() - {asyncio.current_task()}
    ours = [one for one in others if "/batchyard/" in _place_of(one)]
    for one in ours:
        one.cancel()
    await asyncio.gather(*ours, return_exceptions=True)


def _place_of(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return "" if code is None else str(code.co_filename)

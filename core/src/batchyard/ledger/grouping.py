"""What is asked for by many at the same time, done in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from batchyard.errors import LedgerUnavailableError

__all__ = ["Grouped"]

A = TypeVar("A")
B = TypeVar("B")

MOST = 200
"""Items of one go."""


class Grouped(Generic[A, B]):
    """Calls ``many`` with what has gathered while the last call ran: one transaction for all.

    ``many`` answers for each item, in their order, or raises and has done nothing.
    Then it is asked for each by itself, so that one that cannot be done spoils it
    for no other; where the database is away, all get that.
    """

    def __init__(self, many: Callable[[Sequence[A]], Awaitable[Sequence[B]]]) -> None:
        self._many = many
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> B:
        future: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._answer(group)

    async def _answer(self, group: Sequence[tuple[A, asyncio.Future[B]]]) -> None:
        try:
            answers = await self._many([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - it is for those that asked
            if len(group) > 1 and not isinstance(error, LedgerUnavailableError):
                for one in group:
                    await self._answer([one])
                return
            _fail(group, error)
        except BaseException as error:
            _fail(group, error)
            raise
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(group: Sequence[tuple[A, asyncio.Future[B]]], error: BaseException) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)

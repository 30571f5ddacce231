"""The keys that callers show: looked up at each request, or remembered for an instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from batchyard.ledger import Ledger
from batchyard.ledger.keys import KeyRecord

__all__ = ["Keyring"]

T = TypeVar("T")

FRESH = 0.5
"""Seconds for which an answer is good: what another process revokes is refused after that."""

MOST = 10_000
"""Keys that are remembered."""


@dataclass
class _Memory:
    """Answers with their times, and what is being looked up, by secret."""

    keys: dict[str, tuple[float, KeyRecord]] = field(default_factory=dict)
    any: tuple[float, bool] | None = None
    looks: dict[str | None, asyncio.Task[Any]] = field(default_factory=dict)


class Keyring:
    """Finds keys by their secrets.  Only keys that are there are remembered.

    Requests that come at once share one look: a slow ledger would be the slower for a
    look of each.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._memory = _Memory()

    async def find(self, secret: str) -> KeyRecord | None:
        """The key, also one that has ended."""
        memory = self._memory
        found = memory.keys.get(secret)
        if found is not None and self._fresh(found[0]):
            return found[1]
        return await _shared(memory, secret, partial(self._find, memory, secret))

    async def any(self) -> bool:
        """Whether there are keys, so that everybody needs one."""
        memory = self._memory
        if memory.any is not None and (memory.any[1] or self._fresh(memory.any[0])):
            return memory.any[1]
        return await _shared(memory, None, partial(self._find_any, memory))

    def forget(self) -> None:
        """Some key was changed here: nothing counts that was known, or is being looked up."""
        self._memory = _Memory()

    def _fresh(self, since: float) -> bool:
        return 0 <= self._ledger.now() - since < FRESH

    async def _find(self, memory: _Memory, secret: str) -> KeyRecord | None:
        now = self._ledger.now()
        key = await self._ledger.key_of_secret(secret)
        memory.keys.pop(secret, None)
        if key is not None:
            if len(memory.keys) >= MOST:
                memory.keys.clear()
            memory.keys[secret] = now, key
        return key

    async def _find_any(self, memory: _Memory) -> bool:
        memory.any = self._ledger.now(), await self._ledger.keys_exist()
        return memory.any[1]


async def _shared(
    memory: _Memory, name: str | None, look: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """The answer of the look that is under way already, if there is one."""
    task: asyncio.Task[T] | None = memory.looks.get(name)
    if task is None:
        task = memory.looks[name] = asyncio.create_task(look())
        task.add_done_callback(lambda _: memory.looks.pop(name, None))
    # a caller that hangs up ends its own request, and not what others wait for
    return await asyncio.shield(task)

"""An engine, behind the typed face of its hooks."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from batchyard.errors import BatchyardError, PluginFailedError
from batchyard.registry._calling import Hooks
from batchyard.registry._listeners import DEADLINE

__all__ = ["Engine"]

Advance = Callable[[str], Awaitable[None]]


class Engine:
    """Calls one engine.  Its hooks are ``async def``, and take as long as they take."""

    def __init__(self, name: str, plugin: object) -> None:
        self.name = name
        self._hooks = Hooks("engines", name, plugin, DEADLINE)

    def __repr__(self) -> str:
        return f"Engine({self.name!r})"

    @property
    def serves(self) -> bool:
        """Whether ids come back from somewhere else than the process that dispatched them."""
        return self._hooks.supports("serve")

    async def dispatch(self, ids: Sequence[str], advance: Advance) -> None:
        await self._run("dispatch", ids=ids, advance=advance)

    async def serve(self, advance: Advance) -> None:
        """Until cancelled; returns at once where the engine has nothing to serve."""
        if self.serves:
            await self._run("serve", advance=advance)

    async def close(self) -> None:
        if self._hooks.supports("close"):
            await self._run("close")

    async def _run(self, hook: str, **arguments: Any) -> None:
        try:
            answer = self._hooks.bound(hook, **arguments)()
            if inspect.isawaitable(answer):
                await answer
                return
        except BatchyardError:
            raise  # the ledger's own, of a database that is away
        except Exception as error:
            # a plugin may raise anything
            raise PluginFailedError(
                f"engine {self.name}: {hook} failed: {type(error).__name__}: {error}"
            ) from error
        raise self._hooks.refused(hook, "something to await: make it an async def", answer)

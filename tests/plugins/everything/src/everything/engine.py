from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from batchyard.hookspecs import hookimpl


class Engine:
    @hookimpl
    def dispatch(self, ids: Sequence[str], advance: Callable[[str], Awaitable[None]]) -> None:
        async def each() -> None:
            for one in ids:
                await advance(one)

        asyncio.run(each())

"""The ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from batchyard.config import GatewaySettings
from batchyard.gateway._edge import Edge
from batchyard.gateway._gateway import Gateway
from batchyard.gateway.routes import routes
from batchyard.ledger import Ledger
from batchyard.ledger.working import work

__all__ = ["application"]

log = logging.getLogger("batchyard.gateway")


def application(
    make: Callable[[], AbstractAsyncContextManager[Ledger]], settings: GatewaySettings
) -> ASGIApp:
    """The gateway over the ledger that *make* gives, opened with it and closed with it."""

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[Mapping[str, Any]]:
        async with make() as ledger, _following(ledger, settings) as following:
            yield {"gateway": Gateway(ledger, settings, following)}

    router = Router(routes(), redirect_slashes=False, default=_nowhere, lifespan=lifespan)
    return Edge(router, access_log=settings.access_log)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an application's signature
    raise HTTPException(404)


@asynccontextmanager
async def _following(
    ledger: Ledger, settings: GatewaySettings
) -> AsyncIterator[asyncio.Task[bool] | None]:
    """Follow the ledger's batches beside the requests, if that is wanted here."""
    if not settings.follow:
        yield None
        return
    stop = asyncio.Event()
    following = asyncio.create_task(work(ledger, stop, patience=settings.drain))
    following.add_done_callback(_ended)
    try:
        yield following
    finally:
        stop.set()
        (done,) = await asyncio.gather(following, return_exceptions=True)
        if done is not True:
            log.warning("stopped before all was done; whoever follows next takes it up")


def _ended(following: asyncio.Task[bool]) -> None:
    if not following.cancelled() and (error := following.exception()) is not None:
        log.error("nothing is followed here any more, restart the gateway", exc_info=error)

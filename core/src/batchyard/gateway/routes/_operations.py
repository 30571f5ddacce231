"""What an operation of the gateway is, and how it is reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from batchyard.gateway._callers import Caller, identified
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._hints import checked_provider

__all__ = ["PREFIXES", "Handler", "Operation", "routes_of"]

Handler: TypeAlias = Callable[[Gateway, Caller, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.  ``{provider}`` may stand before it, and ``/v1`` may be left out."""

    method: str
    path: str
    handler: Handler
    summary: str


class Endpoint:
    """An operation as an ASGI application."""

    def __init__(self, operation: Operation) -> None:
        self._handler = operation.handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        gateway: Gateway = request.state.gateway
        caller = await identified(gateway, request)
        await checked_provider(gateway, caller, request)
        response = await self._handler(gateway, caller, request)
        await response(scope, receive, send)


PREFIXES = ("/v1", "", "/{provider}/v1")
"""An operation of the API is reached under ``/v1``, bare, and behind a provider's name."""


def routes_of(
    operations: Sequence[Operation], prefixes: Sequence[str] = PREFIXES
) -> Iterator[BaseRoute]:
    """Each under all of the prefixes."""
    for prefix in prefixes:
        for one in operations:
            yield Route(prefix + one.path, Endpoint(one), methods=[one.method])

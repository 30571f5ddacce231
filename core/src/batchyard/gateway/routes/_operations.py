"""What an operation of the gateway is, and how it is reached."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from batchyard.gateway._callers import Caller, identified
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._hints import checked_provider

__all__ = [
    "ID",
    "PREFIXES",
    "Answer",
    "Handler",
    "Operation",
    "Parameter",
    "id_of",
    "routes_of",
]

Handler: TypeAlias = Callable[[Gateway, Caller, Request], Awaitable[Response]]

ID = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
"""What any id looks like: nothing else is asked of the ledger."""

_ID = re.compile(ID)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that is not part of the path.  ``schema`` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request that succeeds is answered with.

    ``model`` is a type that pydantic knows the schema of, or a schema; ``None``
    where the body is not JSON.
    """

    description: str
    model: Any = None
    media_type: str = "application/json"
    status: int = 200


DONE = Answer("What came of it.", {"type": "object"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.  ``{provider}`` may stand before it, and ``/v1`` may be left out.

    All behind ``summary`` is for the document that describes the API: ``body`` is
    a type, or a schema, by the media type of what is sent; ``errors`` are the
    statuses of refusals, beside those that any operation may answer with.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = (DONE,)
    errors: tuple[int, ...] = ()
    tag: str = "Administration"


class Endpoint:
    """The operations of one path as an ASGI application."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._handlers = {one.method: one.handler for one in operations}
        if "GET" in self._handlers:
            self._handlers.setdefault("HEAD", self._handlers["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(self._handlers))})
        request = Request(scope, receive, send)
        gateway: Gateway = request.state.gateway
        caller = await identified(gateway, request)
        await checked_provider(gateway, caller, request)
        response = await handler(gateway, caller, request)
        await response(scope, receive, send)


PREFIXES = ("/v1", "", "/{provider}/v1")
"""An operation of the API is reached under ``/v1``, bare, and behind a provider's name."""


def routes_of(
    operations: Sequence[Operation], prefixes: Sequence[str] = PREFIXES
) -> Iterator[BaseRoute]:
    """Each path under all of the prefixes."""
    paths: dict[str, list[Operation]] = {}
    for one in operations:
        paths.setdefault(one.path, []).append(one)
    for prefix in prefixes:
        for path, those in paths.items():
            yield Route(prefix + path, Endpoint(those))


def id_of(request: Request, name: str) -> str:
    """The id in the path.  What is no id at all leads nowhere."""
    value: str = request.path_params[name]
    if not _ID.fullmatch(value):
        raise HTTPException(404)
    return value

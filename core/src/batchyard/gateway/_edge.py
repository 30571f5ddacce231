"""What every request passes: an id, a line in the log, and an answer whatever happens."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchyard.gateway._errors import answer_to

__all__ = ["Edge", "RequestIds", "note", "request_id_of"]

log = logging.getLogger("batchyard.gateway.access")

CURRENT: ContextVar[str] = ContextVar("batchyard_request", default="")
"""The id of the request that something is done for; tasks and threads of it inherit it."""

STATE = "batchyard"
"""Where a request's own notes are, in its scope."""


def request_id_of(scope: Scope) -> str:
    return str(scope[STATE]["request_id"])


class RequestIds(logging.Filter):
    """Ends each message with the id of the request that it was written for, if it has it not."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = CURRENT.get()
        if current and current not in (said := record.getMessage()):
            record.msg, record.args = f"{said} {current}", None
        return True


def note(request: HTTPConnection, name: str, value: object) -> None:
    """Keep something with the request: its ``caller`` for the log, ``headers`` for its reply."""
    request.scope[STATE][name] = value


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, access_log: bool = True) -> None:
        self._app = app
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # without it, Starlette answers a wrong method or path in plain text by itself
        scope["app"] = self
        exchange = _Exchange(scope, send)
        current = CURRENT.set(exchange.request_id)
        try:
            await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            """Nobody is there to be told."""
        except Exception as error:
            if exchange.status is not None:
                # half of an answer is out: only a broken connection can still tell
                log.exception("request %s broke off", exchange.request_id)
                raise
            answer = answer_to(
                error,
                method=scope["method"],
                path=scope["path"],
                request_id=exchange.request_id,
            )
            await answer(scope, receive, exchange.send)
        finally:
            if self._access_log:
                exchange.log()
            CURRENT.reset(current)


class _Exchange:
    """One request, and what became of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = f"req_{secrets.token_hex(16)}"
        self.status: int | None = None
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._notes: MutableMapping[str, Any] = {"request_id": self.request_id}
        scope[STATE] = self._notes

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = {"x-request-id": self.request_id, **self._notes.get("headers", {})}
            encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
            message["headers"] = [*message.get("headers", ()), *encoded]
        await self._send(message)

    def log(self) -> None:
        taken = (time.perf_counter() - self._began) * 1000
        client = self._scope.get("client") or ("-",)
        log.info(
            "%s %s %s %s %.1f ms %s %s",
            client[0],
            self._scope["method"],
            # a path is anybody's text: no line of the log is to be made of it
            ascii(self._scope["path"])[1:-1],
            self.status or "-",
            taken,
            self.request_id,
            self._notes.get("caller", "-"),
        )

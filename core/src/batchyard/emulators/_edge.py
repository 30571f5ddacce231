from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batchyard.emulators._clock import Clock
from batchyard.emulators._exchange import ErrorDocument, Exchange
from batchyard.emulators._faults import Faults
from batchyard.emulators._requests import (
    RequestLog,
    RequestRecord,
    redacted_headers,
    redacted_query,
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What surrounds every request of an emulator."""

    clock: Clock
    faults: Faults
    requests: RequestLog
    latency: float
    error: ErrorDocument


class Edge:
    """Stands in front of an emulator: logs, waits and injects faults."""

    def __init__(self, app: ASGIApp, conditions: Conditions) -> None:
        self._app = app
        self._conditions = conditions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = _record(scope, self._conditions.clock.now())
        self._conditions.requests.add(record)
        exchange = Exchange(
            self._app,
            scope,
            _counting(receive, record),
            _noting(send, record),
            self._conditions.error,
        )
        # a server that never waits would hide every race
        await asyncio.sleep(self._conditions.latency)
        fault = self._conditions.faults.claim(scope["method"], scope["path"])
        try:
            await (exchange.act() if fault is None else fault.action.perform(exchange))
        except ClientDisconnect:
            return  # there is nobody left to answer


def _record(scope: Scope, at: float) -> RequestRecord:
    return RequestRecord(
        at=at,
        method=scope["method"],
        path=scope["path"],
        query=redacted_query(scope["query_string"]),
        headers=redacted_headers(scope["headers"]),
    )


def _counting(receive: Receive, record: RequestRecord) -> Receive:
    async def counted() -> Message:
        message = await receive()
        record.body_bytes += len(message.get("body", b""))
        return message

    return counted


def _noting(send: Send, record: RequestRecord) -> Send:
    async def noted(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.start":
            record.status = message["status"]

    return noted

"""Drives plans without a network: every request gets the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from batchyard.effects import (
    Now,
    Open,
    Opened,
    Plan,
    Read,
    Reply,
    Request,
    Send,
    Sleep,
    Stream,
)


@dataclass
class Replay:
    """A service that answers each request with *status* and *body*."""

    body: bytes
    status: int = 200
    requests: list[Request] = field(default_factory=list)

    def run(self, plan: Plan[Any]) -> Any:
        step, value = plan.send, None
        while True:
            try:
                effect = step(value)
            except StopIteration as stop:
                return stop.value
            value = self._answer(effect)

    def collect(self, stream: Stream[bytes]) -> bytes:
        pieces = []
        with suppress(StopAsyncIteration):
            while True:
                pieces.append(self.run(_next(stream)))
        return b"".join(pieces)

    def _answer(self, effect: object) -> Any:
        match effect:
            case Send(request):
                self.requests.append(request)
                return Reply(self.status, {"content-type": "application/json"}, self.body)
            case Open(request):
                self.requests.append(request)
                return Opened(self.status, {"content-length": str(len(self.body))}, self._pieces())
            case Read(opened):
                return next(opened.handle, b"")
            case Now():
                return 1_790_000_000.0
            case Sleep():
                return None
        raise AssertionError(f"a plan awaited {effect!r}")

    def _pieces(self) -> Iterator[bytes]:
        middle = len(self.body) // 2
        yield from (self.body[:middle], self.body[middle:])


async def _next(stream: Stream[bytes]) -> bytes:
    return await anext(stream)

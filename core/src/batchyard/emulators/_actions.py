from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Message

from batchyard.emulators._exchange import Exchange

_GATEWAY_PAGE = (
    "<html>\n<head><title>{status} Server Error</title></head>\n<body>\n"
    "<center><h1>{status} Server Error</h1></center>\n<hr><center>gateway</center>\n"
    "</body>\n</html>\n"
)


class Action(Protocol):
    """What goes wrong."""

    async def perform(self, exchange: Exchange) -> None: ...


@dataclass(frozen=True, slots=True)
class Status:
    """The request is not handled; the reply is this status.

    Without a body, 5xx comes with a gateway's HTML page and anything else with the provider's
    error document. `{credential}` in the body becomes the caller's own key, as in a service that
    echoes it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None

    async def perform(self, exchange: Exchange) -> None:
        body, content_type = self._content(exchange)
        headers = {"content-type": content_type} | {k.lower(): v for k, v in self.headers.items()}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await exchange.reply(self.status, raw, body.encode())

    def _content(self, exchange: Exchange) -> tuple[str, str]:
        if self.body is not None:
            is_html = self.body.lstrip().startswith("<")
            content_type = "text/html; charset=UTF-8" if is_html else "application/json"
            return self.body.replace("{credential}", exchange.credential), content_type
        if self.status >= 500:
            page = _GATEWAY_PAGE.format(status=self.status)
            return page, "text/html; charset=UTF-8"
        message = f"Fault injected: status {self.status}."
        if self.status == 401:
            message = f"Incorrect API key provided: {exchange.credential}."
        return json.dumps(exchange.error(self.status, message)), "application/json"


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before the request is handled."""

    async def perform(self, exchange: Exchange) -> None:
        await exchange.reset()


@dataclass(frozen=True, slots=True)
class Lost:
    """The request is handled and the reply lost by a reset: the caller cannot know."""

    async def perform(self, exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await exchange.reset()

        await exchange.act(send)


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is handled, and the reply held back until the caller has gone or time is up."""

    seconds: float = 3600

    async def perform(self, exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await exchange.wait_until_gone(self.seconds)
            if not exchange.is_closing:
                await exchange.send(message)

        await exchange.act(send)


@dataclass(frozen=True, slots=True)
class Truncate:
    """The reply announces its whole length and ends after `size` bytes (or one before its end)."""

    size: int

    async def perform(self, exchange: Exchange) -> None:
        left = self.size

        async def send(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                left = min(left, _content_length(message) - 1)
                await exchange.send(message)
            elif left >= 0:
                body = message.get("body", b"")[:left]
                left = left - len(body) or -1
                await exchange.send({**message, "body": body, "more_body": True})
                if left < 0:
                    await exchange.hang_up()

        await exchange.act(send)


@dataclass(frozen=True, slots=True)
class Slow:
    """The reply's body dribbles in, `piece` bytes at a time, `seconds` apart."""

    seconds: float = 0.05
    piece: int = 64

    async def perform(self, exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            body = message.get("body", b"")
            while len(body) > self.piece:
                piece, body = body[: self.piece], body[self.piece :]
                await exchange.send({**message, "body": piece, "more_body": True})
                await asyncio.sleep(self.seconds)
            is_body = message["type"] == "http.response.body"
            await exchange.send({**message, "body": body} if is_body else message)

        await exchange.act(send)


@dataclass(frozen=True, slots=True)
class Replace:
    """The request is handled; the reply keeps its status and gets another body."""

    body: bytes

    async def perform(self, exchange: Exchange) -> None:
        is_first = True

        async def send(message: Message) -> None:
            nonlocal is_first
            if message["type"] == "http.response.start":
                length = (b"content-length", str(len(self.body)).encode())
                headers = [pair for pair in message["headers"] if pair[0] != b"content-length"]
                await exchange.send({**message, "headers": [*headers, length]})
            elif is_first:
                is_first = False
                await exchange.send({"type": "http.response.body", "body": self.body})

        await exchange.act(send)


def _content_length(start: Message) -> int:
    headers = {bytes(name): bytes(value) for name, value in start["headers"]}
    return int(headers.get(b"content-length", b"0"))

"""What the server says to requests that never become any, and how long it waits for the others."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from batchyard.errors import InputError

__all__ = ["Options", "Protocol"]

log = logging.getLogger("batchyard.gateway.access")

MOST_URL, MOST_HEAD, MOST_FIELDS = 16 * 1024, 64 * 1024, 100
"""Bytes of an address, bytes of a head with it, and header fields."""

BAD = (HTTPStatus.BAD_REQUEST, "The request is no valid HTTP.", "invalid_http")
LONG_URL = (HTTPStatus.REQUEST_URI_TOO_LONG, "The URL is too long.", "url_too_long")
LONG_HEAD = (
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The headers are too many, or too long.",
    "headers_too_large",
)
SLOW = (HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.", "request_timeout")


class Options(uvicorn.Config):
    """uvicorn's, and the seconds that a client may stand still."""

    idle: float = 60.0


class RefusedError(Exception):
    """Ends the parsing of a request."""


class Protocol(HttpToolsProtocol):
    """One connection.

    Heads have an end in bytes and in time; who stops reading an answer is hung
    up on; and what is no HTTP is refused in the envelope that clients know.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle = getattr(self.config, "idle", Options.idle)
        self._in_head = True
        self._head = 0
        self._fields = 0
        self._refusal = BAD
        self._waiting: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._unstick()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head += len(data)
            if self._waiting is None:
                self._wait()
        super().data_received(data)
        if self._in_head and self._head > MOST_HEAD and not self.transport.is_closing():
            self._refuse(LONG_HEAD)

    def on_message_begin(self) -> None:
        self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_URL:
            self._refusal = LONG_URL
            raise RefusedError

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._fields += len(name) + len(value)
        if self._fields > MOST_HEAD or len(self.headers) > MOST_FIELDS:
            self._refusal = LONG_HEAD
            raise RefusedError

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head = True, 0

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words are not ours
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self._idle, self.transport.abort)

    def resume_writing(self) -> None:
        self._unstick()
        super().resume_writing()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self._idle, self._waited)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _waited(self) -> None:
        self._waiting = None
        if self.transport.is_closing() or not self._in_head:
            return
        if self._answering:
            # the next request waits for its turn
            self._wait()
        elif self._head:
            self._refuse(SLOW)
        else:
            self.transport.close()

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    @property
    def _answering(self) -> bool:
        # uvicorn's types do not tell that there is none before the first request
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self, why: tuple[HTTPStatus, str, str]) -> None:
        """Answer, where no answer has begun, and hang up."""
        status, said, code = why
        request_id = f"req_{secrets.token_hex(16)}"
        client = self.client[0] if self.client else "-"
        log.info("%s - - %d - %s -", client, status, request_id)
        if not (self._answering and self.cycle.response_started):
            body = json.dumps(InputError(said, code=code).body).encode()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                "content-type: application/json\r\n"
                f"content-length: {len(body)}\r\n"
                f"x-request-id: {request_id}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

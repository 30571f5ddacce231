"""What both drivers do with a request and a reply, short of sending and receiving."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import batchyard
from batchyard.drivers._http import httpx
from batchyard.effects import Request, Source
from batchyard.errors import (
    APIConnectionError,
    APITimeoutError,
    BatchyardError,
    ConfigError,
    ConnectionRefusedByPeerError,
    InputError,
    MalformedReplyError,
    SourceError,
)
from batchyard.models import RequestEvent
from batchyard.registry import Account

__all__ = [
    "Exchange",
    "Gathered",
    "blocks",
    "called",
    "foreign",
    "headers_of",
    "pieces",
    "plain_headers",
    "refused",
    "translated",
]

T = TypeVar("T")
log = logging.getLogger("batchyard.http")

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?")

PIECE = 64 * 1024
"""Bytes handed to the transport at a time: it copies what it is given."""

BLOCK = 256 * 1024
"""Bytes taken from a source at a time, so that a trip to a thread is worth it."""


def blocks(source: Source) -> Iterator[bytes]:
    """The source's chunks in blocks of some size; exactly as many bytes as it said, or an error."""
    block, total, length = bytearray(), 0, source.length
    try:
        for chunk in source.chunks():
            total += len(chunk)
            if total > length:
                break
            block += chunk
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
    except BatchyardError:
        raise
    except Exception as error:
        raise SourceError(f"reading the body failed: {type(error).__name__}: {error}") from error
    if total != length:
        more = "more" if total > length else f"{total} bytes"
        raise SourceError(f"the body was to have {length} bytes and had {more}")
    if block:
        yield bytes(block)


def pieces(block: bytes) -> Iterator[bytes]:
    """A block in pieces small enough for the transport."""
    if len(block) <= PIECE:
        yield block
        return
    for start in range(0, len(block), PIECE):
        yield block[start : start + PIECE]


def headers_of(request: Request) -> dict[str, str]:
    """The headers to send; the length is declared, so that nothing is sent chunked."""
    headers = {"user-agent": f"batchyard/{batchyard.__version__}"}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise InputError("a header's name has characters that HTTP does not allow")
        if not _VALUE.fullmatch(value):
            # never the value, which may be the credential
            raise InputError(f"the header {name} has characters that HTTP does not allow")
    if not isinstance(request.body, bytes):
        headers["content-length"] = str(request.body.length)
    return headers


def refused(request: Request) -> BatchyardError:
    """The error for a URL that is none."""
    return ConfigError(f"not an http or https URL: {request.url.partition('?')[0]!r}")


@contextmanager
def translated(request: Request) -> Iterator[None]:
    """Raise what httpx raises as ours, by how far the request got.

    Without the cause, which holds the request, and so the credential.
    """
    try:
        yield
    except httpx.UnsupportedProtocol:
        raise refused(request) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise ConnectionRefusedByPeerError(
            f"cannot connect to {_host(request)}: {str(error) or type(error).__name__}"
        ) from None
    except httpx.TimeoutException as error:
        raise APITimeoutError(f"{_host(request)} took too long ({type(error).__name__})") from None
    except httpx.LocalProtocolError:
        # h11 quotes the header at fault, which may be the credential
        raise InputError("the request is not valid HTTP: check the key and extra headers") from None
    except httpx.TransportError as error:
        raise APIConnectionError(
            f"the connection to {_host(request)} broke: {str(error) or type(error).__name__}"
        ) from None
    except httpx.DecodingError:
        raise MalformedReplyError(
            f"{_host(request)} sent a body that cannot be decompressed"
        ) from None


def _host(request: Request) -> str:
    return httpx.URL(request.url).host


def called(function: Callable[[], T]) -> T:
    """Call it; a ``StopIteration`` would end the coroutine that waits, or hang its future."""
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError("a function in Blocking raised StopIteration") from error


def foreign(effect: object) -> TypeError:
    return TypeError(
        f"a plan awaited {type(effect).__name__}, which is not an effect; "
        "wrap a function that blocks in Blocking"
    )


@dataclass(slots=True)
class Exchange:
    """One request, from its sending to its reply, as listeners hear of it."""

    account: Account
    request: Request
    began: float = field(default_factory=time.perf_counter)

    def report(self, at: float, reply: httpx.Response | None, error: BaseException | None) -> None:
        request, seconds = self.request, time.perf_counter() - self.began
        url = request.url.partition("?")[0]
        status = reply.status_code if reply is not None else None
        log.debug("%s %s %s %.3fs", request.method, url, status or type(error).__name__, seconds)
        if not self.account.hears("request_sent"):
            return
        self.account.tell(
            RequestEvent(
                hook="request_sent",
                at=at,
                provider=self.account.provider,
                account=self.account.name,
                method=request.method,
                url=url,
                status=status,
                seconds=seconds,
                request_id=reply.headers.get("x-request-id") if reply is not None else None,
                error=type(error).__name__ if error else None,
            )
        )


class Gathered:
    """A reply's body as it comes in, within its limits of size and time."""

    def __init__(self, request: Request, limit: int, timeout: float) -> None:
        self._request = request
        self._limit = limit
        self._deadline = time.monotonic() + timeout
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise MalformedReplyError(f"the reply is larger than {self._limit} bytes")
        if time.monotonic() > self._deadline:
            raise APITimeoutError("the reply did not end within the timeout")
        self._pieces.append(piece)

    def body(self) -> bytes:
        return b"".join(self._pieces)


def plain_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}

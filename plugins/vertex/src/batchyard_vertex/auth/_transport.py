"""google-auth's way to HTTP, over the driver.

google-auth asks for HTTP by a function that blocks until the reply is there.
Here that function has the replies that came so far, and ends the attempt when
it is asked for one more: the plan then sends that request and starts anew.  So
every kind of credential works (keys, users, federation, impersonation), and all
their requests are seen, timed and faulted like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchyard.effects import Reply, Request

__all__ = ["Transport", "WantedError"]

TIMEOUT = 60.0
"""Seconds that a request for a token may take; google-auth's own is two minutes."""


class WantedError(BaseException):
    """A request to send.  Not an Exception: google-auth must not take it for a failure."""

    def __init__(self, request: Request) -> None:
        super().__init__("a request is to be sent")
        self.request = request


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reply as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Transport:
    def __init__(self, received: Sequence[Reply]) -> None:
        self._received = iter(received)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Answer:
        reply = next(self._received, None)
        if reply is None:
            content = body.encode() if isinstance(body, str) else body or b""
            request = Request(method, url, dict(headers or {}), content, timeout or TIMEOUT)
            raise WantedError(request)
        return _Answer(reply.status, reply.headers, reply.body)

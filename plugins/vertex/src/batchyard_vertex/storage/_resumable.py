"""Uploading in chunks, and going on from the offset that the service reports."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import urlsplit

from batchyard.effects import Blocking, Plan, Reply, Request, Send, Sleep, Source
from batchyard.errors import BatchyardError, InternalServerError, MalformedReplyError
from batchyard.steps import call, header, retrying
from batchyard_vertex._errors import google_refusal
from batchyard_vertex._wire import Wire
from batchyard_vertex.storage._reader import Reader

__all__ = ["Resumable"]

_STORED = re.compile(r"bytes=0-(\d{1,18})")

GONE = frozenset({404, 410})
"""A session that has ended without an object: the upload begins anew."""


class Resumable:
    """One upload (Cloud Storage, resumable uploads)."""

    def __init__(self, wire: Wire, source: Source) -> None:
        self._wire = wire
        self._reader = Reader(source)
        self._length = source.length

    @property
    def digest(self) -> str | None:
        """The MD5 of what was sent, once all was."""
        return self._reader.digest

    async def store(self, url: str, description: bytes) -> Reply:
        """The reply that describes the new object.  *url* is where sessions begin."""
        for _ in range(self._wire.backoff.retries + 1):
            session = await self._begin(url, description)
            reply = await self._send_all(session)
            if reply is not None:
                return reply
        raise InternalServerError("the service loses the sessions of this upload")

    async def _begin(self, url: str, description: bytes) -> str:
        headers = {
            "content-type": "application/json; charset=UTF-8",
            "x-upload-content-type": "application/octet-stream",
            "x-upload-content-length": str(self._length),
        }

        async def send(request: Request) -> str:
            return header(await call(request, google_refusal), "location")

        def attempt() -> Plan[str]:
            return self._wire.sent(
                lambda: self._wire.request("POST", url, description, headers), send
            )

        return await retrying(attempt, self._wire.backoff)

    async def _send_all(self, session: str) -> Reply | None:
        """The last reply, or ``None`` when the session is gone.

        After a failure nobody knows what has arrived, so the service is asked.
        """
        offset, failures, unsure = 0, 0, False
        while True:
            asking = unsure or offset >= self._length
            try:
                reply = await (self._ask(session) if asking else self._put(session, offset))
            except BatchyardError as error:
                wait = self._wire.backoff.wait(failures, error)
                if wait is None:
                    raise
                failures, unsure = failures + 1, True
                await Sleep(wait)
                continue
            if reply.status != 308:
                return None if reply.status in GONE else reply
            stored = self._stored(reply)
            failures = 0 if stored > offset else failures + (not unsure)
            if failures > self._wire.backoff.retries:
                raise MalformedReplyError(f"the upload does not get beyond byte {offset}")
            offset, unsure = stored, False

    async def _put(self, session: str, offset: int) -> Reply:
        size = self._wire.settings.chunk_bytes
        chunk: bytes = await Blocking(partial(self._reader.read, offset, size))
        extent = f"bytes {offset}-{offset + len(chunk) - 1}/{self._length}"
        return await self._sent(session, chunk, extent)

    async def _ask(self, session: str) -> Reply:
        return await self._sent(session, b"", f"bytes */{self._length}")

    async def _sent(self, session: str, body: bytes, extent: str) -> Reply:
        headers = {"content-range": extent}
        if not self._at_home(session):
            # the session is its own credential; the token is for nobody else
            return await _answered(self._wire.bare("PUT", session, body, headers))
        return await self._wire.sent(
            lambda: self._wire.request("PUT", session, body, headers), _answered
        )

    def _at_home(self, session: str) -> bool:
        home, there = urlsplit(self._wire.settings.storage), urlsplit(session)
        return (home.scheme, home.netloc) == (there.scheme, there.netloc)

    def _stored(self, reply: Reply) -> int:
        """How many bytes the service has; none if it does not say."""
        extent = reply.headers.get("range", "")
        found = _STORED.fullmatch(extent)
        stored = int(found[1]) + 1 if found else 0
        if stored > self._length or (extent and not found):
            raise MalformedReplyError(f"the service says it has {extent} of {self._length} bytes")
        return stored


async def _answered(request: Request) -> Reply:
    reply = await Send(request)
    if reply.status in {200, 201, 308, *GONE}:
        return reply
    raise google_refusal(reply, request)

"""Reading a large body: checked for its length, and taken up again where it broke off."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from batchyard.effects import Opened, Plan, Read, Request, Sleep, Stream
from batchyard.errors import APIConnectionError, MalformedReplyError
from batchyard.steps._calls import Refusal, opened, refusal
from batchyard.steps._retry import Backoff, retrying

__all__ = ["download"]

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class _Content:
    """What a reply says of the content it carries, and which part of it that is.

    ``total`` is the length of the whole content, ``begin`` where this part begins.
    """

    total: int | None
    tag: str | None
    begin: int = 0


async def download(
    request: Callable[[], Plan[Request]],
    backoff: Backoff,
    refuse: Refusal = refusal,
    begun: Callable[[Opened], None] | None = None,
) -> Stream[bytes]:
    """The body of the reply to a GET, in pieces as they arrive.

    A reply that breaks off is asked for again from where it stopped, by a
    ``Range`` request that names the entity it began with; a service that
    answers such a request with the whole body has the part already delivered
    skipped.  ``begun`` is called with the reply that the first piece comes from,
    whose headers may say how to check the whole.

    Raises :class:`APIConnectionError` when it breaks off too often without
    progress, :class:`MalformedReplyError` when the content changed.
    """
    got, failures = 0, 0
    content: _Content | None = None
    while True:
        reply = await retrying(partial(_open, request, got, content, refuse), backoff)
        content = _same(content, _content(reply, got))
        if begun is not None and not got:
            begun(reply)
        try:
            async with aclosing(_pieces(reply, got - content.begin)) as pieces:
                async for piece in pieces:
                    got += len(piece)
                    failures = 0
                    yield piece
            if content.total is None or got == content.total:
                return
            raise APIConnectionError(f"the reply broke off after {got} of {content.total} bytes")
        except APIConnectionError as error:
            wait = backoff.wait(failures, error)
            if wait is None:
                raise
        failures += 1
        await Sleep(wait)


async def _open(
    request: Callable[[], Plan[Request]], got: int, content: _Content | None, refuse: Refusal
) -> Opened:
    wanted = await request()
    # of a body of unknown length nobody knows whether there is any more to ask for
    if got and content is not None and content.total is not None:
        headers = {**wanted.headers, "range": f"bytes={got}-", "accept-encoding": "identity"}
        # a weak tag may not be used so (RFC 9110, 13.1.5); it is compared when the reply is there
        if content.tag and not content.tag.startswith("W/"):
            headers["if-range"] = content.tag
        wanted = replace(wanted, headers=headers)
    return await opened(wanted, refuse)


def _content(reply: Opened, got: int) -> _Content:
    length, tag = reply.headers.get("content-length", ""), reply.headers.get("etag")
    if reply.headers.get("content-encoding", "identity") != "identity":
        # its length and its ranges would be those of the encoded body
        return _Content(None, tag)
    if reply.status != 206:
        return _Content(int(length) if length.isdecimal() else None, tag)
    extent = _RANGE.fullmatch(reply.headers.get("content-range", ""))
    if extent is None or int(extent[1]) != got:
        raise MalformedReplyError(
            f"asked for bytes from {got} on, got {extent[0] if extent else 'no range'}"
        )
    return _Content(None if extent[2] == "*" else int(extent[2]), tag, got)


def _same(before: _Content | None, now: _Content) -> _Content:
    """Refuse to join the beginning of one content to the end of another."""
    if before is None:
        return now
    for old, new in ((before.tag, now.tag), (before.total, now.total)):
        if None not in (old, new) and old != new:
            raise MalformedReplyError("the content changed while it was read")
    return replace(now, tag=now.tag or before.tag, total=now.total or before.total)


async def _pieces(reply: Opened, skip: int) -> Stream[bytes]:
    while piece := await Read(reply):
        if skip < len(piece):
            yield piece[skip:]
        skip = max(0, skip - len(piece))
    if skip:
        raise MalformedReplyError("the content became shorter while it was read")

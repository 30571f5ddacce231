"""Middleware wraps streams as it wraps plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from batchyard.effects import Stream
from batchyard.errors import RateLimitError
from batchyard.models import Ref
from batchyard.registry import Account
from tests.registry.colours import CALL, WRAPPER, Provider, Runs, Wrapping, account

pytestmark = pytest.mark.usefixtures("nothing_is_left_unawaited")


class Streams:
    """Wraps a stream: upper case, an end of its own, and failures replaced."""

    @WRAPPER
    def file_content(self) -> Wrapping:
        stream = yield
        return self.loud(stream)

    async def loud(self, stream: Stream[bytes]) -> AsyncIterator[bytes]:
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    yield piece.upper()
        except RateLimitError:
            yield b"(cut short)"
        yield b"end"


def content(at: Account) -> Stream[bytes]:
    return at.file_content(CALL, Ref("file-1"))


def test_a_stream_is_wrapped_too(runs: Runs) -> None:
    provider = Provider()
    at = account(provider, Streams())
    assert runs.stream(at, lambda: content(at)) == [b"ONE", b"TWO", b"THREE", b"end"]
    assert provider.acts == ["closed"]


def test_a_failure_inside_a_stream_can_be_replaced(runs: Runs) -> None:
    at = account(Provider(RateLimitError("slow down", status=429)), Streams())
    assert runs.stream(at, lambda: content(at)) == [b"ONE", b"(cut short)", b"end"]


def test_a_wrapped_stream_that_is_closed_early_closes_the_providers(runs: Runs) -> None:
    provider = Provider()
    at = account(provider, Streams(), Streams())
    assert runs.stream(at, lambda: content(at), most=2) == [b"ONE", b"TWO"]
    assert provider.acts == ["closed"]


class RaisesWithTheStream:
    @WRAPPER
    def file_content(self) -> Wrapping:
        yield
        raise LookupError("with the stream")


def test_what_a_middleware_of_a_stream_raises_reaches_the_caller(runs: Runs) -> None:
    provider = Provider()
    at = account(provider, Streams(), RaisesWithTheStream(), Streams())
    with pytest.raises(LookupError, match="with the stream"):
        runs.stream(at, lambda: content(at))
    assert provider.acts == []

"""The driver that awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from batchyard.drivers._clock import SystemClock
from batchyard.drivers._exchange import (
    Exchange,
    Gathered,
    blocks,
    called,
    foreign,
    headers_of,
    pieces,
    plain_headers,
    refused,
    translated,
)
from batchyard.drivers._http import httpx
from batchyard.drivers._quiet import quiet
from batchyard.drivers._transport import Transport
from batchyard.effects import (
    Blocking,
    Clock,
    Expiring,
    Now,
    Open,
    Opened,
    Plan,
    Read,
    Reply,
    Request,
    Send,
    Shared,
    Sleep,
    Source,
    Stream,
    Tell,
)
from batchyard.errors import BatchyardError
from batchyard.registry import Account

__all__ = ["AsyncDriver"]

T = TypeVar("T")

Scope: TypeAlias = "set[httpx.Response]"
"""The replies a plan has opened and not read to their end."""


class AsyncDriver:
    """Runs plans on the caller's event loop.

    May be used by one loop after another; connections belong to the loop that opened them.
    """

    def __init__(
        self, account: Account, transport: Transport | None = None, clock: Clock | None = None
    ) -> None:
        self.account = account
        self.clock = clock or SystemClock()
        self._transport = transport or Transport()
        self._http: httpx.AsyncClient | None = None
        self._lease: AsyncGenerator[httpx.AsyncClient, None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flights: dict[str, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections.  A plan run later opens new ones."""
        lease, self._lease, self._http = self._lease, None, None
        if lease is not None and self._loop is asyncio.get_running_loop():
            await lease.aclose()

    async def run(self, plan: Plan[T]) -> T:
        """What the plan ends with, or what it raises."""
        scope: Scope = set()
        try:
            return await self._run(plan, scope)
        except BatchyardError as error:
            error.locate(self.account.provider, self.account.name)
            raise
        finally:
            await self._leave(scope)

    async def stream(self, stream: Stream[T]) -> AsyncIterator[T]:
        """What the stream produces.  Closing the iterator ends the stream."""
        scope: Scope = set()
        try:
            while True:
                try:
                    item = await self._run(stream.__anext__(), scope)
                except StopAsyncIteration:
                    return
                yield item
        except BatchyardError as error:
            error.locate(self.account.provider, self.account.name)
            raise
        finally:
            try:
                await self._run(stream.aclose(), scope)
            finally:
                await self._leave(scope)

    async def _leave(self, scope: Scope) -> None:
        for response in scope:
            await response.aclose()

    async def _run(self, plan: Coroutine[Any, Any, T], scope: Scope) -> T:
        step: Callable[[], Any] = partial(plan.send, None)
        while True:
            try:
                effect = step()
            except StopIteration as stop:
                value: T = stop.value
                return value
            try:
                step = partial(plan.send, await self._perform(effect, scope))
            # the plan decides what it can handle; an interrupt or a cancellation has to
            # pass through it too, since a stream cannot be closed in the middle of a step
            except BaseException as error:  # noqa: BLE001
                step = partial(plan.throw, error)

    async def _perform(self, effect: object, scope: Scope) -> object:  # noqa: PLR0911 - an arm an effect
        match effect:
            case Send(request, limit):
                return await self._send(request, limit)
            case Open(request):
                return await self._open(request, scope)
            case Read(opened):
                return await self._read(opened, scope)
            case Sleep(seconds):
                await self.clock.sleep_async(seconds)
                return None
            case Now():
                return self.clock.now()
            case Tell(event):
                self.account.tell(event)
                return None
            case Shared(key, make, stale):
                return await self._share(key, make, stale, scope)
            case Blocking(function):
                return await asyncio.to_thread(called, function)
            case _:
                raise foreign(effect)

    async def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            self._lease, self._loop = _leased(self._transport.open_async()), loop
            self._http = await anext(self._lease)
        return self._http

    async def _exchange(self, request: Request) -> httpx.Response:
        if isinstance(request.body, bytes):
            return await self._round_trip(request, request.body)
        async with aclosing(_content(request.body)) as content:
            return await self._round_trip(request, content)

    async def _round_trip(
        self, request: Request, content: bytes | AsyncIterator[bytes]
    ) -> httpx.Response:
        exchange = Exchange(self.account, request)
        http = await self._client()
        try:
            built = http.build_request(
                request.method,
                request.url,
                headers=headers_of(request),
                content=content,
                timeout=self._transport.timeouts(request.timeout),
            )
        except (httpx.InvalidURL, UnicodeError):
            raise refused(request) from None
        try:
            with quiet(), translated(request):
                response = await http.send(built, stream=True)
        except BaseException as error:
            exchange.report(self.clock.now(), None, error)
            raise
        exchange.report(self.clock.now(), response, None)
        return response

    async def _send(self, request: Request, limit: int) -> Reply:
        response = await self._exchange(request)
        gathered = Gathered(request, limit, request.timeout or self._transport.timeout)
        try:
            with translated(request):
                async for piece in response.aiter_bytes():
                    gathered.add(piece)
        finally:
            await response.aclose()
        return Reply(response.status_code, plain_headers(response.headers), gathered.body())

    async def _open(self, request: Request, scope: Scope) -> Opened:
        response = await self._exchange(request)
        scope.add(response)
        handle = (request, response, response.aiter_bytes())
        return Opened(response.status_code, plain_headers(response.headers), handle)

    async def _read(self, opened: Opened, scope: Scope) -> bytes:
        request, response, body = opened.handle
        piece = b""
        try:
            with translated(request):
                # an empty piece is none: it would look like the end
                while not piece:
                    piece = await anext(body)
        except StopAsyncIteration:
            pass
        finally:
            if not piece:
                scope.discard(response)
                await response.aclose()
        return piece

    async def _share(
        self, key: str, make: Callable[[], Plan[Expiring[Any]]], stale: Any, scope: Scope
    ) -> Any:
        while True:
            found = self.account.shared.get(key, self.clock.monotonic(), stale)
            if found is not None:
                return found[0]
            flight = self._flights.get(key)
            if flight is None:
                return await self._make(key, make, scope)
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
            # the plan that was making it was cancelled, which is not our fate

    async def _make(self, key: str, make: Callable[[], Plan[Expiring[Any]]], scope: Scope) -> Any:
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            made = await self._run(make(), scope)
            self.account.shared.put(key, self.clock.monotonic() + made.lifetime, made.value)
            flight.set_result(made.value)
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # it is raised below, so nobody else need have waited
            raise
        finally:
            if not flight.done():
                flight.cancel()
            del self._flights[key]
        return made.value


async def _leased(http: httpx.AsyncClient) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Ended by `close`, or by the loop: as it shuts down it closes its generators."""
    try:
        yield http
    finally:
        await http.aclose()


async def _content(source: Source) -> AsyncGenerator[bytes, None]:
    """Reads the source off the event loop, a block at a time."""
    reader = blocks(source)
    while block := await asyncio.to_thread(next, reader, b""):
        for piece in pieces(block):
            yield piece

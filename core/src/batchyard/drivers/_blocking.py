"""The driver that blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import closing
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

__all__ = ["Driver"]

T = TypeVar("T")

Scope: TypeAlias = "set[httpx.Response]"
"""The replies a plan has opened and not read to their end."""


class Driver:
    """Runs plans in the caller's thread.  May be used by many threads at once."""

    def __init__(
        self, account: Account, transport: Transport | None = None, clock: Clock | None = None
    ) -> None:
        self.account = account
        self.clock = clock or SystemClock()
        self._transport = transport or Transport()
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()
        self._flights: dict[str, Future[Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections.  A plan run later opens new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def run(self, plan: Plan[T]) -> T:
        """What the plan ends with, or what it raises."""
        scope: Scope = set()
        try:
            return self._run(plan, scope)
        except BatchyardError as error:
            error.locate(self.account.provider, self.account.name)
            raise
        finally:
            self._leave(scope)

    def stream(self, stream: Stream[T]) -> Iterator[T]:
        """What the stream produces.  Closing the iterator ends the stream."""
        scope: Scope = set()
        try:
            while True:
                try:
                    item = self._run(stream.__anext__(), scope)
                except StopAsyncIteration:
                    return
                yield item
        except BatchyardError as error:
            error.locate(self.account.provider, self.account.name)
            raise
        finally:
            try:
                self._run(stream.aclose(), scope)
            finally:
                self._leave(scope)

    def _leave(self, scope: Scope) -> None:
        for response in scope:
            response.close()

    def _run(self, plan: Coroutine[Any, Any, T], scope: Scope) -> T:
        step: Callable[[], Any] = partial(plan.send, None)
        while True:
            try:
                effect = step()
            except StopIteration as stop:
                value: T = stop.value
                return value
            try:
                step = partial(plan.send, self._perform(effect, scope))
            # the plan decides what it can handle; an interrupt or a cancellation has to
            # pass through it too, since a stream cannot be closed in the middle of a step
            except BaseException as error:  # noqa: BLE001
                step = partial(plan.throw, error)

    def _perform(self, effect: object, scope: Scope) -> object:  # noqa: PLR0911 - an arm an effect
        match effect:
            case Send(request, limit):
                return self._send(request, limit)
            case Open(request):
                return self._open(request, scope)
            case Read(opened):
                return self._read(opened, scope)
            case Sleep(seconds):
                self.clock.sleep(seconds)
                return None
            case Now():
                return self.clock.now()
            case Tell(event):
                self.account.tell(event)
                return None
            case Shared(key, make, stale):
                return self._share(key, make, stale, scope)
            case Blocking(function):
                return called(function)
            case _:
                raise foreign(effect)

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                self._http = self._transport.open()
            return self._http

    def _exchange(self, request: Request) -> httpx.Response:
        if isinstance(request.body, bytes):
            return self._round_trip(request, request.body)
        with closing(_content(request.body)) as content:
            return self._round_trip(request, content)

    def _round_trip(self, request: Request, content: bytes | Iterator[bytes]) -> httpx.Response:
        exchange = Exchange(self.account, request)
        http = self._client()
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
                response = http.send(built, stream=True)
        except BaseException as error:
            exchange.report(self.clock.now(), None, error)
            raise
        exchange.report(self.clock.now(), response, None)
        return response

    def _send(self, request: Request, limit: int) -> Reply:
        response = self._exchange(request)
        gathered = Gathered(request, limit, request.timeout or self._transport.timeout)
        try:
            with translated(request):
                for piece in response.iter_bytes():
                    gathered.add(piece)
        finally:
            response.close()
        return Reply(response.status_code, plain_headers(response.headers), gathered.body())

    def _open(self, request: Request, scope: Scope) -> Opened:
        response = self._exchange(request)
        scope.add(response)
        handle = (request, response, response.iter_bytes())
        return Opened(response.status_code, plain_headers(response.headers), handle)

    def _read(self, opened: Opened, scope: Scope) -> bytes:
        request, response, body = opened.handle
        piece = b""
        try:
            with translated(request):
                # an empty piece is none: it would look like the end
                while not piece:
                    piece = next(body)
        except StopIteration:
            pass
        finally:
            if not piece:
                scope.discard(response)
                response.close()
        return piece

    def _share(
        self, key: str, make: Callable[[], Plan[Expiring[Any]]], stale: Any, scope: Scope
    ) -> Any:
        while True:
            with self._lock:
                found = self.account.shared.get(key, self.clock.monotonic(), stale)
                if found is not None:
                    return found[0]
                waited = self._flights.get(key)
                flight = waited or self._flights.setdefault(key, Future())
            if waited is None:
                return self._make(key, make, flight, scope)
            try:
                return flight.result()
            except CancelledError:
                if not flight.cancelled():
                    raise
                # the thread that was making it was interrupted, which is not our fate

    def _make(
        self, key: str, make: Callable[[], Plan[Expiring[Any]]], flight: Future[Any], scope: Scope
    ) -> Any:
        try:
            made = self._run(make(), scope)
            self.account.shared.put(key, self.clock.monotonic() + made.lifetime, made.value)
            flight.set_result(made.value)
        except Exception as error:
            flight.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._flights[key]
            flight.cancel()  # which does nothing to one that is done
        return made.value


def _content(source: Source) -> Generator[bytes]:
    for block in blocks(source):
        yield from pieces(block)

"""A loopback server whose replies a test writes itself, down to the bytes and the reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_LINGER_NOT = struct.pack("ii", 1, 0)
_GONE = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in.  Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    connection: int = 0
    head: bytes = field(default=b"", repr=False)


class Exchange:
    """One request, and the means to answer it well or badly."""

    def __init__(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.seen = seen
        self.reader = reader
        self.writer = writer

    async def reply(
        self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        await self.raw(head(status, {"content-length": str(len(body)), **(headers or {})}) + body)

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hang_up(self) -> None:
        """Close after what was written."""
        self.writer.close()

    async def reset(self) -> None:
        """Close with a TCP reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Wait for the other side to hang up."""
        with contextlib.suppress(*_GONE):
            while await self.reader.read(65536):
                pass


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


Handler = Callable[[Exchange], Awaitable[None]]
Body = Callable[[asyncio.StreamReader, int], Awaitable[bytes]]


async def kept(reader: asyncio.StreamReader, length: int) -> bytes:
    return await reader.readexactly(length)


class Site:
    """Runs in a thread of its own.  What a handler raises is raised when the site is left."""

    def __init__(
        self, handler: Handler, *, tls: ssl.SSLContext | None = None, body: Body = kept
    ) -> None:
        self.handler = handler
        self.requests: list[Seen] = []
        self.connections = 0
        self.open = 0
        self._tls = tls
        self._body = body
        self._errors: list[Exception] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if error is None and self._errors:
            raise self._errors[0]

    @property
    def heads(self) -> list[str]:
        """Method and target of each request."""
        return [f"{seen.method} {seen.target}" for seen in self.requests]

    def wait_until_closed(self) -> None:
        """Wait until no connection is open any more."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.open == 0, 5)

    def wait_until_asked(self) -> None:
        """Wait until a request has arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.requests, 5)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._accept)
        self._ready.set()
        await self._stop.wait()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # connections that were aborted are closed in the loop's next rounds
        for _ in range(3):
            await asyncio.sleep(0)

    def _accept(self) -> None:
        accepted, _ = self._socket.accept()
        task = asyncio.ensure_future(self._serve_one(accepted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # a task that is cancelled before it begins leaves it to us
        task.add_done_callback(lambda _: accepted.close())

    async def _serve_one(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=256 * 1024, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        with contextlib.suppress(*_GONE):
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, accepted, ssl=self._tls
            )
            await self._talk(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._count(1)
        try:
            async for seen in self._incoming(reader, number):
                with self._changed:
                    self.requests.append(seen)
                    self._changed.notify_all()
                await self.handler(Exchange(seen, reader, writer))
                if writer.is_closing():
                    return
        except _GONE:
            raise
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            self._errors.append(error)
        finally:
            writer.transport.abort()
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self.open += change
            self._changed.notify_all()

    async def _incoming(self, reader: asyncio.StreamReader, number: int) -> AsyncIterator[Seen]:
        while True:
            start = await reader.readuntil(b"\r\n\r\n")
            request, *lines = start.decode("latin-1").strip().split("\r\n")
            method, target, _ = request.split(" ")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            assert "transfer-encoding" not in headers
            body = await self._body(reader, int(headers.get("content-length", 0)))
            yield Seen(method, target, headers, body, number, start)


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def saying(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Handler:
    """Answer everything with the same."""

    async def handle(exchange: Exchange) -> None:
        await exchange.reply(status, body, headers)

    return handle


def in_turn(*handlers: Handler) -> Handler:
    """One handler a request; the last for all that follow."""
    left = list(handlers)

    async def handle(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return handle


async def resetting(exchange: Exchange) -> None:
    await exchange.reset()


async def hanging(exchange: Exchange) -> None:
    await exchange.until_gone()

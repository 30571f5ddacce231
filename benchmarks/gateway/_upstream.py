"""A service that answers at once, with what was made beforehand."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["BATCH", "FILE", "upstream"]

MB = 1024 * 1024

FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 500,
    "created_at": 1_790_000_000,
    "filename": "in.jsonl",
    "purpose": "batch",
    "status": "processed",
}
BATCH: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "in_progress",
    "created_at": 1_790_000_000,
    "expires_at": 1_990_086_400,
    "request_counts": {"total": 3, "completed": 1, "failed": 0},
    "metadata": {"team": "benchmark"},
}


@contextmanager
def upstream(megabytes: int) -> Iterator[str]:
    """The service in a process of its own; its content has so many megabytes."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, megabytes), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{mine.recv()}/v1"
    process.terminate()
    process.join()


def _serve(told: Any, megabytes: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Service(megabytes), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


class _Service(asyncio.Protocol):
    """HTTP, as far as answers that are known need it."""

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self._received = b""
        self._left = 0
        self._chunked = False
        self._answer = b""
        self._transport: Any = None
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        if self._chunked:
            self._received = (self._received + data)[-5:]
            if self._received == b"0\r\n\r\n":
                self._chunked, self._received = False, b""
                self._transport.write(self._answer)
            return
        if self._left:
            self._left -= len(data)
            if self._left <= 0:
                self._left = 0
                self._transport.write(self._answer)
            return
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end].lower(), self._received[end + 4 :]
            self._begin(head)

    def _begin(self, head: bytes) -> None:
        line = head.split(b"\r\n", 1)[0]
        if b"/content" in line:
            task = asyncio.ensure_future(self._content())
            task.add_done_callback(lambda _: None)
            return
        self._answer = FILES if b"/files" in line else _batch_answer(line)
        if b"expect: 100-continue" in head:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"transfer-encoding: chunked" in head:
            rest, self._received, self._chunked = self._received, b"", True
            self.data_received(rest)
            return
        _, found, length = head.partition(b"content-length:")
        size = int(length.split(b"\r\n", 1)[0]) if found else 0
        here, self._received = self._received[:size], self._received[size:]
        self._left = size - len(here)
        if not self._left:
            self._transport.write(self._answer)

    async def _content(self) -> None:
        piece = (b"x" * 1023 + b"\n") * 256
        size = self._megabytes * MB
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/jsonl\r\ncontent-length: {size}"
        self._transport.write(head.encode() + b"\r\n\r\n")
        for _ in range(size // len(piece)):
            await self._room.wait()
            self._transport.write(piece)


def _reply(document: Mapping[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


FILES = _reply(FILE)
ONE = _reply(BATCH)
LIST = _reply({"object": "list", "data": [BATCH], "has_more": False, "first_id": "batch_1"})


def _batch_answer(line: bytes) -> bytes:
    return LIST if line.startswith(b"get") and b"/batches/" not in line else ONE

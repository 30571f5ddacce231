"""Memory of the client while 1 GB goes up and comes down, in both colours.

    python benchmarks/memory.py [--megabytes 1000]

Method: a server in a process of its own swallows uploads and makes up downloads,
so that only the client is measured.  Each colour runs in a fresh process: it
uploads and reads back 1 MB to warm up, notes its peak resident size
(``ru_maxrss``), uploads and reads back the whole size, and reports by how much
the peak has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from batchyard import AsyncClient, Client
from batchyard.emulators import Server

MEGABYTE = 1_000_000
PIECE = b'{"custom_id": "r-000000", "method": "POST", "body": {"x": "' + b"x" * 938 + b'"}}\n'


class Made:
    """A file of *length* bytes that is made as it is read."""

    def __init__(self, length: int) -> None:
        self.length = length

    def chunks(self) -> Iterator[bytes]:
        block = PIECE * 64
        left = self.length
        while left > 0:
            yield block[:left]
            left -= len(block)


async def sink(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """A files API that keeps nothing: the id of a file is its size."""
    if scope["method"] == "POST":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        body = json.dumps({"id": f"file-{size}", "object": "file", "bytes": size}).encode()
        await _start(send, len(body))
        await send({"type": "http.response.body", "body": body})
        return
    left = int(scope["path"].split("/")[-2].removeprefix("file-"))
    await _start(send, left)
    block = PIECE * 64
    while left > 0:
        piece = block[:left]
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


async def _start(send: Any, length: int) -> None:
    headers = [(b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def serve() -> None:
    with Server(sink, "127.0.0.1", 0) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def peak() -> float:
    """Megabytes; Linux counts ``ru_maxrss`` in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def blocking(url: str, size: int) -> None:
    with Client("openai", api_key="sk-benchmark", base_url=url) as client:
        file = client.files.create(Made(size), validate=False)
        assert sum(map(len, client.files.content(file))) == file.bytes


async def awaiting(url: str, size: int) -> None:
    async with AsyncClient("openai", api_key="sk-benchmark", base_url=url) as client:
        file = await client.files.create(Made(size), validate=False)
        total = 0
        async for piece in client.files.content(file):
            total += len(piece)
        assert total == file.bytes


def measure(colour: str, url: str, size: int) -> None:
    def once(bytes_: int) -> None:
        if colour == "sync":
            blocking(url, bytes_)
        else:
            asyncio.run(awaiting(url, bytes_))

    once(MEGABYTE)
    before, began = peak(), time.perf_counter()
    once(size)
    seconds = time.perf_counter() - began
    speed = 2 * size / MEGABYTE / seconds
    print(f"{colour:<6} {peak() - before:>14.1f} {before:>11.1f} {speed:>10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--role", nargs="+", default=["all"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    role, size = arguments.role, arguments.megabytes * MEGABYTE
    if role == ["serve"]:
        return serve()
    if len(role) == 2:
        return measure(role[0], role[1], size)
    command = [sys.executable, __file__, "--megabytes", str(arguments.megabytes), "--role"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "serve"], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout
        assert server.stdin
        url = server.stdout.readline().strip()
        print(f"{arguments.megabytes} MB up, then down")
        print(f"{'':<6} {'peak grew by MB':>14} {'from MB':>11} {'MB/s':>10}", flush=True)
        for colour in ("sync", "async"):
            subprocess.run([*command, colour, url], check=True)
        server.stdin.close()
    return None


if __name__ == "__main__":
    main()

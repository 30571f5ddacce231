"""What is measured of each contestant."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

from benchmarks.gateway._contestants import KEY, Contestant

__all__ = ["CONNECTIONS", "Figures", "Reads", "measured"]

CONNECTIONS = (1, 16, 64)
MB = 1024 * 1024

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Reads:
    """Requests a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(slots=True)
class Figures:
    """Rounds by measure; memory in megabytes, speeds in MB/s."""

    idle: float = 0.0
    reads: dict[int, list[Reads]] = field(default_factory=dict)
    up: list[float] = field(default_factory=list)
    up_growth: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    down_growth: list[float] = field(default_factory=list)
    four_up: list[float] = field(default_factory=list)
    four_up_growth: list[float] = field(default_factory=list)


def measured(one: Contestant, figures: Figures, seconds: float, megabytes: int) -> None:
    """One round; each load comes from a process of its own."""
    if not figures.idle:
        one.ask(f"/v1/batches/{one.batch}")
        figures.idle = _memory(one, "VmRSS")
    for connections in CONNECTIONS:
        rates = _elsewhere(_read_for, one.port, one.batch, connections, seconds)
        figures.reads.setdefault(connections, []).append(rates)
    for count, size, speeds, growths in (
        (1, megabytes, figures.up, figures.up_growth),
        (4, megabytes // 2, figures.four_up, figures.four_up_growth),
    ):
        before = _memory(one, "VmRSS")
        _reset_peak(one)
        taken, file_id = _elsewhere(_upload, one.port, count, size)
        speeds.append(count * size / taken)
        growths.append(_memory(one, "VmHWM") - before)
        if count == 1 and one.name == "batchyard":
            one.file = file_id
    before = _memory(one, "VmRSS")
    _reset_peak(one)
    figures.down.append(_elsewhere(_download, one.port, one.file))
    figures.down_growth.append(_memory(one, "VmHWM") - before)


def _elsewhere(function: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _memory(one: Contestant, what: str) -> float:
    total = 0
    for pid in one.pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                total += int(line.split()[1])
    return total / 1024


def _reset_peak(one: Contestant) -> None:
    for pid in one.pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _head(method: str, path: str, *headers: str) -> bytes:
    lines = (
        f"{method} {path} HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {KEY}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode()


def _read_for(port: int, batch: str, connections: int, seconds: float) -> Reads:
    return asyncio.run(_reading(port, batch, connections, seconds))


async def _reading(port: int, batch: str, connections: int, seconds: float) -> Reads:
    request = _head("GET", f"/v1/batches/{batch}")
    latencies: list[float] = []
    began = time.perf_counter()
    # the first tenth warms up
    counted, until = began + seconds / 10, began + seconds * 1.1

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (start := time.perf_counter()) < until:
            writer.write(request)
            await _answer(reader)
            if start >= counted:
                latencies.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    # one that is very slow may have answered once, or not at all
    cuts = statistics.quantiles([*latencies, *latencies] or [seconds] * 2, n=100)
    return Reads(len(latencies) / seconds, cuts[49] * 1000, cuts[98] * 1000)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith((b"http/1.1 200", b"http/1.1 201")), head
    _, found, length = head.partition(b"content-length: ")
    if found:
        return await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def _lines(megabytes: int) -> Iterator[bytes]:
    """Chat requests of 1 KB, in pieces."""
    row = {
        "custom_id": "request-%08d",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": ""}]},
    }
    short = len(json.dumps(row)) - len("%08d") + 8
    row["body"]["messages"][0]["content"] = "Say it. " * ((1023 - short) // 8)  # type: ignore[index]
    line = (json.dumps(row) + "\n").encode()
    left, number = megabytes * MB, 0
    while left > 0:
        made = []
        for _ in range(min(64, left // len(line) + 1)):
            made.append(line % number)
            number += 1
        piece = b"".join(made)
        left -= len(piece)
        yield piece


def _upload(port: int, count: int, megabytes: int) -> tuple[float, str]:
    return asyncio.run(_uploading(port, count, megabytes))


async def _uploading(port: int, count: int, megabytes: int) -> tuple[float, str]:
    pieces = list(_lines(megabytes))
    start = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\n'
        b'Content-Disposition: form-data; name="file"; filename="in.jsonl"\r\n'
        b"Content-Type: application/jsonl\r\n\r\n"
    )
    end = b"\r\n--b--\r\n"
    length = len(start) + sum(map(len, pieces)) + len(end)
    head = _head(
        "POST",
        "/v1/files",
        "content-type: multipart/form-data; boundary=b",
        f"content-length: {length}",
    )

    async def one() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + start)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.write(end)
        answer = json.loads(await _answer(reader))
        writer.close()
        return str(answer["id"])

    began = time.perf_counter()
    made = await asyncio.gather(*(one() for _ in range(count)))
    return time.perf_counter() - began, made[0]


def _download(port: int, file: str) -> float:
    return asyncio.run(_downloading(port, file))


async def _downloading(port: int, file: str) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4 * MB)
    began = time.perf_counter()
    writer.write(_head("GET", f"/v1/files/{file}/content"))
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    _, found, length = head.partition(b"content-length: ")
    assert found or b"chunked" in head, head
    # what is sent in chunks ends with an empty one
    expected, size, last = int(length.split(b"\r\n", 1)[0]) if found else 0, 0, b""
    while size < expected if found else last != b"0\r\n\r\n":
        piece = await reader.read(MB)
        assert piece, "it broke off"
        size += len(piece)
        last = (last + piece)[-5:]
    writer.close()
    return size / MB / (time.perf_counter() - began)


if os.name != "posix":
    raise SystemExit("memory is read from /proc")

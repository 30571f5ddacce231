"""Calls per second and CPU per call of the client, beside bare httpx and other packages.

    python benchmarks/sdk.py [--seconds 1] [--rounds 3] [--with-litellm]

Method: a server in a process of its own answers every request with JSON that was
made beforehand, over connections that stay open; it does nothing else, so that
the clients are what is measured.  Each contestant runs in a fresh process, in
one colour: for each concurrency (threads or tasks that share a new client, with
the defaults of its package) and operation it makes calls to warm up, and then as
many as it can within the seconds.  CPU time is user and system time of the
contestant's process.  The
contestants take turns, round by round, so that a busy machine slows all of
them; the median of the rounds is shown, and its ratio to bare httpx.  What is
uploaded are three requests, which the client checks, as it does by default.
litellm is measured where the interpreter has it; ``--with-litellm`` makes an
environment of its own under ``build/benchmarks`` and installs it there.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent.parent / "build/benchmarks/litellm"
KEY = "sk-benchmark-0123456789"
CHAT = "/v1/chat/completions"
OPERATIONS = ("create_file", "create_batch", "retrieve_batch")
CONCURRENCY = (1, 32)
WARM = 64
"""Calls before those that are measured."""

FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 500,
    "created_at": 1_790_000_000,
    "filename": "in.jsonl",
    "purpose": "batch",
    "status": "processed",
}
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": CHAT,
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "in_progress",
    "created_at": 1_790_000_000,
    "expires_at": 1_790_086_400,
    "request_counts": {"total": 3, "completed": 1, "failed": 0},
    "metadata": {"team": "benchmark"},
}
LINES = b"".join(
    json.dumps(
        {
            "custom_id": f"r-{number}",
            "method": "POST",
            "url": CHAT,
            "body": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello!"}]},
        }
    ).encode()
    + b"\n"
    for number in range(3)
)


class Canned(asyncio.Protocol):
    """HTTP, as far as a reply that is known beforehand needs it."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, found, length = head.partition(b"content-length:")
            size = end + 4 + (int(length.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._received) < size:
                return
            self._transport.write(REPLIES[b"/files" in head.split(b"\r\n", 1)[0]])
            self._received = self._received[size:]


def _reply(document: Mapping[str, Any]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


REPLIES = {True: _reply(FILE), False: _reply(BATCH)}


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


Calls = Mapping[str, Callable[[], Any]]


def httpx_calls(url: str, colour: str) -> Calls:
    import httpx

    options: dict[str, Any] = {"base_url": url, "headers": {"authorization": f"Bearer {KEY}"}}
    batch = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
    upload: dict[str, Any] = {"files": {"file": ("in.jsonl", LINES)}, "data": {"purpose": "batch"}}
    if colour == "async":
        client = httpx.AsyncClient(**options)

        async def sent(method: str, path: str, **content: Any) -> Any:
            return (await client.request(method, path, **content)).raise_for_status().json()

        return {
            "create_file": lambda: sent("POST", "/files", **upload),
            "create_batch": lambda: sent("POST", "/batches", json=batch),
            "retrieve_batch": lambda: sent("GET", "/batches/batch_1"),
        }
    blocking = httpx.Client(**options)
    return {
        "create_file": lambda: blocking.post("/files", **upload).raise_for_status().json(),
        "create_batch": lambda: blocking.post("/batches", json=batch).raise_for_status().json(),
        "retrieve_batch": lambda: blocking.get("/batches/batch_1").raise_for_status().json(),
    }


def batchyard_calls(url: str, colour: str) -> Calls:
    import batchyard

    kind = batchyard.AsyncClient if colour == "async" else batchyard.Client
    client: Any = kind("openai", api_key=KEY, base_url=url)
    return {
        "create_file": lambda: client.files.create(LINES, filename="in.jsonl"),
        "create_batch": lambda: client.batches.create("file-1", CHAT),
        "retrieve_batch": lambda: client.batches.retrieve("batch_1"),
    }


def openai_calls(url: str, colour: str) -> Calls:
    openai = importlib.import_module("openai")
    kind = openai.AsyncOpenAI if colour == "async" else openai.OpenAI
    client = kind(api_key=KEY, base_url=url)
    batch: dict[str, Any] = {"endpoint": CHAT, "completion_window": "24h"}
    return {
        "create_file": lambda: client.files.create(file=("in.jsonl", LINES), purpose="batch"),
        "create_batch": lambda: client.batches.create(input_file_id="file-1", **batch),
        "retrieve_batch": lambda: client.batches.retrieve("batch_1"),
    }


def litellm_calls(url: str, colour: str) -> Calls:
    # else it asks the internet for its prices when it is imported
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm = importlib.import_module("litellm")
    a = "a" if colour == "async" else ""
    where = {"custom_llm_provider": "openai", "api_key": KEY, "api_base": url}
    batch = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
    create_file = getattr(litellm, f"{a}create_file")
    create_batch = getattr(litellm, f"{a}create_batch")
    retrieve_batch = getattr(litellm, f"{a}retrieve_batch")
    return {
        "create_file": lambda: create_file(file=("in.jsonl", LINES), purpose="batch", **where),
        "create_batch": lambda: create_batch(**batch, **where),
        "retrieve_batch": lambda: retrieve_batch(batch_id="batch_1", **where),
    }


CONTESTANTS: dict[str, Callable[[str, str], Calls]] = {
    "httpx": httpx_calls,
    "batchyard": batchyard_calls,
    "openai": openai_calls,
    "litellm": litellm_calls,
}


class Until:
    """Says yes a number of times, or for some seconds, to any number of workers."""

    def __init__(self, *, calls: int | None = None, seconds: float = 60) -> None:
        self.made = 0
        self._calls = calls
        self._end = time.perf_counter() + seconds
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        with self._lock:
            if self.made == self._calls or time.perf_counter() > self._end:
                return False
            self.made += 1
            return True


def in_threads(call: Callable[[], Any], concurrency: int, more: Until) -> None:
    def work() -> None:
        while more():
            assert call()

    with ThreadPoolExecutor(concurrency) as pool:
        for one in [pool.submit(work) for _ in range(concurrency)]:
            one.result()


async def in_tasks(call: Callable[[], Awaitable[Any]], concurrency: int, more: Until) -> None:
    async def work() -> None:
        while more():
            assert await call()

    await asyncio.gather(*(work() for _ in range(concurrency)))


def measure(name: str, colour: str, url: str, seconds: float) -> None:
    """The measuring process: prints calls per second and CPU seconds per call, by operation."""
    found: dict[str, tuple[float, float]] = {}

    def note(key: str, began: tuple[float, float], more: Until) -> None:
        wall, used = time.perf_counter() - began[0], time.process_time() - began[1]
        found[key] = (more.made / wall, used / more.made)

    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    async def awaiting() -> None:
        for concurrency in CONCURRENCY:
            for operation, call in CONTESTANTS[name](url, colour).items():
                await in_tasks(call, concurrency, Until(calls=WARM))
                began, more = now(), Until(seconds=seconds)
                await in_tasks(call, concurrency, more)
                note(f"{operation} {concurrency}", began, more)

    def blocking() -> None:
        for concurrency in CONCURRENCY:
            for operation, call in CONTESTANTS[name](url, colour).items():
                in_threads(call, concurrency, Until(calls=WARM))
                began, more = now(), Until(seconds=seconds)
                in_threads(call, concurrency, more)
                note(f"{operation} {concurrency}", began, more)

    if colour == "async":
        asyncio.run(awaiting())
    else:
        blocking()
    print(json.dumps(found), flush=True)
    # what the contestants leave running is not measured
    os._exit(0)


def pythons(*, litellm: bool) -> dict[str, str]:
    """The contestants, and the interpreter of each."""
    names = {
        name: sys.executable for name in CONTESTANTS if importlib.util.find_spec(name) is not None
    }
    if litellm:
        python = OWN / "bin/python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", OWN], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "litellm"], check=True)
        names["litellm"] = str(python)
    return names


@contextmanager
def server() -> Iterator[str]:
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


Taken = dict[tuple[str, str], dict[str, list[tuple[float, float]]]]
"""Of a colour and a contestant, by operation and concurrency: what each round came to."""


def rounds(number: int, seconds: float, names: Mapping[str, str]) -> Taken:
    taken: Taken = {}
    with server() as url:
        for _ in range(number):
            for colour in ("sync", "async"):
                for name, python in names.items():
                    order = ["--measure", name, colour, url, "--seconds", str(seconds)]
                    output = subprocess.run(
                        [python, __file__, *order], check=True, stdout=subprocess.PIPE, text=True
                    ).stdout
                    for key, value in json.loads(output.splitlines()[-1]).items():
                        taken.setdefault((colour, name), {}).setdefault(key, []).append(value)
    return taken


def show(taken: Taken) -> None:
    print(f"{'':<6} {'':<18} {'':<10} {'calls/s':>8} {'of httpx':>9} {'CPU us/call':>12}")
    for colour in ("sync", "async"):
        for key, bare in taken[colour, "httpx"].items():
            best = statistics.median(speed for speed, _ in bare)
            for name in CONTESTANTS:
                if (colour, name) not in taken:
                    continue
                values = taken[colour, name][key]
                speed = statistics.median(speed for speed, _ in values)
                used = statistics.median(used for _, used in values)
                print(
                    f"{colour:<6} {key:<18} {name:<10} {speed:>8.0f} {speed / best:>9.2f} "
                    f"{used * 1e6:>12.0f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--with-litellm", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return asyncio.run(serve())
    if arguments.measure:
        name, colour, url = arguments.measure
        return measure(name, colour, url, arguments.seconds)
    names = pythons(litellm=arguments.with_litellm)
    return show(rounds(arguments.rounds, arguments.seconds, names))


if __name__ == "__main__":
    main()

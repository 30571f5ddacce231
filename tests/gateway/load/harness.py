"""Many clients at once on a gateway that follows its batches, and a provider that fails."""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from batchyard.ledger.database import Database
from batchyard.ledger.tables import batches, settlement_items, settlements
from batchyard.registry import Registry
from tests.client.requests import chat_lines
from tests.ledger.chaos.books import Books, books_of
from tests.ledger.chaos.chance import Chance

__all__ = ["Load", "LoadFigures", "carry_out"]

CHAT = "/v1/chat/completions"

CONFIGURATION = """\
default_account = "openai"

[ledger]
url = "ledger.db"
poll_first = 0.5
poll_most = 2

[gateway]
access_log = false
"""


@dataclass(frozen=True)
class Load:
    """``pause`` is how long a client thinks between two requests, in seconds, on average."""

    folder: Path
    seconds: float
    clients: int = 200
    pause: float = 1.5
    faults: float = 0.05
    seed: int = 0
    patience: float = 300.0


@dataclass
class LoadFigures:
    """Latencies in milliseconds by kind of request; memory in megabytes."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: list[float] = field(default_factory=list)
    batches: int = 0
    settled: int = 0
    settlements: int = 0
    tokens: Books = (0, 0)
    books: Books = (0, 0)
    faults: int = 0

    def check(self) -> None:
        """No 5xx, nothing but what was to be expected, flat memory, a ledger that agrees."""
        assert not [one for one in self.statuses if one >= 500], self.statuses
        assert not self.wrong, self.wrong
        assert self.settled == self.settlements == self.batches > 0, self
        assert self.tokens == self.books, self
        assert self.faults > 0, self
        third = len(self.memory) // 3
        assert max(self.memory[-third:]) < max(self.memory[third : 2 * third]) * 1.2 + 10, (
            self.memory
        )

    def percentile(self, kind: str, which: int) -> float:
        found = sorted(self.latencies[kind])
        if len(found) < 2:
            return found[0] if found else 0.0
        return statistics.quantiles(found, n=100)[which - 1]

    def report(self) -> str:
        rows = [f"{'':14}{'requests':>10}{'p50, ms':>10}{'p95':>10}{'p99':>10}"]
        for kind in sorted(self.latencies):
            cuts = [self.percentile(kind, which) for which in (50, 95, 99)]
            rows.append(
                f"{kind:14}{len(self.latencies[kind]):>10,}"
                + "".join(f"{one:>10.1f}" for one in cuts)
            )
        rows.append(f"statuses {dict(self.statuses)}, refused by the provider {self.faults} times")
        rows.append(f"{self.batches} batches, {self.settled} settled, {self.tokens} tokens")
        rows.append(f"memory {self.memory[0]:.0f} MB at first, {max(self.memory):.0f} at most")
        return "\n".join(rows)


def carry_out(load: Load) -> LoadFigures:
    """Have the clients at it for the time, wait until all is settled, and add up."""
    figures = LoadFigures()
    emulator = Registry({}).load("emulators", "openai")(time_scale=0.02, seed=load.seed)
    emulator.faults = Chance(load.seed, load.faults)
    try:
        with (
            emulator.serve() as server,
            _gateway(load, emulator.environment(server.url)) as (
                url,
                pid,
            ),
        ):
            asyncio.run(_live(load, url, pid, figures))
        figures.books = books_of(emulator)
        figures.faults = emulator.faults.hits
    finally:
        emulator.close()
    asyncio.run(_add_up(load, figures))
    return figures


@contextmanager
def _gateway(load: Load, environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    load.folder.mkdir(parents=True, exist_ok=True)
    configuration = load.folder / "batchyard.toml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("batchyard")), "serve", "--port", "0"]
    with (
        (load.folder / "gateway.log").open("w+") as log,
        subprocess.Popen(
            [*command, "--config", str(configuration)],
            env={**os.environ, **environment},
            stderr=log,
            cwd=load.folder,
        ) as process,
    ):
        try:
            yield _address(process, Path(log.name)), process.pid
        finally:
            process.terminate()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        _, found, rest = log.read_text().partition("Serving at ")
        if found and "\n" in rest:
            return rest.partition("\n")[0].removesuffix("/v1")
        time.sleep(0.05)  # another process is on its way: there is nothing to wait for but time
    raise AssertionError(f"the gateway did not start: {log.read_text()}")


async def _live(load: Load, url: str, pid: int, figures: LoadFigures) -> None:
    until = time.monotonic() + load.seconds
    watching = asyncio.create_task(_watch(pid, figures))
    # one pool for all of them would look at each of its connections for each request
    secure = ssl.create_default_context()
    async with AsyncExitStack() as scope:
        each = [
            await scope.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=60, verify=secure)
            )
            for _ in range(load.clients)
        ]
        clients = [_Client(load, http, figures, number) for number, http in enumerate(each)]
        await asyncio.gather(*(one.work(until) for one in clients))
        watching.cancel()
        await _quiet(load, each[0])


async def _watch(pid: int, figures: LoadFigures) -> None:
    while True:
        figures.memory.append(await asyncio.to_thread(_resident, pid))
        await asyncio.sleep(0.5)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def _quiet(load: Load, http: httpx.AsyncClient) -> None:
    """Until every batch has ended."""
    until = time.monotonic() + load.patience
    after: str | None = None
    while time.monotonic() < until:
        query = {"limit": 100} | ({"after": after} if after else {})
        page = (await http.get("/v1/batches", params=query)).json()
        running = [one for one in page["data"] if one["status"] in RUNNING]
        if running:
            await asyncio.sleep(0.5)
        elif page["has_more"]:
            after = page["last_id"]
        else:
            return
    raise AssertionError("some batches did not end")


RUNNING = {"validating", "in_progress", "finalizing", "cancelling"}


class _Client:
    """One of many: it uploads, creates, asks, lists, downloads, cancels and deletes."""

    def __init__(
        self, load: Load, http: httpx.AsyncClient, figures: LoadFigures, number: int
    ) -> None:
        self._load = load
        self._http = http
        self._figures = figures
        self._chance = random.Random(load.seed * 10_000 + number)  # noqa: S311 - it keeps no secret
        self._files: list[str] = []
        self._batches: list[str] = []

    async def work(self, until: float) -> None:
        await self._think()
        while time.monotonic() < until:
            await self._something()
            await self._think()

    async def _think(self) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / self._load.pause))

    async def _something(self) -> None:
        luck = self._chance.random()
        if not self._files or luck < 0.08:
            await self._upload()
        elif not self._batches or luck < 0.16:
            await self._create()
        elif luck < 0.6:
            await self._ask("read", "GET", f"/v1/batches/{self._any(self._batches)}")
        elif luck < 0.7:
            await self._ask("list", "GET", "/v1/batches?limit=20")
        elif luck < 0.76:
            await self._ask("list", "GET", "/v1/files?limit=20")
        elif luck < 0.86:
            await self._download()
        elif luck < 0.9:
            await self._ask("cancel", "POST", f"/v1/batches/{self._any(self._batches)}/cancel")
        elif luck < 0.95:
            await self._ask("read", "GET", f"/v1/files/{self._any(self._files)}")
        else:
            await self._ask("refused", "GET", "/v1/batches/batch_none", 404)

    def _any(self, ids: list[str]) -> str:
        return self._chance.choice(ids)

    async def _upload(self) -> None:
        content = chat_lines(self._chance.randint(1, 50))
        form: dict[str, Any] = {
            "files": {"file": ("in.jsonl", content)},
            "data": {"purpose": "batch"},
        }
        made = await self._ask("upload", "POST", "/v1/files", **form)
        if made is not None:
            self._files.append(made["id"])

    async def _create(self) -> None:
        order = {"endpoint": CHAT, "completion_window": "24h"}
        order["input_file_id"] = self._any(self._files)
        made = await self._ask("create", "POST", "/v1/batches", json=order)
        if made is not None:
            self._batches.append(made["id"])

    async def _download(self) -> None:
        batch = await self._ask("read", "GET", f"/v1/batches/{self._any(self._batches)}")
        file_id = (batch or {}).get("output_file_id") or self._any(self._files)
        async with self._answered("download", "GET", f"/v1/files/{file_id}/content") as reply:
            await reply.aread()

    async def _ask(
        self, kind: str, method: str, path: str, expected: int = 200, **content: Any
    ) -> Any:
        async with self._answered(kind, method, path, expected, **content) as reply:
            body = await reply.aread()
        return json.loads(body) if reply.status_code == 200 else None

    @asynccontextmanager
    async def _answered(
        self, kind: str, method: str, path: str, expected: int = 200, **content: Any
    ) -> AsyncIterator[httpx.Response]:
        began = time.perf_counter()
        async with self._http.stream(method, path, **content) as reply:
            yield reply
        self._figures.latencies[kind].append((time.perf_counter() - began) * 1000)
        self._figures.requests += 1
        self._figures.statuses[reply.status_code] += 1
        if reply.status_code != expected:
            self._figures.wrong[f"{reply.status_code} {method} {kind}"] += 1


async def _add_up(load: Load, figures: LoadFigures) -> None:
    async with Database(str(load.folder / "ledger.db")) as db, db.reading() as connection:

        async def one(query: Any) -> Any:
            return (await connection.execute(query)).one()

        figures.batches = (await one(select(func.count()).select_from(batches)))[0]
        done = select(func.count()).where(batches.c.phase == "settled")
        figures.settled = (await one(done))[0]
        first = select(func.count()).where(settlements.c.kind == "settlement")
        figures.settlements = (await one(first))[0]
        columns = settlement_items.c
        summed = await one(select(func.sum(columns.input_tokens), func.sum(columns.output_tokens)))
        figures.tokens = (int(summed[0] or 0), int(summed[1] or 0))

"""Many batches, workers that are killed at random, faults, and the sums at the end."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Self

from sqlalchemy import func, select

from batchyard.ledger import BatchOrder, FileOrder, Ledger
from batchyard.ledger.tables import batches, deliveries, events, jobs, settlements
from batchyard.registry import Registry
from batchyard.steps import BytesSource
from tests.client.requests import chat_lines
from tests.ledger.chaos.books import Books, books_of, made_at
from tests.ledger.chaos.chance import Chance
from tests.ledger.chaos.clock import FastClock
from tests.ledger.chaos.worker import Ground, work
from tests.ledger.processes import forked

__all__ = ["Figures", "Trial", "carry_out"]

CHAT = "/v1/chat/completions"

MODELS = {"openai": "gpt-4.1-mini", "azure": "gpt-4.1-mini", "vertex": "gemini-2.5-flash"}

BAD, CANCELLED = 0.1, 0.15
"""Shares of the batches whose model is not there, and that are cancelled some time."""

SIDE_BY_SIDE = 8
"""Batches created at a time."""


@dataclass(frozen=True)
class Trial:
    """``kill_every`` and ``patience`` are seconds of the machine; ``speed`` is how fast time is.

    After *most_kills* the workers are left alone, so that a slow machine gets done too.
    """

    url: str
    folder: Path
    batches: int
    workers: int = 1
    engine: str = "local"
    providers: tuple[str, ...] = ("openai",)
    faults: float = 0.05
    kill_every: float = 1.0
    most_kills: int = 30
    speed: float = 30.0
    seed: int = 0
    patience: float = 240.0


@dataclass
class Figures:
    """What came of it.  ``twins`` are batches that an unanswered create made in vain."""

    batches: int = 0
    settled: int = 0
    settlements: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    lines: int = 0
    tokens: dict[str, Books] = field(default_factory=dict)
    books: dict[str, Books] = field(default_factory=dict)
    unknown_at_provider: set[str] = field(default_factory=set)
    twins: int = 0
    events: int = 0
    ends: int = 0
    delivered_lines: int = 0
    undelivered: set[str] = field(default_factory=set)
    out_of_order: int = 0
    kills: int = 0
    faults: int = 0
    requests: int = 0
    seconds: float = 0.0

    def check(self) -> None:
        """Nothing lost, nothing twice, nothing missing, and the sums are the provider's."""
        assert self.settled == self.settlements == self.batches, self
        assert self.ends == self.batches, self
        assert self.undelivered == set(), self
        assert self.out_of_order == 0, self
        assert self.unknown_at_provider == set(), self
        assert self.tokens == self.books, self
        assert self.kills > 0, self
        assert self.faults > 0, self

    def report(self) -> str:
        shown = asdict(self) | {"statuses": dict(self.statuses)}
        shown |= {"undelivered": len(self.undelivered)}
        shown |= {"unknown_at_provider": len(self.unknown_at_provider)}
        return "\n".join(f"{name:20} {value}" for name, value in shown.items())


def carry_out(trial: Trial) -> Figures:
    """Create the batches while workers live and die, wait until all is quiet, and add up."""
    origin = time.time()
    clock = FastClock(trial.speed, origin)
    began = time.monotonic()
    figures = Figures(batches=trial.batches)
    with _emulators(trial, clock) as (emulators, environ):
        ground = Ground(trial.url, trial.folder, trial.engine, environ, trial.speed, origin)
        with _Herd(ground, trial) as herd:
            asyncio.run(_live(ground, trial, herd, figures))
            figures.kills = herd.kills
        for name, emulator in emulators.items():
            figures.books[name] = books_of(emulator)
            figures.faults += emulator.faults.hits
            figures.requests += emulator.faults.asked
        made = {one for emulator in emulators.values() for one in made_at(emulator)}
        asyncio.run(_add_up(ground, figures, made))
    figures.seconds = round(time.monotonic() - began, 1)
    return figures


@contextmanager
def _emulators(trial: Trial, clock: FastClock) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    with ExitStack() as scope:
        made: dict[str, Any] = {}
        environ: dict[str, str] = {}
        for number, name in enumerate(trial.providers):
            kind = Registry({}).load("emulators", name)
            emulator = kind(clock=clock, time_scale=0.3, seed=trial.seed)
            emulator.faults = Chance(trial.seed + number, trial.faults)
            server = scope.enter_context(emulator.serve())
            scope.callback(emulator.close)
            made[name] = emulator
            environ |= emulator.environment(server.url)
        yield made, environ


class _Herd:
    """The workers' processes.  Each that is killed is followed by another."""

    def __init__(self, ground: Ground, trial: Trial) -> None:
        self.kills = 0
        self._ground = ground
        self._trial = trial
        self._random = random.Random(trial.seed)  # noqa: S311 - it keeps no secret
        self._context = forked()
        self._alive: list[ForkServerProcess] = []

    def __enter__(self) -> Self:
        self._alive = [self._new() for _ in range(self._trial.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._alive:
            one.kill()
            one.join()

    def _new(self) -> ForkServerProcess:
        process = self._context.Process(target=work, args=(self._ground,), daemon=True)
        process.start()
        return process

    async def thin_out(self) -> None:
        """Kill one now and then, as ``kill -9`` does."""
        while self.kills < self._trial.most_kills:
            pause = self._random.expovariate(1 / self._trial.kill_every)
            await asyncio.sleep(min(pause, 4 * self._trial.kill_every))
            place = self._random.randrange(len(self._alive))
            assert self._alive[place].is_alive(), "a worker has ended by itself: see workers.log"
            self._alive[place].kill()
            await asyncio.to_thread(self._alive[place].join)
            self.kills += 1
            self._alive[place] = self._new()


async def _live(ground: Ground, trial: Trial, herd: _Herd, figures: Figures) -> None:
    async with ground.ledger() as ledger:
        killing = asyncio.create_task(herd.thin_out())
        try:
            async with asyncio.timeout(trial.patience):
                await _create_all(ledger, trial, figures)
                while not await _quiet(ledger):
                    if killing.done():
                        killing.result()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            figures.settled = -1  # told of by the check, with all that is known
        finally:
            killing.cancel()
            with suppress(asyncio.CancelledError):
                await killing


async def _create_all(ledger: Ledger, trial: Trial, figures: Figures) -> None:
    chance = random.Random(trial.seed + 1)  # noqa: S311 - it keeps no secret
    turn = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(number: int, lines: int, luck: float, wait: float) -> None:
        provider = trial.providers[number % len(trial.providers)]
        model = "no-such-model" if luck < BAD else MODELS[provider]
        async with turn:
            content = chat_lines(lines, prefix=f"{number}", model=model)
            file = await ledger.create_file(BytesSource(content), FileOrder(f"{number}.jsonl"))
            order = BatchOrder(file.id, CHAT, account=provider, idempotency_key=str(number))
            batch = await ledger.create_batch(order)
            figures.lines += lines
        if BAD <= luck < BAD + CANCELLED:
            await asyncio.sleep(wait)
            await ledger.cancel_batch(batch.id)

    orders = [
        (number, chance.randint(1, 4), chance.random(), chance.random() * 2)
        for number in range(trial.batches)
    ]
    for start in range(0, len(orders), 500):
        await asyncio.gather(*(one(*order) for order in orders[start : start + 500]))


async def _quiet(ledger: Ledger) -> bool:
    """Whether every batch is settled, and every event delivered."""
    unsettled = select(batches.c.id).where(batches.c.phase != "settled").limit(1)
    untold = select(deliveries.c.number).where(deliveries.c.state == "pending").limit(1)
    async with ledger.parts.db.reading() as connection:
        for query in (unsettled, untold):
            if (await connection.execute(query)).first() is not None:
                return False
    return True


async def _add_up(ground: Ground, figures: Figures, made: set[str]) -> None:
    async with ground.ledger() as ledger, ledger.parts.db.reading() as connection:

        async def rows(query: Any) -> Any:
            return (await connection.execute(query)).all()

        for status, count in await rows(
            select(batches.c.status, func.count()).group_by(batches.c.status)
        ):
            figures.statuses[status] = count
        done = select(func.count()).where(batches.c.phase == "settled")
        figures.settled = (await rows(done))[0][0] if figures.settled >= 0 else -1
        first = select(func.count()).where(settlements.c.kind == "settlement")
        figures.settlements = (await rows(first))[0][0]
        twins = select(func.count()).where(jobs.c.twin_of.is_not(None))
        figures.twins = (await rows(twins))[0][0]
        known = {one for (one,) in await rows(select(jobs.c.provider_batch_id))} - {None}
        # some providers' ids have a place before the number
        figures.unknown_at_provider = made - known - {re.split(r"[^0-9]", one)[-1] for one in known}
        figures.tokens = await _tokens(rows, list(figures.books))
        told = await rows(select(events.c.id, events.c.subject, events.c.seq, events.c.hook))
    figures.events = len(told)
    ends = {"batch_success", "batch_failed", "batch_expired", "batch_cancelled"}
    figures.ends = sum(1 for one in told if one.hook in ends)
    _read_sink(ground.events, told, figures)


async def _tokens(rows: Any, accounts: list[str]) -> dict[str, Books]:
    from batchyard.ledger.tables import settlement_items as items  # noqa: PLC0415

    summed = select(
        items.c.account, func.sum(items.c.input_tokens), func.sum(items.c.output_tokens)
    )
    found = await rows(summed.group_by(items.c.account))
    return dict.fromkeys(accounts, (0, 0)) | {one[0]: (int(one[1]), int(one[2])) for one in found}


def _read_sink(path: Path, told: Any, figures: Figures) -> None:
    """Hold the sink's lines against the events: each at least once, a batch's in their order."""
    places = {one.id: (one.subject, one.seq) for one in told}
    last: Counter[str] = Counter()
    seen: set[str] = set()
    for line in path.read_bytes().splitlines():
        figures.delivered_lines += 1
        with suppress(json.JSONDecodeError):  # torn by a death; it is delivered again
            event_id = json.loads(line)["id"]
            if event_id in seen or event_id not in places:
                continue
            seen.add(event_id)
            subject, seq = places[event_id]
            figures.out_of_order += seq != last[subject] + 1
            last[subject] = seq
    figures.undelivered = set(places) - seen

"""One suite over all providers: the same input, the same outcomes, the same shapes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.emulators import Trial
from batchyard.registry import PluginInfo, Registry
from batchyard.testing import ManualClock
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.interpreter import python

CHAT = "/v1/chat/completions"
PROVIDERS = ("anthropic", "azure", "gemini", "openai", "vertex")
SOON = {"BATCHYARD_LEDGER__POLL_FIRST": "0.2"}
"""The first look at a batch comes at once: the emulators are quick."""
IDS = ("a b", "größe ✓ 例", "x" * 150, '"quoted"', "1")


class Place:
    """A provider's emulator, and clients of one colour for it."""

    def __init__(self, provider: str, colour: str, environment: dict[str, str]) -> None:
        self.provider = provider
        self.colour = colour
        self.environment = environment
        self.clock = ManualClock()

    def run(self, body: Callable[[Any], Awaitable[Any]]) -> Any:
        kind = Client if self.colour == "sync" else AsyncClient

        async def main() -> Any:
            client = kind(self.provider, registry=Registry(self.environment), clock=self.clock)
            try:
                return await body(client)
            finally:
                await settled(client.close())

        return asyncio.run(main())


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["sync", "async"])
def place(request: pytest.FixtureRequest, provider: str) -> Iterator[Place]:
    place = Place(provider, request.param, {})
    emulator = Registry({}).load("emulators", provider)(clock=place.clock)
    with closing(emulator), emulator.serve() as server:
        place.environment = emulator.environment(server.url)
        yield place


def trial_of(provider: str) -> Trial:
    trial: Trial = Registry({}).load("emulators", provider).trial
    return trial


def lines(place: Place) -> bytes:
    trial = trial_of(place.provider)
    good = b"".join(chat_lines(1, prefix=one, model=trial.model) for one in IDS)
    return good + chat_lines(2, prefix="bad", model=trial.model, **trial.bad)


def test_every_provider_of_ours_is_here() -> None:
    ours = [one for one in Registry({}).installed("providers") if is_ours(one)]
    assert {Registry({}).provider(one.name).name for one in ours} == set(PROVIDERS)


def is_ours(info: PluginInfo) -> bool:
    return info.distribution.startswith("batchyard-")


def test_the_same_lines_have_the_same_outcomes_and_shapes(place: Place) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines(place), filename="in.jsonl"))
        batch = await settled(client.batches.create(file, CHAT))
        ended = await settled(client.batches.wait(batch))
        assert ended.status == "completed"
        results = client.batches.results(ended)
        items = await settled(results)
        assert [item.custom_id for item in items] == [
            *(f"{one}-0" for one in IDS),
            "bad-0",
            "bad-1",
        ]
        assert [item.outcome for item in items] == ["ok"] * len(IDS) + ["error"] * 2
        assert str(results.completeness) == "7 = 5 ok + 2 error"
        assert results.completeness.complete
        for item in items[: len(IDS)]:
            assert item.response["object"] == "chat.completion"
            assert item.response["choices"][0]["finish_reason"] == "stop"
            assert item.response["usage"]["total_tokens"] == item.usage.total_tokens > 0
            assert isinstance(item.text, str)
        for item in items[len(IDS) :]:
            assert item.error is not None
            assert item.error.status == 400
            assert item.error.message

    place.run(body)


def test_another_process_reads_the_results_by_the_batchs_id_alone(place: Place) -> None:
    async def begun(client: Any) -> Any:
        file = await settled(client.files.create(lines(place)))
        return await settled(client.batches.create(file, CHAT))

    batch = place.run(begun)

    async def taken_up(client: Any) -> None:
        await settled(client.batches.wait(batch.id))
        results = client.batches.results(batch.id)
        assert len(await settled(results)) == 7
        assert results.completeness.complete
        listed = await settled(client.batches.list())
        assert [one.id for one in listed] == [batch.id]

    place.run(taken_up)


def test_a_cancelled_batch_ends_cancelled_and_accounts_for_every_line(place: Place) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines(place)))
        batch = await settled(client.batches.create(file, CHAT))
        await settled(client.batches.cancel(batch))
        ended = await settled(client.batches.wait(batch))
        assert ended.status == "cancelled"
        results = client.batches.results(ended)
        assert len(await settled(results)) == 7
        assert results.completeness.lines == 7

    place.run(body)


def test_the_same_key_gives_the_same_batch(place: Place) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines(place)))
        first = await settled(client.batches.create(file, CHAT, idempotency_key="k"))
        again = await settled(client.batches.create(file, CHAT, idempotency_key="k"))
        assert first.id == again.id
        assert len(await settled(client.batches.list())) == 1

    place.run(body)


def test_the_example_runs_from_the_command_line(provider: str, tmp_path: Path) -> None:
    emulator = Registry({}).load("emulators", provider)(time_scale=0.002)
    path = tmp_path / "in.jsonl"
    path.write_bytes(chat_lines(20, model=trial_of(provider).model))
    with closing(emulator), emulator.serve() as server:
        done = subprocess.run(
            [*python(), "-m", "batchyard", "run", path, "--account", provider],
            env={**os.environ, **emulator.environment(server.url), **SOON},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "lines     20 = 20 ok" in done.stdout

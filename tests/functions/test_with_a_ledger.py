"""LiteLLM's functions where a ledger is configured: the same calls, with ids of our own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types import Batch as OfficialBatch

import batchyard
from batchyard import AsyncClient, Client, functions
from batchyard.errors import InputError, InvalidLinesError, NotFoundError
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"
KEY = "sk-test-0123456789"


class Called:
    """Calls a function by LiteLLM's name, or its twin; each time on a loop of its own."""

    def __init__(self, colour: str, emulator: OpenAIEmulator) -> None:
        self.colour = colour
        self.emulator = emulator

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        given = {"custom_llm_provider": "openai", **options}
        if self.colour == "sync":
            return getattr(batchyard, name)(*arguments, **given)
        return asyncio.run(getattr(batchyard, f"a{name}")(*arguments, **given))

    def settled(self, batch_id: str) -> Any:
        """Follow the batch to its end, as a worker would."""
        with Client("openai") as client:
            return client.batches.wait(batch_id)


@pytest.fixture(params=["sync", "async"])
def called(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Called]:
    emulator = OpenAIEmulator(keys=[KEY])
    with emulator.serve() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("BATCHYARD_LEDGER", str(tmp_path / "ledger.db"))
        monkeypatch.setenv("BATCHYARD_LEDGER__POLL_FIRST", "0.1")
        yield Called(request.param, emulator)
        functions.close_clients()
        asyncio.run(functions.aclose_clients())
    assert "batchyard-ledger" not in {one.name for one in threading.enumerate()}


def test_a_file_and_a_batch_live_their_lives_under_litellms_names(called: Called) -> None:
    file = called("create_file", file=("in.jsonl", chat_lines(2)), purpose="batch")
    assert called("file_retrieve", file.id).filename == "in.jsonl"
    assert [one.id for one in called("file_list", purpose="batch")] == [file.id]
    batch = called("create_batch", "24h", CHAT, file.id, metadata={"a": "b"})
    assert called("retrieve_batch", batch.id).metadata == {"a": "b"}
    assert called("list_batches", limit=1).data[0].id == batch.id
    assert len(called.emulator.requests) == 0
    assert called.settled(batch.id).status == "completed"
    done = called("retrieve_batch", batch_id=batch.id)
    assert OfficialBatch.model_validate(done.model_dump()).status == "completed"
    output = called("file_content", file_id=done.output_file_id)
    assert output.text.count("\n") == 2
    assert called("file_content", file.id).content == chat_lines(2)
    assert called("cancel_batch", batch.id).status == "completed"
    assert called("file_delete", file.id).deleted
    with pytest.raises(NotFoundError):
        called("file_retrieve", file.id)


def test_what_a_ledger_cannot_keep_is_refused(called: Called) -> None:
    with pytest.raises(InputError, match="extra_headers cannot be kept"):
        called("create_file", file=chat_lines(1), extra_headers={"X": "y"})
    with pytest.raises(InvalidLinesError):
        called("create_file", file=b"{}\n")
    with pytest.raises(InputError, match="an id is a string"):
        called("retrieve_batch", None)


def test_another_ledger_and_none_are_used_from_the_next_call_on(
    called: Called, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = called("create_file", file=chat_lines(1))
    monkeypatch.setenv("BATCHYARD_LEDGER", str(tmp_path / "other.db"))
    assert called("file_list").data == []
    monkeypatch.setenv("BATCHYARD_LEDGER", "false")
    assert called("file_list").data == []
    assert len(called.emulator.requests) == 1
    monkeypatch.setenv("BATCHYARD_LEDGER", str(tmp_path / "ledger.db"))
    assert [one.id for one in called("file_list")] == [file.id]


def test_both_colours_and_many_threads_use_one_ledger(called: Called) -> None:
    made: list[Any] = []

    def make() -> None:
        file = called("create_file", file=chat_lines(1))
        made.append(called("create_batch", "24h", CHAT, file.id))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    listed = {one.id for one in batchyard.list_batches(custom_llm_provider="openai")}
    assert listed == {one.id for one in made}
    assert len(listed) == 4


@pytest.mark.usefixtures("called")
def test_a_loop_that_ends_closes_its_ledger() -> None:
    async def main() -> None:
        client = AsyncClient("openai")
        await client.files.create(chat_lines(1))
        ledgers.append(await client._desk.ledger())  # type: ignore[union-attr]

    ledgers: list[Any] = []
    asyncio.run(main())
    with pytest.raises(RuntimeError, match="not open"):
        asyncio.run(_read(ledgers[0]))


async def _read(ledger: Any) -> None:
    async with ledger.parts.db.reading():
        pass

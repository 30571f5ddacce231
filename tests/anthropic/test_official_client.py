"""The official package against the emulator, as its users have it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.messages.batch_create_params import Request

from batchyard.testing import Emulated
from tests.anthropic.lines import CHAT, chat_line, jsonl


@pytest.fixture(scope="module")
def place() -> Iterator[Emulated]:
    with Emulated("anthropic", time_scale=1) as place:
        yield place


@pytest.fixture
def client(place: Emulated) -> Iterator[anthropic.Anthropic]:
    key = place.environment["ANTHROPIC_API_KEY"]
    with anthropic.Anthropic(api_key=key, base_url=place.url, max_retries=0) as client:
        yield client


def request(custom_id: str, **params: Any) -> Request:
    given: MessageCreateParamsNonStreaming = {
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "What is 2 + 2?"}],
    }
    return {"custom_id": custom_id, "params": {**given, **params}}  # type: ignore[typeddict-item]


def test_it_creates_follows_and_reads_a_batch(place: Emulated, client: anthropic.Anthropic) -> None:
    batches = client.messages.batches
    made = batches.create(requests=[request("0"), request("1", max_tokens=10**6)])
    assert (made.processing_status, made.request_counts.processing) == ("in_progress", 2)
    with pytest.raises(anthropic.AnthropicError, match="No `results_url`"):
        batches.results(made.id)
    place.clock.advance(100)
    over = batches.retrieve(made.id)
    assert (over.processing_status, over.request_counts.succeeded) == ("ended", 1)
    assert over.results_url
    results = {one.custom_id: one.result for one in batches.results(made.id)}
    first, second = results["0"], results["1"]
    assert first.type == "succeeded"
    assert first.message.usage.service_tier == "batch"
    assert second.type == "errored"
    assert second.error.error.type == "invalid_request_error"


def test_it_walks_a_list_cancels_and_deletes(place: Emulated, client: anthropic.Anthropic) -> None:
    batches = client.messages.batches
    made = [batches.create(requests=[request(f"{n}")]).id for n in range(5)]
    listed = [one.id for one in batches.list(limit=2)]
    assert listed[:5] == made[::-1]
    before = batches.list(limit=2, before_id=made[0])
    assert [one.id for one in before.data] == [made[2], made[1]]
    assert batches.cancel(made[0]).processing_status == "canceling"
    with pytest.raises(anthropic.BadRequestError):
        batches.delete(made[0])
    place.clock.advance(100)
    assert batches.retrieve(made[0]).request_counts.canceled == 1
    assert batches.delete(made[0]).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        batches.retrieve(made[0])


def test_what_the_service_refuses_is_refused_as_there(
    place: Emulated, client: anthropic.Anthropic
) -> None:
    with pytest.raises(anthropic.BadRequestError, match="custom_id"):
        client.messages.batches.create(requests=[request("a b")])
    with pytest.raises(anthropic.BadRequestError, match="unique"):
        client.messages.batches.create(requests=[request("a"), request("a")])
    wrong = anthropic.Anthropic(api_key="sk-ant-wrong", base_url=place.url, max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        wrong.messages.batches.list()


def test_a_batch_of_the_official_client_is_read_by_ours(
    place: Emulated, client: anthropic.Anthropic
) -> None:
    made = client.messages.batches.create(requests=[request("b64_foreign"), request("1")])
    place.clock.advance(100)
    ours = place.client()
    batch = ours.batches.retrieve(made.id)
    assert (batch.status, batch.input_file_id) == ("completed", None)
    rows = ours.files.content(batch.output_file_id or "").read().splitlines()
    assert {json.loads(one)["custom_id"] for one in rows} == {"b64_foreign", "1"}


def test_a_batch_of_ours_is_read_by_the_official_async_client(place: Emulated) -> None:
    ours = place.client()
    batch = ours.batches.create(ours.files.create(jsonl(chat_line("größe"))), CHAT)
    place.clock.advance(100)

    async def main() -> list[str]:
        key = place.environment["ANTHROPIC_API_KEY"]
        async with anthropic.AsyncAnthropic(api_key=key, base_url=place.url) as client:
            results = await client.messages.batches.results(batch.id)
            return [one.custom_id async for one in results]

    assert asyncio.run(main()) == ["b64_Z3LDtsOfZQ"]

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError
from openai.types import Batch, BatchRequestCounts

from batchyard_openai.emulator import OpenAIEmulator
from tests.emulators.parts import (
    CHAT,
    LONG_ENOUGH,
    START,
    Rig,
    chat,
    chats,
    jsonl,
    peak_memory,
    request,
    rigged,
)

ZERO = BatchRequestCounts(total=0, completed=0, failed=0)


def statuses(rig: Rig, batch: Batch, *, step: float, until: str) -> list[str]:
    """The states that a poller sees, each once, in order."""
    seen = [batch.status]
    while seen[-1] != until:
        rig.clock.advance(step)
        state = rig.again(batch).status
        if state != seen[-1]:
            seen.append(state)
    return [str(state) for state in seen]


def test_a_new_batch_is_validating_and_knows_when_its_window_closes(rig: Rig) -> None:
    batch = rig.create(chats(2))
    assert batch.status == "validating"
    assert batch.created_at == int(START)
    assert batch.expires_at == int(START) + 86_400
    assert batch.request_counts == ZERO
    assert batch.usage is not None
    assert batch.usage.total_tokens == 0
    assert batch.model is None
    assert batch.output_file_id is None


def test_a_good_batch_goes_through_its_states_in_order(rig: Rig) -> None:
    seen = statuses(rig, rig.create(chats(3)), step=0.5, until="completed")
    assert seen == ["validating", "in_progress", "finalizing", "completed"]


def test_a_poller_of_fifteen_seconds_hardly_sees_finalizing(rig: Rig) -> None:
    seen = statuses(rig, rig.create(chats(3)), step=15, until="completed")
    assert seen == ["validating", "in_progress", "completed"]


def test_counts_grow_while_a_batch_is_in_progress(rig: Rig) -> None:
    batch = rig.create(chats(100))
    done = []
    while (current := rig.again(batch)).status != "completed":
        assert current.request_counts is not None
        done.append(current.request_counts.completed)
        rig.clock.advance(1)
    assert done == sorted(done)
    assert len(set(done)) > 5
    assert current.request_counts == BatchRequestCounts(total=100, completed=100, failed=0)


def test_a_completed_batch_has_its_rows_its_times_and_its_sums(rig: Rig) -> None:
    batch = rig.finish(chats(20))
    assert batch.status == "completed"
    assert batch.model == "gpt-4o-mini-2024-07-18"
    assert batch.error_file_id is None
    times = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at]
    assert times == sorted(times, key=lambda at: at or 0)
    assert batch.failed_at is batch.expired_at is batch.cancelling_at is batch.cancelled_at is None
    rows = rig.rows(batch.output_file_id)
    assert {row["custom_id"] for row in rows} == {f"row-{number}" for number in range(20)}
    spent = [row["response"]["body"]["usage"] for row in rows]
    assert batch.usage is not None
    assert batch.usage.input_tokens == sum(usage["prompt_tokens"] for usage in spent)
    assert batch.usage.output_tokens == sum(usage["completion_tokens"] for usage in spent)
    assert batch.usage.total_tokens == sum(usage["total_tokens"] for usage in spent)


def test_rows_come_in_an_order_of_their_own(rig: Rig) -> None:
    lines = chats(30)
    order = [row["custom_id"] for row in rig.rows(rig.finish(lines).output_file_id)]
    assert order != [line["custom_id"] for line in lines]


def test_a_batch_whose_rows_all_fail_completes_without_output(rig: Rig) -> None:
    batch = rig.finish([chat("a", temperature=9), chat("b", temperature=9)])
    assert batch.status == "completed"
    assert batch.output_file_id is None
    assert batch.request_counts == BatchRequestCounts(total=2, completed=0, failed=2)
    assert len(rig.rows(batch.error_file_id)) == 2
    assert batch.usage is not None
    assert batch.usage.total_tokens == 0


def test_the_same_seed_and_lines_give_the_same_answers() -> None:
    def outputs(seed: int) -> list[Any]:
        with rigged(seed=seed) as rig:
            return rig.rows(rig.finish(chats(5)).output_file_id)

    assert outputs(1) == outputs(1)
    assert outputs(1) != outputs(2)


def test_a_deleted_input_does_not_stop_a_batch_that_runs(rig: Rig) -> None:
    batch = rig.create(chats(5))
    rig.clock.advance(75)
    assert rig.again(batch).status == "in_progress"
    rig.client.files.delete(batch.input_file_id)
    rig.clock.advance(LONG_ENOUGH)
    assert len(rig.rows(rig.again(batch).output_file_id)) == 5


def test_cancelling_keeps_finished_rows_and_writes_off_the_others(rig: Rig) -> None:
    batch = rig.create(chats(50))
    rig.clock.advance(75)
    before = rig.again(batch).request_counts
    assert before is not None
    assert 0 < before.completed < 50
    cancelling = rig.client.batches.cancel(batch.id)
    assert cancelling.status == "cancelling"
    assert cancelling.cancelling_at == int(rig.clock.now())
    assert cancelling.request_counts == BatchRequestCounts(total=50, completed=0, failed=0)
    rig.clock.advance(60)
    assert rig.again(batch).status == "cancelling"
    rig.clock.advance(60)
    ended = rig.again(batch)
    assert ended.status == "cancelled"
    assert ended.request_counts == BatchRequestCounts(total=50, completed=0, failed=0)
    finished, unfinished = rig.rows(ended.output_file_id), rig.rows(ended.error_file_id)
    assert before.completed <= len(finished) < 50
    assert {row["custom_id"] for row in finished + unfinished} == {f"row-{n}" for n in range(50)}
    for row in unfinished:
        assert row["response"] is None
        assert row["error"] == {
            "code": "batch_cancelled",
            "message": "This request was not executed because the batch was cancelled.",
        }
    assert ended.usage is not None
    assert ended.usage.total_tokens > 0


def test_cancelling_before_validation_leaves_nothing(rig: Rig) -> None:
    batch = rig.create(chats(5))
    assert rig.client.batches.cancel(batch.id).status == "cancelling"
    rig.clock.advance(LONG_ENOUGH)
    ended = rig.again(batch)
    assert ended.status == "cancelled"
    assert ended.output_file_id is ended.error_file_id is None
    assert ended.request_counts == ZERO


def test_cancelling_again_changes_nothing(rig: Rig) -> None:
    batch = rig.create(chats(5))
    first = rig.client.batches.cancel(batch.id)
    rig.clock.advance(1)
    assert rig.client.batches.cancel(batch.id) == first


@pytest.mark.parametrize("lines", [chats(1), [{"custom_id": "a"}]], ids=["completed", "failed"])
def test_a_batch_that_has_ended_cannot_be_cancelled(rig: Rig, lines: list[Any]) -> None:
    batch = rig.finish(lines)
    with pytest.raises(
        BadRequestError, match=f"Cannot cancel a batch with status '{batch.status}'"
    ):
        rig.client.batches.cancel(batch.id)


def test_a_cancel_that_comes_too_late_ends_completed(rig: Rig) -> None:
    batch = rig.create(chats(5))
    while rig.again(batch).status != "finalizing":
        rig.clock.advance(0.5)
    assert rig.client.batches.cancel(batch.id).status == "cancelling"
    rig.clock.advance(5)
    ended = rig.again(batch)
    assert ended.status == "completed"
    assert ended.cancelling_at is not None
    assert len(rig.rows(ended.output_file_id)) == 5


def test_an_expired_batch_keeps_its_rows_and_does_not_count_the_others() -> None:
    with rigged(finished_before_expiry=1) as rig:
        batch = rig.create(chats(10))
        rig.clock.advance(86_399)
        assert rig.again(batch).status == "in_progress"
        rig.clock.advance(1)
        ended = rig.again(batch)
        assert ended.status == "expired"
        assert ended.expired_at == batch.expires_at
        assert ended.completed_at is None
        assert ended.request_counts == BatchRequestCounts(total=10, completed=1, failed=0)
        assert len(rig.rows(ended.output_file_id)) == 1
        unfinished = rig.rows(ended.error_file_id)
        assert len(unfinished) == 9
        assert unfinished[0]["error"]["code"] == "batch_expired"


def test_a_batch_that_runs_longer_than_its_window_expires() -> None:
    with rigged(time_scale=10_000) as rig:
        batch = rig.create(chats(100))
        rig.clock.advance(86_400)
        ended = rig.again(batch)
        assert ended.status == "expired"
        counts = ended.request_counts
        assert counts is not None
        assert 0 < counts.completed < 100
        assert counts.completed == len(rig.rows(ended.output_file_id))
        assert len(rig.rows(ended.error_file_id)) == 100 - counts.completed


def test_a_window_closes_on_time_though_nobody_looks() -> None:
    with rigged(time_scale=10_000) as rig:
        batch = rig.create(chats(100))
        rig.clock.advance(10 * 86_400)
        ended = rig.again(batch)
        assert (ended.status, ended.expired_at) == ("expired", batch.expires_at)
        assert ended.request_counts is not None
        assert 0 < ended.request_counts.completed < 100


def test_results_are_written_in_constant_memory(rig: Rig) -> None:
    lines = [
        request("/v1/embeddings", str(number), model="text-embedding-3-large", input="x")
        for number in range(800)
    ]
    batch = rig.create(lines, "/v1/embeddings")
    rig.clock.advance(LONG_ENOUGH)
    with peak_memory() as grown:
        ended = rig.again(batch)
    written = rig.client.files.retrieve(ended.output_file_id or "").bytes
    assert written > 40 * 1024**2
    assert grown() < 16 * 1024**2


def test_at_a_time_scale_of_zero_everything_happens_at_once() -> None:
    with rigged(time_scale=0) as rig:
        batch = rig.again(rig.create(chats(5)))
        assert batch.status == "completed"
        assert len(rig.rows(batch.output_file_id)) == 5


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        OpenAIEmulator(time_scale=-1)


def test_the_default_time_scale_ends_a_small_batch_within_seconds() -> None:
    with closing(OpenAIEmulator()) as emulator, emulator.serve() as server:
        settings = emulator.environment(server.url)

        async def run() -> tuple[Batch, str]:
            client = AsyncOpenAI(
                api_key=settings["OPENAI_API_KEY"], base_url=settings["OPENAI_BASE_URL"]
            )
            async with client:
                file = await client.files.create(
                    file=("in.jsonl", jsonl(chats(200))), purpose="batch"
                )
                batch = await client.batches.create(
                    input_file_id=file.id, endpoint=CHAT, completion_window="24h"
                )
                while batch.status != "completed":
                    await asyncio.sleep(0.05)
                    batch = await client.batches.retrieve(batch.id)
                content = await client.files.content(batch.output_file_id or "")
                return batch, content.text

        began = time.monotonic()
        batch, text = asyncio.run(run())
        assert time.monotonic() - began < 4
    assert len([json.loads(line) for line in text.splitlines()]) == 200
    assert batch.request_counts == BatchRequestCounts(total=200, completed=200, failed=0)


def test_two_batches_created_at_once_are_both_there() -> None:
    with rigged(latency=0.01) as rig:
        order = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}

        async def race() -> list[str]:
            async with httpx.AsyncClient(
                base_url=rig.http.base_url, headers=rig.http.headers
            ) as client:
                posts = [client.post("/v1/batches", json=order) for _ in range(20)]
                return [reply.json()["id"] for reply in await asyncio.gather(*posts)]

        created = asyncio.run(race())
        assert len(set(created)) == 20
        assert {batch.id for batch in rig.client.batches.list(limit=100)} == set(created)


def test_a_crowd_reading_one_batch_has_each_row_executed_once(rig: Rig) -> None:
    batch = rig.create(chats(200))
    rig.clock.advance(LONG_ENOUGH)

    async def crowd() -> set[str]:
        async with httpx.AsyncClient(
            base_url=rig.http.base_url, headers=rig.http.headers
        ) as client:
            gets = [client.get(f"/v1/batches/{batch.id}") for _ in range(20)]
            return {reply.json()["output_file_id"] for reply in await asyncio.gather(*gets)}

    (output,) = asyncio.run(crowd())
    assert len(rig.rows(output)) == 200


def test_a_batch_over_the_queues_limit_fails_until_there_is_room() -> None:
    lines = [chat(f"row-{number}", "word " * 100) for number in range(10)]
    with rigged(enqueued_token_limits={"gpt-4o-mini": 2000}) as rig:
        first = rig.create(lines)
        second = rig.create(lines)
        rig.clock.advance(73)
        states = {batch.id: rig.again(batch) for batch in (first, second)}
        refused = next(batch for batch in states.values() if batch.status == "failed")
        assert {batch.status for batch in states.values()} == {"in_progress", "failed"}
        assert refused.status == "failed"
        assert refused.errors is not None
        (issue,) = refused.errors.data or []
        assert issue.code == "token_limit_exceeded"
        assert issue.line is None
        assert issue.message is not None
        assert issue.message.startswith("Enqueued token limit reached for gpt-4o-mini in organiz")
        assert "Limit: 2,000 enqueued tokens." in issue.message
        rig.clock.advance(LONG_ENOUGH)
        assert rig.finish(lines).status == "completed"

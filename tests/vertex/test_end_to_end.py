"""From a file of OpenAI's lines to their results, over Gemini's batches."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from openai.types import Batch as OfficialBatch
from openai.types.chat import ChatCompletion

import batchyard
from batchyard import functions
from batchyard.errors import (
    InputError,
    InternalServerError,
    InvalidLinesError,
    NotFinishedError,
    NotFoundError,
    UnsupportedError,
)
from batchyard.models import Batch, Ref
from batchyard_openai.emulator import OpenAIEmulator
from tests.vertex.conftest import Service, chat_line, chats, jsonl, settled

CHAT = "/v1/chat/completions"
SCHEMA = {
    "type": "object",
    "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}, "why": {"type": "string"}},
    "required": ["mood", "why"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
SOUND = {"voice": "Kore", "format": "wav"}
LINES = jsonl(
    chat_line("plain"),
    chat_line("ünïcode \u2028 / id", "What is 2 + 2?"),
    chat_line("0007", n=2, temperature=0.5, stop=["END"]),
    chat_line(
        "schema",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    ),
    chat_line("tool", tools=[TOOL], tool_choice="required"),
    chat_line("hot", temperature=9),
    chat_line("flagged", "[[flagged]] tell me"),
    chat_line("short", "Write an essay.", max_completion_tokens=1),
)


async def ended(client: Any, lines: bytes, **options: Any) -> Batch:
    file = await settled(client.files.create(lines))
    batch = await settled(client.batches.create(file, CHAT, **options))
    done: Batch = await settled(client.batches.wait(batch))
    return done


async def items_of(client: Any, lines: bytes) -> list[Any]:
    items: list[Any] = await settled(client.batches.results(await ended(client, lines)))
    return items


def test_a_file_goes_in_and_every_line_comes_out(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chats(20), filename="in.jsonl"))
        assert (file.purpose, file.filename, file.bytes) == ("batch", "in.jsonl", len(chats(20)))
        batch = await settled(client.batches.create(file.id, CHAT, metadata={"Team": "Ä b/c"}))
        assert (batch.status, batch.metadata) == ("validating", {"Team": "Ä b/c"})
        done = await settled(client.batches.wait(batch.id))
        assert (done.status, done.request_counts.completed) == ("completed", 20)
        assert (done.model, done.endpoint) == ("gemini-2.5-flash", CHAT)
        OfficialBatch.model_validate(done.model_dump())
        results = client.batches.results(done)
        items = await settled(results)
        assert [item.custom_id for item in items] == [f"r-{n}" for n in range(20)]
        assert all(item.ok and item.text for item in items)
        assert str(results.completeness) == "20 = 20 ok"
        assert results.completeness.usage.reasoning_tokens > 0

    service.run(body)


def test_the_same_lines_come_to_the_same_outcomes_as_at_openai(service: Service) -> None:
    async def body(client: Any) -> None:
        items = {one.custom_id: one for one in await items_of(client, LINES)}
        emulator = OpenAIEmulator(clock=service.clock)
        with emulator.serve() as server:
            environment = emulator.environment(server.url)
            kind = type(client)
            other = kind(
                "openai",
                api_key=environment["OPENAI_API_KEY"],
                base_url=environment["OPENAI_BASE_URL"],
                clock=service.clock,
            )
            theirs = {one.custom_id: one for one in await items_of(other, LINES)}
            await settled(other.close())
        assert {name: one.outcome for name, one in items.items()} == {
            name: one.outcome for name, one in theirs.items()
        }
        for name, one in items.items():
            assert set(json.loads(one.raw)) == set(json.loads(theirs[name].raw)), name
            if one.ok:
                ChatCompletion.model_validate(one.response)
                mine, his = (item.response["choices"] for item in (one, theirs[name]))
                assert [c["finish_reason"] for c in mine] == [c["finish_reason"] for c in his]
                assert len(mine) == len(his)
        assert items["0007"].response["choices"][1]["index"] == 1
        assert set(json.loads(items["schema"].text)) == {"mood", "why"}
        assert items["hot"].error.status == 400
        assert items["flagged"].outcome == "blocked"

    service.run(body)


@pytest.mark.parametrize("quirk", ["shards=4", "no-sibling-echo", "no-model-version"])
def test_results_are_whole_however_the_service_writes_them(blocking: Service, quirk: str) -> None:
    blocking.emulator.quirks.enable(quirk)

    async def body(client: Any) -> None:
        results = client.batches.results(await ended(client, LINES))
        items = await settled(results)
        assert [one.custom_id for one in items][:3] == ["plain", "ünïcode \u2028 / id", "0007"]
        assert results.completeness.complete
        assert results.completeness.outcomes == {"ok": 6, "error": 1, "blocked": 1}

    blocking.run(body)


def test_rows_are_whole_however_many_there_are_and_however_they_are_cut(
    blocking: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchyard_vertex.translation._results.BLOCK", 700)
    monkeypatch.setattr("batchyard_vertex.translation._results.LINES", 2)

    lines = chats(300) + jsonl(*(chat_line(f"bad-{n}", temperature=-1) for n in range(9)))

    async def body(client: Any) -> None:
        results = client.batches.results(await ended(client, lines))
        await settled(results)
        assert str(results.completeness) == "309 = 300 ok + 9 error"

    blocking.run(body)


def test_the_examples_come_to_what_they_come_to_at_openai(blocking: Service) -> None:
    lines = (Path(__file__).parents[2] / "examples" / "reviews.jsonl").read_bytes()

    async def body(client: Any) -> None:
        results = client.batches.results(await ended(client, lines))
        items = await settled(results)
        assert str(results.completeness) == "518 = 505 ok + 13 error"
        refused = {one.custom_id for one in items if not one.ok}
        assert all(one.startswith("refused: ") for one in refused)
        assert any(one.ok and one.response["choices"][0]["logprobs"] for one in items)

    blocking.run(body)


def test_output_that_is_listed_late_is_waited_for(blocking: Service) -> None:
    blocking.emulator.quirks.enable("late-objects=3")

    async def body(client: Any) -> None:
        assert all(one.ok for one in await items_of(client, chats(3)))

    blocking.run(body)


def test_rows_that_fail_and_rows_that_are_lost_are_told_apart(blocking: Service) -> None:
    blocking.emulator.quirks.enable("flaky-rows=4")
    blocking.emulator.quirks.enable("missing-rows=1")

    async def body(client: Any) -> None:
        done = await ended(client, chats(12))
        assert done.request_counts is not None
        assert (done.status, done.request_counts.failed) == ("completed", 3)
        outcomes = client.batches.results(done)
        items = await settled(outcomes)
        failed = [one for one in items if one.outcome == "error"]
        assert all(one.error.status == 429 for one in failed)
        assert failed[0].error.code == "RESOURCE_EXHAUSTED"
        assert outcomes.completeness.outcomes["missing"] == 1
        assert len(items) == 12

    blocking.run(body)


def test_another_process_reads_the_results_by_the_batchs_id_alone(service: Service) -> None:
    async def first(client: Any) -> str:
        done = await ended(client, LINES, metadata={"a": "b"})
        return done.id

    identity = service.run(first)

    async def second(client: Any) -> None:
        batch = await settled(client.batches.retrieve(identity))
        assert batch.metadata == {"a": "b"}
        results = client.batches.results(identity)
        assert len(await settled(results)) == 8
        assert results.completeness.complete
        # without what the batch knows beside its id
        lines = await settled(client.files.content(batch.output_file_id).read())
        assert len(lines.splitlines()) == 7
        number = identity.rpartition("_")[2]
        assert (await settled(client.batches.retrieve(number))).id == identity

    service.run(second)


def test_the_input_comes_back_as_it_was(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(LINES))
        assert await settled(client.files.content(file.id).read()) == LINES

    service.run(body)


def test_results_outlive_their_input(service: Service) -> None:
    async def body(client: Any) -> None:
        done = await ended(client, chats(3))
        assert (await settled(client.files.delete(done.input_file_id))).deleted
        results = client.batches.results(done.id)
        assert sorted(one.custom_id for one in await settled(results)) == ["r-0", "r-1", "r-2"]
        assert not results.completeness.known
        with pytest.raises(NotFoundError):
            await settled(client.files.retrieve(done.input_file_id))
        await settled(client.files.delete(done.output_file_id))
        await settled(client.files.delete(done.error_file_id))
        assert not [one for one in service.object_names() if "predictions" in one]

    service.run(body)


def test_a_cancelled_batch_keeps_what_was_answered_and_names_the_rest(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chats(200)))
        batch = await settled(client.batches.create(file, CHAT))
        with pytest.raises(NotFinishedError):
            await settled(client.batches.results(batch))
        while (await settled(client.batches.retrieve(batch))).status != "in_progress":
            service.clock.advance(0.05)
        service.clock.advance(0.2)
        assert (await settled(client.batches.cancel(batch))).status == "cancelling"
        done = await settled(client.batches.wait(batch))
        assert done.status == "cancelled"
        results = client.batches.results(done)
        outcomes = [one.outcome for one in await settled(results)]
        assert 0 < outcomes.count("ok") < 200
        assert outcomes.count("ok") + outcomes.count("cancelled") == 200
        assert results.completeness.complete
        assert (await settled(client.batches.cancel(batch))).status == "cancelled"

    service.run(body)


def test_a_batch_that_expired_in_the_queue_says_so_of_every_line(blocking: Service) -> None:
    blocking.emulator.quirks.enable("queue-full")

    async def body(client: Any) -> None:
        batch = await settled(
            client.batches.create(await settled(client.files.create(chats(3))), CHAT)
        )
        blocking.clock.advance(72 * 3600 + 1)
        done = await settled(client.batches.wait(batch))
        assert (done.status, done.output_file_id) == ("expired", None)
        results = client.batches.results(done)
        assert [one.outcome for one in await settled(results)] == ["expired"] * 3

    blocking.run(body)


def test_a_job_that_fails_says_why_and_accounts_for_every_line(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chats(2)))
        name = next(one for one in service.object_names() if one.endswith("/input.jsonl"))
        service.emulator.objects.delete(service.settings()["bucket"], name)
        batch = await settled(client.batches.create(file, CHAT))
        done = await settled(client.batches.wait(batch))
        assert done.status == "failed"
        assert done.errors.data[0].code == "NOT_FOUND"
        items = await settled(client.batches.results(done))
        assert [one.error.code for one in items] == ["batch_failed"] * 2

    service.run(body)


def test_what_is_listed_is_every_file_and_batch_once_and_newest_first(service: Service) -> None:
    async def body(client: Any) -> None:
        made: list[tuple[str, str]] = []
        for _ in range(5):
            file = await settled(client.files.create(chats(1)))
            batch = await settled(client.batches.create(file, CHAT))
            made.insert(0, (file.id, batch.id))
            service.clock.advance(0.01)
        files = await settled(client.files.list(limit=2))
        batches = await settled(client.batches.list(limit=2))
        assert [(one.id, two.id) for one, two in zip(files, batches, strict=True)] == made
        after = await settled(client.batches.list(after=made[1][1], limit=2).page())
        assert [one.id for one in after.data] == [made[2][1], made[3][1]]

    service.run(body)


def test_jobs_of_others_are_neither_listed_nor_shown(service: Service) -> None:
    async def theirs(client: Any) -> str:
        return (await ended(client, chats(1))).id

    identity = service.run(theirs, prefix="others")

    async def body(client: Any) -> None:
        assert await settled(client.batches.list()) == []
        with pytest.raises(NotFoundError):
            await settled(client.batches.retrieve(identity))
        with pytest.raises(NotFoundError):
            await settled(
                client.files.content("file-output-" + identity[6:].replace("_", "-")).read()
            )

    service.run(body)


@pytest.mark.parametrize(
    "identity",
    ["file-../../secret", "gs://other/x", "file-e5df749882c-../x", "batch_x_1", "../b", ""],
)
def test_an_id_leads_nowhere_but_to_a_file_of_the_account(blocking: Service, identity: str) -> None:
    async def body(client: Any) -> None:
        with pytest.raises((NotFoundError, InputError)):
            await settled(client.files.retrieve(identity))
        with pytest.raises((NotFoundError, InputError)):
            await settled(client.files.content(identity).read())

    blocking.run(body)
    assert not blocking.emulator.requests.matching("GET", "/storage/**")


def test_a_state_that_was_kept_elsewhere_cannot_lead_out_of_the_prefix(blocking: Service) -> None:
    async def body(client: Any) -> None:
        done = await ended(client, chats(1))
        state = {**(done.provider_state or {}), "output": "elsewhere/secret"}
        plan = client.account.file_content(
            batchyard.models.Call("vertex"), Ref(done.output_file_id or "", state)
        )
        assert b'"r-0"' in b"".join(client._driver.stream(plan))

    blocking.run(body)
    listed = blocking.emulator.requests.matching("GET", "/storage/v1/b/*/o")
    assert all("elsewhere" not in one.query for one in listed)


@pytest.mark.parametrize("action", ["lost", "503", "reset"])
def test_a_create_whose_reply_is_lost_makes_one_job(service: Service, action: str) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chats(1)))
        service.emulator.faults.add(f"POST /v1/** {action}")
        await settled(client.batches.create(file, CHAT))
        assert len(await settled(client.batches.list())) == 1

    service.run(body)


def test_an_idempotency_key_finds_the_file_and_the_batch_again(service: Service) -> None:
    async def body(client: Any) -> tuple[str, str]:
        file = await settled(client.files.create(chats(1), idempotency_key="k 1"))
        batch = await settled(client.batches.create(file, CHAT, idempotency_key="k 1"))
        return file.id, batch.id

    assert service.run(body) == service.run(body)
    assert len(service.emulator.requests.matching("POST", "/v1/**")) == 1


def test_an_access_token_that_is_refused_is_replaced_once(service: Service) -> None:
    async def body(client: Any) -> None:
        await settled(client.batches.list())
        service.emulator.tokens.revoke_all()
        assert await settled(client.batches.list()) == []
        service.clock.advance(3600)
        assert await settled(client.batches.list()) == []

    service.run(body)
    assert len(service.emulator.requests.matching("POST", "/token")) == 3


def test_one_bad_line_refuses_the_file_with_its_number_and_keeps_nothing(service: Service) -> None:
    lines = jsonl(chat_line("a"), chat_line("b", logit_bias={"1": 5}), chat_line("c", audio=SOUND))

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            await settled(client.files.create(lines))
        assert [(one.line, one.param) for one in caught.value.problems] == [
            (2, "body.logit_bias"),
            (3, "body.audio.format"),
        ]

    service.run(body)
    assert service.object_names() == []


def test_what_a_bucket_cannot_do_is_said(service: Service) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(UnsupportedError, match="lifecycle rule"):
            await settled(client.files.create(chats(1), expires_after=3600))
        with pytest.raises(UnsupportedError, match="batches"):
            await settled(client.files.create(chats(1), purpose="fine-tune", validate=False))
        file = await settled(client.files.create(chats(1)))
        with pytest.raises(InputError, match="/v1/chat/completions"):
            await settled(client.batches.create(file.id, "/v1/embeddings"))
        chance = random.Random(1)  # noqa: S311 - it keeps no secret
        metadata = {str(n): chance.randbytes(256).hex() for n in range(16)}
        with pytest.raises(InputError, match="shorten it"):
            await settled(client.batches.create(file, CHAT, metadata=metadata))

    service.run(body)


def test_a_model_that_vertex_does_not_know_is_named(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chats(1, model="gpt-9")))
        with pytest.raises(NotFoundError, match="gpt-9"):
            await settled(client.batches.create(file, CHAT))

    service.run(body)


def test_a_service_that_stays_down_is_an_error_with_its_status(service: Service) -> None:
    service.emulator.faults.add("GET /storage/** 503 times=always")

    async def body(client: Any) -> None:
        with pytest.raises(InternalServerError) as caught:
            await settled(client.files.list().page())
        assert (caught.value.status, caught.value.provider) == (503, "vertex")

    service.run(body)


def test_litellms_functions_work_under_litellms_name(
    colour: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.emulator.environment(service.url).items():
        monkeypatch.setenv(name, value)
    given: dict[str, Any] = {"custom_llm_provider": "vertex_ai", "vertex_location": "europe-west4"}

    async def awaiting() -> None:
        try:
            file = await batchyard.acreate_file(file=chats(2), purpose="batch", **given)
            batch = await batchyard.acreate_batch("24h", CHAT, file.id, **given)
            _check(batch, file.id)
            content = await batchyard.afile_content(file_id=file.id, **given)
            assert content.content == chats(2)
        finally:
            await functions.aclose_clients()

    def block() -> None:
        try:
            file = batchyard.create_file(file=chats(2), purpose="batch", **given)
            _check(batchyard.create_batch("24h", CHAT, file.id, **given), file.id)
            assert batchyard.file_content(file_id=file.id, **given).content == chats(2)
            assert [one.id for one in batchyard.file_list(**given)] == [file.id]
        finally:
            functions.close_clients()

    if colour == "sync":
        block()
    else:
        asyncio.run(awaiting())


def _check(batch: Batch, file_id: str) -> None:
    assert batch.id.startswith("batch_europe-west4_")
    assert batch.input_file_id == file_id

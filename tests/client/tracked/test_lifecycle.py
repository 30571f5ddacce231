"""From a file to its receipt, with a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai.types import Batch as OfficialBatch
from openai.types import FileObject as OfficialFile

from batchyard.errors import (
    ConflictError,
    IdempotencyError,
    InputError,
    InvalidLinesError,
    NotFinishedError,
    NotFoundError,
)
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import CHAT, Tracked, begun, ended, rows


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    """Both, here: it is all that a client can do."""
    value: str = request.param
    return value


def test_a_file_goes_in_and_every_line_comes_out_with_its_price(tracked: Tracked) -> None:
    lines = chat_lines(20)

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines, filename="in.jsonl"))
        assert (file.purpose, file.filename, file.bytes) == ("batch", "in.jsonl", len(lines))
        assert file.id.startswith("file-")
        batch = await settled(client.batches.create(file.id, CHAT, metadata={"a": "b"}))
        assert (batch.status, batch.id[:6]) == ("validating", "batch_")
        assert tracked.emulator.requests.matching("POST", "/v1/files") == [], "nothing is sent yet"
        done = await settled(client.batches.wait(batch.id))
        assert (done.status, done.request_counts.completed) == ("completed", 20)
        assert done.metadata == {"a": "b"}

        results = client.batches.results(batch.id)
        items = await settled(results)
        assert [item.custom_id for item in items] == [f"r-{n}" for n in range(20)]
        assert [item.line for item in items] == list(range(1, 21))
        assert all(item.ok and item.text for item in items)
        assert items[3].request["messages"][0]["content"] == "Say hello 3 times."
        assert str(results.completeness) == "20 = 20 ok"
        assert results.completeness.complete

        receipt = await settled(client.batches.cost(batch.id))
        assert receipt.state == "priced"
        assert receipt.cost > Decimal(0)
        assert receipt.usage == results.completeness.usage
        assert sum(item.usage.total_tokens for item in items) == receipt.usage.total_tokens > 0

    tracked.run(body)


def test_another_client_sees_the_same_ids(tracked: Tracked) -> None:
    seen: dict[str, Any] = {}

    async def first(client: Any) -> None:
        seen["batch"] = await ended(client)

    async def second(client: Any) -> None:
        batch = seen["batch"]
        found = await settled(client.batches.retrieve(batch.id))
        assert found == batch
        items, completeness = await rows(client, found)
        assert (len(items), str(completeness)) == (3, "3 = 3 ok")
        assert await settled(client.files.content(batch.input_file_id).read()) == chat_lines(3)

    tracked.run(first)
    sent = len(tracked.emulator.requests)
    tracked.run(second)
    assert len(tracked.emulator.requests) == sent, "a read asks no provider"


def test_files_are_kept_listed_read_and_deleted(tracked: Tracked, tmp_path: Path) -> None:
    lines, told = chat_lines(3000), []
    target = tmp_path / "copy.jsonl"

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines))
        found = await settled(client.files.retrieve(file))
        assert found == file
        OfficialFile.model_validate(found.model_dump(), strict=True)
        content = client.files.content(file)
        assert await settled(content.read()) == lines
        assert b"".join(await settled(content)) == lines
        assert await settled(content.save(target, progress=lambda *at: told.append(at))) == len(
            lines
        )
        with pytest.raises(NotFoundError):
            await settled(client.files.content("file-none").save(tmp_path / "none"))
        other = await settled(client.files.create(b"\x00 anything", purpose="user_data"))
        assert await settled(client.files.content(other).read()) == b"\x00 anything"
        listed = await settled(client.files.list(purpose="batch"))
        assert [one.id for one in listed] == [file.id]
        assert (await settled(client.files.delete(file))).deleted
        for gone in (client.files.retrieve, client.files.delete):
            with pytest.raises(NotFoundError, match=file.id):
                await settled(gone(file))
        assert [one.id for one in await settled(client.files.list())] == [other.id]

    tracked.run(body)
    assert target.read_bytes() == lines
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy.jsonl", "ledger"]
    assert told[-1] == (len(lines), len(lines))
    assert len(tracked.emulator.requests) == 0


def test_what_is_listed_is_every_file_and_batch_once(blocking: Tracked) -> None:
    async def body(client: Any) -> None:
        made = [await begun(client, chat_lines(1)) for _ in range(5)]
        files = await settled(client.files.list(limit=2))
        assert {one.id for one in files} == {one.input_file_id for one in made}
        batches = await settled(client.batches.list(limit=2))
        assert sorted(one.id for one in batches) == sorted(one.id for one in made)
        page = await settled(client.batches.list(limit=2).page())
        assert (len(page.data), page.has_more) == (2, True)
        rest = await settled(client.batches.list(after=page.data[-1].id).page())
        assert (len(rest.data), rest.has_more) == (3, False)
        oldest = await settled(client.files.list(order="asc", limit=1).page())
        newest = await settled(client.files.list(limit=1).page())
        assert {oldest.data[0].id, newest.data[0].id} <= {one.input_file_id for one in made}

    blocking.run(body)


def test_a_key_finds_its_batch_and_makes_no_second_one(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        assert await settled(client.batches.find("night")) is None
        first = await begun(client, idempotency_key="night")
        again = await begun(client, idempotency_key="night")
        assert again.id == first.id
        assert (await settled(client.batches.find("night"))).id == first.id
        with pytest.raises(IdempotencyError, match=first.id):
            await begun(client, chat_lines(2), idempotency_key="night")
        done = await settled(client.batches.wait(first))
        assert (await begun(client, idempotency_key="night")).status == done.status == "completed"

    tracked.run(body)
    assert tracked.created() == 1


def test_an_invalid_line_refuses_the_file_also_unvalidated_and_nothing_is_kept(
    tracked: Tracked,
) -> None:
    lines = chat_lines(2) + b'{"custom_id": "r-1", "method": "POST"\n'

    async def body(client: Any) -> None:
        for validate in (True, False):
            with pytest.raises(InvalidLinesError) as caught:
                await settled(client.files.create(lines, validate=validate))
            assert caught.value.problems[0].line == 3
        assert await settled(client.files.list()) == []

    tracked.run(body)
    assert [one for one in tracked.ledger.with_suffix(".store").rglob("*") if one.is_file()] == []


def test_a_file_that_is_needed_is_not_deleted_and_afterwards_results_go_on_without_it(
    blocking: Tracked,
) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        with pytest.raises(ConflictError, match=batch.id):
            await settled(client.files.delete(batch.input_file_id))
        await settled(client.batches.wait(batch))
        await settled(client.files.delete(batch.input_file_id))
        items, completeness = await rows(client, batch)
        assert [item.custom_id for item in items] == ["r-0", "r-1", "r-2"]
        assert all(item.line is None and item.request is None and item.ok for item in items)
        assert str(completeness) == "3 = 3 ok", "it was proved when the batch was settled"

    blocking.run(body)


def test_results_and_costs_of_a_running_batch_are_refused(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        with pytest.raises(NotFinishedError, match=f"{batch.id} is validating"):
            await settled(client.batches.results(batch))
        with pytest.raises(NotFinishedError, match=batch.id):
            await settled(client.batches.cost(batch))

    tracked.run(body)


def test_what_is_not_there_and_what_is_not_known_are_told_apart(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        for call in (
            client.batches.retrieve,
            client.batches.cancel,
            client.batches.wait,
            client.batches.cost,
        ):
            with pytest.raises(NotFoundError, match="batch_none") as caught:
                await settled(call("batch_none"))
            assert caught.value.status == 404
        with pytest.raises(NotFoundError, match="file-none"):
            await settled(client.batches.create("file-none", CHAT))
        file = await settled(client.files.create(chat_lines(1)))
        with pytest.raises(InputError, match="/v1/embeddings"):
            await settled(client.batches.create(file, "/v1/embeddings"))
        with pytest.raises(InputError, match="completion_window"):
            await settled(client.batches.create(file, CHAT, "99h"))

    tracked.run(body)
    assert len(tracked.emulator.requests) == 0


UNHONOURED: list[tuple[dict[str, Any], str]] = [
    ({"timeuot": 3}, "no option 'timeuot'"),
    ({"timeout": "x"}, "timeout must be a number"),
    ({"max_retries": -1}, "max_retries must be a number"),
    ({"extra_headers": {"X": "y"}}, "extra_headers cannot be kept in a ledger"),
    ({"extra_body": {"X": "y"}}, "extra_body cannot be kept in a ledger"),
]


def test_options_that_cannot_be_honoured_are_refused_by_every_call(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        files, batches = client.files, client.batches
        calls: list[Callable[..., Any]] = [
            partial(files.create, chat_lines(1)),
            partial(files.retrieve, "file-1"),
            partial(files.list),
            partial(files.content, "file-1"),
            partial(files.delete, "file-1"),
            partial(batches.create, "file-1", CHAT),
            partial(batches.find, "key"),
            partial(batches.retrieve, "batch_1"),
            partial(batches.list),
            partial(batches.cancel, "batch_1"),
            partial(batches.wait, "batch_1"),
            partial(batches.results, "batch_1"),
        ]
        for options, message in UNHONOURED:
            for call in calls:
                with pytest.raises(InputError, match=message):
                    await settled(call(**options))

    tracked.run(body)


def test_options_of_a_call_that_say_nothing_or_little_are_taken(blocking: Tracked) -> None:
    async def body(client: Any) -> None:
        given: dict[str, Any] = {
            "timeout": 5,
            "max_retries": 0,
            "extra_headers": None,
            "extra_body": {},
        }
        file = await settled(client.files.create(chat_lines(1), **given))
        batch = await settled(client.batches.create(file, CHAT, **given))
        assert (await settled(client.batches.retrieve(batch, **given))).id == batch.id

    blocking.run(body)


def test_a_cancelled_batch_keeps_and_pays_what_was_answered(tracked: Tracked) -> None:
    looks: list[str] = []

    async def body(client: Any) -> None:
        batch = await begun(client, chat_lines(400))

        def stop(seen: Any) -> Any:
            """Cancel; the async client awaits what this returns."""
            looks.append(seen.status)
            if seen.status == "cancelling":
                tracked.clock.advance(2)
            answered = seen.request_counts.completed if seen.request_counts else 0
            return client.batches.cancel(batch) if 0 < answered < 400 else None

        done = await settled(client.batches.wait(batch, on_progress=stop))
        assert done.status == "cancelled"
        items, completeness = await rows(client, done)
        outcomes = [item.outcome for item in items]
        assert set(outcomes) == {"ok", "cancelled"}
        assert completeness.lines == len(items) == 400
        receipt = await settled(client.batches.cost(done))
        assert receipt.proof.outcomes["ok"] == outcomes.count("ok")
        assert receipt.cost > 0

    tracked.run(body, ledger=tracked.settings(poll_first=0.05, poll_most=0.05))
    assert looks[0] == "validating"
    assert "cancelling" in looks
    assert looks[-1] == "cancelled"


def test_a_batch_that_nobody_has_sent_is_cancelled_at_once(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client)
        stopped = await settled(client.batches.cancel(batch))
        assert stopped.status in {"finalizing", "cancelled"}
        done = await settled(client.batches.wait(batch))
        assert done.status == "cancelled"
        assert (await settled(client.batches.cancel(batch))).status == "cancelled"
        items, completeness = await rows(client, done)
        assert [item.outcome for item in items] == ["cancelled"] * 3
        assert str(completeness) == "3 = 3 cancelled"
        receipt = await settled(client.batches.cost(batch))
        assert (receipt.state, receipt.cost) == ("no_usage", Decimal(0))

    tracked.run(body)
    assert len(tracked.emulator.requests) == 0


def test_an_estimate_limits_and_a_check_are_as_without_a_ledger(tracked: Tracked) -> None:
    found: list[Any] = []

    async def body(client: Any) -> None:
        estimate = await settled(client.batches.estimate(chat_lines(5), output_tokens=10))
        findings = await settled(client.check())
        found.append((estimate, client.limits(CHAT, "gpt-4.1-mini"), findings))

    # the first of a process loads a tokenizer, in time that it may lack for counting with it
    for ledger in (False, True, False):
        tracked.run(body, ledger=ledger)
    assert found[1] == found[2]
    assert found[1][0].lines == 5


def test_objects_dump_as_the_official_package_reads_them(blocking: Tracked) -> None:
    async def body(client: Any) -> None:
        done = await ended(client, chat_lines(2) + chat_lines(1, prefix="bad", temperature=9))
        dumped = OfficialBatch.model_validate(done.model_dump(), strict=True)
        assert dumped.request_counts is not None
        assert (dumped.request_counts.completed, dumped.request_counts.failed) == (2, 1)
        for file_id in (done.input_file_id, done.output_file_id, done.error_file_id):
            file = await settled(client.files.retrieve(file_id))
            OfficialFile.model_validate(file.model_dump(), strict=True)
            content = await settled(client.files.content(file_id).read())
            assert len(content) == file.bytes
            assert all(json.loads(line)["custom_id"] for line in content.splitlines())

    blocking.run(body)

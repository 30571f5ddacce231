"""From a file to its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types import Batch as OfficialBatch
from openai.types import FileObject as OfficialFile

from batchyard.errors import InputError, NotFinishedError, NotFoundError, WaitTimeoutError
from batchyard.models import Batch
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines


def test_a_file_goes_in_and_every_line_comes_out(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(20), filename="in.jsonl"))
        assert (file.purpose, file.filename, file.bytes) == (
            "batch",
            "in.jsonl",
            len(chat_lines(20)),
        )
        batch = await settled(client.batches.create(file.id, "/v1/chat/completions"))
        assert batch.status == "validating"
        ended = await settled(client.batches.wait(batch.id))
        assert (ended.status, ended.request_counts.completed) == ("completed", 20)

        results = client.batches.results(batch.id)
        items = await settled(results)
        assert [item.custom_id for item in items] == [f"r-{n}" for n in range(20)]
        assert [item.line for item in items] == list(range(1, 21))
        assert all(item.ok and item.text for item in items)
        assert str(results.completeness) == "20 = 20 ok"
        assert results.completeness.complete
        assert results.completeness.usage.total_tokens == ended.usage.total_tokens > 0

    service.run(body)


def test_a_result_has_its_request_and_its_response(service: Service) -> None:
    async def body(client: Any) -> None:
        (item,) = await _results_of(client, chat_lines(1))
        assert item.request["messages"][0]["content"] == "Say hello 0 times."
        assert item.response["object"] == "chat.completion"
        assert item.response["choices"][0]["message"]["content"] == item.text
        assert json.loads(item.result_line())["custom_id"] == "r-0"

    service.run(body)


def test_lines_that_fail_are_in_the_error_file_and_in_the_results(service: Service) -> None:
    lines = chat_lines(3) + chat_lines(2, prefix="bad", temperature=9)

    async def body(client: Any) -> None:
        items = await _results_of(client, lines)
        assert [item.outcome for item in items] == ["ok"] * 3 + ["error"] * 2
        assert items[3].error.status == 400
        assert "temperature" in items[3].error.message
        assert items[3].text is None

    service.run(body)


def test_a_batch_whose_every_line_failed_has_no_output_file_and_all_results(
    service: Service,
) -> None:
    async def body(client: Any) -> None:
        batch = await _ended(client, chat_lines(4, temperature=9))
        assert (batch.status, batch.output_file_id) == ("completed", None)
        results = client.batches.results(batch)
        assert [item.outcome for item in await settled(results)] == ["error"] * 4
        assert str(results.completeness) == "4 = 4 error"

    service.run(body)


def test_a_batch_that_failed_validation_says_which_line_and_accounts_for_all(
    service: Service,
) -> None:
    lines = chat_lines(2) + b'{"custom_id": "r-1", "method": "POST"\n' + chat_lines(1, prefix="z")

    async def body(client: Any) -> None:
        batch = await _ended(client, lines, validate=False)
        assert batch.status == "failed"
        assert batch.errors is not None
        assert batch.errors.data[0].line == 3
        results = client.batches.results(batch)
        items = await settled(results)
        assert [item.outcome for item in items] == ["error"] * 4
        assert items[2].error.code == batch.errors.data[0].code
        assert items[0].error.code == "batch_failed"
        assert results.completeness.lines == 4

    service.run(body)


def test_results_of_a_running_batch_are_refused(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, "/v1/chat/completions"))
        with pytest.raises(NotFinishedError, match=f"{batch.id} is validating"):
            await settled(client.batches.results(batch))

    service.run(body)


def test_a_cancelled_batch_keeps_what_was_answered(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(400)))
        batch = await settled(client.batches.create(file, "/v1/chat/completions"))
        current = batch
        while not (current.request_counts and 0 < current.request_counts.completed < 400):
            service.clock.advance(0.05)
            current = await settled(client.batches.retrieve(batch))
        assert (await settled(client.batches.cancel(batch))).status == "cancelling"
        ended = await settled(client.batches.wait(batch))
        assert ended.status == "cancelled"
        results = client.batches.results(ended)
        outcomes = [item.outcome for item in await settled(results)]
        assert outcomes.count("ok") > 0
        assert outcomes.count("cancelled") > 0
        assert set(outcomes) == {"ok", "cancelled"}
        assert results.completeness.lines == 400

    service.run(body)


def test_cancelling_a_batch_that_has_ended_returns_it(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = await _ended(client, chat_lines(1))
        assert (await settled(client.batches.cancel(batch))).status == "completed"

    service.run(body)


def test_without_the_input_completeness_is_unknown_and_never_claimed(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = await _ended(client, chat_lines(3))
        await settled(client.files.delete(batch.input_file_id))
        results = client.batches.results(batch)
        items = await settled(results)
        assert sorted(item.custom_id for item in items) == ["r-0", "r-1", "r-2"]
        assert all(item.line is None and item.request is None for item in items)
        assert not results.completeness.known
        assert not results.completeness.complete
        assert "completeness unknown" in str(results.completeness)

    service.run(body)


def test_an_input_on_disk_is_used_instead_of_the_one_uploaded(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(chat_lines(3))

    async def body(client: Any) -> None:
        batch = await _ended(client, path)
        await settled(client.files.delete(batch.input_file_id))
        results = client.batches.results(batch, input_file=path)
        assert len(await settled(results)) == 3
        assert results.completeness.complete

    service.run(body)


def test_waiting_tells_of_every_look_and_gives_up_when_told_to(service: Service) -> None:
    seen: list[str] = []

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(5)))
        batch = await settled(client.batches.create(file, "/v1/chat/completions"))
        with pytest.raises(WaitTimeoutError, match="it goes on"):
            await settled(client.batches.wait(batch, wait_timeout=0))
        await settled(client.batches.wait(batch, on_progress=lambda one: seen.append(one.status)))

    service.run(body)
    assert seen[-1] == "completed"


def test_what_is_listed_is_every_file_and_batch_once(service: Service) -> None:
    async def body(client: Any) -> None:
        files = [await settled(client.files.create(chat_lines(1))) for _ in range(5)]
        for file in files:
            await settled(client.batches.create(file, "/v1/chat/completions"))
        listed = await settled(client.files.list(limit=2))
        assert sorted(one.id for one in listed) == sorted(one.id for one in files)
        batches = await settled(client.batches.list(limit=2))
        assert len({one.id for one in batches}) == len(batches) == 5
        page = await settled(client.batches.list(limit=2).page())
        assert (len(page.data), page.has_more) == (2, True)

    service.run(body)


def test_content_is_read_saved_whole_or_not_at_all(service: Service, tmp_path: Path) -> None:
    lines = chat_lines(500)
    target = tmp_path / "copy.jsonl"

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines))
        assert await settled(client.files.content(file).read()) == lines
        assert b"".join(await settled(client.files.content(file))) == lines
        assert await settled(client.files.content(file).save(target)) == len(lines)
        with pytest.raises(NotFoundError):
            await settled(client.files.content("file-none").save(tmp_path / "none"))

    service.run(body)
    assert target.read_bytes() == lines
    assert [one.name for one in tmp_path.iterdir()] == ["copy.jsonl"]


def test_what_is_not_there_and_what_is_not_known_are_told_apart(service: Service) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(NotFoundError) as caught:
            await settled(client.batches.retrieve("batch_none"))
        error = caught.value
        assert (error.status, error.provider, error.account) == (404, "openai", "openai")
        assert error.request_id
        assert set(error.body["error"]) == {"message", "type", "param", "code"}
        with pytest.raises(InputError, match="no option 'timeuot'"):
            await settled(client.batches.retrieve("batch_none", timeuot=3))

    service.run(body)


def test_objects_dump_as_the_official_package_reads_them(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = await _ended(client, chat_lines(2))
        dumped = OfficialBatch.model_validate(batch.model_dump(), strict=True)
        assert dumped.usage is not None
        assert batch.usage is not None
        assert dumped.usage.total_tokens == batch.usage.total_tokens
        file = await settled(client.files.retrieve(batch.output_file_id))
        OfficialFile.model_validate(file.model_dump(), strict=True)

    service.run(body)


async def _ended(client: Any, lines: bytes | Path, **options: Any) -> Batch:
    file = await settled(client.files.create(lines, **options))
    batch = await settled(client.batches.create(file, "/v1/chat/completions"))
    ended: Batch = await settled(client.batches.wait(batch))
    return ended


async def _results_of(client: Any, lines: bytes) -> list[Any]:
    items: list[Any] = await settled(client.batches.results(await _ended(client, lines)))
    return items

"""What providers, other processes and files do that they should not."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from batchyard.emulators import Fault
from batchyard.errors import (
    IdempotencyError,
    InputError,
    InvalidLinesError,
    LineProblem,
    NotFoundError,
    WaitTimeoutError,
)
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, BatchEvent, Page
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines
from tests.drivers.site import Exchange, Site

CHAT = "/v1/chat/completions"
ENDED: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": CHAT,
    "status": "completed",
    "input_file_id": "file-in",
    "output_file_id": "file-out",
    "error_file_id": None,
}


def request_line(custom_id: str) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}) + "\n"


def result_line(custom_id: str, answer: str) -> str:
    body = {"choices": [{"message": {"content": answer}}], "usage": {"prompt_tokens": 1}}
    response = {"status_code": 200, "body": body}
    return json.dumps({"custom_id": custom_id, "response": response, "error": None}) + "\n"


def serving(files: dict[str, str], *looks: dict[str, Any]) -> Site:
    """A service with these files, whose batch looks so, and then stays as it looked last."""
    batches = list(looks)

    async def answer(exchange: Exchange) -> None:
        path = exchange.seen.target
        if path.endswith("/content"):
            await exchange.reply(200, files[path.split("/")[-2]].encode())
        else:
            batch = batches.pop(0) if len(batches) > 1 else batches[0]
            await exchange.reply(200, json.dumps(batch).encode())

    return Site(answer)


def test_a_key_used_with_a_file_of_another_size_is_refused(service: Service) -> None:
    async def body(client: Any) -> None:
        first = await settled(client.files.create(chat_lines(1)))
        same = await settled(client.files.create(chat_lines(1)))
        other = await settled(client.files.create(chat_lines(2)))
        batch = await settled(client.batches.create(first, CHAT, idempotency_key="k"))
        again = await settled(client.batches.create(same, CHAT, idempotency_key="k"))
        assert again.id == batch.id
        with pytest.raises(IdempotencyError, match="used with another file"):
            await settled(client.batches.create(other, CHAT, idempotency_key="k"))

    service.run(body)


def test_of_two_creates_with_one_key_at_one_time_the_older_is_kept(service: Service) -> None:
    """Neither process saw the other's batch before it created its own."""

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        first = await settled(client.batches.create(file, CHAT, idempotency_key="k"))
        service.clock.advance(2)
        # the look-up before the create is answered as if the first were not there yet
        empty = json.dumps(Page[Batch](data=[]).model_dump()).encode()
        service.emulator.faults.add(replaced("GET", "/v1/batches", empty))
        second = await settled(client.batches.create(file, CHAT, idempotency_key="k"))
        assert second.id == first.id
        batches = await settled(client.batches.list())
        assert sorted(one.status for one in batches if one.id != first.id) == ["cancelling"]

    service.run(body)


def replaced(method: str, path: str, body: bytes) -> Fault:
    from batchyard.emulators import Replace  # noqa: PLC0415

    return Fault(method, path, Replace(body))


@pytest.mark.parametrize("fault", ["malformed times=3", "empty times=3", "429 times=3"])
def test_an_odd_reply_does_not_end_a_wait(service: Service, fault: str) -> None:
    service.emulator.faults.add(Fault.parse(f"GET /v1/batches/* {fault}"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, CHAT))
        assert (await settled(client.batches.wait(batch))).status == "completed"

    service.run(body)


def test_a_batch_of_ones_own_is_looked_for_longer_than_an_id_that_may_be_mistyped(
    service: Service,
) -> None:
    service.emulator.faults.add(Fault.parse("GET /v1/batches/* 404 times=always"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, CHAT))
        for one, least, most in ((batch, 60, 100), (batch.id, 15, 40)):
            before = service.clock.now()
            with pytest.raises(NotFoundError):
                await settled(client.batches.wait(one))
            assert least <= service.clock.now() - before < most

    service.run(body)


def test_a_wait_obeys_no_absurd_pause(service: Service) -> None:
    service.emulator.faults.add(Fault.parse("GET /v1/batches/* 503 retry-after=1e300"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        await settled(client.batches.wait(await settled(client.batches.create(file, CHAT))))

    service.run(body)
    assert max(service.clock.slept) < 400


def test_a_look_that_hangs_does_not_outlast_the_callers_time(service: Service) -> None:
    service.emulator.faults.add(Fault.parse("GET /v1/batches/* hang"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, CHAT))
        with pytest.raises(WaitTimeoutError):
            await settled(client.batches.wait(batch, wait_timeout=0.3))

    service.run(body)


def test_an_error_file_that_is_named_late_is_waited_for(service: Service) -> None:
    early = {**ENDED, "request_counts": {"total": 2, "completed": 1, "failed": 1}}
    late = {**early, "error_file_id": "file-err"}
    refused = {"status_code": 400, "body": {"error": {"message": "no", "code": "bad"}}}
    files = {
        "file-in": request_line("a") + request_line("b"),
        "file-out": result_line("a", "A"),
        "file-err": json.dumps({"custom_id": "b", "response": refused, "error": None}) + "\n",
    }

    async def body(client: Any) -> list[str]:
        batch = await settled(client.batches.wait("batch_1"))
        items = await settled(client.batches.results(batch))
        return [item.outcome for item in items]

    with serving(files, early, early, late) as site:
        assert service.run(body, base_url=site.url) == ["ok", "error"]


def test_lines_with_one_id_get_no_result_that_may_be_the_others(service: Service) -> None:
    files = {
        "file-in": request_line("same") + request_line("x") + request_line("same"),
        "file-out": result_line("same", "0") + result_line("x", "X") + result_line("same", "1"),
    }

    async def body(client: Any) -> Any:
        results = client.batches.results("batch_1")
        items = await settled(results)
        assert [(item.outcome, item.text) for item in items] == [
            ("missing", None),
            ("ok", "X"),
            ("missing", None),
        ]
        assert items[0].error.code == "duplicate_custom_id"
        return results.completeness

    with serving(files, ENDED) as site:
        proof = service.run(body, base_url=site.url)
    assert not proof.complete
    assert proof.usage.input_tokens == 1


def test_an_input_file_that_is_gone_is_said_before_anything_is_fetched(
    service: Service, tmp_path: Path
) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InputError, match="cannot read"):
            await settled(client.batches.results("batch_1", input_file=tmp_path / "gone"))

    service.run(body)


def test_totals_that_cannot_be_read_do_not_turn_a_good_end_into_a_failure(
    service: Service,
) -> None:
    told: list[BatchEvent] = []

    class Hearing:
        @hookimpl
        def batch_success(self, event: BatchEvent) -> None:
            told.append(event)

    service.emulator.faults.add(Fault.parse("GET /v1/files/*/content 404"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, CHAT))
        assert (await settled(client.batches.wait(batch))).status == "completed"

    service.run(body, listeners=[Hearing()])
    assert [event.totals for event in told] == [None]


def test_odd_values_lose_themselves_and_nothing_else() -> None:
    odd = {
        "id": "batch_1",
        "object": None,
        "created_at": float("inf"),
        "completed_at": "2026-01-01T00:00:00",
        "errors": {"object": None, "data": ["odd", {"code": "c", "message": "m", "line": "3"}]},
        "metadata": {"run": 7, "none": None, "a": "b"},
    }
    batch = Batch.model_validate(odd)
    assert (batch.object, batch.created_at, batch.completed_at) == ("batch", None, 1767225600)
    assert batch.metadata == {"run": "7", "a": "b"}
    assert batch.errors is not None
    assert [(one.code, one.line) for one in batch.errors.data] == [("c", 3)]
    assert Page[Batch].model_validate({"data": [odd], "has_more": None}).next_after is None


def test_errors_of_lines_survive_a_trip_between_processes() -> None:
    error = InvalidLinesError([LineProblem(3, "invalid_json_line", "No.")], 2)
    error.locate("openai", "main")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (back.problems, back.count, back.account) == (error.problems, 2, "main")

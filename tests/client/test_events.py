"""What listeners hear in direct mode."""

from __future__ import annotations

from typing import Any

from batchyard.emulators import Fault
from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, FileEvent, RequestEvent
from tests.client.conftest import KEY, Service, settled
from tests.client.requests import chat_lines

EVENTS = "batchyard.events"


class Hearing:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def file_created(self, event: FileEvent) -> None:
        self.events.append(event)

    @hookimpl
    def batch_created(self, event: BatchEvent) -> None:
        self.events.append(event)

    @hookimpl
    def batch_status_changed(self, event: BatchEvent) -> None:
        self.events.append(event)

    @hookimpl
    async def batch_success(self, event: BatchEvent) -> None:
        self.events.append(event)

    @hookimpl
    def request_sent(self, event: RequestEvent) -> None:
        self.events.append(event)


def test_a_good_batch_is_told_from_its_creation_to_its_totals(service: Service) -> None:
    hearing = Hearing()

    async def body(client: Any) -> Any:
        file = await settled(client.files.create(chat_lines(5)))
        batch = await settled(client.batches.create(file, "/v1/chat/completions"))
        return await settled(client.batches.wait(batch))

    ended = service.run(body, listeners=[hearing])
    told = [event for event in hearing.events if not isinstance(event, RequestEvent)]
    assert told[0].type == "acreate_file"
    assert told[1].type == "acreate_batch"
    assert {event.type for event in told[2:-1]} <= {"batch_status_changed"}
    last = told[-1]
    assert last.type == "batch_success"
    assert isinstance(last, BatchEvent)
    assert last.totals is not None
    assert last.totals.usage.total_tokens == ended.usage.total_tokens
    assert last.totals.lines == 5
    assert last.totals.response_cost is None, "unknown is never shown as 0"
    assert len({event.id for event in told}) == len(told)
    assert {(event.provider, event.account) for event in told} == {("openai", "openai")}


def test_requests_are_told_with_their_status_and_without_secrets(service: Service) -> None:
    hearing = Hearing()
    service.emulator.faults.add(Fault.parse("GET /v1/files 500"))

    async def body(client: Any) -> None:
        await settled(client.files.list())

    service.run(body, listeners=[hearing])
    requests = [event for event in hearing.events if isinstance(event, RequestEvent)]
    assert [event.status for event in requests] == [500, 200]
    assert requests[0].method == "GET"
    assert requests[0].url == f"{service.url}/v1/files"
    assert KEY not in repr(requests)
    assert all(event.seconds >= 0 for event in requests)


def test_a_listener_that_raises_changes_nothing(service: Service, caplog: Any) -> None:
    class Broken:
        @hookimpl
        def batch_created(self, event: BatchEvent) -> None:
            raise RuntimeError(f"cannot log {event.batch.id}")

    async def body(client: Any) -> Any:
        file = await settled(client.files.create(chat_lines(1)))
        return await settled(client.batches.create(file, "/v1/chat/completions"))

    batch = service.run(body, listeners=[Broken()])
    assert batch.status == "validating"
    assert "listener Broken, batch_created: failed" in caplog.text


async def a_whole_batch(client: Any) -> Any:
    file = await settled(client.files.create(chat_lines(2)))
    batch = await settled(client.batches.create(file, "/v1/chat/completions"))
    return await settled(client.batches.wait(batch))


def downloads(service: Service) -> list[str]:
    requests = [request.path for request in service.emulator.requests]
    return [path for path in requests if path.endswith("/content")]


def test_a_function_observes_a_client_until_it_is_stopped(service: Service) -> None:
    heard: list[Event] = []

    async def body(client: Any) -> None:
        with client.observe(heard.append) as observation:
            await a_whole_batch(client)
        assert observation.flush()
        until_then = list(heard)
        await a_whole_batch(client)
        assert heard == until_then

    service.run(body)
    told = [event.type for event in heard if not isinstance(event, RequestEvent)]
    assert told[:2] == ["acreate_file", "acreate_batch"]
    assert told[-1] == "batch_success"
    assert any(isinstance(event, RequestEvent) for event in heard)
    last = heard[-1]
    assert isinstance(last, BatchEvent)
    assert last.totals is not None
    assert last.totals.lines == 2


def test_a_client_that_nobody_listens_to_downloads_nothing_at_the_end(service: Service) -> None:
    ended = service.run(a_whole_batch)
    assert ended.status == "completed"
    assert downloads(service) == []


def test_the_end_of_a_batch_is_logged_without_a_download(service: Service, caplog: Any) -> None:
    caplog.set_level("INFO", EVENTS)
    ended = service.run(a_whole_batch)
    assert f"openai: batch {ended.id} was created" in caplog.messages
    assert caplog.messages[-1] == f"openai: batch {ended.id} completed"
    assert [event.type for event in logged(caplog)][-1] == "batch_success"
    assert downloads(service) == []


def logged(caplog: Any) -> list[Any]:
    return [record.batchyard_event for record in caplog.records if record.name == EVENTS]


def test_the_log_has_the_totals_where_somebody_else_needs_them(
    service: Service, caplog: Any
) -> None:
    caplog.set_level("INFO", EVENTS)
    ended = service.run(a_whole_batch, listeners=[Hearing()])
    tokens = ended.usage.total_tokens
    assert caplog.messages[-1] == (
        f"openai: batch {ended.id} completed: 2 lines, {tokens} tokens, cost unknown"
    )
    assert len(downloads(service)) == 1

"""What is deleted is gone, and nothing else is; what nobody can read any more is gone too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchyard.errors import BatchyardError, NotFinishedError, NotFoundError
from batchyard.models import Batch, Call, Ref
from tests.vertex.conftest import Service, chat_line, jsonl
from tests.vertex.shared import as_new, running

CHAT = "/v1/chat/completions"
LINES = jsonl(chat_line("good"), chat_line("bad", "Oh no."), chat_line("hot", temperature=9))
"""One that is answered, one whose row fails, and one that is never sent."""


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server, "flaky-rows=2")


def run(service: Service, body: Callable[[Any], None], **options: Any) -> None:
    async def main(client: Any) -> None:
        body(client)

    service.run(main, **options)


def ended(client: Any, lines: bytes = LINES) -> Batch:
    done: Batch = client.batches.wait(client.batches.create(client.files.create(lines), CHAT))
    assert done.status == "completed"
    return done


def ids_in(client: Any, file_id: str | None) -> list[str]:
    lines = client.files.content(file_id).read().splitlines()
    return sorted(json.loads(line)["custom_id"] for line in lines)


def gone(client: Any, file_id: str | None) -> bool:
    for look in (client.files.retrieve, lambda one: client.files.content(one).read()):
        with pytest.raises(NotFoundError):
            look(file_id)
    return True


def objects(service: Service, part: str = "") -> set[str]:
    return {name for name in service.object_names() if part in name}


def test_the_error_file_outlives_the_output_file_with_the_same_bytes(service: Service) -> None:
    def body(client: Any) -> None:
        done = ended(client)
        errors = client.files.content(done.error_file_id).read()
        assert ids_in(client, done.error_file_id) == ["bad", "hot"]
        before = objects(service, "predictions")
        assert client.files.delete(done.output_file_id).deleted
        assert gone(client, done.output_file_id)
        assert client.files.content(done.error_file_id).read() == errors
        assert client.files.retrieve(done.error_file_id).id == done.error_file_id
        # what was answered is not in the bucket any more
        assert len(objects(service, "predictions")) == len(before) - 1
        with pytest.raises(NotFoundError):
            client.files.delete(done.output_file_id)

    run(service, body)


def test_the_output_file_outlives_the_error_file(service: Service) -> None:
    def body(client: Any) -> None:
        done = ended(client)
        client.files.delete(done.error_file_id)
        assert gone(client, done.error_file_id)
        assert ids_in(client, done.output_file_id) == ["good"]
        with pytest.raises(NotFoundError):
            client.files.delete(done.error_file_id)
        client.files.delete(done.output_file_id)
        assert gone(client, done.output_file_id)

    run(service, body)


@pytest.mark.parametrize(
    "request_", ["POST /upload/** 503", "POST /upload/** 503 skip=1", "DELETE /storage/** 503"]
)
def test_a_delete_that_broke_off_can_be_called_again(service: Service, request_: str) -> None:
    """At whichever of its requests that change something."""

    def body(client: Any) -> None:
        done = ended(client)
        errors = client.files.content(done.error_file_id).read()
        service.emulator.faults.add(f"{request_} times=always")
        with pytest.raises(BatchyardError):
            client.files.delete(done.output_file_id)
        service.emulator.faults.clear()
        client.files.delete(done.output_file_id)
        assert gone(client, done.output_file_id)
        assert client.files.content(done.error_file_id).read() == errors
        client.files.delete(done.error_file_id)
        assert gone(client, done.error_file_id)

    run(service, body, max_retries=0)


def test_the_map_of_ids_goes_with_the_last_that_needs_it(service: Service) -> None:
    def body(client: Any) -> None:
        before = objects(service, "/ids.jsonl")
        unused = client.files.create(LINES)
        client.files.delete(unused.id)
        assert objects(service, unused.id) == set()
        file = client.files.create(LINES)
        first, second = (
            client.batches.wait(client.batches.create(file.id, CHAT)) for _ in range(2)
        )
        client.files.delete(file.id)
        for done in (first, second):
            assert ids_in(client, done.output_file_id) == ["good"]
            client.files.delete(done.output_file_id)
            client.files.delete(done.error_file_id)
        assert objects(service, "/ids.jsonl") == before

    run(service, body)


def plan_run(client: Any, plan: Any) -> Any:
    return client._driver.run(plan)


def test_a_batch_that_has_ended_is_deleted_with_all_that_it_wrote(service: Service) -> None:
    def body(client: Any) -> None:
        before = objects(service)
        done = ended(client)
        client.files.delete(done.input_file_id)
        call = Call("vertex")
        plan_run(client, client.account.delete_batch(call, Ref(done.id)))
        assert objects(service) == before
        with pytest.raises(NotFoundError):
            client.batches.retrieve(done.id)
        with pytest.raises(NotFoundError):
            plan_run(client, client.account.delete_batch(call, Ref(done.id)))

    run(service, body)


def test_a_batch_that_runs_is_not_deleted(service: Service) -> None:
    def body(client: Any) -> None:
        batch = client.batches.create(client.files.create(LINES), CHAT)
        with pytest.raises(NotFinishedError, match="cancel it"):
            plan_run(client, client.account.delete_batch(Call("vertex"), Ref(batch.id)))
        assert client.batches.wait(batch).status == "completed"

    run(service, body)


def test_a_map_that_a_job_may_need_is_kept_where_jobs_cannot_be_seen(service: Service) -> None:
    def body(client: Any) -> None:
        done = ended(client)
        service.emulator.access.deny("aiplatform.batchPredictionJobs.list")
        client.files.delete(done.input_file_id)
        as_new(service)
        assert ids_in(client, done.output_file_id) == ["good"]

    run(service, body)

"""What jobs do besides succeeding: each trap of the service has its test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from batchyard.effects import Reply
from batchyard.errors import (
    InvalidLinesError,
    NotFoundError,
    PermissionDeniedError,
)
from batchyard.models import TERMINAL_STATUSES, Batch, Call, PageRequest
from batchyard.testing import Exchange, replay
from batchyard_vertex import Settings, Vertex
from batchyard_vertex._jobs import Job, batch_of
from batchyard_vertex._names import Places
from batchyard_vertex.emulator import VertexEmulator
from tests.vertex.conftest import Service, chats, settled
from tests.vertex.shared import as_new, running

CHAT = "/v1/chat/completions"
HOUR = 3600
AGENT = "service-123456789012@gcp-sa-aiplatform.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server)


class Outcome:
    """A batch that has ended, with what came of its lines."""

    def __init__(self, batch: Batch, items: list[Any], whole: str) -> None:
        self.batch = batch
        self.status = batch.status
        self.outcomes = [one.outcome for one in items]
        self.items = items
        self.whole = whole


def run(service: Service, count: int = 12, **options: Any) -> Outcome:
    """Send lines, wait, read everything."""

    async def body(client: Any) -> Outcome:
        batch = client.batches.create(client.files.create(chats(count)), CHAT)
        done = client.batches.wait(batch)
        results = client.batches.results(done)
        items = list(results)
        return Outcome(done, items, str(results.completeness))

    outcome: Outcome = service.run(body, **options)
    return outcome


def started(client: Any, count: int = 200) -> Batch:
    batch: Batch = client.batches.create(client.files.create(chats(count)), CHAT)
    return batch


def until(service: Service, client: Any, batch: Batch, status: str) -> Batch:
    while (found := client.batches.retrieve(batch)).status != status:
        assert not found.terminal
        service.clock.advance(0.02)
    result: Batch = found
    return result


@pytest.mark.parametrize(
    "quirks",
    [
        ("shards=4",),
        ("shards=3", "shard-names", "error-stats"),
        ("empty-shard",),
        ("late-objects=3",),
        ("shards=3", "late-shard=5"),
    ],
    ids="+".join,
)
def test_rows_are_found_in_whichever_objects_they_come_and_however_late(
    service: Service, quirks: tuple[str, ...]
) -> None:
    as_new(service, *quirks)
    outcome = run(service)
    assert outcome.whole == "12 = 12 ok"
    assert [one.custom_id for one in outcome.items] == [f"r-{n}" for n in range(12)]


def test_a_job_can_succeed_with_every_row_failed(service: Service) -> None:
    as_new(service, "all-rows-fail")
    outcome = run(service, 5)
    assert outcome.status == "completed"
    assert outcome.whole == "5 = 5 error"
    counts = outcome.batch.request_counts
    assert counts is not None
    assert (counts.completed, counts.failed, counts.total) == (0, 5, 5)


def test_a_job_can_fail_with_rows_that_are_good_and_they_are_kept(service: Service) -> None:
    as_new(service, "fails-with-rows=0.5")
    outcome = run(service, 10)
    assert outcome.status == "failed"
    assert outcome.outcomes.count("ok") == 5
    assert len(outcome.items) == 10
    assert outcome.batch.errors is not None
    problem = outcome.batch.errors.data[0]
    assert problem.code == "INTERNAL"
    assert "create the batch again" in (problem.message or "")


@pytest.mark.parametrize(
    ("quirk", "code", "permission", "role"),
    [
        ("input-denied", "PERMISSION_DENIED", "storage.objects.get", "roles/storage.objectViewer"),
        (
            "output-denied",
            "PERMISSION_DENIED",
            "storage.objects.create",
            "roles/storage.objectCreator",
        ),
    ],
)
def test_a_job_runs_as_another_than_the_caller_and_the_cure_names_it(
    service: Service, quirk: str, code: str, permission: str, role: str
) -> None:
    as_new(service, quirk)
    outcome = run(service, 3)
    assert outcome.status == "failed"
    assert outcome.batch.errors is not None
    problem = outcome.batch.errors.data[0]
    assert problem.code == code
    message = problem.message or ""
    # what the service said, word for word, and then what to do
    assert f"Service account {AGENT} doesn't have sufficient permission" in message
    assert f'"{permission}"' in message
    assert f"Give {AGENT}, the service agent that jobs run as, {role} on gs://" in message
    assert set(outcome.outcomes) == {"error"}


def test_agents_that_are_being_provisioned_are_told_of_in_every_row(service: Service) -> None:
    as_new(service, "agent-provisioning")
    outcome = run(service, 2)
    assert outcome.status == "completed"
    assert all("being provisioned" in one.error.message for one in outcome.items)


def test_an_import_that_fails_says_what_the_importer_takes(service: Service) -> None:
    place = service.settings()["bucket"]

    async def body(client: Any) -> Batch:
        file = client.files.create(chats(2))
        name = next(one for one in service.object_names() if f"{file.id}/input" in one)
        stored = service.emulator.objects.get(place, name)
        writer = service.emulator.store.writer()
        bad: dict[str, Any] = {"request": {"contents": [], "tools": [{"googleSearch": {}}]}}
        writer.write(stored.blob.path.read_bytes() + json.dumps(bad).encode())
        service.emulator.objects.put(place, name, writer.commit(), at=service.clock.now())
        done: Batch = client.batches.wait(client.batches.create(file, CHAT))
        return done

    done: Batch = service.run(body)
    assert done.errors is not None
    problem = done.errors.data[0]
    assert problem.code == "INVALID_ARGUMENT"
    assert "Failed to import data" in (problem.message or "")
    assert "One type for each path" in (problem.message or "")


@pytest.mark.parametrize("quirk", ["queued", "unknown-states", "paused"])
def test_a_state_that_is_odd_or_unknown_is_one_of_a_job_that_still_runs(
    service: Service, quirk: str
) -> None:
    as_new(service, quirk)
    seen: list[str] = []

    async def body(client: Any) -> None:
        batch = started(client, 40)
        while not batch.terminal:
            seen.append(batch.status)
            service.clock.advance(0.05)
            batch = client.batches.retrieve(batch)
        seen.append(batch.status)

    service.run(body)
    assert seen[-1] == "completed"
    assert set(seen[:-1]) <= {"validating", "in_progress"}
    assert "in_progress" in seen


def test_rows_that_failed_do_not_make_the_batch_another_state_than_completed(
    service: Service,
) -> None:
    as_new(service, "partial-state", "flaky-rows=4")
    outcome = run(service)
    assert (outcome.status, outcome.whole) == ("completed", "12 = 9 ok + 3 error")


@pytest.mark.parametrize("quirk", ["no-stats", "unknown-incomplete"])
def test_counts_that_the_service_does_not_have_are_those_of_the_lines(
    service: Service, quirk: str
) -> None:
    as_new(service, quirk)
    outcome = run(service, 3)
    assert outcome.batch.request_counts is not None
    assert outcome.batch.request_counts.total == 3
    assert outcome.whole == "3 = 3 ok"


def test_a_queue_has_three_days_and_a_run_has_one(service: Service) -> None:
    as_new(service, "queue-full")

    async def queued(client: Any) -> None:
        batch = started(client, 3)
        created = batch.created_at or 0
        assert batch.expires_at == created + 72 * HOUR
        service.clock.advance(25 * HOUR)
        assert client.batches.retrieve(batch).status == "validating"
        service.clock.advance(47 * HOUR)
        done = client.batches.wait(batch)
        assert (done.status, done.expired_at) == ("expired", created + 72 * HOUR)

    service.run(queued)
    as_new(service, "day-ends=0.5")

    async def running_out(client: Any) -> None:
        batch = until(service, client, started(client, 10), "in_progress")
        assert batch.expires_at == (batch.in_progress_at or 0) + 24 * HOUR
        service.clock.advance(24 * HOUR)
        done = client.batches.wait(batch)
        assert done.status == "completed"
        results = client.batches.results(done)
        assert len(list(results)) == 10
        # what was not done in its day was not paid for either, and can be sent again
        assert str(results.completeness) == "10 = 5 ok + 5 expired"

    service.run(running_out)


def test_a_cancel_that_shows_late_is_cancelling_meanwhile(service: Service) -> None:
    as_new(service, "cancel-lags=1")

    async def body(client: Any) -> None:
        batch = until(service, client, started(client), "in_progress")
        assert client.batches.cancel(batch).status == "cancelling"
        # asked again, it does no harm
        assert client.batches.cancel(batch).status == "cancelling"
        assert client.batches.wait(batch).status == "cancelled"

    service.run(body)


@pytest.mark.parametrize(
    ("quirk", "status"), [("cancel-too-late", "completed"), ("cancel-fails", "failed")]
)
def test_a_cancel_can_come_too_late_and_the_rows_are_kept(
    service: Service, quirk: str, status: str
) -> None:
    as_new(service, quirk)

    async def body(client: Any) -> None:
        batch = until(service, client, started(client), "in_progress")
        service.clock.advance(0.1)
        client.batches.cancel(batch)
        done = client.batches.wait(batch)
        assert done.status == status
        results = client.batches.results(done)
        outcomes = [one.outcome for one in results]
        assert 0 < outcomes.count("ok") <= 200
        assert len(outcomes) == 200

    service.run(body)


@pytest.mark.parametrize(
    "quirks",
    [
        ("late-objects=5",),
        ("shards=3", "late-shard=5"),
        ("late-objects=5", "no-stats"),
        ("late-objects=5", "cancel-fails"),
    ],
    ids="+".join,
)
def test_rows_of_a_job_cut_short_are_waited_for_too_as_they_are_paid_for(
    service: Service, quirks: tuple[str, ...]
) -> None:
    as_new(service, *quirks)

    async def body(client: Any) -> None:
        batch = until(service, client, started(client), "in_progress")
        service.clock.advance(0.1)
        client.batches.cancel(batch)
        done = client.batches.wait(batch)
        assert done.status == ("failed" if "cancel-fails" in quirks else "cancelled")
        outcomes = [one.outcome for one in client.batches.results(done)]
        assert outcomes.count("ok") == paid(service, done)
        assert len(outcomes) == 200

    service.run(body)


def paid(service: Service, batch: Batch) -> int:
    """Rows that the job's output has, listed or not."""
    _, project, _, place, _, number = (batch.provider_state or {})["job"].split("/")
    job = service.emulator.jobs.get(project, place, number, service.clock.now())
    counted = job.counts["successfulCount"]
    assert counted > 0
    return counted


def test_a_cancel_of_what_has_just_ended_returns_it(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = started(client, 2)
        service.clock.advance(60)
        assert client.batches.cancel(batch).status == "completed"

    service.run(body)
    refused = service.emulator.requests.matching("POST", "/v1/**:cancel")
    assert [one.status for one in refused] == [400]


def test_a_job_is_seen_at_its_own_location_only_and_its_id_says_which(service: Service) -> None:
    async def body(client: Any) -> str:
        return started(client, 1).id

    identity: str = service.run(body, location="europe-west4")
    assert identity.startswith("batch_europe-west4_")

    async def elsewhere(client: Any) -> None:
        # by an account of another location too
        assert client.batches.retrieve(identity).id == identity
        with pytest.raises(NotFoundError):
            client.batches.retrieve(identity.rpartition("_")[2])

    service.run(elsewhere, location="us-central1")


def test_the_list_has_the_accounts_own_jobs_among_all_of_the_project(service: Service) -> None:
    as_new(service, "foreign-jobs", "string-uris", "model-rewritten")

    async def body(client: Any) -> None:
        batch = started(client, 1)
        listed = client.batches.list(limit=1).page()
        assert [one.id for one in listed.data] == [batch.id]
        assert (listed.data[0].model, listed.data[0].input_file_id) == (
            "gemini-2.5-flash",
            batch.input_file_id,
        )

    service.run(body, prefix="quite-another")


def test_what_a_create_lacks_is_named_with_its_cure(service: Service) -> None:
    async def body(client: Any) -> None:
        file = client.files.create(chats(1))
        service.emulator.access.deny("aiplatform.batchPredictionJobs.create")
        with pytest.raises(PermissionDeniedError, match=r"roles/aiplatform\.user"):
            client.batches.create(file, CHAT)
        service.emulator.access.allow("aiplatform.batchPredictionJobs.create")
        service.emulator.quirks.enable("api-disabled")
        with pytest.raises(PermissionDeniedError, match="gcloud services enable") as caught:
            client.batches.create(file, CHAT)
        assert caught.value.code == "SERVICE_DISABLED"

    service.run(body)

    async def unknown(client: Any) -> None:
        file = client.files.create(chats(1, model="gemini-9-no/such"))
        with pytest.raises(NotFoundError, match="setting `models`"):
            client.batches.create(file, CHAT)

    as_new(service)
    service.run(unknown)


@pytest.mark.parametrize(
    "name",
    [
        "text-embedding-005",
        "text-multilingual-embedding-002",
        "vertex_ai/text-embedding-004",
        "ours",
    ],
)
def test_models_before_geminis_take_fewer_inputs(name: str) -> None:
    models = {"ours": "text-embedding-005"}
    account = Vertex(Settings(project="p", bucket="bucket", models=models))
    assert account.limits("/v1/embeddings", name).max_lines == 30_000


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({}, True),
        ({"completionStats": {"successfulCount": "1"}}, False),
        ({"outputInfo": {"gcsOutputDirectory": "gs://bucket/batchyard/jobs/t/p"}}, False),
        ({"error": {"code": 13, "message": "m"}}, False),
        ({"state": "JOB_STATE_CANCELLED"}, False),
    ],
)
def test_a_job_for_which_there_is_no_quota_was_refused_for_now(
    more: dict[str, Any], *, refused: bool
) -> None:
    document = {
        "name": "projects/1/locations/us-central1/batchPredictionJobs/7",
        "state": "JOB_STATE_FAILED",
        "error": {"code": 8, "message": "Quota exceeded."},
        **more,
    }
    places = Places(Settings(project="p", bucket="bucket"))
    assert batch_of(Job.model_validate(document), places).refused_for_now is refused


@pytest.mark.parametrize(
    ("rows", "stats", "counts"),
    [
        # 4 lines were sent as 10 rows, and 1 was left out
        (10, ("10", None), (4, 1)),
        (10, (None, "10"), (0, 5)),
        (10, (None, None), (0, 1)),
        # one row failed, and so one line; or none but one of the others
        (10, ("9", "1"), (3, 2)),
        # they may all be of one line, or each of its own
        (10, ("7", "3"), (1, 2)),
        (10, ("1", "9"), (0, 4)),
        # it still runs
        (10, ("9", None), (3, 1)),
        (10, ("5", "1"), (0, 2)),
        # without fanning out, rows are lines
        (None, ("3", "1"), (3, 2)),
    ],
)
def test_counts_are_of_lines_where_one_is_several_rows(
    rows: int | None, stats: tuple[str | None, str | None], counts: tuple[int, int]
) -> None:
    labels = {"batchyard-lines": "5", "batchyard-left-out": "1"}
    labels |= {} if rows is None else {"batchyard-rows": str(rows)}
    names = ("successfulCount", "failedCount")
    document = {
        "name": "projects/1/locations/us-central1/batchPredictionJobs/7",
        "labels": labels,
        "completionStats": {name: one for name, one in zip(names, stats, strict=True) if one},
    }
    places = Places(Settings(project="p", bucket="bucket"))
    found = batch_of(Job.model_validate(document), places).request_counts
    assert found is not None
    assert found.total == 5
    assert (found.completed, found.failed) == counts


def test_a_file_has_as_many_requests_as_the_service_takes(service: Service) -> None:
    account = Vertex(Settings(**service.settings()))
    assert account.limits(CHAT, None).max_lines == 200_000
    assert account.limits("/v1/embeddings", None).max_lines == 1_000_000
    assert account.limits("/v1/embeddings", "gemini-embedding-001").max_lines == 1_000_000
    assert account.limits(CHAT, None).max_bytes == 1_000_000_000

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError, match="10"):
            client.files.create(chats(11))

    service.run(body, max_lines=10)


def test_every_quirk_at_once_loses_no_line_and_tells_of_none_twice(service: Service) -> None:
    emulator = VertexEmulator(clock=service.clock, quirks=["everything"])
    with emulator.serve() as server:
        outcome = run(Service("sync", emulator, server.url, service.clock), 120)
    assert outcome.status == "completed"
    assert len(outcome.items) == 120
    assert outcome.outcomes.count("ok") == 118
    assert outcome.outcomes.count("error") == 2


@pytest.mark.parametrize("place", ["global", "us", "eu", "asia-northeast1"])
def test_a_job_is_created_where_the_location_has_its_host(place: str) -> None:
    host = {
        "global": "aiplatform.googleapis.com",
        "us": "aiplatform.us.rep.googleapis.com",
        "eu": "aiplatform.eu.rep.googleapis.com",
    }.get(place, f"{place}-aiplatform.googleapis.com")
    settings = Settings(project="p", bucket="bucket", location=place, credentials=USER)  # type: ignore[arg-type]
    token = Exchange("POST", Reply(200, {}, b'{"access_token": "t", "expires_in": 3599}'))
    asked = Exchange(
        f"GET https://{host}/v1/projects/p/locations/{place}/batchPredictionJobs",
        Reply(200, {}, b"{}"),
    )
    page = replay(Vertex(settings).list_batches(Call("vertex"), PageRequest()), [token, asked])
    assert page.data == []


USER = '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}'
NAME = "projects/1/locations/us-central1/batchPredictionJobs/12"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("UNSPECIFIED", "validating"),
        ("QUEUED", "validating"),
        ("PENDING", "validating"),
        ("RUNNING", "in_progress"),
        ("PAUSED", "in_progress"),
        ("UPDATING", "in_progress"),
        ("SUCCEEDED", "completed"),
        ("PARTIALLY_SUCCEEDED", "completed"),
        ("FAILED", "failed"),
        ("CANCELLING", "cancelling"),
        ("CANCELLED", "cancelled"),
        ("EXPIRED", "expired"),
        ("WHATEVER_COMES", "in_progress"),
    ],
)
def test_every_state_is_one_of_openais(state: str, status: str) -> None:
    job = Job.model_validate({"name": NAME, "state": f"JOB_STATE_{state}"})
    batch = batch_of(job, Places(Settings(project="p", bucket="bucket")))
    assert batch.status == status
    assert batch.terminal is (status in TERMINAL_STATUSES)
    assert (batch.errors is not None) is (status == "failed")


@pytest.mark.parametrize(
    "times",
    [
        {"createTime": 7, "startTime": None},
        {"createTime": "yesterday", "startTime": "2026-13-40T00:00:00Z"},
        {"createTime": "", "endTime": "999999999999"},
    ],
)
def test_times_that_are_none_are_left_out(times: dict[str, Any]) -> None:
    job = Job.model_validate({"name": NAME, "state": "JOB_STATE_SUCCEEDED", **times})
    batch = batch_of(job, Places(Settings(project="p", bucket="bucket")))
    assert (batch.created_at, batch.expires_at, batch.completed_at) == (None, None, None)


def test_one_token_serves_all_who_ask_at_once(service: Service) -> None:
    async def main() -> None:
        other = Service("async", service.emulator, service.url, service.clock)
        client = other.client()
        try:
            await asyncio.gather(*(settled(client.batches.list()) for _ in range(8)))
        finally:
            await settled(client.close())

    asyncio.run(main())
    assert len(service.emulator.requests.matching("POST", "/token")) == 1

"""The check of an account names who lacks what, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from batchyard.models import Finding
from batchyard_vertex._regions import fits, why_not_there
from batchyard_vertex.emulator import VertexEmulator
from tests.vertex.conftest import Service
from tests.vertex.shared import as_new, running

CALLER = "emulator@batchyard-emulator.iam.gserviceaccount.com"
AGENT = "service-123456789012@gcp-sa-aiplatform.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server)


def check(service: Service, **options: Any) -> dict[str, Finding]:
    async def body(client: Any) -> list[Finding]:
        found: list[Finding] = client.check()
        return found

    findings: list[Finding] = service.run(body, **options)
    assert all(one.fix for one in findings if one.level != "ok" and one.check != "model")
    return {one.check: one for one in findings}


def levels(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: one.level for name, one in findings.items() if one.level != "ok"}


def test_an_account_that_can_be_used_says_so_part_by_part(service: Service) -> None:
    found = check(service)
    assert list(found) == [
        "credentials",
        "project",
        "api",
        "jobs",
        "caller",
        "bucket",
        "bucket caller",
        "service agent",
        "model",
    ]
    assert levels(found) == {}
    assert CALLER in found["credentials"].message
    assert "project 123456789012" in found["project"].message
    assert AGENT in found["service agent"].message
    assert "gemini-2.5-flash is known in us-central1" in found["model"].message


def test_a_right_that_the_caller_lacks_is_named_with_its_role(service: Service) -> None:
    service.emulator.access.deny("aiplatform.batchPredictionJobs.create", "storage.objects.list")
    found = check(service)
    assert levels(found) == {"caller": "error", "bucket caller": "error"}
    jobs, bucket = found["caller"], found["bucket caller"]
    assert "lacks aiplatform.batchPredictionJobs.create" in jobs.message
    assert (jobs.fix or "").startswith(f"Give {CALLER} roles/aiplatform.user on the project")
    assert "lacks storage.objects.list" in bucket.message
    assert bucket.fix == f"Give {CALLER} roles/storage.objectUser on gs://batchyard-emulator."


def test_jobs_that_may_not_be_listed_are_an_error(service: Service) -> None:
    service.emulator.access.deny("aiplatform.batchPredictionJobs.list")
    assert levels(check(service)) == {"jobs": "error"}


def test_an_api_that_is_not_enabled_is_told_from_a_right_that_is_lacking(service: Service) -> None:
    as_new(service, "api-disabled")
    found = check(service)
    assert found["api"].level == "error"
    assert "gcloud services enable aiplatform.googleapis.com" in (found["api"].fix or "")
    assert "jobs" not in found


@pytest.mark.parametrize(("quirk", "verb"), [("input-denied", "read"), ("output-denied", "write")])
def test_the_agents_rights_are_looked_at_beside_the_callers(
    service: Service, quirk: str, verb: str
) -> None:
    as_new(service, quirk)
    agent = check(service)["service agent"]
    # in the bucket's own project it may have them by its role there
    assert agent.level == "warning"
    assert agent.message.startswith(f"{AGENT} has no role on gs://batchyard-emulator to {verb}")
    assert agent.fix == f"Give {AGENT} roles/storage.objectUser on gs://batchyard-emulator."


def test_what_may_not_be_seen_is_a_warning_that_says_what_to_make_sure_of(
    service: Service,
) -> None:
    as_new(service, "policy-hidden")
    service.emulator.access.deny("storage.buckets.get", "resourcemanager.projects.get")
    found = check(service)
    assert levels(found) == {
        "project": "warning",
        "bucket": "warning",
        "service agent": "warning",
    }
    assert "{number}" in (found["service agent"].fix or "")


def test_a_bucket_that_is_not_there_ends_the_look_at_it(service: Service) -> None:
    found = check(service, bucket="not-there")
    assert found["bucket"].level == "error"
    assert "bucket caller" not in found


def test_credentials_that_are_refused_end_the_check(service: Service) -> None:
    service.emulator.faults.add("POST /token 401 times=always")
    assert levels(check(service)) == {"credentials": "error"}
    as_new(service)
    found = check(service, credentials="/nowhere/key.json")
    assert list(found) == ["credentials"]


def test_a_service_that_is_gone_in_the_middle_ends_the_check_without_raising(
    service: Service,
) -> None:
    service.emulator.faults.add("GET /v1/** reset times=always")
    assert levels(check(service, max_retries=0)) == {"connection": "error"}


def test_models_are_looked_up_where_the_jobs_are(service: Service) -> None:
    models = {"a": "gemini-embedding-001"}
    assert check(service, models=models)["model"].level == "ok"
    away = check(service, models=models, location="asia-south1")["model"]
    assert away.level == "error"
    assert "and not in asia-south1" in away.message
    unknown = check(service, models={"a": "gpt-4"})["model"]
    assert (unknown.level, unknown.message) == ("error", "gpt-4 is not known in us-central1")
    claude = {"c": "publishers/anthropic/models/claude-sonnet-4-5"}
    assert check(service, models=claude, location="global")["model"].level == "error"


def test_a_bucket_far_from_the_jobs_is_a_warning(service: Service) -> None:
    emulator = VertexEmulator(clock=service.clock, buckets={"batchyard-emulator": "asia-south1"})
    with emulator.serve() as server:
        far = check(Service("sync", emulator, server.url, service.clock))["bucket"]
    assert (far.level, far.fix) == (
        "warning",
        "Use a bucket in the region of the jobs, or in the multi-region around it.",
    )


@pytest.mark.parametrize(
    ("bucket", "location", "good"),
    [
        ("US-CENTRAL1", "us-central1", True),
        ("US", "us-central1", True),
        ("NAM4", "us-east4", True),
        ("EU", "europe-west4", True),
        ("US-EAST1", "us-central1", False),
        ("EU", "us-central1", False),
        ("EUROPE-WEST4", "eu", True),
        ("US-EAST1", "us", True),
        ("ASIA-SOUTH1", "global", True),
        ("US", "asia-south1", False),
        ("ME-WEST1", "me-west1", True),
    ],
)
def test_buckets_near_the_jobs_are_told_from_others(
    bucket: str, location: str, *, good: bool
) -> None:
    assert fits(bucket, location) is good


def test_where_a_model_is_not_is_told() -> None:
    assert why_not_there("publishers/google/models/gemini-3-pro", "global") is None
    assert why_not_there("publishers/google/models/gemini-embedding-2", "us-central1")
    assert why_not_there("projects/p/locations/l/models/7", "global")
    assert why_not_there("projects/p/locations/l/models/7", "us-central1") is None

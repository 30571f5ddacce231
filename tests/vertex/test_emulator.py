"""The emulator's own strictness, without the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from batchyard.testing import ManualClock, replay
from batchyard_vertex import Settings
from batchyard_vertex.auth import Credentials
from batchyard_vertex.emulator import VertexEmulator
from batchyard_vertex.emulator._importer import ImportFailedError

JOBS = "/v1/projects/batchyard-emulator/locations/us-central1/batchPredictionJobs"
OBJECTS = "/storage/v1/b/batchyard-emulator/o"
UPLOADS = "/upload/storage/v1/b/batchyard-emulator/o"
ROW = {"key": "000007", "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}
QUARTER = 256 * 1024


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> VertexEmulator:
    return VertexEmulator(clock=clock)


@pytest.fixture
def http(emulator: VertexEmulator) -> Iterator[httpx.Client]:
    with emulator.serve() as server:
        settings = Settings.from_environment(emulator.environment(server.url))
        assert settings is not None
        signed = settings.model_copy(update={"self_signed_jwt": True})
        token = replay(Credentials(signed)._make(), [])
        headers = {"authorization": f"Bearer {token.value.token}"}
        with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            yield client


def put(http: httpx.Client, name: str, data: bytes, **query: str) -> httpx.Response:
    params = {"uploadType": "media", "name": name, **query}
    return http.post(UPLOADS, params=params, content=data)


def order(**more: Any) -> dict[str, Any]:
    return {
        "displayName": "a job",
        "model": "publishers/google/models/gemini-2.5-flash",
        "inputConfig": {
            "instancesFormat": "jsonl",
            "gcsSource": {"uris": ["gs://batchyard-emulator/in.jsonl"]},
        },
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": "gs://batchyard-emulator/out"},
        },
        "labels": {"team": "a"},
        **more,
    }


def test_a_job_goes_its_way_by_the_clock(http: httpx.Client, clock: ManualClock) -> None:
    put(http, "in.jsonl", json.dumps(ROW).encode())
    job = http.post(JOBS, json=order()).json()
    assert job["state"] == "JOB_STATE_PENDING"
    project, number = job["name"].split("/")[1], job["name"].split("/")[-1]
    assert project.isdecimal()
    assert len(number) == 19
    assert "startTime" not in job
    assert "outputInfo" not in job
    clock.advance(0.65)
    assert http.get(f"{JOBS}/{number}").json()["state"] == "JOB_STATE_RUNNING"
    clock.advance(10)
    ended = http.get(f"{JOBS}/{number}").json()
    assert ended["state"] == "JOB_STATE_SUCCEEDED"
    assert ended["completionStats"] == {"successfulCount": "1"}
    directory = ended["outputInfo"]["gcsOutputDirectory"]
    name = directory.removeprefix("gs://batchyard-emulator/") + "/predictions.jsonl"
    quoted = name.replace("/", "%2F")
    row = http.get(f"{OBJECTS}/{quoted}?alt=media").json()
    assert row["key"] == 7, "a text that looks like a number becomes one"
    assert row["request"]["contents"][0]["parts"][0]["fileData"] is None
    assert row["response"]["candidates"][0]["content"]["parts"][0]["text"]
    refused = http.post(f"{JOBS}/{number}:cancel", json={})
    assert refused.status_code == 400
    assert refused.json()["error"]["status"] == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("row", "code"),
    [({"request": {"contents": [], "tools": [{"googleSearch": {}}]}}, 3), (None, 5)],
)
def test_a_job_that_cannot_start_fails(
    http: httpx.Client, clock: ManualClock, row: Any, code: int
) -> None:
    if row is not None:
        put(http, "in.jsonl", json.dumps(row).encode())
    name = http.post(JOBS, json=order()).json()["name"]
    clock.advance(60)
    job = http.get(f"{JOBS}/{name.rpartition('/')[2]}").json()
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", code)
    assert ImportFailedError.__name__ not in job["error"]["message"]


@pytest.mark.parametrize(("bucket", "code"), [("inputConfig", 9), ("outputConfig", 7)])
def test_buckets_that_are_not_there_fail_the_job(
    http: httpx.Client, clock: ManualClock, bucket: str, code: int
) -> None:
    put(http, "in.jsonl", json.dumps(ROW).encode())
    text = json.dumps(order()[bucket]).replace("gs://batchyard-emulator", "gs://nowhere")
    name = http.post(JOBS, json=order(**{bucket: json.loads(text)})).json()["name"]
    clock.advance(60)
    job = http.get(f"{JOBS}/{name.rpartition('/')[2]}").json()
    assert job["error"]["code"] == code


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"displayName": ""}, 400),
        ({"model": "publishers/google/models/gpt-4"}, 404),
        ({"labels": {"Team": "a"}}, 400),
        ({"labels": {"team": "A b"}}, 400),
        ({"inputConfig": {}}, 400),
    ],
)
def test_an_order_that_is_wrong_is_refused(
    http: httpx.Client, wrong: dict[str, Any], status: int
) -> None:
    reply = http.post(JOBS, json=order(**wrong))
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"code", "message", "status"}


def test_an_empty_list_is_an_empty_object_and_filters_filter(http: httpx.Client) -> None:
    assert http.get(JOBS).json() == {}
    http.post(JOBS, json=order())
    for wanted, count in (
        ('display_name="a job"', 1),
        ('display_name="b" OR labels.team="a"', 1),
        ('labels.team:* AND display_name!="a job"', 0),
        ("labels.other:*", 0),
    ):
        listed = http.get(JOBS, params={"filter": wanted}).json()
        assert len(listed.get("batchPredictionJobs", [])) == count, wanted
    assert http.get(JOBS, params={"filter": "colour=red"}).status_code == 400


def test_an_object_is_made_once_where_that_is_asked_for(http: httpx.Client) -> None:
    first = put(http, "a/b", b"xyz", ifGenerationMatch="0")
    assert first.json()["size"] == "3"
    second = put(http, "a/b", b"xyz", ifGenerationMatch="0")
    assert second.status_code == 412
    assert second.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    part = http.get(f"{OBJECTS}/a%2Fb?alt=media", headers={"range": "bytes=1-"})
    assert (part.status_code, part.content) == (206, b"yz")
    assert http.delete(f"{OBJECTS}/a%2Fb").status_code == 204
    gone = http.get(f"{OBJECTS}/a%2Fb")
    assert gone.status_code == 404
    assert gone.json()["error"]["message"] == "No such object: batchyard-emulator/a/b"


def test_objects_are_listed_in_pages_by_name(http: httpx.Client) -> None:
    assert "items" not in http.get(OBJECTS).json()
    for name in ("b/2", "a/1", "b/1", "b/3"):
        put(http, name, b"x")
    page = http.get(OBJECTS, params={"prefix": "b/", "maxResults": 2}).json()
    assert [one["name"] for one in page["items"]] == ["b/1", "b/2"]
    rest = http.get(OBJECTS, params={"prefix": "b/", "pageToken": page["nextPageToken"]}).json()
    assert [one["name"] for one in rest["items"]] == ["b/3"]
    found = http.get(OBJECTS, params={"matchGlob": "*/1", "startOffset": "b"}).json()
    assert [one["name"] for one in found["items"]] == ["b/1"]


def test_a_resumable_upload_keeps_to_the_rules(http: httpx.Client) -> None:
    began = http.post(UPLOADS, params={"uploadType": "resumable", "name": "big"})
    session = began.headers["location"]
    odd = http.put(session, content=b"x" * 10, headers={"content-range": "bytes 0-9/100"})
    assert odd.status_code == 400
    some = http.put(
        session,
        content=b"x" * QUARTER,
        headers={"content-range": f"bytes 0-{QUARTER - 1}/{QUARTER + 5}"},
    )
    assert (some.status_code, some.headers["range"]) == (308, f"bytes=0-{QUARTER - 1}")
    asked = http.put(session, headers={"content-range": f"bytes */{QUARTER + 5}"})
    assert asked.headers["range"] == some.headers["range"]
    last = http.put(
        session,
        content=b"y" * 5,
        headers={"content-range": f"bytes {QUARTER}-{QUARTER + 4}/{QUARTER + 5}"},
    )
    assert last.json()["size"] == str(QUARTER + 5)
    assert http.delete(session).status_code == 499
    assert http.put(session, content=b"").status_code == 404


def test_nobody_gets_in_without_a_good_token(http: httpx.Client) -> None:
    assert http.get(JOBS, headers={"authorization": "Bearer made-up"}).status_code == 401
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}
    refused = http.post("/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert http.post("/token", data={}).json()["error"] == "unsupported_grant_type"
    assert http.get("/elsewhere").status_code == 404

"""What the routes answer that OpenAI's do not have, and lists with filters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from batchyard.gateway._results import _place
from batchyard.ledger import Ledger
from batchyard.ledger.settlement import Spot
from tests.gateway.site import CHAT, Site, gateway, lines, uploaded
from tests.ledger.life.place import follow


def batch_of(site: Site, content: bytes, **values: Any) -> str:
    client = site.openai()
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint=CHAT, completion_window="24h", **values
    )
    return made.id


@pytest.fixture(scope="module")
def done(site: Site) -> str:
    """A settled batch of eight lines, two of which failed."""
    good, bad = lines(6).splitlines(), lines(8, temperature=9).splitlines()[6:]
    content = b"\r\n".join([*good[:3], bad[0], *good[3:], bad[1]]) + b"\n"
    made = batch_of(site, content)
    site.follow()
    return made


def walked(http: httpx.Client, url: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"has_more": True}
    while page["has_more"]:
        page = http.get(url, params=params).raise_for_status().json()
        found += page["data"]
        params["after"] = page["last_id"]
    return found


def test_a_receipt_says_what_a_batch_cost(site: Site, done: str) -> None:
    with site.http() as http:
        receipt = http.get(f"/v1/batches/{done}/cost").json()
    assert receipt["object"] == "batch.cost"
    assert receipt["batch_id"] == done
    assert receipt["state"] == "priced"
    assert float(receipt["cost"]) > 0
    assert receipt["proof"]["complete"] is True
    assert receipt["proof"]["outcomes"] == {"ok": 6, "error": 2}


@pytest.mark.parametrize("what", ["cost", "results"])
def test_before_it_is_settled_there_is_none(site: Site, what: str) -> None:
    made = batch_of(site, lines(1))
    with site.http() as http:
        refused = http.get(f"/v1/batches/{made}/{what}")
    assert refused.status_code == 409
    assert "not settled yet" in refused.json()["error"]["message"]


def test_results_come_beside_their_lines(site: Site, done: str) -> None:
    with site.http() as http:
        page = http.get(f"/v1/batches/{done}/results").json()
    assert page["has_more"] is False
    assert [one["line"] for one in page["data"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [one["custom_id"] for one in page["data"]] == [
        f"r-{n}" for n in (0, 1, 2, 6, 3, 4, 5, 7)
    ]
    good, bad = page["data"][0], page["data"][3]
    assert good["outcome"] == "ok"
    assert good["error"] is None
    assert good["response"]["body"]["object"] == "chat.completion"
    assert good["usage"]["total_tokens"] == good["response"]["body"]["usage"]["total_tokens"]
    assert bad["outcome"] == "error"
    assert "temperature" in bad["error"]["message"]
    assert bad["response"]["status_code"] == 400


@pytest.mark.parametrize("outcome", [None, "ok", "error", "missing"])
@pytest.mark.parametrize("size", [{"limit": 1}, {"limit": 3}, {"max_bytes": 1}, {"limit": 8}])
def test_pages_of_results_come_to_the_whole(
    site: Site, done: str, outcome: str | None, size: dict[str, int]
) -> None:
    with site.http() as http:
        url = f"/v1/batches/{done}/results"
        whole = http.get(url).json()["data"]
        wanted = [one for one in whole if outcome in {None, one["outcome"]}]
        chosen = {} if outcome is None else {"outcome": outcome}
        assert walked(http, url, **size, **chosen) == wanted


def test_results_are_read_from_their_place_without_the_input(site: Site) -> None:
    client = site.openai()
    made = batch_of(site, lines(5))
    site.follow()
    with site.http() as http:
        url = f"/v1/batches/{made}/results"
        first = http.get(url, params={"limit": 2}).json()
        file = client.batches.retrieve(made).input_file_id
        assert file is not None
        client.files.delete(file)
        rest = http.get(url, params={"after": first["last_id"]}).json()["data"]
    assert [one["custom_id"] for one in rest] == ["r-2", "r-3", "r-4"]
    assert [one["line"] for one in rest] == [None] * 3


def test_a_place_belongs_to_its_batch(site: Site, done: str) -> None:
    other = batch_of(site, lines(2))
    site.follow()
    with site.http() as http:
        place = http.get(f"/v1/batches/{other}/results", params={"limit": 1}).json()["last_id"]
        for odd in (place, place[:-2], "", "AAAA", "é", "%00", "x" * 500):
            refused = http.get(f"/v1/batches/{done}/results", params={"after": odd})
            assert refused.status_code == 400, odd
            assert refused.json()["error"]["param"] == "after"


def test_results_whose_files_are_deleted_are_gone(site: Site) -> None:
    client = site.openai()
    made = batch_of(site, lines(1))
    site.follow()
    file = client.batches.retrieve(made).output_file_id
    assert file is not None
    client.files.delete(file)
    with site.http() as http:
        gone = http.get(f"/v1/batches/{made}/results")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "results_gone"


def test_events_come_in_pages_and_in_their_order(site: Site, done: str) -> None:
    with site.http() as http:
        url = f"/v1/batches/{done}/events"
        whole = http.get(url).json()
        types = [one["type"] for one in whole["data"]]
        assert types[0] == "acreate_batch"
        assert types[-1] == "batch_success"
        assert walked(http, url, limit=1) == whole["data"]
        assert whole["jobs"][0]["state"] == "ended"
        refused = http.get(url, params={"after": "evt_none"})
    assert refused.status_code == 400


def test_an_outage_keeps_the_job_pending_with_its_reason(site: Site) -> None:
    faults = site.place.emulate().faults
    faults.add("POST /v1/files 503 times=always")
    made = batch_of(site, lines(1))

    async def attempt(ledger: Ledger) -> None:
        await follow(ledger, beyond=0)

    site.run(attempt)
    try:
        with site.http() as http:
            assert http.get(f"/v1/batches/{made}").json()["status"] == "validating"
            (job,) = http.get(f"/v1/batches/{made}/events").json()["jobs"]
    finally:
        faults.clear()
    assert job["state"] == "uploading"
    assert "503" in job["reason"]
    assert job["next_at"] > site.clock.now()
    site.follow()
    with site.http() as http:
        assert http.get(f"/v1/batches/{made}").json()["status"] == "completed"


FILTERS: list[tuple[dict[str, str], Callable[[dict[str, Any]], bool]]] = [
    ({"metadata[team]": "a"}, lambda one: one["metadata"] == {"team": "a", 'q"]': "x"}),
    ({"metadata[team]": "a", 'metadata[q"]]': "x"}, lambda one: bool(one["metadata"])),
    ({"metadata[team]": "b"}, lambda _: False),
    ({"metadata[none]": ""}, lambda _: False),
    ({"status": "completed"}, lambda one: one["status"] == "completed"),
    ({"status": "validating"}, lambda one: one["status"] == "validating"),
    ({"provider": "openai"}, lambda _: True),
    ({"account": "openai"}, lambda _: True),
    ({"account": "other"}, lambda _: False),
]


@pytest.mark.parametrize("database", ["sqlite_url", "postgres_url"])
def test_lists_of_batches_are_filtered(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with gateway(tmp_path, request.getfixturevalue(database)) as site, site.http() as http:
        batch_of(site, lines(1))
        batch_of(site, lines(1), metadata={"team": "a", 'q"]': "x"})
        site.follow()
        site.clock.advance(100)
        batch_of(site, lines(1), metadata={"team": "a", 'q"]': "x"})
        everything = http.get("/v1/batches").json()["data"]
        assert len(everything) == 3
        newest = everything[0]["created_at"]
        times: list[tuple[dict[str, str], Callable[[dict[str, Any]], bool]]] = [
            ({"created_after": f"{newest - 1}"}, lambda one: one["created_at"] >= newest),
            ({"created_after": f"{newest}"}, lambda _: False),
            ({"created_before": f"{newest}"}, lambda one: one["created_at"] < newest),
        ]
        for chosen, wanted in [*FILTERS, *times]:
            found = [one["id"] for one in walked(http, "/v1/batches", limit=1, **chosen)]
            assert found == [one["id"] for one in everything if wanted(one)], chosen


def test_files_are_listed_by_purpose_and_order(site: Site, done: str) -> None:
    client = site.openai()
    batch = client.batches.retrieve(done)
    outputs = {one.id for one in client.files.list(purpose="batch_output", limit=3)}
    assert {batch.output_file_id, batch.error_file_id} <= outputs
    inputs = [one.id for one in client.files.list(purpose="batch", order="asc", limit=2)]
    assert batch.input_file_id in inputs
    assert not outputs & set(inputs)
    assert inputs[::-1] == [one.id for one in client.files.list(purpose="batch", limit=100)]


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/v1/batches?sort=name", "sort"),
        ("/v1/batches?order=asc", "order"),
        ("/v1/batches?limit=1&limit=2", "limit"),
        ("/v1/batches?limit=0", "limit"),
        ("/v1/batches?limit=99999999999999999999999", "limit"),
        ("/v1/batches?limit=1_0", "limit"),
        ("/v1/batches?limit=%D9%A3", "limit"),
        ("/v1/batches?limit=", "limit"),
        ("/v1/batches?status=done", "status"),
        ("/v1/batches?created_after=-1", "created_after"),
        ("/v1/batches?created_after=1e9", "created_after"),
        ("/v1/batches?account=a%00b", "account"),
        ("/v1/batches?metadata=x", "metadata"),
        ("/v1/batches?metadata[a%00]=x", "metadata"),
        ("/v1/batches?" + "&".join(f"metadata[k{n}]=v" for n in range(17)), "metadata"),
        ("/v1/batches?after=batch_none", "after"),
        ("/v1/files?after=%00", "after"),
        ("/v1/files?limit=10001", "limit"),
        ("/v1/files?order=up", "order"),
    ],
)
def test_a_query_that_means_nothing_is_refused(site: Site, path: str, param: str) -> None:
    with site.http() as http:
        refused = http.get(path)
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize("prefix", ["/v1", "", "/openai/v1"])
def test_a_route_is_reached_under_its_prefixes(site: Site, prefix: str) -> None:
    client = openai.OpenAI(base_url=f"{site.url}{prefix}", api_key="any", max_retries=0)
    file = client.files.create(file=("in.jsonl", lines(1)), purpose="batch")
    assert client.files.retrieve(file.id).id == file.id
    assert client.files.delete(file.id).deleted


def test_uploads_name_their_file_and_no_folder(site: Site) -> None:
    for given, kept in [("../../etc/passwd", "passwd"), ("C:\\x\\in.jsonl", "in.jsonl")]:
        with site.http() as http:
            made = uploaded(http, lines(1), filename=given).json()
        assert made["filename"] == kept


def test_a_file_in_use_is_not_deleted(site: Site) -> None:
    client = site.openai()
    file = client.files.create(file=("in.jsonl", lines(1)), purpose="batch")
    client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    with pytest.raises(openai.ConflictError):
        client.files.delete(file.id)


def test_a_file_expires_when_it_was_told_to(site: Site) -> None:
    client = site.openai()
    file = client.files.create(
        file=("in.jsonl", lines(1)),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at is not None
    assert file.expires_at - file.created_at in {3600, 3601}
    assert json.loads(file.model_dump_json())["expires_at"] == file.expires_at


@pytest.mark.parametrize(("key", "value"), [("a\0", "x"), ("a", "\0")])
def test_metadata_that_no_database_can_look_into_is_refused(
    site: Site, key: str, value: str
) -> None:
    with site.http() as http:
        file_id = uploaded(http, lines(1)).json()["id"]
        order = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
        refused = http.post("/v1/batches", json={**order, "metadata": {key: value}})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "metadata"


@pytest.mark.parametrize(
    ("offset", "before", "requests"),
    [(2**64 - 1, 0, 0), (2**62, 0, 0), (0, 2**31, 0), (0, 0, 2**32 - 1)],
)
def test_a_place_that_somebody_made_up_is_none(
    site: Site, done: str, offset: int, before: int, requests: int
) -> None:
    made_up = _place(done, Spot(offset, before, requests))
    with site.http() as http:
        refused = http.get(f"/v1/batches/{done}/results", params={"after": made_up})
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == "after"

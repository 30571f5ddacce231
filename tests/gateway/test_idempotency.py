"""``Idempotency-Key``: a request that is sent again makes nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.gateway.site import CHAT, Site, lines, uploaded

REPLAYED = "idempotency-replayed"


def created(http: httpx.Client, file_id: str, key: str, **values: Any) -> httpx.Response:
    body = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h", **values}
    return http.post("/v1/batches", json=body, headers={b"idempotency-key": key.encode()})


def twins(site: Site, post: Callable[[httpx.Client], httpx.Response]) -> list[httpx.Response]:
    """The answers to six requests that are sent at the same time."""
    start = Barrier(6)

    def send(_: int) -> httpx.Response:
        with site.http() as http:
            start.wait()
            return post(http)

    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(send, range(6)))


def test_an_upload_that_is_sent_again_is_the_same_file(site: Site) -> None:
    with site.http() as http:
        headers = {"idempotency-key": "upload"}
        first = uploaded(http, lines(2), headers=headers)
        again = uploaded(http, lines(2), headers=headers)
        assert REPLAYED not in first.headers
        assert (again.status_code, again.headers[REPLAYED]) == (200, "true")
        assert again.json() == first.json()
        other = uploaded(http, lines(3), headers=headers)
        assert other.status_code == 409
        assert other.json()["error"]["param"] == "idempotency_key"
        named = uploaded(http, lines(2), headers=headers, filename="other.jsonl")
        assert named.status_code == 409


def test_a_create_that_is_sent_again_is_the_same_batch(site: Site) -> None:
    with site.http() as http:
        file_id = uploaded(http, lines(1)).json()["id"]
        first = created(http, file_id, "create", metadata={"a": "b"})
        again = created(http, file_id, "create", metadata={"a": "b"})
        assert REPLAYED not in first.headers
        assert (again.headers[REPLAYED], again.json()["id"]) == ("true", first.json()["id"])
        other = created(http, file_id, "create", metadata={"a": "c"})
        assert other.status_code == 409
        assert other.json()["error"]["type"] == "invalid_request_error"
        site.follow()
        assert http.delete(f"/v1/files/{file_id}").status_code == 200
        replayed = created(http, file_id, "create", metadata={"a": "b"})
        assert (replayed.headers[REPLAYED], replayed.json()["id"]) == ("true", first.json()["id"])
        assert created(http, file_id, "create").status_code == 409
        assert created(http, file_id, "another").status_code == 404


def test_twins_make_one_file(site: Site) -> None:
    headers = {"idempotency-key": "twin uploads"}
    answers = twins(site, lambda http: uploaded(http, lines(20), headers=headers))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["id"] for one in answers}) == 1
    assert [REPLAYED in one.headers for one in answers].count(False) == 1
    kept = {one.name for one in (site.place.folder / "store").iterdir()}
    with site.http() as http:
        listed = {one["id"] for one in http.get("/v1/files?limit=1000").json()["data"]}
    assert {one for one in kept if one.startswith("file-")} <= listed


def test_twins_make_one_batch(site: Site) -> None:
    with site.http() as http:
        file_id = uploaded(http, lines(1)).json()["id"]
    answers = twins(site, lambda http: created(http, file_id, "twin creates"))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["id"] for one in answers}) == 1
    assert [REPLAYED in one.headers for one in answers].count(False) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
def test_a_key_that_is_none_is_refused(site: Site, key: str) -> None:
    with site.http() as http:
        for refused in (
            uploaded(http, lines(1), headers={"idempotency-key": key.encode()}),
            created(http, "file-x", key),
        ):
            assert refused.status_code == 400
            assert refused.json()["error"]["param"] == "Idempotency-Key"


def test_two_keys_are_none(site: Site) -> None:
    with site.http() as http:
        headers = [("idempotency-key", "a"), ("idempotency-key", "b")]
        refused = http.post("/v1/batches", json={}, headers=headers)
    assert refused.status_code == 400

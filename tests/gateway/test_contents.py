"""Downloads: parts, conditions, and clients that hang up."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.site import CHAT, Site, lines
from tests.gateway.waiting import wait_until

CONTENT = lines(40)


@pytest.fixture(scope="module")
def file_id(site: Site) -> str:
    return site.openai().files.create(file=("in.jsonl", CONTENT), purpose="batch").id


@pytest.fixture(scope="module")
def url(file_id: str) -> str:
    return f"/v1/files/{file_id}/content"


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=5-", 5, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("bytes=-999999999", 0, len(CONTENT)),
        ("bytes=3-999999999999999999", 3, len(CONTENT)),
        ("Bytes= 4-6", 4, 7),
    ],
)
def test_a_part_is_served(site: Site, url: str, wanted: str, first: int, end: int) -> None:
    with site.http() as http:
        part = http.get(url, headers={"range": wanted})
    assert part.status_code == 206
    assert part.content == CONTENT[first:end]
    assert part.headers["content-range"] == f"bytes {first}-{end - 1}/{len(CONTENT)}"
    assert part.headers["content-length"] == str(end - first)


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,4-5",
        "bytes=9-5",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=٣-٤",
        "bytes=1-2-3",
        "lines=0-1",
        "0-1",
        f"bytes={'9' * 19}-",
    ],
)
def test_what_is_no_range_or_several_is_the_whole(site: Site, url: str, wanted: str) -> None:
    with site.http() as http:
        whole = http.get(url, headers={b"range": wanted.encode()})
    assert (whole.status_code, whole.content) == (200, CONTENT)


@pytest.mark.parametrize("wanted", [f"bytes={len(CONTENT)}-", "bytes=-0", "bytes=99999999-"])
def test_a_part_that_is_not_there_is_refused(site: Site, url: str, wanted: str) -> None:
    with site.http() as http:
        refused = http.get(url, headers={"range": wanted})
    assert refused.status_code == 416
    assert refused.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert refused.json()["error"]["code"] == "invalid_range"


def test_conditions_are_kept(site: Site, url: str) -> None:
    with site.http() as http:
        head = http.head(url)
        etag, modified = head.headers["etag"], head.headers["last-modified"]
        assert (head.content, head.headers["content-length"]) == (b"", str(len(CONTENT)))
        for tags in (etag, f'"x", W/{etag}', "*"):
            same = http.get(url, headers={"if-none-match": tags})
            assert (same.status_code, same.content) == (304, b"")
        assert http.get(url, headers={"if-none-match": '"x"'}).status_code == 200
        part = {"range": "bytes=0-3"}
        for condition, status in [(etag, 206), (modified, 206), ('"x"', 200), (f"W/{etag}", 200)]:
            assert http.get(url, headers={**part, "if-range": condition}).status_code == status
        assert http.head(url, headers=part).status_code == 200


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, len(CONTENT) - 1), size=st.integers(1, len(CONTENT)))
def test_any_part_is_that_part(site: Site, url: str, start: int, size: int) -> None:
    with site.http() as http:
        part = http.get(url, headers={"range": f"bytes={start}-{start + size - 1}"})
    assert part.content == CONTENT[start : start + size]


def test_results_come_as_asked_for_in_either_order(site: Site) -> None:
    client = site.openai()
    file = client.files.create(file=("in.jsonl", lines(12)), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    site.follow()
    output = client.batches.retrieve(made.id).output_file_id
    with site.http() as http:
        url = f"/v1/files/{output}/content"
        there = [http.get(url, params={"order": order}) for order in ("input", "completed")]
        part = http.get(url, params={"order": "completed"}, headers={"range": "bytes=10-99"})
    ordered, completed = (one.content.splitlines() for one in there)
    assert [json.loads(one)["custom_id"] for one in ordered] == [f"r-{n}" for n in range(12)]
    assert sorted(ordered) == sorted(completed)
    assert there[0].headers["etag"] != there[1].headers["etag"]
    assert part.content == there[1].content[10:100]


def test_the_official_client_streams_a_download(site: Site, file_id: str) -> None:
    client = site.openai()
    with client.files.with_streaming_response.content(file_id) as response:
        assert response.headers["content-length"] == str(len(CONTENT))
        assert b"".join(response.iter_bytes(1000)) == CONTENT


def test_who_hangs_up_leaves_nothing_open(site: Site) -> None:
    client = site.openai()
    big = client.files.create(file=("big.jsonl", lines(200, user="x" * 100_000)), purpose="batch")
    path = str(site.place.folder / "store" / big.id / "content.jsonl")
    before = threading.active_count()
    for _ in range(5):
        with site.http() as http, http.stream("GET", f"/v1/files/{big.id}/content") as response:
            assert next(response.iter_raw(100))
    wait_until(lambda: path not in opened_here())
    assert threading.active_count() <= before + 4


def test_a_file_whose_bytes_are_gone_is_no_half_an_answer(site: Site) -> None:
    file = site.openai().files.create(file=("in.jsonl", lines(1)), purpose="batch")
    (site.place.folder / "store" / file.id / "content.jsonl").unlink()
    with site.http() as http:
        gone = http.get(f"/v1/files/{file.id}/content")
    assert gone.status_code == 404
    assert "are gone" in gone.json()["error"]["message"]


def opened_here() -> set[str]:
    """Files that this process has open."""
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(one.readlink()))
        except OSError:
            continue
    return found

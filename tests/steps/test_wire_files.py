"""Uploading and finding files."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batchyard.errors import AmbiguousCreateError, BadRequestError
from batchyard.models import Call, FileUpload
from batchyard.steps import BytesSource
from batchyard.steps.openai_wire import find_file, upload_file
from batchyard.testing import ManualClock
from tests.drivers.faces import OpenFace
from tests.drivers.site import Exchange, Handler, Site, in_turn, resetting, saying
from tests.steps.service import (
    CALL,
    START,
    answering,
    file,
    listing,
    patient,
    refusal,
    routed,
    wire,
)

CONTENT = b'{"custom_id": "1"}\n' * 20_000
UPLOAD = FileUpload(BytesSource(CONTENT), "mark-1.jsonl")
MARKED = Call("acme-eu", marker="mark-1")


def uploads(site: Site) -> list[bytes]:
    return [seen.body for seen in site.requests if seen.method == "POST"]


def content_of(form: bytes) -> bytes:
    return form.partition(b"application/jsonl\r\n\r\n")[2].rpartition(b"\r\n--")[0]


@pytest.mark.parametrize("failure", [resetting, refusal(503), refusal(429), refusal(408)])
def test_an_upload_that_failed_sends_the_same_content_again(
    open_face: OpenFace, failure: Handler
) -> None:
    with Site(in_turn(failure, failure, answering(file()))) as site:
        assert patient(open_face).run(upload_file(wire(site), CALL, UPLOAD)).id == "file-1"
        forms = uploads(site)
    assert len(forms) == 3
    assert [content_of(form) for form in forms] == [CONTENT] * 3


def test_an_upload_that_is_refused_for_good_is_not_sent_again(open_face: OpenFace) -> None:
    with Site(refusal(400, "File is too large.")) as site:
        with pytest.raises(BadRequestError, match="too large"):
            patient(open_face).run(upload_file(wire(site), CALL, UPLOAD))
        assert len(uploads(site)) == 1


@pytest.mark.parametrize("failure", [resetting, refusal(503), saying(b"{}")])
def test_a_marked_upload_whose_reply_was_lost_is_found(
    open_face: OpenFace, failure: Handler
) -> None:
    listed = listing(file(3, filename=None), file(2, filename="mark-1.jsonl"))
    handler = routed({"POST /v1/files": failure, "GET /v1/files": answering(listed)})
    with Site(handler) as site:
        assert patient(open_face).run(upload_file(wire(site), MARKED, UPLOAD)).id == "file-2"
        assert len(uploads(site)) == 1


def test_a_marked_upload_that_never_shows_is_sent_again_after_the_window(
    open_face: OpenFace,
) -> None:
    clock = ManualClock(START)
    routes = {
        "POST /v1/files": in_turn(resetting, answering(file())),
        "GET /v1/files": answering(listing()),
    }
    with Site(routed(routes)) as site:
        patient(open_face, clock).run(upload_file(wire(site), MARKED, UPLOAD))
        assert len(uploads(site)) == 2
    assert clock.now() >= START + 60


def test_a_file_is_found_by_the_marker_in_its_name(open_face: OpenFace) -> None:
    old = file(1, filename="mark-1.jsonl", created_at=START - 61)
    face = patient(open_face)
    with Site(answering(listing(file(3), file(2, filename="x-mark-2-y.jsonl"), old))) as site:
        found = face.run(find_file(wire(site), CALL, "mark-2"))
        assert found is not None
        assert found.id == "file-2"
        assert face.run(find_file(wire(site), CALL, "mark-1")) is not None
        assert face.run(find_file(wire(site), CALL, "mark-1", START)) is None
        assert face.run(find_file(wire(site), CALL, "mark-3")) is None
    query = parse_qs(urlsplit(site.requests[0].target).query)
    assert query == {"limit": ["100"], "order": ["desc"], "purpose": ["batch"]}


def test_looking_for_a_file_has_a_budget_too(open_face: OpenFace) -> None:
    async def endless(exchange: Exchange) -> None:
        query: Any = parse_qs(urlsplit(exchange.seen.target).query)
        begin = int(query.get("after", ["file-0"])[0].partition("-")[2])
        items = (file(begin + 1 + number) for number in range(100))
        await answering(listing(*items, more=True))(exchange)

    with Site(endless) as site:
        with pytest.raises(AmbiguousCreateError, match="10000"):
            patient(open_face).run(find_file(wire(site), CALL, "mark"))
        assert len(site.requests) <= 101

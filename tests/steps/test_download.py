from __future__ import annotations

import gzip
import re
from collections.abc import Mapping

import pytest

from batchyard.effects import Request
from batchyard.errors import (
    APIConnectionError,
    APIStatusError,
    BadRequestError,
    InternalServerError,
    MalformedReplyError,
)
from batchyard.steps import Backoff, download
from batchyard.testing import ManualClock
from tests.drivers.faces import PLAIN, OpenFace
from tests.drivers.site import Exchange, Handler, Site, head, in_turn, resetting, saying

CONTENT = bytes(range(256)) * 1000


class Downloading:
    """Downloads, with a clock that does not really wait."""

    def __init__(self, open_face: OpenFace) -> None:
        self.clock = ManualClock()
        self.face = open_face(PLAIN, self.clock)

    def __call__(self, url: str, retries: int = 2) -> bytes:
        async def request() -> Request:
            return Request("GET", url, {"accept": "application/binary"})

        return b"".join(self.face.stream(download(request, Backoff(retries=retries))))


@pytest.fixture
def get(open_face: OpenFace) -> Downloading:
    return Downloading(open_face)


def ranged(
    content: bytes = CONTENT, tag: str | None = None, breaks: tuple[int, ...] = ()
) -> Handler:
    """Serves ranges; each reply but the last breaks off after so many bytes."""
    left = list(breaks)

    async def handle(exchange: Exchange) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", exchange.seen.headers.get("range", ""))
        begin = int(asked[1]) if asked else 0
        if tag and exchange.seen.headers.get("if-range", tag) != tag:
            begin, asked = 0, None
        part = content[begin:]
        headers = {"content-length": str(len(part)), **({"etag": tag} if tag else {})}
        if asked:
            headers["content-range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        size = left.pop(0) if left else None
        await exchange.raw(head(206 if asked else 200, headers) + part[:size])
        if size is not None:
            await exchange.hang_up()

    return handle


def broken(
    content: bytes = CONTENT, size: int = 1000, headers: Mapping[str, str] | None = None
) -> Handler:
    """Announces the whole and breaks off."""

    async def handle(exchange: Exchange) -> None:
        announced = {"content-length": str(len(content)), **(headers or {})}
        await exchange.raw(head(200, announced) + content[:size])
        await exchange.hang_up()

    return handle


def ranges(site: Site) -> list[str | None]:
    return [seen.headers.get("range") for seen in site.requests]


@pytest.mark.parametrize("content", [CONTENT, b"x", b""])
def test_a_body_arrives_whole(get: Downloading, content: bytes) -> None:
    with Site(saying(content)) as site:
        assert get(site.url) == content
        assert ranges(site) == [None]
        assert site.requests[0].headers["accept"] == "application/binary"


def test_a_body_of_unknown_length_arrives_whole(get: Downloading) -> None:
    async def chunked(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"transfer-encoding": "chunked"}))
        await exchange.raw(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    with Site(chunked) as site:
        assert get(site.url) == b"onetwo"


@pytest.mark.parametrize("tag", ['"v1"', 'W/"v1"', None])
def test_a_reply_that_breaks_off_is_taken_up_where_it_stopped(
    get: Downloading, tag: str | None
) -> None:
    with Site(ranged(tag=tag, breaks=(1000, 500, 70_000))) as site:
        assert get(site.url) == CONTENT
    assert ranges(site) == [None, "bytes=1000-", "bytes=1500-", "bytes=71500-"]
    # a weak tag may not be used in If-Range
    strong = tag if tag and not tag.startswith("W/") else None
    assert [seen.headers.get("if-range") for seen in site.requests] == [None, *[strong] * 3]


@pytest.mark.parametrize("headers", [{}, {"etag": '"v1"'}])
def test_a_service_without_ranges_has_what_was_delivered_skipped(
    get: Downloading, headers: dict[str, str]
) -> None:
    handler = in_turn(
        broken(size=1000, headers=headers),
        broken(size=150_000, headers=headers),
        saying(CONTENT, 200, headers),
    )
    with Site(handler) as site:
        assert get(site.url) == CONTENT
        assert len(site.requests) == 3


def test_a_part_that_is_shorter_than_asked_for_is_taken_up_too(get: Downloading) -> None:
    async def stingy(exchange: Exchange) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", exchange.seen.headers.get("range", ""))
        begin = int(asked[1]) if asked else 0
        part = CONTENT[begin : begin + 100_000]
        extent = f"bytes {begin}-{begin + len(part) - 1}/{len(CONTENT)}"
        await exchange.reply(206, part, {"content-range": extent})

    with Site(stingy) as site:
        assert get(site.url) == CONTENT
        assert len(site.requests) == 3


def test_a_body_of_unknown_length_that_breaks_off_is_asked_for_whole(get: Downloading) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"transfer-encoding": "chunked"}) + b"3\r\none\r\n")
        await exchange.hang_up()

    with Site(in_turn(half, saying(b"onetwo"))) as site:
        assert get(site.url) == b"onetwo"
        assert ranges(site) == [None, None]


@pytest.mark.parametrize(
    "second",
    [
        ranged(CONTENT, '"v2"'),
        saying(CONTENT, 200, {"etag": '"v2"'}),
        saying(CONTENT + b"more", 200),
        saying(CONTENT[:-1], 200),
    ],
    ids=["tag of a part", "tag of the whole", "longer", "shorter"],
)
def test_content_that_has_changed_is_not_joined(get: Downloading, second: Handler) -> None:
    handler = in_turn(broken(headers={"etag": '"v1"'}), second)
    with Site(handler) as site, pytest.raises(MalformedReplyError, match="changed"):
        get(site.url)


def test_content_of_unknown_length_that_became_shorter_is_malformed(get: Downloading) -> None:
    async def tiny(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"transfer-encoding": "chunked"}))
        await exchange.raw(b"3\r\none\r\n0\r\n\r\n")

    with Site(in_turn(broken(), tiny)) as site, pytest.raises(MalformedReplyError, match="shorter"):
        get(site.url)


@pytest.mark.parametrize("extent", ["bytes 0-9/256000", "bytes */256000", "none", ""])
def test_a_part_other_than_the_one_asked_for_is_malformed(get: Downloading, extent: str) -> None:
    other = saying(CONTENT[1000:], 206, {"content-range": extent})
    with Site(in_turn(broken(), other)) as site, pytest.raises(MalformedReplyError, match="1000"):
        get(site.url)


def test_it_gives_up_after_so_many_breaks_without_progress(get: Downloading) -> None:
    with Site(in_turn(broken(), broken(size=0))) as site:
        with pytest.raises(APIConnectionError):
            get(site.url, 3)
        # the first, which got somewhere, and then as many as there are retries
        assert len(site.requests) == 1 + 3
        assert len(get.clock.slept) == 3


def test_a_service_that_only_repeats_what_is_known_makes_no_progress(get: Downloading) -> None:
    with Site(broken()) as site:
        with pytest.raises(APIConnectionError):
            get(site.url, 2)
        assert len(site.requests) == 3


def test_progress_earns_new_attempts(get: Downloading) -> None:
    with Site(ranged(breaks=(10,) * 20)) as site:
        assert get(site.url, 1) == CONTENT
        assert len(site.requests) == 21


def test_no_retries_means_none(get: Downloading) -> None:
    with Site(broken()) as site:
        with pytest.raises(APIConnectionError):
            get(site.url, 0)
        assert len(site.requests) == 1


def test_a_refusal_that_may_pass_is_tried_again_at_any_point(get: Downloading) -> None:
    busy = saying(b"", 503, {"retry-after": "7"})
    with Site(in_turn(busy, resetting, broken(), busy, ranged())) as site:
        assert get(site.url) == CONTENT
        assert get.clock.slept.count(7.0) == 2


@pytest.mark.parametrize(
    ("status", "kind"), [(302, BadRequestError), (404, APIStatusError), (416, BadRequestError)]
)
def test_a_refusal_for_good_is_raised(
    get: Downloading, status: int, kind: type[APIStatusError]
) -> None:
    with Site(saying(b"no", status, {"location": "https://elsewhere"})) as site:
        with pytest.raises(kind, match=str(status)):
            get(site.url)
        assert len(site.requests) == 1
    with Site(in_turn(broken(), saying(b"no", status))) as site:
        with pytest.raises(kind):
            get(site.url)
        assert len(site.requests) == 2


def test_a_server_error_to_the_end_is_raised(get: Downloading) -> None:
    with Site(saying(b"<html>", 502)) as site, pytest.raises(InternalServerError):
        get(site.url)
    assert len(site.requests) == 3


ZIPPED = gzip.compress(CONTENT)


def test_a_compressed_body_arrives_as_it_was(get: Downloading) -> None:
    with Site(saying(ZIPPED, 200, {"content-encoding": "gzip"})) as site:
        assert get(site.url) == CONTENT


@pytest.mark.parametrize(
    "second", [saying(ZIPPED, 200, {"content-encoding": "gzip"}), saying(CONTENT)]
)
def test_a_compressed_body_that_breaks_off_is_asked_for_whole(
    get: Downloading, second: Handler
) -> None:
    first = broken(ZIPPED, len(ZIPPED) // 2, {"content-encoding": "gzip"})
    with Site(in_turn(first, second)) as site:
        assert get(site.url) == CONTENT
        # offsets into the compressed body would mean nothing
        assert ranges(site) == [None, None]


def test_the_rest_of_a_plain_body_is_asked_for_uncompressed(get: Downloading) -> None:
    with Site(ranged(breaks=(1000,))) as site:
        get(site.url)
    assert site.requests[1].headers["accept-encoding"] == "identity"


def test_the_request_is_made_anew_each_time_so_that_its_token_is_fresh(
    open_face: OpenFace,
) -> None:
    tokens = iter(["one", "two", "three"])

    with Site(ranged(breaks=(1000,))) as site:

        async def request() -> Request:
            return Request("GET", site.url, {"authorization": next(tokens)})

        face = open_face(PLAIN, ManualClock())
        assert b"".join(face.stream(download(request, Backoff()))) == CONTENT
    assert [seen.headers["authorization"] for seen in site.requests] == ["one", "two"]

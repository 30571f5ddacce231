from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

import pytest

from batchyard.effects import (
    Blocking,
    Now,
    Open,
    Read,
    Reply,
    Request,
    Send,
    Sleep,
    Stream,
    Tell,
)
from batchyard.errors import (
    APIConnectionError,
    APITimeoutError,
    BatchyardError,
    ConfigError,
    ConnectionRefusedByPeerError,
    MalformedReplyError,
)
from batchyard.models import Event
from batchyard.registry import Account
from batchyard.testing import ManualClock
from tests.drivers.faces import PLAIN, Face, OpenFace, account
from tests.drivers.site import Exchange, Site, hanging, head, nobody, resetting, saying


async def send(request: Request) -> Reply:
    return await Send(request)


async def read(request: Request) -> Stream[bytes]:
    reply = await Open(request)
    while piece := await Read(reply):
        yield piece


def test_a_request_is_sent_and_its_reply_read_whole(face: Face) -> None:
    answer = saying(b"made", 201, {"X-Request-Id": "req_7"})
    with Site(answer) as site:
        wanted = Request("POST", f"{site.url}/things?a=1", {"X-Colour": "blue"}, b"body")
        reply = face.run(send(wanted))
    assert (reply.status, reply.body) == (201, b"made")
    assert reply.headers["x-request-id"] == "req_7"
    seen = site.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/things?a=1", b"body")
    assert seen.headers["x-colour"] == "blue"
    assert seen.headers["user-agent"].startswith("batchyard/")


@pytest.mark.parametrize("status", [204, 302, 404, 500])
def test_a_reply_is_a_reply_whatever_its_status(face: Face, status: int) -> None:
    with Site(saying(b"", status, {"location": "/elsewhere"})) as site:
        assert face.run(send(Request("GET", site.url))).status == status
        assert len(site.requests) == 1


def test_a_reply_beyond_the_limit_is_refused(face: Face) -> None:
    async def plan(url: str, limit: int) -> bytes:
        return (await Send(Request("GET", url), limit)).body

    with Site(saying(b"x" * 1000)) as site:
        assert len(face.run(plan(site.url, 1000))) == 1000
        with pytest.raises(MalformedReplyError, match="999 bytes"):
            face.run(plan(site.url, 999))


def test_an_opened_reply_is_read_in_pieces_as_they_arrive(face: Face) -> None:
    first_is_read = threading.Event()

    async def two_halves(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"content-length": "10"}) + b"first")
        await asyncio.to_thread(first_is_read.wait, 5)
        await exchange.raw(b"later")

    with Site(two_halves) as site:
        pieces = face.stream(read(Request("GET", site.url)))
        assert next(pieces) == b"first"
        first_is_read.set()
        assert b"".join(pieces) == b"later"


def test_reading_on_after_the_end_gives_nothing(face: Face) -> None:
    async def plan(url: str) -> list[bytes]:
        reply = await Open(Request("GET", url))
        return [await Read(reply), await Read(reply), await Read(reply)]

    with Site(saying(b"all")) as site:
        assert face.run(plan(site.url)) == [b"all", b"", b""]


def test_sleep_and_now_go_by_the_drivers_clock(open_face: OpenFace) -> None:
    async def plan() -> tuple[float, float]:
        before = await Now()
        await Sleep(3600)
        return before, await Now()

    clock = ManualClock(start=1000.0)
    assert open_face(PLAIN, clock).run(plan()) == (1000.0, 4600.0)
    assert clock.slept == [3600]


def test_the_clock_of_a_driver_is_the_machines_own_unless_given(face: Face) -> None:
    async def plan() -> float:
        before = await Now()
        await Sleep(0.01)
        return await Now() - before

    assert 0.009 < face.run(plan()) < 1


class Ear:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def hears(self, hook: str) -> bool:
        return hook == "batch_created"

    def tell(self, event: Event) -> None:
        self.told.append(event)


def test_listeners_are_told(open_face: OpenFace) -> None:
    event = Event(hook="batch_created", at=1.0, provider="acme", account="acme-eu")

    async def plan() -> None:
        await Tell(event)

    ear, listened = Ear(), account()
    listened._listeners = (ear,)  # type: ignore[assignment]  # its queue is tested elsewhere
    open_face(PLAIN, of=listened).run(plan())
    assert ear.told == [event]


def test_a_function_that_blocks_runs_off_the_event_loop(face: Face) -> None:
    async def plan() -> tuple[int, int]:
        return threading.get_ident(), await Blocking(threading.get_ident)

    here, there = face.run(plan())
    assert (here == there) is (face.colour == "sync")


def test_what_a_blocking_function_raises_is_raised_in_the_plan(face: Face) -> None:
    def fail() -> None:
        raise KeyError("gone")

    async def plan() -> str:
        try:
            await Blocking(fail)
        except KeyError as error:
            return f"caught {error}"
        return "missed"

    assert face.run(plan()) == "caught 'gone'"


def test_a_blocking_function_that_raises_stop_iteration_hangs_nobody(face: Face) -> None:
    async def plan() -> object:
        return await Blocking(lambda: next(iter(())))

    with pytest.raises(RuntimeError, match="StopIteration"):
        face.run(plan())


class Foreign:
    """Waits for something that no driver knows."""

    def __init__(self, what: object) -> None:
        self.what = what

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield self.what)


def future() -> asyncio.Future[None]:
    loop = asyncio.new_event_loop()
    loop.close()
    return asyncio.Future(loop=loop)


@pytest.mark.parametrize(
    ("awaitable", "name"),
    [
        (lambda: asyncio.sleep(0), "NoneType"),
        (lambda: Foreign(42), "int"),
        (lambda: Foreign(Send), "type"),
        (future, "Future"),
    ],
)
def test_awaiting_what_is_no_effect_is_the_same_error_in_both_colours(
    face: Face, awaitable: Any, name: str
) -> None:
    async def plan() -> None:
        await awaitable()

    with pytest.raises(TypeError) as caught:
        face.run(plan())
    assert str(caught.value) == (
        f"a plan awaited {name}, which is not an effect; wrap a function that blocks in Blocking"
    )


def test_a_plan_can_catch_what_goes_wrong_and_carry_on(face: Face) -> None:
    async def plan(bad: str, good: str) -> str:
        try:
            await Send(Request("GET", bad))
        except APIConnectionError as error:
            first = type(error).__name__
        try:
            await Foreign(42)
        except TypeError as error:
            second = type(error).__name__
        return f"{first} {second} {(await Send(Request('GET', good))).status}"

    with Site(resetting) as bad, Site(saying(b"")) as good:
        assert face.run(plan(bad.url, good.url)) == "APIConnectionError TypeError 200"


def test_plans_await_plans(face: Face) -> None:
    async def inner(url: str, tries: int) -> int:
        if tries:
            return await inner(url, tries - 1) + 1
        return (await Send(Request("GET", url))).status

    with Site(saying(b"")) as site:
        assert face.run(inner(site.url, 3)) == 203


def test_an_error_says_which_account_it_is_about(face: Face) -> None:
    async def plan() -> None:
        raise BatchyardError("no")

    async def produce() -> Stream[int]:
        yield 1
        raise BatchyardError("no")

    async def other() -> None:
        raise BatchyardError("no", provider="other", account="mine")

    with pytest.raises(BatchyardError) as of_plan:
        face.run(plan())
    with pytest.raises(BatchyardError) as of_stream:
        list(face.stream(produce()))
    with pytest.raises(BatchyardError) as of_other:
        face.run(other())
    assert [(e.value.provider, e.value.account) for e in (of_plan, of_stream, of_other)] == [
        ("acme", "acme-eu"),
        ("acme", "acme-eu"),
        ("other", "mine"),
    ]


def test_a_refused_connection_is_known_to_have_sent_nothing(face: Face) -> None:
    refused = pytest.raises(ConnectionRefusedByPeerError, match=r"127\.0\.0\.1")
    with nobody() as url, refused:
        face.run(send(Request("POST", url, {}, b"{}")))


def test_a_reset_is_a_broken_connection_and_not_a_refused_one(face: Face) -> None:
    with Site(resetting) as site, pytest.raises(APIConnectionError) as caught:
        face.run(send(Request("POST", site.url, {}, b"{}")))
    assert type(caught.value) is APIConnectionError


def test_a_reply_that_breaks_off_is_a_broken_connection(face: Face) -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"content-length": "10"}) + b"first")
        await exchange.hang_up()

    with Site(half) as site:
        with pytest.raises(APIConnectionError):
            face.run(send(Request("GET", site.url)))
        with pytest.raises(APIConnectionError):
            list(face.stream(read(Request("GET", site.url))))


def test_a_peer_that_says_nothing_runs_into_the_timeout(face: Face) -> None:
    with Site(hanging) as site, pytest.raises(APITimeoutError, match=r"127\.0\.0\.1"):
        face.run(send(Request("GET", site.url, timeout=0.1)))


def test_a_reply_that_dribbles_runs_into_the_timeout(face: Face) -> None:
    async def dribble(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"content-length": "1000"}))
        for _ in range(1000):
            await exchange.raw(b"x")
            await asyncio.sleep(0.02)

    with Site(dribble) as site, pytest.raises(APITimeoutError):
        face.run(send(Request("GET", site.url, timeout=0.2)))
    assert site.connections == 1


def test_a_body_that_cannot_be_decompressed_is_malformed(face: Face) -> None:
    with Site(saying(b"no gzip", 200, {"content-encoding": "gzip"})) as site:
        with pytest.raises(MalformedReplyError):
            face.run(send(Request("GET", site.url)))
        with pytest.raises(MalformedReplyError):
            list(face.stream(read(Request("GET", site.url))))


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "nonsense", "http://", "http://[::1", "http://a\nb/", "http://" + "é" * 99],
)
def test_what_is_no_url_is_a_wrong_setting(face: Face, url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        face.run(send(Request("GET", url)))


def test_what_is_told_of_a_request_names_no_query(open_face: OpenFace) -> None:
    told: list[Any] = []

    class Nosy(Ear):
        def hears(self, hook: str) -> bool:
            return hook == "request_sent"

        def tell(self, event: Event) -> None:
            told.append(event)

    async def plan(url: str) -> None:
        await Send(Request("GET", f"{url}/a?signature=secret"))

    listened: Account = account()
    listened._listeners = (Nosy(),)  # type: ignore[assignment]  # its queue is tested elsewhere
    face = open_face(PLAIN, of=listened)
    with Site(saying(b"", 503, {"x-request-id": "req_1"})) as site:
        face.run(plan(site.url))
    with nobody() as url, pytest.raises(ConnectionRefusedByPeerError):
        face.run(plan(url))
    answered, lost = told
    assert (answered.method, answered.url, answered.status) == ("GET", f"{site.url}/a", 503)
    assert (answered.request_id, answered.error, answered.account) == ("req_1", None, "acme-eu")
    assert (lost.status, lost.error) == (None, "ConnectionRefusedByPeerError")


def test_a_driver_that_was_closed_opens_again(face: Face) -> None:
    with Site(saying(b"")) as site:
        face.run(send(Request("GET", site.url)))
        face.close()
        site.wait_until_closed()
        face.run(send(Request("GET", site.url)))
        assert site.connections == 2

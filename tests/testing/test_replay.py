from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from batchyard.effects import (
    Blocking,
    Expiring,
    Now,
    Open,
    Read,
    Reply,
    Request,
    Send,
    Shared,
    Sleep,
    Stream,
)
from batchyard.errors import APIConnectionError, SourceError
from batchyard.steps import Backoff, BytesSource, download
from batchyard.testing import FAULTS, Exchange, Injection, ManualClock, ScriptError, replay

JOB = Exchange("GET .*/job$", Reply(200, {}, b"done"))
GET = Request("GET", "https://jobs.example/job")


async def get() -> bytes:
    return (await Send(GET)).body


def test_a_plan_ends_with_what_the_script_answers() -> None:
    assert replay(get(), [JOB]) == b"done"


def test_a_stream_ends_with_all_its_bytes() -> None:
    async def stream() -> Stream[bytes]:
        reply = await Open(GET)
        while piece := await Read(reply):
            yield piece

    assert replay(stream(), [JOB]) == b"done"


def test_sleeping_makes_the_clocks_time_pass_and_nothing_else() -> None:
    async def plan() -> float:
        await Sleep(3600)
        return await Now()

    clock = ManualClock(start=1000.0)
    assert replay(plan(), [], clock=clock) == 4600.0


def test_a_function_that_blocks_is_called() -> None:
    async def plan() -> str:
        calling: Blocking[str] = Blocking(lambda: "called")
        return await calling

    assert replay(plan(), []) == "called"


def test_a_shared_value_is_made_once_until_it_expires_or_goes_stale() -> None:
    async def make() -> Expiring[bytes]:
        return Expiring((await Send(GET)).body, 60)

    async def plan() -> list[bytes]:
        token: Shared[bytes] = Shared("key", make)
        first = [await token, await token]
        await Sleep(61)
        return [*first, await token, await Shared("key", make, stale=b"2")]

    tokens = [Exchange("GET", Reply(200, {}, str(number).encode())) for number in (1, 2, 3)]
    assert replay(plan(), tokens) == [b"1", b"1", b"2", b"3"]


def test_a_source_of_another_length_than_it_said_is_refused() -> None:
    class Longer(BytesSource):
        @property
        def length(self) -> int:
            return 1

    async def plan() -> Reply:
        return await Send(Request("PUT", "https://jobs.example/job", {}, Longer(b"four")))

    with pytest.raises(SourceError, match="1 bytes and had 4"):
        replay(plan(), [Exchange("PUT", Reply(200, {}, b""))])


@pytest.mark.parametrize(
    ("exchanges", "complaint"),
    [
        ([Exchange("POST", JOB.reply)], "in place of exchange 0"),
        ([], "the end of the script"),
        ([JOB, JOB], "before exchange 1"),
        ([Exchange("GET", JOB.reply, lambda body: body == b"x")], "the body of Request"),
    ],
)
def test_a_plan_that_leaves_the_script_is_refused(
    exchanges: list[Exchange], complaint: str
) -> None:
    with pytest.raises(ScriptError, match=complaint):
        replay(get(), exchanges)


def test_a_plan_that_never_ends_is_ended() -> None:
    async def plan() -> None:
        while True:
            await Sleep(1)

    with pytest.raises(ScriptError, match="has not ended"):
        replay(plan(), [])


def test_what_is_asked_besides_is_answered_any_number_of_times() -> None:
    async def plan() -> bytes:
        return await get() + await get() + await get()

    assert replay(plan(), [], also=[JOB]) == b"donedonedone"


@pytest.mark.parametrize("ranges", ["truncated", "truncated-without-ranges"])
def test_a_download_that_breaks_off_is_taken_up_again(ranges: str) -> None:
    async def request() -> Request:
        return GET

    content = Exchange("GET", Reply(200, {"etag": '"1"', "content-length": "4"}, b"done"))
    stream = download(request, Backoff())
    assert replay(stream, [content], injection=Injection(ranges)) == b"done"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_happens_once_or_for_ever(name: str) -> None:
    async def plan() -> list[Any]:
        return [await _ending() for _ in range(3)]

    exchange = Exchange("GET", Reply(200, {"x": "y"}, b'{"id": "1"}'))
    right = repr(exchange.reply) + repr(exchange.reply.body)
    once = replay(plan(), [exchange], injection=Injection(name))
    for_ever = replay(plan(), [exchange], injection=Injection(name, for_ever=True))
    assert [one != right for one in once] == [True, False, False]
    assert [one != right for one in for_ever] == [True, True, True]


async def _ending() -> str:
    try:
        reply = await Send(GET)
    except APIConnectionError as error:
        return repr(error)
    return repr(reply) + repr(reply.body)


def test_a_service_that_has_failed_once_knows_nothing_of_what_is_not_scripted() -> None:
    async def plan() -> int:
        await Send(GET)
        return (await Send(Request("GET", "https://jobs.example/other"))).status

    assert replay(plan(), [JOB], injection=Injection("503")) == 404


def test_the_clock_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; "
        "from batchyard.testing import ManualClock, replay; ManualClock()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr

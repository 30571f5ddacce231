from __future__ import annotations

from collections.abc import Callable

import pytest

from batchyard.effects import Plan, Request, Send
from batchyard.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BatchyardError,
    ConflictError,
    ConnectionRefusedByPeerError,
    InternalServerError,
    MalformedReplyError,
    QuotaExceededError,
    RateLimitError,
)
from batchyard.steps import Backoff, ambiguous, call, retrying
from batchyard.testing import ManualClock
from tests.drivers.faces import PLAIN, OpenFace
from tests.drivers.site import Handler, Site, in_turn, nobody, resetting, saying


def sleeps(
    open_face: OpenFace, handler: Handler, backoff: Backoff
) -> tuple[list[float], int, BatchyardError | None]:
    """How long was slept, how often was asked, and what came of it."""
    clock = ManualClock()
    face = open_face(PLAIN, clock)
    failed: BatchyardError | None = None

    async def ask(url: str) -> None:
        await call(Request("GET", url))

    with Site(handler) as site:
        try:
            face.run(retrying(lambda: ask(site.url), backoff))
        except BatchyardError as error:
            failed = error
        return clock.slept, len(site.requests), failed


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_there_is_one_attempt_more_than_retries(open_face: OpenFace, retries: int) -> None:
    slept, asked, error = sleeps(open_face, saying(b"", 503), Backoff(retries=retries))
    assert (asked, len(slept)) == (retries + 1, retries)
    assert isinstance(error, InternalServerError)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_until_it_works(open_face: OpenFace, status: int) -> None:
    page = saying(b"<html><body>Bad gateway</body></html>", status, {"content-type": "text/html"})
    _, asked, error = sleeps(open_face, in_turn(page, page, saying(b"")), Backoff())
    assert (asked, error) == (3, None)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
def test_what_will_not_pass_is_not_tried_again(open_face: OpenFace, status: int) -> None:
    slept, asked, error = sleeps(open_face, saying(b"", status), Backoff())
    assert (slept, asked) == ([], 1)
    assert error is not None


def test_a_broken_connection_is_tried_again(open_face: OpenFace) -> None:
    _, asked, error = sleeps(open_face, in_turn(resetting, resetting, saying(b"")), Backoff())
    assert (asked, error) == (3, None)


def test_a_refused_connection_is_tried_again(open_face: OpenFace) -> None:
    clock = ManualClock()

    async def ask(url: str) -> None:
        await Send(Request("GET", url))

    with nobody() as url, pytest.raises(ConnectionRefusedByPeerError):
        open_face(PLAIN, clock).run(retrying(lambda: ask(url), Backoff(retries=3)))
    assert len(clock.slept) == 3


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after-ms": "1500"}, 1.5),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_the_wait_is_what_the_service_asks_for(
    open_face: OpenFace, headers: dict[str, str], wait: float
) -> None:
    handler = in_turn(saying(b"", 429, headers), saying(b""))
    assert sleeps(open_face, handler, Backoff()) == ([wait], 2, None)


def test_a_wait_beyond_patience_is_raised_and_not_obeyed(open_face: OpenFace) -> None:
    slept, asked, error = sleeps(open_face, saying(b"", 429, {"retry-after": "121"}), Backoff())
    assert (slept, asked) == ([], 1)
    assert error is not None
    assert error.retry_after == 121.0


def test_the_service_may_forbid_a_retry_and_ask_for_one(open_face: OpenFace) -> None:
    forbidden = saying(b"", 503, {"x-should-retry": "false"})
    assert sleeps(open_face, forbidden, Backoff())[1] == 1
    wanted = in_turn(saying(b"", 400, {"x-should-retry": "true"}), saying(b""))
    assert sleeps(open_face, wanted, Backoff())[1:] == (2, None)


@pytest.mark.parametrize("asked", [None, 0.0])
def test_without_a_wish_the_wait_is_drawn_from_a_range_that_doubles(asked: float | None) -> None:
    backoff = Backoff(retries=10, first=0.5, cap=8.0)
    error = InternalServerError("no", status=500, retry_after=asked)
    for attempt, most in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        waits = [backoff.wait(attempt, error) for _ in range(300)]
        assert all(wait is not None and 0 <= wait <= most for wait in waits)
        # the whole range, from nothing on: all that failed together must not return together
        assert min(wait for wait in waits if wait is not None) < most * 0.1
        assert max(wait for wait in waits if wait is not None) > most * 0.9


def test_what_is_not_ours_is_not_tried_again(open_face: OpenFace) -> None:
    attempts: list[int] = []

    async def fail() -> None:
        attempts.append(1)
        raise KeyError("bug")

    with pytest.raises(KeyError):
        open_face(PLAIN).run(retrying(fail, Backoff()))
    assert len(attempts) == 1


@pytest.mark.parametrize(
    ("make", "doubtful"),
    [
        (ConnectionRefusedByPeerError, False),
        (APIConnectionError, True),
        (APITimeoutError, True),
        (ConflictError, True),
        (InternalServerError, True),
        (MalformedReplyError, True),
        (RateLimitError, False),
        (QuotaExceededError, False),
        (AuthenticationError, False),
    ],
)
def test_which_errors_leave_it_open_whether_something_was_made(
    make: Callable[[str], BatchyardError],
    doubtful: bool,  # noqa: FBT001
) -> None:
    assert ambiguous(make("no")) is doubtful


def test_plans_are_made_anew_for_each_attempt(open_face: OpenFace) -> None:
    made: list[Plan[int]] = []

    async def attempt() -> int:
        if len(made) < 3:
            raise RateLimitError("slow down", status=429)
        return len(made)

    def make() -> Plan[int]:
        made.append(attempt())
        return made[-1]

    assert open_face(PLAIN, ManualClock()).run(retrying(make, Backoff())) == 3
    assert len(set(map(id, made))) == 3

"""Creating what must not be made twice, by a service that keeps no idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.drivers import Driver
from batchyard.effects import Now, Sleep
from batchyard.errors import (
    AmbiguousCreateError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BatchyardError,
    ConflictError,
    ConnectionRefusedByPeerError,
    InternalServerError,
    MalformedReplyError,
    QuotaExceededError,
    RateLimitError,
)
from batchyard.steps import Backoff, create_once
from batchyard.testing import ManualClock
from tests.drivers.faces import PLAIN, OpenFace, account

WINDOW = 60.0

REFUSED = ConnectionRefusedByPeerError("no connection")
SLOW_DOWN = RateLimitError("slow down", status=429)
DOUBTFUL: tuple[BatchyardError, ...] = (
    APIConnectionError("reset"),
    APITimeoutError("too long"),
    ConflictError("timeout", status=408),
    ConflictError("conflict", status=409),
    InternalServerError("oops", status=500),
    InternalServerError("page", status=503),
    MalformedReplyError("garbled", status=200),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one send comes to: whether it is carried out, when that shows, what is answered."""

    error: BatchyardError | None = None
    made: bool = False
    shows_after: float = 0.0
    takes: float = 0.0


OK = Turn(made=True)


@dataclass(slots=True)
class Service:
    """Makes things, and lists them.  After its turns it works."""

    turns: Sequence[Turn]
    unsure: Callable[[float], bool] = lambda _: False
    sent: list[float] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)
    made: list[tuple[str, float]] = field(default_factory=list)
    since: set[float] = field(default_factory=set)

    async def send(self) -> str:
        now = await Now()
        turn = self.turns[len(self.sent)] if len(self.sent) < len(self.turns) else OK
        self.sent.append(now)
        if turn.made:
            self.made.append((f"thing-{len(self.made)}", now + turn.shows_after))
        await Sleep(turn.takes)
        if turn.error is not None:
            raise turn.error
        return self.made[-1][0]

    async def find(self, since: float) -> str | None:
        now = await Now()
        self.looked.append(now)
        self.since.add(since)
        if self.unsure(now):
            raise InternalServerError("cannot list", status=500)
        return next((name for name, shows in self.made if shows <= now), None)

    async def create(self, backoff: Backoff | None = None) -> str:
        return await create_once(self.send, self.find, backoff or Backoff(), WINDOW)


START = 1000.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def test_what_works_is_not_looked_for(open_face: OpenFace, clock: ManualClock) -> None:
    service = Service([OK])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert (len(service.sent), service.looked, clock.slept) == (1, [], [0.0])


@pytest.mark.parametrize("error", [REFUSED, SLOW_DOWN], ids=lambda e: type(e).__name__)
def test_what_was_surely_not_carried_out_is_sent_again_without_looking(
    open_face: OpenFace, clock: ManualClock, error: BatchyardError
) -> None:
    service = Service([Turn(error), Turn(error), OK])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert (len(service.sent), service.looked) == (3, [])
    assert clock.now() - START <= 3


@pytest.mark.parametrize("error", DOUBTFUL, ids=str)
def test_what_may_have_been_carried_out_is_looked_for_and_not_sent_again(
    open_face: OpenFace, clock: ManualClock, error: BatchyardError
) -> None:
    service = Service([Turn(error, made=True)])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert (len(service.sent), len(service.looked)) == (1, 1)
    assert service.since == {START}


@pytest.mark.parametrize("error", DOUBTFUL, ids=str)
def test_only_when_nothing_shows_until_the_window_has_passed_is_it_sent_again(
    open_face: OpenFace, clock: ManualClock, error: BatchyardError
) -> None:
    service = Service([Turn(error)])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert service.sent == [START, START + WINDOW]
    assert service.looked[-1] == START + WINDOW
    assert max(b - a for a, b in zip(service.looked, service.looked[1:], strict=False)) <= 10
    assert len(service.looked) < 15


def test_what_shows_late_is_found_late(open_face: OpenFace, clock: ManualClock) -> None:
    service = Service([Turn(APITimeoutError("too long"), made=True, shows_after=WINDOW)])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert len(service.sent) == 1


def test_the_window_begins_with_the_send_and_not_with_its_failure(
    open_face: OpenFace, clock: ManualClock
) -> None:
    service = Service([Turn(APITimeoutError("too long"), takes=100.0)])
    open_face(PLAIN, clock).run(service.create())
    assert service.looked == [START + 100]
    assert service.sent == [START, START + 100]


def test_each_send_has_a_window_of_its_own(open_face: OpenFace, clock: ManualClock) -> None:
    lost = Turn(APIConnectionError("reset"))
    service = Service([lost, Turn(APIConnectionError("reset"), made=True, shows_after=50)])
    assert open_face(PLAIN, clock).run(service.create()) == "thing-0"
    assert service.sent == [START, START + WINDOW]
    assert service.looked[-1] >= START + WINDOW + 50
    assert service.since == {START}


def test_the_error_is_raised_when_no_retry_is_left(open_face: OpenFace, clock: ManualClock) -> None:
    service = Service([Turn(InternalServerError("oops", status=500))] * 5)
    with pytest.raises(InternalServerError):
        open_face(PLAIN, clock).run(service.create(Backoff(retries=2)))
    assert len(service.sent) == 3
    # even then it is looked for to the end: the last send may have worked
    assert clock.now() == START + 3 * WINDOW


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no", status=400),
        AuthenticationError("no", status=401),
        QuotaExceededError("broke", status=429),
        RateLimitError("no", status=429, retryable=False),
        RateLimitError("later", status=429, retry_after=600),
    ],
    ids=lambda error: f"{type(error).__name__} {error}",
)
def test_a_refusal_for_good_is_raised_at_once(
    open_face: OpenFace, clock: ManualClock, error: BatchyardError
) -> None:
    service = Service([Turn(error)])
    with pytest.raises(type(error)):
        open_face(PLAIN, clock).run(service.create())
    assert (len(service.sent), service.looked) == (1, [])


def test_a_service_that_forbids_another_try_is_still_asked_what_it_has(
    open_face: OpenFace, clock: ManualClock
) -> None:
    forbidding = InternalServerError("oops", status=500, retryable=False)
    assert open_face(PLAIN, clock).run(Service([Turn(forbidding, made=True)]).create()) == "thing-0"
    service = Service([Turn(forbidding)])
    with pytest.raises(InternalServerError):
        open_face(PLAIN, clock).run(service.create())
    assert len(service.sent) == 1


def test_a_wait_asked_for_beyond_the_window_is_kept(
    open_face: OpenFace, clock: ManualClock
) -> None:
    service = Service([Turn(InternalServerError("busy", status=503, retry_after=100.0))])
    open_face(PLAIN, clock).run(service.create())
    assert service.sent == [START, START + 100]


def test_when_looking_fails_to_the_end_nobody_can_tell(
    open_face: OpenFace, clock: ManualClock
) -> None:
    cause = InternalServerError("oops", status=503, request_id="req_1")
    service = Service([Turn(cause, made=True)], unsure=lambda _: True)
    with pytest.raises(AmbiguousCreateError, match=r"oops.*cannot list") as caught:
        open_face(PLAIN, clock).run(service.create())
    assert (caught.value.status, caught.value.request_id) == (503, "req_1")
    assert (caught.value.retryable, caught.value.account) == (True, "acme-eu")
    assert len(service.sent) == 1


def test_looking_may_fail_as_long_as_the_last_answer_is_a_sure_one(
    open_face: OpenFace, clock: ManualClock
) -> None:
    def early(now: float) -> bool:
        return now < START + 30

    found = Service([Turn(APIConnectionError("reset"), made=True)], unsure=early)
    assert open_face(PLAIN, clock).run(found.create()) == "thing-0"
    assert len(found.sent) == 1


def test_a_last_answer_that_is_not_sure_outweighs_the_sure_ones_before(
    open_face: OpenFace, clock: ManualClock
) -> None:
    service = Service([Turn(APIConnectionError("reset"))], unsure=lambda now: now > START + 30)
    with pytest.raises(AmbiguousCreateError):
        open_face(PLAIN, clock).run(service.create())
    assert len(service.sent) == 1


TURNS = st.one_of(
    st.builds(Turn, st.sampled_from([REFUSED, SLOW_DOWN])),
    st.builds(
        Turn,
        st.sampled_from(DOUBTFUL),
        st.booleans(),
        st.floats(0, WINDOW),
        st.floats(0, 2 * WINDOW),
    ),
    st.just(OK),
)


@given(
    turns=st.lists(TURNS, max_size=5),
    retries=st.integers(0, 4),
    outages=st.lists(st.tuples(st.floats(0, 400), st.floats(0, 100)), max_size=2),
)
def test_whatever_goes_wrong_there_is_never_a_second_one(
    turns: list[Turn], retries: int, outages: list[tuple[float, float]]
) -> None:
    def unsure(now: float) -> bool:
        return any(begin <= now - START < begin + length for begin, length in outages)

    service = Service(turns, unsure)
    driver = Driver(account(), PLAIN, ManualClock(START))
    try:
        name = driver.run(service.create(Backoff(retries=retries)))
    except AmbiguousCreateError:
        assert len(service.made) <= 1
    except BatchyardError:
        assert service.made == []
    else:
        assert [made for made, _ in service.made] == [name]
    assert len(service.sent) <= retries + 1

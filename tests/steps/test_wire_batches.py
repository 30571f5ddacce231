"""Creating, finding and cancelling batches."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from batchyard.errors import (
    AmbiguousCreateError,
    BadRequestError,
    ConflictError,
    IdempotencyError,
    InputError,
    InternalServerError,
    RateLimitError,
)
from batchyard.models import BatchRequest, Call, PageRequest, Ref
from batchyard.steps.openai_wire import (
    MARKER_KEY,
    cancel_batch,
    create_batch,
    find_batch,
    list_batches,
    retrieve_batch,
)
from batchyard.testing import ManualClock
from tests.drivers.faces import OpenFace
from tests.drivers.site import Exchange, Handler, Site, in_turn, resetting, saying
from tests.steps.service import (
    CALL,
    START,
    answering,
    batch,
    listing,
    patient,
    refusal,
    routed,
    wire,
)

WANTED = BatchRequest(Ref("file-1"), "/v1/chat/completions", metadata={"team": "a"})
MARKED = Call("acme-eu", marker="mark-1")

GARBLED = saying(b'{"id": "batch_')


async def dropping(exchange: Exchange) -> None:
    await exchange.hang_up()


def sends(site: Site) -> int:
    return sum(seen.method == "POST" for seen in site.requests)


def service(create: Handler, listed: Any) -> Handler:
    return routed({"POST /v1/batches": create, "GET /v1/batches": answering(listed)})


DOUBTFUL: list[Handler] = [
    resetting,
    dropping,
    GARBLED,
    saying(b"{}"),
    saying(b"<html>", 502),
    *(refusal(status) for status in (408, 409, 500, 503)),
]


@pytest.mark.parametrize("create", DOUBTFUL)
def test_a_batch_whose_reply_was_lost_is_found_and_not_made_again(
    open_face: OpenFace, create: Handler
) -> None:
    mine = batch(2, metadata={"team": "a"})
    others = (
        batch(5, metadata={"team": "b"}),
        batch(4, metadata={"team": "a"}, input_file_id="file-2"),
        batch(3, metadata={"team": "a"}, endpoint="/v1/embeddings"),
    )
    with Site(service(create, listing(*others, mine))) as site:
        assert patient(open_face).run(create_batch(wire(site), CALL, WANTED)).id == "batch_2"
        assert sends(site) == 1


@pytest.mark.parametrize("create", DOUBTFUL)
def test_a_batch_that_never_shows_is_made_again_after_the_window(
    open_face: OpenFace, create: Handler
) -> None:
    clock = ManualClock(START)
    old = batch(9, metadata={"team": "a"}, created_at=START - 3600)
    works = answering(batch(2))
    with Site(service(in_turn(create, works), listing(old))) as site:
        created = patient(open_face, clock).run(create_batch(wire(site), CALL, WANTED))
        assert (created.id, sends(site)) == ("batch_2", 2)
    assert 60 <= clock.now() - START < 61


@pytest.mark.parametrize(("timeout", "window"), [(None, 60), (10, 60), (300, 300)])
def test_the_window_is_the_timeout_where_that_is_longer(
    open_face: OpenFace, timeout: float | None, window: float
) -> None:
    clock = ManualClock(START)
    call = Call("acme-eu", timeout=timeout)
    with Site(service(in_turn(resetting, answering(batch(2))), listing())) as site:
        patient(open_face, clock).run(create_batch(wire(site), call, WANTED))
    assert window <= clock.now() - START < window + 1


@pytest.mark.parametrize("status", [429])
def test_a_busy_service_is_asked_again_without_looking(open_face: OpenFace, status: int) -> None:
    busy = refusal(status, code="rate_limit_exceeded", type="requests")
    with Site(service(in_turn(busy, busy, answering(batch(2))), listing())) as site:
        patient(open_face).run(create_batch(wire(site), CALL, WANTED))
        assert site.heads == ["POST /v1/batches"] * 3
        site.handler = service(busy, listing())
        with pytest.raises(RateLimitError):
            patient(open_face).run(create_batch(wire(site), CALL, WANTED))


def test_when_the_list_fails_too_nobody_can_tell(open_face: OpenFace) -> None:
    broken = routed({"POST /v1/batches": resetting, "GET /v1/batches": refusal(503, "down")})
    with Site(broken) as site:
        with pytest.raises(AmbiguousCreateError, match="down"):
            patient(open_face).run(create_batch(wire(site), CALL, WANTED))
        assert sends(site) == 1


def test_a_marker_travels_in_the_metadata_and_is_what_is_looked_for(open_face: OpenFace) -> None:
    sent: list[Any] = []

    async def lose(exchange: Exchange) -> None:
        sent.append(json.loads(exchange.seen.body)["metadata"])
        await exchange.reset()

    # a service may add to the metadata, or cut it
    mine = batch(2, metadata={"added": "b", MARKER_KEY: "mark-1"})
    twin = batch(3, metadata={"team": "a", MARKER_KEY: "mark-2"})
    with Site(service(lose, listing(twin, mine))) as site:
        created = patient(open_face).run(create_batch(wire(site), MARKED, WANTED))
    assert sent == [{"team": "a", MARKER_KEY: "mark-1"}]
    assert (created.id, created.metadata) == ("batch_2", {"added": "b"})


def test_a_marker_is_never_shown(open_face: OpenFace) -> None:
    bare = batch(1, metadata={MARKER_KEY: "mark-1"})
    full = batch(2, metadata={"team": "a", MARKER_KEY: "mark-1"})
    face = patient(open_face)
    with Site(answering(bare)) as site:
        assert face.run(create_batch(wire(site), MARKED, WANTED)).metadata is None
        assert face.run(retrieve_batch(wire(site), CALL, Ref("batch_1"))).metadata is None
        assert face.run(cancel_batch(wire(site), CALL, Ref("batch_1"))).metadata is None
        site.handler = answering(listing(full, bare))
        page = face.run(list_batches(wire(site), CALL, PageRequest()))
        assert [one.metadata for one in page.data] == [{"team": "a"}, None]
        site.handler = answering(listing(full))
        found = face.run(find_batch(wire(site), CALL, "mark-1", None))
        assert found is not None
        assert found.metadata == {"team": "a"}


def test_of_two_batches_with_one_marker_the_older_is_found(open_face: OpenFace) -> None:
    younger, older, stranger = (
        batch(number, metadata={MARKER_KEY: mark}, created_at=made)
        for number, mark, made in ((3, "mark-1", 500), (2, "mark-1", 400), (1, "mark-2", 300))
    )
    face = patient(open_face)
    with Site(answering(listing(younger, older, stranger))) as site:
        found = face.run(find_batch(wire(site), CALL, "mark-1", None))
        assert found is not None
        assert found.id == "batch_2"
        other = face.run(find_batch(wire(site), CALL, "mark-1", None, None, frozenset({"batch_2"})))
        assert other is not None
        assert other.id == "batch_3"


def test_metadata_that_is_no_string_hides_nothing_and_is_not_sent(open_face: OpenFace) -> None:
    odd = batch(1, metadata={"run": 7, "none": None, MARKER_KEY: "mark-1"})
    face = patient(open_face)
    with Site(answering(listing(odd))) as site:
        found = face.run(find_batch(wire(site), CALL, "mark-1", None))
        assert found is not None
        assert found.metadata == {"run": "7"}
        wanted = BatchRequest(Ref("file-1"), "/v1/embeddings", metadata={"run": 7})  # type: ignore[dict-item]
        with pytest.raises(InputError, match="'run' is not a string"):
            face.run(create_batch(wire(site), CALL, wanted))


def test_a_marker_without_room_is_refused_before_anything_is_sent(open_face: OpenFace) -> None:
    full = {f"key{number}": "v" for number in range(16)}
    face = patient(open_face)
    with Site(answering(batch())) as site:
        for metadata in (full, {MARKER_KEY: "mine"}):
            wanted = BatchRequest(Ref("file-1"), "/v1/embeddings", metadata=metadata)
            with pytest.raises(IdempotencyError) as caught:
                face.run(create_batch(wire(site), MARKED, wanted))
            assert caught.value.param == "metadata"
        assert site.requests == []
        full.popitem()
        wanted = BatchRequest(Ref("file-1"), "/v1/embeddings", metadata=full)
        face.run(create_batch(wire(site), MARKED, wanted))
        assert len(json.loads(site.requests[0].body)["metadata"]) == 16


def test_metadata_in_the_extra_body_does_not_lose_the_marker(open_face: OpenFace) -> None:
    call = Call("acme-eu", marker="mark-1", extra_body={"metadata": {"run": "7"}})
    face = patient(open_face)
    with Site(answering(batch())) as site:
        face.run(create_batch(wire(site), call, WANTED))
        sent = json.loads(site.requests[0].body)["metadata"]
        assert sent == {"run": "7", MARKER_KEY: "mark-1"}
        wrong = Call("acme-eu", extra_body={"metadata": "x"})
        with pytest.raises(InputError, match="mapping"):
            face.run(create_batch(wire(site), wrong, WANTED))


def test_a_batch_is_found_by_its_marker_or_by_a_file_that_is_its_own(
    open_face: OpenFace,
) -> None:
    mine = batch(2, metadata={MARKER_KEY: "mark-1"}, input_file_id="file-7")
    face = patient(open_face)
    with Site(answering(listing(batch(3, input_file_id="file-8"), mine))) as site:
        service_wire = wire(site)
        by_marker = face.run(find_batch(service_wire, CALL, "mark-1", None))
        by_file = face.run(find_batch(service_wire, CALL, "other", Ref("file-8")))
        nothing = face.run(find_batch(service_wire, CALL, "other", None))
    assert by_marker is not None
    assert by_file is not None
    assert (by_marker.id, by_file.id, nothing) == ("batch_2", "batch_3", None)


def numbered(total: int, **fields: Any) -> Handler:
    """Lists batches from `total` down to 1, newest first, 100 a page."""

    async def handle(exchange: Exchange) -> None:
        after = parse_qs(urlsplit(exchange.seen.target).query).get("after", [f"batch_{total + 1}"])
        begin = int(after[0].partition("_")[2]) - 1
        end = max(0, begin - 100)
        items = (batch(n, created_at=START + n, **fields) for n in range(begin, end, -1))
        await answering(listing(*items, more=end > 0))(exchange)

    return handle


def test_looking_stops_at_what_is_older_than_the_send(open_face: OpenFace) -> None:
    with Site(numbered(1000)) as site:
        face = patient(open_face)
        since = START + 850
        assert face.run(find_batch(wire(site), CALL, "mark", None, since)) is None
        # the service's clock may be a minute behind
        assert [seen.target for seen in site.requests] == [
            "/v1/batches?limit=100",
            "/v1/batches?after=batch_901&limit=100",
            "/v1/batches?after=batch_801&limit=100",
        ]


def test_looking_has_a_budget_and_says_when_that_is_not_enough(open_face: OpenFace) -> None:
    face = patient(open_face)
    with Site(numbered(10_000)) as site:
        assert face.run(find_batch(wire(site), CALL, "mark", None)) is None
        site.requests.clear()
        site.handler = numbered(10_050)
        with pytest.raises(AmbiguousCreateError, match="10000"):
            face.run(find_batch(wire(site), CALL, "mark", None))
        assert len(site.requests) <= 101


def test_a_batch_without_a_date_counts_as_new(open_face: OpenFace) -> None:
    undated = batch(1, created_at=None, metadata={MARKER_KEY: "mark-1"})
    with Site(answering(listing(undated))) as site:
        found = patient(open_face).run(find_batch(wire(site), CALL, "mark-1", None, START))
    assert found is not None


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("state", ["completed", "failed", "expired", "cancelled", "cancelling"])
def test_cancelling_what_has_ended_gives_the_batch_as_it_is(
    open_face: OpenFace, status: int, state: str
) -> None:
    ended = routed(
        {
            "POST /v1/batches/batch_1/cancel": refusal(status, "Cannot cancel"),
            "GET /v1/batches/batch_1": answering(batch(1, status=state)),
        }
    )
    with Site(ended) as site:
        cancelled = patient(open_face).run(cancel_batch(wire(site), CALL, Ref("batch_1")))
    assert cancelled.status == state


@pytest.mark.parametrize(("status", "kind"), [(400, BadRequestError), (409, ConflictError)])
def test_a_refused_cancel_of_a_batch_that_runs_is_raised(
    open_face: OpenFace, status: int, kind: type[Exception]
) -> None:
    running = routed(
        {
            "POST /v1/batches/batch_1/cancel": refusal(status, "Cannot cancel"),
            "GET /v1/batches/batch_1": answering(batch(1, status="in_progress")),
        }
    )
    with Site(running) as site, pytest.raises(kind, match="Cannot cancel"):
        patient(open_face).run(cancel_batch(wire(site), CALL, Ref("batch_1")))


def test_a_cancel_is_sent_again_where_that_may_help(open_face: OpenFace) -> None:
    handler = in_turn(resetting, refusal(503), answering(batch(1, status="cancelling")))
    with Site(handler) as site:
        cancelled = patient(open_face).run(cancel_batch(wire(site), CALL, Ref("batch_1")))
        assert cancelled.status == "cancelling"
        assert len(site.requests) == 3


def test_retries_are_the_calls(open_face: OpenFace) -> None:
    call = Call("acme-eu", max_retries=4)
    with Site(refusal(500)) as site:
        with pytest.raises(InternalServerError):
            patient(open_face).run(retrieve_batch(wire(site), call, Ref("batch_1")))
        assert len(site.requests) == 5

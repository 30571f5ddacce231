from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from pydantic import BaseModel

from batchyard.effects import Now
from batchyard.models import Page, PageRequest
from batchyard.steps import pages, walk
from tests.drivers.faces import Face


class Thing(BaseModel):
    id: str


Answer = Callable[[PageRequest], Page[Thing]]


class Listing:
    """A service's list; keeps what it was asked for."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[PageRequest] = []
        self._answer = answer

    async def fetch(self, page: PageRequest) -> Page[Thing]:
        await Now()
        self.asked.append(page)
        assert len(self.asked) < 50
        return self._answer(page)


def page(ids: Sequence[str], *, more: bool, cursor: str | None = None) -> Page[Thing]:
    return Page[Thing](
        data=[Thing(id=one) for one in ids],
        last_id=ids[-1] if ids else None,
        has_more=more,
        cursor=cursor,
    )


ALL = [f"id-{number}" for number in range(10)]


def after(request: PageRequest) -> Page[Thing]:
    begin = ALL.index(request.after) + 1 if request.after else 0
    end = begin + (request.limit or 3)
    return page(ALL[begin:end], more=end < len(ALL))


def ids(face: Face, listing: Listing, first: PageRequest | None = None) -> list[str]:
    return [one.id for one in face.stream(walk(listing.fetch, first or PageRequest()))]


@pytest.mark.parametrize("limit", [1, 3, 5, 10, 100])
def test_every_item_comes_once_and_in_order(face: Face, limit: int) -> None:
    listing = Listing(after)
    assert ids(face, listing, PageRequest(limit=limit)) == ALL
    assert len(listing.asked) == -(-len(ALL) // limit)


def test_a_walk_may_begin_in_the_middle_and_keeps_its_filters(face: Face) -> None:
    listing = Listing(after)
    first = PageRequest(after="id-4", limit=2, order="asc", purpose="batch")
    assert ids(face, listing, first) == ALL[5:]
    assert {(one.limit, one.order, one.purpose) for one in listing.asked} == {(2, "asc", "batch")}
    assert [one.after for one in listing.asked] == ["id-4", "id-6", "id-8"]


def test_an_empty_page_that_says_there_is_more_ends_the_walk(face: Face) -> None:
    listing = Listing(lambda request: page([] if request.after else ALL, more=True))
    assert ids(face, listing) == ALL
    assert len(listing.asked) == 2


def test_a_service_that_takes_no_notice_of_the_cursor_ends_the_walk(face: Face) -> None:
    listing = Listing(lambda _: page(ALL, more=True))
    assert ids(face, listing) == ALL
    assert len(listing.asked) == 2


def test_a_list_that_goes_round_in_circles_ends_the_walk(face: Face) -> None:
    def circle(request: PageRequest) -> Page[Thing]:
        begin = (ALL.index(request.after) + 1) % len(ALL) if request.after else 0
        return page(ALL[begin : begin + 5], more=True)

    assert ids(face, Listing(circle)) == ALL


def test_a_providers_own_cursor_is_what_is_asked_for_next(face: Face) -> None:
    def answer(request: PageRequest) -> Page[Thing]:
        if request.after is None:
            return page(["a"], more=True, cursor="token-2")
        assert request.after == "token-2"
        return page(["b"], more=False)

    assert ids(face, Listing(answer)) == ["a", "b"]


def test_a_page_without_a_last_id_goes_on_from_its_last_item(face: Face) -> None:
    def answer(request: PageRequest) -> Page[Thing]:
        return after(request).model_copy(update={"last_id": None})

    assert ids(face, Listing(answer)) == ALL


def test_pages_are_fetched_as_they_are_wanted(face: Face) -> None:
    listing = Listing(after)
    walked = face.stream(pages(listing.fetch, PageRequest()))
    assert [one.id for one in next(walked).data] == ALL[:3]
    assert len(listing.asked) == 1
    walked.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(listing.asked) == 1

"""Batches: created once, found again, and put together with what is known of them here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from batchyard.effects import Blocking, Now
from batchyard.errors import (
    AmbiguousCreateError,
    APIStatusError,
    InputError,
    NotFoundError,
)
from batchyard.models import Batch, BatchRequest, Call, Page, PageRequest, Ref
from batchyard.steps import create_once, fetch
from batchyard_anthropic._api import Api, backoff
from batchyard_anthropic._errors import refuse
from batchyard_anthropic._folder import Folder, Intent, Order, Staged
from batchyard_anthropic._inputs import body_of, options_of
from batchyard_anthropic._lines import ENDPOINTS
from batchyard_anthropic._settings import Settings
from batchyard_anthropic._wire import MessageBatch, batch_of

__all__ = ["Batches", "mark_of"]

SKEW = 60.0
"""Seconds by which Anthropic's clock may be behind ours."""

LATE = 300.0
"""Seconds after its last send within which a create has been carried out, if at all."""

PAGE = 100
LATE_REFUSALS = frozenset({400, 409})
"""Statuses of a cancel that came too late."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an unanswered create would have made: so many requests, at some time in between."""

    mark: str
    requests: int
    since: float
    until: float | None


class Batches:
    def __init__(self, settings: Settings, api: Api, folder: Folder) -> None:
        self._settings, self._api, self._folder = settings, api, folder

    async def create(self, call: Call, batch: BatchRequest) -> Batch:
        staged = await Blocking(lambda: self._folder.file(batch.input_file.id))
        _check_endpoint(batch, staged)
        options, head = options_of(self._settings), self._api.head(call)
        content = self._folder.content(staged.id)
        body = await Blocking(lambda: body_of(content, options, head))
        mark = mark_of(call, call.marker or call.request_id)
        order = Order(staged.id, batch.endpoint, mark, dict(batch.metadata or {}), staged.ids)
        timed = replace(call, timeout=call.timeout or self._settings.create_timeout)
        request = self._api.request(timed, "POST", "", body)

        async def send() -> Batch:
            now = await Now()
            intent = Intent(order, staged.requests, now, now)
            await Blocking(lambda: self._folder.begin(intent))
            return await self._finished(await fetch(MessageBatch, request, refuse), order)

        async def find(since: float) -> Batch | None:
            return await self._sought(call, _Wanted(mark, staged.requests, since, None), order)

        return await create_once(send, find, backoff(call))

    async def find(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str] = frozenset(),
    ) -> Batch | None:
        """What is written down here; else what looks like it, among what the service has.

        Batches carry no mark.  One that was created at that time, with as many
        requests, and not by another create of ours, is it.  Where one is *known* that
        is not done: a second one is not told from a stranger's, which nobody may cancel.
        """
        mark = mark_of(call, marker)
        intent = await Blocking(lambda: self._folder.intent(mark))
        noted = None if intent is None else intent.batch
        if intent is not None and noted is not None and noted not in known:
            there = await self._known(call, noted, intent.order)
            if there is not None:
                return there
        if known:
            return None
        if intent is not None:
            wanted = _Wanted(mark, intent.requests, intent.first, intent.last + LATE)
            return await self._sought(call, wanted, intent.order)
        state = (input_file.provider_state if input_file else None) or {}
        requests = state.get("requests")
        if since is None or input_file is None or not isinstance(requests, int):
            return None
        # it was created by another worker, whose folder is elsewhere
        order = Order.of_state({**state, "file": input_file.id, "mark": mark}) or Order()
        return await self._sought(call, _Wanted(mark, requests, since, None), order)

    async def retrieve(self, call: Call, batch: Ref) -> Batch:
        return await self._told(await self._api.retrieve(call, batch.id), batch)

    async def cancel(self, call: Call, batch: Ref) -> Batch:
        try:
            found = await self._api.cancel(call, batch.id)
        except APIStatusError as error:
            if error.status not in LATE_REFUSALS:
                raise
            found = await self._api.retrieve(call, batch.id)
            if not found.ended:
                raise
        return await self._told(found, batch)

    async def listed(self, call: Call, page: PageRequest) -> Page[Batch]:
        found = await self._api.listed(call, page.after, page.limit)
        orders = await Blocking(lambda: self._folder.orders([one.id for one in found.data]))
        batches = [batch_of(one, order) for one, order in zip(found.data, orders, strict=True)]
        more = found.has_more and bool(found.data)
        cursor = (found.last_id or found.data[-1].id) if more else None
        return Page[Batch](data=batches, has_more=more, cursor=cursor)

    async def order(self, batch: Ref, batch_id: str) -> Order | None:
        """What the batch was created from: as it is written down here, or as its state says."""
        noted = await Blocking(lambda: self._folder.order(batch_id))
        return noted or Order.of_state(batch.provider_state)

    async def _told(self, found: MessageBatch, batch: Ref) -> Batch:
        return batch_of(found, await self.order(batch, found.id))

    async def _finished(self, found: MessageBatch, order: Order) -> Batch:
        now = await Now()
        await Blocking(lambda: self._folder.finish(found.id, order, now))
        return batch_of(found, order)

    async def _known(self, call: Call, batch_id: str, order: Order) -> Batch | None:
        try:
            return batch_of(await self._api.retrieve(call, batch_id), order)
        except NotFoundError:
            # deleted, or of another workspace, whose account here has the same name
            return None

    async def _sought(self, call: Call, wanted: _Wanted, order: Order) -> Batch | None:
        found = [one for one in await self._recent(call, wanted) if await self._fits(one, wanted)]
        if not found:
            return None
        if len(found) > 1 or self._settings.other_writers:
            ids = ", ".join(one.id for one in found)
            raise AmbiguousCreateError(
                f"the create was not answered, and may have made {ids}: Anthropic's batches carry "
                "no mark by which to tell. Cancel what is not wanted"
            )
        return await self._finished(found[0], order)

    async def _recent(self, call: Call, wanted: _Wanted) -> list[MessageBatch]:
        """The batches since then, newest first."""
        recent: list[MessageBatch] = []
        after: str | None = None
        while True:
            page = await self._api.listed(call, after, PAGE)
            young = [one for one in page.data if _time(one) >= wanted.since - SKEW]
            recent += young
            if len(young) < len(page.data) or not (page.has_more and page.data):
                return recent
            after = page.last_id or page.data[-1].id

    async def _fits(self, found: MessageBatch, wanted: _Wanted) -> bool:
        if found.request_counts.total != wanted.requests:
            return False
        if wanted.until is not None and _time(found) > wanted.until:
            return False
        known = await Blocking(partial(self._folder.order, found.id))
        return known is None or known.mark == wanted.mark


def mark_of(call: Call, marker: str) -> str:
    """A name for the create: whose it is, and what its caller recognises it by."""
    text = f"{call.account}\n{marker}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _check_endpoint(batch: BatchRequest, staged: Staged) -> None:
    if batch.endpoint not in ENDPOINTS:
        taken = " and ".join(ENDPOINTS)
        raise InputError(f"Anthropic has no {batch.endpoint}; it takes {taken}", param="endpoint")
    if batch.endpoint != staged.endpoint:
        raise InputError(
            f"the endpoint is {batch.endpoint}, and that of the file's lines {staged.endpoint}",
            param="endpoint",
        )


def _time(found: MessageBatch) -> float:
    """Unix seconds; one that cannot be read is not ruled out."""
    try:
        time = datetime.fromisoformat(found.created_at)
    except ValueError:
        return float("inf")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

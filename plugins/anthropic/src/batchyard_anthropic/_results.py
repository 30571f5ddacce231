"""Results, as they stream in (API reference, retrieve message batch results)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime

from batchyard.effects import Blocking, Request, Stream
from batchyard.errors import InputError, NotFinishedError, NotFoundError
from batchyard.lines import MAX_RESULT_LINE
from batchyard.models import Call, Ref
from batchyard.steps import download
from batchyard_anthropic._api import Api, backoff
from batchyard_anthropic._batches import Batches
from batchyard_anthropic._errors import refuse
from batchyard_anthropic._folder import Folder, Order
from batchyard_anthropic._ids import is_digest, original_of
from batchyard_anthropic._inputs import digests_in
from batchyard_anthropic._lines import CHAT, result_line, row_of
from batchyard_anthropic._wire import MessageBatch

__all__ = ["Results"]

log = logging.getLogger(__name__)


class Results:
    def __init__(self, api: Api, folder: Folder, batches: Batches) -> None:
        self._api, self._folder, self._batches = api, folder, batches

    async def content(self, call: Call, file: Ref, batch_id: str) -> Stream[bytes]:
        """The result lines, in the order of the results, which is any."""
        found = await self._api.retrieve(call, batch_id)
        _check_there(found)
        order = await self._batches.order(file, batch_id) or Order(endpoint=CHAT)
        ended, ids = _seconds(found.ended_at), _Ids(self._folder, order)

        async def request() -> Request:
            return self._api.results(call, batch_id)

        async with aclosing(_lines(download(request, backoff(call), refuse))) as lines:
            async for line in lines:
                row = row_of(line) if line else None
                if row is None:
                    # it is counted, and costs no other line
                    yield line + b"\n"
                    continue
                sent, result = row
                yield result_line(await ids.of(sent), result, order.endpoint, ended) + b"\n"


class _Ids:
    """The ids that lines had.  Where a map is needed, it is looked for once."""

    def __init__(self, folder: Folder, order: Order) -> None:
        self._folder, self._order = folder, order
        self._digests: Mapping[str, str] | None = None

    async def of(self, sent: str) -> str:
        if not is_digest(sent):
            return original_of(sent)
        if self._digests is None:
            self._digests = self._order.ids or await Blocking(self._from_file)
        return self._digests.get(sent, sent)

    def _from_file(self) -> Mapping[str, str]:
        try:
            return digests_in(self._folder.content(self._order.file))
        except (NotFoundError, InputError):
            log.warning("there are ids that cannot be told without the file %r", self._order.file)
            return {}


def _check_there(found: MessageBatch) -> None:
    if not found.ended:
        raise NotFinishedError(
            f"batch {found.id} is {found.processing_status}, and has results when it has ended"
        )
    if found.archived_at:
        raise NotFoundError(
            f"the results of batch {found.id} are gone: Anthropic keeps them for 29 days",
            status=404,
            code="results_expired",
        )


def _seconds(time: str | None) -> int:
    try:
        return int(datetime.fromisoformat(time or "").timestamp())
    except ValueError:
        return 0


async def _lines(content: Stream[bytes]) -> Stream[bytes]:
    """The lines, without their ends, however the bytes are cut."""
    rest = bytearray()
    async with aclosing(content) as pieces:
        async for piece in pieces:
            begin = len(rest)
            rest += piece
            end = rest.rfind(b"\n", begin)
            if end >= 0:
                whole = bytes(rest[:end])
                del rest[: end + 1]
                for line in whole.split(b"\n"):
                    yield line
            if len(rest) > MAX_RESULT_LINE:
                raise InputError(f"a result has more than {MAX_RESULT_LINE} bytes")
    if rest:
        yield bytes(rest)

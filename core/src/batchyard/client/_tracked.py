"""What a tracked client's methods come to, for both colours: coroutines on the ledger's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from batchyard.client._join import in_blocks
from batchyard.client._options import check_call
from batchyard.client._plans import fetched
from batchyard.client._results import Completeness, Result, decoded_input
from batchyard.client._waiting import watch
from batchyard.errors import ConfigError, InputError, NotFinishedError
from batchyard.lines import NO_RESULT, ResultLine, decode_result
from batchyard.models import (
    Batch,
    ExpiresAfter,
    FileDeleted,
    FileObject,
    FileReport,
    Identity,
    Page,
    PageRequest,
    Receipt,
    Usage,
)
from batchyard.steps import FileContent, named_source, uri_of

if TYPE_CHECKING:
    from batchyard.ledger import BatchOrder, Ledger
    from batchyard.ledger.settlement import Joined

__all__ = [
    "Counted",
    "Place",
    "cancel_batch",
    "check_options",
    "content",
    "create_batch",
    "create_file",
    "delete_file",
    "digest",
    "find_batch",
    "list_batches",
    "list_files",
    "receipt",
    "report",
    "results",
    "retrieve_batch",
    "retrieve_file",
    "size_of_file",
    "watch",
]

log = logging.getLogger("batchyard.client")

UNFOLLOWED = "nobody follows batch %s yet: wait for it, or run `batchyard worker`"
"""Told once by each client: its next batches are in the same place."""


class Place(Protocol):
    """A desk: see :mod:`batchyard.client._desks`."""

    @property
    def who(self) -> Identity: ...

    @property
    def owner(self) -> str | None: ...

    def once(self, message: str) -> bool: ...

    async def ledger(self) -> Ledger: ...


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what cannot be carried to a provider that is called later, by somebody else."""
    for name in ("extra_headers", "extra_body"):
        if options.get(name):
            raise InputError(
                f"{name} cannot be kept in a ledger; use a client with ledger=False", param=name
            )
    check_call(options)


async def create_file(
    desk: Place,
    file: FileContent,
    purpose: str,
    filename: str | None,
    expires_after: ExpiresAfter | None,
    account: str | None = None,
) -> FileObject:
    """*account* is who reads a URI: without one, the client's own."""
    from batchyard.ledger import FileOrder  # noqa: PLC0415 - needs an extra

    ledger = await desk.ledger()
    content = file
    if uri_of(file) is not None:
        served = ledger.parts.accounts.get(account)
        content = await served.run(fetched(served.account, served.call("read a file"), file))
    source, name = await asyncio.to_thread(named_source, content)
    order = FileOrder(filename or name, purpose, expires_after)
    return await ledger.create_file(source, order, who=desk.who)


async def retrieve_file(desk: Place, file_id: str) -> FileObject:
    return await (await desk.ledger()).retrieve_file(file_id, owner=desk.owner)


async def digest(desk: Place, file_id: str) -> str | None:
    return (await (await desk.ledger()).file(file_id, owner=desk.owner)).digest


async def report(desk: Place, file_id: str) -> FileReport:
    return await (await desk.ledger()).report_of_file(file_id, owner=desk.owner)


async def delete_file(desk: Place, file_id: str) -> FileDeleted:
    return await (await desk.ledger()).delete_file(file_id, owner=desk.owner)


async def list_files(desk: Place, page: PageRequest) -> Page[FileObject]:
    return await (await desk.ledger()).list_files(page, owner=desk.owner)


async def size_of_file(desk: Place, file_id: str) -> int | None:
    return (await retrieve_file(desk, file_id)).bytes


async def content(desk: Place, file_id: str) -> AsyncGenerator[bytes, None]:
    ledger = await desk.ledger()
    file = await ledger.file(file_id, owner=desk.owner)
    async for piece in ledger.content(file):
        yield piece


async def create_batch(desk: Place, order: BatchOrder) -> Batch:
    ledger = await desk.ledger()
    made = await ledger.create_batch(order, who=desk.who, owner=desk.owner)
    if made.tracked_by is None and not made.terminal and desk.once(UNFOLLOWED):
        log.warning(UNFOLLOWED, made.id)
    return made


async def find_batch(desk: Place, key: str) -> Batch | None:
    return await (await desk.ledger()).find_batch(key, owner=desk.who.owner)


async def retrieve_batch(desk: Place, batch_id: str) -> Batch:
    return await (await desk.ledger()).retrieve_batch(batch_id, owner=desk.owner)


async def cancel_batch(desk: Place, batch_id: str) -> Batch:
    return await (await desk.ledger()).cancel_batch(batch_id, owner=desk.owner)


async def list_batches(desk: Place, page: PageRequest) -> Page[Batch]:
    return await (await desk.ledger()).list_batches(page, owner=desk.owner)


async def receipt(desk: Place, batch_id: str) -> Receipt:
    return await (await desk.ledger()).receipt(batch_id, owner=desk.owner)


class Counted:
    """The results of a settled batch as they are read, and what they come to."""

    def __init__(self, desk: Place, batch: Batch) -> None:
        self._desk = desk
        self._batch = batch
        self._completeness: Completeness | None = None

    def completeness(self) -> Completeness:
        """The settlement's own proof; there once the results have been read."""
        assert self._completeness is not None  # noqa: S101 - set at the end of blocks()
        return self._completeness

    async def blocks(self) -> AsyncGenerator[list[Result], None]:
        if not self._batch.terminal:
            raise NotFinishedError(
                f"batch {self._batch.id} is {self._batch.status}; wait for its end first"
            )
        ledger = await self._desk.ledger()
        whole = await ledger.receipt(self._batch.id, owner=self._desk.owner)
        with ExitStack() as scope:
            rows = await asyncio.to_thread(ledger.results, self._batch, scope)
            reader = await _usage_reader(ledger, self._batch.id)
            blocks = in_blocks(_result(row, reader) for row in rows)
            while block := await asyncio.to_thread(lambda: next(blocks, [])):
                yield block
        proof = whole.proof
        self._completeness = Completeness(
            proof.lines,
            dict(proof.outcomes),
            proof.duplicates,
            proof.strangers,
            proof.malformed,
            whole.usage,
        )


def results(desk: Place, batch: Batch) -> tuple[Counted, AsyncGenerator[list[Result], None]]:
    """The results of a settled batch, in blocks and in the order of its input."""
    counted = Counted(desk, batch)
    return counted, counted.blocks()


async def _usage_reader(ledger: Ledger, batch_id: str) -> Callable[[ResultLine], Usage]:
    """The account's reader; without the account a line's tokens are unknown, not its answer."""
    try:
        return await ledger.usage_reader(batch_id)
    except ConfigError as error:
        log.warning("the tokens of single results of %s are unknown here: %s", batch_id, error)
        return lambda _: Usage(known=False)


def _result(joined: Joined, usage_of: Callable[[ResultLine], Usage]) -> Result:
    line = None if joined.line is None else decoded_input(joined.line)
    row, number = joined.row, joined.number
    if row is None:
        return Result(
            line.custom_id if line else "", "missing", number, Usage(), NO_RESULT, input=line
        )
    output = decode_result(row.data)
    usage = Usage() if row.made else usage_of(output)
    return Result(
        output.custom_id,
        row.outcome,
        number,
        usage,
        output.failure,
        input=line,
        output=None if row.made else output,
        raw=row.data,
    )

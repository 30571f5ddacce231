"""The async client's methods where there is a ledger.

The blocking ones are generated from this file: scripts/generate_client.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from batchyard.client import _tracked as tracked
from batchyard.client._desks import AsyncDesk
from batchyard.client._direct_async import AsyncBatches, AsyncFiles, Expiry, answered
from batchyard.client._estimating import Estimator
from batchyard.client._options import expires_of, page_of, ref_of
from batchyard.client._plans import Polling
from batchyard.client._streams_async import AsyncContent, AsyncPager, AsyncResults
from batchyard.models import Batch, FileDeleted, FileObject, FileReport, Receipt
from batchyard.steps import FileContent

if TYPE_CHECKING:
    from batchyard.estimates import Estimate

__all__ = ["AsyncTrackedBatches", "AsyncTrackedFiles"]


class AsyncTrackedFiles(AsyncFiles):
    """``client.files`` where files are staged in a store, under ids of the ledger's own."""

    def __init__(self, desk: AsyncDesk) -> None:
        self._desk = desk

    async def create(
        self,
        file: FileContent,
        purpose: str = "batch",
        *,
        filename: str | None = None,
        expires_after: Expiry | None = None,
        idempotency_key: str | None = None,
        validate: bool = True,
        account: str | None = None,
        **options: Any,
    ) -> FileObject:
        """Stage a file; a file for a batch is always checked.

        A URI such as ``gs://bucket/in.jsonl`` is read once, by *account* or, without
        a name, by the client's own: from then on it is a file like any other, with
        its owner and what it costs.
        ``idempotency_key`` is not needed: nothing is sent, and a file that is
        staged twice is paid for once.
        """
        del idempotency_key, validate
        tracked.check_options(options)
        expiry = expires_of(expires_after)
        plan = tracked.create_file(self._desk, file, purpose, filename, expiry, account)
        return await self._desk.run(plan)

    async def retrieve(self, file_id: str | FileObject, **options: Any) -> FileObject:
        tracked.check_options(options)
        return await self._desk.run(tracked.retrieve_file(self._desk, ref_of(file_id).id))

    async def digest(self, file_id: str | FileObject) -> str | None:
        """The SHA-256 of the content as it was staged, in hex."""
        return await self._desk.run(tracked.digest(self._desk, ref_of(file_id).id))

    async def report(self, file_id: str | FileObject) -> FileReport:
        """Which of its lines gates refused and rewrote, and why."""
        return await self._desk.run(tracked.report(self._desk, ref_of(file_id).id))

    async def delete(self, file_id: str | FileObject, **options: Any) -> FileDeleted:
        tracked.check_options(options)
        return await self._desk.run(tracked.delete_file(self._desk, ref_of(file_id).id))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        purpose: str | None = None,
        **options: Any,
    ) -> AsyncPager[FileObject]:
        tracked.check_options(options)
        first = page_of(after, limit, order, purpose)
        return AsyncPager(self._desk, lambda page: tracked.list_files(self._desk, page), first)

    def content(self, file_id: str | FileObject, **options: Any) -> AsyncContent:
        tracked.check_options(options)
        wanted = ref_of(file_id).id
        return AsyncContent(
            self._desk,
            lambda: tracked.content(self._desk, wanted),
            lambda: tracked.size_of_file(self._desk, wanted),
        )


class AsyncTrackedBatches(AsyncBatches):
    """``client.batches`` where batches are kept in a ledger, followed, and settled."""

    def __init__(self, desk: AsyncDesk, account: str | None, estimator: Estimator) -> None:
        self._desk = desk
        self._at = account
        self._estimator = estimator

    async def create(
        self,
        input_file_id: str | FileObject,
        endpoint: str,
        completion_window: str = "24h",
        *,
        metadata: Mapping[str, str] | None = None,
        output_expires_after: Expiry | None = None,
        models: Sequence[str] = (),
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Batch:
        """Write a batch down; it is sent by whoever follows it (``tracked_by`` says who).

        With an ``idempotency_key``, the batch that was created with it is returned.
        The models of the lines are known, so ``models`` is not used.
        """
        from batchyard.ledger import BatchOrder  # noqa: PLC0415 - needs an extra

        del models
        tracked.check_options(options)
        order = BatchOrder(
            ref_of(input_file_id).id,
            endpoint,
            completion_window,
            metadata,
            expires_of(output_expires_after),
            self._at,
            idempotency_key,
        )
        return await self._desk.run(tracked.create_batch(self._desk, order))

    async def estimate(self, file: FileContent, *, output_tokens: int | None = None) -> Estimate:
        return await self._desk.run(self._estimator.estimate(file, output_tokens))

    async def find(self, idempotency_key: str, **options: Any) -> Batch | None:
        """The batch that was created with the key, whenever that was."""
        tracked.check_options(options)
        return await self._desk.run(tracked.find_batch(self._desk, idempotency_key))

    async def retrieve(self, batch_id: str | Batch, **options: Any) -> Batch:
        """The batch as the ledger has it: no provider is asked."""
        tracked.check_options(options)
        return await self._desk.run(tracked.retrieve_batch(self._desk, ref_of(batch_id).id))

    async def cancel(self, batch_id: str | Batch, **options: Any) -> Batch:
        tracked.check_options(options)
        return await self._desk.run(tracked.cancel_batch(self._desk, ref_of(batch_id).id))

    def list(
        self, *, after: str | None = None, limit: int | None = None, **options: Any
    ) -> AsyncPager[Batch]:
        tracked.check_options(options)
        return AsyncPager(
            self._desk,
            lambda page: tracked.list_batches(self._desk, page),
            page_of(after, limit),
        )

    async def wait(
        self,
        batch_id: str | Batch,
        *,
        on_progress: Callable[[Batch], object] | None = None,
        wait_timeout: float | None = None,
        poll: Polling | None = None,
        **options: Any,
    ) -> Batch:
        """Wait until the batch is settled.

        Where no worker follows the ledger, this call does, for all its batches.
        """
        tracked.check_options(options)
        seen: Batch | None = None
        limit = poll.timeout if poll is not None else wait_timeout
        wanted = ref_of(batch_id).id
        async for seen in self._desk.stream(tracked.watch(self._desk, wanted, limit)):
            if on_progress is not None:
                await answered(on_progress(seen))
        assert seen is not None  # noqa: S101 - the stream ends only after it has seen the batch
        return seen

    def results(
        self,
        batch_id: str | Batch,
        *,
        input_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> AsyncResults:
        """One item for each input line, from the store; ``input_file`` is not needed."""
        del input_file
        tracked.check_options(options)
        wanted = ref_of(batch_id).id
        return AsyncResults(
            self._desk,
            lambda: tracked.retrieve_batch(self._desk, wanted),
            lambda batch: tracked.results(self._desk, batch),
        )

    async def cost(self, batch_id: str | Batch) -> Receipt:
        """What the batch comes to; see :class:`~batchyard.models.Receipt`.

        Raises :class:`~batchyard.errors.NotFinishedError` before it is settled.
        """
        return await self._desk.run(tracked.receipt(self._desk, ref_of(batch_id).id))

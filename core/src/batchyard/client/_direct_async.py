"""The async client's methods without a ledger: straight to the provider.

The blocking ones are generated from this file: scripts/generate_client.py.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from batchyard.client._collect import collect, end_of, size_of
from batchyard.client._estimating import Estimator
from batchyard.client._join import Join
from batchyard.client._options import CallOptions, call_of, expires_of, page_of, ref_of
from batchyard.client._plans import (
    NAMED,
    YOUNG,
    Polling,
    batch_marker,
    create,
    fetched,
    file_marker,
    find,
    upload,
    watch,
)
from batchyard.client._results import Result
from batchyard.client._streams_async import AsyncContent, AsyncPager, AsyncResults
from batchyard.client._uploads import Uploads
from batchyard.drivers import AsyncDriver
from batchyard.effects import Plan, Stream
from batchyard.errors import UnsupportedError
from batchyard.models import (
    Batch,
    BatchRequest,
    ExpiresAfter,
    FileDeleted,
    FileObject,
    FileReport,
    FileUpload,
    Receipt,
)
from batchyard.steps import FileContent, PathSource

if TYPE_CHECKING:
    from batchyard.estimates import Estimate

__all__ = [
    "AsyncBatches",
    "AsyncFiles",
    "Expiry",
    "answered",
]

Expiry = ExpiresAfter | Mapping[str, Any] | int
"""Seconds, or OpenAI's ``{"anchor": "created_at", "seconds": …}``."""


class AsyncFiles:
    """``client.files``.

    Every method takes ``timeout`` (seconds), ``max_retries``, ``extra_headers``
    and ``extra_body`` too.
    """

    def __init__(self, driver: AsyncDriver, options: CallOptions, uploads: Uploads) -> None:
        self._driver = driver
        self._account = driver.account
        self._options = options
        self._uploads = uploads

    async def create(
        self,
        file: FileContent,
        purpose: str = "batch",
        *,
        filename: str | None = None,
        expires_after: Expiry | None = None,
        idempotency_key: str | None = None,
        validate: bool = True,
        **options: Any,
    ) -> FileObject:
        """Upload a file: bytes, a path, an open binary file, or pieces (see ``FileContent``).

        A URI such as ``gs://bucket/in.jsonl`` is read by the account, where its
        provider has such places and the settings allow it; nothing is written there.
        A file for a batch is checked before anything is sent, unless *validate*
        is false: :class:`~batchyard.errors.InvalidLinesError` has all its bad lines.
        With an ``idempotency_key`` the stored name gets a mark, and a file that
        was uploaded with the same key is returned instead of uploading again.
        """
        marker = file_marker(idempotency_key) if idempotency_key else None
        call = call_of(self._account.name, self._options, options, marker)
        content = await self._driver.run(fetched(self._account, call, file))
        prepared = await self._driver.run(
            self._uploads.prepare(self._account, content, purpose, validate=validate)
        )
        name = filename or prepared.name
        if marker is not None:
            stem, dot, suffix = name.rpartition(".")
            name = f"{stem}-{marker}{dot}{suffix}" if dot else f"{name}-{marker}"
        wanted = FileUpload(prepared.source, name, purpose, expires_of(expires_after))
        stored = await self._driver.run(upload(self._account, call, wanted))
        self._uploads.remember(stored, prepared.check, keyed=marker is not None)
        return stored

    async def retrieve(self, file_id: str | FileObject, **options: Any) -> FileObject:
        call = call_of(self._account.name, self._options, options)
        return await self._driver.run(self._account.retrieve_file(call, ref_of(file_id)))

    async def report(self, file_id: str | FileObject) -> FileReport:
        """Which of its lines gates refused and rewrote, and why, which only a ledger keeps.

        Raises :class:`~batchyard.errors.UnsupportedError` without one.
        """
        raise UnsupportedError(
            f"what gates made of {ref_of(file_id).id} is kept in a ledger: "
            "use a client with ledger=True",
            code="needs_ledger",
        )

    async def delete(self, file_id: str | FileObject, **options: Any) -> FileDeleted:
        call = call_of(self._account.name, self._options, options)
        return await self._driver.run(self._account.delete_file(call, ref_of(file_id)))

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        order: Literal["asc", "desc"] | None = None,
        purpose: str | None = None,
        **options: Any,
    ) -> AsyncPager[FileObject]:
        """The files, newest first; ``limit`` is the size of a page, and all pages are walked."""
        call = call_of(self._account.name, self._options, options)
        first = page_of(after, limit, order, purpose)
        return AsyncPager(self._driver, lambda page: self._account.list_files(call, page), first)

    def content(self, file_id: str | FileObject, **options: Any) -> AsyncContent:
        """The file's bytes, to be iterated over, read or saved.  Nothing is sent before that."""
        call = call_of(self._account.name, self._options, options)
        file = ref_of(file_id)
        return AsyncContent(
            self._driver,
            lambda: self._account.file_content(call, file),
            lambda: size_of(self._account, call, file_id),
        )


class AsyncBatches:
    """``client.batches``.

    Every method takes ``timeout`` (seconds), ``max_retries``, ``extra_headers``
    and ``extra_body`` too.
    """

    def __init__(
        self, driver: AsyncDriver, options: CallOptions, uploads: Uploads, estimator: Estimator
    ) -> None:
        self._driver = driver
        self._account = driver.account
        self._options = options
        self._uploads = uploads
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
        """Create a batch, once: after a reply that was lost it is looked for, not sent again.

        With an ``idempotency_key`` a mark goes into the metadata (and is taken
        out on reading), and a batch that was created with the same key is
        returned instead of creating another, also by another process.
        ``models`` are the models of the lines, for providers that must be told;
        those of a file that this client has checked are known.

        Raises :class:`~batchyard.errors.InputError` for such a file whose lines are
        for another endpoint, or name more models than a batch takes;
        :class:`~batchyard.errors.IdempotencyError` where the metadata has no room;
        :class:`~batchyard.errors.AmbiguousCreateError` where it cannot be found
        out whether the batch was created.
        """
        marker = batch_marker(idempotency_key) if idempotency_key else None
        call = call_of(self._account.name, self._options, options, marker)
        request = BatchRequest(
            ref_of(input_file_id),
            endpoint,
            completion_window,
            metadata,
            expires_of(output_expires_after),
            tuple(models),
        )
        request = self._uploads.complete(self._account, request)
        await self._driver.run(self._uploads.admit(request))
        return await self._driver.run(create(self._account, call, request))

    async def estimate(self, file: FileContent, *, output_tokens: int | None = None) -> Estimate:
        """What a batch of the file would use and cost, from a sample of it.  Nothing is sent.

        ``output_tokens`` is how long you expect an answer to be.  What cannot be
        known beforehand is ``None``: see :class:`~batchyard.estimates.Estimate`.
        """
        return await self._driver.run(self._estimator.estimate(file, output_tokens))

    async def find(self, idempotency_key: str, **options: Any) -> Batch | None:
        """The batch that was created with the key in the last seven days, if any was."""
        marker = batch_marker(idempotency_key)
        call = call_of(self._account.name, self._options, options)
        return await self._driver.run(find(self._account, call, marker))

    async def retrieve(self, batch_id: str | Batch, **options: Any) -> Batch:
        call = call_of(self._account.name, self._options, options)
        return await self._driver.run(self._account.retrieve_batch(call, ref_of(batch_id)))

    async def cancel(self, batch_id: str | Batch, **options: Any) -> Batch:
        """Ask for the batch to be stopped.  One that has ended is returned as it is."""
        call = call_of(self._account.name, self._options, options)
        return await self._driver.run(self._account.cancel_batch(call, ref_of(batch_id)))

    def list(
        self, *, after: str | None = None, limit: int | None = None, **options: Any
    ) -> AsyncPager[Batch]:
        """The batches, newest first; ``limit`` is the size of a page, and all pages are walked."""
        call = call_of(self._account.name, self._options, options)
        return AsyncPager(
            self._driver,
            lambda page: self._account.list_batches(call, page),
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
        """Wait for the batch's end, and return it as it ended.

        ``on_progress`` is called with the batch each time it has been looked at.
        What may pass (an outage, a rate limit) is waited out.  Raises
        :class:`~batchyard.errors.WaitTimeoutError` after ``wait_timeout`` seconds.
        """
        call = call_of(self._account.name, self._options, options)
        batch = ref_of(batch_id)
        polling = poll or Polling(timeout=wait_timeout)
        seen: Batch | None = None

        def look(seconds: float) -> Plan[Batch]:
            bounded = min(seconds, call.timeout or seconds)
            # the watch itself looks again
            once = replace(call, timeout=bounded, max_retries=0)
            return self._account.retrieve_batch(once, batch)

        young = YOUNG if isinstance(batch_id, Batch) else NAMED
        async for seen in self._driver.stream(watch(self._account, look, polling, young)):
            if on_progress is not None:
                await answered(on_progress(seen))
        assert seen is not None  # noqa: S101 - the stream ends only after it has seen the batch
        await self._driver.run(end_of(self._account, call, seen))
        return seen

    def results(
        self,
        batch_id: str | Batch,
        *,
        input_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> AsyncResults:
        """One item for each input line, joined by ``custom_id``, in the order of the input.

        Both the output and the error file are read, in every terminal status.
        ``input_file`` is the input on disk, if it is there; else it is fetched.
        """
        call = call_of(self._account.name, self._options, options)
        path = PathSource(input_file).path if input_file is not None else None

        async def found() -> Batch:
            return await self._account.retrieve_batch(call, ref_of(batch_id))

        def joined(batch: Batch) -> tuple[Join, Stream[list[Result]]]:
            join = Join(batch, self._account.usage_reader(batch.endpoint or ""))
            return join, collect(self._account, call, batch, join, path)

        return AsyncResults(self._driver, found, joined)

    async def cost(self, batch_id: str | Batch) -> Receipt:
        """What the batch comes to, which only a ledger knows.

        Raises :class:`~batchyard.errors.UnsupportedError` without one.
        """
        raise UnsupportedError(
            f"what {ref_of(batch_id).id} costs is known where a ledger settles it: "
            "use a client with ledger=True, or adopt the batch",
            code="needs_ledger",
        )


async def answered(answer: object) -> None:
    """Wait for a callback that turned out to be async."""
    if inspect.isawaitable(answer):
        await answer

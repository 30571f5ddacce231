"""LiteLLM's functions for files and batches, async.

The blocking ones are generated from this file: scripts/generate_client.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from batchyard.client import AsyncClient
from batchyard.functions._clients import Clients
from batchyard.functions._content import BinaryContent
from batchyard.functions._options import settings_of, split_options
from batchyard.models import Batch, FileDeleted, FileObject, Page
from batchyard.registry import Registry
from batchyard.steps import FileContent

__all__ = [
    "acancel_batch",
    "aclose_clients",
    "acreate_batch",
    "acreate_file",
    "afile_content",
    "afile_delete",
    "afile_list",
    "afile_retrieve",
    "alist_batches",
    "aretrieve_batch",
]


def _make(provider: str | None, settings: Mapping[str, Any], registry: Registry) -> AsyncClient:
    return AsyncClient(provider, registry=registry, **settings)


_clients: Clients[AsyncClient] = Clients(_make)


@asynccontextmanager
async def _borrowed(
    provider: str | None, options: Mapping[str, Any]
) -> AsyncIterator[tuple[AsyncClient, dict[str, Any]]]:
    """The client for these settings, and the options of the call."""
    settings, call = split_options(options)
    lease, unused = _clients.borrow(provider, settings_of(settings))
    try:
        for client in unused:
            await client.close()
        yield lease.client, call
    finally:
        for client in _clients.give_back(lease):
            await client.close()


async def aclose_clients() -> None:
    """Close the connections that the functions keep.  The next call opens new ones."""
    for client in _clients.drain():
        await client.close()


async def acreate_file(
    file: FileContent,
    purpose: str = "batch",
    expires_after: Any = None,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileObject:
    """Upload a file; see ``client.files.create``."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.files.create(
            file,
            purpose,
            expires_after=expires_after,
            extra_headers=extra_headers,
            extra_body=extra_body,
            **call,
        )


async def afile_retrieve(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileObject:
    """A file's description; see ``client.files.retrieve``."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.files.retrieve(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


async def afile_delete(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileDeleted:
    """Delete a file; see ``client.files.delete``."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.files.delete(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


async def afile_list(
    custom_llm_provider: str | None = None,
    purpose: str | None = None,
    after: str | None = None,
    limit: int | None = None,
    order: Any = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Page[FileObject]:
    """One page of the files, newest first; see ``client.files.list`` for all of them."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        pager = client.files.list(
            after=after,
            limit=limit,
            order=order,
            purpose=purpose,
            extra_headers=extra_headers,
            extra_body=extra_body,
            **call,
        )
        return await pager.page()


async def afile_content(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> BinaryContent:
    """A file's bytes, fetched to a temporary file; see ``client.files.content``."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        content = client.files.content(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )
        spool = BinaryContent.spool()
        await content.save(spool.path)
        return spool


async def acreate_batch(
    completion_window: str,
    endpoint: str,
    input_file_id: str,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    *,
    output_expires_after: Any = None,
    idempotency_key: str | None = None,
    **options: Any,
) -> Batch:
    """Create a batch; see ``client.batches.create``."""
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.batches.create(
            input_file_id,
            endpoint,
            completion_window,
            metadata=metadata,
            output_expires_after=output_expires_after,
            idempotency_key=idempotency_key,
            extra_headers=extra_headers,
            extra_body=extra_body,
            **call,
        )


async def aretrieve_batch(
    batch_id: str,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Batch:
    """A batch as it stands; see ``client.batches.retrieve``.  ``metadata`` is not used."""
    del metadata  # LiteLLM takes it, for its own logs
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.batches.retrieve(
            batch_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


async def acancel_batch(
    batch_id: str,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Batch:
    """Ask for a batch to be stopped; see ``client.batches.cancel``.  ``metadata`` is not used."""
    del metadata  # LiteLLM takes it, for its own logs
    async with _borrowed(custom_llm_provider, options) as (client, call):
        return await client.batches.cancel(
            batch_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


async def alist_batches(
    after: str | None = None,
    limit: int | None = None,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Page[Batch]:
    """One page of the batches, newest first; see ``client.batches.list`` for all of them."""
    del metadata  # LiteLLM takes it, for its own logs
    async with _borrowed(custom_llm_provider, options) as (client, call):
        pager = client.batches.list(
            after=after, limit=limit, extra_headers=extra_headers, extra_body=extra_body, **call
        )
        return await pager.page()

"""LiteLLM's functions for files and batches, blocking.

Generated from the async ones, do not edit: scripts/generate_client.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from batchyard.client import Client
from batchyard.functions._clients import Clients
from batchyard.functions._content import BinaryContent
from batchyard.functions._options import settings_of, split_options
from batchyard.models import Batch, FileDeleted, FileObject, Page
from batchyard.registry import Registry
from batchyard.steps import FileContent

__all__ = [
    "cancel_batch",
    "close_clients",
    "create_batch",
    "create_file",
    "file_content",
    "file_delete",
    "file_list",
    "file_retrieve",
    "list_batches",
    "retrieve_batch",
]


def _make(provider: str | None, settings: Mapping[str, Any], registry: Registry) -> Client:
    return Client(provider, registry=registry, **settings)


_clients: Clients[Client] = Clients(_make)


@contextmanager
def _borrowed(
    provider: str | None, options: Mapping[str, Any]
) -> Iterator[tuple[Client, dict[str, Any]]]:
    """The client for these settings, and the options of the call."""
    settings, call = split_options(options)
    lease, unused = _clients.borrow(provider, settings_of(settings))
    try:
        for client in unused:
            client.close()
        yield lease.client, call
    finally:
        for client in _clients.give_back(lease):
            client.close()


def close_clients() -> None:
    """Close the connections that the functions keep.  The next call opens new ones."""
    for client in _clients.drain():
        client.close()


def create_file(
    file: FileContent,
    purpose: str = "batch",
    expires_after: Any = None,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileObject:
    """Upload a file; see ``client.files.create``."""
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.files.create(
            file,
            purpose,
            expires_after=expires_after,
            extra_headers=extra_headers,
            extra_body=extra_body,
            **call,
        )


def file_retrieve(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileObject:
    """A file's description; see ``client.files.retrieve``."""
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.files.retrieve(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


def file_delete(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> FileDeleted:
    """Delete a file; see ``client.files.delete``."""
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.files.delete(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


def file_list(
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
    with _borrowed(custom_llm_provider, options) as (client, call):
        pager = client.files.list(
            after=after,
            limit=limit,
            order=order,
            purpose=purpose,
            extra_headers=extra_headers,
            extra_body=extra_body,
            **call,
        )
        return pager.page()


def file_content(
    file_id: str,
    custom_llm_provider: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> BinaryContent:
    """A file's bytes, fetched to a temporary file; see ``client.files.content``."""
    with _borrowed(custom_llm_provider, options) as (client, call):
        content = client.files.content(
            file_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )
        spool = BinaryContent.spool()
        content.save(spool.path)
        return spool


def create_batch(
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
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.batches.create(
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


def retrieve_batch(
    batch_id: str,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Batch:
    """A batch as it stands; see ``client.batches.retrieve``.  ``metadata`` is not used."""
    del metadata  # LiteLLM takes it, for its own logs
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.batches.retrieve(
            batch_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


def cancel_batch(
    batch_id: str,
    custom_llm_provider: str | None = None,
    metadata: Mapping[str, str] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    **options: Any,
) -> Batch:
    """Ask for a batch to be stopped; see ``client.batches.cancel``.  ``metadata`` is not used."""
    del metadata  # LiteLLM takes it, for its own logs
    with _borrowed(custom_llm_provider, options) as (client, call):
        return client.batches.cancel(
            batch_id, extra_headers=extra_headers, extra_body=extra_body, **call
        )


def list_batches(
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
    with _borrowed(custom_llm_provider, options) as (client, call):
        pager = client.batches.list(
            after=after, limit=limit, extra_headers=extra_headers, extra_body=extra_body, **call
        )
        return pager.page()

"""``/batches``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from batchyard.gateway._bodies import json_of
from batchyard.gateway._callers import Caller
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._headers import idempotency_key_of
from batchyard.gateway._hints import FIELDS, PROVIDER_QUERIES, hints_of, provider_of
from batchyard.gateway._queries import Query
from batchyard.gateway._replies import json_reply
from batchyard.gateway.routes._operations import Operation
from batchyard.ledger import BatchOrder
from batchyard.models import ExpiresAfter

__all__ = ["BATCHES", "CreateBatch"]

MOST = 100
"""Batches of a page (OpenAI API reference, list batches)."""


class OutputExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


class CreateBatch(BaseModel):
    """The body of a create (OpenAI API reference, create batch)."""

    model_config = ConfigDict(extra="forbid")

    input_file_id: str = Field(min_length=1, max_length=512)
    endpoint: str = Field(min_length=1, max_length=512)
    completion_window: str = Field(max_length=64)
    metadata: dict[str, str] | None = None
    output_expires_after: OutputExpiresAfter | None = None
    custom_llm_provider: str | None = None
    model: str | None = None
    account: str | None = None


async def _create(gateway: Gateway, caller: Caller, request: Request) -> Response:
    key = idempotency_key_of(request)
    body = await json_of(request, CreateBatch, gateway.settings.idle_timeout)
    expires = body.output_expires_after
    order = BatchOrder(
        body.input_file_id,
        body.endpoint,
        body.completion_window,
        body.metadata,
        None if expires is None else ExpiresAfter(expires.seconds),
        None,
        key,
        hints_of(gateway, caller, request, body.model_dump(include=set(FIELDS), exclude_none=True)),
    )
    made = await gateway.ledger.create_batch(
        order, who=caller.identity, owner=caller.owner, accounts=caller.accounts
    )
    return json_reply(made)


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    page = query.page(MOST)
    query.take(PROVIDER_QUERIES)
    query.end()
    provider = provider_of(gateway, request)
    return json_reply(
        await gateway.ledger.list_batches(page, owner=caller.owner, provider=provider)
    )


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    batch_id = request.path_params["batch_id"]
    return json_reply(await gateway.ledger.retrieve_batch(batch_id, owner=caller.owner))


async def _cancel(gateway: Gateway, caller: Caller, request: Request) -> Response:
    batch_id = request.path_params["batch_id"]
    return json_reply(await gateway.ledger.cancel_batch(batch_id, owner=caller.owner))


BATCHES = (
    Operation("GET", "/batches/{batch_id}", _retrieve, "Retrieve a batch"),
    Operation("POST", "/batches", _create, "Create a batch"),
    Operation("GET", "/batches", _list, "List batches"),
    Operation("POST", "/batches/{batch_id}/cancel", _cancel, "Cancel a batch"),
)

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
from batchyard.gateway._replies import created, json_reply
from batchyard.gateway.routes._operations import Answer, Operation, Parameter, id_of
from batchyard.gateway.routes._parameters import HINTS, IDEMPOTENCY_KEY, paged
from batchyard.ledger import BatchFilter, BatchOrder
from batchyard.models import Batch, ExpiresAfter, Page

__all__ = ["BATCHES", "CreateBatch"]

MOST = 100
"""Batches of a page (OpenAI API reference, list batches)."""

PAIRS, LATEST = 16, 10**11
"""Pairs of metadata in a filter, and seconds since 1970."""

STATUSES = (
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
)


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
        order,
        who=caller.identity,
        owner=caller.owner,
        accounts=caller.accounts,
        models=caller.models,
    )
    return created(made)


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    page = query.page(MOST)
    query.take(PROVIDER_QUERIES)
    wanted = BatchFilter(
        query.one_of("status", STATUSES),
        query.whole("created_after", 0, LATEST),
        query.whole("created_before", 0, LATEST),
        query.pairs("metadata", PAIRS),
        provider_of(gateway, request),
        query.text("account"),
    )
    query.end()
    found = await gateway.ledger.list_batches(page, owner=caller.owner, wanted=wanted)
    return json_reply(found)


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    batch_id = id_of(request, "batch_id")
    return json_reply(await gateway.ledger.retrieve_batch(batch_id, owner=caller.owner))


async def _cancel(gateway: Gateway, caller: Caller, request: Request) -> Response:
    batch_id = id_of(request, "batch_id")
    return json_reply(await gateway.ledger.cancel_batch(batch_id, owner=caller.owner))


BATCH = Answer("The batch.", Batch)

FILTERS = (
    Parameter(
        "status",
        "Only batches that show it.",
        {"type": "string", "enum": list(STATUSES)},
    ),
    *(
        Parameter(
            name,
            f"Only batches created {word} this second (Unix time), which does not count.",
            {"type": "integer", "minimum": 0, "maximum": LATEST},
        )
        for name, word in (("created_after", "after"), ("created_before", "before"))
    ),
    Parameter(
        "metadata",
        f"`metadata[key]=value`: only batches with all of these, {PAIRS} at most.",
        {
            "type": "object",
            "maxProperties": PAIRS,
            "additionalProperties": {"type": "string", "maxLength": 512},
        },
    ),
    Parameter("provider", "Only those of this provider.", {"type": "string", "maxLength": 512}),
    Parameter("account", "Only those of this account.", {"type": "string", "maxLength": 512}),
)

BATCHES = (
    Operation(
        "GET",
        "/batches/{batch_id}",
        _retrieve,
        "Retrieve a batch",
        "Answered from the ledger: asking often costs nothing.",
        answers=(BATCH,),
        errors=(404,),
        tag="Batches",
    ),
    Operation(
        "POST",
        "/batches",
        _create,
        "Create a batch",
        "Written down, and answered at once; it is sent to its provider after that.",
        (IDEMPOTENCY_KEY, *HINTS),
        {"application/json": CreateBatch},
        (BATCH,),
        (400, 402, 404, 408, 409, 413, 415, 429),
        "Batches",
    ),
    Operation(
        "GET",
        "/batches",
        _list,
        "List batches",
        "Your batches of all providers, the newest first. What comes or goes while you walk "
        "repeats and hides nothing.",
        (*paged(MOST), *FILTERS),
        answers=(Answer("A page.", Page[Batch]),),
        errors=(400, 404),
        tag="Batches",
    ),
    Operation(
        "POST",
        "/batches/{batch_id}/cancel",
        _cancel,
        "Cancel a batch",
        "It is `cancelling` until its provider has stopped; lines that were answered are kept.",
        answers=(BATCH,),
        errors=(400, 404, 409),
        tag="Batches",
    ),
)

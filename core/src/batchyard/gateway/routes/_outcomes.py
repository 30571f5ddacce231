"""``/batches/{batch_id}/cost``, ``/results`` and ``/events``: what OpenAI's API does not have."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from batchyard.errors import ConfigError, NotFinishedError
from batchyard.events import receipt_to_json
from batchyard.gateway._callers import Caller
from batchyard.gateway._events import events_page
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._queries import Query
from batchyard.gateway._results import Wish, results_page
from batchyard.gateway.routes._operations import ID, Answer, Operation, Parameter, id_of
from batchyard.ledger import Ledger
from batchyard.ledger.query import TOKENS
from batchyard.lines import ResultLine
from batchyard.models import OUTCOMES, Outcome, Receipt, Usage

__all__ = ["BEYOND"]

log = logging.getLogger("batchyard.gateway")

LINES, MOST_LINES = 100, 1000
SIZE, MOST_SIZE = 4 * 1024 * 1024, 32 * 1024 * 1024
"""Lines and bytes of a page of results."""

EVENTS, MOST_EVENTS = 100, 500


async def _cost(gateway: Gateway, caller: Caller, request: Request) -> Response:
    batch_id = id_of(request, "batch_id")
    receipt = await gateway.ledger.receipt(batch_id, owner=caller.owner)
    return JSONResponse({"object": "batch.cost", **receipt_to_json(receipt)})


async def _results(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    wish = Wish(
        query.text("after"),
        query.whole("limit", 1, MOST_LINES) or LINES,
        query.whole("max_bytes", 1, MOST_SIZE) or SIZE,
        _outcomes(query),
    )
    query.end()
    ledger = gateway.ledger
    batch = await ledger.batch(id_of(request, "batch_id"), owner=caller.owner)
    if batch.phase != "settled":
        raise NotFinishedError(f"batch {batch.id} is not settled yet", param="batch_id")
    usage_of = await _usage_reader(ledger, batch.id)
    page = await asyncio.to_thread(results_page, ledger, batch, usage_of, wish)
    return Response(page, media_type="application/json")


def _outcomes(query: Query) -> frozenset[Outcome] | None:
    outcome = query.one_of("outcome", OUTCOMES)
    return None if outcome is None else frozenset({cast("Outcome", outcome)})


async def _usage_reader(ledger: Ledger, batch_id: str) -> Callable[[ResultLine], Usage]:
    """The account's reader; without the account a line's tokens are unknown, not its answer."""
    try:
        return await ledger.usage_reader(batch_id)
    except ConfigError as error:
        log.warning("the tokens of single results of %s are unknown here: %s", batch_id, error)
        return lambda _: Usage(known=False)


async def _events(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    after = query.text("after")
    limit = query.whole("limit", 1, MOST_EVENTS) or EVENTS
    query.end()
    ledger = gateway.ledger
    batch = await ledger.batch(id_of(request, "batch_id"), owner=caller.owner)
    told = await ledger.events(batch.id, after=after, limit=limit + 1)
    return JSONResponse(events_page(batch, told, await ledger.jobs(batch.id), limit))


def _nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _list_of(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    properties = {
        "object": {"const": "list"},
        "data": {"type": "array", "items": item},
        "last_id": _nullable("string"),
        "has_more": {"type": "boolean"},
        **more,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


RESULT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "its place: the page behind it begins there"},
        "object": {"const": "batch.result"},
        "line": {"type": ["integer", "null"], "minimum": 1},
        "custom_id": _nullable("string"),
        "outcome": {"type": "string", "enum": list(OUTCOMES)},
        "usage": {
            "type": ["object", "null"],
            "properties": {name: {"type": "integer"} for name in (*TOKENS, "total_tokens")},
        },
        "error": {
            "type": ["object", "null"],
            "properties": {"code": _nullable("string"), "message": {"type": "string"}},
            "required": ["code", "message"],
        },
        "response": {
            "type": ["object", "null"],
            "properties": {
                "status_code": {"type": "integer"},
                "request_id": _nullable("string"),
                "body": {},
            },
            "required": ["status_code", "request_id", "body"],
        },
    },
    "required": ["id", "object", "line", "custom_id", "outcome", "usage", "error", "response"],
}

EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "version": {"type": "integer"},
        "type": {"type": "string"},
        "hook": {"type": "string"},
        "at": {"type": "number"},
        "provider": {"type": "string"},
        "account": {"type": "string"},
        "reason": _nullable("string"),
        "batch": {"type": "object"},
    },
    "required": ["id", "version", "type", "hook", "at", "provider", "account", "batch"],
}

JOB = {
    "type": "object",
    "properties": {
        "object": {"const": "batch.job"},
        "number": {"type": "integer"},
        "account": {"type": "string"},
        "provider": {"type": "string"},
        "state": {"type": "string"},
        "status": _nullable("string"),
        "reason": _nullable("string"),
        "attempts": {"type": "integer"},
        "created_at": {"type": "integer"},
        **{
            f"{name}_at": _nullable("integer")
            for name in ("submitted", "observed", "next", "ended")
        },
    },
    "required": ["number", "account", "provider", "state", "reason"],
}

COST = {
    "allOf": [TypeAdapter(Receipt).json_schema(mode="serialization")],
    "properties": {"object": {"const": "batch.cost"}},
    "required": ["object"],
}


def _limit(most: int, default: int) -> Parameter:
    return Parameter(
        "limit",
        "How many to list at most.",
        {"type": "integer", "minimum": 1, "maximum": most, "default": default},
    )


BEYOND = (
    Operation(
        "GET",
        "/batches/{batch_id}/cost",
        _cost,
        "What a batch cost",
        "The receipt: tokens and US dollars by model and band, with rates and their source, and "
        "the proof that no line is missing. What has no known price is `unpriced`, never 0. "
        "Before the batch is settled there is none (409).",
        answers=(Answer("The receipt. Money is a string, for it is exact.", COST),),
        errors=(404, 409),
        tag="Outcomes",
    ),
    Operation(
        "GET",
        "/batches/{batch_id}/results",
        _results,
        "Read results beside their lines",
        "One item for each line of the input, in its order: what became of it, what it used, and "
        "the answer. Before the batch is settled there are none (409).",
        (
            Parameter(
                "after",
                "The `last_id` of the page before.",
                {"type": "string", "maxLength": 512},
            ),
            _limit(MOST_LINES, LINES),
            Parameter(
                "max_bytes",
                "A page with so many bytes ends, whatever its limit; it has one item at least.",
                {"type": "integer", "minimum": 1, "maximum": MOST_SIZE, "default": SIZE},
            ),
            Parameter(
                "outcome",
                "Only lines of this outcome.",
                {"type": "string", "enum": list(OUTCOMES)},
            ),
        ),
        answers=(Answer("A page.", _list_of(RESULT)),),
        errors=(400, 404, 409),
        tag="Outcomes",
    ),
    Operation(
        "GET",
        "/batches/{batch_id}/events",
        _events,
        "What has happened to a batch",
        "Its events, the oldest first, and its jobs as they are now: `reason` says why one waits, "
        "such as an outage of its provider.",
        (
            Parameter(
                "after", "The last id of the page before.", {"type": "string", "pattern": ID}
            ),
            _limit(MOST_EVENTS, EVENTS),
        ),
        answers=(
            Answer(
                "A page.",
                _list_of(
                    EVENT,
                    first_id=_nullable("string"),
                    reason=_nullable("string"),
                    jobs={"type": "array", "items": JOB},
                ),
            ),
        ),
        errors=(400, 404),
        tag="Outcomes",
    ),
)

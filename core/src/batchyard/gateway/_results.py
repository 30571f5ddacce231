"""Lines beside what became of them, in pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgspec

from batchyard.errors import InputError
from batchyard.ledger import Ledger
from batchyard.ledger.query import TOKENS
from batchyard.ledger.records import BatchRecord
from batchyard.ledger.settlement import BEGINNING, Joined, Spot
from batchyard.lines import NO_RESULT, ResultError, ResultLine, decode_input, decode_result
from batchyard.models import Outcome, Usage

__all__ = ["Wish", "results_page"]

PLACE = struct.Struct(">QII")
"""Offset in the input, lines and requests before it."""

FARTHEST, COUNTED = 2**62, 2**31
"""What no offset and no count comes to: more cannot be looked for, and anybody can seal it."""

SEAL = 8
"""Bytes that tie a place to its batch."""

UsageOf = Callable[[ResultLine], Usage]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which results, and how many: a page ends after *limit* lines, or with *size* bytes."""

    after: str | None
    limit: int
    size: int
    outcomes: Collection[Outcome] | None = None


def results_page(ledger: Ledger, batch: BatchRecord, usage_of: UsageOf, wish: Wish) -> bytes:
    """The page in JSON.  It blocks, reads from where it begins, and holds no more than itself.

    Raises :class:`InputError` for an ``after`` that is no place of this batch.
    """
    start = BEGINNING if wish.after is None else _spot(batch.id, wish.after)
    items: list[msgspec.Raw] = []
    last, size, more = None, 0, False
    with ExitStack() as scope:
        for one in ledger.results(batch, scope, start, wish.outcomes):
            if len(items) == wish.limit or size >= wish.size:
                more = True
                break
            last = _place(batch.id, one.end)
            item = msgspec.json.encode({"id": last, **_item(one, usage_of)})
            items.append(msgspec.Raw(item))
            size += len(item)
    page = {"object": "list", "data": items, "last_id": last, "has_more": more}
    return msgspec.json.encode(page)


def _item(joined: Joined, usage_of: UsageOf) -> dict[str, Any]:
    item: dict[str, Any] = {"object": "batch.result", "line": joined.number}
    row = joined.row
    if row is None:
        item |= {"custom_id": _custom_id(joined.line), "outcome": "missing"}
        return item | {"usage": None, "error": _error(NO_RESULT), "response": None}
    output = decode_result(row.data)
    item |= {"custom_id": output.custom_id, "outcome": row.outcome}
    item["usage"] = None if row.made else _usage(usage_of(output))
    item["error"] = None if output.failure is None else _error(output.failure)
    item["response"] = None if row.made else _response(output)
    return item


def _custom_id(line: bytes | None) -> str | None:
    try:
        return decode_input(line or b"").custom_id
    except (msgspec.DecodeError, RecursionError):
        return None


def _error(error: ResultError) -> dict[str, Any]:
    return {"code": error.code, "message": _text(error.message)}


def _usage(usage: Usage) -> dict[str, int] | None:
    """``None`` where it is not known."""
    if not usage.known:
        return None
    return {**{name: getattr(usage, name) for name in TOKENS}, "total_tokens": usage.total_tokens}


def _response(output: ResultLine) -> dict[str, Any] | None:
    response = output.response
    if response is None:
        return None
    return {
        "status_code": response.status_code,
        "request_id": response.request_id,
        "body": None if response.body is None else _json(response.body),
    }


def _json(raw: msgspec.Raw) -> msgspec.Raw | None:
    """As it came, unless what came is no JSON: services send NaN, and half a surrogate pair."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = json.loads(bytes(raw).decode(errors="replace"), parse_constant=_nothing)
            return msgspec.Raw(json.dumps(value).encode())
        except (ValueError, RecursionError):
            return None
    return raw


def _nothing(_: str) -> None:
    """JSON has no word for it."""


def _text(text: str) -> str:
    """What can be written in UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _place(batch_id: str, spot: Spot) -> str:
    packed = PLACE.pack(spot.offset, spot.lines, spot.requests)
    return base64.urlsafe_b64encode(packed + _seal(batch_id, packed)).decode()


def _spot(batch_id: str, place: str) -> Spot:
    try:
        data = base64.b64decode(place, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        data = b""
    packed, seal = data[: PLACE.size], data[PLACE.size :]
    made = len(packed) == PLACE.size and seal == _seal(batch_id, packed)
    spot = Spot(*PLACE.unpack(packed)) if made else None
    if spot is None or spot.offset >= FARTHEST or max(spot.lines, spot.requests) >= COUNTED:
        raise InputError(
            "'after' is no place in these results: pass the last_id of a page of the same batch.",
            code="invalid_value",
            param="after",
        )
    return spot


def _seal(batch_id: str, packed: bytes) -> bytes:
    """Not a secret: it keeps the places of two batches apart, and what was cut or mistyped out."""
    return hashlib.blake2b(packed, key=batch_id.encode()[:64], digest_size=SEAL).digest()

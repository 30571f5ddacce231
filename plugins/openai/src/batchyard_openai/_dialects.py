"""What a host does its own way, on the way there and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from batchyard.effects import Reply, Stream
from batchyard.errors import IdempotencyError, InputError
from batchyard.models import BatchRequest, Call, FileUpload
from batchyard.steps import rewritten
from batchyard_openai._hosts import Host

__all__ = ["form_for", "order_for", "plain_reply", "upload_for", "whole_lines"]

CHAT = "/v1/chat/completions"
AUDIO = "/v1/audio/transcriptions"


def plain_reply(host: Host) -> Callable[[Reply], Reply]:
    """What makes of a reply the one that OpenAI would have given."""

    def read(reply: Reply) -> Reply:
        if host.wrapped is None:
            return reply
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            return reply
        if isinstance(found, list):
            return _with(reply, {"data": found})
        if isinstance(found, dict) and isinstance(found.get(host.wrapped), dict):
            return _with(reply, found[host.wrapped])
        return reply

    return read


def _with(reply: Reply, value: object) -> Reply:
    return replace(reply, body=json.dumps(value).encode())


async def upload_for(host: Host, file: FileUpload) -> FileUpload:
    """The file as the host takes it.  Raises :class:`InputError` for what it does not take."""
    if file.expires_after is not None and not host.takes_expiry:
        raise InputError(f"{host.title} cannot be told when a file expires", param="expires_after")
    if file.purpose != "batch":
        return file
    source = file.source
    if host.bare_lines or host.max_id or host.max_line_bytes:
        source = await rewritten(source, lambda line: _line(host, line))
    return replace(file, source=source, purpose=host.upload_purpose)


def form_for(host: Host, call: Call, file: FileUpload) -> Call:
    """The call with what else the host's form has."""
    if host.upload_name is None:
        return call
    return replace(call, extra_body={host.upload_name: file.filename, **call.extra_body})


def _line(host: Host, line: bytes) -> bytes:
    if host.max_line_bytes is not None and len(line) > host.max_line_bytes:
        raise InputError(
            f"a line has {len(line)} bytes, and {host.title} takes {host.max_line_bytes}",
            param="file",
        )
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(request, dict):
        return line
    name = request.get("custom_id")
    if host.max_id is not None and isinstance(name, str) and len(name) > host.max_id:
        raise InputError(
            f"{name[: host.max_id]!r}… has {len(name)} characters, and {host.title} takes "
            f"{host.max_id} in a custom_id",
            param="custom_id",
        )
    if not host.bare_lines or not {"method", "url"} & request.keys():
        return line
    return _packed({key: one for key, one in request.items() if key not in {"method", "url"}})


def order_for(host: Host, call: Call, batch: BatchRequest) -> tuple[Call, BatchRequest]:
    """What is asked of the host.  Raises :class:`InputError` for what it does not take."""
    if batch.output_expires_after is not None and not host.takes_expiry:
        raise InputError(
            f"{host.title} cannot be told when a result expires", param="output_expires_after"
        )
    if host.idempotent and call.marker is not None:
        call = replace(call, extra_headers={**call.extra_headers, "idempotency-key": call.marker})
    if host.keeps_metadata:
        return call, batch
    if batch.own_input:
        # whoever uploads a file for one batch keeps its metadata too
        return call, replace(batch, metadata=None)
    if call.marker is not None:
        raise IdempotencyError(
            f"batches of {host.title} have no room for an idempotency key; create without one, "
            "or with a ledger",
            param="idempotency_key",
        )
    if batch.metadata:
        raise InputError(
            f"batches of {host.title} have no metadata; leave them out, or use a ledger",
            param="metadata",
        )
    return call, batch


async def whole_lines(content: Stream[bytes]) -> Stream[bytes]:
    """The content with requests as they were before method and url were taken out of them."""
    rest = b""
    async with aclosing(content) as pieces:
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for one in whole:
                yield _whole(one) + b"\n"
    if rest:
        yield _whole(rest)


def _whole(line: bytes) -> bytes:
    """A request has a body; a result has none of its own, and stays as it is."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(found, dict) or not isinstance(found.get("body"), dict) or "url" in found:
        return line
    name, body = found.pop("custom_id", None), found.pop("body")
    # which of the two audio endpoints it was is said by nobody
    url = CHAT if "messages" in body else AUDIO
    return _packed({"custom_id": name, "method": "POST", "url": url, **found, "body": body})


def _packed(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )

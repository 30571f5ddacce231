"""Sending a request and making sense of the reply."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from batchyard.effects import Open, Opened, Read, Reply, Request, Send
from batchyard.errors import (
    APIStatusError,
    Details,
    InputError,
    MalformedReplyError,
    status_error,
)

__all__ = [
    "Refusal",
    "call",
    "failure_details",
    "fetch",
    "header",
    "json_body",
    "opened",
    "parse",
    "redacted",
    "refusal",
]

M = TypeVar("M", bound=BaseModel)

ERROR_BODY = 64 * 1024
"""Bytes of a refused stream's body that are read for its message."""

MESSAGE = 500
"""Characters of a body that no parser understands that go into a message."""

_PUBLIC_HEADERS = frozenset({"accept", "content-type", "content-length", "user-agent", "range"})

Refusal = Callable[[Reply, Request], APIStatusError]
"""Turns a reply with status 300 or more into the error to raise."""


def redacted(text: str, request: Request) -> str:
    """*text* without the values of the request's headers: services echo credentials in errors."""
    for name, value in request.headers.items():
        if name.lower() in _PUBLIC_HEADERS:
            continue
        for secret in (value, value.rpartition(" ")[2]):
            if len(secret) >= 6:
                text = text.replace(secret, "***")
    return text


def failure_details(reply: Reply) -> Details:
    """What every refusal says in its headers: how long to wait, whether at all, and its id.

    ``retry-after-ms`` wins over ``Retry-After`` (seconds or an HTTP date), and
    ``x-should-retry`` over the status (behaviour of OpenAI's SDKs).
    """
    details = Details(status=reply.status, request_id=reply.headers.get("x-request-id"))
    wait = _retry_after(reply.headers)
    if wait is not None:
        details["retry_after"] = wait
    verdict = reply.headers.get("x-should-retry")
    if verdict in {"true", "false"}:
        details["retryable"] = verdict == "true"
    return details


def _retry_after(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    return _until(text, headers.get("date"))


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None


def _until(text: str, sent: str | None) -> float | None:
    """Seconds from the reply's own ``Date`` to an HTTP date, so that our clock does not matter."""
    try:
        if sent is None:
            return None
        wait = email.utils.parsedate_to_datetime(text) - email.utils.parsedate_to_datetime(sent)
    except (TypeError, ValueError):
        # no date, or one with and one without a zone
        return None
    return max(0.0, wait.total_seconds())


def refusal(reply: Reply, request: Request) -> APIStatusError:
    """The error for a reply of a service of which nothing is known but HTTP."""
    # redacted before it is cut: half a credential is still too much of it
    text = redacted(reply.body[:ERROR_BODY].decode(errors="replace").strip(), request)
    message = f"HTTP {reply.status}" + (f": {text[:MESSAGE]}" if text else "")
    return status_error(message, **failure_details(reply))


async def call(request: Request, refuse: Refusal = refusal) -> Reply:
    """Send *request*, once, and raise unless the service accepts it."""
    reply = await Send(request)
    if reply.status >= 300:
        raise refuse(reply, request)
    return reply


async def fetch(model: type[M], request: Request, refuse: Refusal = refusal) -> M:
    """The accepted reply to *request*, sent once, as a *model*."""
    return parse(model, await call(request, refuse))


async def opened(request: Request, refuse: Refusal = refusal) -> Opened:
    """The accepted reply to *request* with its body unread."""
    reply = await Open(request)
    if reply.status >= 300:
        raise refuse(Reply(reply.status, reply.headers, await _beginning(reply)), request)
    return reply


async def _beginning(reply: Opened) -> bytes:
    body = b""
    while len(body) < ERROR_BODY and (piece := await Read(reply)):
        body += piece
    return body


def parse(model: type[M], reply: Reply) -> M:
    """The reply's body as a *model*, or :class:`MalformedReplyError`."""
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        why = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in problems[:3]
        )
        raise MalformedReplyError(
            f"the reply is not a {model.__name__} ({why})",
            status=reply.status,
            request_id=reply.headers.get("x-request-id"),
        ) from None


def header(reply: Reply | Opened, name: str) -> str:
    """A header the service documents, or :class:`MalformedReplyError`."""
    try:
        return reply.headers[name]
    except KeyError:
        raise MalformedReplyError(f"the reply has no {name} header", status=reply.status) from None


def json_body(value: Any) -> bytes:
    """*value* as JSON, or :class:`InputError` for what JSON has no way to write."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the body cannot be written as JSON: {error}") from error

"""Bodies of requests: read with an end to patience, and JSON held against a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from batchyard.errors import InputError

__all__ = ["json_of", "pieces_of", "unsupported_media_type"]

M = TypeVar("M", bound=BaseModel)

MOST = 1024 * 1024
"""Bytes of a body that is no upload."""

LEAST = 16 * 1024
"""Bytes that have to arrive while patience lasts: less is no upload, but a place that is taken."""


async def pieces_of(request: Request, idle: float) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises :class:`InputError` for one of which next to nothing arrives in *idle*
    seconds, and Starlette's ``ClientDisconnect`` for one that breaks off.
    """
    stream = request.stream().__aiter__()
    began, arrived = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(idle):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _too_slow(idle) from None
        if piece:
            yield piece
        # what the reader takes for it is not the sender's fault
        arrived += len(piece)
        now = time.monotonic()
        if arrived >= LEAST:
            began, arrived = now, 0
        elif now - began > idle:
            raise _too_slow(idle)


def _too_slow(idle: float) -> InputError:
    return InputError(
        f"The body of the request did not go on for {idle:g} seconds.",
        status=408,
        code="request_timeout",
    )


async def json_of(request: Request, model: type[M], idle: float, *, empty: bool = False) -> M:
    """The body as *model*; with *empty*, no body is one without fields.

    Raises :class:`InputError` with the field that is wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # curl says that a body is a form unless it is told otherwise
    if kind not in {"application/json", "application/x-www-form-urlencoded", ""}:
        raise unsupported_media_type("application/json")
    length = request.headers.get("content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > MOST):
        raise _too_large()
    body = bytearray()
    try:
        async for piece in pieces_of(request, idle):
            body += piece
            if len(body) > MOST:
                raise _too_large()
    except ClientDisconnect:
        raise InputError("The request broke off.") from None
    try:
        return model.model_validate_json(bytes(body) or (b"{}" if empty else b""), strict=True)
    except ValidationError as error:
        raise _refusal(error) from None


def unsupported_media_type(wanted: str) -> InputError:
    return InputError(
        f"The body must be {wanted}: say so in the header Content-Type.",
        status=415,
        code="unsupported_media_type",
        param="Content-Type",
    )


def _too_large() -> InputError:
    return InputError(f"The body has more than {MOST:,} bytes.", status=413, code="body_too_large")


def _refusal(error: ValidationError) -> InputError:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"]
    name = ".".join(str(part)[:100] for part in first["loc"]) or None
    if kind == "json_invalid" or name is None:
        return InputError("We could not parse the JSON body of your request.", code="invalid_json")
    if kind == "missing":
        said, code = f"Missing required parameter: '{name}'.", "missing_required_parameter"
    elif kind == "extra_forbidden":
        said, code = f"Unknown parameter: '{name}'.", "unknown_parameter"
    else:
        message = first["msg"].removeprefix("Value error, ")
        said, code = f"Invalid value for '{name}': {message}.", "invalid_value"
    return InputError(said, code=code, param=name)

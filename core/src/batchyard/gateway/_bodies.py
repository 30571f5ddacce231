"""Bodies of requests: read with an end to patience, and JSON held against a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from batchyard.errors import InputError

__all__ = ["json_of", "pieces_of"]

M = TypeVar("M", bound=BaseModel)

MOST = 1024 * 1024
"""Bytes of a body that is no upload."""


async def pieces_of(request: Request, idle: float) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises :class:`InputError` for one that stands still for *idle* seconds, and
    Starlette's ``ClientDisconnect`` for one that breaks off.
    """
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(idle):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise InputError(
                f"The body of the request did not go on for {idle:g} seconds.",
                status=408,
                code="request_timeout",
            ) from None
        if piece:
            yield piece


async def json_of(request: Request, model: type[M], idle: float, *, empty: bool = False) -> M:
    """The body as *model*; with *empty*, no body is one without fields.

    Raises :class:`InputError` with the field that is wrong.
    """
    body = bytearray()
    try:
        async for piece in pieces_of(request, idle):
            body += piece
            if len(body) > MOST:
                raise InputError(
                    f"The body has more than {MOST:,} bytes.", status=413, code="body_too_large"
                )
    except ClientDisconnect:
        raise InputError("The request broke off.") from None
    try:
        return model.model_validate_json(bytes(body) or (b"{}" if empty else b""), strict=True)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> InputError:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    kind = first["type"]
    name = ".".join(str(part) for part in first["loc"]) or None
    if kind in {"json_invalid", "json_type"}:
        return InputError("We could not parse the JSON body of your request.", code="invalid_json")
    if kind == "missing":
        said, code = f"Missing required parameter: '{name}'.", "missing_required_parameter"
    elif kind == "extra_forbidden":
        said, code = f"Unknown parameter: '{name}'.", "unknown_parameter"
    else:
        message = first["msg"].removeprefix("Value error, ")
        said, code = f"Invalid value for '{name}': {message}.", "invalid_value"
    return InputError(said, code=code, param=name)

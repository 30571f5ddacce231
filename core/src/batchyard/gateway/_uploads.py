"""Files that are uploaded: from the socket through the checks into the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request

from batchyard.errors import BatchyardError, InputError, SourceError
from batchyard.gateway._bodies import pieces_of
from batchyard.gateway._callers import Caller
from batchyard.gateway._forms import FormReader, boundary_of
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._headers import idempotency_key_of
from batchyard.gateway._hints import FIELDS, hints_of
from batchyard.ledger import FileOrder
from batchyard.ledger.files import Received
from batchyard.ledger.routing import Allowed, fields_of
from batchyard.ledger.staging import Arriving
from batchyard.models import ExpiresAfter, FileObject

__all__ = ["UPLOAD", "uploaded"]

FRAME = 256 * 1024
"""Bytes that a form may have around its file."""

DRAINED = 64 * 1024 * 1024
"""Bytes of a refused body that are read on: who still sends does not hear the answer."""

LEAST, MOST = 3600, 2_592_000
"""Seconds of ``expires_after`` (OpenAI API reference, create file)."""


UPLOAD: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "purpose": {"const": "batch"},
        "expires_after[anchor]": {"const": "created_at"},
        "expires_after[seconds]": {"type": "integer", "minimum": LEAST, "maximum": MOST},
        **{name: {"type": "string", "minLength": 1, "maxLength": 512} for name in FIELDS},
    },
    "required": ["file", "purpose"],
    "additionalProperties": False,
}
"""The form, in JSON Schema."""


async def uploaded(gateway: Gateway, caller: Caller, request: Request) -> FileObject:
    """The file that the request brings.  Nothing of a refused one is kept."""
    # what the headers say is refused before any of the body is asked for
    _fits(gateway, request)
    boundary = boundary_of(request.headers.get("content-type", ""))
    key = idempotency_key_of(request)
    if caller.key is not None and key is None:
        # before it is sent in vain; it is asked again when it is written down
        await gateway.ledger.check_room(caller.key, 0)
    patience = gateway.settings.idle_timeout
    pieces = pieces_of(request, patience)
    async with gateway.uploads.one(caller.owner, patience) as leave:
        try:
            received, fields, filename = await _received(gateway, caller, pieces, boundary)
            try:
                hints = _hints(gateway, caller, request, fields, received)
                order = _order(fields, filename, key, hints)
            except BaseException:
                await gateway.ledger.discard_file(received)
                raise
            return await gateway.ledger.create_file(received, order, who=caller.identity)
        except BatchyardError:
            # what is only read on for takes no place
            leave()
            await _read_on(pieces, patience)
            raise


def _fits(gateway: Gateway, request: Request) -> None:
    """Refuse what says itself that it is too large."""
    length = request.headers.get("content-length", "")
    most = gateway.settings.max_file_bytes
    if length.isdigit() and (len(length) > 18 or int(length) > most + FRAME):
        raise InputError(
            f"The file has more than {most:,} bytes. Split it.",
            status=413,
            code="file_too_large",
            param="file",
        )


async def _received(
    gateway: Gateway, caller: Caller, pieces: AsyncIterator[bytes], boundary: bytes
) -> tuple[Received, dict[str, str], str]:
    arriving = Arriving()
    staging = asyncio.ensure_future(
        gateway.ledger.receive_file(
            arriving, models=caller.models, max_bytes=gateway.settings.max_file_bytes
        )
    )
    name = ""

    async def begin(filename: str) -> None:
        nonlocal name
        name = checked_name(filename)

    async def take(piece: bytes) -> None:
        if not await arriving.put(piece):
            # it was refused before it was whole: the task says why
            await asyncio.shield(staging)

    reader = FormReader(begin, take)
    async with _given_up_on_failure(gateway, arriving, staging):
        await reader.read(boundary, pieces)
        arriving.finish()
        return await staging, reader.fields, name


@asynccontextmanager
async def _given_up_on_failure(
    gateway: Gateway, arriving: Arriving, staging: asyncio.Future[Received]
) -> AsyncIterator[None]:
    """Leave nothing of a file that did not come to its end."""
    try:
        yield
    except BaseException:
        arriving.fail(SourceError("the upload broke off"))
        with suppress(BatchyardError):
            await gateway.ledger.discard_file(await staging)
        raise


async def _read_on(pieces: AsyncIterator[bytes], patience: float) -> None:
    """For *patience* seconds in all: who still sends does not hear the answer yet."""
    left = DRAINED
    with suppress(ClientDisconnect, BatchyardError, TimeoutError):
        async with asyncio.timeout(patience):
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    return


def checked_name(filename: str) -> str:
    """The last part of a name, without what no name has.  Raises :class:`InputError`."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    if not name or len(name) > 255 or not name.isprintable():
        raise InputError(
            "The file needs a name of at most 255 characters, all of which can be printed.",
            code="invalid_value",
            param="file",
        )
    return name


def _hints(
    gateway: Gateway,
    caller: Caller,
    request: Request,
    fields: dict[str, str],
    received: Received,
) -> dict[str, list[str]] | None:
    """Where the file's batches are to run, which is checked while the sender still listens."""
    said = {name: fields.pop(name) for name in FIELDS if name in fields}
    hints = hints_of(gateway, caller, request, said)
    allowed = Allowed(caller.accounts, caller.models)
    gateway.ledger.routing.check(hints, received.staged.models, allowed=allowed)
    return fields_of(hints) or None


def _order(
    fields: dict[str, str], filename: str, key: str | None, hints: dict[str, list[str]] | None
) -> FileOrder:
    left = dict(fields)
    purpose = left.pop("purpose", None)
    if purpose is None:
        raise InputError(
            "Missing required parameter: 'purpose'.",
            code="missing_required_parameter",
            param="purpose",
        )
    if purpose != "batch":
        raise InputError(
            "This gateway takes files for batches: 'purpose' must be 'batch'.",
            code="invalid_value",
            param="purpose",
        )
    expires = _expires(left)
    if left:
        name = next(iter(left))[:100]
        raise InputError(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    return FileOrder(filename, purpose, expires, key, hints)


def _expires(fields: dict[str, str]) -> ExpiresAfter | None:
    """As OpenAI's clients send it: ``expires_after[anchor]`` and ``expires_after[seconds]``."""
    anchor = fields.pop("expires_after[anchor]", None)
    seconds = fields.pop("expires_after[seconds]", None)
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise InputError(
            "'expires_after[anchor]' must be 'created_at'.",
            code="invalid_value",
            param="expires_after.anchor",
        )
    text = seconds or ""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and LEAST <= int(text) <= MOST):
        raise InputError(
            f"'expires_after[seconds]' must be a whole number from {LEAST:,} to {MOST:,}.",
            code="invalid_value",
            param="expires_after.seconds",
        )
    return ExpiresAfter(int(text))

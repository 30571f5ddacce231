"""Objects that are in Cloud Storage already, outside of the account's part of its bucket.

Their lines are OpenAI's or Gemini's own.  They are read and never written, and
only where the setting ``readable`` says so: an address may come from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import msgspec

from batchyard.effects import Blocking, Stream
from batchyard.errors import InputError
from batchyard.lines import MAX_LINE, split
from batchyard.models import FileObject
from batchyard_vertex._names import Places
from batchyard_vertex._settings import Settings
from batchyard_vertex._wire import Wire
from batchyard_vertex.storage import Bucket
from batchyard_vertex.translation import NATIVE

__all__ = ["Elsewhere", "described", "lines_of", "parse_uri"]

BLOCK = 256 * 1024
"""Bytes of lines that are looked at together, so that a trip to a thread is worth it."""

_URI = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/([^#]{1,1024})(?:#model=([^#]+))?")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An object by its address.  ``model`` is for lines that name none."""

    uri: str
    bucket: str
    name: str
    model: str | None


def parse_uri(text: str, settings: Settings) -> Elsewhere | None:
    """``None`` for what is no address; :class:`InputError` for one that may not be read."""
    if not text.startswith("gs://"):
        return None
    found = _URI.fullmatch(text)
    if found is None or ".." in found[2].split("/"):
        raise InputError("an object's address is gs://bucket/name", param="file")
    uri = f"gs://{found[1]}/{found[2]}"
    # the account's own part has files of whoever else shares it, and is read by their ids alone
    own = Places(settings).own(uri) is not None
    if own or not any(_inside(uri, place) for place in settings.readable):
        raise InputError(
            f"{uri} is not where the account may read files from: name its bucket or folder in "
            "the setting `readable`",
            param="file",
        )
    return Elsewhere(uri, found[1], found[2], found[3])


def _inside(uri: str, place: str) -> bool:
    return uri == place or uri.startswith(f"{place.rstrip('/')}/")


async def described(wire: Wire, there: Elsewhere) -> FileObject:
    stored = await Bucket(wire, there.bucket).metadata(there.name)
    return FileObject.model_validate(
        {
            "id": there.uri,
            "bytes": stored.size,
            "created_at": stored.time_created,
            "filename": there.name.rpartition("/")[2],
            "purpose": "batch",
            "status": "processed",
        }
    )


async def lines_of(wire: Wire, there: Elsewhere) -> Stream[bytes]:
    """The object, with Gemini's own lines written as requests for its endpoint."""
    bucket = Bucket(wire, there.bucket)
    # looked at before it is read: what is too large would fill the disk, and be refused then
    _check_size((await bucket.metadata(there.name)).size, wire.settings, there)
    numbers, size = count(1), 0
    write: Callable[[bytes], bytes] = partial(_written, there=there, numbers=numbers)
    held = bytearray()
    content = bucket.content(there.name)
    async with aclosing(content):
        async for piece in content:
            held += piece
            # it may be unpacked on the way
            size += len(piece)
            _check_size(size, wire.settings, there)
            if len(held) > MAX_LINE + BLOCK:
                raise InputError(f"{there.uri} has a line of more than {MAX_LINE} bytes")
            end = held.rfind(b"\n", len(held) - len(piece)) + 1 if len(held) >= BLOCK else 0
            if end:
                whole = bytes(held[:end])
                del held[:end]
                yield await Blocking(partial(write, whole))
    if held:
        yield await Blocking(partial(write, bytes(held)))


def _check_size(size: int | None, settings: Settings, there: Elsewhere) -> None:
    most = settings.max_bytes
    if size is not None and most is not None and size > most:
        raise InputError(
            f"{there.uri} has {size:,} bytes or more, and {most:,} are taken. Split it.",
            code="file_too_large",
            param="file",
        )


class _Line(msgspec.Struct, gc=False):
    """What tells the one kind of line from the other."""

    request: dict[str, msgspec.Raw] | None = None
    body: msgspec.Raw | None = None
    custom_id: Any = None
    key: Any = None


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.encode


def _written(block: bytes, there: Elsewhere, numbers: count[int]) -> bytes:
    lines = (
        _line(data, there, next(numbers))
        for _, _, data in split((block,))
        if data is None or data.strip()
    )
    return b"".join(lines)


def _line(data: bytes | None, there: Elsewhere, number: int) -> bytes:
    if data is None:
        raise InputError(f"line {number} of {there.uri} has more than {MAX_LINE} bytes")
    try:
        line = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # what is wrong with it is told by whoever checks the lines
        return data + b"\n"
    if line.request is None or line.body is not None:
        return data + b"\n"
    if there.model is None:
        raise InputError(
            f"line {number} of {there.uri} is Gemini's own, and names no model: write "
            f"{there.uri}#model=gemini-2.5-flash",
            param="file",
        )
    known = (line.custom_id, line.key)
    # what is no text stays as it is, and is refused by whoever checks the lines
    identity = next((one for one in known if one is not None), f"line-{number}")
    body = {"model": there.model, **line.request}
    made = {"custom_id": identity, "method": "POST", "url": NATIVE, "body": body}
    return _encode(made) + b"\n"

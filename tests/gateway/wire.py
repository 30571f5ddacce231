"""HTTP by hand: what no client would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from batchyard.ledger import Ledger
from batchyard.ledger.tables import batches, files
from tests.gateway.site import Site

__all__ = ["PURPOSE", "Answer", "connected", "field", "file", "form", "post_form", "said", "stored"]

BOUNDARY = "frontier"


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is 0 where the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=30) as connection:
        yield connection


def read_answer(connection: socket.socket) -> Answer:
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = connection.recv(65_536)
        except ConnectionError:
            piece = b""
        if not piece:
            return Answer(0, {}, data)
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (one.partition(":") for one in fields)
    }
    wanted = int(headers.get("content-length", "0"))
    while len(body) < wanted:
        body += connection.recv(65_536) or b"\x00" * wanted
    return Answer(int(first.split()[1]), headers, body)


def said(site: Site, *pieces: bytes, end: bool = False) -> Answer:
    """The answer to these bytes; *end* says that nothing more will come."""
    with connected(site.url) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            """It was refused before it was all sent."""
        return read_answer(connection)


def form(*parts: bytes, end: bool = True) -> bytes:
    """A multipart body of these parts, each with its own headers."""
    frame = f"--{BOUNDARY}\r\n".encode()
    body = b"".join(frame + one + b"\r\n" for one in parts)
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def field(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value


PURPOSE = field("purpose", b"batch")


def file(content: bytes, name: str = "in.jsonl") -> bytes:
    return field("file", content, f'; filename="{name}"')


def post_form(
    body: bytes, boundary: str = BOUNDARY, *, length: int | None = None, more: str = ""
) -> bytes:
    """The request that brings a form."""
    size = len(body) if length is None else length
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {size}\r\n{more}\r\n"
    )
    return head.encode() + body


def stored(site: Site) -> tuple[int, int, list[str]]:
    """Rows of files and of batches, and what the store has."""

    async def counted(ledger: Ledger) -> tuple[int, int]:
        async with ledger.parts.db.reading() as connection:
            found = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (files, batches)
            ]
        return found[0], found[1]

    store = site.place.folder / "store"
    return *site.run(counted), sorted(str(one) for one in store.glob("**/*"))

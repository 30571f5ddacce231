from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONNECTION = "batchyard.connection"
"""Key in the scope's state under which the server leaves the connection of a request."""

_LINGER_NOT = struct.pack("ii", 1, 0)


class Exchange:
    """One request on its way through the emulator, and the means to spoil its reply."""

    def __init__(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, error: ErrorDocument
    ) -> None:
        self.scope = scope
        self.error = error
        self._app = app
        self._receive = receive
        self._send = send

    @property
    def credential(self) -> str:
        """What the caller authenticated with, without its scheme."""
        headers = {bytes(name): bytes(value) for name, value in self.scope["headers"]}
        value = headers.get(b"authorization") or headers.get(b"api-key") or b""
        return value.decode("latin-1").rpartition(" ")[2]

    @property
    def is_closing(self) -> bool:
        connection = self._connection()
        return connection is not None and connection.transport.is_closing()

    async def wait_until_gone(self, seconds: float) -> None:
        """Wait for the caller to hang up, but no longer than `seconds`."""
        connection = self._connection()
        if connection is None:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connection.lost.wait(), seconds)

    async def act(self, send: Send | None = None) -> None:
        """Let the emulator handle the request, replying through `send` if given."""
        await self._app(self.scope, self._receive, send or self._send)

    async def send(self, message: Message) -> None:
        await self._send(message)

    async def reply(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer instead of the emulator, once the request has arrived in full.

        Closing on a body that is still being sent would reset the connection, which is another
        fault than the one asked for.
        """
        more = True
        while more:
            message = await self._receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
        length = (b"content-length", str(len(body)).encode())
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def reset(self) -> None:
        """Answer with a TCP reset; what was written and not yet sent is dropped."""
        connection = self._connection()
        if connection is None:
            raise ConnectionResetError("reset by a fault")
        raw: socket.socket | None = connection.transport.get_extra_info("socket")
        if raw is not None and not connection.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        connection.transport.abort()
        await connection.lost.wait()

    async def hang_up(self) -> None:
        """Close the connection in the middle of a reply, after sending what was written."""
        connection = self._connection()
        if connection is None:
            raise ConnectionResetError("closed by a fault")
        connection.transport.close()
        await connection.lost.wait()

    def _connection(self) -> Any:
        return self.scope.get("state", {}).get(CONNECTION)


ErrorDocument = Callable[[int, str], object]
"""Makes a provider's error document from a status and a message."""

"""Writing a provider's stream to a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import IO

__all__ = ["save"]

WRITE = 1024 * 1024
"""Bytes gathered before a trip to a thread that writes them."""

SMALL = 64 * 1024
"""Bytes that are written where one stands: a trip to a thread costs more."""


async def save(stream: AsyncIterator[bytes], path: Path) -> None:
    """Write all of the stream.  A failure leaves what had come until then."""
    file: IO[bytes] = await asyncio.to_thread(path.open, "wb")
    buffer = bytearray()
    try:
        async with aclosing(stream) as pieces:  # type: ignore[type-var]  # drivers give generators
            async for piece in pieces:
                buffer += piece
                if len(buffer) >= WRITE:
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
        if len(buffer) > SMALL:
            await asyncio.to_thread(file.write, bytes(buffer))
        else:
            file.write(buffer)
    finally:
        file.close()

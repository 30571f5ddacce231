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
    """Write all of the stream.  A failure leaves some of what had come until then, or no file."""
    file: IO[bytes] | None = None
    buffer = bytearray()
    try:
        async with aclosing(stream) as pieces:  # type: ignore[type-var]  # drivers give generators
            async for piece in pieces:
                buffer += piece
                if len(buffer) >= WRITE:
                    if file is None:
                        file = await asyncio.to_thread(path.open, "wb")
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
        small = len(buffer) <= SMALL
        if file is None:
            file = path.open("wb") if small else await asyncio.to_thread(path.open, "wb")
        if small:
            file.write(buffer)
        else:
            await asyncio.to_thread(file.write, bytes(buffer))
    finally:
        if file is not None:
            file.close()

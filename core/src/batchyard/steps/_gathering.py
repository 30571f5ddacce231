"""Files that are somewhere else already."""

from __future__ import annotations

import tempfile
import weakref
from contextlib import aclosing
from functools import partial

from batchyard.effects import Blocking, Source, Stream
from batchyard.steps._bodies import FileContent, FileSource

__all__ = ["gathered", "uri_of"]


def uri_of(content: FileContent) -> str | None:
    """The URI, such as ``gs://bucket/in.jsonl``, that *content* is, if it is one."""
    inner = content[1] if isinstance(content, tuple) else content
    return inner if isinstance(inner, str) and "://" in inner else None


async def gathered(stream: Stream[bytes]) -> Source:
    """Write the stream to a temporary file: it knows its length, and can be read again."""
    file = tempfile.TemporaryFile(prefix="batchyard-")  # noqa: SIM115 - the source owns it
    try:
        async with aclosing(stream):
            async for piece in stream:
                await Blocking(partial(file.write, piece))
        await Blocking(partial(file.seek, 0))
    except BaseException:
        file.close()
        raise
    source = FileSource(file)
    weakref.finalize(source, file.close)
    return source

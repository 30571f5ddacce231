"""What the async client's methods return where there is more to come.

The blocking client's is generated from this file: scripts/generate_client.py.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from uuid import uuid4

from batchyard.client._collect import Progress, save
from batchyard.client._desks import AsyncDesk
from batchyard.client._results import Completeness, Result
from batchyard.drivers import AsyncDriver
from batchyard.effects import Blocking, Plan, Stream
from batchyard.models import Batch, Page, PageRequest
from batchyard.steps import pages

__all__ = ["AsyncContent", "AsyncPager", "AsyncResults", "blocking"]

T = TypeVar("T")


class Joined(Protocol):
    """What knows how complete results are, once they have been read."""

    def completeness(self) -> Completeness: ...


class AsyncPager(Generic[T]):
    """A list: iterate for every item of every page, or take one ``page()``."""

    def __init__(
        self,
        driver: AsyncDriver | AsyncDesk,
        fetch: Callable[[PageRequest], Plan[Page[T]]],
        first: PageRequest,
    ) -> None:
        self._driver = driver
        self._fetch = fetch
        self._first = first

    async def page(self) -> Page[T]:
        """The first page."""
        return await self._driver.run(self._fetch(self._first))

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page after page."""
        async for page in self._driver.stream(pages(self._fetch, self._first)):
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.data:
                yield item


class AsyncContent:
    """A file's bytes.  Each use fetches them anew."""

    def __init__(
        self,
        driver: AsyncDriver | AsyncDesk,
        content: Callable[[], Stream[bytes]],
        size: Callable[[], Plan[int | None]],
    ) -> None:
        self._driver = driver
        self._content = content
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._driver.stream(self._content()):
            yield piece

    async def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join([piece async for piece in self])

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> int:
        """Write it to *path*, and return its size in bytes.

        It takes its name only when it is whole; a file that was there is replaced.
        A transfer that breaks off is taken up where it stopped, or begun again
        where the service has no ranges.  ``progress`` is called with the bytes
        written so far, and with those of the whole file where they are known.
        """
        target = Path(path)
        part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
        try:
            told = None
            if progress is not None:
                told = Progress(progress, await self._driver.run(self._size()))
            size = await self._driver.run(save(self._content(), part, told))
            await self._driver.run(blocking(lambda: part.replace(target)))
        finally:
            await self._driver.run(blocking(lambda: part.unlink(missing_ok=True)))
        return size


class AsyncResults:
    """The results of a batch.  ``completeness`` is there when they have all been read."""

    def __init__(
        self,
        driver: AsyncDriver | AsyncDesk,
        found: Callable[[], Plan[Batch]],
        joined: Callable[[Batch], tuple[Joined, Stream[list[Result]]]],
    ) -> None:
        self._driver = driver
        self._found = found
        self._joined = joined
        self.batch: Batch | None = None
        self.completeness: Completeness | None = None

    async def __aiter__(self) -> AsyncIterator[Result]:
        self.batch = await self._driver.run(self._found())
        join, blocks = self._joined(self.batch)
        async for block in self._driver.stream(blocks):
            for result in block:
                yield result
        self.completeness = join.completeness()


async def blocking(function: Callable[[], T]) -> T:
    """A function that blocks, as a plan."""
    answer: T = await Blocking(function)
    return answer

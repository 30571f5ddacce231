"""What the blocking client's methods return where there is more to come.

Generated from the async client's, do not edit: scripts/generate_client.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from uuid import uuid4

from batchyard.client._collect import Progress, save
from batchyard.client._desks import Desk
from batchyard.client._results import Completeness, Result
from batchyard.drivers import Driver
from batchyard.effects import Blocking, Plan, Stream
from batchyard.models import Batch, Page, PageRequest
from batchyard.steps import pages

__all__ = ["Content", "Pager", "Results", "blocking"]

T = TypeVar("T")


class Joined(Protocol):
    """What knows how complete results are, once they have been read."""

    def completeness(self) -> Completeness: ...


class Pager(Generic[T]):
    """A list: iterate for every item of every page, or take one ``page()``."""

    def __init__(
        self,
        driver: Driver | Desk,
        fetch: Callable[[PageRequest], Plan[Page[T]]],
        first: PageRequest,
    ) -> None:
        self._driver = driver
        self._fetch = fetch
        self._first = first

    def page(self) -> Page[T]:
        """The first page."""
        return self._driver.run(self._fetch(self._first))

    def pages(self) -> Iterator[Page[T]]:
        """Page after page."""
        for page in self._driver.stream(pages(self._fetch, self._first)):
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for item in page.data:
                yield item


class Content:
    """A file's bytes.  Each use fetches them anew."""

    def __init__(
        self,
        driver: Driver | Desk,
        content: Callable[[], Stream[bytes]],
        size: Callable[[], Plan[int | None]],
    ) -> None:
        self._driver = driver
        self._content = content
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._driver.stream(self._content()):
            yield piece

    def read(self) -> bytes:
        """All of it, in memory."""
        return b"".join([piece for piece in self])

    def save(
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
                told = Progress(progress, self._driver.run(self._size()))
            size = self._driver.run(save(self._content(), part, told))
            self._driver.run(blocking(lambda: part.replace(target)))
        finally:
            self._driver.run(blocking(lambda: part.unlink(missing_ok=True)))
        return size


class Results:
    """The results of a batch.  ``completeness`` is there when they have all been read."""

    def __init__(
        self,
        driver: Driver | Desk,
        found: Callable[[], Plan[Batch]],
        joined: Callable[[Batch], tuple[Joined, Stream[list[Result]]]],
    ) -> None:
        self._driver = driver
        self._found = found
        self._joined = joined
        self.batch: Batch | None = None
        self.completeness: Completeness | None = None

    def __iter__(self) -> Iterator[Result]:
        self.batch = self._driver.run(self._found())
        join, blocks = self._joined(self.batch)
        for block in self._driver.stream(blocks):
            for result in block:
                yield result
        self.completeness = join.completeness()


async def blocking(function: Callable[[], T]) -> T:
    """A function that blocks, as a plan."""
    answer: T = await Blocking(function)
    return answer

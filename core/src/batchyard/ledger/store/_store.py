"""What a store is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from batchyard.ledger.store._names import StoreError

__all__ = ["Store"]


class Store(Protocol):
    """Keeps bytes by name; a name is ``<id>/<part>``, such as ``file-1/content.jsonl``.

    What has a name is whole and does not change.  Every method blocks, so call
    it from a thread.  Raises :class:`StoreMissingError` for a name that is not
    there, and :class:`StoreError` for all else that goes wrong.
    """

    def writer(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write to.  It has the name once the block ends, and is on the disk then.

        After an exception nothing remains.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """To be read, from any position, and closed."""
        ...

    def size(self, name: str) -> int:
        """In bytes."""
        ...

    def local(self, name: str) -> AbstractContextManager[Path]:
        """A path to read from, for as long as the block lasts."""
        ...

    def place(self, name: str) -> AbstractContextManager[Path]:
        """A path for something else to write to; what is there at the end gets the name.

        A block that leaves nothing there, or raises, gives it to nothing.
        """
        ...

    def adopt(self, many: Mapping[str, Mapping[str, Path]]) -> Mapping[str, StoreError]:
        """Make files of scratch folders parts of new ids: of each all, on the disk, or none.

        Takes many, which together need less of the disk than one by one.  Returns those
        that could not be kept, and why; the others are there.
        """
        ...

    def scratch(self) -> AbstractContextManager[Path]:
        """An empty folder on the disk of :meth:`place`, removed with all that is in it."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """The names that an id has or, without one, all of them, in no order."""
        ...

    def delete_all(self, prefix: str) -> None:
        """All that an id has; having nothing is fine."""
        ...

    def sweep(self, before: float) -> None:
        """Remove what processes that died before that Unix time have left unfinished."""
        ...

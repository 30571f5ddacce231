"""A body to send, as whoever sends it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["Source"]


class Source(Protocol):
    """A body that is read in pieces.

    ``chunks()`` starts again from the first byte at each call, so a send can be
    retried.  ``length`` is the number of bytes every such pass produces.
    """

    @property
    def length(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...

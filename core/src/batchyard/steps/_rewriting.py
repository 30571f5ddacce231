"""Lines that are changed on their way to a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from batchyard.effects import Blocking, Source
from batchyard.errors import InputError
from batchyard.lines import MAX_LINE, split
from batchyard.steps._bodies import BLOCK

__all__ = ["Rewrite", "rewritten"]

Rewrite: TypeAlias = Callable[[bytes], bytes]
"""Makes of a line, without its end, the line to send: the same one at each pass."""


async def rewritten(source: Source, rewrite: Rewrite) -> Source:
    """*source* with its lines rewritten, ended by LF, and without a byte order mark.

    A first pass, off the event loop, measures it: a length has to be known before
    anything is sent.  A source of which nothing changes is returned as it is.
    Raises :class:`InputError` for a line that is too long to be held.
    """
    measured: Source = await Blocking(lambda: _measured(source, rewrite))
    return measured


@dataclass(frozen=True, slots=True)
class _Rewritten:
    source: Source = field(repr=False)
    rewrite: Rewrite = field(repr=False)
    length: int

    def chunks(self) -> Iterator[bytes]:
        block = bytearray()
        for _, line in _lines(self.source):
            block += self.rewrite(line)
            block += b"\n"
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)


def _measured(source: Source, rewrite: Rewrite) -> Source:
    length, changed = 0, False
    for begins, line in _lines(source):
        made = rewrite(line)
        # a first line that does not begin the file comes after a byte order mark
        changed = changed or made != line or (not length and begins > 0)
        length += len(made) + 1
    return _Rewritten(source, rewrite, length) if changed else source


def _lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Each line with its offset."""
    for number, (offset, length, line) in enumerate(split(source.chunks()), 1):
        if line is None:
            raise InputError(
                f"line {number} has {length} bytes, and {MAX_LINE} are taken", param="file"
            )
        yield offset, line

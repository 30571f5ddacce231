from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from batchyard.drivers import AsyncDriver
from batchyard.effects import Source
from batchyard.errors import InputError
from batchyard.hookspecs import hookimpl
from batchyard.lines import MAX_LINE
from batchyard.models import Limits
from batchyard.registry import Account
from batchyard.steps import BytesSource, PathSource, Rewrite, rewritten
from batchyard.testing import replay

BOM = b"\xef\xbb\xbf"


def upper(line: bytes) -> bytes:
    return line.upper() * 2


def same(line: bytes) -> bytes:
    return line


def made(source: Source, rewrite: Rewrite = upper) -> Source:
    result: Source = replay(rewritten(source, rewrite), [])
    return result


def read(source: Source) -> bytes:
    return b"".join(source.chunks())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\n", b"AA\nBB\n"),
        (b"a\r\n\r\n b", b"AA\n\n B B\n"),
        (BOM + b"a\n", b"AA\n"),
        (BOM + b"A1\n", b"A1A1\n"),
    ],
)
def test_each_line_is_rewritten_and_ended_and_the_length_is_known(
    before: bytes, after: bytes
) -> None:
    source = made(BytesSource(before))
    assert (read(source), source.length) == (after, len(after))
    assert read(source) == after


def test_a_byte_order_mark_is_reason_enough_to_rewrite() -> None:
    source = made(BytesSource(BOM + b"a\r\nb"), same)
    assert (read(source), source.length) == (b"a\nb\n", 4)


@pytest.mark.parametrize("content", [b"", b"1\r\n\r\n2", b"\n"])
def test_a_source_of_which_nothing_changes_is_sent_as_it_is(content: bytes) -> None:
    source = BytesSource(content)
    assert made(source, same) is source


def test_a_line_that_is_too_long_is_named_before_anything_is_sent() -> None:
    with pytest.raises(InputError, match=f"line 2 has {MAX_LINE + 1} bytes"):
        made(BytesSource(b"a\n" + b"b" * (MAX_LINE + 1)))


@dataclass
class Watched:
    """A source that knows which thread read it."""

    content: bytes
    thread: int = 0

    @property
    def length(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        self.thread = threading.get_ident()
        yield self.content


class Nothing:
    """A provider, since a driver has one."""

    @hookimpl
    def limits(self) -> Limits:
        return Limits()


def test_it_is_measured_off_the_event_loop() -> None:
    source = Watched(b"a\n")

    async def main() -> None:
        async with AsyncDriver(Account("a", "a", Nothing())) as driver:
            await driver.run(rewritten(source, upper))

    asyncio.run(main())
    assert source.thread not in {0, threading.get_ident()}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"x" * 99 + b"\n")
    with path.open("ab") as file:
        for _ in range(40):
            file.write((b"x" * 99 + b"\n") * 2000)
    tracemalloc.start()
    source = made(PathSource(path))
    total = sum(len(chunk) for chunk in source.chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == source.length == 80_001 * 199
    assert peak < 3 * 1024 * 1024

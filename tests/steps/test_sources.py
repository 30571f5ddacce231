"""What may be given as a file, and what may not."""

from __future__ import annotations

import gc
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from batchyard.errors import InputError, SourceError
from batchyard.steps import BLOCK, BytesSource, PathSource, named_source, spooled

CONTENT = bytes(range(256)) * 3000
"""Several blocks, and a part of one."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(CONTENT)
    return path


class OneWay(io.RawIOBase):
    """A stream that cannot go back, such as a pipe."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(buffer)


KINDS: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda _: CONTENT,
    "bytearray": lambda _: bytearray(CONTENT),
    "path": lambda path: path,
    "string": str,
    "file": lambda path: path.open("rb"),
    "memory": lambda _: io.BytesIO(CONTENT),
    "pipe": lambda _: OneWay(CONTENT),
    "iterable": lambda _: (CONTENT[at : at + 1000] for at in range(0, len(CONTENT), 1000)),
    "source": lambda _: BytesSource(CONTENT),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_knows_its_length_and_can_be_read_twice(kind: str, path: Path) -> None:
    content = KINDS[kind](path)
    source, name = named_source(content)
    assert source.length == len(CONTENT)
    for _ in range(2):
        pieces = list(source.chunks())
        assert b"".join(pieces) == CONTENT
        assert max(map(len, pieces)) <= BLOCK
    assert name == ("lines.jsonl" if kind in {"path", "string", "file"} else "batch.jsonl")
    if kind == "file":
        content.close()


@pytest.mark.parametrize(
    "content", [b"", io.BytesIO(), iter(()), [], OneWay(b"")], ids=lambda one: type(one).__name__
)
def test_nothing_is_a_file_too(content: Any) -> None:
    source, _ = named_source(content)
    assert (source.length, list(source.chunks())) == (0, [])


def test_a_tuple_names_the_file(path: Path) -> None:
    for content in (
        ("mine.jsonl", CONTENT),
        ("mine.jsonl", path),
        ("mine.jsonl", io.BytesIO(CONTENT), "application/jsonl"),
        ("/some/folder/mine.jsonl", [CONTENT]),
        ("C:\\me\\mine.jsonl", CONTENT),
        ("mine.jsonl", ("inner.jsonl", CONTENT)),
    ):
        source, name = named_source(content)
        assert (name, b"".join(source.chunks())) == ("mine.jsonl", CONTENT)
    assert named_source(("", CONTENT), "default.jsonl")[1] == "default.jsonl"
    assert named_source(("some/folder/", CONTENT), "default.jsonl")[1] == "default.jsonl"


def test_an_open_file_is_read_from_where_it_stands(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(1000)
        source, _ = named_source(file)
        assert source.length == len(CONTENT) - 1000
        assert [b"".join(source.chunks()) for _ in range(2)] == [CONTENT[1000:]] * 2


def test_two_passes_over_one_file_do_not_disturb_each_other(path: Path) -> None:
    with path.open("rb") as file:
        source, _ = named_source(file)
        one, two = source.chunks(), source.chunks()
        pieces = [(next(one), next(two)) for _ in range(2)]
        assert b"".join([*(piece for piece, _ in pieces), *one]) == CONTENT
        assert b"".join([*(piece for _, piece in pieces), *two]) == CONTENT


def test_two_threads_may_read_one_file(path: Path) -> None:
    with path.open("rb") as file:
        source, _ = named_source(file)
        read: list[bytes] = []

        def run() -> None:
            read.extend(b"".join(source.chunks()) for _ in range(5))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert read == [CONTENT] * 20


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path):
        with pytest.raises(InputError, match="not a regular file"):
            named_source(path)
    with pytest.raises(InputError, match="No such file"):
        named_source(tmp_path / "missing")
    with pytest.raises(InputError, match="null"):
        named_source("a\0b")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (io.StringIO("text"), "text mode"),
        (["text"], "must be bytes, not str"),
        (iter([1, 2]), "must be bytes, not int"),
        (42, "int is not a file"),
        (None, "NoneType is not a file"),
    ],
)
def test_what_has_no_bytes_is_refused_at_once(content: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        named_source(content)
    assert caught.value.param == "file"


def test_a_file_open_for_writing_or_closed_is_refused_at_once(path: Path, tmp_path: Path) -> None:
    with (tmp_path / "other").open("wb") as file, pytest.raises(InputError, match="read"):
        named_source(file)
    with path.open("rb") as closed:
        pass
    with pytest.raises(InputError, match="closed file"):
        named_source(closed)


def test_a_text_file_is_refused_with_the_way_to_open_it(path: Path) -> None:
    with path.open(encoding="latin-1") as file, pytest.raises(InputError, match="'rb'") as caught:
        named_source(file)  # type: ignore[arg-type]  # as users do
    assert caught.value.param == "file"


@pytest.fixture
def _nobody(path: Path) -> Iterator[None]:
    """Nobody may read the file; for root, who may nevertheless, the test is somebody else."""
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.mark.usefixtures("_nobody")
def test_a_file_that_may_not_be_read_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="Permission denied"):
        PathSource(path)


@pytest.mark.parametrize(("size", "word"), [(100, "shorter"), (len(CONTENT) + 1, "longer")])
def test_a_file_that_changes_while_it_is_read_is_an_error(path: Path, size: int, word: str) -> None:
    with path.open("rb") as file:
        for source in (PathSource(path), named_source(file)[0]):
            path.write_bytes(CONTENT)
            pieces = source.chunks()
            next(pieces)
            os.truncate(path, size)
            with pytest.raises(SourceError, match=word):
                list(pieces)


def test_a_file_that_was_closed_before_it_was_read_is_an_error(path: Path) -> None:
    with path.open("rb") as file:
        source, _ = named_source(file)
    with pytest.raises(SourceError, match="closed file"):
        list(source.chunks())


def test_pieces_are_spooled_to_a_file_that_goes_with_its_source() -> None:
    source = spooled(iter([b"a" * 300_000, b"", b"b"]))
    file: IO[bytes] = source._file  # type: ignore[attr-defined]  # nothing shows it
    assert source.length == 300_001
    pieces = source.chunks()
    next(pieces)
    del source
    gc.collect()
    assert not file.closed
    assert b"".join(pieces).endswith(b"b")
    del pieces
    gc.collect()
    assert file.closed


def test_what_the_pieces_raise_is_raised_as_it_is() -> None:
    def failing() -> Iterator[bytes]:
        yield b"1"
        raise KeyError("row")

    with pytest.raises(KeyError):
        named_source(failing())


def test_bytes_in_memory_are_not_shown() -> None:
    assert "secret" not in repr(BytesSource(b"secret"))

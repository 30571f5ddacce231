"""What drivers do with a body that is a source."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from batchyard.drivers import Transport
from batchyard.effects import Open, Read, Reply, Request, Send, Source
from batchyard.errors import SourceError
from batchyard.steps import BytesSource, FilePart, Multipart, PathSource, named_source, spooled
from tests.drivers.faces import PLAIN, Face, OpenFace
from tests.drivers.site import Exchange, Site, head, in_turn, resetting, saying

MB = 1024 * 1024


async def post(url: str, source: Source) -> Reply:
    return await Send(Request("POST", url, {}, source))


class Pieces:
    """A source that says one thing and does whatever it is told to."""

    def __init__(self, length: int, pieces: Callable[[], Iterator[bytes]]) -> None:
        self.length = length
        self.chunks = pieces


def test_a_source_arrives_whole_and_with_its_length(face: Face) -> None:
    content = bytes(range(256)) * 4000
    with Site(saying(b"")) as site:
        face.run(post(site.url, BytesSource(content)))
        face.run(post(site.url, BytesSource(b"")))
    whole, empty = site.requests
    assert whole.body == content
    assert whole.headers["content-length"] == str(len(content))
    assert (empty.body, empty.headers["content-length"]) == (b"", "0")


def test_a_source_that_is_sent_again_sends_the_same_bytes(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"0123456789" * 50_000)
    with path.open("rb") as file:
        file.seek(7)
        sources = (
            PathSource(path),
            named_source(file)[0],
            spooled([b"a" * 300_000, b"b"]),
            Multipart([("purpose", "batch")], FilePart("file", "x", "a/b", PathSource(path))),
        )
        for source in sources:
            with Site(in_turn(resetting, saying(b"", 503), saying(b""))) as site:
                outcomes = face.together([post(site.url, source)])
                outcomes += [face.run(post(site.url, source)) for _ in range(2)]
            bodies = {seen.body for seen in site.requests}
            assert len(site.requests) == 3
            assert [len(body) for body in bodies] == [source.length]


@pytest.mark.parametrize("pieces", [[b"123"], [b"12345", b"6"], []])
def test_a_source_of_another_length_than_it_said_is_an_error(
    face: Face, pieces: list[bytes]
) -> None:
    with Site(saying(b"")) as site:
        with pytest.raises(SourceError, match="was to have 5 bytes"):
            face.run(post(site.url, Pieces(5, lambda: iter(pieces))))
        # and the connection with half a request on it is not used again
        assert face.run(post(site.url, BytesSource(b"fine"))).status == 200
        assert [seen.body for seen in site.requests] == [b"fine"]


def test_what_a_source_raises_is_an_error_of_the_source(face: Face) -> None:
    def failing() -> Iterator[bytes]:
        yield b"1"
        raise KeyError("row")

    with Site(saying(b"")) as site, pytest.raises(SourceError, match="KeyError: 'row'"):
        face.run(post(site.url, Pieces(5, failing)))


@pytest.mark.parametrize("change", [-1, 1, 300_000, -300_000])
def test_a_file_that_changes_its_size_while_it_is_sent_is_an_error(
    face: Face, tmp_path: Path, change: int
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"x" * 600_000)
    by_path = PathSource(path)
    with path.open("rb") as file, Site(saying(b"")) as site:
        by_file = named_source(file)[0]
        path.write_bytes(b"x" * (600_000 + change))
        for source in (by_path, by_file):
            with pytest.raises(SourceError, match="shorter" if change < 0 else "longer"):
                face.run(post(site.url, source))
        assert site.requests == []


def test_a_file_that_has_gone_is_an_error_of_the_source(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"x")
    source = PathSource(path)
    path.unlink()
    with Site(saying(b"")) as site, pytest.raises(SourceError, match="No such file"):
        face.run(post(site.url, source))


def test_a_source_is_let_go_of_when_the_reply_comes_before_the_body_is_sent(face: Face) -> None:
    released = threading.Event()

    def watched() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * MB
        finally:
            released.set()

    async def unread(reader: asyncio.StreamReader, length: int) -> bytes:
        del reader, length
        return b""

    async def refuse(exchange: Exchange) -> None:
        await exchange.reply(413, b"too large", {"connection": "close"})
        await asyncio.sleep(0.05)
        await exchange.reset()

    with Site(refuse, body=unread) as site:
        # how much of the early reply survives the reset is up to the kernel
        face.together([post(site.url, Pieces(10**12, watched))])
        assert released.wait(5)


def test_a_file_can_be_sent_again_while_an_earlier_pass_lingers(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(bytes(range(256)) * 3000)
    with path.open("rb") as file, Site(saying(b"")) as site:
        source = named_source(file)[0]
        lingering = source.chunks()
        first = next(lingering)
        face.run(post(site.url, source))
        assert site.requests[0].body == path.read_bytes()
        assert first + b"".join(lingering) == path.read_bytes()


def test_a_source_is_read_off_the_event_loop(face: Face) -> None:
    readers: set[int] = set()

    def watched() -> Iterator[bytes]:
        for _ in range(3):
            readers.add(threading.get_ident())
            yield b"x" * 300_000

    with Site(saying(b"")) as site:
        face.run(post(site.url, Pieces(900_000, watched)))
    assert (threading.get_ident() in readers) is (face.colour == "sync")


def test_a_source_that_blocks_does_not_keep_other_plans_waiting(open_face: OpenFace) -> None:
    answered = threading.Event()

    def blocked() -> Iterator[bytes]:
        assert answered.wait(5)
        yield b"x"

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(200, exchange.seen.method.encode())

    async def get(url: str) -> Reply:
        reply = await Send(Request("GET", url))
        answered.set()
        return reply

    with Site(answer) as site:
        both = [post(site.url, Pieces(1, blocked)), get(site.url)]
        replies = open_face(PLAIN).together(both)
    assert [reply.body for reply in replies if isinstance(reply, Reply)] == [b"POST", b"GET"]


@dataclass(frozen=True, slots=True)
class Weighing(Transport):
    """Notes the size of each piece that the transport is handed, and hands it on."""

    sizes: list[int] = field(default_factory=list)

    def open(self) -> httpx.Client:
        sizes = self.sizes

        class Stream(httpx.SyncByteStream):
            def __init__(self, inner: httpx.SyncByteStream) -> None:
                self.inner = inner

            def __iter__(self) -> Iterator[bytes]:
                for piece in self.inner:
                    sizes.append(len(piece))
                    yield piece

        class Scales(httpx.HTTPTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                assert isinstance(request.stream, httpx.SyncByteStream)
                request.stream = Stream(request.stream)
                return super().handle_request(request)

        return httpx.Client(transport=Scales())

    def open_async(self) -> httpx.AsyncClient:
        sizes = self.sizes

        class Stream(httpx.AsyncByteStream):
            def __init__(self, inner: httpx.AsyncByteStream) -> None:
                self.inner = inner

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for piece in self.inner:
                    sizes.append(len(piece))
                    yield piece

        class Scales(httpx.AsyncHTTPTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                assert isinstance(request.stream, httpx.AsyncByteStream)
                request.stream = Stream(request.stream)
                return await super().handle_async_request(request)

        return httpx.AsyncClient(transport=Scales())


def test_the_transport_is_handed_small_pieces(open_face: OpenFace) -> None:
    weighing = Weighing()
    source = Pieces(3 * MB + 5, lambda: iter([b"x" * (3 * MB), b"12345"]))
    with Site(saying(b"")) as site:
        open_face(weighing).run(post(site.url, source))
        assert len(site.requests[0].body) == source.length
    assert sum(weighing.sizes) == source.length
    assert max(weighing.sizes) <= 64 * 1024


async def hashed(reader: asyncio.StreamReader, length: int) -> bytes:
    """The digest in place of the body, so that the server's memory does not count."""
    digest = hashlib.sha256()
    while length:
        piece = await reader.read(min(length, 64 * 1024))
        length -= len(piece)
        digest.update(piece)
    return digest.digest()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "in.jsonl"
    with path.open("wb") as file:
        for number in range(64):
            file.write(bytes([number]) * MB)
    return path


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_upload_takes_constant_memory(face: Face, large: Path) -> None:
    with Site(saying(b""), body=hashed) as site:
        # what is made once, such as the connection, does not count
        face.run(post(site.url, BytesSource(b"")))
        peak = peak_of(lambda: face.run(post(site.url, PathSource(large))))
    with large.open("rb") as file:
        assert site.requests[-1].body == hashlib.file_digest(file, "sha256").digest()
    assert peak < 2 * MB


def test_a_download_takes_constant_memory(face: Face) -> None:
    piece = b"y" * 64 * 1024

    async def much(exchange: Exchange) -> None:
        await exchange.raw(head(200, {"content-length": str(64 * MB)}))
        for _ in range(64 * MB // len(piece)):
            await exchange.raw(piece)

    async def count(url: str) -> int:
        reply, total = await Open(Request("GET", url)), 0
        while got := await Read(reply):
            total += len(got)
        return total

    with Site(much) as site:

        def action() -> None:
            assert face.run(count(site.url)) == 64 * MB

        assert peak_of(action) < 2 * MB

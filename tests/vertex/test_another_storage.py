"""Our storage code keeps to the protocol: it passes against an emulator that is not ours."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchyard import Client
from batchyard.drivers import Driver, Transport
from batchyard.errors import NotFoundError
from batchyard.models import Call
from batchyard.steps import BytesSource
from batchyard_vertex import Settings
from batchyard_vertex._wire import Wire
from batchyard_vertex.auth import Credentials
from batchyard_vertex.emulator._key_files import key_file
from batchyard_vertex.storage import Bucket
from tests.vertex.test_storage import DATA, QUARTER, Pieces

pytestmark = [
    pytest.mark.slow,
    # the server's packages warn, and it leaves sockets behind
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Run = Callable[[Any], Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: Any = importlib.import_module("gcp_storage_emulator.server")
    server = module.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    try:
        host, port = server._api._httpd.socket.getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def driver(url: str) -> Iterator[Driver]:
    given: dict[str, Any] = {
        "project": "p",
        "bucket": "bucket",
        "credentials": key_file(url, "p"),
        # nobody there gives tokens
        "self_signed_jwt": True,
        "storage_base_url": url,
        "chunk_bytes": QUARTER,
    }
    with Client("vertex", transport=Transport(verify=False), **given) as client:
        yield client._driver


@pytest.fixture
def bucket(url: str) -> Bucket:
    settings = Settings(
        project="p",
        bucket="bucket",
        credentials=key_file(url, "p"),  # type: ignore[arg-type]
        self_signed_jwt=True,
        storage_base_url=url,
        chunk_bytes=QUARTER,
    )
    return Bucket(Wire(settings, Credentials(settings), Call("vertex")))


def test_small_and_large_objects_come_back_as_they_were(driver: Driver, bucket: Bucket) -> None:
    for name, data in (("a/small c.jsonl", b"small"), ("a/large.jsonl", DATA)):
        source = Pieces(data)
        driver.run(bucket.store(name, source, {"k": "v"}))
        assert source.begun == 1
        assert b"".join(driver.stream(bucket.content(name))) == data
        stored = driver.run(bucket.metadata(name))
        assert (stored.size, stored.metadata) == (len(data), {"k": "v"})


def test_objects_are_listed_and_deleted(driver: Driver, bucket: Bucket) -> None:
    for number in range(3):
        driver.run(bucket.store(f"list/{number}", BytesSource(b"x")))
    assert [one.name for one in driver.stream(bucket.walk("list/"))] == [
        "list/0",
        "list/1",
        "list/2",
    ]
    assert driver.run(bucket.delete("list/1"))
    assert not driver.run(bucket.delete("list/1"))
    assert [one.name for one in driver.stream(bucket.walk("list/"))] == ["list/0", "list/2"]
    with pytest.raises(NotFoundError):
        driver.run(bucket.metadata("list/1"))

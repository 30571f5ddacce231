from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from batchyard.emulators import (
    FileStore,
    FormReader,
    FormTooLargeError,
    Machine,
    Quirk,
    Quirks,
    RequestLog,
    RequestRecord,
    StoreFullError,
    Timeline,
)
from batchyard.emulators._server import bind
from batchyard_openai.emulator import OpenAIEmulator
from tests.emulators.parts import Rig

LAMP = Machine(
    {"off": frozenset({"on", "broken"}), "on": frozenset({"off"}), "broken": frozenset()}
)


def test_a_timeline_is_in_the_state_that_its_schedule_gives_for_the_moment() -> None:
    line = Timeline(LAMP, at=10)
    line.schedule("on", 20)
    line.schedule("off", 30)
    assert [line.state(now) for now in (10, 19.9, 20, 29, 30)] == ["off", "off", "on", "on", "off"]
    assert line.entered("on", 19) is None
    assert line.entered("on", 25) == 20


def test_a_timeline_refuses_moves_that_its_machine_does_not_know() -> None:
    line = Timeline(LAMP, at=0)
    line.schedule("broken", 5)
    with pytest.raises(ValueError, match="broken is never followed by on"):
        line.schedule("on", 6)


def test_a_timeline_refuses_to_go_back_in_time() -> None:
    line = Timeline(LAMP, at=0)
    line.schedule("on", 5)
    with pytest.raises(ValueError, match="off cannot begin before on does"):
        line.schedule("off", 4)


def test_an_interruption_replaces_what_was_to_come() -> None:
    line = Timeline(LAMP, at=0)
    line.schedule("on", 50)
    line.interrupt("broken", 10)
    assert line.state(60) == "broken"
    assert line.is_over(60)
    assert line.ends_at() == 10


def test_an_unknown_quirk_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown quirk 'fast'; known are: slow"):
        Quirks([Quirk("slow", "takes its time")], ["fast"])


def test_a_quirk_takes_a_number_or_its_own_default() -> None:
    quirks = Quirks([Quirk("slow", "takes its time", 0.5)])
    assert quirks.value("slow") == 0
    quirks.enable("slow")
    assert quirks.value("slow") == 0.5
    quirks.enable("slow=3")
    assert quirks.value("slow") == 3
    quirks.disable("slow")
    assert "slow" not in quirks
    with pytest.raises(ValueError, match="takes a number, not 'very'"):
        quirks.enable("slow=very")


def test_a_store_is_bounded_and_gives_back_what_is_deleted() -> None:
    store = FileStore(max_bytes=10)
    writer = store.writer()
    writer.write(b"12345678")
    with pytest.raises(StoreFullError):
        store.writer().write(b"123")
    store.delete(writer.commit())
    assert store.used == 0
    store.writer().write(b"123")
    store.close()


def test_a_link_outlives_the_blob_it_was_made_from() -> None:
    store = FileStore()
    writer = store.writer()
    writer.write(b"abcdef")
    blob = writer.commit()
    link = store.link(blob)
    store.delete(blob)

    async def read() -> bytes:
        return b"".join([block async for block in link.stream(1, 4)])

    assert asyncio.run(read()) == b"bcd"
    store.close()


def test_closing_a_store_removes_its_files() -> None:
    store = FileStore()
    writer = store.writer()
    writer.write(b"x")
    folder = Path(writer.commit().path).parent
    assert folder.exists()
    store.close()
    assert not folder.exists()


def test_a_server_stops_although_a_client_keeps_its_connection_open() -> None:
    with closing(OpenAIEmulator()) as emulator, httpx.Client() as client:
        with emulator.serve() as server:
            assert client.get(f"{server.url}/v1/batches").status_code == 401
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/v1/batches")
    assert not any(server.url in thread.name for thread in threading.enumerate())


def test_an_emulator_keeps_its_state_from_one_server_to_the_next() -> None:
    counts = []
    headers = {"authorization": "Bearer sk-emulator"}
    with closing(OpenAIEmulator()) as emulator:
        for _ in range(2):
            with emulator.serve() as server, httpx.Client(base_url=server.url) as client:
                client.headers.update(headers)
                file = {"file": ("a.jsonl", b"x")}
                client.post("/v1/files", data={"purpose": "batch"}, files=file)
                counts.append(len(client.get("/v1/files").json()["data"]))
    assert counts == [1, 2]


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    with (
        closing(OpenAIEmulator()) as emulator,
        emulator.serve() as server,
        pytest.raises(OSError, match="in use"),
    ):
        emulator.serve(port=int(server.url.rpartition(":")[2]))


def test_the_request_log_knows_what_came_but_no_secret(rig: Rig) -> None:
    rig.http.get("/v1/batches?limit=5&api_key=hunter2secret")
    (record,) = rig.emulator.requests.matching("GET", "/v1/batches")
    assert record.query == "limit=5&api_key=…"
    assert record.status == 400
    assert record.at == rig.clock.now()
    key = rig.client.api_key
    assert record.headers["authorization"] == f"Bearer …{key[-4:]}"
    assert key not in str(list(rig.emulator.requests))


def test_the_request_log_forgets_the_oldest() -> None:
    log = RequestLog(limit=2)
    for path in ("/1", "/2", "/3"):
        log.add(RequestRecord(at=0, method="GET", path=path, query="", headers={}))
    assert [record.path for record in log] == ["/2", "/3"]


def test_a_form_is_measured_again_when_its_last_field_is_known() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield b"x" * 2 * 1024**2
        yield b'\r\n--B\r\nContent-Disposition: form-data; name="small"\r\n\r\nyes\r\n--B--\r\n'

    def limit(fields: Mapping[str, str]) -> int:
        return 1024 if "small" in fields else 10 * 1024**2

    store = FileStore()
    reader = FormReader(store, limit)
    with pytest.raises(FormTooLargeError):
        asyncio.run(reader.read("multipart/form-data; boundary=B", chunks()))
    assert store.used == 0
    store.close()


def test_a_file_that_is_too_large_is_refused_before_its_end() -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 50:
            sent += 1
            yield b"x" * 1024**2
        yield b"\r\n--B--\r\n"

    store = FileStore()
    reader = FormReader(store, lambda _: 3 * 1024**2)
    with pytest.raises(FormTooLargeError):
        asyncio.run(reader.read("multipart/form-data; boundary=B", chunks()))
    assert sent < 10
    store.close()


def test_replies_do_not_wait_for_acknowledgements() -> None:
    # only a socket that names its protocol gets TCP_NODELAY from asyncio
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_request_log_counts_body_bytes(rig: Rig) -> None:
    rig.http.post("/v1/batches", content=b"x" * 1234)
    (record,) = rig.emulator.requests
    assert record.body_bytes == 1234


def test_the_request_log_matches_paths_by_segment(rig: Rig) -> None:
    rig.http.get("/v1/files/file-1")
    rig.http.get("/v1/files/file-1/content")
    log = rig.emulator.requests
    assert len(log.matching("get", "/v1/files/*")) == 1
    assert len(log.matching("GET", "/v1/files/**")) == 2
    log.clear()
    assert len(log) == 0


FOREGROUND = """
from batchyard_openai.emulator import OpenAIEmulator
emulator = OpenAIEmulator()
emulator.run(0, announce=lambda url: print(url, flush=True))
print(emulator.store.used, flush=True)
"""


def test_an_emulator_in_the_foreground_ends_quietly_when_interrupted() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", FOREGROUND],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as scope,
    ):
        scope.callback(process.kill)  # one that does not end must not be waited for
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/v1/batches").status_code == 401
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "0\n", "")


def test_the_address_can_be_called_as_soon_as_it_is_told() -> None:
    def called_and_interrupted(url: str) -> None:
        address = urlsplit(url)
        socket.create_connection((address.hostname, address.port)).close()
        raise KeyboardInterrupt

    with closing(OpenAIEmulator()) as emulator:
        emulator.run(0, announce=called_and_interrupted)


def test_another_host_can_be_listened_on_when_told_so() -> None:
    with closing(OpenAIEmulator()) as emulator, emulator.serve(host="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(f"{server.url}/v1/batches").status_code == 401

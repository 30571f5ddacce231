"""`batchyard serve`, as its operator runs it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from batchyard_openai.emulator import OpenAIEmulator
from tests.gateway.serving import Serving, children_of, serve, serving
from tests.gateway.site import CHAT, MASTER, lines, uploaded
from tests.gateway.waiting import wait_until
from tests.gateway.wire import PURPOSE, connected, file, form, post_form, read_answer


@pytest.fixture(scope="module")
def emulator() -> Iterator[OpenAIEmulator]:
    made = OpenAIEmulator(time_scale=0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def environ(emulator: OpenAIEmulator) -> Iterator[dict[str, str]]:
    with emulator.serve() as server:
        yield emulator.environment(server.url)


@pytest.fixture
def folder(sqlite_template: Path, tmp_path: Path) -> Path:
    (tmp_path / "ledger.db").write_bytes(sqlite_template.read_bytes())
    return tmp_path


def test_a_batch_is_served_to_its_end_and_a_signal_stops_it(
    folder: Path, environ: dict[str, str]
) -> None:
    with serving(folder, environ) as gateway:
        assert gateway.url.startswith("http://127.0.0.1:")
        gateway.completed(gateway.batch())
        with gateway.http() as http:
            assert http.get("/readyz").json() == {"status": "ok"}
            answer = http.get("/v1/batches?limit=1")
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.ended() == 0
    line = next(one for one in gateway.log.splitlines() if answer.headers["x-request-id"] in one)
    assert "GET /v1/batches 200" in line
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - to be refused
        pytest.param("::", marks=pytest.mark.slow),
        pytest.param("example.com", marks=pytest.mark.slow),
    ],
)
def test_it_does_not_listen_to_others_without_a_key(folder: Path, host: str) -> None:
    made = Serving(folder, {}, *serve("--host", host))
    assert made.ended() == 1
    assert "master key" in made.log


def test_it_listens_to_others_with_a_key(folder: Path, environ: dict[str, str]) -> None:
    key = {"BATCHYARD_MASTER_KEY": MASTER}
    with serving(folder, environ | key, "--host", "0.0.0.0", "--no-follow") as gateway:  # noqa: S104 - it is asked for
        with gateway.http() as http:
            refused = http.get("/v1/files")
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            # a body is not asked for before the key is known
            with connected(gateway.url) as connection:
                connection.sendall(post_form(b"", length=1000, more="Expect: 100-continue\r\n"))
                assert read_answer(connection).status == 401
        assert gateway.openai(MASTER).files.list().data == []
    assert MASTER not in gateway.log


def test_a_port_that_is_taken_is_an_error(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        made = Serving(folder, {}, "serve", "--port", str(taken.getsockname()[1]))
        assert made.ended() == 1
    assert "cannot listen at" in made.log


def test_a_ledger_that_cannot_be_opened_is_an_error(folder: Path) -> None:
    (folder / "ledger.db").write_bytes(b"this is no database, and never was one" * 100)
    for options in (serve(), serve("--workers", "2")):
        made = Serving(folder, {}, *options)
        assert made.ended() == 1
        assert "cannot be used" in made.log
        assert "Traceback" not in made.log


def test_what_is_under_way_ends_well_before_it_stops(folder: Path, environ: dict[str, str]) -> None:
    content = lines(100, user="x" * 100_000)
    with serving(folder, environ, "--no-follow") as gateway:
        with gateway.http() as http:
            known = uploaded(http, content).json()["id"]
        body = form(PURPOSE, file(content))
        with (
            connected(gateway.url) as upload,
            httpx.Client(timeout=60) as http,
            http.stream("GET", f"{gateway.url}/v1/files/{known}/content") as download,
        ):
            upload.sendall(post_form(body[:100_000], length=len(body)))
            pieces = download.iter_raw(65_536)
            first = next(pieces)
            gateway.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refuses(gateway.url))
            upload.sendall(body[100_000:])
            assert read_answer(upload).status == 200
            assert first + b"".join(pieces) == content
        assert gateway.ended() == 0


def refuses(url: str) -> bool:
    try:
        with connected(url):
            return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_second_signal_stops_it_at_once(
    folder: Path, environ: dict[str, str], workers: str
) -> None:
    options = ["--no-follow", "--workers", workers]
    with serving(folder, environ, *options) as gateway, connected(gateway.url) as upload:
        upload.sendall(post_form(b"--", length=1000))
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(gateway.url))
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.ended(20) == -signal.SIGTERM


@pytest.mark.slow
def test_a_batch_that_is_being_sent_is_taken_up_by_the_next_start(
    folder: Path, environ: dict[str, str], emulator: OpenAIEmulator
) -> None:
    outage = emulator.faults.add("POST /v1/batches 503 times=always")
    short = {"BATCHYARD_GATEWAY__DRAIN": "1"}
    with serving(folder, environ | short) as gateway:
        made = gateway.batch()
        wait_until(lambda: outage.fired > 0, 60)
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.ended() == 0
    emulator.faults.clear()
    with serving(folder, environ) as gateway:
        gateway.completed(made)


@pytest.mark.slow  # what the killed one was at is left alone for a minute
def test_a_killed_gateway_loses_nothing(folder: Path, environ: dict[str, str]) -> None:
    made: list[str] = []
    for _ in range(2):
        with serving(folder, environ) as gateway:
            made += [gateway.batch(metadata={"n": str(len(made))}) for _ in range(3)]
            os.kill(gateway.process.pid, signal.SIGKILL)
            assert gateway.ended() == -signal.SIGKILL
    with serving(folder, environ) as gateway:
        gateway.completed(*made)
        with gateway.http() as http:
            for one in made:
                told = http.get(f"/v1/batches/{one}/events").json()["data"]
                assert [event["type"] for event in told].count("batch_success") == 1
            assert {one["id"] for one in http.get("/v1/batches").json()["data"]} == set(made)


def by_two(folder: Path, environ: dict[str, str]) -> None:
    """Two processes answer and follow, and one that is killed is replaced."""
    with serving(folder, environ, "--workers", "2") as gateway:
        made = [gateway.batch() for _ in range(4)]
        gateway.completed(*made)
        with gateway.http() as http:
            for one in made:
                told = http.get(f"/v1/batches/{one}/events").json()["data"]
                assert [event["type"] for event in told].count("batch_success") == 1
        children = children_of(gateway.process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        wait_until(lambda: children[0] not in children_of(gateway.process.pid), 60)
        gateway.completed(gateway.batch())
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.ended() == 0


def test_two_processes_serve_one_ledger(folder: Path, environ: dict[str, str]) -> None:
    by_two(folder, environ)


@pytest.mark.slow
def test_processes_end_with_the_one_that_has_begun_them(
    folder: Path, environ: dict[str, str]
) -> None:
    with serving(folder, environ, "--workers", "2") as gateway:
        gateway.completed(gateway.batch())
        children = children_of(gateway.process.pid)
        assert len(children) == 2
        os.kill(gateway.process.pid, signal.SIGKILL)
        # not until its log has ended: what is left behind would hold that open
        assert gateway.process.wait(30) == -signal.SIGKILL
        try:
            wait_until(lambda: not any(Path(f"/proc/{one}/stat").exists() for one in children), 30)
        finally:
            for one in children:
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


@pytest.mark.slow
def test_two_processes_serve_one_ledger_in_postgres(
    postgres_url: str, folder: Path, environ: dict[str, str]
) -> None:
    by_two(folder, environ | {"BATCHYARD_LEDGER__URL": postgres_url})


def test_a_worker_follows_for_a_gateway_that_does_not(
    folder: Path, environ: dict[str, str]
) -> None:
    with serving(folder, environ, "--no-follow") as gateway:
        made = gateway.batch()
        assert gateway.openai().batches.retrieve(made).status == "validating"
        worker = Serving(folder, environ, "worker")
        try:
            gateway.completed(made)
        finally:
            worker.process.terminate()
            worker.ended()


@pytest.mark.slow
def test_records_that_cannot_be_written_are_a_503(folder: Path, environ: dict[str, str]) -> None:
    with serving(folder, environ, "--no-follow") as gateway, gateway.http() as http:
        made = uploaded(http, lines(1)).json()["id"]
        order = {"input_file_id": made, "endpoint": CHAT, "completion_window": "24h"}
        with closing(sqlite3.connect(folder / "ledger.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            unavailable(http.post("/v1/batches", json=order))
            assert http.get(f"/v1/files/{made}").status_code == 200
        unfinished = folder / "store" / ".unfinished"
        unfinished.rmdir()
        unfinished.write_bytes(b"")
        unavailable(uploaded(http, lines(1)))
        unfinished.unlink()
        assert uploaded(http, lines(1)).status_code == 200
        assert http.post("/v1/batches", json=order).status_code == 200


def test_a_full_disk_is_a_503(folder: Path, environ: dict[str, str]) -> None:
    limited = 4 * 1024 * 1024
    with serving(folder, environ, "--no-follow") as gateway, gateway.http() as http:
        # the one way to fill a disk without filling it
        os_limit(gateway.process.pid, limited)
        unavailable(uploaded(http, lines(60, user="x" * 100_000)))
        assert uploaded(http, lines(2)).status_code == 200
        assert len(http.get("/v1/files").json()["data"]) == 1


def os_limit(pid: int, size: int) -> None:
    import resource  # noqa: PLC0415 - not everywhere

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.slow
def test_a_database_that_is_gone_is_a_503(
    postgres_server: object, folder: Path, environ: dict[str, str]
) -> None:
    from tests.ledger.conftest import TEMPLATE, Server  # noqa: PLC0415 - one test needs it

    assert isinstance(postgres_server, Server)
    name = postgres_server.create(TEMPLATE)
    own = environ | {"BATCHYARD_LEDGER__URL": postgres_server.url(name)}
    with serving(folder, own, "--no-follow") as gateway, gateway.http() as http:
        assert http.get("/readyz").status_code == 200
        postgres_server.drop(name)
        unavailable(http.get("/v1/batches"))
        assert http.get("/readyz").status_code == 503
        assert http.get("/healthz").status_code == 200


def unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-request-id"]
    assert answer.json()["error"]["code"] == "unavailable"

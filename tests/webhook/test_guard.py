"""No webhook goes to what is private, whatever a name says and whenever it says it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batchyard_webhook import WebhookError, _guard
from batchyard_webhook._guard import Guarded
from tests.sinks.receivers import Receiver
from tests.webhook.parts import deliver, happened, sink

NAME = "hooks.example.test"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.8",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - it is refused
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b:1::a00:1",
        "fec0::1",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:168.63.129.16",
    ],
)
def test_what_is_no_public_address_is_refused(address: str) -> None:
    assert not Guarded().permits(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_public_is_not(address: str) -> None:
    assert Guarded().permits(ip_address(address))


def test_a_network_that_is_allowed_is_and_no_other() -> None:
    guarded = Guarded([ip_network("10.1.0.0/16"), ip_network("fd00::/64")])
    assert guarded.permits(ip_address("10.1.2.3"))
    assert guarded.permits(ip_address("::ffff:10.1.2.3"))
    assert guarded.permits(ip_address("fd00::7"))
    assert not guarded.permits(ip_address("10.2.0.1"))
    assert Guarded([ip_network("fec0::/64")]).permits(ip_address("fec0::1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with Receiver() as receiver:
        webhook = sink(url=f"http://{host}:{receiver.port}/", allow=())
        with pytest.raises(WebhookError, match=r"no public address|has no address"):
            deliver(webhook, happened())
        assert receiver.attempts == 0


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names resolve to these, one answer after the other; the names that were asked for."""
    asked: list[str] = []
    left = list(answers)
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> list[Any]:
        if host != NAME:
            return list(real(host, port, *rest, **options))
        asked.append(str(host))
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # a second answer would lead to this machine: DNS rebinding
    asked = answering(monkeypatch, ["203.0.113.9"], ["127.0.0.1"])
    connected: list[str] = []

    async def connect(_: object, host: str, *_rest: object, **_more: object) -> Any:
        connected.append(host)
        raise OSError("no route")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    monkeypatch.setattr(_guard, "is_public", lambda address: not address.is_loopback)
    with Receiver() as receiver:
        with pytest.raises(WebhookError, match=r"hooks\.example\.test cannot be reached: OSError"):
            deliver(sink(url=f"http://{NAME}:{receiver.port}/", allow=()), happened())
        assert (asked, connected, receiver.attempts) == ([NAME], ["203.0.113.9"], 0)
        # and the next event is checked anew
        with pytest.raises(WebhookError, match="no public address"):
            deliver(sink(url=f"http://{NAME}:{receiver.port}/", allow=()), happened())
        assert connected == ["203.0.113.9"]


def test_of_several_addresses_only_those_that_are_permitted_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, ["10.0.0.1", "127.0.0.1"])
    with Receiver() as receiver:
        deliver(sink(url=f"http://{NAME}:{receiver.port}/hook"), happened())
        [post] = receiver.posts
    assert post.headers["host"] == f"{NAME}:{receiver.port}"
    assert post.path == "/hook"


def test_an_address_that_swallows_everything_does_not_keep_the_next_from_being_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    monkeypatch.setattr(_guard, "PATIENCE", 0.01)
    real = httpcore.AnyIOBackend.connect_tcp

    async def connect(
        self: httpcore.AnyIOBackend, host: str, port: int, patience: float | None, *rest: Any
    ) -> Any:
        if host == "127.0.0.2":
            assert patience == 0.01
            raise httpcore.ConnectTimeout
        return await real(self, host, port, patience, *rest)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    with Receiver() as receiver:
        deliver(sink(url=f"http://{NAME}:{receiver.port}/hook"), happened())
        assert len(receiver.posts) == 1


def test_a_name_that_is_looked_up_for_ever_takes_nobody_elses_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()

    async def main() -> None:
        loop, entered = asyncio.get_running_loop(), asyncio.Event()

        def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
            loop.call_soon_threadsafe(entered.set)
            let_go.wait()
            raise OSError

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        loop.set_default_executor(ThreadPoolExecutor(1))
        webhook = sink(url=f"https://{NAME}/")
        webhook._ssl = ssl.create_default_context()
        delivering = asyncio.create_task(webhook.deliver(happened()))
        await entered.wait()
        try:
            await asyncio.wait_for(asyncio.to_thread(let_go.is_set), 5.0)
        finally:
            let_go.set()
        with pytest.raises(WebhookError, match=f"{NAME} cannot be reached"):
            await delivering

    asyncio.run(main())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of NAME, that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, *plain))
    return path


def test_tls_is_of_the_name_and_not_of_the_address(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    answering(monkeypatch, ["127.0.0.1"])
    with Receiver(tls=context) as receiver:
        webhook = sink(url=f"https://{NAME}:{receiver.port}/")
        webhook._ssl = ssl.create_default_context(cafile=str(certificate))
        deliver(webhook, happened())
        assert named == [NAME]
        # one that nobody vouches for is not sent to
        with pytest.raises(WebhookError, match=f"{NAME} cannot be reached: ConnectError"):
            deliver(sink(url=f"https://{NAME}:{receiver.port}/"), happened())
        assert len(receiver.posts) == 1

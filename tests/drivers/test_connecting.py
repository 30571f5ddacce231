"""Proxies, certificates and timeouts."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import pytest

from batchyard.drivers import Transport
from batchyard.effects import Reply, Request, Send
from batchyard.errors import (
    APITimeoutError,
    ConfigError,
    ConnectionRefusedByPeerError,
)
from tests.drivers.certificates import Certificate
from tests.drivers.faces import OpenFace
from tests.drivers.site import Exchange, Site, hanging, saying

USER = "someone"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)


async def send(url: str, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - of the request
    return await Send(Request("GET", f"{url}/path?a=1", timeout=timeout))


async def proxying(exchange: Exchange) -> None:
    """A proxy that forwards plain requests, and tunnels for CONNECT."""
    seen = exchange.seen
    target = urlsplit(seen.target if seen.method != "CONNECT" else f"//{seen.target}")
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    try:
        if seen.method == "CONNECT":
            await exchange.raw(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            writer.write(seen.head.replace(seen.target.encode(), target.path.encode(), 1))
        await asyncio.wait(
            [
                asyncio.ensure_future(pour(exchange.reader, writer)),
                asyncio.ensure_future(pour(reader, exchange.writer)),
            ]
        )
    finally:
        writer.transport.abort()


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


@pytest.fixture
def proxy() -> Iterator[Site]:
    with Site(proxying) as site:
        yield site


def test_a_plain_request_is_handed_to_the_proxy(open_face: OpenFace, proxy: Site) -> None:
    with Site(saying(b"there")) as site:
        assert open_face(Transport(proxy=proxy.url)).run(send(site.url)).body == b"there"
        assert proxy.heads == [f"GET {site.url}/path?a=1"]
        assert site.heads == ["GET /path"]


def test_a_tls_request_goes_through_a_tunnel(
    open_face: OpenFace, proxy: Site, certificate: Certificate
) -> None:
    transport = Transport(proxy=proxy.url, ca_bundle=str(certificate.pem))
    with Site(saying(b"there"), tls=certificate.server_context()) as site:
        assert open_face(transport).run(send(site.url)).body == b"there"
        assert proxy.heads == [f"CONNECT 127.0.0.1:{site.port}"]
        assert site.heads == ["GET /path?a=1"]


def test_a_proxy_is_told_its_user_and_password(open_face: OpenFace, proxy: Site) -> None:
    url = f"http://{USER}:pass%20word@127.0.0.1:{proxy.port}"
    with Site(saying(b"")) as site:
        open_face(Transport(proxy=url)).run(send(site.url))
    told = proxy.requests[0].headers["proxy-authorization"]
    assert base64.b64decode(told.removeprefix("Basic ")).decode() == f"{USER}:pass word"


def test_the_environment_names_the_proxy_and_what_goes_past_it(
    open_face: OpenFace, proxy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with Site(saying(b"there")) as site:
        assert open_face().run(send(site.url)).body == b"there"
        assert len(proxy.requests) == 1
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert open_face().run(send(site.url)).body == b"there"
        assert len(proxy.requests) == 1


def test_the_proxy_of_the_settings_wins_over_the_environments(
    open_face: OpenFace, proxy: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Site(saying(b"there")) as site:
        assert open_face(Transport(proxy=proxy.url)).run(send(site.url)).body == b"there"


def test_a_proxy_that_refuses_the_tunnel_has_sent_nothing(
    open_face: OpenFace, certificate: Certificate
) -> None:
    with Site(saying(b"", 407)) as proxy:
        transport = Transport(proxy=proxy.url, ca_bundle=str(certificate.pem))
        with pytest.raises(ConnectionRefusedByPeerError, match="407"):
            open_face(transport).run(send("https://127.0.0.1:9"))


@pytest.mark.parametrize("url", ["", "nonsense", "gopher://proxy:80", "http://proxy:port"])
def test_a_proxy_that_is_no_url_is_a_wrong_setting(open_face: OpenFace, url: str) -> None:
    with pytest.raises(ConfigError, match="proxy") as caught:
        open_face(Transport(proxy=url)).run(send("http://127.0.0.1:9"))
    assert caught.value.param == "proxy"


def test_a_socks_proxy_asks_for_the_package_it_needs(open_face: OpenFace) -> None:
    with pytest.raises(ConfigError, match="socksio"):
        open_face(Transport(proxy="socks5://127.0.0.1:9")).run(send("http://127.0.0.1:9"))


def test_an_unknown_certificate_is_refused_and_the_bundle_makes_it_known(
    open_face: OpenFace, certificate: Certificate
) -> None:
    with Site(saying(b"safe"), tls=certificate.server_context()) as site:
        with pytest.raises(ConnectionRefusedByPeerError, match="CERTIFICATE_VERIFY_FAILED"):
            open_face().run(send(site.url))
        trusting = open_face(Transport(ca_bundle=str(certificate.pem)))
        assert trusting.run(send(site.url)).body == b"safe"
        assert open_face(Transport(verify=False)).run(send(site.url)).body == b"safe"


def test_the_bundle_of_the_environment_counts_where_none_is_set(
    open_face: OpenFace, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
    with Site(saying(b"safe"), tls=certificate.server_context()) as site:
        assert open_face().run(send(site.url)).body == b"safe"


def test_a_bundle_that_has_changed_is_read_again(
    open_face: OpenFace, certificate: Certificate, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes())
    with Site(saying(b"safe"), tls=certificate.server_context()) as site:
        with pytest.raises(ConnectionRefusedByPeerError, match="CERTIFICATE_VERIFY_FAILED"):
            open_face(Transport(ca_bundle=str(bundle))).run(send(site.url))
        bundle.write_bytes(certificate.pem.read_bytes())
        assert open_face(Transport(ca_bundle=str(bundle))).run(send(site.url)).body == b"safe"


def test_a_bundle_that_cannot_be_read_is_a_wrong_setting(
    open_face: OpenFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, garbled = tmp_path / "missing.pem", tmp_path / "garbled.pem"
    garbled.write_text("no certificate")
    for bundle in (missing, garbled):
        with pytest.raises(ConfigError, match=bundle.name) as caught:
            open_face(Transport(ca_bundle=str(bundle))).run(send("https://127.0.0.1:9"))
        assert caught.value.param == "ca_bundle"
    monkeypatch.setenv("SSL_CERT_FILE", str(missing))
    with pytest.raises(ConfigError, match=missing.name):
        open_face().run(send("https://127.0.0.1:9"))


def test_a_connection_that_is_not_made_in_time_has_sent_nothing(open_face: OpenFace) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # with its queue full, the kernel answers no further attempt
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            with pytest.raises(ConnectionRefusedByPeerError, match=r"timed out|ConnectTimeout"):
                open_face(Transport(connect_timeout=0.1)).run(send(f"http://127.0.0.1:{port}"))
        finally:
            for one in waiting:
                one.close()


def test_the_timeout_is_the_calls_or_else_the_transports(open_face: OpenFace) -> None:
    with Site(hanging) as site:
        with pytest.raises(APITimeoutError):
            open_face(Transport(timeout=0.1)).run(send(site.url))
        with pytest.raises(APITimeoutError):
            open_face().run(send(site.url, timeout=0.1))


def test_a_call_waits_for_a_free_connection_no_longer_than_its_timeout(
    open_face: OpenFace,
) -> None:
    with Site(hanging) as site:
        face = open_face(Transport(max_connections=1))
        outcomes = face.together([send(site.url, 0.3), send(site.url, 0.1)])
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {APITimeoutError, ConnectionRefusedByPeerError}


def test_a_transport_shows_no_password() -> None:
    assert "secret" not in repr(Transport(proxy=f"http://{USER}:secret@proxy:80"))

"""How connections are made."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from batchyard.drivers._http import httpx
from batchyard.errors import ConfigError

__all__ = ["Transport"]


@dataclass(frozen=True, slots=True)
class Transport:
    """Proxy, certificates, pool and timeouts.

    ``proxy`` is a URL; without one ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``
    and ``NO_PROXY`` count.  ``ca_bundle`` is a PEM file with the authorities to
    trust; without one ``SSL_CERT_FILE`` counts, else certifi's.  ``timeout`` is
    the default for calls that name none, in seconds.
    """

    proxy: str | None = None
    ca_bundle: str | None = None
    verify: bool = True
    max_connections: int = 100
    max_keepalive: int = 20
    connect_timeout: float = 5.0
    timeout: float = 600.0

    def __repr__(self) -> str:
        # a proxy's URL may carry a password
        return f"Transport(proxy={'***' if self.proxy else None}, ca_bundle={self.ca_bundle!r})"

    def open(self) -> httpx.Client:
        verify = self._verify()
        with _usable_proxy():
            return httpx.Client(proxy=self.proxy, verify=verify, limits=self._limits())

    def open_async(self) -> httpx.AsyncClient:
        verify = self._verify()
        with _usable_proxy():
            return httpx.AsyncClient(proxy=self.proxy, verify=verify, limits=self._limits())

    def timeouts(self, seconds: float | None) -> httpx.Timeout:
        """What httpx is told for a call that has *seconds*."""
        wait = self.timeout if seconds is None else seconds
        return httpx.Timeout(wait, connect=min(wait, self.connect_timeout))

    def _limits(self) -> httpx.Limits:
        return httpx.Limits(
            max_connections=self.max_connections, max_keepalive_connections=self.max_keepalive
        )

    def _verify(self) -> ssl.SSLContext | bool:
        if not self.verify:
            return False
        try:
            if self.ca_bundle is not None:
                return _of_file(self.ca_bundle, _version(self.ca_bundle))
            if named := os.environ.get("SSL_CERT_FILE"):
                return _of_file(named, _version(named))
            if os.environ.get("SSL_CERT_DIR"):
                return httpx.create_ssl_context()
            return _certifis()
        except OSError as error:
            raise ConfigError(
                f"cannot read the CA bundle {self.ca_bundle or os.environ.get('SSL_CERT_FILE')}: "
                f"{error.strerror or error}",
                param="ca_bundle",
            ) from error


@cache
def _certifis() -> ssl.SSLContext:
    """Read certifi's authorities, once: that takes longer than all else a client is made of."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=8)
def _of_file(path: str, _version: tuple[int, ...]) -> ssl.SSLContext:
    """Read the authorities of a file that somebody else keeps, again when it has changed."""
    return ssl.create_default_context(cafile=path)


def _version(path: str) -> tuple[int, ...]:
    status = Path(path).stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _usable_proxy() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise ConfigError("a SOCKS proxy needs the package socksio", param="proxy") from None
    except (httpx.InvalidURL, ValueError):
        # whatever the library quotes may be a part of the password
        raise ConfigError(
            "the URL of the proxy, or of one in the environment, is not one", param="proxy"
        ) from None

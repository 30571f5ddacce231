"""Connections to addresses that may be connected to, checked when they are made.

A name is resolved once, its addresses are checked, and the connection is made to
the very address that was: a name that answers differently a moment later (DNS
rebinding) gains nothing.  ``Host`` and the TLS name stay those of the URL.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeAlias

import httpcore

__all__ = ["BlockedAddressError", "Guarded", "is_public"]

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052)."""

UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that the Internet routes.  Beyond are site-local addresses, a network's own
NAT64 and the older ways to write an IPv4 address, of which :mod:`ipaddress` calls some global."""

CLOUDS = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))
"""Addresses that look public, and behind which a cloud tells its machines secrets: Oracle's
metadata (which not every Python knows to be private), Azure's wire server."""

RESOLVING = 4
"""Names of one sink that are looked up at a time."""

PATIENCE = 1.5
"""Seconds that an address has to answer where there are others to try."""


class BlockedAddressError(Exception):
    """The name leads to no address that may be connected to."""


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, and to those of the networks that are *allowed*."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)
        # its own: a resolver that hangs must not take the threads that others wait for
        self._resolving = ThreadPoolExecutor(RESOLVING, "batchyard-webhook")
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._resolved(host, port)
        good = [one for one in found if self.permits(one)]
        if not good:
            # no address in it: whoever may write a URL need not learn what is behind a name
            raise BlockedAddressError(f"{host} is no public address, and not allowed")
        failure: Exception | None = None
        for address in good[:4]:
            # one that swallows what it is sent must not keep the others from being tried
            patience = timeout if address == good[-1] else PATIENCE
            try:
                return await self._inner.connect_tcp(
                    str(address), port, patience, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} cannot be reached")

    def permits(self, address: Address) -> bool:
        real = _embedded(address)
        # a network of one kind has no address of the other
        return any(real in one for one in self._allowed) or is_public(real)

    async def _resolved(self, host: str, port: int) -> list[Address]:
        """The host's addresses, the preferred one first."""
        resolve = partial(socket.getaddrinfo, host.strip("[]"), port, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._resolving, resolve)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        texts = dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found)
        return [ip_address(one) for one in texts]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise BlockedAddressError("a socket on this machine is no public address")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def is_public(address: Address) -> bool:
    """Whether the Internet is there: not this machine, no private network, no multicast."""
    real = _embedded(address)
    if isinstance(real, IPv6Address) and real not in UNICAST:
        return False
    return real.is_global and not real.is_multicast and not any(real in one for one in CLOUDS)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address

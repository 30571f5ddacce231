"""Whether a request comes from this machine, and from no web page that is shown on it."""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection

__all__ = ["from_home", "is_loopback"]

OWN = ("none", "same-origin")
"""What browsers say in ``Sec-Fetch-Site`` of requests that no other site made."""


def is_loopback(host: str) -> bool:
    """Whether it is a name or an address of this machine alone, as it is written."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def from_home(connection: HTTPConnection) -> bool:
    """Whether a program on this machine made it, told so by all that it brings.

    A page of any site can have the browser send requests here, with an ``Origin``, and
    can let its own name point here, which ``Host`` tells.  A UNIX socket has no peer:
    who is behind it is not known, and so it is not home.
    """
    client, hosts = connection.client, connection.headers.getlist("host")
    return (
        client is not None
        and is_loopback(client.host)
        and len(hosts) == 1
        and is_loopback(_name(hosts[0]))
        and "origin" not in connection.headers
        and all(one in OWN for one in connection.headers.getlist("sec-fetch-site"))
    )


def _name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isascii() and port.isdigit() else host

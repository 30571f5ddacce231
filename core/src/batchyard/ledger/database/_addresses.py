"""Where a ledger is: a path, or a URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from batchyard.errors import ConfigError

__all__ = ["Address", "parse"]

_FORMS = "a path, sqlite:///PATH or postgresql://HOST/NAME"
_SQLITE = {"sqlite", "sqlite+aiosqlite"}
_POSTGRES = {"postgres", "postgresql", "postgresql+asyncpg"}

_SERVER = {"application_name", "search_path"}
"""Parameters of a Postgres URL that are settings of the session."""

_RENAMED = {"sslmode": "ssl", "connect_timeout": "timeout"}
"""Those that libpq calls otherwise than asyncpg does."""

_PASSED = {"host", "port", "user", "password", "passfile", "ssl", "timeout"}


@dataclass(frozen=True, slots=True)
class Address:
    """``shown`` may be printed; ``url`` may have a password.  ``path`` is a SQLite file's."""

    shown: str
    url: URL = field(repr=False)
    path: Path | None = None
    arguments: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the driver is to be called with beside the URL."""


def parse(text: str) -> Address:
    """The address that a user wrote."""
    scheme, found, rest = text.partition("://")
    if not found:
        return _file(text)
    if scheme in _SQLITE:
        return _file(rest.removeprefix("/"))
    if scheme in _POSTGRES:
        return _server(text)
    raise ConfigError(f"a ledger cannot be kept in {scheme!r}: give {_FORMS}")


def _file(name: str) -> Address:
    if not name or ":memory:" in name or "mode=memory" in name:
        raise ConfigError(f"a ledger in memory would be lost with the process: give {_FORMS}")
    if "?" in name:
        raise ConfigError("the address of a SQLite ledger takes no parameters")
    path = Path(name).expanduser().absolute()
    return Address(str(path), URL.create("sqlite+aiosqlite", database=str(path)), path)


def _server(text: str) -> Address:
    if find_spec("asyncpg") is None:
        raise ConfigError("a ledger in Postgres needs asyncpg: pip install 'batchyard[postgres]'")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # the reason may quote the address, password and all
        raise ConfigError("the ledger's address is not a URL that can be read") from None
    settings, arguments = _parameters(url)
    plain = url.set(drivername="postgresql", query={})
    host = {} if plain.host or "host" not in url.query else {"host": url.query["host"]}
    shown = plain.set(query=host).render_as_string(hide_password=True)
    driven = url.set(drivername="postgresql+asyncpg", query=arguments)
    return Address(shown, driven, arguments={"server_settings": settings})


def _parameters(url: URL) -> tuple[dict[str, str], dict[str, Any]]:
    """Settings of the session, and arguments of the driver."""
    named = {_RENAMED.get(name, name): value for name, value in url.query.items()}
    unknown = sorted(named.keys() - _SERVER - _PASSED)
    if unknown:
        raise ConfigError(f"the ledger's address has a parameter that is not known: {unknown[0]}")
    settings = {name: str(named.pop(name)) for name in _SERVER & named.keys()}
    return settings, named

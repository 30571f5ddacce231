"""The ledger that a command is about: the one named, the configured one, or the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from batchyard.cli._options import Where
from batchyard.config import Configuration, LedgerSettings, configured_ledger, load
from batchyard.errors import ConfigError
from batchyard.registry import Registry

if TYPE_CHECKING:
    from batchyard.ledger import Ledger
    from batchyard.ledger.database import Database

__all__ = ["configured", "installed", "on_database", "on_ledger", "settings_of"]

T = TypeVar("T")


def installed() -> bool:
    """Whether there can be a ledger: it needs packages of its own."""
    try:
        import batchyard.ledger  # noqa: F401
    except ConfigError:
        return False
    return True


def configured(where: Where) -> tuple[Registry, Configuration]:
    registry = Registry()
    return registry, load(registry.environ, where.config)


def settings_of(where: Where) -> LedgerSettings:
    given = where.ledger if isinstance(where.ledger, str) else None
    return configured_ledger(*configured(where), given)


def on_database(where: Where, use: Callable[[Database], Awaitable[T]]) -> T:
    """What *use* makes of what the ledger has written down.  No plugin is loaded.

    A ledger that is named must be there, and up to date; it needs no store.
    """
    from batchyard.ledger.database import Database, schema_of

    async def main() -> T:
        if isinstance(where.ledger, str):
            found = await schema_of(where.ledger)
            if found.state == "none":
                raise ConfigError(f"there is no ledger at {found.ledger}", param="ledger")
            url, migrate = where.ledger, False
        else:
            settings = settings_of(where)
            url, migrate = settings.url, settings.migrate
        async with Database(url, migrate=migrate) as db:
            return await use(db)

    return asyncio.run(main())


def on_ledger(where: Where, use: Callable[[Ledger], Awaitable[T]]) -> T:
    """What *use* does with the ledger; what it has to tell is delivered before it ends."""
    from batchyard.ledger import Ledger, Setup

    registry, config = configured(where)
    settings = settings_of(where)

    async def main() -> T:
        async with Ledger(settings, Setup(config=config, registry=registry)) as ledger:
            return await use(ledger)

    return asyncio.run(main())

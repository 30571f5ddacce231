"""Making a ledger's parts from a configuration."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from batchyard.config import (
    Configuration,
    LedgerSettings,
    ModelSettings,
    load,
    resolve,
    resolve_gates,
    resolve_models,
    resolve_prices,
    resolve_sinks,
)
from batchyard.drivers import AsyncDriver, Transport
from batchyard.effects import Clock
from batchyard.errors import ConfigError, PluginError
from batchyard.gates import GateChain
from batchyard.hookspecs import EngineContext
from batchyard.ledger.accounts import Accounts, Served
from batchyard.ledger.database import Database
from batchyard.ledger.outbox import Outbox, Subscription, Terms, subscribe
from batchyard.ledger.parts import Parts
from batchyard.ledger.retention import Retention, clean
from batchyard.ledger.routing import Directory, Routing
from batchyard.ledger.settlement import stop_settling
from batchyard.ledger.store import LocalStore
from batchyard.ledger.telling import Lines
from batchyard.ledger.tracker import DUTIES, Tracker
from batchyard.models import Rates
from batchyard.prices import PriceOptions, PriceSources, override_rates
from batchyard.registry import Registry, Sink

__all__ = ["Setup", "open_parts"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process brings to a ledger, besides its configuration.

    ``accounts`` are made already, by their names; ``gates`` and ``sinks`` are
    plugins beside the configured ones, by theirs, and ``models`` are too.  ``duties`` is what its
    tracker does.
    """

    config: Configuration | str | os.PathLike[str] | None = None
    registry: Registry = field(default_factory=Registry)
    clock: Clock | None = None
    transport: Transport | None = None
    listeners: Sequence[object] = ()
    middleware: Sequence[object] = ()
    accounts: Sequence[Served] = ()
    default_account: str | None = None
    gates: Sequence[tuple[str, object]] = ()
    models: Sequence[ModelSettings] = ()
    sinks: Mapping[str, object] = field(default_factory=dict)
    duties: Collection[str] = DUTIES
    keeper: bool = False


async def open_parts(
    settings: LedgerSettings, setup: Setup, scope: AsyncExitStack
) -> tuple[Parts, Tracker, Outbox]:
    """All parts, open; *scope* closes them in the other order."""
    registry = setup.registry
    config = setup.config
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    db = Database(settings.url, setup.clock, migrate=settings.migrate)
    await scope.enter_async_context(db)
    overrides: dict[str, Mapping[str, Rates]] = {}
    accounts = Accounts(partial(_served, setup, config, overrides), default=setup.default_account)
    scope.push_async_callback(accounts.close)
    for served in setup.accounts:
        _remember(overrides, served.account.name, served.prices)
        accounts.add(served)
    parts = Parts(
        db=db,
        store=LocalStore(settings.store),
        accounts=accounts,
        gates=GateChain([*_gates(registry, config), *setup.gates]),
        prices=_prices(registry, config, overrides),
        settings=settings,
        routing=Routing(_directory(setup, registry, config, accounts), accounts),
        holder=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
    )
    if settings.settle_in_process:
        scope.push_async_callback(asyncio.to_thread, stop_settling)
    outbox = await _outbox(parts, registry, config, setup)
    context = EngineContext(
        settings.url, parts.holder, concurrency=settings.concurrency, migrate=settings.migrate
    )
    engine = registry.engine(settings.engine, context)
    scope.push_async_callback(engine.close)
    days = settings.retention_days
    kept = Retention(None if days is None else days * 86_400.0)
    cleaner = partial(clean, db, parts.store, kept)
    return parts, Tracker(parts, engine, outbox, clean=cleaner, duties=setup.duties), outbox


def _directory(
    setup: Setup, registry: Registry, config: Configuration, accounts: Accounts
) -> Directory:
    models = (*setup.models, *resolve_models(registry, config))
    return Directory(registry, config, models, accounts=accounts, default=setup.default_account)


def _served(
    setup: Setup,
    config: Configuration,
    overrides: dict[str, Mapping[str, Rates]],
    name: str | None,
) -> Served:
    """The configured account of that name.

    Raises :class:`ConfigError` also for one whose provider cannot be used here:
    it is another process's, as one that is not configured.
    """
    try:
        found = resolve(setup.registry, name, config=config)
        account = setup.registry.account(
            found.provider,
            found.settings,
            name=found.name,
            listeners=setup.listeners,
            middleware=setup.middleware,
        )
    except PluginError as error:
        if name is None:
            raise
        raise ConfigError(f"there is no account {name!r} here: {error}", param="account") from error
    _remember(overrides, found.name, found.prices)
    return Served(account, AsyncDriver(account, setup.transport, setup.clock), found.prices)


def _remember(
    overrides: dict[str, Mapping[str, Rates]], name: str, prices: Mapping[str, Mapping[str, Any]]
) -> None:
    """The account's own prices, known from when the account is."""
    overrides[name] = {model: override_rates(stated) for model, stated in prices.items()}


def _gates(registry: Registry, config: Configuration) -> list[tuple[str, object]]:
    return [
        (one.name, registry.gate(one.gate, one.settings)) for one in resolve_gates(registry, config)
    ]


def _prices(
    registry: Registry, config: Configuration, overrides: Mapping[str, Mapping[str, Rates]]
) -> PriceSources:
    stated = resolve_prices(registry, config)
    options = PriceOptions(overrides, stated.litellm_file, stated.sources)
    return PriceSources.load(registry, options)


async def _outbox(parts: Parts, registry: Registry, config: Configuration, setup: Setup) -> Outbox:
    sinks: dict[str, Sink] = {}
    terms: dict[str, Terms] = {}
    wanted = []
    for one in resolve_sinks(registry, config):
        sinks[one.name] = registry.sink(one.sink, one.settings)
        wanted.append(Subscription(one.name, one.sink, one.events))
        terms[one.name] = Terms(one.lines, one.bodies, one.redact, one.rate)
    for name, plugin in setup.sinks.items():
        sinks[name] = Sink(name, plugin)
        wanted.append(Subscription(name, type(plugin).__name__))
    # a command run where no sinks are configured must not end the worker's
    await subscribe(parts.db, wanted, whole=setup.keeper)
    reader = Lines(parts.db, parts.store, parts.accounts)
    return Outbox(parts.db, sinks, parts.db.clock, terms=terms, reader=reader)

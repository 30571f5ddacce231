"""How a client comes to its ledger.  What needs the extra is imported here, when there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batchyard.config import Configuration, LedgerSettings
from batchyard.drivers import AsyncDriver, Transport
from batchyard.effects import Clock
from batchyard.registry import Account, Registry

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["Tracking", "maker"]


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a client was given that its ledger needs."""

    settings: LedgerSettings
    config: Configuration
    registry: Registry
    clock: Clock
    account: Account
    prices: Mapping[str, Any] = field(default_factory=dict)
    transport: Transport | None = None
    listeners: Sequence[object] = ()
    middleware: Sequence[object] = ()
    gates: Sequence[object] = ()


def maker(tracking: Tracking) -> Callable[[], Ledger]:
    """A function that makes the ledger, on whose loop it is called.

    Raises :class:`~batchyard.errors.ConfigError` without the extra.
    """
    from batchyard.ledger import Ledger, Served, Setup  # noqa: PLC0415 - needs an extra

    def make() -> Ledger:
        account = tracking.account
        driver = AsyncDriver(account, tracking.transport, tracking.clock)
        setup = Setup(
            config=tracking.config,
            registry=tracking.registry,
            clock=tracking.clock,
            transport=tracking.transport,
            listeners=tracking.listeners,
            middleware=tracking.middleware,
            accounts=(Served(account, driver, tracking.prices),),
            default_account=account.name,
            gates=[(type(one).__name__, one) for one in tracking.gates],
        )
        return Ledger(tracking.settings, setup)

    return make

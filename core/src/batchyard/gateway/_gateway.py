"""What the routes work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from batchyard.config import GatewaySettings
from batchyard.gateway._keyring import Keyring
from batchyard.gateway._places import Places
from batchyard.gateway._rates import Rates
from batchyard.ledger import Ledger

__all__ = ["Gateway"]


@dataclass(frozen=True, slots=True)
class Gateway:
    """An open ledger, and how it is shown to the world.

    ``following`` follows its batches, unless somebody else does; ``uploads`` are
    the places for those that arrive, ``keyring`` and ``rates`` are for the keys of callers.
    """

    ledger: Ledger
    settings: GatewaySettings
    following: asyncio.Task[bool] | None = None
    uploads: Places = field(init=False, repr=False)
    keyring: Keyring = field(init=False, repr=False)
    rates: Rates = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "uploads", Places(self.settings.max_uploads))
        object.__setattr__(self, "keyring", Keyring(self.ledger))
        object.__setattr__(self, "rates", Rates(self.settings.workers))

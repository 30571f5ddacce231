"""Which paths there are, and what answers them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from batchyard.gateway.routes._adopting import ADOPTING
from batchyard.gateway.routes._batches import BATCHES
from batchyard.gateway.routes._files import FILES
from batchyard.gateway.routes._health import healthy, ready
from batchyard.gateway.routes._keys import KEYS
from batchyard.gateway.routes._models import MODELS
from batchyard.gateway.routes._operations import PREFIXES, Operation, routes_of

__all__ = ["ADMIN", "OPERATIONS", "PREFIXES", "routes"]

OPERATIONS: tuple[Operation, ...] = (*BATCHES, *FILES, *MODELS)
"""Those of the API, in the order in which they are tried."""

ADMIN: tuple[Operation, ...] = (*KEYS, *ADOPTING)
"""Those for the bearer of the master key, which have no prefix."""


def routes() -> Sequence[BaseRoute]:
    return [
        *routes_of(ADMIN, ("",)),
        *routes_of(OPERATIONS),
        Route("/healthz", healthy),
        Route("/readyz", ready),
    ]

"""Which paths there are, and what answers them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from batchyard.gateway.routes._batches import BATCHES
from batchyard.gateway.routes._files import FILES
from batchyard.gateway.routes._health import healthy, ready
from batchyard.gateway.routes._operations import Operation, routes_of

__all__ = ["OPERATIONS", "routes"]

OPERATIONS: tuple[Operation, ...] = (*BATCHES, *FILES)
"""Those of the API, in the order in which they are tried."""


def routes() -> Sequence[BaseRoute]:
    return [
        *routes_of(OPERATIONS),
        Route("/healthz", healthy),
        Route("/readyz", ready),
    ]

"""What is counted of requests, in one registry of prometheus_client's."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

__all__ = ["Counting", "counting"]

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""An upload takes minutes."""

LABELS = ("account", "provider", "method")


class Counting:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "batchyard_http_requests",
            "Requests to providers, by the class of the reply's status; error: none came.",
            (*LABELS, "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "batchyard_http_request_seconds",
            "Seconds that requests to providers took.",
            LABELS,
            buckets=SECONDS,
            registry=registry,
        )


_made: WeakKeyDictionary[CollectorRegistry, Counting] = WeakKeyDictionary()
_making = threading.Lock()


def counting(registry: CollectorRegistry | None) -> Counting:
    """A process may have several listeners: they count together, in its own registry by default."""
    registry = REGISTRY if registry is None else registry
    with _making:
        if registry not in _made:
            _made[registry] = Counting(registry)
        return _made[registry]

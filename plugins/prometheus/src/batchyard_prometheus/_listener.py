"""Requests to providers, counted in this process."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from batchyard.hookspecs import hookimpl
from batchyard.models import RequestEvent

__all__ = ["PrometheusListener"]

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""An upload takes minutes."""

METHODS = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})

LABELS = ("account", "provider", "method")


class _Metrics:
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


_made: WeakKeyDictionary[CollectorRegistry, _Metrics] = WeakKeyDictionary()
_making = threading.Lock()


class PrometheusListener:
    """In prometheus_client's own registry, which an application shows as it shows its others.

    A process may have several: they count together.  With
    ``PROMETHEUS_MULTIPROC_DIR`` set, processes do so too, see prometheus_client.
    Addresses and ids are no labels: they have too many values.
    """

    needs_totals = False

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        with _making:
            if registry not in _made:
                _made[registry] = _Metrics(registry)
            self._metrics = _made[registry]

    @hookimpl
    def request_sent(self, event: RequestEvent) -> None:
        method = event.method if event.method in METHODS else "other"
        labels = (event.account, event.provider, method)
        status = "error" if event.status is None else f"{event.status // 100}xx"
        self._metrics.requests.labels(*labels, status).inc()
        self._metrics.seconds.labels(*labels).observe(event.seconds)

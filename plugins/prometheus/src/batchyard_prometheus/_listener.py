"""Requests to providers, counted in this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import RequestEvent

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from batchyard_prometheus._counting import Counting

__all__ = ["PrometheusListener"]

SHARED = "PROMETHEUS_MULTIPROC_DIR"

METHODS = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})


class PrometheusListener:
    """In prometheus_client's own registry, which an application shows as it shows its others.

    With ``PROMETHEUS_MULTIPROC_DIR`` set, processes are counted together, see
    prometheus_client.  Without it, and in a program that does not use
    prometheus_client, nobody could see the counts, and nothing is counted.
    Addresses and ids are no labels: they have too many values.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    needs_totals = False

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry
        self._counting: Counting | None = None

    @hookimpl
    def request_sent(self, event: RequestEvent) -> None:
        if self._counting is None:
            if not _seen():
                return
            from batchyard_prometheus._counting import counting  # noqa: PLC0415 - only where it is seen

            self._counting = counting(self._registry)
        method = event.method if event.method in METHODS else "other"
        labels = (event.account, event.provider, method)
        status = "error" if event.status is None else f"{event.status // 100}xx"
        self._counting.requests.labels(*labels, status).inc()
        self._counting.seconds.labels(*labels).observe(event.seconds)


def _seen() -> bool:
    return "prometheus_client" in sys.modules or bool(os.environ.get(SHARED))

"""Metrics of batches for Prometheus: the ledger's, read at each scrape, and HTTP's.

This loads with every account of an installation, so it imports neither a
database nor prometheus_client; ``batchyard_prometheus.collector`` has the
ledger's part.
"""

from __future__ import annotations

from batchyard_prometheus._listener import PrometheusListener

__all__ = ["PrometheusListener"]

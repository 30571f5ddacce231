"""Metrics of batches for Prometheus: the ledger's, read at each scrape, and HTTP's."""

from __future__ import annotations

from batchyard_prometheus._collector import LedgerCollector
from batchyard_prometheus._listener import PrometheusListener

__all__ = ["LedgerCollector", "PrometheusListener"]

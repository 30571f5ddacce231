"""What batches came to, in tables of a warehouse: Postgres or DuckDB."""

from __future__ import annotations

from batchyard_sql._settings import SqlSettings
from batchyard_sql._sink import SqlSink

__all__ = ["SqlSettings", "SqlSink"]

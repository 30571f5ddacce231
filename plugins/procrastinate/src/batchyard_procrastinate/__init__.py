"""Procrastinate on Postgres as an engine: any number of workers share the work of one ledger."""

from __future__ import annotations

from batchyard_procrastinate._engine import Procrastinate
from batchyard_procrastinate._patience import Patience

__all__ = ["Patience", "Procrastinate"]

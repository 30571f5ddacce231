"""What a worker needs, imported once for all of them: they are forked from here."""

from __future__ import annotations

from importlib import import_module

from batchyard.prices import priced_models

for name in (
    "alembic",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "batchyard.ledger._ledger",
    "batchyard_azure",
    "batchyard_openai",
    "batchyard_procrastinate",
    "batchyard_vertex",
    "tests.ledger.chaos.worker",
):
    import_module(name)

# each would read the file of prices again, and most of them live for seconds
priced_models("openai")

"""What a worker needs, imported once for all of them: they are forked from here.

Each also runs what the trial's own process was started with, its tests or its benchmark;
so what these import is here too.
"""

from __future__ import annotations

from importlib import import_module

from batchyard.prices import priced_models

for name in (
    "alembic",
    "anyio._backends._asyncio",
    "asyncpg",
    "google.oauth2.service_account",
    "httpcore",
    "httpx",
    "pytest",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "batchyard.ledger._ledger",
    "batchyard_azure",
    "batchyard_openai",
    "batchyard_procrastinate",
    "batchyard_vertex",
    "tests.ledger.chaos.harness",
    "tests.ledger.conftest",
):
    import_module(name)

# each would read the file of prices again, and most of them live for seconds
priced_models("openai")

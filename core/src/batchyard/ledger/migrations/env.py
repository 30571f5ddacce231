"""What Alembic runs to reach the database: it is given the connection."""

from __future__ import annotations

from alembic import context

from batchyard.ledger.migrations import VERSION_TABLE
from batchyard.ledger.tables import metadata

__all__ = ["run"]


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        # SQLite cannot alter a table: it is made anew
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name that Alembic runs it by
    run()

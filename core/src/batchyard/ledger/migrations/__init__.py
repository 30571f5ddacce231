"""How the tables came to be what they are, one revision a change.

A revision is a module of ``versions``, is never changed once it is released, and
is named in ``REVISIONS``.  This module alone is enough to tell whether one is
missing: Alembic takes half a second to import and is needed only if so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["CURRENT", "REVISIONS", "VERSION_TABLE", "upgrade"]

REVISIONS = ("0001", "0002", "0003")
"""Oldest first."""

CURRENT = REVISIONS[-1]

VERSION_TABLE = "batchyard_schema"
"""Not Alembic's default, which another application's tables may have beside ours."""


def upgrade(connection: Connection) -> None:
    """Apply what is missing, in the transaction that is open."""
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "batchyard.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

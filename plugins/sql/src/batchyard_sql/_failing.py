"""What is raised where the database does not take the rows."""

from __future__ import annotations

from batchyard.errors import BatchyardError

__all__ = ["NotWrittenError"]


class NotWrittenError(BatchyardError):
    """The database did not take the rows; they are to be written again."""

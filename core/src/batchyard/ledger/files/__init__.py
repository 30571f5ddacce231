"""Files: staged in the store, described in the ledger."""

from __future__ import annotations

from batchyard.ledger.files._content import content, opened_results
from batchyard.ledger.files._deleting import delete
from batchyard.ledger.files._reading import file_of, find_file, list_files
from batchyard.ledger.files._staging import create

__all__ = ["content", "create", "delete", "file_of", "find_file", "list_files", "opened_results"]

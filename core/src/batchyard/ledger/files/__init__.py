"""Files: staged in the store, described in the ledger."""

from __future__ import annotations

from batchyard.ledger.files._content import content, opened_results
from batchyard.ledger.files._deleting import delete
from batchyard.ledger.files._orders import FileOrder
from batchyard.ledger.files._reading import file_of, find_file, list_files
from batchyard.ledger.files._reporting import report
from batchyard.ledger.files._staging import Received, create, discard, receive

__all__ = [
    "FileOrder",
    "Received",
    "content",
    "create",
    "delete",
    "discard",
    "file_of",
    "find_file",
    "list_files",
    "opened_results",
    "receive",
    "report",
]

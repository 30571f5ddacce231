"""The clients: files and batches of one account."""

from __future__ import annotations

from batchyard.client._asynchronous import AsyncBatches, AsyncClient, AsyncFiles
from batchyard.client._plans import Polling, file_marker
from batchyard.client._results import Completeness, Result
from batchyard.client._streams import Content, Pager, Results
from batchyard.client._streams_async import AsyncContent, AsyncPager, AsyncResults
from batchyard.client._synchronous import Batches, Client, Files

__all__ = [
    "AsyncBatches",
    "AsyncClient",
    "AsyncContent",
    "AsyncFiles",
    "AsyncPager",
    "AsyncResults",
    "Batches",
    "Client",
    "Completeness",
    "Content",
    "Files",
    "Pager",
    "Polling",
    "Result",
    "Results",
    "file_marker",
]

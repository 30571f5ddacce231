"""The clients: files and batches of one account."""

from __future__ import annotations

from batchyard.client._asynchronous import AsyncClient
from batchyard.client._direct_async import AsyncBatches, AsyncFiles
from batchyard.client._direct_sync import Batches, Files
from batchyard.client._plans import Polling, file_marker
from batchyard.client._results import Completeness, Result
from batchyard.client._streams import Content, Pager, Results
from batchyard.client._streams_async import AsyncContent, AsyncPager, AsyncResults
from batchyard.client._synchronous import Client

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

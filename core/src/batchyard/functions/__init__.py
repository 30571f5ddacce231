"""LiteLLM's functions for files and batches: same names, same arguments, both colours.

``import batchyard as litellm`` is all that changes.  ``custom_llm_provider`` names
the provider (without it, the one that the environment has settings for);
``api_key``, ``api_base``, ``api_version``, ``organization`` and every other
setting of the provider make an account for the call, which is kept for the
next one; ``timeout`` and ``max_retries`` are the call's own.
"""

from __future__ import annotations

import atexit

from batchyard.functions._asynchronous import (
    acancel_batch,
    aclose_clients,
    acreate_batch,
    acreate_file,
    afile_content,
    afile_delete,
    afile_list,
    afile_retrieve,
    alist_batches,
    aretrieve_batch,
)
from batchyard.functions._content import BinaryContent
from batchyard.functions._synchronous import (
    cancel_batch,
    close_clients,
    create_batch,
    create_file,
    file_content,
    file_delete,
    file_list,
    file_retrieve,
    list_batches,
    retrieve_batch,
)

__all__ = [
    "BinaryContent",
    "acancel_batch",
    "aclose_clients",
    "acreate_batch",
    "acreate_file",
    "afile_content",
    "afile_delete",
    "afile_list",
    "afile_retrieve",
    "alist_batches",
    "aretrieve_batch",
    "cancel_batch",
    "close_clients",
    "create_batch",
    "create_file",
    "file_content",
    "file_delete",
    "file_list",
    "file_retrieve",
    "list_batches",
    "retrieve_batch",
]

# the process ends without the warnings of sockets that nobody closed
atexit.register(close_clients)

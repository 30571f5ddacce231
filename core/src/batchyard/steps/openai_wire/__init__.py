"""The protocol of OpenAI's files and batches API, which several services speak."""

from __future__ import annotations

from batchyard.steps.openai_wire._batches import (
    cancel_batch,
    create_batch,
    find_batch,
    list_batches,
    retrieve_batch,
    seek_batch,
)
from batchyard.steps.openai_wire._errors import wire_refusal
from batchyard.steps.openai_wire._files import (
    delete_file,
    file_content,
    find_file,
    list_files,
    retrieve_file,
    upload_file,
)
from batchyard.steps.openai_wire._markers import MARKER_KEY, marked, marker_of, unmarked
from batchyard.steps.openai_wire._usage import usage_reader
from batchyard.steps.openai_wire._wire import Wire

__all__ = [
    "MARKER_KEY",
    "Wire",
    "cancel_batch",
    "create_batch",
    "delete_file",
    "file_content",
    "find_batch",
    "find_file",
    "list_batches",
    "list_files",
    "marked",
    "marker_of",
    "retrieve_batch",
    "retrieve_file",
    "seek_batch",
    "unmarked",
    "upload_file",
    "usage_reader",
    "wire_refusal",
]

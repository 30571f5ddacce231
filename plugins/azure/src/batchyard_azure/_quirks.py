from __future__ import annotations

from batchyard.emulators import Quirk

__all__ = ["AZURE_QUIRKS", "UNPROCESSED_REFUSED"]

UNPROCESSED_REFUSED = "unprocessed-files-refused"

AZURE_QUIRKS = (
    Quirk(UNPROCESSED_REFUSED, "no batch is created of a file that is still pending (on; =0: off)"),
    Quirk("capitalised-statuses", 'statuses are written "Completed" and "InProgress"'),
    Quirk("iso-timestamps", "times are ISO 8601 with seven digits of a second"),
    Quirk("null-counts", "request_counts has nulls, and so has the size of a pending file"),
    Quirk("empty-string-ids", 'the file ids and the endpoint of a batch are "" for null'),
    Quirk("string-line-numbers", "the line of a validation error is a string"),
    Quirk("fail-fast", "so many creates are refused with 400 token_limit_exceeded at first"),
)

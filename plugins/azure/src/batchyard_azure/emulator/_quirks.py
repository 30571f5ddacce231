from __future__ import annotations

from collections.abc import Iterable

from batchyard.emulators import Quirk

__all__ = ["ALL_QUIRKS", "AZURE_QUIRKS", "PROFILE", "UNPROCESSED_REFUSED", "spread"]

UNPROCESSED_REFUSED = "unprocessed-files-refused"

PROFILE = (
    Quirk(UNPROCESSED_REFUSED, "no batch is created of a file that is still pending (on; =0: off)"),
    Quirk("capitalised-statuses", 'statuses are written "Completed" and "InProgress"'),
    Quirk("iso-timestamps", "times are ISO 8601 with seven digits of a second"),
    Quirk("null-counts", "request_counts has nulls, and so has the size of a pending file"),
    Quirk("empty-string-ids", 'the file ids and the endpoint of a batch are "" for null'),
    Quirk("string-line-numbers", "the line of a validation error is a string"),
    Quirk("fail-fast", "so many creates are refused with 400 token_limit_exceeded at first"),
    Quirk("queue-full", "so many batches fail with token_limit_exceeded at first"),
    Quirk("create-answers-200", "a create is answered with 200 instead of 201, an upload too"),
    Quirk("silent-deletes", "a delete is answered with 204, and no body"),
    Quirk("lists-without-ids", "lists have no first_id and last_id, though there may be more"),
    Quirk("value-lists", 'the items of a list are its "value", not its "data"'),
    Quirk("failed-with-stamps", "a failed batch has a completed_at, and a file id of nothing"),
    Quirk("no-expiry-shown", "batches never have an expires_at"),
    Quirk("decoded-blob-urls", "batches say the URLs of their blobs without any %20"),
    Quirk("filtered-completions", "so many completions are cut short by the content filter"),
)
"""What a service may do all at once, and a batch still come to its end."""

ALL_QUIRKS = "all-quirks"

AZURE_QUIRKS = (
    *PROFILE,
    Quirk("blobs-forbidden", "the resource may not read blobs: input_no_permissions"),
    Quirk("no-batch-sku", "the deployments are of a SKU that takes no batches: invalid_request"),
    Quirk(ALL_QUIRKS, "all of these at once that a batch survives"),
)


def spread(wanted: Iterable[str]) -> tuple[str, ...]:
    """The quirks by name, with the profile's in the place of ``all-quirks``."""
    found: list[str] = []
    for one in wanted:
        found += [quirk.name for quirk in PROFILE] if one == ALL_QUIRKS else [one]
    return tuple(found)

"""What the service was seen to do besides what its pages say; each is a switch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchyard.emulators import Quirk

__all__ = ["EVERYTHING", "QUIRKS", "expanded"]

EVERYTHING = "everything"
"""The profile of all quirks that a job can have and still answer every line."""

QUIRKS = (
    Quirk(EVERYTHING, "All of those that a job can have and still answer every line."),
    # what is in the bucket
    Quirk("shards", "The output comes in that many objects, in odd order.", 3),
    Quirk("shard-names", "Shards are called prediction.results-00000-of-00003."),
    Quirk("empty-shard", "One more object of the output has no bytes."),
    Quirk("late-objects", "Output is listed that many seconds after the job's end.", 3),
    Quirk("late-shard", "The last object is listed that many seconds after the others.", 5),
    Quirk("error-stats", "An object beside the output counts the errors, and holds no rows."),
    # rows
    Quirk("no-sibling-echo", "The key beside a request does not come back."),
    Quirk("no-label-echo", "The labels in a request do not come back."),
    Quirk("no-model-version", "Answers do not say which model gave them."),
    Quirk("no-total", "Answers do not sum up their tokens."),
    Quirk("no-usage", "Answers do not count their tokens."),
    Quirk("flaky-rows", "Every so many rows fail with 429.", 4),
    Quirk("all-rows-fail", "Every row fails, and the job succeeds."),
    Quirk("agent-provisioning", "Every row says that service agents are being provisioned."),
    Quirk("missing-rows", "That many rows are in no object.", 1),
    Quirk("duplicate-rows", "That many rows are there twice.", 1),
    Quirk("torn-rows", "That many rows more cannot be read.", 1),
    Quirk("citations", "Answers say what they quote."),
    # jobs
    Quirk("queued", "Jobs are QUEUED before they run, and not PENDING."),
    Quirk("unknown-states", "Jobs are in a state that no page names before they run."),
    Quirk("paused", "Jobs are PAUSED for a while, and then UPDATING."),
    Quirk("partial-state", "Jobs with failed rows end PARTIALLY_SUCCEEDED."),
    Quirk("queue-full", "Jobs expire in the queue, after 72 hours."),
    Quirk("quota-full", "The first jobs, that many, fail with code 8 before a row is done.", 1),
    Quirk("day-ends", "Jobs end after 24 hours, with that share of their rows done.", 0.5),
    Quirk("fails-with-rows", "Jobs fail with code 13 after writing that share of their rows.", 0.5),
    Quirk("cancel-lags", "A cancel shows in a job's state that many seconds later.", 5),
    Quirk("cancel-too-late", "A cancelled job succeeds all the same, with every row."),
    Quirk("cancel-fails", "A cancelled job ends FAILED, with the rows that were done."),
    Quirk("no-stats", "Jobs do not count their rows."),
    Quirk("unknown-incomplete", "Jobs say that -1 rows are incomplete."),
    Quirk("string-uris", "Jobs show their input as a text, and not as an array."),
    Quirk("model-rewritten", "Jobs show their model with a project and a location."),
    Quirk("foreign-jobs", "The list has jobs of tables and pictures too."),
    # what is taken
    Quirk("lenient-importer", "Files of mixed types are imported all the same."),
    Quirk("embed-config-refused", "Embeddings take their settings in the request itself only."),
    Quirk("embed-config-required", "Embeddings take their settings in embed_content_config only."),
    # who may do what
    Quirk("api-disabled", "The project has not enabled the Vertex AI API."),
    Quirk("input-denied", "The service agent may not read the bucket."),
    Quirk("output-denied", "The service agent may not write into the bucket."),
    Quirk("policy-hidden", "The caller may not see who may use the bucket."),
    Quirk("expires-as-text", "Tokens say when they expire in a text."),
)

_TOGETHER = (
    *("shards=5", "shard-names", "empty-shard", "late-objects=2", "late-shard=3", "error-stats"),
    *("no-sibling-echo", "no-model-version", "no-total", "flaky-rows=50", "citations", "queued"),
    *("unknown-states", "paused", "partial-state", "unknown-incomplete", "string-uris"),
    *("model-rewritten", "foreign-jobs", "duplicate-rows=2", "torn-rows", "expires-as-text"),
)


def expanded(quirks: Iterable[str]) -> Iterator[str]:
    """*quirks*, with the profile in its parts.  What is named after it wins over them."""
    for one in quirks:
        yield one
        if one.partition("=")[0] == EVERYTHING:
            yield from _TOGETHER

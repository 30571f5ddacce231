"""Pieces that plans are made of."""

from __future__ import annotations

from batchyard.steps._bodies import (
    BLOCK,
    BytesSource,
    FileContent,
    FileSource,
    PathSource,
    named_source,
    spooled,
)
from batchyard.steps._calls import (
    Refusal,
    call,
    failure_details,
    fetch,
    header,
    json_body,
    opened,
    parse,
    redacted,
    refusal,
)
from batchyard.steps._content import download
from batchyard.steps._gathering import gathered, uri_of
from batchyard.steps._multipart import FilePart, Multipart
from batchyard.steps._pages import pages, walk
from batchyard.steps._retry import Backoff, ambiguous, create_once, retrying
from batchyard.steps._rewriting import Rewrite, rewritten
from batchyard.steps._tokens import MOST_TOKENS, Standing, UsageShape, normalised

__all__ = [
    "BLOCK",
    "MOST_TOKENS",
    "Backoff",
    "BytesSource",
    "FileContent",
    "FilePart",
    "FileSource",
    "Multipart",
    "PathSource",
    "Refusal",
    "Rewrite",
    "Standing",
    "UsageShape",
    "ambiguous",
    "call",
    "create_once",
    "download",
    "failure_details",
    "fetch",
    "gathered",
    "header",
    "json_body",
    "named_source",
    "normalised",
    "opened",
    "pages",
    "parse",
    "redacted",
    "refusal",
    "retrying",
    "rewritten",
    "spooled",
    "uri_of",
    "walk",
]

"""What goes along on an end-to-end test: lines, and the looking after them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchyard.client import Client, Completeness, Result
from batchyard.models import Batch

if TYPE_CHECKING:
    from batchyard.emulators import Trial

__all__ = ["IDS", "check", "check_results", "input_lines", "joined", "outcomes_of"]

IDS = ("bad-1", "a b", "größe ✓ 例", "bad-2", "bad-3", '"quoted"', "1", "x" * 60)
"""Odd ids that are allowed; the lines of those that begin with ``bad`` are answered with an error.

Their order is no palindrome: who goes by it gives answers to the wrong lines.
"""


def input_lines(trial: Trial, ids: Iterable[str] = IDS) -> bytes:
    """A file of requests, each with a text of its own."""
    return b"".join(_line(trial, one) for one in ids)


def _line(trial: Trial, name: str) -> bytes:
    body: dict[str, Any] = {"model": trial.model, **trial.body}
    if name.startswith("bad"):
        body |= trial.bad
    request = {"custom_id": name, "method": "POST", "url": trial.endpoint, "body": body}
    return json.dumps(request).encode() + b"\n"


def outcomes_of(ids: Iterable[str]) -> dict[str, str]:
    """What each line must come to where nothing is in the way."""
    return {one: "error" if one.startswith("bad") else "ok" for one in ids}


def joined(client: Client, batch: Batch) -> tuple[list[Result], Completeness]:
    """All results, and what they come to."""
    results = client.batches.results(batch)
    found = list(results)
    if results.completeness is None:
        raise AssertionError("all results have been read, and nobody says what they come to")
    return found, results.completeness


def check(what: object, said: str) -> None:
    """Refuse with a sentence: plain ``assert`` says nothing in a module that is installed."""
    if not what:
        raise AssertionError(said)


def check_results(
    results: Sequence[Result], completeness: Completeness, wanted: Mapping[str, str]
) -> None:
    """Refuse results that are not each line's own, once, with its tokens."""
    found = {one.custom_id: str(one.outcome) for one in results}
    check(found == dict(wanted), f"the lines were to come to {dict(wanted)}, and came to {found}")
    check(len(results) == len(wanted), f"{len(results)} results of {len(wanted)} lines")
    check(completeness.complete, f"not every line is accounted for: {completeness}")
    for one in results:
        if one.outcome == "ok":
            counted = one.usage.known and one.usage.total_tokens > 0
            check(counted, f"{one.custom_id!r} has no tokens")
        else:
            said = one.error is not None and bool(one.error.message)
            check(said, f"{one.custom_id!r} failed, and its error says nothing")

"""Tokens of an answer, in Claude's counts or in those that they were translated to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from batchyard.lines import ResultLine
from batchyard.models import Billing, Usage
from batchyard.steps import Standing, normalised

__all__ = ["billing_of", "read_usage"]

BEYOND = "+"
"""Ends the model's name where a price by its tokens does not tell what an answer cost."""

DATED = re.compile(r"(.+)-\d{8}")
USUAL_PLACES = frozenset({None, "", "not_available", "global"})
LATEST = 2**37


def read_usage(line: ResultLine) -> Usage:
    """For the hot loop.  Unlike OpenAI's, Claude's ``input_tokens`` have no part that was cached.

    Answers that cost more than their tokens say (cache kept for an hour, searches,
    a place, speed) are of a model without a price: a wrong one would be worse.
    """
    response = line.response
    if response is None or not 200 <= line.status_code < 300:
        return Usage()
    try:
        body = msgspec.json.decode(response.body or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Usage(known=False)
    if not isinstance(body, dict):
        return Usage(known=False)
    model = body.get("model") if isinstance(body.get("model"), str) else None
    created = _whole(body.get("created"), LATEST)
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage(model=model, created=created, known=False)
    if model is not None and _costs_more(usage):
        model += BEYOND
    standing: Standing = "inside"
    if "prompt_tokens" in usage:
        counts = _chat(usage)
    else:
        counts, standing = _own(usage), "beside"
    if counts is None:
        return Usage(model=model, created=created, known=False)
    return normalised(replace(counts, model=model, created=created), cached=standing)


def _chat(usage: Mapping[str, Any]) -> Usage | None:
    given, made = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    return _counts(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        given.get("cached_tokens", 0),
        given.get("cache_write_tokens", 0),
        made.get("reasoning_tokens", 0),
    )


def _own(usage: Mapping[str, Any]) -> Usage | None:
    return _counts(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        usage.get("cache_read_input_tokens") or 0,
        usage.get("cache_creation_input_tokens") or 0,
        _part(usage, "output_tokens_details").get("thinking_tokens", 0),
    )


def _counts(*found: Any) -> Usage | None:
    """In the order of the fields; ``None`` if one is no count."""
    whole = [_whole(value) for value in found]
    if None in whole:
        return None
    given, made, cached, written, thought = (one or 0 for one in whole)
    return Usage(given, made, cached, written, thought)


def _whole(value: Any, most: int = 2**62) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= most else None


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = usage.get(name)
    return found if isinstance(found, dict) else {}


def _costs_more(usage: Mapping[str, Any]) -> bool:
    searches = _part(usage, "server_tool_use").get("web_search_requests")
    return bool(
        _part(usage, "cache_creation").get("ephemeral_1h_input_tokens")
        or searches
        or usage.get("inference_geo") not in USUAL_PLACES
        or usage.get("speed") not in {None, "standard"}
    )


def billing_of(model: str | None, requested: str | None) -> Billing:
    """Results name a model with the date of its edition, and prices are of all editions."""
    name = model or requested
    if name is None:
        return Billing(None)
    dated = DATED.fullmatch(name)
    return Billing(dated[1] if dated else name)

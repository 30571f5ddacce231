"""`$filter` and `$orderby` of a list of batches, as far as the preview's documentation goes."""

from __future__ import annotations

import re

from batchyard.emulators.openai_wire import ApiError, BatchRecord

__all__ = ["selected"]

_TERM = re.compile(r"(created_at|status) (eq|gt|lt|ge|le) ('[A-Za-z_]{1,20}'|\d{1,12})")


def selected(
    batches: list[BatchRecord], wanted: str | None, order: str | None, now: float
) -> list[BatchRecord]:
    """Those that the filter lets through, oldest first, or newest if they are asked for so."""
    terms = [] if wanted is None else [_term(text) for text in wanted.split(" and ")]
    found = [one for one in batches if all(_fits(one, term, now) for term in terms)]
    if order in {None, "created_at desc"}:
        return found
    if order == "created_at asc":
        return list(reversed(found))
    raise ApiError(f"The order '{order}' is not supported.")


def _term(text: str) -> tuple[str, str, str]:
    found = _TERM.fullmatch(text.strip())
    if found is None:
        raise ApiError(f"The filter '{text}' is not supported.")
    return found[1], found[2], found[3].strip("'")


def _fits(batch: BatchRecord, term: tuple[str, str, str], now: float) -> bool:
    name, operator, value = term
    if name == "status":
        state = batch.timeline.state(now).replace("_", "")
        return operator == "eq" and state == value.replace("_", "").lower()
    created, bound = int(batch.created_at), int(value)
    outcomes = {
        "eq": created == bound,
        "gt": created > bound,
        "lt": created < bound,
        "ge": created >= bound,
        "le": created <= bound,
    }
    return outcomes[operator]

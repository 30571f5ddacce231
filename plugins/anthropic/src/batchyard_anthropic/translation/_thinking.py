"""``reasoning_effort`` as Claude's thinking."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from batchyard_anthropic.translation._losses import Notes, RefusedError, approximated, lost

__all__ = ["Thinking", "thinking_of"]

Thinking = Literal["auto", "adaptive", "budget"]

FIELD = "reasoning_effort"
LEAST = 1024
"""Tokens that a budget has at least; it is less than `max_tokens`."""

BUDGETS = {"low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 65_536}
NEAR = {"minimal": "low"}

BY_BUDGET = re.compile(r"claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[0-5])?(?:-\d{8}|-latest)?$)")
"""Models from before adaptive thinking, which came with Claude 4.6."""


def thinking_of(
    body: Mapping[str, Any], kind: Thinking, tokens: int, notes: Notes
) -> dict[str, Any]:
    """``thinking``, and ``effort`` where it goes by one; *tokens* is ``max_tokens``."""
    given = body.get("thinking")
    if given is not None:
        if not isinstance(given, Mapping):
            raise RefusedError("`thinking` is an object.", "body.thinking")
        return {"thinking": dict(given)}
    effort = body.get(FIELD)
    if effort is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if not isinstance(effort, str) or effort not in {*BUDGETS, *NEAR}:
        raise RefusedError(f"`{FIELD}` is one of {', '.join(BUDGETS)}.", f"body.{FIELD}")
    if effort in NEAR:
        notes.append(approximated(FIELD, f"The least is {NEAR[effort]}."))
    effort = NEAR.get(effort, effort)
    if kind == "adaptive" or (kind == "auto" and not BY_BUDGET.match(str(body.get("model")))):
        return {"thinking": {"type": "adaptive"}, "effort": effort}
    return _budget(effort, tokens, notes)


def _budget(effort: str, tokens: int, notes: Notes) -> dict[str, Any]:
    budget = min(BUDGETS[effort], tokens - 1)
    if budget < LEAST:
        reason = f"Thinking needs {LEAST} tokens, and answers have {tokens} with it."
        notes.append(lost(FIELD, reason))
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}

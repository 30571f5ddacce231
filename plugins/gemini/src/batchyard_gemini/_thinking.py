"""How hard a model is to think."""

from __future__ import annotations

import re
from typing import Any

from batchyard.errors import InputError

__all__ = ["effort", "thinking"]

BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""Of Gemini 2.5, as Google's layer for OpenAI's clients has it."""

LEVELS = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}

LEAST_OF_PRO = 128
"""Thinking of 2.5 Pro cannot be switched off."""


def thinking(model: str, wanted: Any) -> dict[str, Any]:
    """The thinkingConfig: never both of budget and level, which is refused."""
    word = "high" if wanted in {"xhigh", "max"} else wanted
    if word not in BUDGETS:
        raise InputError(
            f"reasoning_effort is one of {', '.join(BUDGETS)}", param="body.reasoning_effort"
        )
    pro = "pro" in model
    if re.match(r"gemini-[12](\.|-)", model):
        budget = BUDGETS[word]
        return {"thinkingBudget": max(budget, LEAST_OF_PRO) if pro else budget}
    level = LEVELS[word]
    return {"thinkingLevel": "LOW" if level == "MINIMAL" and pro else level}


def effort(config: dict[str, Any]) -> str | None:
    """The word for a thinkingConfig."""
    if isinstance(config.get("thinkingLevel"), str):
        return str(config["thinkingLevel"]).lower()
    budget = config.get("thinkingBudget")
    if not isinstance(budget, int) or budget < 0:
        return None
    steps = ((0, "none"), (1024, "low"), (8192, "medium"))
    return next((word for most, word in steps if budget <= most), "high")

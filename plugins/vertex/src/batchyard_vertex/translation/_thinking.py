"""How much to think before answering."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from batchyard_vertex.translation._losses import Notes, approximated, lost
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._refusals import RowRefusedError
from batchyard_vertex.translation._traits import Traits

__all__ = ["budget_of", "effort_of", "google_extra", "thinking_config"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

LEAST_OF_PRO = 128
"""Tokens: Gemini 2.5 Pro cannot be kept from thinking."""

_BUDGETS = MappingProxyType(
    {
        "google": {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576},
        "litellm": {"none": 0, "minimal": 1, "low": 1024, "medium": 2048, "high": 4096},
    }
)
"""Tokens (Google's OpenAI compatibility, and LiteLLM 1.109)."""

_LEVELS = MappingProxyType({"low": "LOW", "medium": "MEDIUM", "high": "HIGH"})


def effort_of(body: Mapping[str, Any]) -> str | None:
    effort = body.get("reasoning_effort")
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in EFFORTS:
        message = f"{effort!r} is no effort; efforts are {', '.join(EFFORTS)}."
        raise RowRefusedError(message, "reasoning_effort")
    return effort


def thinking_config(
    body: Mapping[str, Any], traits: Traits, options: Options, notes: Notes
) -> dict[str, Any]:
    """From ``reasoning_effort``, or from what users of Gemini say in OpenAI's format."""
    config = _given(body)
    effort = effort_of(body)
    told = {"includeThoughts": True} if body.get("include_thoughts") is True else {}
    if config or effort is None:
        if effort is not None:
            notes.append(approximated("reasoning_effort", "The thinking's own settings count."))
        return told | config
    if traits.thinking == "none":
        if effort not in {"none", "minimal"}:
            notes.append(lost("reasoning_effort", "This model does not think."))
        return {}
    if effort in {"xhigh", "max"}:
        notes.append(approximated("reasoning_effort", "High is the most that there is."))
        effort = "high"
    if traits.thinking == "level":
        return {"thinkingLevel": _level(effort, traits, notes), **told}
    return {"thinkingBudget": budget_of(effort, traits, options, notes), **told}


def _level(effort: str, traits: Traits, notes: Notes) -> str:
    if effort in {"none", "minimal"}:
        if effort == "none" or not traits.flash:
            notes.append(approximated("reasoning_effort", "This model always thinks, a little."))
        return "MINIMAL" if traits.flash else "LOW"
    if effort == "medium" and traits.first_of_three and traits.pro:
        notes.append(approximated("reasoning_effort", "This model knows low and high only."))
        return "HIGH"
    return _LEVELS[effort]


def budget_of(effort: str, traits: Traits, options: Options, notes: Notes) -> int:
    if effort == "none" and traits.pro:
        notes.append(approximated("reasoning_effort", "This model always thinks, a little."))
        return LEAST_OF_PRO
    if options.efforts == "litellm" and effort == "minimal":
        return 512 if traits.lite else LEAST_OF_PRO if traits.pro else 1
    return _BUDGETS[options.efforts][effort]


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """Google's ``extra_body.google.thinking_config``, or LiteLLM's ``thinking``."""
    google = google_extra(body)
    own = google.get("thinking_config", google.get("thinkingConfig"))
    thinking = body.get("thinking")
    if isinstance(thinking, Mapping):
        budget = 0 if thinking.get("type") == "disabled" else thinking.get("budget_tokens")
        own = {"thinking_budget": budget, "include_thoughts": budget != 0 or None}
    elif own is None:
        return {}
    if not isinstance(own, Mapping):
        raise RowRefusedError("`thinking_config` is a JSON object.", "extra_body.google")
    config: dict[str, Any] = {}
    for names, kind, other in (
        (("include_thoughts", "includeThoughts"), bool, "includeThoughts"),
        (("thinking_budget", "thinkingBudget"), int, "thinkingBudget"),
        (("thinking_level", "thinkingLevel"), str, "thinkingLevel"),
    ):
        value = own.get(names[0], own.get(names[1]))
        if value is None:
            continue
        if type(value) is not kind:
            raise RowRefusedError(f"`{names[0]}` has another type.", "extra_body.google")
        config[other] = value.upper() if isinstance(value, str) else value
    if "thinkingBudget" in config and "thinkingLevel" in config:
        message = "Gemini takes a budget or a level of thinking, and not both."
        raise RowRefusedError(message, "extra_body.google.thinking_config")
    return config


def google_extra(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What Google's compatible endpoint takes under ``extra_body``."""
    extra = body.get("extra_body")
    google = extra.get("google") if isinstance(extra, Mapping) else body.get("google")
    return google if isinstance(google, Mapping) else {}

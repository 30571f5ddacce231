"""One turn of the emulated model, before an endpoint gives it its shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchyard.emulators.openai_wire._prompts import count_tokens
from batchyard.emulators.openai_wire._prose import compose, compose_json
from batchyard.emulators.openai_wire._rows import Row
from batchyard.emulators.openai_wire._schemas import Instances

_REASONING = {"none": 0, "minimal": 0, "low": 2, "medium": 6, "high": 20, "xhigh": 60}
_REASONING_STEP = 64


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked for: the whole prompt, its subject and the format of the answer."""

    prompt: str
    subject: str
    format: Mapping[str, Any] | None
    max_tokens: int | None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    text: str
    tokens: int
    is_cut: bool


def speak(row: Row, turn: Turn) -> Speech:
    """Say something of the right kind, within the token limit."""
    text = _text(row, turn)
    for mark in turn.stop:
        text = text.partition(mark)[0] if mark else text
    tokens = count_tokens(text)
    if turn.max_tokens is not None and tokens > turn.max_tokens:
        return Speech(text[: turn.max_tokens * 4], turn.max_tokens, True)
    return Speech(text, tokens, False)


def reasoning_tokens(row: Row, effort: object, limit: int | None) -> int:
    """Tokens thought before speaking: multiples of 64, no more than may be spent in all."""
    if not row.model.reasons:
        return 0
    steps = _REASONING.get(str(effort), _REASONING["medium"])
    tokens = row.rng.randint(steps // 2, steps) * _REASONING_STEP
    return tokens if limit is None else min(tokens, limit)


def chosen_tool(row: Row) -> dict[str, Any] | None:
    """The function that the model calls, if the body's tools and tool_choice have it call one."""
    tools = [t.get("function", t) for t in row.body.get("tools") or () if t["type"] == "function"]
    choice = row.body.get("tool_choice") or "auto"
    if not tools or choice == "none":
        return None
    if isinstance(choice, dict):
        name = (choice.get("function") or choice).get("name")
        return next((tool for tool in tools if tool["name"] == name), None)
    tool: dict[str, Any] = row.rng.choice(tools)
    return tool


def tool_arguments(row: Row, tool: Mapping[str, Any], turn: Turn) -> str:
    schema = tool.get("parameters") or {}
    return json.dumps(Instances(schema, row.rng, turn.subject.lower()).make() or {})


def _text(row: Row, turn: Turn) -> str:
    kind = (turn.format or {}).get("type", "text")
    if kind == "json_object":
        return compose_json(turn.prompt, turn.subject, row.rng)
    if kind == "json_schema" and turn.format is not None:
        schema = turn.format.get("json_schema", turn.format).get("schema") or {}
        return json.dumps(Instances(schema, row.rng, turn.subject.lower()).make())
    return compose(turn.prompt, turn.subject, row.rng)

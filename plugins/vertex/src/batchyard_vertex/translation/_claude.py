"""Chat completions for Claude on Vertex AI (Anthropic API, create a message)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._config import bounded
from batchyard_vertex.translation._dialects import SIBLING, Given, Prepared, decoded
from batchyard_vertex.translation._digests import digest_of, encoded
from batchyard_vertex.translation._importer import Importer, loadable
from batchyard_vertex.translation._losses import Loss, Notes, approximated, lost
from batchyard_vertex.translation._messages import json_object
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._parts import RESOLUTION, Part, content_parts
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._rest import without_effect
from batchyard_vertex.translation._row_ids import Entry
from batchyard_vertex.translation._thinking import budget_of, effort_of
from batchyard_vertex.translation._traits import Traits

__all__ = ["Claude", "OpenModel", "claude_request"]

Body: TypeAlias = Mapping[str, Any]

VERSION = "vertex-2023-10-16"
USUAL_TOKENS = 4096
"""Claude has to be told how much it may write; OpenAI's models need not be."""

LEAST_THINKING = 1024

_SPEAKERS = {"user": "user", "assistant": "assistant", "tool": "user", "function": "user"}
_CARRIED = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "parallel_tool_calls",
        "reasoning_effort",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user",
    }
)


class Claude:
    """Writes lines for Claude; its own requests, which name a version, as they are."""

    name = "claude"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._importer = Importer()

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        body = {name: decoded(raw) for name, raw in given.fields.items()}
        if "anthropic_version" in body:
            request = {name: one for name, one in body.items() if name != "model"}
        else:
            request = claude_request(body, self._options, notes)
        self._importer.check(request, "request", given.number)
        line = encoded({SIBLING: given.short, "request": request}) + b"\n"
        return Prepared(line, Entry(given.custom_id, (digest_of(request),)).encoded())


class OpenModel:
    """Models that take OpenAI's lines as they are."""

    name = "open"

    def __init__(self) -> None:
        self._importer = Importer()

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        body = loadable({name: decoded(raw) for name, raw in given.fields.items()})
        self._importer.check(body, "body", given.number)
        line = {SIBLING: given.short, "method": "POST", "url": "/v1/chat/completions", "body": body}
        written = encoded(line) + b"\n"
        return Prepared(written, Entry(given.custom_id, (digest_of(body),)).encoded())


def claude_request(body: Body, options: Options, notes: Notes) -> dict[str, Any]:
    """Raises :class:`LineRefusedError` and :class:`RowRefusedError`."""
    _tell_uncarried(body, notes)
    system, messages = _conversation(body.get("messages"), notes)
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    if most is None:
        most = USUAL_TOKENS
        reason = f"Claude has to have one: {USUAL_TOKENS} is taken."
        notes.append(approximated("max_completion_tokens", reason))
    tokens = bounded("max_completion_tokens", most, (1, 2**31 - 1), whole=True)
    request: dict[str, Any] = {
        "anthropic_version": VERSION,
        "messages": messages,
        "max_tokens": tokens,
    }
    if system:
        request["system"] = system
    request |= _sampling(body, notes) | _tools(body, notes)
    thinking = _thinking(body, options, notes)
    if thinking:
        request["thinking"] = thinking
        request["max_tokens"] = max(tokens, thinking.get("budget_tokens", 0) + tokens)
    return request


def _tell_uncarried(body: Body, notes: Notes) -> None:
    for name, value in body.items():
        if value is None or name in _CARRIED:
            continue
        if name == "stream" and value:
            message = "A batch cannot stream. Remove `stream`."
            raise LineRefusedError(message, "body.stream", "streaming_unsupported")
        ignored = without_effect(name)
        if ignored is not None:
            notes.append(ignored)
        elif name == "n" and value != 1:
            raise LineRefusedError("Claude makes one answer to a request.", "body.n")
        elif name in {"metadata", "labels"}:
            notes.append(Loss("ignored", name, "Claude's requests have no labels."))
        elif name != "n" and value not in (False, {"type": "text"}):
            notes.append(lost(name, "Claude has no such field."))


def _sampling(body: Body, notes: Notes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if body.get("temperature") is not None:
        value = bounded("temperature", body["temperature"], (0, 2))
        made["temperature"] = min(1.0, float(value))
        if value > 1:
            notes.append(approximated("temperature", "Claude's ends at 1."))
    if body.get("top_p") is not None:
        made["top_p"] = float(bounded("top_p", body["top_p"], (0, 1)))
    if body.get("top_k") is not None:
        made["top_k"] = bounded("top_k", body["top_k"], (1, 2**31 - 1), whole=True)
    stop = body.get("stop")
    if stop is not None:
        made["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if body.get("user") is not None:
        if not isinstance(body["user"], str):
            raise RowRefusedError("`user` is a text.", "user")
        made["metadata"] = {"user_id": body["user"]}
    return made


def _thinking(body: Body, options: Options, notes: Notes) -> dict[str, Any]:
    if isinstance(body.get("thinking"), Mapping):
        return dict(body["thinking"])
    effort = effort_of(body)
    if effort == "minimal":
        notes.append(approximated("reasoning_effort", "It is not to think at all."))
    if effort in {None, "none", "minimal"}:
        return {}
    if effort in {"xhigh", "max"}:
        notes.append(approximated("reasoning_effort", "High is the most that there is."))
    known = "high" if effort in {"xhigh", "max"} else str(effort)
    budget = budget_of(known, Traits(), options, notes)
    return {"type": "enabled", "budget_tokens": max(LEAST_THINKING, budget)}


def _tools(body: Body, notes: Notes) -> dict[str, Any]:
    tools = body.get("tools")
    if not tools:
        return {}
    declared = []
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            message = "Tools of other types than function cannot be carried to Claude."
            raise LineRefusedError(message, f"body.tools[{number}]")
        schema = loadable(function.get("parameters")) or _EMPTY
        one = {"name": function["name"], "input_schema": schema}
        if function.get("description"):
            one["description"] = function["description"]
        if function.get("strict"):
            field = f"tools[{number}].function.strict"
            notes.append(approximated(field, "Claude keeps to the schema as well as it can."))
        declared.append(one)
    return {"tools": declared, **_choice(body)}


_EMPTY = {"type": "object"}


def _choice(body: Body) -> dict[str, Any]:
    choice, alone = body.get("tool_choice"), body.get("parallel_tool_calls") is False
    kinds = {"none": "none", "auto": "auto", "required": "any"}
    if isinstance(choice, str) and choice in kinds:
        made = {"type": kinds[choice]}
    elif isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        made = {"type": "tool", "name": choice["function"].get("name")}
    elif choice is None:
        made = {"type": "auto"}
    else:
        raise RowRefusedError("`tool_choice` is none, auto, required or a function.", "tool_choice")
    if choice is None and not alone:
        return {}
    return {"tool_choice": {**made, **({"disable_parallel_tool_use": True} if alone else {})}}


def _conversation(messages: Any, notes: Notes) -> tuple[list[Part], list[dict[str, Any]]]:
    if not isinstance(messages, list) or not messages:
        raise RowRefusedError("`messages` is an array of at least one message.", "messages")
    system: list[Part] = []
    turns: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        param = f"messages[{number}]"
        role = message.get("role") if isinstance(message, Mapping) else None
        blocks = _blocks(message if role is not None else {}, param, notes)
        if role in {"system", "developer"}:
            system += blocks
            continue
        if not isinstance(role, str) or role not in _SPEAKERS:
            raise RowRefusedError(f"{role!r} is no role.", f"{param}.role")
        if role == "assistant":
            blocks += _calls(message.get("tool_calls"), param)
        elif role != "user":
            called = message.get("tool_call_id")
            blocks = [{"type": "tool_result", "tool_use_id": called, "content": blocks}]
        if turns and turns[-1]["role"] == _SPEAKERS[role]:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": _SPEAKERS[role], "content": blocks})
    if not turns and system:
        turns.append({"role": "user", "content": [system.pop()]})
    return system, turns


def _blocks(message: Mapping[str, Any], param: str, notes: Notes) -> list[Part]:
    """What is said, but for calls; what Claude's messages have no room for is told."""
    parts = content_parts(message.get("content"), f"{param}.content", notes)
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append({"text": refusal})
    for name in ("audio", "function_call"):
        if message.get(name) is not None:
            told = f"`{name}` of a message cannot be carried to Claude."
            raise LineRefusedError(told, f"body.{param}.{name}")
    if message.get("name") is not None and message.get("role") not in {"tool", "function"}:
        notes.append(lost(f"{param}.name", "Claude's turns do not name who speaks."))
    if any(RESOLUTION in part for part in parts):
        field = f"{param}.content[].image_url.detail"
        notes.append(lost(field, "Claude has one resolution for all pictures."))
    return [_block(part, param) for part in parts]


def _calls(calls: Any, param: str) -> list[Part]:
    blocks = []
    for number, call in enumerate(calls or ()):
        where = f"{param}.tool_calls[{number}].function"
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise RowRefusedError("A tool call names a function.", where)
        if not isinstance(call.get("id"), str):
            raise RowRefusedError("A tool call has an id.", where)
        given = json_object(function.get("arguments"), f"{where}.arguments")
        block = {"type": "tool_use", "id": call.get("id"), "name": function["name"], "input": given}
        blocks.append(block)
    return blocks


def _block(part: Part, param: str) -> Part:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "fileData" in part:
        about, source = part["fileData"], {"type": "url", "url": part["fileData"]["fileUri"]}
    else:
        about = part["inlineData"]
        source = {"type": "base64", "media_type": about["mimeType"], "data": about["data"]}
    kind = about["mimeType"]
    if not kind.startswith("image/") and kind != "application/pdf":
        message = f"What is of type {kind!r} cannot be carried to Claude."
        raise LineRefusedError(message, f"body.{param}.content")
    return {"type": "image" if kind.startswith("image/") else "document", "source": source}

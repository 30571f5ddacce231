"""Requests for OpenAI's responses, in the words of its chat completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._losses import Loss, Notes, lost
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError

__all__ = ["Places", "chat_body", "named_as_given"]

Body: TypeAlias = Mapping[str, Any]
Places: TypeAlias = list[str]
"""Where each message comes from: ``input[3]``."""

_SAME = (
    "audio",
    "extra_body",
    "frequency_penalty",
    "labels",
    "logit_bias",
    "metadata",
    "modalities",
    "model",
    "parallel_tool_calls",
    "presence_penalty",
    "safety_settings",
    "seed",
    "stop",
    "stream",
    "temperature",
    "thinking",
    "top_k",
    "top_p",
)
_KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt")
_READ = frozenset(
    {"include", "input", "instructions", "max_output_tokens", "reasoning", "text", "tools"}
) | {"tool_choice", "top_logprobs", "truncation"}
_LOGPROBS = "message.output_text.logprobs"
_NAMES = {
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format.json_schema.schema": "text.format.schema",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
_PLACE = re.compile(r"messages\[(\d+)\]")


def chat_body(body: Body, notes: Notes) -> tuple[dict[str, Any], Places]:
    """The body of a chat completion that asks for the same, and where its messages come from."""
    for name in _KEPT_ELSEWHERE:
        if body.get(name) is not None:
            message = f"`{name}` is kept by OpenAI, and cannot be carried to Vertex AI."
            raise LineRefusedError(message, f"body.{name}")
    made = {name: body[name] for name in _SAME if body.get(name) is not None}
    made |= {
        name: value
        for name, value in body.items()
        if value is not None and name not in _SAME and name not in _READ
    }
    messages, places = _messages(body, notes)
    made["messages"] = messages
    if body.get("max_output_tokens") is not None:
        made["max_completion_tokens"] = body["max_output_tokens"]
    made |= _text(body.get("text")) | _tools(body) | _thinking(body.get("reasoning"))
    made |= _included(body)
    for name in body.get("include") or ():
        if name != _LOGPROBS:
            notes.append(
                Loss("ignored", f"include.{str(name)[:60]}", "Vertex AI has nothing like it.")
            )
    if body.get("truncation") not in {None, "disabled"}:
        notes.append(lost("truncation", "Gemini does not shorten what is too long."))
    return made, places


def named_as_given(param: str, places: Places) -> str:
    """A field of the chat completion, as the request for a response has it."""
    found = _PLACE.match(param)
    if found is not None and int(found[1]) < len(places):
        return places[int(found[1])] + param[found.end() :]
    for name, given in _NAMES.items():
        if param.startswith(name):
            return given + param[len(name) :]
    return "input" if param == "messages" else param


def _text(text: Any) -> dict[str, Any]:
    if text is None:
        return {}
    if not isinstance(text, Mapping):
        raise RowRefusedError("`text` is a JSON object.", "text")
    made = {"verbosity": text["verbosity"]} if text.get("verbosity") is not None else {}
    wanted = text.get("format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        wanted = {"type": "json_schema", "json_schema": wanted}
    return made | ({"response_format": wanted} if wanted is not None else {})


def _thinking(reasoning: Any) -> dict[str, Any]:
    if reasoning is None:
        return {}
    if not isinstance(reasoning, Mapping):
        raise RowRefusedError("`reasoning` is a JSON object.", "reasoning")
    effort = reasoning.get("effort")
    made: dict[str, Any] = {} if effort is None else {"reasoning_effort": effort}
    if reasoning.get("summary") or reasoning.get("generate_summary"):
        made["include_thoughts"] = True
    return made


def _included(body: Body) -> dict[str, Any]:
    include = body.get("include")
    if include is not None and not isinstance(include, list):
        raise RowRefusedError("`include` is an array.", "include")
    top = body.get("top_logprobs")
    made: dict[str, Any] = {}
    if _LOGPROBS in (include or ()) or top:
        made["logprobs"] = True
    if top:
        made["top_logprobs"] = top
    return made


def _tools(body: Body) -> dict[str, Any]:
    """Tools and the choice, with a function's members in one of their own."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    made: dict[str, Any] = {}
    if isinstance(tools, list):
        made["tools"] = [_wrapped(tool) for tool in tools]
    elif tools is not None:
        raise RowRefusedError("`tools` is an array.", "tools")
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        choice = _wrapped(choice)
    return made | ({"tool_choice": choice} if choice is not None else {})


def _wrapped(tool: Any) -> Any:
    if not isinstance(tool, Mapping) or tool.get("type") != "function" or "function" in tool:
        return tool
    return {"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}}


def _messages(body: Body, notes: Notes) -> tuple[list[Any], Places]:
    messages: list[Any] = []
    places: Places = []
    instructions = body.get("instructions")
    if isinstance(instructions, str) and instructions:
        messages.append({"role": "system", "content": instructions})
        places.append("instructions")
    elif not isinstance(instructions, str | None):
        raise RowRefusedError("`instructions` is a text.", "instructions")
    given = body.get("input")
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}], [*places, "input"]
    if not isinstance(given, list) or not given:
        raise RowRefusedError("`input` is a text, or an array of at least one item.", "input")
    for number, item in enumerate(given):
        param = f"input[{number}]"
        message = _message(item, param)
        if message is None:
            reason = "Thoughts of another model cannot be read."
            notes.append(Loss("ignored", param, reason))
        else:
            messages.append(message)
            places.append(param)
    return messages, places


def _message(item: Any, param: str) -> dict[str, Any] | None:
    if not isinstance(item, Mapping):
        raise RowRefusedError("An item is a JSON object.", param)
    kind = item.get("type", "message")
    if kind == "message":
        return {"role": item.get("role"), "content": _content(item.get("content"), param)}
    if kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call = {"type": "function", "id": item.get("call_id"), "function": function}
        if item.get("extra_content") is not None:
            call["extra_content"] = item["extra_content"]
        return {"role": "assistant", "tool_calls": [call]}
    if kind == "function_call_output":
        content = _content(item.get("output"), param)
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": content}
    if kind == "reasoning":
        # another model's thoughts, and unreadable ones at that
        return None
    message = f"Items of type {kind!r} cannot be carried to Vertex AI."
    raise LineRefusedError(message, f"body.{param}.type")


def _content(content: Any, param: str) -> Any:
    if not isinstance(content, list):
        return content
    return [_part(part, f"{param}.content[{number}]") for number, part in enumerate(content)]


def _part(part: Any, param: str) -> Any:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in {"input_text", "output_text"}:
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image":
        if part.get("file_id") is not None:
            return {"type": "file", "file": {"file_id": part["file_id"]}}
        image = {"url": part.get("image_url"), "detail": part.get("detail")}
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        about = {name: part.get(name) for name in ("file_data", "file_id", "filename")}
        about["file_id"] = about["file_id"] or part.get("file_url")
        return {"type": "file", "file": about}
    if kind in {"refusal", "input_audio"}:
        return part
    raise RowRefusedError(f"{kind!r} is no type of a part.", f"{param}.type")

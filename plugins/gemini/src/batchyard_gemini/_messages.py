"""Messages, there and back."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Mapping
from typing import Any

from batchyard.errors import InputError

__all__ = ["contents_of", "messages_of", "tool_call"]

DATA_URL = re.compile(r"data:([^;,]+)(?:;[^,;]*)*;base64,(.*)", re.DOTALL)

Parts = list[dict[str, Any]]


def contents_of(messages: Any) -> tuple[list[dict[str, Any]], Parts]:
    """The contents, and the parts of the system's instruction."""
    system: Parts = []
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for one in messages:
        role = one["role"]
        if role in {"system", "developer"}:
            system += _parts(one["content"])
        elif role == "user":
            _add(contents, "user", _parts(one["content"]))
        elif role == "assistant":
            _add(contents, "model", _said(one, names))
        elif role == "tool":
            _add(contents, "user", [_answered(one, names)])
        else:
            raise InputError(f"Gemini has no role {role!r}", param="body.messages")
    if not contents and system:
        # there has to be somebody who asks
        contents, system = [{"role": "user", "parts": system}], []
    if not contents:
        raise InputError("there are no messages", param="body.messages")
    if contents[0]["role"] == "model":
        contents.insert(0, {"role": "user", "parts": [{"text": " "}]})
    return contents, system


def _add(contents: list[dict[str, Any]], role: str, parts: Parts) -> None:
    """Turns of one role are one."""
    if contents and contents[-1]["role"] == role:
        contents[-1]["parts"] += parts
    else:
        contents.append({"role": role, "parts": parts})


def _parts(content: Any) -> Parts:
    if isinstance(content, str):
        # an empty part is refused
        return [{"text": content or " "}]
    if not isinstance(content, list):
        raise InputError("a message has no content", param="body.messages")
    return [_part(one) for one in content] or [{"text": " "}]


def _part(part: Any) -> dict[str, Any]:
    kind = part["type"]
    make = PARTS.get(kind)
    if make is None:
        raise InputError(f"Gemini has no content {kind!r}", param="body.messages")
    return make(part)


def _image(part: Any) -> dict[str, Any]:
    if part["image_url"].get("detail") not in {None, "auto"}:
        raise InputError("Gemini has no detail of an image", param="body.messages")
    return _data(part["image_url"]["url"], "image/jpeg")


def _file(part: Any) -> dict[str, Any]:
    file = part["file"]
    if "file_data" not in file:
        raise InputError("a file's id means nothing to Gemini", param="body.messages")
    return _data(file["file_data"], "application/pdf")


def _audio(part: Any) -> dict[str, Any]:
    audio = part["input_audio"]
    return {"inlineData": {"mimeType": f"audio/{audio['format']}", "data": audio["data"]}}


def _data(url: str, otherwise: str) -> dict[str, Any]:
    inline = DATA_URL.fullmatch(url)
    if inline:
        return {"inlineData": {"mimeType": inline[1], "data": inline[2]}}
    guessed = mimetypes.guess_type(url.partition("?")[0])[0]
    return {"fileData": {"mimeType": guessed or otherwise, "fileUri": url}}


PARTS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "text": lambda part: {"text": part["text"] or " "},
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}


def _said(message: Any, names: dict[str, str]) -> Parts:
    parts = _parts(message["content"]) if message.get("content") else []
    for one in message.get("tool_calls") or ():
        function = one["function"]
        arguments = json.loads(function["arguments"] or "{}")
        if not isinstance(arguments, dict):
            raise InputError("arguments of a call are no object", param="body.messages")
        names[one["id"]] = function["name"]
        called = {"name": function["name"], "args": arguments, "id": one["id"]}
        parts.append({"functionCall": called})
    return parts or [{"text": " "}]


def _answered(message: Any, names: Mapping[str, str]) -> dict[str, Any]:
    call = message["tool_call_id"]
    if call not in names:
        raise InputError(f"nothing was called as {call!r}", param="body.messages")
    content = message["content"]
    if isinstance(content, list):
        content = "".join(one["text"] for one in content)
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    response = value if isinstance(value, dict) else {"content": content}
    return {"functionResponse": {"name": names[call], "response": response, "id": call}}


def messages_of(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages that contents and instruction were."""
    found = []
    system = request.get("systemInstruction")
    if system:
        found.append({"role": "system", "content": _content(system["parts"])})
    for turn in request["contents"]:
        parts = turn["parts"]
        if turn.get("role") == "model":
            found.append(_assistant(parts, len(found)))
            continue
        answers = [one["functionResponse"] for one in parts if "functionResponse" in one]
        found += [_tool(one) for one in answers]
        rest = [one for one in parts if "functionResponse" not in one]
        if rest:
            found.append({"role": "user", "content": _content(rest)})
    return found


def _content(parts: Parts) -> Any:
    if len(parts) == 1 and set(parts[0]) == {"text"}:
        return parts[0]["text"]
    return [_plain(one) for one in parts]


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    inline = part.get("inlineData")
    if inline is None:
        return {"type": "image_url", "image_url": {"url": part["fileData"]["fileUri"]}}
    kind, _, form = inline["mimeType"].partition("/")
    if kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": inline["data"], "format": form}}
    url = f"data:{inline['mimeType']};base64,{inline['data']}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url}}


def _assistant(parts: Parts, turn: int) -> dict[str, Any]:
    texts = [one for one in parts if "functionCall" not in one]
    calls = [one["functionCall"] for one in parts if "functionCall" in one]
    message: dict[str, Any] = {"role": "assistant", "content": _content(texts) if texts else None}
    if calls:
        message["tool_calls"] = [
            tool_call(one, f"call_{turn}_{number}") for number, one in enumerate(calls)
        ]
    return message


def tool_call(call: Mapping[str, Any], otherwise: str) -> dict[str, Any]:
    """A functionCall as OpenAI's; its id is there where the service gave one."""
    arguments = json.dumps(call.get("args") or {}, ensure_ascii=False, separators=(",", ":"))
    return {
        "id": call.get("id") or otherwise,
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }


def _tool(answer: Mapping[str, Any]) -> dict[str, Any]:
    response = answer["response"]
    plain = set(response) == {"content"} and isinstance(response["content"], str)
    content = response["content"] if plain else json.dumps(response, separators=(",", ":"))
    return {"role": "tool", "tool_call_id": answer.get("id") or answer["name"], "content": content}

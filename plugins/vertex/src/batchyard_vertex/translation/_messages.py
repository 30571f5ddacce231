"""Conversations: OpenAI's messages as Gemini's contents."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import pruned

__all__ = ["Conversation"]

Part = dict[str, Any]

SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator``: Gemini 3 wants a signature on calls it made before."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.+)", re.DOTALL)
_SPEAKERS = {"user": "user", "assistant": "model", "tool": "user", "function": "user"}
_INSTRUCTORS = frozenset({"system", "developer"})


class Conversation:
    """Reads messages one by one into ``system`` parts and ``contents``."""

    def __init__(self, messages: Any, *, signed: bool) -> None:
        if not isinstance(messages, list) or not messages:
            raise RowRefusedError("`messages` is an array of at least one message.", "messages")
        self.system: list[Part] = []
        self.contents: list[dict[str, Any]] = []
        self._signed = signed
        self._names: dict[str, str] = {}
        self._kind = ""
        for number, message in enumerate(messages):
            self._read(message, f"messages[{number}]")
        self._complete()

    def _read(self, message: Any, param: str) -> None:
        role = message.get("role") if isinstance(message, Mapping) else None
        if role in _INSTRUCTORS:
            self.system += _content_parts(message.get("content"), param)
        elif role in {"tool", "function"}:
            self._add(role, "results", [self._result(message, param)])
        elif role == "assistant":
            parts = _content_parts(message.get("content"), param)
            parts += self._calls(message.get("tool_calls"), param)
            self._add(role, "speech", parts)
        elif role == "user":
            self._add(role, "speech", _content_parts(message.get("content"), param))
        else:
            known = "system, developer, user, assistant and tool"
            raise RowRefusedError(f"{role!r} is no role; roles are {known}.", f"{param}.role")

    def _add(self, role: str, kind: str, parts: list[Part]) -> None:
        """Join what one side says in a row; the results of one turn's calls stay by themselves."""
        speaker = _SPEAKERS[role]
        if self.contents and self.contents[-1]["role"] == speaker and self._kind == kind:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": speaker, "parts": parts})
        self._kind = kind

    def _complete(self) -> None:
        if not self.contents and self.system:
            # there has to be something to answer
            self.contents = [{"role": "user", "parts": [self.system.pop()]}]
        if not self.contents or self.contents[0]["role"] == "model":
            self.contents.insert(0, {"role": "user", "parts": []})
        for content in self.contents:
            content["parts"] = content["parts"] or [{"text": " "}]

    def _calls(self, calls: Any, param: str) -> list[Part]:
        parts = []
        for number, call in enumerate(calls if isinstance(calls, list) else []):
            where = f"{param}.tool_calls[{number}]"
            function = call.get("function") if isinstance(call, Mapping) else None
            name = function.get("name") if isinstance(function, Mapping) else None
            if not isinstance(name, str) or not isinstance(function, Mapping):
                raise RowRefusedError("A tool call names a function.", where)
            if isinstance(call.get("id"), str):
                self._names[call["id"]] = name
            made: Part = {"name": name}
            arguments = pruned(_object(function.get("arguments"), f"{where}.function.arguments"))
            if arguments:
                made["args"] = arguments
            signature = {"thoughtSignature": SIGNATURE} if self._signed else {}
            parts.append({"functionCall": made, **signature})
        return parts

    def _result(self, message: Mapping[str, Any], param: str) -> Part:
        call_id, name = message.get("tool_call_id"), message.get("name")
        known = self._names.get(call_id) if isinstance(call_id, str) else None
        called = known or (name if isinstance(name, str) else None)
        if called is None:
            raise RowRefusedError(
                "A tool message answers a call of an assistant's message before it.",
                f"{param}.tool_call_id",
            )
        texts = [part.get("text", "") for part in _content_parts(message.get("content"), param)]
        # as text even if it is JSON: one path has one type in the whole file
        return {"functionResponse": {"name": called, "response": {"content": "".join(texts)}}}


def _object(arguments: Any, param: str) -> dict[str, Any]:
    try:
        parsed = json.loads(arguments or "{}")
    except (TypeError, ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise RowRefusedError("A call's arguments are a JSON object, written as a text.", param)
    return parsed


def _content_parts(content: Any, param: str) -> list[Part]:
    where = f"{param}.content"
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}] if content else []
    if not isinstance(content, list):
        raise RowRefusedError("`content` is a text, or an array of parts.", where)
    found = [_part(part, f"{where}[{number}]") for number, part in enumerate(content)]
    return [part for part in found if part is not None]


def _part(part: Any, param: str) -> Part | None:
    """``None`` for an empty text, which Gemini refuses."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return {"text": part["text"]} if part["text"] else None
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return {"text": part["refusal"]} if part["refusal"] else None
    if kind == "image_url":
        given = part.get("image_url")
        url = given.get("url") if isinstance(given, Mapping) else given
        return _image(url, f"{param}.image_url.url")
    if kind in {"input_audio", "file"}:
        message = f"Parts of type {kind!r} cannot be carried to Vertex AI yet."
        raise LineRefusedError(message, f"{param}.type")
    raise RowRefusedError(f"{kind!r} is no type of a part.", f"{param}.type")


def _image(url: Any, param: str) -> Part:
    if not isinstance(url, str):
        raise RowRefusedError("An image has a URL.", param)
    data = _DATA_URL.fullmatch(url)
    if data:
        return {"inlineData": {"mimeType": data[1], "data": data[2]}}
    if not url.startswith(("https://", "http://", "gs://")):
        raise RowRefusedError("An image's URL begins with https://, gs:// or data:.", param)
    kind = mimetypes.guess_type(url.partition("?")[0])[0]
    return {"fileData": {"mimeType": kind or "image/jpeg", "fileUri": url}}

"""Conversations: OpenAI's messages as Gemini's contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from batchyard_vertex.translation._losses import Notes, approximated, lost
from batchyard_vertex.translation._parts import RESOLUTION, Part, content_parts
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import pruned
from batchyard_vertex.translation._traits import Traits

__all__ = ["Conversation", "json_object", "signature_of"]

SIGNATURE = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator``: Gemini 3 wants a signature on calls it made before."""

_SPEAKERS = {"user": "user", "assistant": "model", "tool": "user", "function": "user"}
_SPEAKING = ("user", "assistant")
_ANSWERING = ("tool", "function")
_INSTRUCTING = ("system", "developer")
_PLAIN = frozenset({"role", "content"})
_RESOLUTIONS = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")


class Conversation:
    """Reads messages one by one into ``system`` parts and ``contents``.

    ``arguments`` are those of calls: the only values here whose shape is the
    user's; the contents are ``plain`` without any, and without results.
    ``resolution`` is what all pictures should have, for models that know of one
    for all only.
    """

    def __init__(self, messages: Any, traits: Traits, notes: Notes) -> None:
        if not isinstance(messages, list) or not messages:
            raise RowRefusedError("`messages` is an array of at least one message.", "messages")
        self.system: list[Part] = []
        self.contents: list[dict[str, Any]] = []
        self.arguments: list[tuple[dict[str, Any], str]] = []
        self.resolution: str | None = None
        self.plain = True
        self._traits = traits
        self._notes = notes
        self._calls: dict[str, tuple[int, str | None]] = {}
        self._results: list[tuple[int, Part]] = []
        self._beside: list[Part] = []
        self._kind = ""
        for number, message in enumerate(messages):
            self._read(message, number)
        self._complete()

    def _read(self, message: Any, number: int) -> None:
        if not isinstance(message, dict):
            raise RowRefusedError("A message is a JSON object.", f"messages[{number}]")
        role, content = message.get("role"), message.get("content")
        if role in _SPEAKING:
            if type(content) is str and len(message) == 2:
                # what most messages are
                self._add(role, [{"text": content}] if content else [])
                return
        elif role in _ANSWERING:
            self._result(message, f"messages[{number}]")
            return
        elif role not in _INSTRUCTING:
            known = "system, developer, user, assistant and tool"
            raise RowRefusedError(
                f"{role!r} is no role; roles are {known}.", f"messages[{number}].role"
            )
        param = f"messages[{number}]"
        if message.keys() - _PLAIN:
            self._others(message, param)
        parts = content_parts(content, f"{param}.content", self._notes)
        if role in _INSTRUCTING:
            self.system += parts
            return
        if role == "assistant":
            parts += self._spoken(message, param)
        self._settle(parts)
        self._add(role, parts)

    def _others(self, message: Mapping[str, Any], param: str) -> None:
        if message.get("name") is not None:
            reason = "Gemini's turns do not name who speaks."
            self._notes.append(lost(f"{param}.name", reason))
        if message.get("audio") is not None:
            raise LineRefusedError(
                "Vertex AI does not keep sounds that it made. Give the transcript as the content.",
                f"body.{param}.audio",
            )

    def _add(self, role: str, parts: list[Part]) -> None:
        """Join what one side says in a row; the results of one turn's calls stay by themselves."""
        if self._results:
            self._give_results()
        speaker = _SPEAKERS[role]
        if self._kind == speaker:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": speaker, "parts": parts})
            self._kind = speaker

    def _complete(self) -> None:
        if self._results:
            self._give_results()
        contents = self.contents
        if not contents and self.system:
            # there has to be something to answer
            contents.append({"role": "user", "parts": [self.system.pop()]})
        if not contents or contents[0]["role"] == "model":
            contents.insert(0, {"role": "user", "parts": []})
        for content in contents:
            content["parts"] = content["parts"] or [{"text": " "}]

    def _settle(self, parts: list[Part]) -> None:
        """Give every picture its resolution, where the model knows of one for each."""
        if self._traits.part_resolution:
            return
        for part in parts:
            wanted = part.pop(RESOLUTION, None)
            if wanted is None:
                continue
            level = wanted["level"]
            if self.resolution not in {None, level}:
                reason = "This model has one resolution for all pictures: the finest is taken."
                self._notes.append(approximated("messages[].content[].image_url.detail", reason))
                level = max(level, self.resolution or level, key=_RESOLUTIONS.index)
            self.resolution = level

    def _spoken(self, message: Mapping[str, Any], param: str) -> list[Part]:
        """What an assistant's message has beside its content."""
        parts: list[Part] = []
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            parts.append({"text": refusal})
        calls = message.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise RowRefusedError("`tool_calls` is an array.", f"{param}.tool_calls")
        legacy = message.get("function_call")
        if legacy is not None:
            parts.append(self._called(legacy, f"{param}.function_call", None, None))
        for number, call in enumerate(calls or ()):
            where = f"{param}.tool_calls[{number}]"
            if not isinstance(call, Mapping):
                raise RowRefusedError("A tool call names a function.", where)
            kind = call.get("type", "function")
            if kind != "function":
                message_ = f"Calls of type {kind!r} cannot be carried to Vertex AI."
                raise LineRefusedError(message_, f"body.{where}.type")
            function = call.get("function")
            parts.append(
                self._called(function, f"{where}.function", call.get("id"), signature_of(call))
            )
        return parts

    def _called(self, function: Any, where: str, call_id: Any, signature: str | None) -> Part:
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str) or not name:
            raise RowRefusedError("A tool call names a function.", where)
        if isinstance(call_id, str):
            self._calls[call_id] = (len(self._calls), name)
        made: Part = {"name": name}
        arguments = pruned(json_object(function.get("arguments"), f"{where}.arguments"))
        if arguments:
            made["args"] = arguments
            self.plain = False
            self.arguments.append((arguments, f"{where}.arguments"))
        part: Part = {"functionCall": made}
        if signature is not None or self._traits.signed:
            part["thoughtSignature"] = signature or SIGNATURE
        return part

    def _result(self, message: Mapping[str, Any], param: str) -> None:
        call_id, name = message.get("tool_call_id"), message.get("name")
        place, called = self._calls.get(call_id if isinstance(call_id, str) else "", (-1, None))
        called = called or (name if isinstance(name, str) and name else None)
        if called is None:
            raise RowRefusedError(
                "A tool message answers a call of an assistant's message before it.",
                f"{param}.tool_call_id",
            )
        parts = content_parts(message.get("content"), f"{param}.content", self._notes)
        text = "".join(part["text"] for part in parts if "text" in part)
        beside = [part for part in parts if "text" not in part]
        if beside:
            reason = "Pictures of a result stand beside it."
            self._notes.append(approximated(f"{param}.content[]", reason))
            self._settle(beside)
            self._beside += beside
        # as text even if it is JSON: one path has one type in the whole file
        response = {"name": called, "response": {"content": text}}
        self._results.append((place, {"functionResponse": response}))

    def _give_results(self) -> None:
        """All results of one turn's calls in one content, in the order of the calls."""
        self._results.sort(key=lambda result: result[0])
        parts = [part for _, part in self._results] + self._beside
        self.contents.append({"role": "user", "parts": parts})
        self._results, self._beside, self._kind = [], [], "results"
        self.plain = False


def json_object(arguments: Any, param: str) -> dict[str, Any]:
    """The arguments of a call, which OpenAI has written as a text."""
    try:
        parsed = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, TypeError, UnicodeError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise RowRefusedError("A call's arguments are a JSON object, written as a text.", param)
    return parsed


def signature_of(call: Mapping[str, Any]) -> str | None:
    """The thought's signature, where Google's own compatible endpoint has it too."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return signature if isinstance(signature, str) and signature else None

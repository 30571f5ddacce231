"""Gemini's answers as chat completions (Vertex AI API, GenerateContentResponse)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from batchyard_vertex.translation._citations import annotations_of
from batchyard_vertex.translation._usage import gemini_counts

__all__ = [
    "About",
    "Blocked",
    "Spoken",
    "blocked_in",
    "chat_completion",
    "created_at",
    "finish_of",
    "json_text",
    "logprobs_of",
    "mappings",
    "model_of",
    "spoken_in",
    "text_in",
    "unix_time",
]

Answer: TypeAlias = Mapping[str, Any]

_LENGTH = frozenset({"MAX_TOKENS", "CONTINUATION"})
_FILTERED = frozenset(
    {
        "BLOCKLIST",
        "IMAGE_OTHER",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_SAFETY",
        "LANGUAGE",
        "MODEL_ARMOR",
        "NO_IMAGE",
        "OTHER",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SAFETY",
        "SPII",
    }
)
_ORDINARY = frozenset({"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"})


class About(NamedTuple):
    """What the answer itself may not say: the row makes ids, ``model`` is what was asked for."""

    row: str
    processed: Any = None
    model: str = ""


class Spoken(NamedTuple):
    """What a candidate says, by kind.  ``signature`` is that of a text."""

    text: str
    thought: str
    calls: list[dict[str, Any]]
    images: list[str]
    audio: dict[str, Any] | None
    signature: str | None


class Blocked(NamedTuple):
    """Why a prompt was not answered at all, and what more is told of it."""

    reason: str
    told: str

    @property
    def message(self) -> str:
        return f"The prompt was blocked ({self.reason})." + (f" {self.told}" if self.told else "")


def blocked_in(answer: Answer) -> Blocked | None:
    feedback = answer.get("promptFeedback")
    if answer.get("candidates") or not isinstance(feedback, Mapping):
        return None
    reason = text_in(feedback, "blockReason")
    return Blocked(reason, text_in(feedback, "blockReasonMessage")) if reason else None


def chat_completion(answer: Answer, about: About) -> dict[str, Any]:
    """The body that OpenAI would have answered with."""
    counts = gemini_counts(answer.get("usageMetadata"))
    blocked = blocked_in(answer)
    return {
        "id": text_in(answer, "responseId") or f"chatcmpl-{about.row}",
        "object": "chat.completion",
        "created": created_at(answer, about),
        "model": model_of(answer, about),
        "choices": [
            _choice(one, number, about.row)
            for number, one in enumerate(mappings(answer.get("candidates")))
        ]
        or ([_withheld(blocked)] if blocked else []),
        "usage": counts and counts.of_chat(),
    }


def model_of(answer: Answer, about: About) -> str:
    """What the answer names, else what was asked for: some rows name no model."""
    return text_in(answer, "modelVersion").partition("@")[0] or about.model


def created_at(answer: Answer, about: About) -> int:
    return unix_time(answer.get("createTime"), about.processed)


def unix_time(*times: Any) -> int:
    """Seconds of the first that is a time; 0 if none is."""
    for time in times:
        try:
            return int(datetime.fromisoformat(time).timestamp())
        except (TypeError, ValueError, OverflowError):
            continue
    return 0


def _choice(candidate: Answer, position: int, row: str) -> dict[str, Any]:
    index = candidate.get("index")
    number = index if type(index) is int else position
    spoken = spoken_in(candidate, f"call_{row}_{number}")
    calls = spoken.calls
    message: dict[str, Any] = {
        "role": "assistant",
        "content": spoken.text or (None if calls else ""),
        "refusal": None,
    }
    if spoken.thought:
        message["reasoning_content"] = spoken.thought
    if calls:
        message["tool_calls"] = calls
    if spoken.images:
        message["images"] = [
            {"type": "image_url", "index": place, "image_url": {"url": url}}
            for place, url in enumerate(spoken.images)
        ]
    if spoken.audio:
        message["audio"] = {"id": f"audio_{row}_{number}", "expires_at": 0, **spoken.audio}
    if spoken.signature:
        message["extra_content"] = {"google": {"thought_signature": spoken.signature}}
    notes = annotations_of(candidate, spoken.text)
    if notes:
        message["annotations"] = notes
    choice: dict[str, Any] = {
        "index": number,
        "message": message,
        "logprobs": logprobs_of(candidate.get("logprobsResult")),
        "finish_reason": "tool_calls" if calls else finish_of(candidate),
    }
    _explain(candidate, choice)
    return choice


def _withheld(blocked: Blocked) -> dict[str, Any]:
    """The choice there would have been: without a content, so that nobody takes it for one."""
    return {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": None},
        "logprobs": None,
        "finish_reason": "content_filter",
        "native_finish_reason": blocked.reason,
        **({"finish_message": blocked.told} if blocked.told else {}),
    }


def _explain(candidate: Answer, choice: dict[str, Any]) -> None:
    """What OpenAI has no word for, to see why an answer is as it is."""
    reason = candidate.get("finishReason")
    if isinstance(reason, str) and reason not in _ORDINARY:
        choice["native_finish_reason"] = reason
        told = text_in(candidate, "finishMessage")
        if told:
            choice["finish_message"] = told


def spoken_in(candidate: Answer, prefix: str) -> Spoken:
    """*prefix* makes ids of calls where Gemini gives none."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    images: list[str] = []
    audio, signature = None, None
    for place, part in enumerate(parts if isinstance(parts, list) else ()):
        if not isinstance(part, dict):
            continue
        text = part.get("text")
        if isinstance(text, str):
            (thoughts if part.get("thought") is True else texts).append(text)
            signature = part.get("thoughtSignature") or signature
        elif isinstance(part.get("functionCall"), dict):
            calls.append(_call(part, f"{prefix}_{place}"))
        elif isinstance(part.get("inlineData"), dict) and part.get("thought") is not True:
            kind, data = (text_in(part["inlineData"], name) for name in ("mimeType", "data"))
            if kind.startswith("audio/"):
                audio = {"data": data, "transcript": "", "format": kind}
            elif data:
                images.append(f"data:{kind};base64,{data}")
    signed = signature if isinstance(signature, str) else None
    return Spoken("".join(texts), "".join(thoughts), calls, images, audio, signed)


def _call(part: Answer, identity: str) -> dict[str, Any]:
    call = part["functionCall"]
    arguments = call.get("args")
    function = {
        "name": text_in(call, "name"),
        "arguments": json_text(arguments) if isinstance(arguments, dict) else "{}",
    }
    made = {"id": text_in(call, "id") or identity, "type": "function", "function": function}
    signature = part.get("thoughtSignature")
    if isinstance(signature, str) and signature:
        made["extra_content"] = {"google": {"thought_signature": signature}}
    return made


def json_text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, RecursionError, msgspec.MsgspecError):
        # half a surrogate pair can only be written as an escape
        return json.dumps(value)


def finish_of(candidate: Answer) -> str:
    finish = candidate.get("finishReason")
    if finish == "STOP" or not isinstance(finish, str):
        return "stop"
    if finish in _LENGTH:
        return "length"
    return "content_filter" if finish in _FILTERED else "stop"


def logprobs_of(result: Any) -> dict[str, Any] | None:
    if not isinstance(result, dict):
        return None
    tops = mappings(result.get("topCandidates"))
    content = []
    for place, chosen in enumerate(mappings(result.get("chosenCandidates"))):
        others = mappings(tops[place].get("candidates")) if place < len(tops) else []
        content.append(_token(chosen) | {"top_logprobs": [_token(one) for one in others]})
    return {"content": content, "refusal": None}


def _token(candidate: Answer) -> dict[str, Any]:
    token, probability = text_in(candidate, "token"), candidate.get("logProbability")
    number = probability if isinstance(probability, int | float) else 0.0
    # half a surrogate pair has no bytes, and is no reason to lose the line
    data = token.encode(errors="replace")
    return {"token": token, "logprob": number, "bytes": list(data)}


def text_in(value: Answer, name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""


def mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
